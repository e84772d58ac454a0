"""What a target names or holds leads memprobe nowhere: files that it may not read, files that block,
links out of its root."""
import os
import shutil
import signal

from capture import Attached, Served, copy_targets, last_lines, memprobe, record, read_report
from harness import (MEMPROBE, NOBODY, Skip, check, check_equal, check_near, looking_process, size_of,
                     state_of, test, tolerance, wait_until)
from tree import LATE, check_invariants

SECRET = "class TopSecretProject:\n    def grow(self): 'a secret docstring'\n    'a secret line'\n"
OPEN = "class Open:\n    def grow(self):\n        return 'an open line'\n"
OLD = ("pyenv-3.8",)  # code objects of before 3.11 have no qualified names
UNANSWERED = "name not looked up"
FIRST_FLUSH = 2000  # bytes: more than the head of a dump
DROPPED = {"MEMPROBE_DROP_TO": str(NOBODY)}


def sources_of(context):
    """A file that only root may read and one that everybody may, both outside of what is theirs."""
    return context.write("secret.py", SECRET, 0o600), context.write("open.py", OPEN)


def qualified_in(report, path):
    """Which names of the functions `grow` in a file are qualified: True, False, or both."""
    labels = {node["label"] for process in report.processes for node in process.nodes
              if node["file"] == path and not node["label"].endswith("<module>")}
    check(labels and all(label.endswith(".grow") for label in labels), "in %s: %s" % (path, labels))
    return {not label.startswith("<") for label in labels}


def table_of(context, target, *options, **run_options):
    """The report of lines at the end of a capture."""
    dump = context.path("lines.dump")
    result = memprobe(context, "-f", "-o", dump, "--lines", "--format=table", "--full-paths", *options,
                      "--", *target, **run_options)
    check_equal("status (%s)" % last_lines(result.errors), result.status, 0)
    check("bytearray" in result.errors or "3  " in result.errors, last_lines(result.errors, 12))
    return result.errors


def as_caller():
    """Of sudo: the command runs as nobody."""
    return {"SUDO_UID": str(NOBODY), "SUDO_GID": str(NOBODY)}


def open_to_nobody(context):
    os.chmod(context.directory, 0o777)
    return [os.path.join(copy_targets(context), "named_sources.py")]


@test(interpreters="one", core=True)
def lines_of_secret_file(context):
    """The text of lines is read with the rights of the user behind sudo."""
    secret, readable = sources_of(context)
    target = context.python.command + open_to_nobody(context) + [secret, readable]
    table = table_of(context, target, env=as_caller())
    check("an open line" in table, last_lines(table, 12))
    check("secret line" not in table and "docstring" not in table, last_lines(table, 12))
    table = table_of(context, target)
    check("a secret line" in table, "root's own target: %s" % last_lines(table, 12))


@test(interpreters="one", core=True)
def lines_of_dropped_rights(context):
    """Root measures a process that has become nobody: what it names then is opened as nobody."""
    secret, readable = sources_of(context)
    table = table_of(context, context.python.command + open_to_nobody(context) + [secret, readable],
                     env=DROPPED)
    check("an open line" in table, last_lines(table, 12))
    check("secret line" not in table, last_lines(table, 12))


@test(interpreters=OLD)
def names_from_secret_file(context):
    """Qualified names come from sources that the target itself may read."""
    secret, readable = sources_of(context)
    for waits in ("0", "1"):
        target = context.target("named_sources.py", "--wait", waits, secret, readable)
        result, dump = record(context, target, "-f", env=DROPPED)
        check_equal("status", result.status, 0)
        report = read_report(context, dump)
        check_equal("a secret source", qualified_in(report, secret), {False})
        check_equal("an open source", qualified_in(report, readable), {True})


def blocking_names(context):
    """What must not be opened or read, as sources."""
    fifo = context.path("fifo.py")
    os.mkfifo(fifo)
    return [fifo, "/dev/zero", "/dev/tty", "/dev/full", context.directory, "/proc/kmsg",
            "/proc/self/environ", "/sys/kernel/uevent_seqnum", context.path("absent.py")]


@test(interpreters=("system-3.11",) + OLD, core=True)
def sources_that_block(context):
    """A FIFO, devices, directories and files of proc as sources: memprobe ends as ever."""
    names = blocking_names(context)
    target = context.target("named_sources.py", "--wait", "1", *names)
    table = table_of(context, target, timeout=60)
    for name in names:
        check(name in table, "%s is missing: %s" % (name, last_lines(table, 20)))
    for waits in ("0", "1"):
        result, dump = record(context, context.target("named_sources.py", "--wait", waits, *names), "-f",
                              timeout=60)
        check_equal("status", result.status, 0)
        report = read_report(context, dump)
        for name in names:
            if context.python.minor < (3, 11):
                check_equal(name, qualified_in(report, name), {False})


# A root of its own with this machine's programs: $1 the root, $2 what is /tmp in it.
ROOT = """set -e
root=$1; mount -t tmpfs root "$root"
for name in usr bin lib lib64 %(home)s; do
    [ -e "/$name" ] || continue
    mkdir -p "$root/$name"; mount --bind "/$name" "$root/$name"
done
mkdir -p "$root/tmp" "$root/proc" "$root/etc" "$root/dev"
mount --bind "$2" "$root/tmp"; mount -t proc proc "$root/proc"
ln -s "$3" "$root/etc/secret.py"; ln -s /tmp/open.py "$root/etc/open.py"
shift 3; exec chroot "$root" "$@" """


@test(interpreters=OLD)
def links_out_of_a_root(context):
    """An absolute link in a container is the container's: it does not lead into memprobe's root."""
    secret, _ = sources_of(context)
    os.chmod(secret, 0o644)
    shared = copy_targets(context)
    shutil.copy(context.path("open.py"), shared)
    os.mkdir(context.path("root"))
    home = os.path.dirname(os.path.dirname(os.path.realpath(context.python.command[0])))
    words = ["unshare", "--mount", "sh", "-c", ROOT % {"home": home.lstrip("/")}, "sh",
             context.path("root"), shared, secret]
    tried = context.run(words + ["/bin/true"])
    if tried.status != 0:
        raise Skip("no such root can be made: %s" % last_lines(tried.errors, 1))
    result, dump = record(context, words + context.python.command + [
        "/tmp/named_sources.py", "--wait", "3", "/etc/secret.py", "/etc/open.py"], "-f")
    check_equal("status (%s)" % last_lines(result.errors), result.status, 0)
    report = read_report(context, dump)
    check_equal("a link out of the root", qualified_in(report, "/etc/secret.py"), {False})
    check_equal("a link within the root", qualified_in(report, "/etc/open.py"), {True})


@test(interpreters=("system-3.11",))
def object_in_unanswered_page(context):
    """An object in a page that never comes (userfaultfd): it has no name; memprobe goes on and heeds
    signals while it waits to be answered."""
    dump = context.path("unanswered.dump")
    process = context.start([MEMPROBE, "-o", dump, "--no-report", "--"]
                            + context.target("unanswered_page.py", 25))
    output = process.files[0].name

    def has_begun():
        if process.poll() == 77:
            raise Skip("no userfaultfd")
        with open(output) as file:
            return "ready" in file.read() and os.path.getsize(dump) > FIRST_FLUSH
    wait_until(has_begun, "the first flush behind the object")
    os.kill(process.pid, signal.SIGTERM)
    check_equal("status", context.finish(process, timeout=20).status, 128 + signal.SIGTERM)
    report = read_report(context, dump)
    check_invariants(report)
    found = report.python()
    check_near("grow", found.below("growth", found.named("Unanswered.grow")), size_of(4),
               tolerance(size_of(4)))


@test(interpreters=("pyenv-3.13",))
def circles_of_threads(context):
    """Lists that never end, read where calls are counted by ends: it takes no more than an ordinary
    reading. CPU time, because a busy machine takes what time it likes."""
    served = context.start(context.target("circles.py", 60))
    wait_until(lambda: os.path.getsize(served.files[0].name), "the target")
    before = os.times()
    report = Attached(context, served.pid, options=("--calls=exact",)).end()
    used = os.times()
    check_equal("entries", len([one for one in report.processes if one["pid"] == served.pid]), 1)
    seconds = used.children_user + used.children_system - before.children_user - before.children_system
    check(seconds < 5, "%.1f s of CPU time" % seconds)


def pause(pid):
    """A process that gets on no longer, as one that waits for a page or a file would."""
    os.kill(pid, signal.SIGSTOP)


def attached_and_looking(context):
    served = Served(context)
    attached = Attached(context, served.pid, options=("--calls=exact",))
    looking = wait_until(lambda: looking_process(attached.process.pid), "the process that looks")
    served.ask("grow 2")
    pause(looking)
    return served, attached, looking


@test(interpreters="few", core=True)
def inspection_that_hangs(context):
    """The inspecting process is replaced, and the capture ends as ever, with its numbers. What it was
    asked meanwhile is lost, and counted."""
    served, attached, looking = attached_and_looking(context)
    served.ask("grow 4")
    report = attached.end()
    check_invariants(report, with_losses=True)
    process = report.python(served.pid)
    reasons = {loss["reason"] for loss in process["losses"]}
    check(reasons <= {UNANSWERED, LATE}, "losses: %s" % reasons)
    expected = size_of(2) + size_of(4)
    check_near("grow_attached", process.below("growth", process.named("grow_attached")), expected,
               tolerance(expected))
    check(not os.path.exists("/proc/%d" % looking), "the process that hung is still there")
    served.quit()


@test(interpreters="one", core=True)
def killed_while_inspection_hangs(context):
    """SIGKILL ends memprobe at once, and the inspecting process with it."""
    served, attached, looking = attached_and_looking(context)
    os.kill(attached.process.pid, signal.SIGKILL)
    check_equal("status", context.finish(attached.process, timeout=20).status, 128 + signal.SIGKILL)
    wait_until(lambda: not os.path.exists("/proc/%d" % looking) or state_of(looking) == "Z",
               "the end of the process that hung")
    served.quit()


@test(interpreters="one", core=True)
def inspection_is_confined(context):
    """The inspecting process can signal, trace or run nobody, and holds no files but its socket."""
    served = Served(context)
    attached = Attached(context, served.pid)
    looking = wait_until(lambda: looking_process(attached.process.pid), "the process that looks")
    with open("/proc/%d/status" % looking) as file:
        fields = dict(line.split(":", 1) for line in file if ":" in line)
    capabilities = int(fields["CapPrm"], 16)
    for name, bit in (("CAP_DAC_OVERRIDE", 1), ("CAP_KILL", 5), ("CAP_SYS_ADMIN", 21), ("CAP_BPF", 39)):
        check(not capabilities >> bit & 1, "it has %s" % name)
    check_equal("Seccomp", fields["Seccomp"].strip(), "2")
    check_equal("NoNewPrivs", fields["NoNewPrivs"].strip(), "1")
    held = {os.readlink("/proc/%d/fd/%s" % (looking, name)) for name in os.listdir("/proc/%d/fd" % looking)}
    others = {name for name in held if name != "/dev/null" and not name.startswith("socket:")
              and not name.endswith("/pagemap")}
    check(not others, "it holds %s" % others)
    check_equal("session", os.getsid(looking), looking)
    attached.end()
    served.quit()
