"""What is kept in tables: code objects that share a name, tables that fill, and what empties them."""
import os
import re
import subprocess

from capture import Attached, capture, memprobe, parse, read_report
from harness import CACHE, MB, Skip, TARGETS, check, check_equal, test
from interpreters import by_name, find_interpreters
from tree import check_invariants


def grown_by_line(nodes):
    """{line: MB} of what the rows themselves grew by 1 MB or more."""
    found = {}
    for node in nodes:
        found[node["at"]] = found.get(node["at"], 0) + node["self"]["growth"]
    return {line: round(grown / MB) for line, grown in found.items() if grown >= MB}


@test(interpreters="few")
def lines_of_exec(context):
    """Texts of one file name are told apart by their lines, in the tree and in the table."""
    taken = capture(context, context.target("lines_of_exec.py"), "--lines")
    check_invariants(taken.report)
    rows = [node for node in taken.process().nodes if node["file"] == "<generated>"]
    check_equal("MB by line", grown_by_line(rows), {5: 16, 1: 8, 3: 4})
    tree = memprobe(context, "post", taken.dump).output
    table = memprobe(context, "post", "--format=table", taken.dump).output
    for line, grown in ((5, 16), (1, 8), (3, 4)):
        for text, row in ((tree, r"<generated>:\d+:<module>:%d  +%d\.\d\d MB" % (line, grown)),
                          (table, r"^ +%d\.\d\d .* %d  *$" % (grown, line))):
            check(re.search(row, text, re.M), "no row '%s' in\n%s" % (row, text))


@test(interpreters="few")
def code_of_exec_is_one_row(context):
    """Without --lines the texts of one file name and first line are one row."""
    process = capture(context, context.target("lines_of_exec.py")).process()
    rows = [node for node in process.nodes if node["file"] == "<generated>"]
    grown = sorted(round(node["self"]["growth"] / MB) for node in rows)
    # A module's first line is that of its first statement up to 3.8, and 1 from then on.
    check_equal("MB of the rows", (grown, len({node["line"] for node in rows})),
                ([12, 16] if context.python.minor < (3, 9) else [28], len(rows)))


@test()
def lines_of_versions(context):
    """One file run by two versions of Python has the lines of each."""
    found = find_interpreters()
    pythons = [by_name(found, name) for name in ("system-3.11", "pyenv-3.9")]
    for python in pythons:
        if not hasattr(python, "command"):
            raise Skip(python.reason)
    context.python = pythons[0]
    target = context.target("lines_of_versions.py")[-1]
    # An interpreter that nothing was known of before may be found late, and what it took meanwhile is lost.
    script = "; ".join("%s %s" % (" ".join(python.command), words) for words in ("-c pass", target)
                       for python in pythons)
    taken = capture(context, ["/bin/sh", "-c", script], "--lines")
    for python in pythons:
        process, = [one for one in taken.report.processes
                    if one["python"] == python.version and one["end_reason"] == "exit"
                    and target in one["command"]]
        rows = [node for node in process.nodes if node["function"] == "grow"]
        check_equal("MB by line of " + python.name, grown_by_line(rows), {9: 16})


def budget_of(context, first):
    """Attaches to a thread that has spent much, of which others that only call know nothing."""
    process = context.start(context.target("budget_threads.py", first), stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
    check_equal("the target says", process.stdout.readline(), b"ready\n")
    attached = Attached(context, process.pid)
    process.stdin.write(b"go\n")
    process.stdin.close()
    context.finish(process)
    calls = attached.end(None).python(process.pid)["calls"]
    check("budget" in calls["reason"], "after the %s, counting ended because: %s" % (
        first, calls["reason"]))


@test(interpreters="one")
def budget_of_threads(context):
    """--calls=auto stops, whichever thread is looked at first."""
    budget_of(context, "main")
    budget_of(context, "threads")


@test(interpreters="one")
def thread_names(context):
    """Threads that name themselves by number are few rows, and a pool keeps its names."""
    taken = capture(context, context.target("thread_names.py", 3000))
    check_invariants(taken.report)
    rows = taken.process().of_kind("native")
    names = [node["thread"] for node in rows]
    pool = ["polars-%d" % number for number in range(8)]
    check_equal("rows of the pool", [name for name in names if name in pool], pool)
    check("Thread-N (work" in names, "no pattern among %s" % names)
    check(len(rows) <= 129, "%d rows of native threads" % len(rows))


@test(interpreters="few")
def many_functions(context):
    """Functions without end fill the tables; what is no Python has a row all the same."""
    for option, reason in (("--max-sites=200", "site table full"),
                           ("--max-nodes=400", "node table full")):
        taken = capture(context, context.target("many_functions.py", 1000), option, "--calls=off")
        check_invariants(taken.report, with_losses=True)
        process = taken.process()
        losses = [loss["reason"] for loss in process["losses"]]
        check(reason in losses, "losses with %s are %s" % (option, losses))
        check_equal("rows of [shutdown]", len(process.of_kind("shutdown")), 1)
        grown = sum(node["self"]["growth"] for node in process.of_kind("native"))
        check_equal("MB of a native thread", round(grown / MB), 4)
        check_equal("rows of [lost]", process.of_kind("lost"), [])


@test(interpreters="few")
def calls_without_room(context):
    """Calls of paths that found no room make bounds of all, say so, and the hint brings them their rows."""
    target = context.target("many_functions.py", 1000)
    whole = capture(context, target, "--calls=exact")
    if whole.process()["calls"]["method"] == "none":
        raise Skip("no calls are counted in this version")
    check_equal("complete with room", whole.process()["calls"]["complete"], True)
    check_invariants(whole.report)
    for option in ("--max-sites=400", "--max-nodes=400"):
        taken = capture(context, target, option, "--calls=exact")
        merged = context.path("merged")
        memprobe(context, "merge", "-f", "-o", merged, taken.dump, whole.dump)
        for report in (taken.report, read_report(context, merged)):
            process = next(one for one in report.processes if not one["calls"]["complete"])
            check("--max-nodes and --max-sites" in process["calls"]["reason"],
                  "reason with %s: %s" % (option, process["calls"]["reason"]))
            check_equal("rows that are exact", [node for node in process.nodes if node["calls_exact"]], [])
            lost = {loss["reason"]: loss["events"] for loss in process["losses"]}
            deeper = sum(node["calls"] or 0 for node in process.of_kind("deeper"))
            check_equal("calls on [deeper]", lost["call on a [deeper] row: no room for its path"], deeper)
        tree = memprobe(context, "post", "--metric=calls", taken.dump).output
        check(re.search("^Calls: ≥, paths found no room: raise --max-nodes", tree, re.M), tree)
        difference = parse(memprobe(context, "diff", "--format=json", taken.dump, whole.dump).output)
        check_equal("exact of a difference", difference["processes"][0]["calls"]["complete"], False)


@test(interpreters="one")
def calls_of_parts(context):
    """Where a function is several rows there is room for 10,000 of them all the same."""
    for option in ("--lines", "--instances"):
        taken = capture(context, context.target("many_functions.py", 10000), option, "--calls=exact")
        check_invariants(taken.report)
        process = taken.process()
        check_equal("complete with " + option, process["calls"]["complete"], True)
        rendered = sum(node["calls"] or 0 for node in process.nodes
                       if (node["function"] or "").startswith("render_"))
        check_equal("calls with " + option, rendered, 10000)


@test(interpreters="few")
def standing_frames(context):
    """What is known of frames that stood is forgotten with their processes: there is room for more."""
    if context.python.minor < (3, 11):
        raise Skip("calls are counted when functions start in this version")
    taken = capture(context, context.target("standing_frames.py", 900), "--calls=exact")
    check_invariants(taken.report)
    last = max((process for process in taken.report.processes if process["start"] > 3),
               key=lambda process: process["start"])
    calls = {node["calls"] for node in last.named("descend")}
    check_equal("calls of what stood at the fork", calls - {0}, set())


@test(long=True)
def calls_of_bolted(context):
    """Where the optimizer has copied what a probe would be hit in, calls are null, with the reason."""
    name = "standalone-3.14"
    program = os.path.join(CACHE, "interpreters", name, "bin", "python3.14")
    if not os.access(program, os.X_OK):
        raise Skip("tools/interpreters fetch %s brings it" % name)
    said = memprobe(context, "check", program).output
    check(re.search(r"^calls .*BOLT", said, re.M), "check says %s" % said)
    target = os.path.join(TARGETS, "lines_of_exec.py")
    taken = capture(context, [program, target], "--calls=exact")
    check_invariants(taken.report)
    process = taken.report.python()
    check_equal("method", process["calls"]["method"], "none")
    check("BOLT" in process["calls"]["reason"], "reason: %s" % process["calls"]["reason"])
    check_equal("calls", {node["calls"] for node in process.nodes}, {None})
    check_equal("exact", {node["calls_exact"] for node in process.nodes}, {False})
