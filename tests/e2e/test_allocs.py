"""--allocs: where probes are attached and that nothing of them stays, and that blocks are right."""
import os
import signal
import subprocess
import sys

from capture import (Attached, Served, capture, capture_until, check_error, memprobe, read_report,
                     record)
from harness import (KERNEL, LIBRARIES, MEMPROBE, TARGETS, Skip, build_library, check, check_equal, test,
                     wait_for_guard, wait_until)

sys.path.append(TARGETS)
import allocating  # noqa: E402  the sizes

ROUNDS, LONG_ROUNDS = 20, 100
BLOCKS = 500
NOT_FOLLOWED = "allocations of a process not followed"
ALLOCATORS = ("libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2.0")
MISSED = "block not followed: its call could not be noted or read"
WAYS = ("by_malloc", "by_calloc", "by_realloc", "by_growing", "by_shrinking", "by_failing",
        "by_reallocarray", "by_memalign", "by_aligned_alloc", "by_posix_memalign", "by_valloc")


def allocated(process, name, figure):
    return sum(node["self"]["allocated"][figure] for node in process.named(name))


def check_allocated(process, name, size, blocks, figures=("end", "blocks")):
    for figure, expected in zip(figures, (size, blocks)):
        check_equal("%s allocated by %s" % (figure, name), allocated(process, name, figure),
                    expected)


def has_pulse(process):
    """Are the blocks of a process followed that calls malloc until then?"""
    return any(node["self"]["allocated"] and node["self"]["allocated"]["taken_blocks"]
               for node in process.named("pulse_until_told"))


def follows_allocs(context):
    result = memprobe(context, "check", "-p", str(os.getpid()))
    if "no --allocs" in result.output:
        raise Skip("allocations are not followed on this kernel")
    return result.output


def run_served(context, *words, options=("--allocs",), env=None):
    """The target under memprobe: its answers, and the report."""
    dump = context.path("dump.%d" % len(context.children))
    arguments = context.target("allocating.py")
    served = ServedBy(context, dump, options, arguments, env or {})
    answers = [served.ask(word) for word in words]
    check_equal("status", served.quit(), allocating.EXIT_STATUS)
    return answers, read_report(context, dump)


class ServedBy(Served):
    """As Served, below memprobe."""

    def __init__(self, context, dump, options, arguments, env):
        prefix = ["env"] + ["%s=%s" % item for item in env.items()] if env else []
        super().__init__(context, [MEMPROBE, "-v", "-o", dump,
                                   "--no-report", *options, "--", *prefix, *arguments])
        if "LD_PRELOAD" in env:  # known when env's exec is seen, and followed a while after
            wait_until(lambda: self.is_followed(env["LD_PRELOAD"]), "the allocator's probes")

    def is_followed(self, library):
        with open(self.process.files[1].name, errors="replace") as log:
            return any("allocations of" in line and os.path.basename(library) in line
                       for line in log)


def check_kinds(process, least=0):
    sizes = [size for size in allocating.SIZES if size >= least]
    for way in WAYS:
        if process.named(way):
            check_allocated(process, way, sum(sizes), len(sizes))
    check(process.named("by_posix_memalign"), "by_posix_memalign has no row")
    # What fails is neither taken nor freed.
    check_allocated(process, "by_failing", sum(sizes), len(sizes), ("taken", "taken_blocks"))
    check_equal("freed of by_failing", allocated(process, "by_failing", "freed_blocks"), 0)
    for way in ("by_nobody", "take_for_another"):
        check_allocated(process, way, 0, 0)
    # A thread takes and the main thread frees: the path that took has both.
    check_equal("freed of take_for_another",
                allocated(process, "take_for_another", "freed_blocks"),
                allocated(process, "take_for_another", "taken_blocks"))


@test(interpreters=("few", "debian-3.14"))
def allocs_of_each_function(context):
    """Each function that hands out blocks: live bytes and blocks of its path, to the byte."""
    follows_allocs(context)
    _, report = run_served(context, "kinds", "keep %d" % BLOCKS)
    process = report.python()
    check_kinds(process)
    check_allocated(process, "keep_blocks", BLOCKS * allocating.KEPT_BYTES, BLOCKS)
    # Its C library lies in a root of its own, where nobody looks before it is mapped.
    check(process["allocs"]["complete"] or context.python.kind == "debian",
          "allocs: %s" % process["allocs"])


@test(interpreters="few")
def allocs_of_many_lines(context):
    """Where each instruction that allocates has a path of its own, and malloc serves all objects."""
    follows_allocs(context)
    taken = capture(context, context.python.command + ["-c", MANY_LINES], "--allocs", "--lines",
                    env={"PYTHONMALLOC": "malloc"})
    check_equal("losses", [loss["reason"] for loss in taken.report.python()["losses"]], [])


@test(interpreters="one")
def allocs_of_large_blocks(context):
    """--allocs=BYTES: smaller blocks are left out, and their frees no error."""
    follows_allocs(context)
    least = allocating.SIZES[1]
    _, report = run_served(context, "kinds", "keep %d" % BLOCKS, options=("--allocs=%d" % least,))
    check_kinds(report.python(), least)
    check_allocated(report.python(), "keep_blocks", 0, 0)


@test(interpreters="one")
def allocs_of_preloaded(context):
    """An allocator in place of the C library's, which has functions of other beginnings."""
    follows_allocs(context)
    found = [name for name in ALLOCATORS
             if os.path.exists(os.path.join(LIBRARIES, name))]
    if not found:
        raise Skip("none of %s is installed" % ", ".join(ALLOCATORS))
    for name in found:
        _, report = run_served(context, "kinds", "keep %d" % BLOCKS, env={"LD_PRELOAD": name})
        process = [entry for entry in report.processes if entry["python"]][-1]
        check_kinds(process)
        check_allocated(process, "keep_blocks", BLOCKS * allocating.KEPT_BYTES, BLOCKS)


@test(interpreters="one")
def allocs_of_one_above_another(context):
    """A preloaded malloc that asks the C library's for more: each block once, as large as the program
    asked for, and each free."""
    follows_allocs(context)
    library = build_library(context, "cc", "malloc_with_header.c", "-fno-builtin")
    _, report = run_served(context, "kinds", "keep %d" % BLOCKS, env={"LD_PRELOAD": library})
    process = [entry for entry in report.processes if entry["python"]][-1]
    check_kinds(process)
    check_allocated(process, "keep_blocks", BLOCKS * allocating.KEPT_BYTES, BLOCKS)
    check_allocated(process, "keep_blocks", BLOCKS * allocating.KEPT_BYTES, BLOCKS,
                    ("taken", "taken_blocks"))


HANDLED = """
import ctypes, sys
print(ctypes.CDLL(sys.argv[1]).high_stack_take(100))
"""


def has_sessions():
    """Can the entry of a probed function say that its return is not waited for?"""
    return KERNEL >= (6, 13)


@test(interpreters="one", alone=True)
def allocs_of_handlers_above(context):
    """A signal's handler that allocates, on a stack above that of the malloc that it came into: the
    program goes on, and what of it was not followed is said. Not beside another process whose
    allocations are followed: docs/accuracy.md."""
    follows_allocs(context)
    if not has_sessions():
        raise Skip("the kernel ends such a process, see docs/accuracy.md")
    library = build_library(context, "cc", "high_stack.c", "-pthread")
    taken = capture(context, [*context.python.command, "-c", HANDLED, library], "--allocs")
    check_equal("blocks", taken.result.output.split(), ["200"])
    process = taken.report.python()
    missed = [loss["events"] for loss in process["losses"] if loss["reason"] == MISSED]
    check_equal("blocks not followed", missed, [100])
    check(not process["allocs"]["complete"], "allocs: %s" % process["allocs"])


SHARES = """
import ctypes, subprocess, sys
subprocess.run(["true"], check=True)
print(getattr(ctypes.CDLL(sys.argv[1]), sys.argv[2])())
"""


@test(interpreters="one")
def allocs_of_shared_memory(context):
    """What another process takes in the memory of one is followed by nobody, and that is said; not of
    those who begin a program, or end instead of it."""
    follows_allocs(context)
    library = build_library(context, "cc", "shares_memory.c")
    for function, expected in (("by_vfork", []), ("beside", [MISSED])):
        taken = capture(context, [*context.python.command, "-c", SHARES, library, function], "--allocs")
        check_equal("output", taken.result.output.split(), ["1"])
        process = taken.report.python()
        check_equal("losses", [loss["reason"] for loss in process["losses"]], expected)
        check_equal("complete of " + function, process["allocs"]["complete"], not expected)


LOADS_LATE = """
import ctypes, sys, time
time.sleep(0.8)
library = ctypes.CDLL(sys.argv[1])
library.malloc.argtypes, library.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
blocks = [library.malloc(20000) for _ in range(100)]
time.sleep(2)
"""


@test(interpreters="one")
def allocs_of_allocator_loaded_late(context):
    """A program loads an allocator of its own, which nobody could foresee: that not all blocks were
    followed is said."""
    follows_allocs(context)
    library = build_library(context, "cc", "malloc_with_header.c", "-fno-builtin")
    command = [*context.python.command, "-c", LOADS_LATE, library]
    process = capture(context, command, "--allocs").report.python()
    check(process["allocs"]["since"] and not process["allocs"]["complete"],
          "nothing tells of another allocator: %s" % process["allocs"])


@test(interpreters=("few", "debian-3.14"))
def allocs_of_children(context):
    """A child is probed soon after its exec, and what it does then is right."""
    follows_allocs(context)
    taken = capture_until(context, context.target("allocating.py", "parent"), has_pulse, "--allocs")
    process = [entry for entry in taken.report.processes if has_pulse(entry)][-1]
    check_allocated(process, "keep_blocks", allocating.CHILD_BLOCKS * allocating.KEPT_BYTES,
                    allocating.CHILD_BLOCKS)


MANY_LINES = "import asyncio, ctypes, http.client, unittest.mock, decimal, argparse"
NEXT_TO_NOTHING = 4096  # bytes: what Python itself does in between
IDLE_CHILD = ("import os, time\nchild = os.fork()\nif not child:\n    time.sleep(%s)\n    os._exit(0)\n"
              "os.waitpid(child, 0)\nprint(child)\n")


@test(interpreters="few")
def allocs_of_idle_children(context):
    """A forked child that allocates nothing, and ends before or after a flush, has nothing."""
    follows_allocs(context)
    for seconds in (0.3, 1.2):
        result, dump = record(context, context.python.command + ["-c", IDLE_CHILD % seconds], "--allocs")
        entry, = read_report(context, dump).of_pid(int(result.output))
        reasons = [loss["reason"] for loss in entry["losses"]]
        check(entry["allocs"], "no allocations: %r" % reasons)
        check(entry["allocs"]["peak"] <= NEXT_TO_NOTHING, "it has %r" % entry["allocs"])
        check(NOT_FOLLOWED not in reasons, "%r beside %r" % (reasons, entry["allocs"]))
        check(entry["allocs"]["since"] > entry["start"], "followed since %r" % entry["allocs"]["since"])


@test(interpreters="few")
def allocs_of_idle_attached(context):
    """An attached process that allocates nothing meanwhile has nothing, since then."""
    follows_allocs(context)
    process = context.start(context.python.command + ["-c", "print(1, flush=True)\ninput()"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    entry = Attached(context, process.pid, options=("--allocs",)).end().python().entry
    check(entry["allocs"], "no allocations")
    check(entry["allocs"]["peak"] <= NEXT_TO_NOTHING, "it has %r" % entry["allocs"])
    check(entry["allocs"]["since"] is not None, "since its beginning")
    check_equal("losses", [loss["reason"] for loss in entry["losses"]], [])
    process.stdin.close()
    context.finish(process)


@test(interpreters="few", needs_gil=True)
def allocs_of_forked_execs(context):
    """A child that has run Python before its exec is followed from its beginning, or it is said that
    it is not."""
    follows_allocs(context)
    taken = capture(context, context.target("allocating.py", "parents"), "--allocs")
    children = [entry for entry in taken.report.processes if "keeper" in entry["command"]]
    check(children, "no child is in the report")
    for process in children:
        if process["allocs"] is None:
            check(NOT_FOLLOWED in [loss["reason"] for loss in process["losses"]],
                  "nothing tells that %d was not followed" % process["pid"])
        elif process["allocs"]["complete"]:
            check_allocated(process, "keep_blocks",
                            allocating.CHILD_BLOCKS * allocating.KEPT_BYTES,
                            allocating.CHILD_BLOCKS)


@test(interpreters="few")
def allocs_in_freed_memory(context):
    """Memory that was given back is [free in malloc] until a block has a part of the page."""
    follows_allocs(context)
    for size in (600, 3000, 9000):
        answers, report = run_served(context, "reuse %d" % size)
        process = report.python()
        check_allocated(process, "keep_in_freed", answers[0] * size, answers[0])
        whole = allocating.LARGE_BLOCKS * allocating.LARGE_BYTES
        free = process.own("live", process.of_kind("free"))
        check(free <= whole * 0.3, "%d bytes are free, a quarter of %d at most" % (free, whole))
        kept = process.own("live", process.named("keep_in_freed"))
        check(kept >= whole * 0.6, "keep_in_freed holds %d bytes of %d" % (kept, whole))


def changed_code(pid):
    """How many bytes of a process's C library are not the file's."""
    changed = 0
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", 0) as memory:
        for line in maps:
            words = line.split()
            if len(words) < 6 or not words[5].endswith("/libc.so.6") or words[1] != "r-xp":
                continue
            first, last = (int(number, 16) for number in words[0].split("-"))
            memory.seek(first)
            code = memory.read(last - first)
            with open(words[5], "rb") as file:
                file.seek(int(words[2], 16))
                changed += sum(a != b for a, b in zip(code, file.read(last - first)))
    return changed


@test(interpreters="one")
def allocs_attached_and_detached(context):
    """20 or 100 times while 8 threads allocate: what is kept meanwhile is right each time, the threads
    find their bytes as they left them, and the code of the process is as before."""
    follows_allocs(context)
    served = Served(context, context.target("allocating.py"))
    served.ask("start")
    check_equal("bytes changed before", changed_code(served.pid), 0)
    for _ in range(LONG_ROUNDS if context.long else ROUNDS):
        attached = Attached(context, served.pid, options=("--allocs",))
        check(changed_code(served.pid) > 0, "nothing is probed")
        served.ask("keep %d" % BLOCKS)
        process = attached.end().python()
        check_allocated(process, "keep_blocks", BLOCKS * allocating.KEPT_BYTES, BLOCKS)
        check(process["allocs"]["since"] is not None and not process["allocs"]["complete"],
              "allocs: %s" % process["allocs"])
        wait_until(lambda: changed_code(served.pid) == 0, "the probes' end")
    check_equal("the threads", served.ask("stop"), 1)
    check_equal("status", served.quit(), allocating.EXIT_STATUS)


@test(interpreters="one")
def allocs_of_killed_memprobe(context):
    """Whatever ends memprobe, the kernel takes its probes away."""
    follows_allocs(context)
    served = Served(context, context.target("allocating.py"))
    attached = Attached(context, served.pid, options=("--allocs",))
    check(changed_code(served.pid) > 0, "nothing is probed")
    attached.process.send_signal(signal.SIGKILL)
    attached.process.wait()
    wait_until(lambda: changed_code(served.pid) == 0, "the probes' end")
    check_equal("what it keeps", served.ask("keep %d" % BLOCKS), BLOCKS)
    served.quit()
    wait_for_guard()


@test(interpreters="one")
def allocs_of_no_number(context):
    """The least size is a whole number, behind `=`."""
    for word in ("--allocs=x", "--allocs=-1", "--allocs=", "--max-blocks=0"):
        check_error(memprobe(context, word, "--", "true"), 2, "cannot parse")
