"""memprobe -p: counts from the moment it says so, stops nothing, leaves no trace."""
import os
import signal
import subprocess
import time

from capture import (CANNOT, Attached, Served, check_error, last_lines, memprobe, read_report,
                     wait_for_growth)
from harness import check, check_equal, check_near, size_of, test, tolerance
from tree import check_invariants, check_losses, is_named

ALONE = 9  # the status with which the target ends by itself


def check_path(process, path, expected):
    nodes = process.named(*path)
    check_near(" > ".join(path), process.below("growth", nodes), expected, tolerance(expected))


@test(interpreters="all", core=True)
def attach_to_running(context):
    """What is grown after the attach, by path; what was there is the opening balance."""
    served = Served(context)
    before = served.ask("rss")
    attached = Attached(context, served.pid)
    for words in ("grow 6", "deep 9", "wide 5", "drop", "grow 4"):
        served.ask(words)
    # Pages of files go and come back as the kernel likes.
    ends = [served.ask("rss")]
    report = attached.end()
    ends.append(served.ask("rss"))
    check_equal("status of the target", served.quit(), ALONE)
    check_invariants(report)
    process = report.python(served.pid)
    check_near("rss.start", process["rss"]["start"], before, tolerance(before, 0.001))
    end, room = process["rss"]["end"], tolerance(max(ends), 0.001)
    check(min(ends) - room <= end <= max(ends) + room, "rss.end is %d, not in %s" % (end, ends))
    check(process.of_kind("before"), "no node of kind before")
    check_path(process, ("answer", "grow_attached"), size_of(6) + size_of(4))
    check_path(process, ("deep_outer", "deep_inner", "grow_attached"), size_of(9))
    check_path(process, ("grow_in_thread",), size_of(5))
    check_path(process, ("drop_all",), -sum(size_of(mb) for mb in (10, 6, 9, 5)))
    check_equal("grow_before_attach", process.own("growth", process.named("grow_before_attach")), 0)
    check_equal("end_reason", process["end_reason"], "running")


@test(interpreters="few")
def frames_that_existed(context):
    """The frames that stood at the attach are walked: the path begins at <module>."""
    served = Served(context)
    attached = Attached(context, served.pid)
    served.ask("grow 3")
    report = attached.end()
    served.quit()
    process = report.python(served.pid)
    path = ("<module>", "main", "serve", "answer", "grow_attached", "take")
    check_path(process, path, size_of(3))
    roots = [node for node in process["tree"] if node["kind"] == "python"]
    check(roots and all(is_named(node, "<module>") for node in roots),
          "Python roots: %s" % [node["function"] for node in roots])


@test(interpreters="few")
def ten_attaches(context):
    """Ten attaches and detaches: each sees its own part, the target ends as if alone."""
    served = Served(context)
    for number in range(1, 11):
        attached = Attached(context, served.pid)
        served.ask("grow %d" % number)
        process = attached.end().python(served.pid)
        check_path(process, ("answer", "grow_attached"), size_of(number))
        check_losses(process)
    check_equal("answers", served.answers,
                [size_of(10)] + [size_of(number) for number in range(1, 11)])
    check_equal("status of the target", served.quit(), ALONE)


@test(interpreters="one")
def attach_until_terminated(context):
    """SIGTERM ends a capture with -p, and the target runs on."""
    served = Served(context)
    attached = Attached(context, served.pid)
    served.ask("grow 2")
    report = attached.end(signal.SIGTERM)
    check_path(report.python(served.pid), ("answer", "grow_attached"), size_of(2))
    check_equal("complete", report.data["meta"]["complete"], True)
    check_equal("status of the target", served.quit(), ALONE)


@test(interpreters="one")
def attach_for_a_time(context):
    """--duration ends by itself."""
    served = Served(context)
    for duration in (1, 10, 100):
        begin = time.monotonic()
        attached = Attached(context, served.pid, options=("--duration=%d" % duration,))
        served.ask("grow 2")
        if attached.process.poll() is None:  # else the machine is slow
            break
    report = attached.end(None)
    took = time.monotonic() - begin
    check(took > 0.9 * duration, "it took %.1f s" % took)
    check_path(report.python(served.pid), ("answer", "grow_attached"), size_of(2))
    check_equal("status of the target", served.quit(), ALONE)


@test(interpreters="few")
def attach_until_the_end(context):
    """The capture ends with the process; its books close at its teardown."""
    served = Served(context)
    attached = Attached(context, served.pid)
    served.ask("grow 7")
    check_equal("status of the target", served.quit(), ALONE)
    report = attached.end(None)
    check_invariants(report)
    process = report.python(served.pid)
    check_path(process, ("answer", "grow_attached"), size_of(7))
    check_equal("end_reason", process["end_reason"], "exit")
    check_equal("exit code", process["exit"]["code"], ALONE)


@test(interpreters="one")
def attach_to_two(context):
    """-p PID,PID: an entry for each."""
    first, second = Served(context), Served(context)
    attached = Attached(context, first.pid, second.pid)
    first.ask("grow 3")
    second.ask("grow 5")
    report = attached.end()
    check_invariants(report)
    check_path(report.python(first.pid), ("answer", "grow_attached"), size_of(3))
    check_path(report.python(second.pid), ("answer", "grow_attached"), size_of(5))
    first.quit()
    second.quit()


@test(interpreters="one")
def killed_while_attached(context):
    """SIGKILL of memprobe: the target runs on, the dump reads and is not complete."""
    served = Served(context)
    attached = Attached(context, served.pid)
    served.ask("grow 8")
    wait_for_growth(context, attached.dump, "grow_attached", size_of(8))
    os.kill(attached.process.pid, signal.SIGKILL)
    context.finish(attached.process)
    served.ask("grow 2")
    check_equal("status of the target", served.quit(), ALONE)
    report = read_report(context, attached.dump)
    check_equal("complete", report.data["meta"]["complete"], False)
    check_path(report.python(served.pid), ("answer", "grow_attached"), size_of(8))


@test(interpreters="one")
def attach_before_exec(context):
    """The program that an attached process begins later has the same parent."""
    process = context.start(["sh", "-c", "read line; exec true"], stdin=subprocess.PIPE)
    attached = Attached(context, process.pid)
    process.stdin.close()
    check_equal("ppid of both", [entry["ppid"] for entry in attached.end(None).processes],
                [os.getpid()] * 2)


@test()
def attach_to_nobody(context):
    """A PID that is not there: 125, the PID in the message."""
    gone = context.run(["/bin/true"]).pid
    result = memprobe(context, "-o", context.path("dump"), "-p", gone)
    check_error(result, 125, CANNOT, str(gone))
    check(not os.path.exists(context.path("dump")), "an empty dump is left")


@test(interpreters="one")
def attach_report(context):
    """Without --no-report the tree goes to stderr when the capture ends; -q says nothing."""
    served = Served(context)
    for quiet in (False, True):
        options = ["-q"] if quiet else []
        dump = context.path("dump-%s" % quiet)
        result = memprobe(context, *options, "--duration=1", "-o", dump, "-p", served.pid)
        check_equal("status", result.status, 0)
        check_equal("stdout", result.output, "")
        said = "attached to %d" % served.pid in result.errors
        check(said != quiet, "%r said: %s" % (options, last_lines(result.errors)))
        check(("Balance:" in result.errors) != quiet, "the report with %r is %r" % (
            options, last_lines(result.errors)))
    check_equal("status of the target", served.quit(), ALONE)
