"""post --leaks: paths that kept growing, and nothing else."""
import os
import re
import subprocess

from capture import CANNOT, HINT, Attached, capture, check_error, memprobe, read_report
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
    check_equal("rows that hold nothing", [node["label"] for node in process.nodes
                                           if node["kind"] != "cut" and not node["total"]["live"]], [])
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
    check(re.search(r"^Kept growing, .*\n +.*remember", report, re.M), "no leak: %r" % report[:600])
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
    check(process["allocs"]["complete"], "followed from the beginning: %r" % process["allocs"])
    remember, compute = (allocated(process, name) for name in ("remember", "compute"))
    check_near("what remember keeps", remember["end"], truth["kept"], tolerance(truth["kept"]))
    check_near("blocks that remember keeps", remember["blocks"], truth["blocks"], 3)
    check_near("what compute keeps", compute["end"], 0, tolerance(truth["kept"]))
    check(compute["taken"] > 90 * truth["kept"], "what compute took: %r" % compute)
    text = memprobe(context, "post", "--leaks", taken.dump).output
    check(re.search(r"^Kept growing in blocks, .*\n +\S+ MB +\d+ blocks .* chance 9\d\.\d %  .*remember",
                    text, re.M), "no row of remember: %r" % text[:600])
    check("compute" not in text, "more than the leak: %r" % text)
    kept = memprobe(context, "post", taken.dump).output.split("Kept at the end, ")[1]
    first = kept.splitlines()[2]
    check("remember" in first, "the first row of what is kept is not remember's: %r" % first)


@test(interpreters="few", needs_gil=True)
def leak_behind_a_table(context):
    """What a path keeps growing by counts, not what it holds: a full cache whose path rises by a few bytes
    is none, and a slow leak is told without the table that was loaded before."""
    taken = capture(context, context.target("handing_on.py"), "--allocs", "--calls=exact")
    truth = taken.truth
    if taken.process()["allocs"] is None:
        raise Skip("allocators are not followed on this kernel")
    text = memprobe(context, "post", "--leaks", taken.dump).output
    blocks = text.split("Kept growing in blocks, ")[-1].split("Kept growing, ")[0].split("Inside:")[0]
    check("cached" not in blocks, "the cache is named: %r" % text)
    kept = re.search(r"^ +(\S+) MB +\d+ blocks .*remember", blocks, re.M)
    check(kept, "no row of remember: %r" % text)
    check_near("what remember keeps", float(kept.group(1)) * MB, truth["kept"], tolerance(truth["kept"]))
    slow = re.search(r"^ +(\S+) MB of +(\S+) MB +\d+ blocks .* (\d+) bytes a call .*look_up", blocks, re.M)
    check(slow, "no row of look_up: %r" % text)
    check(truth["slow"] / 2 < float(slow.group(1)) * MB <= 1.02 * truth["slow"], "look_up: %r" % slow.group())
    check_near("bytes a call", float(slow.group(3)), truth["slow"] / truth["calls"],
               0.25 * truth["slow"] / truth["calls"])


@test(interpreters="few", needs_gil=True)
def leak_of_threads(context):
    """When a thread ends its C library frees what the program had freed before: none of that was a block
    that nobody had followed, which might have been the leak's."""
    taken = capture(context, context.target("keeping_by_thread.py"), "--allocs")
    process, kept = taken.process(), taken.truth["blocks"]
    if process["allocs"] is None:
        raise Skip("allocators are not followed on this kernel")
    check(process["allocs"]["complete"], "followed from the beginning: %r" % process["allocs"])
    check_equal("unknown frees", process["allocs"]["unknown_frees"], 0)
    check_equal("blocks that remember keeps", allocated(process, "remember")["blocks"], kept)
    text = memprobe(context, "post", "--leaks", taken.dump).output
    row = re.search(r"^ +\S+ MB +\d+ blocks .* chance (\S+) %.*remember.*$", text, re.M)
    check(row, "no row of remember with one chance: %r" % text[:900])
    check(float(row.group(1)) > 98, "the chance: %r" % row.group())
    check(not row.group().endswith("+"), "a mark: %r" % row.group())


@test(interpreters=("system-3.11",), needs_gil=True)
def leak_in_the_edges(context):
    """Pages between small blocks that are kept belong to who touched them first, who keeps nothing: the
    blocks' path is named, and no other."""
    taken = capture(context, context.target("keeping.py", 2000), "--allocs")
    if taken.process()["allocs"] is None:
        raise Skip("allocators are not followed on this kernel")
    text = memprobe(context, "post", "--leaks", taken.dump).output
    check(re.search(r"^Kept growing in blocks, .*\n +\S+ MB +\d+ blocks .*remember", text, re.M),
          "no row of remember: %r" % text[:600])
    check("compute" not in text, "more than the leak: %r" % text)


def check_replaced(context, dump):
    """No path is named as a leak; that replace() grew, and in whose place, is said."""
    report = read_report(context, dump, "--leaks")
    check_equal("rows", [node["function"] for node in report.python().nodes
                         if node["kind"] != "cut" and node["self"]["live"]], [])
    text = memprobe(context, "post", "--leaks", dump).output
    check("Kept growing" not in text, "a leak is named: %r" % text[:900])
    check(re.search(r"^Took .*the place of what others gave back.*\n.* MB an hour .*replace", text, re.M),
          "replace() is not told: %r" % text[:900])


def attach_to_full(context, kind, *options):
    """A capture of a process whose cache was full already: the dump."""
    gate = context.write("gate", "")
    process = context.start(context.target("replacing.py", kind), stdout=subprocess.PIPE,
                            env={"MEMPROBE_GATE": gate, "MEMPROBE_TRUTH": context.path("truth")})
    check_equal("the first line", process.stdout.readline(), b"full\n")
    attached = Attached(context, process.pid, options=options)
    os.unlink(gate)
    attached.end(0)
    check_equal("status of the target", process.wait(), 0)
    return attached.dump


@test(interpreters="few")
def full_cache(context):
    """Entries that take the place of others are no leak: the process does not grow."""
    taken = capture(context, context.target("replacing.py"))
    if taken.process()["rss"]["live"] is None:
        raise Skip("owners of pages are not followed on this kernel")
    check_replaced(context, taken.dump)


@test(interpreters="few")
def full_cache_from_before(context):
    """The same where they were there at the attach."""
    dump = attach_to_full(context, "mapping")
    if read_report(context, dump).python()["rss"]["live"] is None:
        raise Skip("owners of pages are not followed on this kernel")
    check_replaced(context, dump)


@test(interpreters="few", needs_gil=True)
def full_cache_of_blocks(context):
    """Blocks from before the attach that were freed are none of any path: what came may be in their
    place, and is marked."""
    dump = attach_to_full(context, "block", "--allocs")
    allocs = read_report(context, dump).python()["allocs"]
    if allocs is None:
        raise Skip("allocators are not followed on this kernel")
    check(140 <= allocs["unknown_frees"], "frees of blocks from before: %r" % allocs)
    text = memprobe(context, "post", "--leaks", dump).output
    row = re.search(r"^ +\S+ MB +\d+ blocks .*replace.*$", text, re.M)
    check(row, "replace() is not told: %r" % text[:900])
    check(row.group().endswith(" +") or "Kept growing" not in text, "no mark: %r" % row.group())
    chance = re.search(r" chance +(\S+) to +(\S+) %", row.group())
    check(chance and float(chance.group(1)) < 10 and float(chance.group(2)) > 90,
          "the chance: %r" % row.group())


def allocated(process, name):
    """The sum over the rows of a function and below it."""
    sums = {}
    for node in process.nodes:
        if any(each["function"] == name for each in [node] + list(ancestors(node))):
            for field, amount in node["self"]["allocated"].items():
                sums[field] = sums.get(field, 0) + amount
    return sums
