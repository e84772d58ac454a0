"""Makes children that grow: fork, exec, shell, thread, exec in place (first argument, or all).

Each child writes its own truth beside the parent's, FILE.ROLE, and the parent tells their pids.
"""
import os
import subprocess
import sys
import threading
import warnings

from truth import Truth, grows, size

warnings.simplefilter("ignore", DeprecationWarning)  # fork from a thread is the test
TRUTH = Truth()
KEPT = []
ROLES = ("fork", "exec", "shell", "thread")


@grows(12)
def parent_grows():
    KEPT.append(bytearray(size(12)))


@grows(8)
def fork_child_grows():
    KEPT.append(bytearray(size(8)))


@grows(0)
def fork_child_writes():
    """Copy on write of what the parent had: no growth."""
    for block in KEPT:
        block[:] = block[::-1]


@grows(6)
def exec_child_grows():
    KEPT.append(bytearray(size(6)))


@grows(5)
def replaced_grows():
    KEPT.append(bytearray(size(5)))


def own_command(role):
    return [sys.executable, os.path.abspath(__file__), role, "--truth=%s" % (TRUTH.path or "")]


def fork_child():
    TRUTH.ruler.__init__()
    TRUTH.functions.clear()
    TRUTH.run(fork_child_grows)
    TRUTH.write(".fork")
    os._exit(0)


def make_fork():
    pid = os.fork()
    if pid == 0:
        fork_child()
    os.waitpid(pid, 0)
    return pid


def make_exec():
    child = subprocess.Popen(own_command("as-exec"))
    child.wait()
    return child.pid


def make_shell():
    """A shell between: the child's parent is the shell."""
    line = " ".join("'%s'" % word for word in own_command("as-shell"))
    child = subprocess.Popen(["/bin/sh", "-c", line + "; exit 0"])
    child.wait()
    return child.pid


def make_thread():
    """A fork from a thread."""
    pids = []
    worker = threading.Thread(target=lambda: pids.append(make_fork()))
    worker.start()
    worker.join()
    return pids[0]


def possible(roles):
    if "shell" in roles and not os.path.exists("/bin/sh"):
        TRUTH.skip("shell", "/bin/sh is missing")
        return [role for role in roles if role != "shell"]
    return roles


def as_child(role):
    TRUTH.run(exec_child_grows)
    TRUTH.write("." + role)


def replace():
    TRUTH.run(parent_grows)
    os.execv(sys.executable, own_command("as-replaced"))


def main():
    role = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1][0] != "-" else "all"
    if role in ("as-exec", "as-shell"):
        return as_child(role[3:])
    if role == "as-replaced":
        TRUTH.run(replaced_grows)
        return TRUTH.write(".replaced")
    if role == "replace":
        return replace()
    TRUTH.run(parent_grows)
    makers = {"fork": make_fork, "exec": make_exec, "shell": make_shell, "thread": make_thread}
    roles = possible(ROLES if role == "all" else (role,))
    TRUTH.facts["children"] = {name: makers[name]() for name in roles}
    return TRUTH.write()


if __name__ == "__main__":
    main()
