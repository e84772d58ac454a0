"""Builds of CPython beside the usual ones: known amounts stand on known paths under each."""
import test_calls
import test_growth
from capture import capture
from harness import check, check_all, test, tolerance
from tree import check_invariants

FREE_THREADED = ("built-3.13t", "built-3.14t", "built-3.15t")


def wrong_totals(process, functions):
    """Functions whose growth with all below is not what they took."""
    wrong = []
    for function in functions:
        seen = process.below("growth", process.named(function["function"]))
        if abs(seen - function["self"]) > tolerance(function["self"]):
            wrong.append("%s is %d, expected %d" % (function["function"], seen, function["self"]))
    return wrong


@test(interpreters=FREE_THREADED)
def free_threaded_sizes(context):
    """What each function took by its own reading. It is not what it asked for: mimalloc, from which
    these builds take objects, keeps what is freed."""
    taken = capture(context, context.target("known_sizes.py"))
    check_invariants(taken.report)
    for function in taken.truth["functions"]:
        function["expected"] = None
    test_growth.compare_functions(taken.process(), taken.truth, context.python)


@test(interpreters=FREE_THREADED)
def free_threaded_at_once(context):
    """Four threads in Python code at once, through one function: each path has its own."""
    taken = capture(context, context.target("free_threads.py"))
    check_invariants(taken.report)
    check(not taken.truth["gil"], "the GIL was on")
    check_all(wrong_totals(taken.process(), taken.truth["functions"]))


@test(interpreters=FREE_THREADED)
def free_threaded_calls(context):
    test_calls.calls_exact(context)
