"""Native threads below the Python call that they work for, against what the target knows."""
from capture import capture
from harness import build_library, check, check_all, check_near, test
from tree import ancestors, check_invariants

WRONG = 0.01  # of what the pool took


def pool(context):
    """The pool as a library."""
    return build_library(context, "cc", "native_pool.c", "-pthread")


def run_pool(context, what):
    taken = capture(context, context.target("native_pool.py", pool(context), what))
    check_invariants(taken.report, with_losses=True)  # a thread whose frames moved under a walk
    return taken


def inferred_below(process, function, name):
    """Bytes of an amount that native threads have below a function."""
    rows = [node for node in process.of_kind("native")
            if any(above["function"] == function for above in ancestors(node))]
    check(all(node.get("inferred") for node in rows), "a native row below %s is not marked" % function)
    return process.own(name, rows)


def run_callers(context, what):
    taken = run_pool(context, what)
    truth = taken.truth["calls"]
    return taken.process(), truth, sum(grown for grown, _ in truth.values())


@test(interpreters="all")
def native_pool_of_one_caller(context):
    """Each call has what it made the pool take, and what is given back is given back by the call
    that had it taken, though a thread does it that outlives both."""
    taken = run_pool(context, "one_caller")
    process, wrong = taken.process(), []
    truth = taken.truth["calls"]
    everything = sum(grown for grown, _ in truth.values())
    for function, (grown, released) in truth.items():
        for name, expected in (("grown", grown), ("released", released)):
            seen = inferred_below(process, function, name)
            if abs(seen - expected) > WRONG * everything:
                wrong.append("%s has %s %d, expected %d" % (function, name, seen, expected))
    check_all(wrong)
    roots = [node for node in process.of_kind("native") if not node.get("inferred")]
    check_near("of native roots", process.own("grown", roots), 0, WRONG * everything)


@test(interpreters="all")
def native_pool_of_callers_in_turn(context):
    """Three threads call one after the other: nothing is on the wrong one, and nearly all is on the
    right one. The first call is before anybody sees who wakes whom."""
    process, truth, everything = run_callers(context, "in_turn")
    wrong = 0
    for function, (grown, _) in truth.items():
        seen = inferred_below(process, function, "grown")
        if context.python.minor >= (3, 7):  # 3.6's list of thread states is not found
            check(seen >= grown * 0.5, "%s has only %d of %d" % (function, seen, grown))
        wrong += max(0, seen - grown)
    inferred = process.own("grown", [node for node in process.of_kind("native") if node.get("inferred")])
    wrong += inferred - sum(inferred_below(process, function, "grown") for function in truth)
    check_near("on the wrong caller", wrong, 0, WRONG * everything)


@test(interpreters="few")
def native_pool_of_callers_at_once(context):
    """Through one queue nobody can tell for whom it is: it stands on the pool's own rows. When only
    one of them has jobs left, it is clear again."""
    process, truth, everything = run_callers(context, "at_once")
    roots = [node for node in process.of_kind("native") if not node.get("inferred")]
    check(process.own("grown", roots) >= 0.8 * everything,
          "on native roots are %d of %d" % (process.own("grown", roots), everything))
