"""memprobe without root: with some capabilities, by an ordinary user, and what lacks without."""
import os
import re
import shutil

from capture import (CANNOT, HINT, Attached, Served, check_error, copy_targets, last_lines, memprobe,
                     read_report)
from harness import (KERNEL, MEMPROBE, NOBODY, Skip, check, check_equal, check_near, size_of, test,
                     tolerance)
from tree import check_invariants

OTHER = NOBODY - 1
# Before 5.11 maps count as locked memory.
OLD = KERNEL < (5, 11)
LOAD = ("bpf", "perfmon") + (("sys_resource",) if OLD else ())
OTHERS = ("sys_ptrace", "dac_read_search")
# Those that Docker leaves to root (moby's default capabilities).
DOCKER = ("chown", "dac_override", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
          "net_bind_service", "net_raw", "sys_chroot", "mknod", "audit_write", "setfcap")
ROUNDS = 3


def as_user(user, capabilities=()):
    """What makes a command run as this user with these capabilities and no others."""
    listed = "".join(",+" + name for name in capabilities)
    return ["setpriv", "--reuid=%d" % user, "--regid=%d" % user, "--clear-groups",
            "--inh-caps=-all" + listed, "--ambient-caps=-all" + listed,
            "--bounding-set=-all" + listed, "--"]


def as_root(capabilities):
    """The same of root, who needs none to be given."""
    return ["setpriv", "--inh-caps=-all",
            "--bounding-set=-all" + "".join(",+" + name for name in capabilities), "--"]


class Unprivileged:
    """The program, the targets and the interpreter where everybody may use them."""

    def __init__(self, context):
        self.context = context
        os.chmod(context.directory, 0o777)
        self.program = context.path("memprobe")
        shutil.copyfile(MEMPROBE, self.program)
        os.chmod(self.program, 0o755)
        self.target = context.python.command + [os.path.join(copy_targets(context), "attach.py")]
        for command, why in ((["true"], "setpriv does not know these capabilities"),
                             (context.python.command + ["-c", "pass"], "nobody has no Python")):
            tried = context.run(as_user(NOBODY, LOAD) + command)
            if tried.status != 0:
                raise Skip("%s: %s" % (why, last_lines(tried.errors, 1)))

    def run(self, capabilities, *arguments):
        return self.context.run(as_user(NOBODY, capabilities) + [self.program] + list(arguments))

    def may_probe(self):
        """Not on Debian's 5.10 and 6.1 with their kernel.perf_event_paranoid of 3, which check says."""
        said = self.run(LOAD, "check").output
        return not re.search("^probes .*no calls.*\n +hint: .*perf_event_paranoid", said, re.M)

    def may_launch(self):
        """Not on arm64 with a kernel.perf_event_paranoid of 3, which check says."""
        said = self.run(LOAD, "check").output
        return not re.search("^memory .*page faults.*\n +hint: .*perf_event_paranoid", said, re.M)

    def serve(self, user, capabilities=()):
        return Served(self.context, as_user(user, capabilities) + self.target
                      + ["--truth=%s.%d" % (self.context.path("truth"), user)])

    def attach(self, served, capabilities, *options):
        return Attached(self.context, served.pid, options=("--calls=exact",) + options,
                        program=as_user(NOBODY, capabilities) + [self.program])


def check_rounds(process, may_probe=True):
    nodes = process.named("answer", "grow_attached")
    expected = ROUNDS * size_of(4)
    check_near("grow_attached", process.below("growth", nodes), expected, tolerance(expected))
    if may_probe:
        check_equal("calls (%s)" % process["calls"], [node["calls"] for node in nodes], [ROUNDS])


def grow_attached(own, served, capabilities):
    attached = own.attach(served, capabilities)
    for _ in range(ROUNDS):
        served.ask("grow 4")
    report = attached.end()
    check_equal("status of the target", served.quit(), 9)
    check_invariants(report)
    check_rounds(report.python(served.pid))


@test(interpreters="one", core=True)
def rights_to_launch(context):
    """CAP_BPF and CAP_PERFMON are enough to run and profile a command, calls included."""
    own = Unprivileged(context)
    if not own.may_launch():
        raise Skip("kernel.perf_event_paranoid keeps page faults for CAP_SYS_ADMIN")
    dump = context.path("launched.dump")
    served = Served(context, as_user(NOBODY, LOAD) + [own.program, "--calls=exact", "--no-report",
                                                      "-o", dump, "--"] + own.target)
    for _ in range(ROUNDS):
        served.ask("grow 4")
    check_equal("status", served.quit(), 9)
    report = read_report(context, dump)
    check_invariants(report)
    check_rounds(report.python(), own.may_probe())
    check_equal("owner of the dump", os.stat(dump).st_uid, NOBODY)


@test(interpreters="one")
def rights_that_lack(context):
    """Each of the two that is missing is named, by a capture and by check, with a way to mend it."""
    own = Unprivileged(context)
    for capabilities, missing in (((), "CAP_BPF and CAP_PERFMON"), (("bpf",), "CAP_PERFMON"),
                                  (("perfmon",), "CAP_BPF"), (("sys_ptrace",), "CAP_BPF")):
        result = own.run(capabilities, "-o", context.path("dump"), "--", "/bin/true")
        check_error(result, 125, CANNOT, HINT, missing + "$|" + missing + " ", "setcap")
        check(not os.path.exists(context.path("dump")), "a dump is left")
        checked = own.run(capabilities, "check")
        check_equal("status of check", checked.status, 1)
        check(re.search(r"^rights .*without %s" % missing, checked.output, re.M)
              and "hint: " in checked.output, "check says: %s" % checked.output)


@test(interpreters="one")
def rights_to_attach(context):
    """-p: to processes of the same user with the same two, to others' with two more."""
    own = Unprivileged(context)
    grow_attached(own, own.serve(NOBODY), LOAD)
    other = own.serve(OTHER)
    refused = own.run(LOAD, "-o", context.path("dump"), "-p", str(other.pid))
    check_error(refused, 125, CANNOT, str(other.pid), HINT, "CAP_SYS_PTRACE")
    checked = own.run(LOAD, "check", "-p", str(other.pid))
    check_equal("status of check", checked.status, 1)
    check("CAP_SYS_PTRACE" in checked.output, "check says: %s" % checked.output)
    grow_attached(own, other, LOAD + OTHERS)


@test(interpreters="one")
def rights_to_read(context):
    """What /proc opens by its mode is not read with CAP_SYS_PTRACE alone: that is said, not why else."""
    own = Unprivileged(context)
    other = own.serve(OTHER)
    refused = own.run(("sys_ptrace",), "heap", "-p", str(other.pid))
    check_error(refused, 1, CANNOT, str(other.pid), HINT, "CAP_DAC_READ_SEARCH")
    check("security module" not in refused.errors, "heap says: %s" % refused.errors)
    read = own.run(OTHERS, "heap", "-p", str(other.pid))
    check_equal("status of heap (%s)" % last_lines(read.errors), read.status, 0)
    attached = own.attach(other, LOAD + ("sys_ptrace",), "--objects")
    other.ask("grow 4")
    other.quit()
    report = attached.end(number=None)
    said = attached.errors()
    check("CAP_DAC_READ_SEARCH" in said and "CAP_KILL" in said and "os._exit" not in said,
          "memprobe says: %s" % said)
    check_equal("inside", report.python(other.pid)["inside"], None)


@test(interpreters="one")
def rights_of_docker(context):
    """Docker's root has CAP_DAC_OVERRIDE and not CAP_DAC_READ_SEARCH: it is as good, with no loss."""
    own = Unprivileged(context)
    other = own.serve(OTHER)
    attached = Attached(context, other.pid, options=("--calls=exact", "--objects"),
                        program=as_root(DOCKER + LOAD + ("sys_ptrace",)) + [own.program])
    for _ in range(ROUNDS):
        other.ask("grow 4")
    other.quit()
    report = attached.end(number=None)
    check_invariants(report)
    process = report.python(other.pid)
    check_rounds(process)
    check_equal("losses", process["losses"], [])
    check(process["inside"], "nothing is known of what is inside")
    check(process["objects"], "no objects are counted: %s" % attached.errors())


@test(interpreters=("debian-3.15",))
def rights_without_jit(context):
    """Where the environment may not be read, the JIT may be on: no calls that it would pass by."""
    os.chmod(context.directory, 0o777)
    program = context.path("memprobe")
    shutil.copyfile(MEMPROBE, program)
    os.chmod(program, 0o755)
    context.environment["PYTHON_JIT"] = "1"
    served = Served(context)
    attached = Attached(context, served.pid, options=("--calls=exact",),
                        program=as_user(NOBODY, LOAD + ("sys_ptrace",)) + [program])
    served.ask("grow 4")
    served.quit()
    process = attached.end(number=None).python(served.pid)
    check("CAP_DAC_READ_SEARCH" in attached.errors(), attached.errors())
    check(process["calls"]["method"] != "usdt" and process["calls"]["reason"],
          "calls: %s" % process["calls"])


def copied_python(context, own, name):
    """A program of its own beside the target's, whose library it takes."""
    where = context.run(own.target[:1] + ["-c", "import os, sys; print(os.path.realpath("
                                                "sys.executable), sys.base_prefix)"])
    program, context.environment["PYTHONHOME"] = where.output.split()
    return shutil.copy(program, context.path(name))


@test(interpreters="one")
def rights_for_deleted(context):
    """A program that was deleted is found without CAP_CHECKPOINT_RESTORE."""
    own = Unprivileged(context)
    own.target[0] = copied_python(context, own, "python-to-delete")
    served = own.serve(NOBODY)
    os.unlink(own.target[0])
    grow_attached(own, served, LOAD)


@test(interpreters="one")
def rights_for_closed(context):
    """A Python whose file this user may not read is none that is not there."""
    own = Unprivileged(context)
    closed = copied_python(context, own, "python-closed")
    os.chmod(closed, 0o711)
    served = Served(context, [closed] + own.target[1:])
    checked = own.run(LOAD + ("sys_ptrace",), "check", "-p", str(served.pid))
    check("none found" not in checked.output
          and re.search("^python .*may not be read\n +hint: .*CAP_DAC_READ_SEARCH", checked.output, re.M),
          "check says: %s" % checked.output)
    attached = own.attach(served, LOAD + ("sys_ptrace",))
    served.quit()
    attached.end(number=None)
    said = attached.errors()
    check("no Python" not in said and "CAP_DAC_READ_SEARCH" in said, "memprobe says: %s" % said)


@test(interpreters="one")
def rights_of_the_file(context):
    """setcap on the program, as the hint says: others' processes too, and nothing for a command."""
    own = Unprivileged(context)
    setcap = shutil.which("setcap", path=os.environ["PATH"] + ":/sbin:/usr/sbin")
    if not setcap:
        raise Skip("setcap is not installed")
    given = context.run([setcap, "cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search=ep", own.program])
    if given.status != 0:
        raise Skip("setcap: %s" % last_lines(given.errors, 1))
    other = own.serve(OTHER)
    plain = ["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups", "--"]
    attached = Attached(context, other.pid, options=("--calls=exact",), program=plain + [own.program])
    for _ in range(ROUNDS):
        other.ask("grow 4")
    report = attached.end()
    other.quit()
    check_rounds(report.python(other.pid))
    inside = context.run(plain + [own.program, "-q", "-o", context.path("dump"), "--", "grep", "CapEff",
                                  "/proc/self/status"])
    check_equal("capabilities of a command", inside.output.split(), ["CapEff:", "0" * 16])


@test()
def closed_to_root(context):
    """A process that no capability opens, for it is of another user namespace: sudo is no remedy."""
    inside = ["unshare", "--user", "--map-root-user"]
    if context.run(inside + ["true"]).status != 0:
        raise Skip("unshare does not work")
    other = context.start(["sleep", "1000"])
    refused = context.run(inside + [MEMPROBE, "heap", "-p", str(other.pid)])
    check_error(refused, 1, CANNOT, str(other.pid), "  hint: CAP_SYS_PTRACE does not open it")
    check("sudo" not in refused.errors, "heap says: %s" % refused.errors)


@test()
def rights_of_a_namespace(context):
    """Root of a user or pid namespace is refused, with the reason, by a capture and by check."""
    for options, reason, hint in ((["--user", "--map-root-user"], "user namespace", "userns=host"),
                                  (["--pid", "--fork", "--mount-proc"], "pid namespace", "pid=host")):
        inside = ["unshare"] + options
        if context.run(inside + ["true"]).status != 0:
            raise Skip("unshare %s does not work" % options)
        refused = context.run(inside + [MEMPROBE, "-o", context.path("dump"), "--", "/bin/true"])
        check_error(refused, 125, CANNOT, HINT, reason, hint)
        check(not os.path.exists(context.path("dump")), "a dump is left")
        checked = context.run(inside + [MEMPROBE, "check"])
        check_equal("status of check", checked.status, 1)
        check(reason in checked.output and hint in checked.output, "check: %s" % checked.output)
