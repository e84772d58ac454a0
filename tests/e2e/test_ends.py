"""How a command ends, how memprobe does, and what is left in the dump: statuses and signals."""
import fcntl
import os
import re
import signal
import termios
import time

from capture import (CANNOT, HINT, Served, capture, check_error, memprobe, read_report,
                     wait_for_growth)
from harness import (MEMPROBE, Skip, build_library, check, check_equal, check_near, deliver,
                     memory_group, open_terminal, own_children, size_of, test, tolerance,
                     wait_until)
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


def check_said(context, taken, expected):
    """The tree says it, too; nothing of a status 0."""
    lines = [line for line in memprobe(context, "post", taken.dump).output.splitlines()
             if line.startswith("Ended ")]
    if isinstance(expected, dict):
        status = expected["code"]
        check_equal("lines", lines, ["Ended with status %d" % status] if status else [])
    else:
        check_equal("lines", [line.split(" at ")[0] for line in lines],
                    ["Ended by signal %d (%s)" % (expected, signal.Signals(expected).name)])


@test(interpreters="few")
def exit_statuses(context):
    """memprobe's status is the command's, 128+N for signal N; the books balance in every end."""
    for how, status, expected in ENDS:
        taken = capture(context, context.target("exits.py", *how), status=status)
        check_invariants(taken.report)
        process = taken.process()
        check_end(process, expected)
        check_said(context, taken, expected)
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
    check_error(memprobe(context, "-o", context.path("dump"), context.directory), 126, CANNOT,
                "^  hint: '.*' is a directory: name a program in it$")
    os.mkdir(context.path("package"))
    context.write("package/__main__.py", "")
    for name, status in (("./package", 126), ("package", 127)):
        check_error(memprobe(context, "-o", context.path("dump"), name), status, CANNOT,
                    "^  hint: '%s' is a directory: memprobe -- python3 %s runs" % (name, name))
    check(not os.path.exists(context.path("dump")), "a dump is left")


class Terminal:
    """memprobe in the foreground of a terminal of its own, as a person starts it."""

    def __init__(self, context, *arguments):
        self.context = context
        self.master, slave = open_terminal()
        context.at_end(self.close)
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

    def has_said(self, text):
        with open(self.process.files[1].name, errors="replace") as file:
            return text in file.read()

    def close(self):
        """As a closed window or a broken connection does."""
        if self.master is not None:
            os.close(self.master)
        self.master = None


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


def waiting_command(context, *arguments, options=()):
    """memprobe with signals.py, ready; and the pid of the program."""
    dump = context.path("waiting.dump")
    memprobe_process = context.start(
        [MEMPROBE, "-o", dump, "--no-report", *options, "--"]
        + context.target("signals.py", *arguments),
        env={"MEMPROBE_TRUTH": context.path("truth")}, start_new_session=True)
    output = memprobe_process.files[0].name

    def is_ready():
        with open(output) as file:
            return "ready" in file.read()
    wait_until(is_ready, "the command's start")
    children = wait_until(lambda: own_children(memprobe_process.pid), "the command's process")
    return memprobe_process, children[0], dump


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


def wait_for_flush(context, dump):
    """Until what signals.py grew before it was ready is in the dump."""
    wait_for_growth(context, dump, "grow_while_waiting", size_of(6))


def is_alive(pid):
    return os.path.exists("/proc/%d" % pid)


def end_command(pid):
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: os.waitpid(pid, os.WNOHANG)[0], "the command's end")


@test(interpreters="one")
def third_interrupt_leaves(context):
    """Three SIGINT within 2 s: memprobe leaves at once, the dump is kept, the command runs on."""
    process, command, dump = waiting_command(context, "stubborn")
    wait_for_flush(context, dump)
    sent = 0
    while process.poll() is None:
        deliver(process, signal.SIGINT)
        sent += 1
        time.sleep(0.2)  # three within 2 s when nothing holds memprobe up
    check(sent >= 3, "%d were enough" % sent)
    check(is_alive(command), "the command has ended")
    report = read_report(context, dump)
    seen = report.python()
    check(seen.named("grow_while_waiting"), "the dump lacks what was grown before")
    end_command(command)


@test(interpreters="one")
def killed_memprobe(context):
    """SIGKILL of memprobe: the command runs on; the dump reads, complete is false."""
    process, command, dump = waiting_command(context)
    wait_for_flush(context, dump)
    os.kill(process.pid, signal.SIGKILL)
    context.finish(process)
    check(is_alive(command), "the command has ended with memprobe")
    report = read_report(context, dump)
    check_equal("complete", report.data["meta"]["complete"], False)
    seen = report.python()
    check_near("grow_while_waiting", seen.below("growth", seen.named("grow_while_waiting")),
               size_of(6), tolerance(size_of(6)))
    check_equal("threads", [thread["tid"] for thread in seen["threads"]], [command])
    check_open_calls(seen)
    end_command(command)


def check_open_calls(process):
    """What still runs has no exact number where calls are counted when frames end."""
    open_rows = [node for node in process.named("<module>") if node["calls"] == 0]
    check(not any(node["calls_exact"] for node in open_rows), "0 calls, exact: %r" % open_rows)
    check(not open_rows or not process["calls"]["complete"] and process["calls"]["reason"],
          "calls: %r" % process["calls"])


@test(interpreters="few")
def calls_of_killed_memprobe(context):
    process, command, dump = waiting_command(context, options=["--calls=exact"])
    wait_for_flush(context, dump)
    os.kill(process.pid, signal.SIGKILL)
    context.finish(process)
    check_open_calls(read_report(context, dump).python())
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


def eater_of(report, pid=None):
    """The one entry with rows of eat() that was killed."""
    found = [process for process in report.processes
             if process.named("eat") and pid in (None, process["pid"])]
    check_equal("entries with eat()", len(found), 1)
    check_end(found[0], signal.SIGKILL)
    return found[0]


def check_eaten(process, at_least):
    """What ate the memory is in the tree, with as much as was resident at the kill."""
    eaten = process.below("growth", process.named("eat"))
    check(eaten >= at_least, "eat() has %d, expected at least %d" % (eaten, at_least))
    check(eaten <= process["rss"]["peak"] <= eaten + size_of(64),
          "rss.peak is %d, eat() has %d" % (process["rss"]["peak"], eaten))


@test(interpreters="few")
def killed_by_its_parent(context):
    """A child that takes memory until its parent ends it by SIGKILL: at 2 GB in the long form."""
    limit = 2048 if context.long else 256
    taken = capture(context, context.target("eats.py", "feed", limit))
    check_invariants(taken.report)
    check_equal("signal", taken.truth["signal"], int(signal.SIGKILL))
    child = eater_of(taken.report, taken.truth["child"])
    check_equal("ppid", child["ppid"], taken.truth["pid"])
    check_eaten(child, (limit - 64) << 20)
    check_end(taken.report.python(taken.truth["pid"]), {"code": 0, "signal": None})


@test(interpreters="one", core=True)
def killed_for_want_of_memory(context):
    """The kernel's own kill in a memory cgroup: SIGKILL at that RSS, and the path that took it."""
    limit = 256 << 20
    group = memory_group(context, limit)
    script = 'echo $$ > "$0/cgroup.procs"; exec "$@"'
    taken = capture(context, ["/bin/sh", "-c", script, group] + context.target("eats.py", "eat"),
                    status=128 + signal.SIGKILL)
    check_invariants(taken.report)
    process = eater_of(taken.report)
    check_eaten(process, limit - (64 << 20))
    check(process["rss"]["peak"] <= limit + (32 << 20), "rss.peak is %d" % process["rss"]["peak"])
    said = memprobe(context, "post", taken.dump).output
    check("Ended by signal 9 (SIGKILL)" in said and ".eat" in said, "the tree: %r" % said[-400:])


@test(interpreters="one")
def exec_into_another_program(context):
    """An exec ends Python's entry; what comes is a program of its own kind, with its own end."""
    script = "keep = bytearray(6 << 20); import os; os.execv('/bin/sh', ['sh', '-c', 'exit 3'])"
    taken = capture(context, context.python.command + ["-c", script], status=3)
    check_invariants(taken.report)
    first, second = taken.report.python(), taken.report.processes[-1]
    check_equal("end_reason", first["end_reason"], "exec")
    check_equal("pid after exec", second["pid"], first["pid"])
    check_equal("python after exec", second["python"], None)
    check_end(second, {"code": 3, "signal": None})
    said = memprobe(context, "post", "--min=0", taken.dump).output
    check("Ended by exec\n" in said and "Ended with status 3\n" in said, "the tree: %r" % said)


@test(interpreters="one")
def terminal_closes(context):
    """SIGHUP when the terminal goes: the command ends as usual, the dump is whole."""
    terminal = Terminal(context, "--", *context.target("signals.py"))
    terminal.wait_for(b"ready")
    terminal.close()
    result = context.finish(terminal.process)
    check_equal("status", result.status, 128 + signal.SIGHUP)
    report = read_report(context, terminal.dump)
    check_invariants(report)
    check_equal("complete", report.data["meta"]["complete"], True)
    process = report.python()
    check_end(process, signal.SIGHUP)
    check_near("grow_while_waiting", process.below("growth", process.named("grow_while_waiting")),
               size_of(6), tolerance(size_of(6)))


@test(interpreters="one")
def terminal_closes_while_attached(context):
    """With -p the end of the terminal ends the capture, and nothing else."""
    served = Served(context)
    terminal = Terminal(context, "--no-report", "-p", str(served.pid))
    wait_until(lambda: terminal.has_said("attached to"), "attaching")
    served.ask("grow 5")
    terminal.close()
    check_equal("status", context.finish(terminal.process).status, 0)
    report = read_report(context, terminal.dump)
    check_equal("complete", report.data["meta"]["complete"], True)
    process = report.python(served.pid)
    check_near("grow_attached", process.below("growth", process.named("grow_attached")), size_of(5),
               tolerance(size_of(5)))
    check_equal("status of the target", served.quit(), 9)


@test(interpreters="one")
def two_interrupts(context):
    """A second SIGINT is the command's own matter: memprobe still waits, reports, is complete."""
    process, command, dump = waiting_command(context, "stubborn")
    for _ in range(2):
        deliver(process, signal.SIGINT)
    check(is_alive(command) and process.poll() is None, "memprobe or the command has ended")
    os.kill(process.pid, signal.SIGTERM)
    check_equal("status", context.finish(process).status, 8)
    report = read_report(context, dump)
    check_invariants(report)
    check_equal("complete", report.data["meta"]["complete"], True)


@test(interpreters="one")
def disk_fills(context):
    """No space for the dump: the command runs to its end, memprobe says so and fails."""
    small = context.path("small")
    os.mkdir(small)
    mounted = context.run(["mount", "-t", "tmpfs", "-o", "size=64k", "small", small])
    if mounted.status != 0:
        raise Skip("no file system can be mounted")
    context.at_end(unmount, small)
    with open(os.path.join(small, "filler"), "wb") as file:
        file.write(b"\0" * (60 << 10))
    dump, done = os.path.join(small, "dump"), context.path("done")
    script = "exec(''.join('def f%d(): return bytearray(9)\\nf%d()\\n' % (i, i) for i in range(4000)));" \
             "import json, sys; keep = bytearray(8 << 20); open(sys.argv[1], 'w').close()"
    result = memprobe(context, "-o", dump, "--", *context.python.command, "-c", script, done)
    check(os.path.exists(done), "the command did not run to its end: %r" % result.errors[-300:])
    check_error(result, 125, CANNOT, "dump", "No space left")
    check("Balance:" in result.errors, "no report: %r" % result.errors[-300:])
    whole = re.search(r"^  hint: the whole dump is '(.*)'$", result.errors, re.M)
    check(whole, "the dump is not saved elsewhere: %r" % result.errors[-300:])
    check_equal("complete", read_report(context, whole.group(1)).data["meta"]["complete"], True)
    read = memprobe(context, "post", dump)
    check(read.status in (0, 1) and "Traceback" not in read.errors, "post: %r" % (read,))


def unmount(directory):
    import subprocess
    subprocess.run(["umount", directory], check=False)


@test(interpreters="all")
def ends_of_a_filled_runtime(context):
    """What C takes after the runtime is the shutdown's, also where a debug allocator has filled the
    state of the thread that was freed, to which the thread's slot still leads."""
    library = build_library(context, "cc", "takes_when_unloaded.c")
    command = list(context.python.command) + ["-c", "import ctypes; ctypes.CDLL(%r)" % library]
    process = capture(context, command, env={"PYTHONMALLOC": "debug"}).report.python()
    grown = process.own("grown", process.of_kind("shutdown"))
    check(grown >= size_of(8), "[shutdown] grew %d" % grown)
    check_equal("rows of [lost]", process.of_kind("lost"), [])
