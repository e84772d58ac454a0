"""JSON lines say what JSON says, without its nesting; and what hostile names make of both."""
import json
import re

from capture import capture, memprobe, read_report
from harness import check, check_all, check_equal, test
from tree import check_invariants

DEEP = """
import sys
sys.setrecursionlimit(5000)
KEPT = []
def descend(depth):
    if depth:
        return descend(depth - 1)
    KEPT.append(bytearray(4 << 20))
descend(int(sys.argv[1]))
"""

# Names of 4,000 control characters, each six bytes in JSON, on every frame of the path.
LONG_NAMES = """
import sys
sys.setrecursionlimit(5000)
KEPT = []
def descend(depth):
    KEPT.append(bytearray(8192))
    if depth:
        function(depth - 1)
code = descend.__code__
parts = {"co_name": "\\x01" * 4000, "co_filename": "/" + "\\x02" * 4000}
if hasattr(code, "co_qualname"):
    parts["co_qualname"] = parts["co_name"]
function = type(descend)(code.replace(**parts), globals())
function(200)
"""
NAME_BYTES = 1024
NAMES = ("function", "file", "class", "pathname", "label", "thread")


def lines_of(context, dump, *options):
    result = memprobe(context, "post", "--format=jsonl", *options, dump)
    check_equal("status of post", result.status, 0)
    check(result.output.endswith("\n"), "the last line does not end")
    return [json.loads(line) for line in result.output.splitlines()], result


def rebuilt(lines):
    """The one document, out of lines; parents must be there before their children."""
    meta, processes, nodes = dict(lines[0]), [], {}
    check_equal("the first line", meta.pop("type"), "meta")
    report = {name: meta.pop(name) for name in ("format", "version")}
    for line in map(dict, lines[1:]):
        kind = line.pop("type")
        if kind == "process":
            processes.append(dict(line, tree=[]))
            continue
        check_equal("type", kind, "node")
        process, identity, parent = line.pop("process"), line.pop("id"), line.pop("parent")
        check((process, identity) not in nodes, "two nodes %d" % identity)
        line["children"] = []
        nodes[process, identity] = line
        check(parent is None or (process, parent) in nodes,
              "the parent of node %d does not come before it" % identity)
        into = processes[process]["tree"] if parent is None else nodes[process, parent]["children"]
        into.append(line)
    return dict(report, meta=meta, processes=processes)


def without_parents(report):
    for process in report.processes:
        for node in process.nodes:
            node.pop("_parent", None)
    return report.data


@test(interpreters="few")
def json_lines(context):
    """The lines put together are the JSON, with every option that acts on both."""
    taken = capture(context, context.target("children.py"))
    for options in ((), ("--min=1",), ("--sort=total",),
                    ("--pid=%d" % taken.truth["children"]["fork"],)):
        lines, _ = lines_of(context, taken.dump, *options)
        wanted = without_parents(read_report(context, taken.dump, *options))
        check_equal("the lines with %r" % (options,), rebuilt(lines) == wanted, True)


@test(interpreters="one")
def json_nests_deep(context):
    """More than 200 levels are told, with the format that has none; fewer are not."""
    script = context.write("deep.py", DEEP)
    for depth, is_told in ((30, False), (600, True)):
        taken = capture(context, context.python.command + [script, str(depth)])
        check_invariants(taken.report)
        result = memprobe(context, "post", "--format=json", taken.dump)
        check_equal("status", result.status, 0)
        check_equal("a hint at %d: %r" % (depth, result.errors),
                    bool(re.search(r"nests \d+ deep.*\n  hint: .*--format=jsonl", result.errors)),
                    is_told)
        lines, result = lines_of(context, taken.dump)
        check_equal("what jsonl says", result.errors, "")
        depths = [len([line for line in lines if line.get("function") == "descend"])]
        check_equal("rows of descend", depths, [depth + 1])


@test(interpreters=("system-3.11", "pyenv-3.8", "pyenv-3.13"))
def json_of_long_names(context):
    """Names of 4,000 characters do not make gigabytes: cut, marked, and said."""
    taken = capture(context, context.python.command + [context.write("long.py", LONG_NAMES)])
    lines, result = lines_of(context, taken.dump)
    check(re.search(r"\d+ names were cut at %d bytes" % NAME_BYTES, result.errors),
          "nothing says that names are cut: %r" % result.errors)
    wrong, cut = [], 0
    for line, text in zip(lines, result.output.splitlines()):
        for name in NAMES:
            value = line.get(name) or ""
            size = len(json.dumps(value)) - 2
            if value.endswith("…"):
                cut += 1
                size -= len(json.dumps("…")) - 2
            if size > NAME_BYTES:
                wrong.append("%s of %d bytes" % (name, size))
        if line["type"] == "node" and len(text) > 8 * NAME_BYTES:
            wrong.append("a line of %d bytes" % len(text))
    check_all(wrong)
    check(cut >= 3 * 200, "%d names are cut" % cut)
