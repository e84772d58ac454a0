"""What every end-to-end test stands on: the registry, the context of one test, its processes.

A test is a function with @test that takes a Context. It ends normally, or raises Failure or Skip.
Every process that a test starts is ended by its own pid when the test ends, and what it leaves
behind (this driver adopts orphans) is ended and reported as a failure.
"""
import ctypes
import os
import pty
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections import namedtuple

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TARGETS = os.path.join(REPOSITORY, "tests", "targets")
MEMPROBE = os.path.abspath(os.environ.get("MEMPROBE", os.path.join(REPOSITORY, "build/memprobe")))
CACHE = os.path.expanduser(os.environ.get("MEMPROBE_CACHE") or "~/.cache/memprobe")
NOBODY = 65534
# For what hangs, not for what is slow: whatever else runs here may slow a test down by ten times.
TIMEOUT = float(os.environ.get("MEMPROBE_TEST_TIMEOUT", "600"))
PR_SET_CHILD_SUBREAPER = 36
LOOKING = "memprobe-looks"
MB = 1 << 20
PAGE = os.sysconf("SC_PAGESIZE")
LIBRARIES = "/usr/lib/%s-linux-gnu" % os.uname().machine  # Debian's and Ubuntu's
KERNEL = tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])

# highest: the process's own highest RSS in bytes, as far as it was seen while it ran
Result = namedtuple("Result", "status output errors highest pid")
Test = namedtuple("Test", "name function interpreters core long needs alone needs_gil")
TESTS = []


class Failure(Exception):
    """The program does not do what the contract says."""


class Skip(Exception):
    """The test cannot run here, and why."""


def need_native():
    if KERNEL < (6, 2):
        raise Skip("--native needs Linux 6.2")
    if os.uname().machine != "x86_64":
        raise Skip("--native unwinds stacks of x86-64 only")


def test(interpreters=None, core=False, long=False, needs="root", alone=False, needs_gil=False):
    """Register a test. interpreters: None (no Python of its own), "one", "few", "all" or names;
    core: part of what runs in Debian's kernels; long: only in the long form;
    needs: "root" for the program and root, "nothing" for what runs anywhere;
    alone: no other test may run beside it;
    needs_gil: not under free-threaded builds, which take objects and their buffers from a mimalloc of
    their own: it keeps what is freed, and objects are blocks like others (docs/accuracy.md)."""
    def register(function):
        TESTS.append(Test(function.__name__, function, interpreters, core, long, needs,
                          alone, needs_gil))
        return function
    return register


def open_terminal():
    """Both ends of a pseudo-terminal."""
    try:
        return pty.openpty()
    except OSError as error:
        raise Skip("no pseudo-terminal can be opened: %s" % error)


def read_terminal(master):
    """All that was written to a pseudo-terminal, until its other side is closed."""
    text = b""
    try:
        while True:
            text += os.read(master, 65536)
    except OSError:
        return text.decode()


def check(condition, message):
    if not condition:
        raise Failure(message)


def check_equal(what, seen, expected):
    check(seen == expected, "%s is %r, expected %r" % (what, seen, expected))


def check_near(what, seen, expected, tolerance):
    check(abs(seen - expected) <= tolerance,
          "%s is %d, expected %d +- %d" % (what, seen, expected, tolerance))


def check_all(mismatches):
    """Fail with all that does not fit, the first few in full."""
    if mismatches:
        more = len(mismatches) - 6
        raise Failure("; ".join(mismatches[:6]) + ("; and %d more" % more if more > 0 else ""))


def tolerance(expected, ratio=0.01):
    """max(1 %, 256 KiB), the accuracy that the contract promises."""
    return max(abs(expected) * ratio, 256 * 1024)


def batches():
    """What the CPUs may keep back of a counter, together: lib/percpu_counter.c; before 6.2 a thread
    keeps back as much as two CPUs (TASK_RSS_EVENTS_THRESH, mm/memory.c)."""
    return max(32, 2 * os.cpu_count()) * PAGE * os.cpu_count()


def size_of(megabytes):
    """What targets make of so many MB (tests/targets/truth.py)."""
    scale = float(os.environ.get("MEMPROBE_SCALE", "1"))
    return max(PAGE, int(megabytes * MB * scale) // PAGE * PAGE)


def adopt_orphans():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def base_environment(directory):
    """The caller's, less what would change the programs under test."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("SUDO_", "PYTHON", "MEMPROBE")) or name == "MEMPROBE_SCALE"}
    kept.update(LC_ALL="C.UTF-8", TMPDIR=directory, PYTHONDONTWRITEBYTECODE="1",
                OPENBLAS_NUM_THREADS="1", OPENMDAO_REPORTS="0")
    return kept


class Context:
    """One run of one test: its directory, its interpreter, its processes."""

    def __init__(self, directory, python=None, long=False):
        self.directory = directory
        self.python = python
        self.long = long
        self.children = []
        self.cleanups = []
        self.environment = base_environment(directory)
        if python:
            self.environment.update(python.environment)
        os.mkdir(directory)
        os.chmod(directory, 0o755)

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def target(self, name, *arguments):
        """The command line of a target under this test's interpreter."""
        return self.python.command + [os.path.join(TARGETS, name)] + [str(a) for a in arguments]

    def start(self, command, env=None, **options):
        """A process of this test; without other wishes its output goes to files."""
        number = len(self.children)
        for stream in ("stdout", "stderr"):
            if stream not in options:
                options[stream] = open(self.path("%s.%d" % (stream, number)), "wb+")
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("cwd", self.directory)
        process = subprocess.Popen(command, env=dict(self.environment, **(env or {})), **options)
        process.files = [options["stdout"], options["stderr"]]
        self.children.append(process)
        return process

    def finish(self, process, timeout=TIMEOUT):
        """Wait for a process of this test; its status as a shell sees it, output, highest RSS."""
        end, highest = time.monotonic() + timeout, 0
        while True:
            highest = highest_rss(process.pid) or highest
            pid, status = os.waitpid(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > end:
                raise Failure("%s did not end within %g s" % (process.args[0], timeout))
            time.sleep(0.005)
        process.returncode = status_of(status)
        return Result(process.returncode, text_of(process.files[0]), text_of(process.files[1]),
                      highest, process.pid)

    def run(self, command, timeout=TIMEOUT, **options):
        return self.finish(self.start(command, **options), timeout)

    def at_end(self, call, *arguments):
        self.cleanups.append((call, arguments))

    def close(self):
        """End what still runs, remove the directory; returns the names of what was left over."""
        for process in self.children:
            if process.returncode is None:
                end_process(process.pid)
                process.returncode = -signal.SIGKILL
            for file in process.files:
                if hasattr(file, "close"):
                    file.close()
        for call, arguments in reversed(self.cleanups):
            call(*arguments)
        leftovers = end_leftovers()
        shutil.rmtree(self.directory, ignore_errors=True)
        return leftovers


def build_library(context, compiler, source, *options):
    """A target that is a library; its path."""
    if not shutil.which(compiler):
        raise Skip("there is no compiler %s" % compiler)
    library = context.path(os.path.splitext(source)[0] + ".so")
    built = context.run([compiler, *options, "-O1", "-shared", "-fPIC", "-o", library,
                         os.path.join(TARGETS, source)])
    check_equal("the compiler's status (%s)" % built.errors, built.status, 0)
    return library


def status_of(status):
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def text_of(file):
    if not hasattr(file, "read"):
        return ""
    file.seek(0)
    return file.read().decode("utf-8", "surrogateescape")


def highest_rss(pid):
    """VmHWM; not wait4's figure, which is that of the children that it waited for, too."""
    try:
        with open("/proc/%d/status" % pid) as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


def end_process(pid):
    """SIGKILL to one child of ours and wait for it."""
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass


def status_fields(pid):
    """comm, state and parent of a process, or None when it has gone."""
    try:
        with open("/proc/%d/stat" % pid, errors="replace") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    comm, rest = text[text.index("(") + 1:].rsplit(")", 1)
    return comm, rest.split()[0], int(rest.split()[1])


def children_of(parent):
    found = []
    for name in os.listdir("/proc"):
        fields = status_fields(int(name)) if name.isdigit() else None
        if fields and fields[2] == parent:
            found.append((int(name), fields[0], fields[1]))
    return found


def own_children(memprobe):
    """The processes that a memprobe runs for its user: without the one that looks at them."""
    return [pid for pid, name, _ in children_of(memprobe) if name != LOOKING]


def looking_process(memprobe):
    """The one of a memprobe that looks at targets, or None."""
    return next((pid for pid, name, _ in children_of(memprobe) if name == LOOKING), None)


def wait_for_guard():
    """Until who lets processes go on for a memprobe that was killed has ended, too."""
    wait_until(lambda: all(state == "Z" or name != "memprobe"
                           for _, name, state in children_of(os.getpid())), "the guard's end")


def state_of(pid):
    fields = status_fields(pid)
    return fields[1] if fields else "?"


def kill_while_it_stands(memprobe, pid):
    """Kills a memprobe as soon as it has stopped a process for a last look; that goes on to its end."""
    while state_of(pid) != "T":
        check(os.path.exists("/proc/%d" % pid), "it was not stopped")
    os.kill(memprobe, signal.SIGKILL)
    wait_until(lambda: state_of(pid) in "Z?", "the process's end")
    wait_for_guard()


LEFTOVERS_END_S = 10


def end_leftovers():
    """End every process that has become ours; the names of those that were still running, and did not
    end by themselves soon: a browser's processes see that it is gone when it is their turn."""
    names = []
    end = time.monotonic() + LEFTOVERS_END_S
    while time.monotonic() < end and any(state != "Z" for _, _, state in children_of(os.getpid())):
        time.sleep(0.1)
    for _ in range(50):
        children = children_of(os.getpid())
        if not children:
            break
        for pid, comm, state in children:
            if state != "Z":
                names.append("%s (pid %d)" % (comm, pid))
            end_process(pid)
    return names


def wait_until(condition, what, timeout=TIMEOUT):
    """The first true value of condition(), which is asked until then."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure("%s: not within %g s" % (what, timeout))
        time.sleep(0.01)


def deliver(process, number):
    """Send a signal and wait until it has been taken: two that wait become one."""
    os.kill(process.pid, number)

    def is_taken():
        status = read_status(process.pid)
        pending = re.findall(r"^(?:Sig|Shd)Pnd:\s+(\w+)", status, re.M)
        return "\nState:\tZ" in status or not any(int(mask, 16) >> number - 1 & 1 for mask in pending)
    wait_until(is_taken, "taking signal %d" % number)


def read_status(pid):
    try:
        with open("/proc/%d/status" % pid) as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def write_to(path, text):
    with open(path, "w") as file:
        file.write(text)


def find_controller():
    """Where memory cgroups are made, and what their limits are called; version 1 or 2."""
    with open("/proc/mounts") as file:
        mounts = [line.split() for line in file]
    for _, place, kind, options, *_ in mounts:
        if kind == "cgroup" and "memory" in options.split(","):
            return place, ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
    for _, place, kind, *_ in mounts:
        if kind != "cgroup2":
            continue
        with open(os.path.join(place, "cgroup.controllers")) as file:
            if "memory" in file.read().split():
                return place, ("memory.max", "memory.swap.max")
    raise Skip("no memory controller is mounted")


def memory_group(context, limit):
    """A memory cgroup of the test's own with this limit and no swap beyond it."""
    place, (limit_name, swap_name) = find_controller()
    group = os.path.join(place, "memprobe-e2e-%d" % os.getpid())
    try:
        if limit_name == "memory.max":
            write_to(os.path.join(place, "cgroup.subtree_control"), "+memory")
        os.mkdir(group)
    except OSError as error:
        raise Skip("no memory cgroup can be made: %s" % error)
    context.at_end(os.rmdir, group)
    write_to(os.path.join(group, limit_name), str(limit))
    swap = os.path.join(group, swap_name)
    if os.path.exists(swap):
        write_to(swap, "0" if swap_name == "memory.swap.max" else str(limit))
    return group


class Session:
    """The directory of the whole run, removed at its end."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="memprobe-e2e-")
        os.chmod(self.directory, 0o755)
        self.count = 0

    def context(self, python=None, long=False):
        self.count += 1
        return Context(os.path.join(self.directory, "t%d" % self.count), python, long)

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)
