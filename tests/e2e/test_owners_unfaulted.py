"""Who holds what the kernel brought in without a fault, beside targets that look at what is there."""
import json

from capture import capture
from harness import MB, PAGE, check, check_near, test, tolerance
from test_owners import check_held_sums
from tree import check_invariants

STRAY = 64 * PAGE


def check_unfaulted(context, how):
    """Each function holds what it has brought in, and nothing stands on [unowned]. Returns what the
    target tells."""
    taken = capture(context, context.target("owners_unfaulted.py", how))
    facts = [json.loads(line) for line in taken.result.output.splitlines()]
    check(facts, "the target measured nothing")
    check_invariants(taken.report)
    for fact in facts:
        process = taken.report.python(fact["pid"])
        check_held_sums(process)
        check_near("live of %s" % fact["function"],
                   process.below("live", process.named(fact["function"])), fact["live"],
                   tolerance(fact["live"]))
        check_near("live of [unowned]", process.own("live", process.of_kind("unowned")), 0, STRAY)
    return facts


@test(interpreters="few")
def owners_of_huge_pages_by_part(context):
    """What is asked for is 64 KB, what comes is 2 MB."""
    facts = check_unfaulted(context, "parts")
    return "%.1f MB" % (facts[0]["live"] / MB)
