"""Many processes and threads, and what is said of all of them together."""
from capture import capture, memprobe
from harness import MB, PAGE, check, check_equal, check_near, size_of, test, tolerance
from tree import check_invariants

STORM = 10000
THREADS = 1000
PAGES = 16  # of a thread, as in the target
OWN_MB = 8  # of a child, as in the target
SHARED_MB = 64
HELD_MB = 160


@test(interpreters="one", alone=True)
def storm_of_forks(context):
    """Not one of 10,000 children that live for a moment is missed, and no book is out of balance."""
    taken = capture(context, context.target("crowd.py", "forks", STORM), timeout=200)
    entries = taken.report.data["processes"]
    parents = {entry["pid"] for entry in entries if entry["ppid"] == taken.result.pid}
    children = [entry for entry in entries if entry["ppid"] in parents]
    check_equal("children", sum(entry.get("count", 1) for entry in children), STORM)
    check_equal("their ends", {entry["end_reason"] for entry in children}, {"exit"})
    check_equal("out of balance", [entry["pid"] for entry in entries
                                   if entry["balance"]["unexplained"]], [])
    check_equal("losses", taken.report.data["meta"].get("losses"), None)


@test(interpreters="few")
def crowd_of_threads(context):
    """1,000 threads at once, all of them below the function that they run."""
    taken = capture(context, context.target("crowd.py", "threads", THREADS))
    check_invariants(taken.report)
    process = taken.process()
    grown = process.own("growth", process.named("grow_in_crowd", "take"))
    expected = THREADS * PAGES * PAGE
    check_near("take below grow_in_crowd", grown, expected, tolerance(expected, 0.02))
    check_equal("losses", process["losses"], [])


@test(interpreters="few", alone=True)
def highest_moment(context):
    """Pages that a parent and two children share count once, what the children take counts too."""
    taken = capture(context, context.target("crowd.py", "shared", SHARED_MB))
    root = min(taken.report.processes, key=lambda process: process["start"])
    highest = taken.report.data["meta"]["highest"]
    check(highest, "no highest moment of three processes")
    check_equal("processes", highest["processes"], 3)
    expected = size_of(SHARED_MB) + 2 * size_of(OWN_MB)
    rest = highest["pss"] - expected  # the interpreters themselves
    check(0 < rest < 24 * MB, "PSS is %d, %d of it known" % (highest["pss"], expected))
    check(highest["rss"] > highest["pss"] + 2 * size_of(SHARED_MB) - MB,
          "RSS is %d, PSS %d" % (highest["rss"], highest["pss"]))
    alone = max(entry["rss"]["peak"] for entry in taken.report.data["processes"])
    check(highest["pss"] > alone, "PSS of all is %d, the peak of one %d" % (highest["pss"], alone))
    text = memprobe(context, "post", taken.dump).output
    mark = "" if highest["exact"] else "≥"
    check("Highest moment: %s%.2f MB" % (mark, highest["pss"] / MB) in text, "not in the report")
    row = "%7d %10.2f" % (root["pid"], root["rss"]["peak"] / MB)
    check(row in text, "no row '%s' in the block of processes" % row)


def check_moment(taken):
    """Never above the sum of RSS, never below what one process had for itself."""
    highest = taken.report.data["meta"]["highest"]
    check(highest["pss"] <= highest["rss"] <= highest["rss_most"],
          "PSS %(pss)d, RSS %(rss)d, at most %(rss_most)d" % highest)
    alone = max(entry["rss"]["peak"] for entry in taken.report.data["processes"])
    check(highest["pss"] >= alone, "PSS %d, a process's peak %d" % (highest["pss"], alone))
    return highest


@test(interpreters="few", alone=True)
def highest_moment_held(context):
    """What two processes hold together for some seconds is theirs to within 2 %."""
    taken = capture(context, context.target("crowd.py", "hold", HELD_MB))
    highest = check_moment(taken)
    truth = int(taken.result.output)
    check_near("highest", highest["pss"], truth, 0.02 * truth + MB)


@test(interpreters="few", alone=True)
def highest_moment_passes(context):
    """A child whose height nobody had the time to ask for: its own peak, and the parent's beside."""
    taken = capture(context, context.target("crowd.py", "child", HELD_MB))
    highest = check_moment(taken)
    peaks = [entry["rss"]["peak"] for entry in taken.report.data["processes"]]
    check(highest["pss"] > max(peaks) + MB, "PSS %d, peaks %r" % (highest["pss"], peaks))
    check(highest["rss_most"] <= sum(peaks), "RSS %d, peaks %r" % (highest["rss_most"], peaks))
