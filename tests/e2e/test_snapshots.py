"""SIGUSR1 writes what there is and goes on; a terminal is told how it goes."""
import os
import pty
import signal
import time

from capture import Attached, Served, memprobe, read_report
from harness import MEMPROBE, check, check_equal, check_near, size_of, test, tolerance, wait_until
from tree import check_invariants


def take_snapshot(attached, number):
    """The report of the snapshot with this number."""
    path = "%s.%d" % (attached.dump, number)
    os.kill(attached.process.pid, signal.SIGUSR1)
    wait_until(lambda: attached.has_said("snapshot '%s'" % path), "the snapshot")
    return read_report(attached.context, path)


@test(interpreters="few")
def snapshots(context):
    """Each snapshot is a whole dump of its moment; the lowest free number is taken; the dump goes on."""
    served = Served(context)
    attached = Attached(context, served.pid)
    for number in (1, 2):
        served.ask("grow %d" % number)
        report = take_snapshot(attached, number)
        check_invariants(report)
        check_equal("complete", report.data["meta"]["complete"], True)
        process = report.python(served.pid)
        check_equal("end_reason", process["end_reason"], "running")
        grown = sum(size_of(mb) for mb in range(1, number + 1))
        seen = process.below("growth", process.named("grow_attached"))
        check_near("grow_attached in snapshot %d" % number, seen, grown, tolerance(grown))
    os.unlink(attached.dump + ".1")
    take_snapshot(attached, 1)
    served.ask("grow 3")
    report = attached.end()
    check_invariants(report)
    process = report.python(served.pid)
    seen = process.below("growth", process.named("grow_attached"))
    grown = size_of(1) + size_of(2) + size_of(3)
    check_near("grow_attached", seen, grown, tolerance(grown))
    served.quit()


@test(interpreters="one")
def snapshot_not_writable(context):
    """A snapshot that cannot be written is said, and the capture goes on."""
    served = Served(context)
    directory = context.path("shut")
    os.mkdir(directory)
    attached = Attached(context, served.pid, options=("-f", "-o", os.path.join(directory, "dump")))
    attached.dump = os.path.join(directory, "dump")
    os.rename(directory, directory + ".away")
    os.mkdir(directory)
    os.symlink("/nonexistent/place", attached.dump + ".1")
    os.rename(directory + ".away/dump", attached.dump)
    os.rmdir(directory + ".away")
    os.kill(attached.process.pid, signal.SIGUSR1)
    wait_until(lambda: attached.has_said("snapshot '%s.2'" % attached.dump)
               or attached.has_said("cannot write"), "an answer")
    check(os.path.islink(attached.dump + ".1"), "the link was replaced")
    attached.end()
    served.quit()


def follow(context, *arguments, seconds, env):
    """What a terminal gets of memprobe within a time, which is then interrupted."""
    master, slave = pty.openpty()
    context.at_end(os.close, master)
    process = context.start([MEMPROBE, *arguments], stderr=slave, env=env)
    os.close(slave)
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGINT)
    text = b""
    try:
        while True:
            text += os.read(master, 65536)
    except OSError:
        pass
    context.finish(process)
    return text.decode()


@test(interpreters="one")
def line_of_progress(context):
    """On a terminal one line tells how it goes, and is gone before the report."""
    served = Served(context)
    arguments = ("-f", "-o", context.path("dump"), "-p", str(served.pid))
    text = follow(context, *arguments, seconds=1.8, env={"TERM": "xterm"})
    lines = [part for part in text.split("\r\x1b[K") if part.startswith("memprobe: ")
             and "events/s" in part]
    check(lines, "no line of progress in %r" % text)
    check("1 process, RSS " in lines[-1] and " lost" in lines[-1], lines[-1])
    report = text.split("events/s")[-1]
    check("\r\x1b[K" in report and "Balance: " in report, "the line stays: %r" % report)
    for options, env in ((("-q",), {"TERM": "xterm"}), ((), {"TERM": "dumb"})):
        text = follow(context, *options, *arguments, seconds=1.2, env=env)
        check("events/s" not in text, "a line of progress with %s %s: %r" % (options, env, text))
    errors = memprobe(context, "--duration=1.2", *arguments).errors
    check("events/s" not in errors, "a line of progress without a terminal: %r" % errors)
    served.quit()
