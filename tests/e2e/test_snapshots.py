"""SIGUSR1 writes what there is and goes on; a terminal is told how it goes."""
import fcntl
import os
import re
import signal
import struct
import termios
import time

from capture import (CANNOT, HINT, Attached, Served, check_error, memprobe, parse,
                     read_report)
from harness import (MEMPROBE, Failure, Skip, check, check_equal, check_near, children_of,
                     looking_process, open_terminal, own_children, read_terminal, size_of, test,
                     tolerance, wait_until)
from tree import Report, check_invariants


def count_said(attached, text):
    with open(attached.process.files[1].name, errors="replace") as file:
        return file.read().count(text)


def take_snapshot(attached, number):
    """The report of the snapshot with this number, which there may have been before."""
    path = "%s.%d" % (attached.dump, number)
    said = "snapshot '%s'" % path
    before = count_said(attached, said)
    os.kill(attached.process.pid, signal.SIGUSR1)
    wait_until(lambda: count_said(attached, said) > before, "the snapshot")
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
        check(served.pid in [thread["tid"] for thread in process["threads"]],
              "threads: %r" % process["threads"])
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
def snapshot_while_memprobe_begins(context):
    """Asked for while memprobe still loads its programs: it is written as soon as there is one."""
    dump = context.path("dump")
    process = context.start([MEMPROBE, "-o", dump, "--no-report", "--"] + context.python.command
                            + ["-c", "import time; time.sleep(0.5)"])
    while not children_of(process.pid):  # the inspecting process, long before the programs
        check(process.poll() is None, "memprobe ended")
    os.kill(process.pid, signal.SIGUSR1)
    result = context.finish(process)
    check_equal("status (%s)" % result.errors, result.status, 0)
    check_invariants(read_report(context, dump + ".1"), is_begun=True)


# One child has ended when the other, which is told first, asks memprobe for a snapshot.
YOUNG = """if 1:
    import os, signal, sys, time
    memprobe = os.getppid()
    if os.fork() == 0:
        os._exit(0)
    os.wait()
    if os.fork() == 0:
        os.kill(memprobe, signal.SIGUSR1)
        while not os.path.exists(sys.argv[1]):
            time.sleep(0.01)
        os._exit(0)
    os.wait()
"""


@test(interpreters="one")
def snapshot_before_counting(context):
    """Of a child that has just begun and runs it is not said that it has ended, as of one that has."""
    dump = context.path("dump")
    process = context.start([MEMPROBE, "-o", dump, "--no-report", "--"] + context.python.command
                            + ["-c", YOUNG, dump + ".1"])
    result = context.finish(process)
    check_equal("status (%s)" % result.errors, result.status, 0)
    entries = read_report(context, dump + ".1").processes
    children = [entry for entry in entries if entry["ppid"] == entries[0]["pid"]]
    check_equal("end_reasons", [entry["end_reason"] for entry in children], ["exit", "running"])
    reasons = [entry["calls"]["reason"] for entry in children]
    check_equal("of the ended", reasons[0], "it ended before counting began")
    check(reasons[1] != reasons[0], "of the running: %r" % reasons[1])


@test(interpreters="one")
def snapshot_asked_of_all(context):
    """As by `kill -USR1 $(pidof memprobe)` while the command waits to be begun: it runs as ever."""
    dump = context.path("dump")
    process = context.start([MEMPROBE, "-o", dump, "--no-report", "--"] + context.python.command
                            + ["-c", "import time; time.sleep(0.5)"])
    waiting = wait_until(lambda: own_children(process.pid), "the command's process")
    for pid in [process.pid] + waiting:
        os.kill(pid, signal.SIGUSR1)
    result = context.finish(process)
    check_equal("status (%s)" % result.errors, result.status, 0)
    check_invariants(read_report(context, dump + ".1"), is_begun=True)


# What ends or stops a process that does not expect it.
SENT = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT,
        signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGALRM, signal.SIGPIPE)


@test(interpreters="one", core=True)
def signals_to_helpers(context):
    """Signals to memprobe's own processes, which bear its name, are nothing to them: no name is lost."""
    served = Served(context)
    attached = Attached(context, served.pid)
    wait_until(lambda: looking_process(attached.process.pid), "the process that looks")
    helpers = {pid for pid, _, _ in children_of(attached.process.pid)}
    for number in SENT:
        for pid in helpers:
            os.kill(pid, number)
        served.ask("grow 1")
    take_snapshot(attached, 1)
    kept = {pid for pid, _, state in children_of(attached.process.pid) if state not in "TZ"}
    check_equal("children", kept, helpers)
    report = attached.end()
    check_invariants(report)
    process = report.python(served.pid)
    grown = len(SENT) * size_of(1)
    seen = process.below("growth", process.named("grow_attached"))
    check_near("grow_attached", seen, grown, tolerance(grown))
    served.quit()


def grown_between(context, dump, pid, *options):
    report = parse(memprobe(context, "post", "--format=json", *options, dump).output)
    process = Report(report).python(pid)
    return process.below("growth", process.named("grow_attached"))


@test(interpreters="one")
def growth_between_moments(context):
    """--from and --to: a snapshot beside the dump tells of its moment, nothing of those between."""
    served = Served(context)
    attached = Attached(context, served.pid)
    times = []
    for number in (1, 2):
        served.ask("grow %d" % number)
        times.append("%.9f" % take_snapshot(attached, number).data["meta"]["duration"])
    served.ask("grow 3")
    attached.end()
    one, two, three = (size_of(number) for number in (1, 2, 3))
    for options, grown in ((["--from=" + times[0], "--to=" + times[1]], two),
                           (["--from=" + times[1]], three), (["--to=" + times[0]], one),
                           (["--from=0"], one + two + three)):
        seen = grown_between(context, attached.dump, served.pid, *options)
        check_near("growth with %r" % options, seen, grown, tolerance(grown))
    said = memprobe(context, "post", "--from=" + times[0], attached.dump).errors
    check("from %.2f s ('%s.1') to " % (float(times[0]), attached.dump) in said, "said %r" % said)
    for options, status in ((["--from=5", "--to=2"], 2), (["--to=2", "--leaks"], 2),
                            (["--from=%s" % times[0], "--to=%s1" % times[0]], 1),
                            (["--from=100000"], 1)):
        check_error(memprobe(context, "post", *options, attached.dump), status, CANNOT, HINT)
    served.quit()


STEPS = """
import os, sys, time
kept = []
def keep():
    kept.append(bytearray(1 << 20))
while not all(os.path.exists("%s.%d" % (sys.argv[1], number)) for number in (1, 2)):
    keep()
    time.sleep(0.05)
"""


@test(interpreters="one")
def snapshots_at_intervals(context):
    """--every: snapshots of rising times, between which the growth is what the dumps differ by."""
    dump = context.path("dump")
    result = memprobe(context, "--every=0.5", "--no-report", "-o", dump, "--", *context.python.command,
                      context.write("steps.py", STEPS), dump)
    check_equal("status: " + result.errors, result.status, 0)
    reports = [read_report(context, "%s.%d" % (dump, number)) for number in (1, 2)]
    times = [report.data["meta"]["duration"] for report in reports]
    check(0.4 < times[0] < times[1], "the times are %r" % times)
    kept = [report.python().below("growth", report.python().named("keep")) for report in reports]
    check(kept[0] < kept[1], "keep had %r" % kept)
    between = parse(memprobe(context, "post", "--format=json", "--from=%.9f" % times[0],
                             "--to=%.9f" % times[1], dump).output)
    process = Report(between).python()
    check_equal("growth of keep", process.below("growth", process.named("keep")), kept[1] - kept[0])


STANDING = """
import os, sys, threading, time
waiting = []
def helper():
    pass
def waiter():
    waiting.append(1)
    while len(waiting) < 2 or os.path.exists(sys.argv[1]):
        if len(waiting) == 2:
            print("waiting", flush=True)
            waiting.append(1)
        time.sleep(0.05)
def main():
    for _ in range(5):
        helper()
    thread = threading.Thread(target=waiter)
    thread.start()
    waiter()
    thread.join()
main()
"""
EXPECTED_CALLS = {"<module>": 1, "main": 1, "helper": 5, "waiter": 2}


def own_calls(process, script):
    calls = {}
    for node in process.nodes:
        if node["file"] == script:
            check_equal("calls_exact of " + node["function"], node["calls_exact"], True)
            calls[node["function"]] = calls.get(node["function"], 0) + node["calls"]
    return calls


def has_said(process, text):
    with open(process.files[1].name, errors="replace") as file:
        return text in file.read()


def stand(context, script, dump):
    """A capture that ends by its duration, with a snapshot of when its command had come to stand, and
    the file while which is there the command stands. More time where the machine is slow."""
    for duration in (3, 30, 300):
        flag = context.write("flag.%d" % duration, "")
        process = context.start([MEMPROBE, "-f", "-o", dump, "--no-report", "--calls=exact",
                                 "--duration=%d" % duration, "--", *context.python.command, script,
                                 flag])
        output = process.files[0].name
        wait_until(lambda: os.path.getsize(output) or process.poll() is not None, "the command")
        if process.poll() is None:
            os.kill(process.pid, signal.SIGUSR1)
        said = "snapshot '%s.1'" % dump
        wait_until(lambda: has_said(process, said) or process.poll() is not None, "the snapshot")
        if has_said(process, said):
            return process, flag
        os.unlink(flag)
    raise Failure("the command did not stand within %d s" % duration)


@test(interpreters="all")
def calls_that_go_on(context):
    """Functions that run at a snapshot, or when the capture ends before them, have their calls."""
    script, dump = context.path("standing.py"), context.path("dump")
    with open(script, "w") as file:
        file.write(STANDING)
    process, flag = stand(context, script, dump)
    snapshot = read_report(context, dump + ".1").python()
    if snapshot["calls"]["method"] == "none":
        raise Skip("its calls cannot be counted")
    if not snapshot["calls"]["complete"]:
        raise Skip("its calls are bounds: %s" % snapshot["calls"]["reason"])
    check_equal("calls at the snapshot", own_calls(snapshot, script), EXPECTED_CALLS)
    wait_until(lambda: process.poll() is not None, "the end of the duration")
    check_equal("status", process.returncode, 0)
    os.unlink(flag)
    final = read_report(context, dump).python()
    os.waitpid(final["pid"], 0)  # it ran on, and this driver has adopted it
    check_equal("end_reason", final["end_reason"], "running")
    check_equal("calls at the end", own_calls(final, script), EXPECTED_CALLS)


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


def follow(context, *arguments, env, text=None, seconds=0, columns=0):
    """What a terminal gets of memprobe until it has shown this text, or within a time, when memprobe
    is interrupted."""
    master, slave = open_terminal()
    context.at_end(os.close, master)
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = context.start([MEMPROBE, *arguments], stderr=slave, env=env)
    os.close(slave)
    time.sleep(seconds)
    shown = ""
    while text and text not in shown:
        shown += os.read(master, 65536).decode()
    os.kill(process.pid, signal.SIGINT)
    shown += read_terminal(master)
    context.finish(process)
    return shown


@test(interpreters="one")
def line_of_progress(context):
    """On a terminal one line tells how it goes, and is gone before the report."""
    served = Served(context)
    arguments = ("-f", "-o", context.path("dump"), "-p", str(served.pid))
    text = follow(context, *arguments, text="events/s", env={"TERM": "xterm"})
    lines = [part for part in text.split("\r\x1b[K") if part.startswith("memprobe: ")
             and "events/s" in part]
    check(lines, "no line of progress in %r" % text)
    check("1 process, RSS " in lines[-1] and " lost" in lines[-1], lines[-1])
    report = text.split("events/s")[-1]
    check("\r\x1b[K" in report and "Balance: " in report, "the line stays: %r" % report)
    for columns, last in ((40, " RSS "), (60, " grown "), (200, " lost")):
        text = follow(context, *arguments, text=last, env={"TERM": "xterm"}, columns=columns)
        lines = re.findall(r"\r\x1b\[K(memprobe: [0-9]+ s[^\r\n]*)\r", text)
        check(lines and last in lines[-1], "no line of %d columns: %r" % (columns, text))
        check(max(map(len, lines)) < columns, "longer than %d: %r" % (columns, lines))
    for options, env in ((("-q",), {"TERM": "xterm"}), ((), {"TERM": "dumb"})):
        text = follow(context, *options, *arguments, seconds=1.2, env=env)
        check("events/s" not in text, "a line of progress with %s %s: %r" % (options, env, text))
    errors = memprobe(context, "--duration=1.2", *arguments).errors
    check("events/s" not in errors, "a line of progress without a terminal: %r" % errors)
    served.quit()
