"""Processes whose main thread has ended while others run on: the kernel shows them as zombies without
memory, and knows the process of a uprobe by that thread. And a program begun by another thread."""
import os
import signal

from capture import Attached, capture, memprobe
from harness import MB, check, check_equal, check_near, size_of, test, tolerance, wait_until
from tree import check_invariants

COUNT = 40
BLOCKS_MISSING = "blocks and their ends may be missing: its main thread has ended, and the kernel may take its probes away"


def has_lost_main(pid):
    with open("/proc/%d/stat" % pid) as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "Z"


def check_bounds(process):
    calls = process["calls"]
    check(not calls["complete"] and "main thread has ended" in calls["reason"], "calls are %r" % calls)
    check(not any(node["calls_exact"] for node in process.nodes if node["calls"] is not None),
          "a number of calls is called exact")


@test(interpreters="few", needs_gil=True)
def main_ends_first(context):
    """What the kernel's probes no longer see is called complete neither of calls nor of blocks."""
    taken = capture(context, context.target("main_ends.py", "work"), "--calls=exact", "--allocs", status=4)
    check_invariants(taken.report, with_losses=True)
    process = next(process for process in taken.report.processes if process.named("keep"))
    check_bounds(process)
    check_equal("allocs.complete", process["allocs"]["complete"], False)
    check_equal("losses", [loss["reason"] for loss in process["losses"]], [BLOCKS_MISSING])
    check_near("keep", process.below("growth", process.named("keep")), size_of(COUNT), tolerance(COUNT * MB))
    blocks = sum(node["self"]["allocated"]["blocks"] for node in process.named("keep"))
    check(blocks <= COUNT, "%d blocks" % blocks)
    told = memprobe(context, "post", taken.dump).output
    check("Kept at the end, about " in told, "what is kept is told as %r" % told[told.find("Kept"):][:60])


@test(interpreters="few")
def attach_without_main(context):
    """It is attached to by its number, and read; why it has no calls is said."""
    command = context.target("main_ends.py", "stay")
    target = context.start(command)
    wait_until(lambda: has_lost_main(target.pid), "the end of the main thread")
    attached = Attached(context, target.pid, options=("--calls=exact",))
    heap = memprobe(context, "heap", "-p", target.pid)
    check_equal("status of heap", heap.status, 0)
    checked = memprobe(context, "check", "-p", target.pid)
    check("main thread has ended" in checked.output, "check says %r" % checked.output)
    check("none found" not in checked.output, "check says %r" % checked.output)
    report = attached.end()
    os.kill(target.pid, signal.SIGKILL)
    context.finish(target)
    check_invariants(report)
    process = report.python(target.pid)
    check_equal("end_reason", process["end_reason"], "running")
    check_equal("command", process["command"], " ".join(command))
    check_equal("calls.method", process["calls"]["method"], "none")
    check("main thread has ended" in process["calls"]["reason"], "calls are %r" % process["calls"])


@test(interpreters="few", needs_gil=True)
def exec_by_thread(context):
    """The program that a thread begins in the place of its process has all that others have."""
    taken = capture(context, context.target("main_ends.py", "exec"), "--calls=exact", "--allocs", "--objects")
    check_invariants(taken.report)
    before, process = taken.report.processes
    check_equal("pid", process["pid"], before["pid"])
    tids = [thread["tid"] for thread in before["threads"]]
    check_equal("numbers of threads", len(set(tids)), len(tids))
    check_equal("threads", len(tids), 2)
    check(before["calls"]["complete"], "calls before are %r" % before["calls"])
    check(process["calls"]["method"] != "none", "calls are %r" % process["calls"])
    check_equal("calls.complete", process["calls"]["complete"], False)
    calls = sum(node["calls"] for node in process.named("keep"))
    check(COUNT * 3 // 4 <= calls <= COUNT, "%d calls of keep" % calls)
    check(process["allocs"]["since"] > 0, "allocs are %r" % process["allocs"])
    blocks = sum(node["self"]["allocated"]["blocks"] for node in process.named("keep"))
    check(COUNT * 3 // 4 <= blocks <= COUNT, "%d blocks of keep" % blocks)
    check(process["objects"], "no census")
