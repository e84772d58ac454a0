"""--allocs beside targets that know their blocks: C++, numpy, mremap, threads, forks, exits."""
import os
import shutil

from capture import capture, capture_until, memprobe, read_truth
from harness import (CACHE, LIBRARIES, TARGETS, Skip, build_library, check, check_all, check_near,
                     test)
from test_allocs import ALLOCATORS, MISSED, follows_allocs, has_pulse
from test_owners import check_held_sums
from tree import LATE, check_invariants

FEW = ("few", "debian-3.14")
# Operators that may throw, where no function that may not does all of the work.
NEWS = ("by_new", "by_new_array", "by_vector")
UNFOLLOWED = {"libjemalloc.so.2": NEWS, "libtcmalloc_minimal.so.4": (*NEWS, "by_new_aligned"),
              "libmimalloc.so.2.0": (*NEWS, "by_new_nothrow")}
LEAST_ARRAY = 4096  # numpy keeps small blocks, such as shapes, for itself
NOT_INSTALLED = 77
START_WITH = """
import os, sys
os.environ["LD_PRELOAD"] = sys.argv[1]
os.execv(sys.argv[2], sys.argv[2:])
"""


def compare_kept(process, kept):
    """Bytes and blocks of each function and below it, exactly."""
    wrong = []
    for name, expected in sorted(kept.items()):
        totals = [node["total"]["allocated"] for node in process.named(name)]
        for figure, key in (("end", "size"), ("blocks", "blocks")):
            seen = sum(total[figure] for total in totals)
            if seen != expected[key]:
                wrong.append("%s of %s is %d, expected %d" % (key, name, seen, expected[key]))
    check_all(wrong)


def build_news(context):
    return build_library(context, "c++", "news.cpp", "-std=c++17")


def preloading(context, library):
    """The command of the Python with an allocator in place of the C library's, and no more of what
    starts it. A Python in a root of its own has no such library: the copy is given to it."""
    path = shutil.copy(os.path.join(LIBRARIES, library), context.directory)
    if context.python.kind != "debian":
        return ["env", "LD_PRELOAD=" + path] + context.python.command
    python = "/usr/bin/python%d.%d" % context.python.minor
    return context.python.command + ["-c", START_WITH, path, python]


def capture_in_time(context, take, in_script=False, tries=5):
    """What take() captures; once more where a script begins the Python and it was found late: nothing
    is known of its file before, and on a busy machine what it takes first is lost, and said to be."""
    in_script = in_script or context.python.kind == "debian"
    for _ in range(tries - 1):
        taken = take()
        losses = [loss["reason"] for process in taken.report.processes for loss in process["losses"]]
        if not in_script or LATE not in losses:
            return taken
    return take()


def capture_known(context, *before):
    """The target itself, where programs that only set its environment may have been before."""
    command = [*before, *context.python.command, os.path.join(TARGETS, "blocks_known.py"),
               build_news(context)]
    taken = capture_in_time(context, lambda: capture(context, command, "--allocs"), bool(before))
    check_invariants(taken.report)
    entries = [entry for entry in taken.report.of_pid(taken.truth["pid"]) if entry["python"]]
    return entries[-1], taken.truth


@test(interpreters=FEW, needs_gil=True)
def known_blocks(context):
    """new and delete of each kind, realloc by mremap, threads that give back others' blocks, and what
    goes before and after the runtime begins to finalize: to the byte and the block."""
    follows_allocs(context)
    process, truth = capture_known(context)
    compare_kept(process, truth["kept"])
    check_held_sums(process)
    # The pages have moved with their block, and only what was touched is there.
    for name, expected in (("grow_it", truth["touched"]), ("shrink_it", truth["touched"]),
                           ("take_small", 0)):
        check_near("live of %s" % name, process.below("live", process.named(name)), expected,
                   256 << 10)


@test(interpreters="one")
def known_blocks_in_another_root(context):
    """The C library is another file than the one of this name here: followed from the first block on."""
    follows_allocs(context)
    library = os.path.realpath(os.path.join(LIBRARIES, "libc.so.6"))
    copy = shutil.copy(library, context.directory)
    binding = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"']
    if context.run([*binding, copy, library, "true"]).status != 0:
        raise Skip("nothing can be mounted in a namespace of its own")
    process, truth = capture_known(context, *binding, copy, library)
    compare_kept(process, truth["kept"])


def capture_preloaded(context, command):
    """What `env` begins is not known before: on a busy machine its allocator is followed late, so it
    waits for that."""
    path = context.environment["MEMPROBE_TRUTH"] = context.path("truth")
    command += [os.path.join(TARGETS, "blocks_known.py"), build_news(context)]
    taken = capture_in_time(context, lambda: capture_until(context, command, has_pulse, "--allocs"))
    check_invariants(taken.report, with_losses=True)
    truth = read_truth(path)
    return [entry for entry in taken.report.of_pid(truth["pid"]) if entry["python"]][-1], truth


@test(interpreters=FEW, needs_gil=True)
def known_blocks_of_preloaded(context):
    """The same with an allocator in place of the C library's, but for what is said not to be followed."""
    follows_allocs(context)
    names = [name for name in ALLOCATORS if os.path.exists(os.path.join(LIBRARIES, name))]
    if not names:
        raise Skip("none of %s is installed" % ", ".join(ALLOCATORS))
    for name in names:
        process, truth = capture_preloaded(context, preloading(context, name))
        unfollowed = {by: {"size": 0, "blocks": 0} for by in UNFOLLOWED[name]}
        compare_kept(process, {**truth["kept"], **unfollowed})
        reasons = {loss["reason"] for loss in process["losses"]}
        check(MISSED in reasons and reasons <= {MISSED, LATE}, "losses with %s: %r" % (name, reasons))
    return ", ".join(names)


@test(interpreters=FEW)
def known_arrays(context):
    """numpy arrays, by the bytes that they say they have."""
    follows_allocs(context)
    alone = context.run(context.target("arrays_known.py"), env={"MEMPROBE_TRUTH": context.path("x")})
    if alone.status == NOT_INSTALLED:
        raise Skip(alone.errors.strip())
    taken = capture_in_time(context, lambda: capture(context, context.target("arrays_known.py"),
                                                     "--allocs=%d" % LEAST_ARRAY))
    check_invariants(taken.report)
    compare_kept(taken.process(), taken.truth["kept"])


@test(interpreters=FEW, needs_gil=True)
def known_blocks_of_forks(context):
    """A forked child takes and gives back its own and its parent's, the parent likewise: the books of
    neither see the other's."""
    follows_allocs(context)
    path = context.path("truth")
    context.environment["MEMPROBE_TRUTH"] = path
    context.environment["MEMPROBE_GATE"] = gate = context.write("gate", "")
    pulsing = []

    def has_childs_pulse(process):
        """One after the other: the parent may begin once its pulse is seen."""
        if not has_pulse(process):
            return False
        if not pulsing:
            pulsing.append(process["pid"])
            os.unlink(gate)
        return process["pid"] not in pulsing
    taken = capture_until(context, context.target("forked_blocks.py"), has_childs_pulse, "--allocs")
    for role in ("", ".child"):
        truth = read_truth(path + role)
        process = [one for one in taken.report.of_pid(truth["pid"]) if one["python"]][-1]
        compare_kept(process, truth["kept"])
    check(process["allocs"]["unknown_frees"] >= truth["given_back"],
          "allocs of the child: %r" % process["allocs"])


@test()
def known_leak_in_openmdao(context):
    """Problem.setup in a loop with a component that keeps 0.5 MB each time: --leaks names that
    component and nothing else."""
    follows_allocs(context)
    python = os.path.join(CACHE, "venv-pypi", "bin", "python")
    if not os.path.exists(python):
        raise Skip("openmdao is not installed: tools/setup --pypi")
    script = os.path.join(TARGETS, "openmdao_keeping.py")
    taken = capture(context, [python, script, "300", "6"], "--allocs", timeout=300)
    check_invariants(taken.report)
    process, kept = taken.process(), taken.truth["kept"]
    totals = [node["total"]["allocated"] for node in process.named("Remembering.remember")]
    check_near("kept by Remembering.remember", sum(total["end"] for total in totals), kept,
               kept // 100)
    shown = memprobe(context, "post", "--leaks", "--min=1", taken.dump).output
    rows = [line for line in shown.splitlines() if " MB an hour " in line]
    check(rows and all("Remembering" in row for row in rows), "the rows are %r" % rows)
