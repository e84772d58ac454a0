"""Calls of frames that do not end by a return."""
import os

from capture import capture
from harness import CACHE, Skip, check, check_all, check_equal, test
from test_calls import EXACT, counted_from_start, has_last_walk, meaning_of
from tree import check_invariants


def check_called(process, expected):
    """Of each function on all its paths, exactly."""
    nodes = {name: process.named(name) for name in expected}
    check_all(["%s has %s calls, exact %s; expected %d" % (
        name, [node["calls"] for node in found], [node["calls_exact"] for node in found], count)
               for (name, found), count in zip(nodes.items(), expected.values())
               if sum(node["calls"] or 0 for node in found) != count
               or not all(node["calls_exact"] for node in found)])


@test(interpreters="few")
def calls_of_vfork_children(context):
    """A child that ends in its parent's memory has called nothing there."""
    counted_from_start(context)
    if context.python.minor < (3, 8):
        raise Skip("it has no posix_spawn")
    taken = capture(context, context.target("call_ends.py", "spawn", 1), EXACT)
    check_invariants(taken.report)
    check_called(taken.process(), {"outer": 1, "inner": 1, "spawn": 1})


@test(interpreters="few")
def calls_without_a_caller(context):
    """A generator that C resumes with no Python frame below it, in a thread of its own each time."""
    counted_from_start(context)
    if meaning_of(context.python) not in ("entries", "returns"):
        raise Skip("resumes are not seen, or the creation of a generator is one")
    taken = capture(context, context.target("call_ends.py", "rooted"), EXACT)
    check_invariants(taken.report)
    check_called(taken.process(), {"outer": 1, "inner": 1, "rooted": 1, "numbers": 10})


@test(interpreters="all")
def calls_of_made_generators(context):
    """Making a generator is no call but in 3.15, also where C makes it and the frame of 3.11 ends."""
    counted_from_start(context)
    process = capture(context, context.target("call_ends.py", "makes"), EXACT).process()
    calls = sum(node["calls"] or 0 for node in process.named("numbers"))
    check_equal("calls of numbers", calls, 10 if meaning_of(context.python) == "entries of 3.15" else 0)


@test(interpreters="few")
def calls_at_an_exec(context):
    """What calls exec never returns, nor do other threads."""
    counted_from_start(context)
    for words, names in (("exec", ("begin",)),
                         ("exec_in_thread", ("begin", "begin_in_thread", "Thread.run"))):
        taken = capture(context, context.target("call_ends.py", words), EXACT)
        check_invariants(taken.report)
        process = taken.process()
        check_equal("end_reason", process["end_reason"], "exec")
        threads = [thread["name"] for thread in process["threads"]]
        check(threads and "true" not in threads, "named as the next program: %r" % threads)
        check_called(process, {name: 1 for name in ("outer", "inner") + names})


@test(interpreters="all")
def calls_of_daemon_threads(context):
    """Their frames go with the runtime: bounds, with the reason, where ends are counted. Not when the
    process ends without taking it down, nor when all threads have ended before."""
    counted_from_start(context)
    starts = context.python.minor < (3, 11)
    if not starts and not has_last_walk():
        raise Skip("before 6.16 bounds have one reason for all: see calls_cut_short")
    for words in ("sleep", "polls"):
        process = capture(context, context.target("call_ends.py", words), EXACT).process()
        exact = {node["calls_exact"] for node in process.named("outer")}
        check_equal("exact with %s" % words, exact, {starts})
        check("daemon" in process["calls"]["reason"] or starts, "%r" % process["calls"])
    taken = capture(context, context.target("call_ends.py", "leaves"), EXACT)
    check_called(taken.process(), {name: 1 for name in ("outer", "inner", "leaves", "background")})
    taken = capture(context, context.target("call_ends.py", "joined"), EXACT)
    check_called(taken.process(), {"outer": 1, "inner": 1, "joined": 1, "poll": 20})


@test(interpreters="all")
def calls_around_subinterpreters(context):
    """Who ends the process in one leaves frames of the main one, too, which nothing leads to: bounds,
    with the reason, where ends are counted. Not, from 3.12 on, beside one that nobody runs."""
    counted_from_start(context)
    minor = context.python.minor
    if minor < (3, 8):
        raise Skip("it has no module that makes interpreters")
    counts_entries = meaning_of(context.python).startswith("entries")
    for words, is_exact in (("within", False), ("beside", has_last_walk() and minor >= (3, 12))):
        process = capture(context, context.target("call_ends.py", words), EXACT).process()
        exact = {node["calls_exact"] for name in ("outer", "inner", words) for node in process.named(name)}
        check_equal("exact with %s (%r)" % (words, process["calls"]), exact, {is_exact or counts_entries})
        if is_exact or counts_entries:
            check_called(process, {name: 1 for name in ("outer", "inner", words)})
        else:
            check("were not added" in process["calls"]["reason"], "%r" % process["calls"])


def find_greenlet(context):
    """The words of a Python that has it."""
    for python in (context.python.command, [os.path.join(CACHE, "venv-libraries", "bin", "python")]):
        if os.path.exists(python[0]) and not context.run(python + ["-c", "import greenlet"]).status:
            return python
    raise Skip("there is no greenlet: tools/setup --libraries")


@test(interpreters="few")
def calls_of_greenlets(context):
    """Three of ten end; the frames of those that wait are where no walk finds them: bounds, with the
    reason, where ends are counted."""
    counted_from_start(context)
    python = find_greenlet(context)
    taken = capture(context, python + context.target("call_ends.py", "switches")[-2:], EXACT)
    process = taken.process()
    if process["calls"]["method"] == "none":
        raise Skip(process["calls"]["reason"])
    handlers = process.named("handler")
    if tuple(map(int, process["python"].split(".")[:2])) < (3, 11):
        check_called(process, {"outer": 1, "inner": 1, "switches": 1, "handler": 10})
        return
    check(not any(node["calls_exact"] for node in handlers), "handlers are exact: %r" % process["calls"])
    check("greenlets" in process["calls"]["reason"], "%r" % process["calls"])
    calls = sum(node["calls"] for node in handlers)
    check(3 <= calls <= 10, "%d calls of handlers" % calls)


@test(interpreters="few", core=True)
def calls_cut_short(context):
    """Frames that stand when the process is killed, or leaves by os._exit(), or in daemon threads: where
    ends are counted and the kernel (before 6.16) has no memory left to walk by then, bounds."""
    counted_from_start(context)
    counts_entries = meaning_of(context.python).startswith("entries")
    for words, is_exact, names in (("killed", has_last_walk(), ("killed",)),
                                   ("leaves", has_last_walk(), ("leaves", "background")),
                                   ("polls", False, ("polls", )), ("joined", True, ("joined",))):
        is_exact = is_exact or counts_entries
        called = {name: 1 for name in ("outer", "inner") + names}
        process = capture(context, context.target("call_ends.py", words), EXACT,
                          status=137 if words == "killed" else 0).process()
        exact = {node["calls_exact"] for name in called for node in process.named(name)}
        check(exact <= {is_exact}, "exact with %s: %s, %r" % (words, exact, process["calls"]))
        if is_exact:
            check_called(process, called)
        else:
            check("were not added" in process["calls"]["reason"], "%r" % process["calls"])
