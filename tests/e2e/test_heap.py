"""What is in use and what is free inside a running process: memprobe heap, and reports of processes
that still run, against what the target's own allocators say (tests/targets/heap_truth.py)."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from capture import (CANNOT, HINT, Attached, check_error, has_flushed, memprobe, parse,
                     read_report, record)
from harness import (KERNEL, MB, MEMPROBE, NOBODY, Skip, build_library, check, check_all, check_equal,
                     check_near, kill_while_it_stands, state_of, test, wait_until)
from schema import HEAP, Checker
from test_rights import as_user

# What asking for the one takes from the other, and what the last arena has that nobody touched.
FLOOR = 64 * 1024
ARENA = MB
ROUNDS = 12
FIRST_WITH_MIMALLOC = (3, 13)
LARGE_BYTES = (32 << 20) + 1500 * 2000  # what the target's `large` takes


class Heap:
    """The target, and what it says of itself."""

    def __init__(self, context, command=None):
        self.context = context
        self.process = context.start(command or context.target("heap_truth.py"),
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self.answer()["pid"]

    def answer(self):
        line = self.process.stdout.readline()
        check(line, "the target ended")
        return json.loads(line.decode())

    def ask(self, word):
        self.process.stdin.write((word + "\n").encode())
        self.process.stdin.flush()
        return self.answer()

    def quit(self):
        self.process.stdin.write(b"quit\n")
        self.process.stdin.close()
        self.context.finish(self.process)


def read_heap(context, pid, *options):
    """The readings of one run, whose form is the contract's."""
    result = memprobe(context, "heap", "-p", pid, "--format=json", *options)
    check_equal("status (%s)" % result.errors, result.status, 0)
    document = parse(result.output)
    Checker().check(document, HEAP, "heap")
    check_equal("pid", document["pid"], int(pid))
    return document["readings"]


def is_written(context, dump, pid):
    """Is a snapshot there with that process? A part of it may be before the rest."""
    return has_flushed(context, dump, lambda process: process["pid"] == pid)


def mismatches_of(seen, truth, name, ratio=0.01, floor=FLOOR):
    expected = truth[name]
    if abs(seen[name] - expected) <= max(floor, ratio * expected):
        return []
    return ["%s is %d, the target says %d" % (name, seen[name], expected)]


def check_inside(inside, truth):
    """At a quiet point: each allocator was read, and says what it says of itself."""
    wrong = []
    check_equal("malloc (%r)" % inside, inside["malloc"]["state"], "read")
    check_equal("torn", inside["torn"], 0)
    for name in ("used", "free", "mapped"):
        wrong += mismatches_of(inside["malloc"], truth["malloc"], name)
    if truth["pymalloc"]:
        check_equal("pymalloc", inside["pymalloc"]["state"], "read")
        wrong += mismatches_of(inside["pymalloc"], truth["pymalloc"], "used")
        wrong += mismatches_of(inside["pymalloc"], truth["pymalloc"], "free", floor=ARENA)
        wrong += mismatches_of(inside["pymalloc"], truth["pymalloc"], "arenas", floor=1)
    wrong += mismatches_of(inside, truth, "rss")
    check_all(wrong)


@test()
def heap_short_of_files(context):
    """Where it may open too few files, that is why, and not the allocator of the process."""
    pid = context.start(["sleep", "1000"]).pid
    said = ""
    for most in range(6, 11):
        result = context.run(["sh", "-c", 'ulimit -n "$0"; exec "$@"', str(most), MEMPROBE, "heap", "-p",
                              str(pid)])
        said += result.errors
    check("Too many open files" in said and "hint: ulimit -n" in said, "heap says: %s" % said)
    check("none that can be read" not in said, "heap says: %s" % said)


@test(interpreters="all", needs_gil=True)
def heap_says_what_the_target_says(context):
    """Buffers that eight threads churned, dicts of which few stay, blocks of their own mapping."""
    heap = Heap(context)
    for word, cure in (("large", None), ("keep", ("arenas", "malloc_trim")), ("dicts", None)):
        heap.ask(word)
        truth = heap.ask("truth")
        inside, = read_heap(context, heap.pid)
        check_inside(inside, truth)
        check(not cure or inside["cure"] in cure, "the cure is %r: %r" % (inside["cure"], inside))
    promised, gave = inside["malloc"]["free_pages"], heap.ask("trim")["gave"]
    check(promised > 16 * MB, "only %d bytes are free in whole pages" % promised)
    check_near("what malloc_trim gave back", gave, promised, promised // 10)
    inside, = read_heap(context, heap.pid)
    check_inside(inside, heap.ask("truth"))
    check(inside["malloc"]["free_pages"] < 2 * MB, "whole pages after malloc_trim: %r" % inside)
    check(inside["malloc"]["free_absent"] > promised * 9 // 10, "absent: %r" % inside)
    heap.quit()


@test(interpreters="few", needs_gil=True)
def heap_of_zeros_that_were_read(context):
    """The kernel's zero page is in no RSS: nobody can give it back."""
    heap = Heap(context)
    heap.ask("zeros")
    truth = heap.ask("truth")
    inside, = read_heap(context, heap.pid)
    check_inside(inside, truth)
    promised, gave = inside["malloc"]["free_pages"], heap.ask("trim")["gave"]
    check(inside["malloc"]["free_absent"] > 56 * MB, "absent: %r" % inside)
    check_near("what malloc_trim gave back", gave, promised, MB)
    heap.quit()


@test(interpreters="all")
def heap_of_pythons_own_mimalloc(context):
    """What large blocks take, and what is left free of dicts of which few stay: nothing is elsewhere."""
    if context.python.minor < FIRST_WITH_MIMALLOC:
        raise Skip("it has no mimalloc of its own")
    context.environment["PYTHONMALLOC"] = "mimalloc"
    heap = Heap(context)
    before, = read_heap(context, heap.pid)
    heap.ask("large")
    large, = read_heap(context, heap.pid)
    heap.ask("dicts")
    after, = read_heap(context, heap.pid)
    for inside in (before, large, after):
        check_equal("mimalloc (%r)" % inside, inside["mimalloc"]["state"], "read")
        check_equal("malloc", inside["malloc"]["state"], "read")
    taken = large["mimalloc"]["used"] - before["mimalloc"]["used"]
    # Blocks are of the next larger class, an eighth more at most.
    check_near("used by large blocks", taken, LARGE_BYTES * 17 // 16, LARGE_BYTES // 10)
    check(after["mimalloc"]["free"] > 16 * MB and after["cure"] == "sparse", "%r" % after)
    check(abs(after["parts"]["rest"]) < after["rss"] // 10, "elsewhere: %r" % after["parts"])
    heap.quit()


def mimallocs_of(python):
    """What makes mimalloc serve objects, and the option of its version."""
    if python.minor >= FIRST_WITH_MIMALLOC:
        yield {"PYTHONMALLOC": "mimalloc"}, "MIMALLOC_PURGE_DELAY"
    library = "libmimalloc.so.2.0"
    if subprocess.run(["env", "LD_PRELOAD=" + library, "true"], capture_output=True,
                      check=True).stderr == b"":
        yield {"LD_PRELOAD": library, "PYTHONMALLOC": "malloc"}, "MIMALLOC_DECOMMIT_DELAY"


def heap_after(context, word, environment):
    command = ["env"] + ["%s=%s" % one for one in environment.items()]
    heap = Heap(context, command + context.target("heap_truth.py"))
    heap.ask(word)
    inside, = read_heap(context, heap.pid)
    heap.quit()
    return inside


@test(interpreters="few", needs_gil=True)
def heap_of_mimalloc_that_purges(context):
    """The option that the sentence names gives back what is free in whole pages, and no more: nearly
    all where most pages have no block in use, next to nothing where each has one."""
    found = list(mimallocs_of(context.python))
    if not found:
        raise Skip("there is no mimalloc")
    for environment, option in found:
        for word, cure in (("buffers", "mimalloc"), ("dicts", "sparse")):
            inside = heap_after(context, word, environment)
            check_equal("cure (%r)" % inside, inside["cure"], cure)
            check(option + "=0" in inside["advice"], "another option than %s: %r" % (option, inside))
            promised = inside["mimalloc"]["free_pages"]
            gave = inside["rss"] - heap_after(context, word, dict(environment, **{option: 0}))["rss"]
            check_near("what %s gave back of %s" % (option, word), gave, promised,
                       max(promised // 10, MB))


@test(interpreters="few", needs_gil=True)
def heap_in_reports(context):
    """With -p: a snapshot of a process that runs, the report at the end, and the last reading of one
    that was killed."""
    heap = Heap(context)
    heap.ask("keep")
    attached = Attached(context, heap.pid)
    truth = heap.ask("truth")
    os.kill(attached.process.pid, signal.SIGUSR1)
    snapshot = attached.dump + ".1"
    wait_until(lambda: is_written(context, snapshot, heap.pid), "a snapshot")
    check_inside(read_report(context, snapshot).python(heap.pid).entry["inside"], truth)
    heap.ask("dicts")
    truth = heap.ask("truth")
    report = attached.end()
    check_inside(report.python(heap.pid).entry["inside"], truth)
    shown = memprobe(context, "post", attached.dump).output.splitlines()
    lines = [number for number, line in enumerate(shown) if line.startswith("Inside: ")]
    check_equal("lines with Inside (%r)" % shown, len(lines), 1)
    check("MB in use by Python objects, " in shown[lines[0]] and "MB free in malloc (" in
          shown[lines[0]] and shown[lines[0] + 1].startswith("  RSS "), "%r" % shown)
    check([line for line in shown[lines[0]:] if line.startswith("Balance: ")], "%r" % shown)

    attached = Attached(context, heap.pid)
    os.kill(attached.process.pid, signal.SIGUSR1)
    wait_until(lambda: os.path.exists(attached.dump + ".1"), "a snapshot")
    heap.process.kill()
    context.finish(heap.process)
    check_last_reading(context, attached.end(number=None).python(heap.pid), truth, attached.dump)


def check_last_reading(context, process, truth, dump):
    """Of what has ended: the last before, and how long before that was."""
    inside = process["inside"]
    check_inside(inside, truth)
    check(process["start"] <= inside["time"] <= process["end"], "time is %r of %r" % (
        inside["time"], process["end"]))
    shown = memprobe(context, "post", dump).output
    check(re.search(r"^Inside: .*(\n  .*)*\n  Read at \d+\.\d\d s, \d+\.\d\d s before its end$",
                    shown, re.M), "no time of the reading: %r" % shown[-1500:])


@test(interpreters="few", needs_gil=True)
def heap_beside_allocs(context):
    """With probes in its malloc a heap says of itself what it says without; what is free in whole
    pages malloc_trim gives back, and the row of freed blocks is no more than that."""
    dump = context.path("allocs.raw")
    command = context.target("heap_truth.py")
    heap = Heap(context, [MEMPROBE, "-o", dump, "--no-report", "--allocs", "--"] + command)
    heap.ask("keep")
    truth = heap.ask("truth")
    inside, = read_heap(context, heap.pid)
    check_inside(inside, truth)
    os.kill(heap.process.pid, signal.SIGUSR1)
    wait_until(lambda: is_written(context, dump + ".1", heap.pid), "a snapshot")
    process = read_report(context, dump + ".1").of_pid(heap.pid)[-1]
    check_inside(process["inside"], truth)
    promised, gave = inside["malloc"]["free_pages"], heap.ask("trim")["gave"]
    check(promised > 16 * MB, "only %d bytes are free in whole pages" % promised)
    check_near("what malloc_trim gave back", gave, promised, promised // 10)
    if process["rss"]["live"] is not None:
        free = process.own("live", process.of_kind("free"))
        # The row has pages, too, on which only blocks are left that are too small to be followed:
        # how many depends on how the threads that churned took turns.
        check(promised // 2 <= free <= promised * 21 // 20 + MB, "[free in malloc] holds %d of %d" % (
            free, promised))
    heap.quit()
    check_equal("losses", read_report(context, dump).of_pid(heap.pid)[-1]["losses"], [])


def end_heap(context, options):
    """What a command had, as it said itself, and its entry."""
    dump = context.path("end.raw")
    heap = Heap(context, [MEMPROBE, "-f", "-o", dump, "--no-report"] + list(options) + ["--"]
                + context.target("heap_truth.py"))
    heap.ask("keep")
    truth = heap.ask("truth")
    heap.quit()
    return truth, read_report(context, dump).of_pid(heap.pid)[-1]


def check_inside_at_the_end(context, *options):
    for _ in range(3): # a look that nobody asked for has 0.2 s, which a busy machine may not give
        truth, process = end_heap(context, options)
        inside = process["inside"]
        if inside:
            break
    check(inside, "nothing was read, three times")
    check_equal("malloc", inside["malloc"]["state"], "read")
    whole = truth["malloc"]["used"] + truth["malloc"]["free"]
    for name in ("used", "free"): # what main() let go when it returned is free by then
        check_near(name, inside["malloc"][name], truth["malloc"][name], whole // 200)
    check(process["start"] <= inside["time"] <= process["end"], "time of %r" % inside)


@test(interpreters="all", needs_gil=True)
def heap_at_the_end(context):
    """What is inside a command's allocators before its runtime goes."""
    check_inside_at_the_end(context)


@test(interpreters="few")
def heap_at_the_end_with_allocs(context):
    """The same where it was asked for."""
    check_inside_at_the_end(context, "--allocs")


def end_heaps(context, *options):
    """What each kind of tests/targets/heap_ends.py told, and its entry."""
    result, dump = record(context, context.target("heap_ends.py"), *options)
    check_equal("status (%s)" % result.errors, result.status, 0)
    told = {one["kind"]: one for one in map(json.loads, result.output.splitlines())}
    report = read_report(context, dump)
    return {kind: (one, report.of_pid(one["pid"])[-1]) for kind, one in told.items()}


@test(interpreters="few", needs_gil=True)
def heap_of_children_that_end(context):
    """A large one has its own; nobody is stopped who has little to tell, or who would notice."""
    seen = end_heaps(context)
    told, entry = seen["large"]
    check(entry["inside"], "nothing was read of the large one")
    for name in ("used", "free"):
        check_near(name, entry["inside"]["malloc"][name], told[name], told["used"] // 50)
    for kind in ("small", "left", "handled", "job"):
        told, entry = seen[kind]
        check_equal("inside of " + kind, entry["inside"], None)
        check(not told["stopped"] and not told.get("continued"), "it was stopped: %r" % told)
    text = memprobe(context, "post", context.path("dump.0")).output
    check("Inside: " in text, "no Inside in %r" % text[-1000:])


@test(interpreters="one")
def heap_of_forked_that_end(context):
    """One that was forked, lives and ends as a Python does; and one that ends by os._exit()."""
    script = ("import os, sys, time\nkept = [bytearray(3000) for _ in range(20000)]\n"
              "child = os.fork()\nif not child:\n    time.sleep(1.5)\n    sys.exit(3)\n"
              "status = os.waitpid(child, 0)[1]\nother = os.fork()\nif not other:\n"
              "    time.sleep(1.5)\n    os._exit(4)\nprint(child, other, status, os.wait()[1])\n")
    result, dump = record(context, context.python.command + ["-c", script])
    child, other, first, second = (int(word) for word in result.output.split())
    check_equal("statuses", (first >> 8, second >> 8, result.status), (3, 4, 0))
    report = read_report(context, dump)
    inside = report.of_pid(child)[-1]["inside"]
    check(inside and inside["malloc"]["used"] > 20000 * 3000, "inside of the child: %r" % inside)
    check_equal("inside of the other", report.of_pid(other)[-1]["inside"], None)


@test(interpreters="one")
def heap_of_attached_that_ends(context):
    """With -p, of a process that ends while it is followed."""
    heap = Heap(context)
    heap.ask("keep")
    attached = Attached(context, heap.pid, options=("-v",))
    wait_until(lambda: attached.has_said("the end of %d is waited for" % heap.pid), "the probe")
    truth = heap.ask("truth")
    heap.quit()
    entry = attached.end(number=None).python(heap.pid).entry
    check(entry["inside"], "nothing was read")
    check_near("free", entry["inside"]["malloc"]["free"], truth["malloc"]["free"],
               truth["malloc"]["free"] // 50)


@test(interpreters="one")
def heap_of_a_killed_memprobe(context):
    """memprobe is killed in the middle of the last look: the process goes on to its end."""
    script = "import os\nkept = bytearray(512 << 20)\nprint(os.getpid(), flush=True)\ninput()\n"
    process = context.start([MEMPROBE, "-o", context.path("dump"), "--no-report", "--"]
                            + context.python.command + ["-c", script], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
    pid = int(process.stdout.readline())
    process.stdin.write(b"\n")
    process.stdin.close()
    kill_while_it_stands(process.pid, pid)


@test(interpreters="one")
def heap_of_a_stopped_memprobe(context):
    """memprobe is stopped itself when a process ends: that goes on, which one that was stopped by
    its user does not."""
    heap, users = Heap(context), Heap(context)
    for one in heap, users:
        one.ask("keep")
    attached = Attached(context, heap.pid, options=("-v", "-p", str(users.pid)))
    for one in heap, users:
        wait_until(lambda: attached.has_said("the end of %d is waited for" % one.pid), "the probe")
    os.kill(users.pid, signal.SIGSTOP)
    os.kill(attached.process.pid, signal.SIGSTOP)
    try:
        heap.quit()
        check_equal("state of the other", state_of(users.pid), "T")
    finally:
        os.kill(attached.process.pid, signal.SIGCONT)
        os.kill(users.pid, signal.SIGCONT)
    users.quit()
    report = attached.end(number=None)
    check_equal("inside", report.of_pid(heap.pid)[-1]["inside"], None)
    check(report.of_pid(users.pid)[-1]["inside"], "nothing was read of the other")


@test(interpreters="one")
def heap_while_threads_allocate(context):
    """Four threads that do nothing else: no reading hangs, and what is torn is said. The arenas'
    whole hardly moves, so that a reading is what the target says before and after."""
    heap, wrong = Heap(context), []
    heap.ask("keep")
    heap.ask("busy")
    for _ in range(ROUNDS):
        before = heap.ask("truth")["malloc"]
        inside, = read_heap(context, heap.pid)
        after = heap.ask("truth")["malloc"]
        malloc = inside["malloc"]
        whole = malloc["used"] + malloc["free"]
        check(malloc["state"] in ("read", "partly"), "malloc is %r" % malloc)
        least, most = sorted((before["total"], after["total"]))
        if malloc["state"] == "read" and not least * 0.99 <= whole <= most * 1.01:
            wrong.append("%d of %d to %d" % (whole, least, most))
        if malloc["state"] == "read" and malloc["free"] > 2 * max(before["free"], after["free"]):
            wrong.append("%d free of %d and %d" % (malloc["free"], before["free"], after["free"]))
    heap.ask("idle")
    heap.quit()
    check_all(wrong)


@test(interpreters="one")
def heap_of_a_process_that_ends(context):
    """It is killed sooner or later after the reading began: an answer, or an error and no more."""
    for number in range(ROUNDS):
        heap = Heap(context)
        heap.ask("dicts")
        process = context.start([MEMPROBE, "heap", "-p", str(heap.pid), "--format=json"])
        time.sleep(number * 0.002)
        heap.process.kill()
        context.finish(heap.process)
        result = context.finish(process)
        if result.status == 0:
            check_equal("readings", len(parse(result.output)["readings"]), 1)
        else:
            check_error(result, 1, CANNOT)
            check_equal("output of a failure", result.output, "")


@test(interpreters="one")
def heap_again_and_again(context):
    """--every and --count; SIGINT, and the process's end, end it with what there is."""
    heap = Heap(context)
    check_equal("readings", len(read_heap(context, heap.pid, "--every=0.05", "--count=3")), 3)
    for end in (lambda process: os.kill(process.pid, signal.SIGINT), lambda process: heap.quit()):
        process = context.start([MEMPROBE, "heap", "-p", str(heap.pid), "--every=0.05",
                                 "--format=json"])
        wait_until(lambda at=process.files[0].name: os.path.getsize(at) > 1000, "readings")
        end(process)
        result = context.finish(process)
        check_equal("status (%s)" % result.errors, result.status, 0)
        times = [one["time"] for one in parse(result.output)["readings"]]
        check(times and times == sorted(times), "times are %r" % times)


@test(interpreters="one")
def heap_outputs(context):
    """Text, a file, one that exists, and words that mean nothing."""
    heap, out = Heap(context), context.path("out")
    text = memprobe(context, "heap", "-p", heap.pid, "--every=0.01", "--count=2").output
    check_equal("readings (%s)" % text, text.count("\nInside: "), 2)
    check_equal("sentences (%s)" % text, text.count("\n  In short: "), 2)
    check("at 0.00 s\n" in text and text.split("\nat ")[0].endswith("heap_truth.py"), text)
    check_equal("status", memprobe(context, "heap", "-p", heap.pid, "--out=" + out).status, 0)
    with open(out) as file:
        check("Inside: " in file.read(), "no Inside in the file")
    check_error(memprobe(context, "heap", "-p", heap.pid, "--out=" + out), 1, CANNOT, HINT, "exists")
    check_equal("status", memprobe(context, "heap", "-p", heap.pid, "-f", "--out=" + out).status, 0)
    for words in ((), ("-p", heap.pid, "x"), ("-p", "%d,1" % heap.pid), ("-p", heap.pid, "--every=0"),
                  ("-p", heap.pid, "--format=tree"), ("-p", heap.pid, "--freeze")):
        check_error(memprobe(context, "heap", *words), 2, CANNOT)
    heap.quit()


RESERVES = """
import ctypes, runpy, sys
libc = ctypes.CDLL(None)
libc.mmap.restype, libc.mmap.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t] + 3 * [
    ctypes.c_int] + [ctypes.c_long]
libc.mmap(None, 4 << 40, 3, 0x4022, -1, 0)  # private, anonymous, NORESERVE
runpy.run_path(sys.argv[1], run_name="__main__")
"""


@test(interpreters="one")
def heap_beside_reserved_addresses(context):
    """Terabytes that nobody has touched leave time for the rest; where they do not, nothing is said of
    where it is."""
    target, = [word for word in context.target("heap_truth.py") if word.endswith(".py")]
    context.environment["PYTHONPATH"] = os.path.dirname(target)
    heap = Heap(context, [*context.python.command, "-c", RESERVES, target])
    heap.ask("dicts")
    truth = heap.ask("truth")
    inside, = read_heap(context, heap.pid)
    if "partly" in (inside["malloc"]["state"], inside["pymalloc"]["state"]):
        check_equal("cure (%r)" % inside, inside["cure"], "partly")
        check(KERNEL < (6, 7), "there was no time on %s: %r" % (KERNEL, inside))
    else:
        check_inside(inside, truth)
    heap.quit()


OPENS = """
import ctypes, runpy, sys
ctypes.CDLL(sys.argv[2])
runpy.run_path(sys.argv[1], run_name="__main__")
"""


@test(interpreters="one")
def heap_of_an_unknown_malloc(context):
    """What a preloaded library serves is not told as the C library's; one that is opened later serves
    nobody, as glibc's library for checks does without any."""
    library = build_library(context, "cc", "malloc_with_header.c", "-fno-builtin")
    checker = "libc_malloc_debug.so.0"
    has_checker = not context.run([*context.python.command, "-c",
                                   "import ctypes; ctypes.CDLL(%r)" % checker]).status
    cases = [({"LD_PRELOAD": library}, os.path.basename(library))]
    if has_checker:
        cases += [({"LD_PRELOAD": checker, "MALLOC_CHECK_": "3"}, checker),
                  ({"LD_PRELOAD": checker, "GLIBC_TUNABLES": "glibc.malloc.check=1"}, checker),
                  ({"LD_PRELOAD": checker}, None)]
    for environment, name in cases:
        command = ["env", *("%s=%s" % item for item in environment.items()),
                   *context.target("heap_truth.py")]
        heap = Heap(context, command)
        inside, = read_heap(context, heap.pid)
        check_equal("state with %s" % environment, inside["malloc"]["state"],
                    "unknown" if name else "read")
        check(not name or inside["malloc"]["name"] == name, "%r" % inside["malloc"])
        heap.quit()
    target, = [word for word in context.target("heap_truth.py") if word.endswith(".py")]
    context.environment["PYTHONPATH"] = os.path.dirname(target)
    heap = Heap(context, [*context.python.command, "-c", OPENS, target, library])
    inside, = read_heap(context, heap.pid)
    check_equal("state", inside["malloc"]["state"], "read")
    heap.quit()


SECOND = """
import ctypes, runpy, sys
from allocator_truth import Mallinfo, OldMallinfo
dl = ctypes.CDLL(None)
dl.dlmopen.restype = dl.dlsym.restype = ctypes.c_void_p
dl.dlmopen.argtypes = [ctypes.c_long, ctypes.c_char_p, ctypes.c_int]
dl.dlsym.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
second = dl.dlmopen(-1, sys.argv[3].encode(), 2)  # LM_ID_NEWLM, RTLD_NOW
malloc = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t)(dl.dlsym(second, b"malloc"))
free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(dl.dlsym(second, b"free"))
new = dl.dlsym(second, b"mallinfo2")
ask = ctypes.CFUNCTYPE(Mallinfo if new else OldMallinfo)(new or dl.dlsym(second, b"mallinfo"))
for number, block in enumerate([malloc(4000) for _ in range(5000)]):
    if number % 10:
        free(block)
with open(sys.argv[2], "w") as file:
    file.write("%d %d" % (ask().uordblks, ask().fordblks))
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def check_second(context, library):
    target, = [word for word in context.target("heap_truth.py") if word.endswith(".py")]
    context.environment["PYTHONPATH"] = os.path.dirname(target)
    told = context.path("second")
    heap = Heap(context, [*context.python.command, "-c", SECOND, target, told, library])
    with open(told) as file:
        used, free = map(int, file.read().split())
    check(used > 500 * 4000 and free > 4500 * 4000, "the second has %d and %d" % (used, free))
    for word in ("large", "keep"):
        heap.ask(word)
        truth = heap.ask("truth")
        truth["malloc"]["used"] += used
        truth["malloc"]["free"] += free
        inside, = read_heap(context, heap.pid)
        check_inside(inside, truth)
    promised, gave = inside["malloc"]["free_pages"], heap.ask("trim")["gave"]
    check(promised > 16 * MB, "only %d bytes are free in whole pages" % promised)
    check_near("what malloc_trim gave back", gave, promised, promised // 10)
    heap.quit()


@test(interpreters="one", needs_gil=True)
def heap_of_a_second_c_library(context):
    """dlmopen's is added to the program's own, be it the same file again or another; what malloc_trim
    gives back is of the program's own alone."""
    heap = Heap(context)
    with open("/proc/%d/maps" % heap.pid) as maps:
        path = next(line.split()[-1] for line in maps if "/libc.so.6" in line or "/libc-2." in line)
    heap.quit()
    for library in (path, shutil.copy(path, context.path("libc.so.6"))):
        check_second(context, library)


@test(interpreters="one")
def heap_beside_an_unknown_c_library(context):
    """What is not read is told."""
    library = shutil.copy(build_library(context, "cc", "malloc_with_header.c", "-fno-builtin"),
                          context.path("libc.so.6"))
    target, = [word for word in context.target("heap_truth.py") if word.endswith(".py")]
    context.environment["PYTHONPATH"] = os.path.dirname(target)
    heap = Heap(context, [*context.python.command, "-c", OPENS, target, library])
    inside, = read_heap(context, heap.pid)
    check_equal("state", inside["malloc"]["state"], "partly")
    check(inside["malloc"]["used"] > 0, "%r" % inside["malloc"])
    heap.quit()


NO_MALLOC = r"""
void _start(void)
{
	for (;;)
		__asm__ volatile("syscall" : : "a"(34) /* pause */ : "rcx", "r11", "memory");
}
"""


@test(interpreters="one")
def heap_of_what_has_none(context):
    """No such process, a kernel thread, a thread, a zombie, a process without any allocator."""
    heap = Heap(context)
    heap.ask("busy")
    threads = [int(name) for name in os.listdir("/proc/%d/task" % heap.pid)]
    thread = next(one for one in threads if one != heap.pid)
    check_error(memprobe(context, "heap", "-p", thread), 1, CANNOT, HINT, "thread of process")
    heap.ask("idle")
    heap.quit()
    check_error(memprobe(context, "heap", "-p", heap.pid), 1, CANNOT, "no such process|has ended")
    with open("/proc/2/comm") as file:
        if file.read() == "kthreadd\n":
            check_error(memprobe(context, "heap", "-p", 2), 1, CANNOT, "kernel thread")
    if not shutil.which("cc"):
        raise Skip("there is no compiler")
    source, program = context.write("none.c", NO_MALLOC), context.path("none")
    built = context.run(["cc", "-nostdlib", "-static", "-o", program, source])
    check_equal("the compiler's status (%s)" % built.errors, built.status, 0)
    bare = context.start([program])
    wait_until(lambda: os.readlink("/proc/%d/exe" % bare.pid) == program, "the exec")
    check_error(memprobe(context, "heap", "-p", bare.pid), 1, CANNOT, HINT, "malloc")


@test(interpreters="one")
def heap_without_rights(context):
    """An ordinary user's own process can be read, another's not: no capability is needed."""
    shared = context.path("shared")
    os.mkdir(shared)
    targets = os.path.join(os.path.dirname(__file__), "../targets")
    for path in (MEMPROBE, os.path.join(targets, "heap_truth.py"),
                 os.path.join(targets, "allocator_truth.py")):
        os.chmod(shutil.copy(path, shared), 0o755)
    program, target = os.path.join(shared, "memprobe"), os.path.join(shared, "heap_truth.py")
    if context.run(as_user(NOBODY) + context.python.command + ["-c", "pass"]).status:
        raise Skip("nobody has no Python")
    theirs = Heap(context, as_user(NOBODY) + context.python.command + [target])
    result = context.run(as_user(NOBODY) + [program, "heap", "-p", str(theirs.pid)])
    check_equal("status (%s)" % result.errors, result.status, 0)
    check("MB in use by Python objects" in result.output, result.output)
    ours = Heap(context)
    result = context.run(as_user(NOBODY) + [program, "heap", "-p", str(ours.pid)])
    check_error(result, 1, CANNOT, HINT)
    for heap in (theirs, ours):
        heap.quit()
