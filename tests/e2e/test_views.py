"""Filters: what they leave in the report, and that what they leave out is one row."""
import re

from capture import CANNOT, HINT, capture, check_error, memprobe, read_report
from harness import MB, TARGETS, check, check_equal, check_near, size_of, test, tolerance
from tree import ancestors, check_invariants, depth_of


def sums(process):
    """All figures of all rows together."""
    return {name: sum(node["self"][name] or 0 for node in process.nodes)
            for name in ("growth", "grown", "released", "live", "peak", "mapped")}


def viewed(context, dump, whole, *options):
    """The report with these options: its books balance, and all rows together are what they were."""
    report = read_report(context, dump, *options)
    check_invariants(report)
    check_equal("sums with %r" % (options,), [sums(process) for process in report.processes],
                [sums(process) for process in whole.processes])
    check_equal("processes with more than one root [cut]",
                [process["pid"] for process in report.processes
                 if sum(node["kind"] == "cut" for node in process["tree"]) > 1], [])
    return report


def path_of(node):
    return tuple([row["function"] or row["kind"] for row in [node] + list(ancestors(node))])


def selves(process, wanted=lambda node: True):
    return sorted((path_of(node), node["self"]["growth"]) for node in process.nodes
                  if node["self"]["growth"] and node["kind"] != "cut" and wanted(node))


@test(interpreters="few")
def filters_of_paths(context):
    """--focus keeps what is below, --ignore drops it; rows have what they had by themselves."""
    taken = capture(context, context.target("children.py"))

    def has(node, name):
        return any(name in (row["function"] or "") for row in [node] + list(ancestors(node)))

    for options, wanted in (
            (["--focus=fork_child$"], lambda node: has(node, "fork_child")),
            (["--ignore=fork_child"], lambda node: not has(node, "fork_child")),
            (["--focus=make_[a-z]", "--ignore=fork_child_grows"],
             lambda node: has(node, "make_") and not has(node, "fork_child_grows"))):
        report = viewed(context, taken.dump, taken.report, *options)
        for process, whole in zip(report.processes, taken.report.processes):
            if whole["python"]:
                check_equal("rows with %r" % options, selves(process), selves(whole, wanted))
    report = viewed(context, taken.dump, taken.report, "--focus=/tests/targets/children.py")
    check(any(process.named("parent_grows") for process in report.processes), "no file is found")
    report = viewed(context, taken.dump, taken.report, "--focus=nothing has this name")
    check_equal("kinds of rows", {node["kind"] for process in report.processes
                                  for node in process.nodes} - {"inherited"}, {"cut"})


@test(interpreters="one")
def filters_of_kinds(context):
    """--kind leaves one kind of memory in the rows."""
    taken = capture(context, context.target("children.py"))
    for kind in ("anon", "file", "shmem"):
        report = viewed(context, taken.dump, taken.report, "--kind=" + kind)
        for process, whole in zip(report.processes, taken.report.processes):
            rows = [node for node in process.nodes if node["kind"] != "cut"]
            check_equal("growth of the rows", process.own("growth", rows), whole.own(kind, whole.nodes))
    report = viewed(context, taken.dump, taken.report, "--kind=anon,file,shmem")
    check_equal("rows of all kinds", selves(report.processes[0]), selves(taken.report.processes[0]))


@test(interpreters="one")
def levels_and_callers(context):
    """--depth keeps totals; --invert puts callers below, with what each function has in all."""
    taken = capture(context, context.target("children.py"))
    report = viewed(context, taken.dump, taken.report, "--depth=3")
    for process, whole in zip(report.processes, taken.report.processes):
        check_equal("totals of rows", sorted((path_of(node), node["total"]["growth"])
                                             for node in process.nodes if node["kind"] != "cut"),
                    sorted((path_of(node), node["total"]["growth"]) for node in whole.nodes
                           if depth_of(node) < 3))
    report = viewed(context, taken.dump, taken.report, "--invert")
    for process, whole in zip(report.processes, taken.report.processes):
        for root in process["tree"]:
            same = [node for node in whole.nodes if all(
                node[name] == root[name] for name in ("kind", "function", "file", "line", "thread"))]
            check_equal("total of " + root["label"], root["total"]["growth"],
                        sum(node["self"]["growth"] for node in same))
    grows = [node for process in report.processes for node in process["tree"]
             if node["function"] == "parent_grows"]
    check_equal("who called parent_grows",
                [node["function"].rsplit(".", 1)[-1] for node in grows[0]["children"]], ["measure"])


IMPORTED = """
import mmap
kept = mmap.mmap(-1, {size})
for offset in range(0, {size}, 4096):
    kept[offset] = 1
"""
IMPORTING = IMPORTED + """
def below():
    import inner{number}
below()
"""


@test(interpreters="few")
def imports(context):
    """Each import with what it took itself, and with what it imports in turn, also in a function. Compiling takes some more."""
    sizes = {"outer1": size_of(4), "inner1": size_of(8), "outer2": size_of(2), "inner2": size_of(6)}
    for number in (1, 2):
        context.write("inner%d.py" % number, IMPORTED.format(size=sizes["inner%d" % number]))
        context.write("outer%d.py" % number, IMPORTING.format(size=sizes["outer%d" % number],
                                                              number=number))
    script = context.write("main.py", "import outer1\ndef late():\n    import outer2\nlate()\n"
                           + IMPORTED.format(size=size_of(3)))
    taken = capture(context, context.python.command + [script])
    report = viewed(context, taken.dump, taken.report, "--imports")
    process = report.python()
    check_equal("kinds of rows", {node["kind"] for node in process.nodes}, {"python", "cut"})
    for name, size in sizes.items():
        rows = process.named(name)
        check_equal("rows of " + name, len(rows), 1)
        check_near("self of " + name, rows[0]["self"]["growth"], size, size_of(1))
        if name.startswith("inner"):
            check_equal("who imports " + name, rows[0]["_parent"]["function"], "outer" + name[-1])
            check_near("total of its importer", rows[0]["_parent"]["total"]["growth"],
                       size + sizes["outer" + name[-1]], size_of(1))
    check(process.own("grown", process.of_kind("cut")) >= size_of(3), "the program's own is not there")


@test(interpreters="one")
def roll_ups(context):
    """--by puts rows together that are one package, module, file or line."""
    taken = capture(context, context.target("children.py"), "--lines")
    whole = {}
    for process in taken.report.processes:
        for node in process.nodes:
            whole[node["file"]] = whole.get(node["file"], 0) + node["self"]["growth"]
    report = viewed(context, taken.dump, taken.report, "--by=file")
    for file in filter(None, whole):
        check_equal("growth of " + file, sum(
            node["self"]["growth"] for process in report.processes for node in process.nodes
            if node["file"] == file), whole[file])
    for by, name in (("package", TARGETS), ("package", "standard library"), ("module", "children"),
                     ("module", "threading")):
        report = viewed(context, taken.dump, taken.report, "--by=" + by)
        check(any(process.named(name) for process in report.processes), "no %s %s" % (by, name))
    report = viewed(context, taken.dump, taken.report, "--by=line")
    lines = {(node["file"], node["line"]) for process in report.processes for node in process.nodes
             if node["kind"] == "python"}
    check_equal("lines", lines, {(node["file"], node["at"]) for process in taken.report.processes
                                 for node in process.nodes if node["kind"] == "python"})
    for name in ("tree", "table", "csv", "collapsed", "speedscope", "pprof"):
        result = memprobe(context, "post", "--by=module", "--format=" + name, "--out=" + name, taken.dump)
        check_equal("status of %s: %s" % (name, result.errors), result.status, 0)
    plain = capture(context, ["/bin/true"])
    check_error(memprobe(context, "post", "--by=module", "--imports", plain.dump), 1, CANNOT)


@test(interpreters="all")
def tasks(context):
    """--by=task: each has what its coroutines took, awaited ones and what they call included; by path all are below the loop."""
    taken = capture(context, context.target("tasks.py"))
    report = viewed(context, taken.dump, taken.report, "--by=task")
    roots = {}
    for node in report.of_pid(taken.truth["pid"])[-1].entry["tree"]:
        if node["label"].startswith("task "):
            roots[node["function"].rsplit(".", 1)[-1]] = node["total"]["growth"]
    for name, size in taken.truth["tasks"].items():
        check_near("task " + name, roots.get(name), size, tolerance(size))
    check("inner" not in roots, "what tasks await is a task: %s" % sorted(roots))
    inner, = [node for node in report.of_pid(taken.truth["pid"])[-1].named("items", "inner")]
    check_equal("who awaits inner", inner["_parent"]["_parent"], None)
    check_error(memprobe(context, "post", "--by=task", "--imports", taken.dump), 1, CANNOT)


@test(interpreters="all")
def tasks_cancelled(context):
    """Who awaits stands below what cleans up from 3.10 on. In 3.9 the stack ends within the task, and
    then nobody is said to be it; before, the last that waits is the outermost there."""
    taken = capture(context, context.target("tasks_cancelled.py"))
    report = viewed(context, taken.dump, taken.report, "--by=task")
    tree = report.of_pid(taken.truth["pid"])[-1].entry["tree"]
    roots = {(node["label"].startswith("task "), node["function"]): node["total"]["growth"]
             for node in tree if (node["file"] or "").endswith("tasks_cancelled.py")}
    of_old = {(3, 8): (True, "query"), (3, 9): (False, "handle")}
    expected = of_old.get(max(context.python.minor, (3, 8)), (True, "serve"))
    check_near("%s, %s" % expected, roots.get(expected, 0), taken.truth["taken"],
               tolerance(taken.truth["taken"]))
    wrong = set(roots) - {expected, (True, "main"), (True, "serve")}
    check(not any(is_task for is_task, _ in wrong), "tasks: %s" % sorted(wrong))


@test(interpreters="one")
def tasks_that_are_none(context):
    taken = capture(context, context.target("recursion.py"), "--calls=off")
    check_error(memprobe(context, "post", "--by=task", taken.dump), 1,
                r"cannot show '--by=task': no coroutine was seen", HINT)


@test(interpreters="one")
def lines_that_were_not_followed(context):
    taken = capture(context, context.target("known_sizes.py"))
    check_error(memprobe(context, "post", "--by=line", taken.dump), 1,
                r"cannot show '--by=line': lines were not followed", r"^  hint: .*--lines")


@test(needs="nothing")
def filters_that_are_none(context):
    """What cannot be read of a filter is refused before the dump is looked for."""
    for option, what in (("--focus=(", r"cannot parse '--focus': '\(' is no regular expression"),
                         ("--kind=anon,heap", r"cannot parse '--kind': 'heap' is not one of"),
                         ("--depth=0", r"cannot parse '--depth': '0' is not between 1")):
        check_error(memprobe(context, "post", option, "no-such-dump"), 2, what)


def root_rows(context, dump, *options):
    """MB of the rows of the first level, of one process; a blank line ends them."""
    text = memprobe(context, "post", "--min=-100000", *options, dump).output
    return [float(row) for row in re.findall(r"^\S.*?   +(-?\d+\.\d\d) MB", text.split("\n\n")[0], re.M)]


@test(interpreters="one")
def folds_keep_sums(context):
    """What recursion, runners and imports are folded into has as much as every frame by itself."""
    for name in ("recursion.py", "imports.py"):
        taken = capture(context, context.target(name))
        folded, full = (root_rows(context, taken.dump, *options) for options in ((), ("--full",)))
        check(folded and full, "no rows of %s" % name)
        check_near("MB of " + name, sum(folded), sum(full), 0.005 * (len(folded) + len(full)))
        check_near("growth of " + name, sum(full),
                   taken.process()["balance"]["growth"] / MB, 0.005 * (len(full) + 1))
