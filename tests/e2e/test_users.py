"""Who runs what: under sudo the command is the caller's, reports need no root, captures do."""
import fcntl
import os
import shutil

from capture import CANNOT, HINT, capture, check_error, last_lines, memprobe, read_truth
from harness import (MEMPROBE, NOBODY, Skip, check, check_equal, test)

SUDOERS = "/etc/sudoers.d/memprobe-e2e"
WHO = """import json, os, pwd
keep = bytearray(4 << 20)
with open("who.json", "w") as file:
    json.dump({"uid": os.getresuid(), "gid": os.getresgid(), "groups": os.getgroups(),
               "home": os.environ.get("HOME"), "user": pwd.getpwuid(os.getuid()).pw_name}, file)
"""


def as_nobody(context, command, **options):
    return context.run(["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups",
                        "--"] + command, **options)


def own_program(context):
    """A copy of the program where everybody may read it."""
    path = context.path("memprobe")
    shutil.copyfile(MEMPROBE, path)
    os.chmod(path, 0o755)
    return path


@test()
def capture_without_root(context):
    """Not root: 125, a hint that names sudo or the capabilities, no dump."""
    os.chmod(context.directory, 0o777)
    result = as_nobody(context, [own_program(context), "--", "/bin/true"])
    check_error(result, 125, HINT, "sudo|CAP_BPF")
    check(not os.path.exists(context.path("mem_trace.raw")), "a dump is left")


@test(interpreters="one")
def report_without_root(context):
    """post needs no root and no kernel: the same report for an ordinary user."""
    taken = capture(context, context.target("exits.py", "code", 0))
    os.chmod(taken.dump, 0o644)
    program = own_program(context)
    for options in ([], ["--format=json"]):
        seen = as_nobody(context, [program, "post"] + options + [taken.dump])
        check_equal("status", seen.status, 0)
        check_equal("the report is root's", seen.output == memprobe(
            context, "post", *options, taken.dump).output, True)
    os.chmod(taken.dump, 0o600)
    check_error(as_nobody(context, [program, "post", taken.dump]), 1, CANNOT, "Permission denied")


def remove_rule():
    if os.path.exists(SUDOERS):
        os.unlink(SUDOERS)


def prepare_sudo(context):
    """nobody and root may call sudo while the test runs; gives a directory of nobody's."""
    if not shutil.which("sudo"):
        raise Skip("sudo is not installed")
    if not os.access(os.path.dirname(SUDOERS), os.W_OK):
        raise Skip("%s is not writable" % os.path.dirname(SUDOERS))
    # The rule is one for all tests that run at the same time, of other runs too.
    lock = os.open(os.path.dirname(SUDOERS), os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(lock, fcntl.LOCK_EX)
    context.at_end(lambda: (remove_rule(), os.close(lock)))
    with open(SUDOERS, "w") as file:
        for uid in (NOBODY, 0):
            file.write("#%d ALL=(root) NOPASSWD: ALL\n" % uid)
            file.write("Defaults:#%d secure_path=/usr/sbin:/usr/bin:/sbin:/bin\n" % uid)
    os.chmod(SUDOERS, 0o440)
    home = context.path("home")
    os.mkdir(home)
    os.chown(home, NOBODY, NOBODY)
    check_sudo = as_nobody(context, ["sudo", "-n", "true"])
    if check_sudo.status != 0:
        raise Skip("sudo does not let nobody in: %s" % last_lines(check_sudo.errors, 1))
    return home


def own_script(home):
    path = os.path.join(home, "who.py")
    with open(path, "w") as file:
        file.write(WHO)
    return path


@test()
def sudo_as_the_caller(context):
    """sudo memprobe -- python3 script.py: the script and the dump are the calling user's."""
    home = prepare_sudo(context)
    own_script(home)
    result = as_nobody(context, ["sudo", "-n", own_program(context), "--", "/usr/bin/python3",
                                 "who.py"], cwd=home)
    check(result.status == 0, "status is %d: %s" % (result.status, last_lines(result.errors)))
    who = read_truth(os.path.join(home, "who.json"))
    check_equal("uids", who["uid"], [NOBODY] * 3)
    check_equal("gids", set(who["gid"]), {NOBODY})
    check(0 not in who["groups"], "the script has root's group: %r" % who["groups"])
    check_equal("HOME", who["home"], os.path.expanduser("~" + who["user"]))
    owner = os.stat(os.path.join(home, "mem_trace.raw"))
    check_equal("owner of mem_trace.raw", (owner.st_uid, owner.st_gid), (NOBODY, NOBODY))
    check("Balance:" in result.errors, "no report: %s" % last_lines(result.errors))
    seen = as_nobody(context, [context.path("memprobe"), "post", "mem_trace.raw"], cwd=home)
    check_equal("status of the caller's post", seen.status, 0)


@test()
def sudo_second_dump(context):
    """The default name is renamed for the same user, and refused when it is another user's."""
    home = prepare_sudo(context)
    command = ["sudo", "-n", own_program(context), "-q", "--", "/bin/true"]
    for _ in range(2):
        check_equal("status", as_nobody(context, command, cwd=home).status, 0)
    check(os.path.exists(os.path.join(home, "mem_trace.raw.old")), "no mem_trace.raw.old")
    os.chown(os.path.join(home, "mem_trace.raw"), 0, 0)
    check_error(as_nobody(context, command, cwd=home), 125, CANNOT, "mem_trace.raw")


@test()
def sudo_output_of_others(context):
    """The dump is made as the caller: not where he may not write, not through his links."""
    home = prepare_sudo(context)
    program = own_program(context)
    closed = context.path("closed")
    os.mkdir(closed, 0o755)
    result = as_nobody(context, ["sudo", "-n", program, "-o", os.path.join(closed, "dump"), "--",
                                 "/bin/true"], cwd=home)
    check_error(result, 125, CANNOT, "closed")
    check_equal("files of the closed directory", os.listdir(closed), [])
    os.symlink(os.path.join(closed, "made"), os.path.join(home, "link"))
    as_nobody(context, ["sudo", "-n", program, "-f", "-o", "link", "-q", "--", "/bin/true"],
              cwd=home)
    check_equal("files of the closed directory", os.listdir(closed), [])


SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
WHERE = """import json, os, subprocess, sys
ask = "import sys; print(sys.prefix)"
child = subprocess.run(["python3", "-c", ask], stdout=subprocess.PIPE, universal_newlines=True)
with open("where.json", "w") as file:
    json.dump({"prefix": sys.prefix, "child": child.stdout.strip(), "uid": os.getuid(),
               "venv": os.environ.get("VIRTUAL_ENV"), "modules": os.environ.get("PYTHONPATH")}, file)
"""


def make_venv(home, name):
    """A virtual environment of /usr/bin/python3."""
    venv = os.path.join(home, name)
    os.makedirs(os.path.join(venv, "bin"))
    os.symlink("/usr/bin/python3", os.path.join(venv, "bin", "python3"))
    with open(os.path.join(venv, "pyvenv.cfg"), "w") as file:
        file.write("home = /usr/bin\n")
    return venv


def as_root(context, command, **options):
    return context.run(command, **options)


def from_a_shell(context, home, exports, command, run=as_nobody):
    """nobody's shell exports variables, as activating does, and then calls sudo."""
    with open(os.path.join(home, "where.py"), "w") as file:
        file.write(WHERE)
    script = "".join("export %s='%s'; " % export for export in exports.items())
    result = run(context, ["sh", "-c", script + command + "; exit $?"], cwd=home,
                 env={"PATH": SYSTEM_PATH})
    check(result.status == 0, "status is %d: %s" % (result.status, last_lines(result.errors)))
    return read_truth(os.path.join(home, "where.json")), result.errors.splitlines()


@test()
def sudo_in_a_virtual_environment(context):
    """The Python of the venv that the shell has activated runs, and its children find it."""
    home = prepare_sudo(context)
    venv, program = make_venv(home, "venv"), own_program(context)
    exports = {"PATH": venv + "/bin:" + SYSTEM_PATH, "VIRTUAL_ENV": venv, "PYTHONPATH": home}
    for chain in ("%s", "sh -c '%s; exit $?'", "nice sh -c 'timeout 60 %s; exit $?'"):
        command = "sudo -n " + chain % (program + " -f -- python3 where.py")
        where, errors = from_a_shell(context, home, exports, command)
        check_equal(chain, where, {"prefix": venv, "child": venv, "uid": NOBODY, "venv": venv,
                                   "modules": home})
        said = [number for number, line in enumerate(errors) if "in sudo's PATH it is" in line]
        check(len(said) == 1 and said[0] > 0 and venv + "/bin/python3" in errors[said[0]] and
              "'/usr/bin/python3'" in errors[said[0]], "notes: %r" % errors)


@test()
def sudo_by_root_in_a_virtual_environment(context):
    """root's shell is one that calls sudo, too: also below a sudo, nobody's or its own."""
    home = prepare_sudo(context)
    venv, program = make_venv(home, "venv"), own_program(context)
    os.symlink("/usr/bin/python3", venv + "/bin/only-there")
    exports = {"PATH": venv + "/bin:" + SYSTEM_PATH, "VIRTUAL_ENV": venv, "PYTHONPATH": home}
    inner = "sh -c \"export PATH=%s VIRTUAL_ENV=%s PYTHONPATH=%s; %s; exit $?\"" % (
        exports["PATH"], venv, home, "sudo -n %s")
    for name in ("python3", "only-there"):
        command = "%s -f -- %s where.py" % (program, name)
        for run, variables, chain in ((as_root, exports, "sudo -n %s"),
                                      (as_root, exports, "sudo -n sh -c '%s; exit $?'"),
                                      (as_root, {}, "sudo -n " + inner),
                                      (as_nobody, {}, "sudo -n " + inner)):
            where, errors = from_a_shell(context, home, variables, chain % command, run)
            check_equal("%s of %s" % (name, chain), where, {
                "prefix": venv, "child": venv, "uid": 0, "venv": venv, "modules": home})
            said = [line for line in errors if "in sudo's PATH it is '/usr/bin/python3'" in line]
            check_equal("notes of %s (%r)" % (name, errors), len(said), int(name == "python3"))
            os.unlink(os.path.join(home, "where.json"))
    owner = os.stat(os.path.join(home, "mem_trace.raw"))
    check_equal("owner of mem_trace.raw", (owner.st_uid, owner.st_gid), (0, 0))


@test()
def sudo_by_root_below_another_user(context):
    """A PATH of who is not root decides nothing of what root runs."""
    home, program = context.path("home"), own_program(context)
    venv = make_venv(home, "venv")
    context.write("home/where.py", WHERE)
    fake = context.write("fake.py", FAKE % {"nobody": 0})
    exported = {"PATH": venv + "/bin:" + SYSTEM_PATH, "VIRTUAL_ENV": venv}
    context.run(["/usr/bin/python3", fake, "%d" % NOBODY, venv, program, "-f", "--no-report",
                 "--", "python3", "where.py"], cwd=home, env=exported)
    where = read_truth(os.path.join(home, "where.json"))
    check_equal("prefix and uid", (where["prefix"], where["uid"]), ("/usr", 0))


FAKE = """import os, sys
uids, venv, command = [int(uid) for uid in sys.argv[1].split(",")], sys.argv[2], sys.argv[3:]
if os.fork():  # the one above, for whom the rest is done
    os.setresuid(*[uids[0]] * 3)
    sys.exit(os.wait()[1] >> 8)
path = "/usr/sbin:/usr/bin:/sbin:/bin"
if uids[1:]:
    exported = {"PATH": venv + "/bin:" + path, "VIRTUAL_ENV": venv}
    rest = sys.argv[:1] + [",".join(map(str, uids[1:]))] + sys.argv[2:]
    os.execve(sys.executable, [sys.executable] + rest, exported)
os.execve(command[0], command, {"SUDO_UID": "%(nobody)d", "SUDO_GID": "%(nobody)d",
                                  "SUDO_COMMAND": " ".join(command), "PATH": path})
"""


@test()
def sudo_of_another_kind(context):
    """One that gives up the caller's uid, one that memprobe has replaced, none at all."""
    home, program = context.path("home"), own_program(context)
    venv = make_venv(home, "venv")
    os.chown(home, NOBODY, NOBODY)
    context.write("home/where.py", WHERE)
    fake = context.write("fake.py", FAKE % {"nobody": NOBODY})
    exported = {"PATH": venv + "/bin:" + SYSTEM_PATH, "VIRTUAL_ENV": venv}
    for uids, environment in (([NOBODY, 0], {"PATH": SYSTEM_PATH}), ([NOBODY], exported),
                              ([0], exported)):
        context.run(["/usr/bin/python3", fake, ",".join(map(str, uids)), venv, program, "-f",
                     "--no-report", "--", "python3", "where.py"], cwd=home, env=environment)
        where = read_truth(os.path.join(home, "where.json"))
        check_equal("below %s" % uids, (where["prefix"], where["venv"], where["uid"]),
                    (venv, venv, NOBODY))
        os.unlink(os.path.join(home, "where.json"))


@test()
def sudo_with_a_path_by_hand(context):
    """A PATH that was set on purpose, and root's when root is kept: the caller's Python is named."""
    home = prepare_sudo(context)
    venv, other, program = make_venv(home, "venv"), make_venv(home, "other"), own_program(context)
    exports = {"PATH": venv + "/bin:" + SYSTEM_PATH, "VIRTUAL_ENV": venv}
    for command, prefix, uid in (
            ("sudo -n env PATH=%s/bin:%s %s" % (other, SYSTEM_PATH, program), other, NOBODY),
            ("sudo -n %s --no-drop-root" % program, "/usr", 0)):
        where, errors = from_a_shell(context, home, exports, command + " -f -- python3 where.py")
        check_equal(command, where, {"prefix": prefix, "child": prefix, "uid": uid, "venv": None,
                                     "modules": None})
        said = [line for line in errors if "where sudo was called it is" in line]
        check(len(said) == 1 and venv + "/bin/python3" in said[0], "notes: %r" % errors)
        os.unlink(os.path.join(home, "where.json"))
        for name in ("mem_trace.raw", "mem_trace.raw.old"):
            if os.path.exists(os.path.join(home, name)):
                os.unlink(os.path.join(home, name))


@test()
def sudo_that_keeps_root(context):
    """What the caller's PATH alone leads to is not run as root, and it is said where it is."""
    home = prepare_sudo(context)
    own = os.path.join(home, "own")
    os.mkdir(own)
    shutil.copy("/bin/true", os.path.join(own, "only-the-callers"))
    command = ["sudo", "-n", own_program(context), "--no-drop-root", "--"]
    for name, hint in (("only-the-callers", "where sudo was called it is '%s/only-the-callers'" % own),
                       ("no-such-command", "it is in no directory of PATH")):
        result = as_nobody(context, command + [name], env={"PATH": own + ":" + SYSTEM_PATH})
        check_equal("status", result.status, 127)
        check("  hint: " + hint in result.errors, last_lines(result.errors))


@test()
def sudo_check(context):
    """check looks at the Python that a capture would run."""
    home = prepare_sudo(context)
    odd = os.path.join(home, "odd")
    os.mkdir(odd)
    with open(os.path.join(odd, "python3"), "w") as file:
        file.write("not a program")
    os.chmod(os.path.join(odd, "python3"), 0o755)
    command = ["sudo", "-n", own_program(context), "check", "python3"]
    for path, found in ((SYSTEM_PATH, False), (odd + ":" + SYSTEM_PATH, True)):
        result = as_nobody(context, command, env={"PATH": path})
        check_equal("none found with " + path, "none found" in result.output, found)


@test()
def sudo_finds_what_the_caller_may_run(context):
    """What only root can reach is passed over, as by the caller's shell."""
    home = prepare_sudo(context)
    closed = make_venv(home, "closed")
    os.chmod(closed, 0o700)
    exports = {"PATH": closed + "/bin:" + SYSTEM_PATH}
    where, errors = from_a_shell(context, home, exports,
                                 "sudo -n %s -- python3 where.py" % own_program(context))
    check_equal("prefixes", (where["prefix"], where["child"]), ("/usr", "/usr"))
    check(not any("python3' was" in line for line in errors), "noted: %r" % errors)


@test()
def sudo_keeps_the_path_hint(context):
    """A command that only the caller's PATH finds runs; for none: 127, and how to keep PATH."""
    home = prepare_sudo(context)
    tools = os.path.join(home, "tools")
    os.mkdir(tools)
    path = os.path.join(tools, "only-in-my-path")
    with open(path, "w") as file:
        file.write("#!/bin/sh\nexit 3\n")
    os.chmod(path, 0o755)
    program = own_program(context)
    for name, status in (("only-in-my-path", 3), ("in-no-path", 127)):
        result = as_nobody(context, ["sudo", "-n", program, "--", name], cwd=home,
                           env={"PATH": tools + ":" + SYSTEM_PATH})
        check_equal("status of " + name, result.status, status)
    check_error(result, 127, CANNOT, "in-no-path", r'sudo env PATH="\$PATH" memprobe')
