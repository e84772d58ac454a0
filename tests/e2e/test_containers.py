"""Processes that see other files, other numbers or other users than memprobe does."""
import os
import shutil
import subprocess

from capture import Attached, Served, check_error, copy_targets, last_lines, read_report
from harness import (CACHE, MEMPROBE, TARGETS, Skip, check, check_equal, check_near, children_of,
                     size_of, test, tolerance, wait_until)
from tree import check_invariants

ROUNDS = 3
DEBIAN = "debian-3.13"
OWN_PROCESSES = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
OWN_USERS = ["unshare", "--user", "--map-root-user"]
# $1 is the new root, $2 what is /tmp in it, the rest runs inside.
CHROOT = """set -e
root=$1; mount --bind "$root" "$root"; mount --bind "$2" "$root/tmp"
mount -t proc proc "$root/proc"; shift 2; cd "$root"; exec chroot . "$@" """
# The same over this machine's files, stacked before the user namespace begins as container engines
# do, and with nothing left of the old root; in a chroot (tools/kernels) none may begin.
OVERLAY = """set -e
mount -t tmpfs box "$1"; mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" box "$1/root"
cd "$1/root"; mount --bind "$2" tmp; mount -t proc proc proc; mkdir -p opt/inside old
cp "$3" opt/inside/python; mount --bind /dev dev; shift 3
pivot_root . old; umount -l /old; users="unshare --user --map-root-user"
$users true 2>/dev/null || users=; exec $users /opt/inside/python "$@" """


# memprobe's own container: stacked files, nothing but proc, sys and dev; $1 and $2 as above.
OWN = """set -e
mount -t tmpfs box "$1"; mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" box "$1/root"
cd "$1/root"; mount --bind "$2" tmp; mount -t proc proc proc; mount -t sysfs sys sys
mount --bind /dev dev; mkdir -p opt/inside old; cp "$3" opt/inside/memprobe; shift 3
pivot_root . old; umount -l /old; exec /opt/inside/memprobe "$@" """


def contained(context, namespaces, script, *arguments):
    """The command line of a program in namespaces of its own; arguments begin with the root."""
    shared = copy_targets(context)
    tried = context.run(namespaces + ["true"])
    if tried.status != 0:
        raise Skip("no such namespaces can be made: %s" % last_lines(tried.errors, 1))
    root, *words = arguments
    return namespaces + ["sh", "-c", script, "sh", root, shared] + words


def in_debian(context):
    """An unpacked Debian with its own Python, entered by chroot."""
    root = os.path.join(CACHE, "interpreters", DEBIAN)
    if not os.path.exists(os.path.join(root, "version")):
        raise Skip("tools/interpreters fetch %s has not run" % DEBIAN)
    return contained(context, OWN_USERS + OWN_PROCESSES[1:], CHROOT, root, "/usr/bin/python3.13",
                     "/tmp/attach.py", "--truth=/tmp/truth")


def home_of(context):
    """The file of the test's interpreter and its sys.prefix."""
    result = context.run(context.python.command + ["-c", "import os, sys; print(os.path.realpath("
                                                   "sys.executable), sys.base_prefix)"])
    return result.output.split()


def need_overlay(context):
    """A module where it is not built in; mount loads it in most places."""
    tried = context.run(["unshare", "--mount", "sh", "-ec", """mount -t tmpfs tried "$0"; cd "$0"
        mkdir upper work root
        mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work tried root""", context.directory])
    if tried.status != 0:
        raise Skip("no overlay can be mounted: %s" % tried.errors.strip().split("\n")[0])


def in_overlay(context):
    """This machine's files below, the Python only inside, entered by pivot_root."""
    need_overlay(context)
    program, prefix = home_of(context)
    context.environment["PYTHONHOME"] = prefix
    box = context.path("box")
    os.mkdir(box)
    return contained(context, OWN_PROCESSES, OVERLAY, box, program, "/tmp/attach.py",
                     "--truth=/tmp/truth")


def innermost(pid):
    """The process at the end of a chain of only children."""
    children = children_of(pid)
    while children:
        pid = children[0][0]
        children = children_of(pid)
    return pid


def grow_rounds(served):
    for _ in range(ROUNDS):
        served.ask("grow 4")


def check_inside(process, calls_method=True):
    """Paths and names as inside, the growth, and every call of grow_attached."""
    nodes = process.named("answer", "grow_attached")
    check(nodes, "no row of grow_attached: %s" % [node["label"] for node in process.nodes][:8])
    expected = ROUNDS * size_of(4)
    check_near("grow_attached", process.below("growth", nodes), expected, tolerance(expected))
    check_equal("file", {node["file"] for node in nodes}, {"/tmp/attach.py"})
    if calls_method:
        check(process["calls"]["method"] != "none", "calls: %s" % process["calls"])
        check_equal("calls", sum(node["calls"] for node in nodes), ROUNDS)


def attach_inside(context, command):
    served = Served(context, command)
    inside = innermost(served.pid)
    attached = Attached(context, inside, options=("--calls=exact",))
    grow_rounds(served)
    report = attached.end()
    check_equal("status of the target", served.quit(), 9)
    check_invariants(report)
    check_inside(report.python(inside))


def launch_inside(context, command):
    """The interpreter is found after its exec, so counting begins up to a flush later."""
    dump = context.path("inside.dump")
    served = Served(context, [MEMPROBE, "-v", "--calls=exact", "-o", dump, "--no-report", "--"] + command)
    path = served.process.files[1].name
    said = []

    def counts():
        with open(path) as file:
            said[:] = [file.read()]
        return "memprobe: calls of " in said[0]
    wait_until(counts, "counting calls")
    check(" are not counted" not in said[0], said[0])
    grow_rounds(served)
    check_equal("status", served.quit(), 9)
    report = read_report(context, dump)
    check_invariants(report)
    found = [process for process in report.processes
             if process["python"] and "/tmp/attach.py" in process["command"]]
    check_equal("entries of the target", len(found), 1)
    check_inside(found[0])


@test()
def attach_in_debian(context):
    """-p to a Python in an unpacked Debian: its own users, processes, mounts and files."""
    attach_inside(context, in_debian(context))


@test()
def launch_in_debian(context):
    launch_inside(context, in_debian(context))


@test(interpreters="few", core=True)
def attach_in_overlay(context):
    """-p into stacked file systems and another root, as container engines make them."""
    attach_inside(context, in_overlay(context))


@test(interpreters="few", core=True)
def launch_in_overlay(context):
    launch_inside(context, in_overlay(context))


def own_copy(context):
    """The interpreter under a path that can be taken away."""
    program, prefix = home_of(context)
    copy = context.path("python-of-its-own")
    shutil.copy(program, copy)
    context.environment["PYTHONHOME"] = prefix
    return copy


def check_without_file(context, take_away):
    """What is mapped counts, not what the path leads to."""
    copy = own_copy(context)
    served = Served(context, [copy, os.path.join(TARGETS, "attach.py")])
    take_away(copy)
    attached = Attached(context, served.pid, options=("--calls=exact",))
    grow_rounds(served)
    report = attached.end()
    check_equal("status of the target", served.quit(), 9)
    check_invariants(report)
    process = report.python(served.pid)
    check_equal("version", process["python"].rstrip("+"), context.python.version.rstrip("+"))
    nodes = process.named("answer", "grow_attached")
    check_equal("calls (%s)" % process["calls"], [node["calls"] for node in nodes], [ROUNDS])


@test(interpreters="few", core=True)
def deleted_program(context):
    """-p to a process whose interpreter has been deleted since."""
    check_without_file(context, os.unlink)


@test(interpreters="few")
def replaced_program(context):
    """-p to a process whose interpreter has been replaced, as an upgrade does."""
    def replace(path):
        os.unlink(path)
        shutil.copy("/bin/true", path)
    check_without_file(context, replace)


def own_container(context):
    """memprobe in a root and mount namespace of its own, with the host's processes and users."""
    need_overlay(context)
    box = context.path("box")
    os.mkdir(box)
    return ["unshare", "--mount", "sh", "-c", OWN, "sh", box, copy_targets(context), MEMPROBE]


@test(interpreters="few")
def memprobe_in_container(context):
    """In a container with the host's process numbers memprobe works, for a command and for -p."""
    program = own_container(context)
    served = Served(context, program + ["--calls=exact", "--no-report", "-o", "/tmp/dump", "--"]
                    + context.python.command + ["/tmp/attach.py", "--truth=/tmp/truth"])
    grow_rounds(served)
    check_equal("status", served.quit(), 9)
    report = read_report(context, context.path("shared", "dump"))
    check_invariants(report)
    check_inside(report.python())


@test(interpreters="few")
def attach_from_container(context):
    """-p from a container to a process outside it."""
    program = own_container(context)
    served = Served(context, context.python.command + [os.path.join(TARGETS, "attach.py")])
    attached = Attached(context, served.pid, options=("--calls=exact", "-f", "-o", "/tmp/dump"),
                        program=program)
    grow_rounds(served)
    attached.dump = context.path("shared", "dump")
    report = attached.end()
    check_equal("status of the target", served.quit(), 9)
    check_invariants(report)
    nodes = report.python(served.pid).named("answer", "grow_attached")
    check_equal("calls", [node["calls"] for node in nodes], [ROUNDS])


def library_of(program):
    """The libpython of a program, None when it is linked in."""
    listed = subprocess.run(["ldd", program], stdout=subprocess.PIPE, check=True).stdout.decode()
    found = [line.split()[2] for line in listed.splitlines() if "libpython" in line]
    return found[0] if found else None


@test(interpreters="few")
def deleted_library(context):
    """The same of a libpython that has been deleted: a library has no /proc/PID/exe."""
    library = library_of(home_of(context)[0])
    if not library:
        raise Skip("it has its interpreter linked in")
    copy = shutil.copy(library, context.directory)
    context.environment["LD_LIBRARY_PATH"] = context.directory

    def take_away(program):
        os.unlink(program)
        os.unlink(copy)
    check_without_file(context, take_away)


# A root with this machine's programs, no device and no stdin; $1 and $2 as above, $3 and $4 the homes of
# a Python and of its program, $5 whether it has /proc, $6 memprobe.
BARE = """set -e
root=$1; mount -t tmpfs bare "$root"; mkdir "$root/tmp" "$root/proc"; mount --bind "$2" "$root/tmp"
for name in /usr /bin /lib /lib64 /sys "$3" "$4"; do
    [ ! -e "$name" ] || { mkdir -p "$root$name"; mount --rbind "$name" "$root$name"; }
done
[ "$5" = no ] || mount -t proc proc "$root/proc"
cp "$6" "$root/memprobe"; shift 6; cd "$root"; exec chroot . /memprobe "$@" <&-"""


def in_bare_root(context, proc, *arguments):
    program, prefix = home_of(context)
    root, shared = context.path("bare"), context.path("shared")
    for name in (root, shared):
        os.makedirs(name, exist_ok=True)
    return context.run(["unshare", "--mount", "sh", "-c", BARE, "sh", root, shared, prefix,
                        os.path.dirname(program), proc, MEMPROBE, *arguments])


@test(interpreters="one")
def memprobe_without_devices(context):
    """In a chroot with no /dev/null: all that is known elsewhere is known here."""
    program, _ = home_of(context)
    script = "def grow():\n    return bytearray(%d)\nkept = grow()" % size_of(8)
    result = in_bare_root(context, "yes", "-o", "/tmp/bare.raw", "--no-report", "--", program, "-c",
                          script)
    check_equal("status (%s)" % result.errors, result.status, 0)
    check("cannot" not in result.errors, last_lines(result.errors))
    process = read_report(context, context.path("shared", "bare.raw")).python()
    check_near("grow", process.below("growth", process.named("grow")), size_of(8), tolerance(size_of(8)))
    result = in_bare_root(context, "yes", "check", program)
    check_equal("status of check (%s)" % result.output, result.status, 0)


@test(interpreters="one")
def memprobe_without_proc(context):
    """It is named, and no right that root has."""
    for words, status in ((["--", "/bin/true"], 125), (["heap", "-p", str(os.getpid())], 1)):
        result = in_bare_root(context, "no", *words)
        check_error(result, status, "/proc is not mounted$", "^  hint: mount -t proc ")
    result = in_bare_root(context, "no", "check")
    check_equal("status of check", result.status, 1)
    check("/proc is not mounted" in result.output and "CAP_" not in result.output, result.output)
