"""--allocs: who keeps memory that malloc uses again, and what of it is nobody's."""
import re
from capture import Attached, Served, capture, memprobe
from harness import MB, Skip, check, check_all, check_equal, check_near, test
from interpreters import find_interpreters
from test_calls import stripped_library
from test_owners import check_held_sums
from tree import check_invariants

REQUESTS = 200
KEPT = REQUESTS * 512 << 10
FIRST_WITH_MIMALLOC = (3, 13)
UNSEEN = "allocations of a process in Python's own mimalloc not followed"


def capture_churn(context, *options):
    taken = capture(context, context.target("kept_beside_churn.py", REQUESTS, 4), *options)
    check_invariants(taken.report)
    check_held_sums(taken.process())
    return taken


def below(process, name, amount):
    """Of a function and all that it calls."""
    return sum(amount(node["total"]) for node in process.named(name))


@test(interpreters="few")
def kept_beside_churn(context):
    """What remember() keeps is its own, allocated and page by page; what compute() dropped is free."""
    taken = capture_churn(context, "--allocs")
    process = taken.process()
    check_equal("losses", process["losses"], [])
    check_near("allocated at the end by remember",
               below(process, "remember", lambda total: total["allocated"]["end"]), KEPT, KEPT // 100)
    check_near("live of remember", below(process, "remember", lambda total: total["live"]), KEPT,
               KEPT // 100)
    check(below(process, "compute", lambda total: total["allocated"]["end"]) <= 20 * MB,
          "compute keeps more than 20 MB")
    free = process.own("live", process.of_kind("free"))
    rest = sum(process.own("live", [node]) for node in process.nodes if node["kind"] != "free")
    check_near("live of all rows", free + rest, process["rss"]["live"], 0)
    check(rest <= KEPT + 20 * MB, "all rows but [free in malloc] hold %d" % rest)


@test(interpreters="few")
def leaks_of_blocks(context):
    """post --leaks names remember() and nothing else."""
    taken = capture_churn(context, "--allocs")
    shown = memprobe(context, "post", "--leaks", "--min=1", taken.dump).output
    rows = [line for line in shown.split("Kept growing in blocks", 1)[1].splitlines()
            if re.search(r" MB +\d+ blocks ", line)]
    check(len(rows) == 1 and "remember" in rows[0], "the rows are %r" % rows)


@test(interpreters="few")
def first_touched_and_reused(context):
    """Without --allocs who touched first has it, and the report says who could tell."""
    process = capture_churn(context).process()
    check(below(process, "remember", lambda total: total["live"]) < KEPT - KEPT // 10,
          "remember holds all that it keeps: the case shows nothing")
    check_equal("allocated of all rows", {node["self"]["allocated"] and "there"
                                          for node in process.nodes}, {None})


@test(interpreters="all", needs_gil=True)
def kept_objects(context):
    """Buffers of Python's own objects, to the byte, by who asked for them."""
    taken = capture(context, context.target("kept_objects.py"), "--allocs")
    compare_kept_objects(taken, taken.process())


@test(interpreters="all")
def kept_objects_of_mimalloc(context):
    """The same where Python's own mimalloc serves them; where the file does not tell of its functions,
    what is missing is said."""
    if context.python.minor < FIRST_WITH_MIMALLOC:
        raise Skip("it has no mimalloc of its own")
    context.environment["PYTHONMALLOC"] = "mimalloc"
    # Objects themselves, too, come from it: what they take beside their buffers is below this.
    taken = capture(context, context.target("kept_objects.py"), "--allocs=50000")
    process = taken.process()
    if UNSEEN in [loss["reason"] for loss in process["losses"]]:
        check(not process["allocs"] or not process["allocs"]["complete"],
              "called complete: %r" % process["allocs"])
        raise Skip("it was stripped of its symbols")
    check_invariants(taken.report)
    check(process["allocs"]["complete"], "not complete: %r" % process["losses"])
    compare_kept_objects(taken, process)


def loss_reasons(report, pid):
    return [loss["reason"] for loss in report.python(pid)["losses"]]


@test(interpreters="one")
def mimalloc_beside_another_version(context):
    """Attached to behind a Python without a mimalloc, one whose mimalloc cannot be followed is named."""
    found = [one for one in find_interpreters()
             if one.kind == "pyenv" and one.minor == FIRST_WITH_MIMALLOC]
    if not found:
        raise Skip("there is no %d.%d with a library" % FIRST_WITH_MIMALLOC)
    other = Served(context)
    context.python = found[0]
    served = Served(context, ["env", "LD_LIBRARY_PATH=" + stripped_library(context, found[0]),
                              "PYTHONMALLOC=mimalloc", *context.target("attach.py")])
    attached = Attached(context, other.pid, served.pid, options=("--allocs",))
    for one in (other, served):
        one.ask("grow 1")
    report = attached.end()
    for one in (other, served):
        one.quit()
    check_equal("losses of 3.13", loss_reasons(report, served.pid), [UNSEEN])
    check_equal("losses of the other", loss_reasons(report, other.pid), [])


def compare_kept_objects(taken, process):
    wrong = []
    for name, expected in sorted(taken.truth["kept"].items()):
        for figure, key in (("end", "size"), ("blocks", "blocks")):
            seen = sum(node["self"]["allocated"][figure] for node in process.named(name))
            if seen != expected[key]:
                wrong.append("%s of %s is %d, expected %d" % (key, name, seen, expected[key]))
    check_all(wrong)
