"""Who holds the memory: live and peak by path, beside targets that know whose every page is."""
import os
import re

from capture import capture, memprobe, read_truth
from harness import (MB, PAGE, Failure, Skip, batches, check, check_all, check_equal, check_near,
                     test, tolerance)
from tree import ancestors, check_invariants

HELD = ("live", "peak")
# What a page of a guess, or of several at once, may have been taken for.
STRAY = 64 * PAGE
PAGE_TABLE_PAGES = 512


def follows_owners(process):
    if process["rss"]["live"] is None:
        raise Skip("owners of pages are not followed on this kernel")


def check_held_sums(process):
    """What all rows hold is what was resident, to the byte."""
    follows_owners(process)
    for figure in HELD:
        check_equal("sum of %s over all nodes of %d" % (figure, process["pid"]),
                    process.own(figure, process.nodes), process["rss"][figure])


def own_held(node, figure, kind):
    return node["self"]["by_kind"][figure][kind] if kind else node["self"][figure]


def held_by(process, sites, kind=None):
    """Live and peak of measured functions, each less the measured ones below it."""
    names = {(site["name"], site["file"], site["line"]) for site in sites}
    names |= {(site["function"], site["file"], site["line"]) for site in sites}
    owner, held = {}, {site["line"]: dict.fromkeys(HELD, 0) for site in sites}
    for node in process.nodes:
        is_measured = (node["function"], node["file"], node["line"]) in names
        above = node["_parent"] and owner[id(node["_parent"])]
        owner[id(node)] = node["line"] if is_measured else above
        if owner[id(node)]:
            for figure in HELD:
                held[owner[id(node)]][figure] += own_held(node, figure, kind)
    return held


def compare_owners(process, sites, kind=None):
    held, wrong = held_by(process, sites, kind), []
    for site in sites:
        for figure in HELD:
            seen, expected = held[site["line"]][figure], site[figure]
            if abs(seen - expected) > tolerance(expected):
                wrong.append("%s of %s is %d, expected %d" % (figure, site["function"], seen,
                                                              expected))
    check_all(wrong)


def check_stray(process, live=STRAY, peak=STRAY):
    """What could not be placed is little."""
    for figure, limit in zip(HELD, (live, peak)):
        check_near("%s of [unowned]" % figure, process.own(figure, process.of_kind("unowned")), 0,
                   limit)


@test(interpreters="all", needs="nothing", needs_gil=True)
def owner_targets(context):
    """The targets alone: what the ledger holds at the end is what the process has more."""
    path = context.path("truth")
    result = context.run(context.target("owners.py", "interleave", "cache", "files"),
                         env={"MEMPROBE_TRUTH": path})
    check(result.status == 0, "owners.py ended with %d: %s" % (result.status, result.errors[-300:]))
    truth = read_truth(path)
    grown = truth["end"]["rss"] - truth["start"]["rss"]
    # The interpreter's own pages come on top.
    check_near("growth", grown, sum(site["live"] for site in truth["owners"]), 2 * MB)


@test(interpreters="all", core=True, needs_gil=True)
def owners(context):
    """A, B and C take in turn and give back what others took, in every way there is: live and peak
    of each function within max(1 %, 256 KiB), and all rows together are the RSS."""
    taken = capture(context, context.target("owners.py"))
    check_invariants(taken.report)
    process = taken.process()
    check_held_sums(process)
    compare_owners(process, taken.truth["owners"])
    check_stray(process)
    skipped = ["%s (%s)" % tuple(pair) for pair in taken.truth["skipped"]]
    return "without " + ", ".join(skipped) if skipped else None


@test(interpreters="all", core=True, needs_gil=True)
def owners_of_one_thread(context):
    """With one thread everything has its owner."""
    taken = capture(context, context.target("owners.py", "interleave", "temporaries", "cache",
                                            "blocks"))
    check_invariants(taken.report)
    process = taken.process()
    check_held_sums(process)
    compare_owners(process, taken.truth["owners"])
    check_stray(process, 32 * PAGE, 32 * PAGE)
    # What the target reads of itself lacks what each CPU has not added yet.
    check_near("peak", process["rss"]["peak"], taken.truth["highest"],
               tolerance(taken.truth["highest"]) + batches())


@test(interpreters="all")
def owners_of_a_child(context):
    """A forked child: what it inherited is one row, what it takes is the function's."""
    path = context.path("child.truth")
    taken = capture(context, context.target("owners.py", "interleave", "--truth=" + path))
    truth = read_truth(path + ".child")
    child = taken.report.of_pid(truth["pid"])[0]
    check_held_sums(child)
    # Pages of files are not copied at a fork: who runs their code first touches them again.
    compare_owners(child, truth["owners"], "anon")
    inherited = child.own("live", child.of_kind("inherited"))
    check_near("live of [inherited]", inherited, child["rss"]["start"] - truth["closed"], MB)


@test(interpreters="few")
def owners_of_what_goes_below(context):
    """shmdt and brk do not say how much they give back: it is not taken from what lies further up,
    and its address space is given back by who calls them."""
    taken = capture(context, context.target("owners_given_back.py"))
    process, length = taken.process(), taken.truth["length"]
    check_held_sums(process)
    for name, live in (("touch_segment", length), ("touch_mapping", length),
                       ("touch_advised", length // 2)):
        check_near("live of %s" % name, process.below("live", process.named(name)), live,
                   tolerance(live))
    for name, mapped in (("detach", -length), ("shrink", -length), ("touch_next", 0)):
        check_near("mapped of %s" % name, process.below("mapped", process.named(name)), mapped,
                   tolerance(mapped))
    check_stray(process, peak=2 * length + STRAY)
    skipped = ["%s (%s)" % tuple(pair) for pair in taken.truth["skipped"]]
    return "without " + ", ".join(skipped) if skipped else None


@test(interpreters="few")
def owners_of_what_cannot_grow(context):
    """mremap finds room for more than the machine has, and fails: the pages stay their owner's, and
    leave it when they go."""
    taken = capture(context, context.target("owners_not_moved.py"))
    process, truth = taken.process(), taken.truth
    check_equal("moves that failed", truth["failed"], truth["tried"])
    check_held_sums(process)
    for name in "make_block", "touch_mapping":
        check_near("live of %s" % name, process.below("live", process.named(name)), truth[name],
                   tolerance(truth[name]))
    check_stray(process)


@test(interpreters="few")
def owners_are_left_out(context):
    """--no-owners: null, in every row and every sum."""
    process = capture(context, context.target("owners.py", "cache"), "--no-owners").process()
    check_equal("rss.live", process["rss"]["live"], None)
    check_equal("live and peak of all rows", {node["self"][figure] for node in process.nodes
                                              for figure in HELD}, {None})


@test(interpreters="few")
def mapped_and_touched(context):
    """What is reserved is mapped by who asked, what is touched is held by who touched it."""
    length = 512 if context.long else 64
    for percent in (0, 25, 50, 75, 100):
        taken = capture(context, context.target("owners_mapped.py", percent, length))
        process, sites = taken.process(), taken.truth["sites"]
        check_held_sums(process)
        touched = taken.truth["functions"][0]["self"]
        check_near("touched", touched, length * MB * percent // 100, tolerance(touched))
        held = held_by(process, sites)
        check_near("live of touch_part at %d %%" % percent, held[sites[1]["line"]]["live"], touched,
                   tolerance(touched))
        check_near("live of reserve_all at %d %%" % percent, held[sites[0]["line"]]["live"], 0,
                   tolerance(0))
        check_mapped(process, length * MB)


def check_mapped(process, length):
    for name, expected in (("reserve_all", length), ("touch_part", 0)):
        check_near("mapped of %s" % name, process.below("mapped", process.named(name)), expected,
                   tolerance(expected))


def first_held(text):
    """MB and label of the first row of the block of what was held at the peak."""
    found = re.search(r"^Held at the peak.*\n +([\d.]+) MB +[\d.]+ % +(.*)$", text, re.M)
    check(found, "no block of what was held at the peak: %s" % text[-500:])
    return float(found.group(1)) * MB, found.group(2)


@test(interpreters="few")
def who_made_the_peak(context):
    """The first row of what was held at the peak is the temporary of numpy's helper."""
    if context.run(context.python.command + ["-c", "import numpy"]).status != 0:
        raise Skip("numpy is missing")
    side = 8192 if context.long else 3072
    taken = capture(context, context.target("owners_peak.py", side))
    process = taken.process()
    check_held_sums(process)
    outer = [node for node in process.nodes if node["function"] == "outer"]
    check(outer, "no node of outer()")
    check_near("peak of outer()", process.below("peak", outer), 8 * side * side,
               tolerance(8 * side * side))
    check_near("live of outer()", process.below("live", outer), 0, tolerance(0))
    check(all(any(up["function"] == "correlate" for up in ancestors(node)) for node in outer),
          "outer() is not below correlate()")
    shown = memprobe(context, "post", taken.dump)
    held, label = first_held(shown.output)
    check("outer" in label, "the first row is %r" % label)
    check_near("its MB", held, 8 * side * side, tolerance(8 * side * side))


@test(interpreters="few", core=True)
def owners_of_racing_threads(context):
    """What eight threads touch and give back at once: in sum to the byte, and all but a few pages
    for each CPU with an owner. Two that fold their shares of a counter at the same instant are told
    a batch too much and too little (bpf/counters.h); no CPU has more than two such left, and at the
    moment of the peak one that is on its way, which may be a release: a page table's pages. That
    was seen where two processors take turns in one thread (7.3 under qemu: 430 pages). A huge page
    that one thread splits is absent for the others meanwhile, with what Python keeps there of a
    thread: counted as a loss (5.10 under qemu: in 6 of 66 runs, 1 to 31 events)."""
    taken = capture(context, context.target("owners_racing.py"))
    check_invariants(taken.report, with_losses=True)
    process = taken.process()
    check_equal("losses but of split pages", [
        loss for loss in process["losses"]
        if loss["reason"] != "thread state unreadable" or loss["events"] > 64], [])
    check_held_sums(process)
    check_stray(process, 3 * batches(),
                2 * batches() + PAGE_TABLE_PAGES * PAGE * os.cpu_count())
    check_near("live of race()", process.below("live", process.named("race")), 0, 2 * batches())


@test(interpreters="few")
def hostile_mappings(context):
    """Moves to fixed places, 16 TiB unmapped at once, old system calls, threads by the hundred: what
    all rows hold is the RSS all the same, and nothing is lost but whose it was."""
    words = ["long"] if context.long else []
    taken = capture(context, context.target("owners_hostile.py", *words))
    check_invariants(taken.report, with_losses=True)
    for process in taken.report.processes:
        check_held_sums(process)
    check_near("live of [unowned]", taken.process().own(
        "live", taken.process().of_kind("unowned")), 0, 2 * MB)
    skipped = ["%s (%s)" % tuple(pair) for pair in taken.truth["skipped"]]
    if len(skipped) > 5:
        raise Failure("hardly anything was done: " + ", ".join(skipped))
    return "without " + ", ".join(skipped) if skipped else None
