"""How a command ends, how memprobe does, and what is left in the dump: statuses and signals."""
import fcntl
import os
import pty
import signal
import termios
import time

from capture import CANNOT, HINT, capture, check_error, memprobe, read_report
from harness import (MEMPROBE, check, check_equal, check_near, children_of, size_of, test,
                     tolerance, wait_until)
from tree import check_invariants

# how, argument: status of memprobe, exit of the process
ENDS = [
    (("code", 0), 0, {"code": 0, "signal": None}),
    (("code", 3), 3, {"code": 3, "signal": None}),
    (("_exit", 5), 5, {"code": 5, "signal": None}),
    (("thread",), 4, {"code": 4, "signal": None}),
    (("exception",), 1, {"code": 1, "signal": None}),
    (("kill",), 128 + signal.SIGKILL, signal.SIGKILL),
    (("term",), 128 + signal.SIGTERM, signal.SIGTERM),
    (("abort",), 128 + signal.SIGABRT, signal.SIGABRT),
    (("segv",), 128 + signal.SIGSEGV, signal.SIGSEGV),
]


def check_end(process, expected):
    if isinstance(expected, dict):
        check_equal("end_reason", process["end_reason"], "exit")
        check_equal("exit", process["exit"], expected)
    else:
        check_equal("end_reason", process["end_reason"], "signal")
        check_equal("signal", process["exit"]["signal"], int(expected))


@test(interpreters="few")
def exit_statuses(context):
    """memprobe's status is the command's, 128+N for signal N; the books balance in every end."""
    for how, status, expected in ENDS:
        taken = capture(context, context.target("exits.py", *how), status=status)
        check_invariants(taken.report)
        process = taken.process()
        check_end(process, expected)
        seen = process.below("growth", process.named("grow_before_end"))
        grown = taken.truth["functions"][0]["self"]
        check_near("grow_before_end (%s)" % how[0], seen, grown, tolerance(grown))


@test(core=True)
def shell_statuses(context):
    """Statuses of a command without Python."""
    for line, status in (("exit 0", 0), ("exit 42", 42), ("kill -9 $$", 137)):
        result = memprobe(context, "-q", "-o", context.path("dump"), "-f", "/bin/sh", "-c", line)
        check_equal("status of sh -c '%s'" % line, result.status, status)


@test()
def command_not_found(context):
    result = memprobe(context, "-o", context.path("dump"), "--", "no-such-command-here")
    check_error(result, 127, CANNOT, "no-such-command-here", HINT)
    check(not os.path.exists(context.path("dump")), "a dump is left")
    missing = context.path("missing")
    check_error(memprobe(context, "-o", context.path("dump"), missing), 127, CANNOT, missing)


@test()
def command_not_executable(context):
    plain = context.write("plain.txt", "text\n", 0o644)
    check_error(memprobe(context, "-o", context.path("dump"), plain), 126, CANNOT, "plain.txt")
    check_error(memprobe(context, "-o", context.path("dump"), context.directory), 126, CANNOT)
    check(not os.path.exists(context.path("dump")), "a dump is left")


class Terminal:
    """memprobe in the foreground of a terminal of its own, as a person starts it."""

    def __init__(self, context, *arguments):
        self.context = context
        self.master, slave = pty.openpty()
        context.at_end(os.close, self.master)
        self.dump = context.path("terminal.dump")
        self.process = context.start(
            [MEMPROBE, "-o", self.dump, *arguments], stdin=slave, stdout=slave,
            env={"MEMPROBE_TRUTH": context.path("truth")}, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        os.set_blocking(self.master, False)
        self.text = b""

    def shown(self, text):
        try:
            self.text += os.read(self.master, 65536)
        except OSError:
            pass
        return text in self.text

    def wait_for(self, text):
        wait_until(lambda: self.shown(text), "%r on the terminal" % text)

    def type(self, keys):
        os.write(self.master, keys)


@test(interpreters="few")
def interrupt_at_terminal(context):
    """Control-C reaches the command as usual; memprobe waits for it, reports, has its status."""
    terminal = Terminal(context, "--", *context.target("signals.py"))
    terminal.wait_for(b"ready")
    terminal.type(b"\x03")
    result = context.finish(terminal.process)
    check_equal("status", result.status, 7)
    check("Balance:" in result.errors, "no report: %r" % result.errors[-200:])
    report = read_report(context, terminal.dump)
    check_invariants(report)
    check_equal("complete", report.data["meta"]["complete"], True)
    process = report.python()
    check_near("on_interrupt", process.below("growth", process.named("on_interrupt")), size_of(4),
               tolerance(size_of(4)))


def waiting_command(context, *arguments):
    """memprobe with signals.py, ready; and the pid of the program."""
    dump = context.path("waiting.dump")
    memprobe_process = context.start(
        [MEMPROBE, "-o", dump, "--no-report", "--"] + context.target("signals.py", *arguments),
        env={"MEMPROBE_TRUTH": context.path("truth")}, start_new_session=True)
    output = memprobe_process.files[0].name

    def is_ready():
        with open(output) as file:
            return "ready" in file.read()
    wait_until(is_ready, "the command's start")
    children = wait_until(lambda: children_of(memprobe_process.pid), "the command's process")
    return memprobe_process, children[0][0], dump


@test(interpreters="one")
def terminate_is_passed_on(context):
    """SIGTERM to memprobe goes to the command that it started; its status is the command's."""
    process, _, dump = waiting_command(context)
    os.kill(process.pid, signal.SIGTERM)
    check_equal("status", context.finish(process).status, 8)
    report = read_report(context, dump)
    check_invariants(report)
    seen = report.python()
    check_near("on_terminate", seen.below("growth", seen.named("on_terminate")), size_of(3),
               tolerance(size_of(3)))


def is_alive(pid):
    return os.path.exists("/proc/%d" % pid)


def end_command(pid):
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: os.waitpid(pid, os.WNOHANG)[0], "the command's end")


@test(interpreters="one")
def third_interrupt_leaves(context):
    """Three SIGINT within 2 s: memprobe leaves at once, the dump is kept, the command runs on."""
    process, command, dump = waiting_command(context, "stubborn")
    time.sleep(1.5)
    for _ in range(3):
        os.kill(process.pid, signal.SIGINT)
        time.sleep(0.2)
    context.finish(process, timeout=10)
    check(is_alive(command), "the command has ended")
    report = read_report(context, dump)
    seen = report.python()
    check(seen.named("grow_while_waiting"), "the dump lacks what was grown before")
    end_command(command)


@test(interpreters="one")
def killed_memprobe(context):
    """SIGKILL of memprobe: the command runs on; the dump reads, complete is false."""
    process, command, dump = waiting_command(context)
    time.sleep(2.5)
    os.kill(process.pid, signal.SIGKILL)
    context.finish(process)
    check(is_alive(command), "the command has ended with memprobe")
    report = read_report(context, dump)
    check_equal("complete", report.data["meta"]["complete"], False)
    seen = report.python()
    check_near("grow_while_waiting", seen.below("growth", seen.named("grow_while_waiting")),
               size_of(6), tolerance(size_of(6)))
    end_command(command)


@test(interpreters="one")
def streams_are_the_commands(context):
    """stdin, stdout and stderr are the command's own; the report goes to stderr only."""
    script = ("import sys; data = sys.stdin.read(); print('out', data); "
              "print('err', data, file=sys.stderr); keep = bytearray(4 << 20)")
    text = open(context.write("input", "given"))
    context.at_end(text.close)
    result = memprobe(context, "-o", context.path("dump"), "--",
                      *context.python.command, "-c", script, stdin=text)
    check_equal("stdout", result.output, "out given\n")
    check("err given\n" in result.errors, "the command's stderr is not there")
    check("Max mem usage:" in result.errors, "the report is not on stderr")


@test(interpreters="one")
def quiet_and_no_report(context):
    for option in ("--no-report", "-q", "--quiet"):
        result = memprobe(context, option, "-f", "-o", context.path("dump"), "--",
                          *context.python.command, "-c", "pass")
        check_equal("status", result.status, 0)
        check("Balance:" not in result.errors, "%s prints a report" % option)
        check(os.path.getsize(context.path("dump")) > 0, "no dump with " + option)
        if option != "--no-report":
            check_equal("stderr with " + option, result.errors, "")
