"""--allocs with an allocator in place of the C library's: what throws in it, and its own names."""
import os
import subprocess
import sys

from capture import Attached, capture, memprobe, read_report
from harness import TARGETS, Skip, build_library, check, check_equal, test
from test_allocs import ALLOCATORS, MISSED, check_allocated, follows_allocs
from test_allocs_known import LIBRARIES, compare_kept

sys.path.append(TARGETS)
import throwing  # noqa: E402  how much is kept beside

FUNCTIONS = ("throws_one", "throws_many", "throws_aligned", "throws_nothrow")


def allocators():
    found = [os.path.join(LIBRARIES, name) for name in ALLOCATORS
             if os.path.exists(os.path.join(LIBRARIES, name))]
    if not found:
        raise Skip("none of %s is installed" % ", ".join(ALLOCATORS))
    return found


def is_thrown(path):
    """Preloaded, mimalloc aborts instead: it is loaded before the C++ library that it asks."""
    return "mimalloc" not in path


def check_beside(process, path):
    check_allocated(process, "keep_beside", throwing.KEPT * throwing.KEPT_BYTES, throwing.KEPT)
    check(MISSED in [loss["reason"] for loss in process["losses"]], "nothing is lost with %s" % path)
    check(not process["allocs"]["complete"], "%s: %s" % (path, process["allocs"]))


@test(interpreters="one")
def allocs_of_what_throws(context):
    """An operator new that throws ends as without memprobe; what it hands out is not followed, and
    said not to be."""
    follows_allocs(context)
    library = build_library(context, "c++", "throws.cpp", "-std=c++17")
    for path in allocators():
        for handler in ("handler", "-"):
            command = context.target("throwing.py", library, handler, *FUNCTIONS)
            alone = context.run(command, env={"LD_PRELOAD": path}, stdin=subprocess.DEVNULL)
            check_equal("status with %s alone" % path, alone.status == 0, is_thrown(path))
            dump = context.path("dump.%d" % len(context.children))
            result = memprobe(context, "-o", dump, "--no-report", "--allocs", "--", *command,
                              env={"LD_PRELOAD": path}, stdin=subprocess.DEVNULL)
            check_equal("status with %s" % path, result.status, alone.status)
            check_equal("output with %s" % path, result.output, alone.output)
            check("may throw and are not followed" in result.errors, result.errors)
            check_beside(read_report(context, dump).python(), path)


@test(interpreters="one")
def allocs_of_what_throws_attached(context):
    """The same of a process that was attached to."""
    follows_allocs(context)
    library = build_library(context, "c++", "throws.cpp", "-std=c++17")
    for path in filter(is_thrown, allocators()):
        process = context.start(context.target("throwing.py", library, "handler", *FUNCTIONS),
                                env={"LD_PRELOAD": path}, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE)
        check_equal("the first line", process.stdout.readline(), b"begun\n")
        attached = Attached(context, process.pid, options=("--allocs",))
        process.stdin.write(b"\n")
        process.stdin.flush()
        lines = [process.stdout.readline() for _ in range(len(FUNCTIONS) * len(throwing.SIZES) + 1)]
        check_equal("the last line", lines[-1], b"ended\n")
        check_beside(attached.end().python(), path)
        process.stdin.close()
        check_equal("status with %s" % path, context.finish(process).status, 0)


@test(interpreters="one")
def allocs_of_own_names(context):
    """Functions that only one allocator has hand out and take back the same blocks as malloc and free:
    to the byte and the block."""
    follows_allocs(context)
    for path in allocators():
        taken = capture(context, context.target("own_names.py"), "--allocs",
                        env={"LD_PRELOAD": path})
        process = taken.process()
        compare_kept(process, taken.truth["kept"])
        # tcmalloc is C++ itself, and new what its beginning asks for.
        reasons = {loss["reason"] for loss in process["losses"]}
        check(reasons <= {MISSED}, "losses with %s: %r" % (path, reasons))
        if not reasons:
            check_equal("unknown frees with %s" % path, process["allocs"]["unknown_frees"], 0)
