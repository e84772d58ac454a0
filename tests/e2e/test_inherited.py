"""A command under memprobe is started with what it would have been started with without."""
import ctypes
import os
import resource
import shutil
import signal

from capture import memprobe
from harness import TARGETS, Skip, check_all, check_equal, test

PR_SET_PDEATHSIG = 1
IGNORED = (signal.SIGPIPE, signal.SIGUSR1, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGHUP,
           signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGTTOU, signal.SIGRTMIN + 3)
BLOCKED = (signal.SIGUSR2, signal.SIGINT, signal.SIGWINCH, signal.SIGRTMAX)


def build(context):
    compiler = shutil.which("cc")
    if not compiler:
        raise Skip("there is no compiler")
    program = context.path("inherited")
    built = context.run([compiler, "-D_GNU_SOURCE", "-o", program,
                         os.path.join(TARGETS, "inherited.c")])
    check_equal("status of cc (%s)" % built.errors[-200:], built.status, 0)
    return program


def be_plain():
    """What Python itself has changed is as a shell starts a program."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)


def be_odd():
    be_plain()
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 131072))
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, 300))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 2 << 30))
    resource.setrlimit(resource.RLIMIT_AS, (5 << 40, 6 << 40))
    os.umask(0o027)
    os.nice(3)
    os.dup2(1, 9)
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("7")
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGUSR2), 0, 0, 0)


@test()
def inherits_as_plain(context):
    """Dispositions, mask, descriptors, limits, priority, ids: none differs, odd ones neither."""
    program = build(context)
    for name, prepare in (("plain", be_plain), ("odd", be_odd)):
        options = {"preexec_fn": prepare, "close_fds": False}
        wanted = context.run([program], **options).output.splitlines()
        result = memprobe(context, "-q", "-o", context.path(name), "--", program, **options)
        check_equal("status", result.status, 0)
        found = result.output.splitlines()
        check_equal("lines", len(found), len(wanted))
        check_all(["%s: %r, not %r" % (name, a, b) for a, b in zip(found, wanted) if a != b])
