"""post --leaks: paths that kept growing, and nothing else."""
import re

from capture import capture, memprobe, read_report
from harness import Skip, check, check_equal, check_near, test, tolerance
from tree import ancestors, check_invariants


@test(interpreters="few")
def leak_beside_churn(context):
    """Of a leak, a cache that is full and churn, the leak's path is named with what it holds."""
    taken = capture(context, context.target("leaking.py"))
    if taken.process()["rss"]["live"] is None:
        raise Skip("owners of pages are not followed on this kernel")
    report = read_report(context, taken.dump, "--leaks")
    check_invariants(report)
    process, kept = report.python(), taken.truth["kept"]
    named = [node for node in process.nodes if node["self"]["live"] and node["kind"] != "cut"]
    check_near("live of the leaks below remember", process.own("live", [
        node for node in named if any(above["function"] == "remember" for above in ancestors(node))
    ]), kept, tolerance(kept))
    check_near("live of all leaks", process.own("live", named), kept, 0.05 * kept)
    check_equal("sum of live", process.own("live", process.nodes), process["rss"]["live"])
    text = memprobe(context, "post", "--leaks", taken.dump).output
    found = re.search(r"^Kept growing, .*\n +(\S+) MB +(\S+) MB an hour  .*take < .*remember", text,
                      re.M)
    check(found, "no row of take < remember: %r" % text[:600])
    check("look_up" not in text and "compute" not in text, "more than the leak: %r" % text[:600])
