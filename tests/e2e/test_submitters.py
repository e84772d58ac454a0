"""What pools do, below who gave them the work: against what each caller asked for."""
import os

from capture import Attached, Served, capture, memprobe, read_report, read_truth, record
from harness import CACHE, MB, Skip, check_all, check_equal, check_near, test
from tree import ancestors, check_invariants, is_named

RUNTIME = 0.6  # MB that the interpreter takes beside the target, in any of them


def taken_below(process, caller):
    """MB that take() has on paths through a function."""
    return sum(node["total"]["growth"] for node in process.named("take")
               if any(is_named(above, caller) for above in ancestors(node))) / MB


def taken_at_own_root(process, worker):
    """The same on paths through a worker that nobody has asked."""
    return sum(node["total"]["growth"] for node in process.named("take")
               if any(is_named(above, worker) for above in ancestors(node))
               and not any((above["function"] or "").startswith("ask_")
                           for above in ancestors(node))) / MB


def capture_pools(context, *options):
    if context.python.minor < (3, 7):
        raise Skip("3.6 has no SimpleQueue, and its pools none but Python's own queues")
    taken = capture(context, context.target("submitting.py"), "--submitters", *options)
    check_invariants(taken.report)
    return taken


def check_callers(process, truth):
    wrong = []
    amounts = [(caller, taken_below(process, caller), expected)
               for caller, expected in truth["taken"].items()]
    amounts += [(worker, taken_at_own_root(process, worker), expected)
                for worker, expected in truth["own"].items()]
    for name, found, expected in amounts:
        if not expected <= found <= expected + RUNTIME * bool(expected):
            wrong.append("%s has %.2f MB, expected %d" % (name, found, expected))
    check_all(wrong)
    own = sum(node["total"]["growth"] for node in process.named("ask_results_16", "take")) / MB
    check_near("MB that ask_results_16 has taken itself", own, truth["taken"]["ask_results_16"], RUNTIME)


@test(interpreters="all")
def submitters_of_pools(context):
    """Executors, thread pools, queues of one's own, asyncio: each caller has what it asked for."""
    taken = capture_pools(context)
    check_callers(taken.process(), taken.truth)


@test(interpreters="few")
def submitters_counted(context):
    """The same where all calls are counted, and where blocks are followed."""
    taken = capture_pools(context, "--calls=exact", "--allocs=100000")
    process = taken.process()
    check_callers(process, taken.truth)
    if process["calls"]["method"] == "none":
        raise Skip("its calls were not counted: " + process["calls"]["reason"])
    calls = sum(node["calls"] for node in process.named("relay")
                if any(is_named(above, "ask_through_two_7") for above in ancestors(node)))
    check_equal("calls of relay below who asked", calls, 1)


@test(interpreters="few")
def submitters_split(context):
    """Below the thread that asked, with --threads; and by line."""
    taken = capture_pools(context, "--threads", "--lines")
    process = taken.process()
    check_callers(process, taken.truth)
    roots = {list(ancestors(node))[-1]["thread"] for node in process.named("take")
             if any(is_named(above, "ask_executor_9") for above in ancestors(node))}
    check_equal("threads of what ask_executor_9 asked for", roots, {"MainThread"})


@test(interpreters="few")
def submitters_attached(context):
    """To a process with a worker that waits: the call in which it waits is not seen to return, so
    what it takes then is nobody's; all that comes after has its caller."""
    if context.python.minor < (3, 7):
        raise Skip("3.6 has no SimpleQueue, and its pools none but Python's own queues")
    served = Served(context, context.target("submitting.py", "served"))
    attached = Attached(context, served.pid, options=("--submitters",))
    served.ask("go")
    report = attached.end()
    served.quit()
    check_invariants(report)
    process, truth = report.python(served.pid), read_truth(context.path("served.truth"))
    check_callers(process, truth)
    check_near("MB below ask_waiting_15", taken_below(process, "ask_waiting_15"), 15, RUNTIME)
    check_near("MB of the worker that waited", taken_at_own_root(process, "_WorkItem.run"), 15,
               RUNTIME)


LATE = "what pools did in its first moments may stand below their threads"
FORKED = """
import os, time
from concurrent.futures import ThreadPoolExecutor
kept = []
def take(megabytes):
    kept.append(b"x" * (megabytes << 20))
def ask_forked_11(executor):
    executor.submit(take, 11).result()
if not os.fork():
    time.sleep(0.15)  # less than until a flush
    with ThreadPoolExecutor(1) as executor:
        ask_forked_11(executor)
    os._exit(0)
os.wait()
"""


@test(interpreters="few")
def submitters_of_forked(context):
    """A child is followed soon after its fork, and what that leaves out is said of it alone."""
    if context.python.minor < (3, 7):
        raise Skip("3.6 has no SimpleQueue, and its pools none but Python's own queues")
    result, dump = record(context, context.python.command + ["-c", FORKED], "--submitters")
    check_equal("status (%s)" % result.errors, result.status, 0)
    report = read_report(context, dump)
    parent, child = sorted(report.processes, key=lambda process: process["start"])
    check_near("MB below ask_forked_11", taken_below(child, "ask_forked_11"), 11, RUNTIME)
    losses = [[loss["reason"].startswith(LATE) for loss in one["losses"]] for one in (parent, child)]
    check_equal("whether pools were followed late", losses, [[], [True]])
    text = memprobe(context, "post", dump).output
    check_equal("lines about it", text.count("Lost: " + LATE), 1)


FASTAPI = os.path.join(CACHE, "venv-libraries", "bin", "python")


@test(interpreters="one", long=True)
def submitters_of_fastapi(context):
    """Under uvicorn, with asyncio's loop and uvloop's: what an endpoint takes stands below its name,
    where a coroutine does it, a task that it waits for, a thread of anyio's or an executor's."""
    if context.run([FASTAPI, "-c", "import fastapi, uvicorn, uvloop"]).status:
        raise Skip("there is no fastapi, uvicorn and uvloop: tools/setup --libraries")
    for loop in ("asyncio", "uvloop"):
        taken = capture(context, [FASTAPI, context.target("served_by_fastapi.py")[-1], loop],
                        "--submitters")
        check_invariants(taken.report)
        process, wrong = taken.process(), []
        for endpoint, expected in taken.truth["taken"].items():
            seen = taken_below(process, endpoint)
            if abs(seen - expected) > 0.01 * expected:
                wrong.append("%s: %s has %.2f MB, expected %d" % (loop, endpoint, seen, expected))
            if endpoint not in ("read_items", "read_users"):
                wrong += ["%s: %s is below no task of the server" % (loop, endpoint)
                          for node in process.named(endpoint)
                          if not any(is_named(above, "RequestResponseCycle.run_asgi")
                                     for above in ancestors(node))]
        check_all(wrong)
