"""post --leaks: paths that kept growing, and nothing else."""
import re

from capture import CANNOT, HINT, capture, check_error, memprobe, read_report
from harness import MB, Skip, check, check_equal, check_near, test, tolerance
from tree import ancestors, check_invariants


@test(interpreters="few")
def leak_beside_churn(context):
    """Of a leak, a cache that is full and churn, the leak's path is named with what it holds."""
    taken = capture(context, context.target("leaking.py"))
    if taken.process()["rss"]["live"] is None:
        raise Skip("owners of pages are not followed on this kernel")
    report = read_report(context, taken.dump, "--leaks")
    check_invariants(report)
    process, kept = report.python(), taken.truth["kept"]
    named = [node for node in process.nodes if node["self"]["live"] and node["kind"] != "cut"]
    check_near("live of the leaks below remember", process.own("live", [
        node for node in named if any(above["function"] == "remember" for above in ancestors(node))
    ]), kept, tolerance(kept))
    check_near("live of all leaks", process.own("live", named), kept, 0.05 * kept)
    check_equal("sum of live", process.own("live", process.nodes), process["rss"]["live"])
    text = memprobe(context, "post", "--leaks", taken.dump).output
    found = re.search(r"^Kept growing, .*\n +(\S+) MB +(\S+) MB an hour  .*take < .*remember.*", text,
                      re.M)
    check(found, "no row of take < remember: %r" % text[:600])
    check(not found.group().endswith("*"), "a mapping of its own is marked: %r" % found.group())
    check("look_up" not in text and "compute" not in text, "more than the leak: %r" % text[:600])


@test(interpreters="one")
def leaks_at_the_end(context):
    """The report at the end of a capture is that of its dump; a difference has no leaks."""
    dump = context.path("dump")
    shown = memprobe(context, "-o", dump, "--leaks", "--", *context.target("leaking.py"))
    report = memprobe(context, "post", "--leaks", dump).output
    check("Kept growing, " in report, "no leak: %r" % report[:600])
    check(report in shown.errors, "another report at the end: %r" % shown.errors[-600:])
    check_error(memprobe(context, "diff", "--leaks", dump, dump), 2, CANNOT, HINT)


@test(interpreters=("system-3.11",))
def leak_in_the_heap(context):
    """A path that made malloc's heap grow, which another fills, is not named without the mark."""
    taken = capture(context, context.target("refilling.py"))
    if taken.process()["rss"]["live"] is None:
        raise Skip("owners of pages are not followed on this kernel")
    text = memprobe(context, "post", "--leaks", taken.dump).output
    row = re.search(r"^ +(\S+) MB .*MB an hour.*bounded.*$", text, re.M)
    check(row and float(row.group(1)) * MB > taken.truth["kept"] / 2, "no row of bounded: %r" % text)
    check(row.group().endswith(" *"), "not marked: %r" % row.group())
    check("* first touched here; --allocs tells who keeps it" in text, "no note: %r" % text)


@test(interpreters="few", needs_gil=True)
def leak_of_blocks(context):
    """With --allocs the path that keeps blocks is named, and no other touched the heap first."""
    taken = capture(context, context.target("keeping.py"), "--allocs")
    process, truth = taken.process(), taken.truth
    if process["allocs"] is None:
        raise Skip("allocators are not followed on this kernel")
    check_invariants(taken.report)
    check_equal("unknown frees", process["allocs"]["unknown_frees"], 0)
    check(process["allocs"]["complete"], "followed from the beginning: %r" % process["allocs"])
    remember, compute = (allocated(process, name) for name in ("remember", "compute"))
    check_near("what remember keeps", remember["end"], truth["kept"], tolerance(truth["kept"]))
    check_near("blocks that remember keeps", remember["blocks"], truth["blocks"], 3)
    check_near("what compute keeps", compute["end"], 0, tolerance(truth["kept"]))
    check(compute["taken"] > 90 * truth["kept"], "what compute took: %r" % compute)
    text = memprobe(context, "post", "--leaks", taken.dump).output
    check(re.search(r"^Kept growing in blocks, .*\n +\S+ MB +\d+ blocks .* chance 9\d\.\d %  .*remember",
                    text, re.M), "no row of remember: %r" % text[:600])
    # Pages at the edges of others' blocks are whose touched them first, and said to be perhaps another's:
    # 0.5 of 6.3 MB were seen, on a busy machine.
    more = [line for line in text.splitlines() if "compute" in line and not (
        line.endswith(" *") and float(line.split()[0]) * MB < 0.1 * truth["kept"])]
    check(not more, "more than the leak: %r" % more)
    kept = memprobe(context, "post", taken.dump).output.split("Kept at the end, ")[1]
    first = kept.splitlines()[2]
    check("remember" in first, "the first row of what is kept is not remember's: %r" % first)


def allocated(process, name):
    """The sum over the rows of a function and below it."""
    sums = {}
    for node in process.nodes:
        if any(each["function"] == name for each in [node] + list(ancestors(node))):
            for field, amount in node["self"]["allocated"].items():
                sums[field] = sums.get(field, 0) + amount
    return sums
