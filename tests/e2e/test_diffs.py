"""diff and merge: of two versions of a program, of two interpreters, of many runs."""
import collections
import os
import signal

from capture import capture, check_error, memprobe, parse
from harness import TARGETS, check, check_all, check_equal, check_near, test
from test_allocs import follows_allocs
from test_ends import end_command, wait_for_flush, waiting_command
from tree import ancestors, describe, linked

MB = 1 << 20
TARGET = "grows_by_version.py"


def rows_of(context, *words):
    report = parse(memprobe(context, *words, "--format=json").output)
    return report, [node for process in report["processes"] for node in linked(process["tree"])]


def functions(nodes):
    return {node["function"]: node for node in nodes if node["kind"] == "python"}


def second_version(context):
    """The program with 40 lines above everything, one function less and another more."""
    path = os.path.join(context.directory, "later", TARGET)
    os.makedirs(os.path.dirname(path))
    with open(context.target(TARGET)[-1]) as source, open(path, "w") as later:
        later.write("# a line more\n" * 40 + source.read().replace("gone", "fresh"))
    return path


@test(interpreters="few", needs_gil=True)
def diff_of_versions(context):
    """Lines above everything and another folder move nothing; what differs is named for what it is."""
    command = context.target(TARGET)
    before = capture(context, command + ["10"])
    later = second_version(context)
    after = capture(context, command[:-1] + [later, "14"])
    _, nodes = rows_of(context, "diff", before.dump, after.dump)
    rows = functions(nodes)
    for name, growth, change in (("grow", 4, "grown"), ("fresh", 3, "new"), ("gone", -3, "gone")):
        check_near("growth of " + name, rows[name]["total"]["growth"], growth * MB, MB / 8)
        check_equal("change of " + name, rows[name]["change"], change)
    check("stay" not in rows or abs(rows["stay"]["total"]["growth"]) < MB,
          "stay differs: %r" % rows.get("stay"))
    text = memprobe(context, "diff", before.dump, after.dump).output
    check("fresh" in text and "  new\n" in text, "no new row: %r" % text[:600])


@test(interpreters="few")
def diff_of_itself(context):
    taken = capture(context, context.target(TARGET) + ["10"])
    report, nodes = rows_of(context, "diff", taken.dump, taken.dump)
    check_equal("rows", [describe(node) for node in nodes], [])
    for process in report["processes"]:
        check_equal("growth", process["balance"]["growth"], 0)


@test(interpreters="one")
def dumps_of_other_blocks(context):
    """What only one of two captures has followed looks allocated there alone: told, of both kinds."""
    follows_allocs(context)
    command = context.target(TARGET) + ["10"]
    large = capture(context, command, "--allocs=4096").dump
    every = capture(context, command, "--allocs").dump
    note = "has followed blocks from 0 bytes on, the other from 4096: "
    check(note in memprobe(context, "diff", "--metric=allocated", large, every).errors,
          "diff does not tell")
    check(note in memprobe(context, "merge", "-o", context.path("both"), large, every).errors,
          "merge does not tell")
    check_equal("diff of one kind", memprobe(context, "diff", every, every).errors, "")


@test(interpreters="few")
def merge_of_runs(context):
    """Of one dump three times every sum is three times its own; an output is not overwritten."""
    taken = capture(context, context.target(TARGET) + ["10"])
    out = os.path.join(context.directory, "all.raw")
    merged = memprobe(context, "merge", "-o", out, taken.dump, taken.dump, taken.dump)
    check_equal("status of merge", merged.status, 0)
    once, _ = rows_of(context, "post", taken.dump)
    thrice, _ = rows_of(context, "post", out)
    for field in ("grown", "released", "live", "peak"):
        sums = [sum(node["self"][field] or 0 for process in report["processes"]
                    for node in linked(process["tree"])) for report in (once, thrice)]
        check_equal("sum of " + field, sums[1], 3 * sums[0])
    check_error(memprobe(context, "merge", "-o", out, taken.dump), 1,
                "cannot write '.*all.raw': it exists", "-f replaces it")
    memprobe(context, "merge", "-f", "-o", out, taken.dump)
    check_error(memprobe(context, "merge", taken.dump), 2, "-o OUT is missing")
    check_error(memprobe(context, "diff", taken.dump), 2, "AFTER is missing")


def processes_of(context, *words):
    return parse(memprobe(context, *words, "--format=json").output)["processes"]


def check_parts(context, *dumps):
    """Each process of a merge is what it is in its own dump, whatever is asked for."""
    merged = context.path("parts")
    check_equal("status", memprobe(context, "merge", "-f", "-o", merged, *dumps).status, 0)
    for words in ((), ("--import-frames",), ("--by=module",), ("--by=package",), ("--imports",),
                  ("--metric=live", "--invert")):
        own = [process for dump in dumps
               for process in processes_of(context, "post", dump, *words)]
        both = processes_of(context, "post", merged, *words)
        check_equal("processes", len(both), len(own))
        check_all(["%r of %s differs with %s: %.200r is not %.200r" % (
                       field, process["command"], words, process[field], wanted[field])
                   for process, wanted in zip(both, own) for field in wanted
                   if process[field] != wanted[field]])
    return merged


def write_program(context, name, lines):
    """A program of a folder of its own: two of them have the same files, but for the lines above."""
    folder = os.path.join(context.directory, name)
    os.makedirs(os.path.join(folder, "app"))
    with open(os.path.join(folder, "app", "utils.py"), "w") as module:
        module.write("# a line\n" * lines + "kept = []\ndef helper(size):\n"
                     "    kept.append(bytearray(b'x') * size)\n")
    with open(os.path.join(folder, "main.py"), "w") as program:
        program.write("import app.utils\n" + "# a line\n" * lines +
                      "def load():\n    app.utils.helper(%d << 20)\nload()\n" % (10 + lines))
    return os.path.join(folder, "main.py")


@test(interpreters="few")
def merge_of_programs(context):
    """What of a difference would be two versions of one file are two files of a merge."""
    runs = [capture(context, context.python.command + [write_program(context, name, lines)])
            for name, lines in (("one", 0), ("two", 3))]
    dumps = [run.dump for run in runs]
    check_parts(context, *dumps)
    merged = check_parts(context, *reversed(dumps))
    for process in processes_of(context, "post", merged):
        strange = "/one/" if "/two/" in process["command"] else "/two/"
        check_equal("files of another program", [node["file"] for node in linked(process["tree"])
                                                 if strange in (node["file"] or "")], [])


@test(interpreters="one")
def merge_of_running(context):
    """Each process has the end of its own capture, and a capture without calls stays one."""
    target = context.start(context.python.command + ["-c", "import time; time.sleep(60)"])
    dumps = [context.path("short"), context.path("long")]
    for dump, options in zip(dumps, (("1", "--calls=off"), ("2",))):
        check_equal("status", memprobe(context, "-q", "-p", target.pid, "-o", dump,
                                       "--duration=" + options[0], *options[1:]).status, 0)
    for order in (dumps, dumps[::-1]):
        merged = check_parts(context, *order)
        twice = context.path("twice")
        memprobe(context, "merge", "-f", "-o", twice, merged, dumps[0])
        ends = [process["end"] for process in processes_of(context, "post", twice)]
        wanted = [process["end"] for dump in (*order, dumps[0])
                  for process in processes_of(context, "post", dump)]
        check_equal("ends in a merge of a merge", ends, wanted)
    target.kill()


@test(interpreters="one")
def merge_of_incomplete(context):
    """What is incomplete makes no complete dump, alone or with others."""
    whole = capture(context, context.target(TARGET) + ["10"]).dump
    process, command, killed = waiting_command(context)
    wait_for_flush(context, killed)
    os.kill(process.pid, signal.SIGKILL)
    context.finish(process)
    end_command(command)
    out = context.path("merged")
    for dumps in ((killed,), (killed, whole), (whole, killed)):
        merged = memprobe(context, "merge", "-f", "-o", out, *dumps)
        check_equal("status", merged.status, 0)
        check("is incomplete" in merged.errors, "merge does not tell: %r" % merged.errors)
        shown = memprobe(context, "post", "--format=json", out)
        check_equal("complete", parse(shown.output)["meta"]["complete"], False)
        check("is incomplete" in shown.errors, "post does not tell: %r" % shown.errors)
        check_equal("processes", len(parse(shown.output)["processes"]),
                    sum(len(processes_of(context, "post", dump)) for dump in dumps))


def amounts_of(report):
    """What each path has by itself, all processes together."""
    amounts = collections.Counter()
    for process in report["processes"]:
        for node in linked(process["tree"]):
            path = [node] + list(ancestors(node))
            for figure in ("growth", "grown", "released", "anon", "file"):
                amounts[figure, tuple((row["kind"], row["function"]) for row in path)] += (
                    node["self"][figure])
    return amounts


@test(interpreters="one")
def laws_of_recorded_runs(context):
    """a + diff(a, b) = b and merge(a, a) = 2 a, path by path, of a program with children; another name
    of the script changes no path, and each child has its counterpart."""
    first = capture(context, context.target("children.py"))
    later = os.path.join(context.directory, "later", "other_children.py")
    os.makedirs(os.path.dirname(later))
    with open(context.target("children.py")[-1]) as source, open(later, "w") as file:
        file.write("import sys; sys.path.insert(0, %r)\n" % TARGETS + source.read())
    second = capture(context, context.python.command + [later])
    twice = os.path.join(context.directory, "twice.raw")
    check_equal("status of merge",
                memprobe(context, "merge", "-o", twice, first.dump, first.dump).status, 0)
    a, b, more, sum_of_both = (
        rows_of(context, *words, "--import-frames")[0]
        for words in (["post", first.dump], ["post", second.dump],
                      ["diff", first.dump, second.dump], ["post", twice]))
    before, after, difference = amounts_of(a), amounts_of(b), amounts_of(more)
    paths = set(before) | set(after) | set(difference)
    check_all(["%r: %d + %d is not %d" % (path, before[path], difference[path], after[path])
               for path in paths if before[path] + difference[path] != after[path]])
    both = amounts_of(sum_of_both)
    check_all(["%r: %d is not twice %d" % (path, both[path], before[path])
               for path in set(both) | set(before) if both[path] != 2 * before[path]])
    check_equal("processes", len(more["processes"]), max(len(a["processes"]), len(b["processes"])))
