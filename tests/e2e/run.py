#!/usr/bin/env python3
"""End-to-end tests of memprobe: tests/e2e/run.py [--long] [--core] [--jobs N] [--only PATTERN] [--list]

  --long   every interpreter that tools/interpreters lists, and the tests that take long
  --core   only what also runs in a virtual machine: one interpreter, small sizes, no timing
  --jobs   so many tests at a time (1)
  --only   tests whose name matches the regular expression; --list shows names, --times durations
MEMPROBE is the program (build/memprobe by default). Prints a PASS, FAIL or SKIP line for each test
and a sum; the exit status is 1 when a test failed.
"""
import argparse
import os
import re
import sys
import time
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import harness  # noqa: E402
from interpreters import Absent, choose, find_interpreters  # noqa: E402
import test_growth  # noqa: E402,F401
import test_rewritten  # noqa: E402,F401
import test_processes  # noqa: E402,F401
import test_main_ended  # noqa: E402,F401
import test_attach  # noqa: E402,F401
import test_ends  # noqa: E402,F401
import test_errors  # noqa: E402,F401
import test_inherited  # noqa: E402,F401
import test_jsonl  # noqa: E402,F401
import test_exports  # noqa: E402,F401
import test_viewers  # noqa: E402,F401
import test_newcomers  # noqa: E402,F401
import test_workers  # noqa: E402,F401
import test_views  # noqa: E402,F401
import test_submitters  # noqa: E402,F401
import test_libraries  # noqa: E402,F401
import test_outputs  # noqa: E402,F401
import test_reports  # noqa: E402,F401
import test_users  # noqa: E402,F401
import test_calls  # noqa: E402,F401
import test_call_ends  # noqa: E402,F401
import test_check  # noqa: E402,F401
import test_names  # noqa: E402,F401
import test_tables  # noqa: E402,F401
import test_crowds  # noqa: E402,F401
import test_snapshots  # noqa: E402,F401
import test_containers  # noqa: E402,F401
import test_rights  # noqa: E402,F401
import test_children  # noqa: E402,F401
import test_attach_edges  # noqa: E402,F401
import test_interpreters  # noqa: E402,F401
import test_copied  # noqa: E402,F401
import test_leaks  # noqa: E402,F401
import test_diffs  # noqa: E402,F401
import test_compilers  # noqa: E402,F401
import test_short_children  # noqa: E402,F401
import test_inspection  # noqa: E402,F401
import test_sources  # noqa: E402,F401
import test_owners  # noqa: E402,F401
import test_owners_unfaulted  # noqa: E402,F401
import test_owners_ends  # noqa: E402,F401
import test_allocs  # noqa: E402,F401
import test_allocs_known  # noqa: E402,F401
import test_allocs_preloaded  # noqa: E402,F401
import test_kept  # noqa: E402,F401
import test_unshared  # noqa: E402,F401
import test_heap  # noqa: E402,F401
import test_heap_exec  # noqa: E402,F401
import test_last_looks  # noqa: E402,F401
import test_objects  # noqa: E402,F401
import test_native_pools  # noqa: E402,F401
import test_native_edges  # noqa: E402,F401
import test_html  # noqa: E402,F401
import test_threads  # noqa: E402,F401
import test_native  # noqa: E402,F401

CORE_SCALE = "0.25"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for flag in ("--long", "--core", "--list", "--times"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--jobs", default=1, type=int)
    parser.add_argument("--only", default="", type=re.compile)
    return parser.parse_args()


def planned(arguments):
    """(name, test, interpreter) of all that is to run."""
    found = find_interpreters()
    for test in harness.TESTS:
        if (test.long and not arguments.long) or (arguments.core and not test.core):
            continue
        if test.interpreters is None:
            yield test.name, test, None
            continue
        which = "one" if arguments.core else test.interpreters
        for python in choose(found, which, arguments.long):
            yield "%s/%s" % (test.name, python.name), test, python


def unmet(test):
    """The outcome and the reason when a test cannot run at all: without a program it has failed."""
    if test.needs == "root" and os.geteuid() != 0:
        return "SKIP", "it needs root"
    if test.needs == "root" and not os.access(harness.MEMPROBE, os.X_OK):
        return "FAIL", "%s is missing" % harness.MEMPROBE
    return None


def outcome_of(test, context):
    """PASS, FAIL or SKIP and a remark; what a test raises is its outcome."""
    try:
        return "PASS", test.function(context)
    except harness.Skip as skip:
        return "SKIP", str(skip)
    except harness.Failure as failure:
        return "FAIL", str(failure)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return "FAIL", "%s: %s (%s:%d)" % (
            type(error).__name__, error, os.path.basename(place.filename), place.lineno)


def run_one(test, session, python, long):
    refused = unmet(test)
    if not refused and isinstance(python, Absent):
        refused = "SKIP", python.reason
    if not refused and test.needs_gil and python and python.is_free_threaded:
        refused = "SKIP", "objects and buffers of free-threaded builds are mimalloc's"
    if refused:
        return refused
    context = session.context(python, long)
    try:
        outcome, remark = outcome_of(test, context)
    finally:
        leftovers = context.close()
    if leftovers and outcome == "PASS":
        return "FAIL", "processes are left: %s" % ", ".join(leftovers)
    return outcome, remark


def one_line(text):
    """A remark without control characters: it may quote hostile text."""
    return "".join(c if c.isprintable() else "?" for c in text.replace("\n", " | "))[:900]


def show(outcome, name, remark):
    """At once, so that what others print at the same time stands above or below."""
    text = "%s %s%s\n" % (outcome, name, ": " + one_line(remark) if outcome != "PASS" else "")
    if outcome == "PASS" and remark:
        text = "     %s: %s\n%s" % (name, one_line(remark), text)
    sys.stdout.flush()
    os.write(sys.stdout.fileno(), text.encode())


def run_some(numbers, plan, long):
    """(outcome, seconds, name) of the tests with these numbers in the plan."""
    session = harness.Session()
    try:
        for number in numbers:
            name, test, python = plan[number]
            begin = time.monotonic()
            outcome, remark = run_one(test, session, python, long)
            show(outcome, name, remark)
            yield outcome, time.monotonic() - begin, name
    finally:
        session.close()


def take_numbers(queue):
    while True:
        number = os.read(queue, NUMBER_BYTES)
        if not number:
            return
        yield int.from_bytes(number, "little")


NUMBER_BYTES = 4


def worker(queue, results, plan, long):
    """One of the processes that run tests at the same time; each has its own tests' children."""
    harness.adopt_orphans()
    for outcome, seconds, name in run_some(take_numbers(queue), plan, long):
        os.write(results, ("%s %f %s\n" % (outcome, seconds, name)).encode())


def start_worker(*arguments):
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        worker(*arguments)
        status = 0
    except Exception:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def run_beside(numbers, plan, arguments):
    """Several at a time, taken from a pipe that all workers read."""
    queue, tell = os.pipe()
    results, results_in = os.pipe()
    feeder = os.fork()
    if not feeder:
        for number in numbers:
            os.write(tell, number.to_bytes(NUMBER_BYTES, "little"))
        os._exit(0)
    os.close(tell)
    workers = [start_worker(queue, results_in, plan, arguments.long) for _ in range(arguments.jobs)]
    os.close(results_in)
    with os.fdopen(results) as file:
        done = [line.rstrip("\n").split(" ", 2) for line in file]
    statuses = [os.waitpid(pid, 0)[1] for pid in [feeder] + workers]
    if any(statuses) or len(done) != len(numbers):
        raise RuntimeError("%d of %d tests have a result" % (len(done), len(numbers)))
    return [(outcome, float(seconds), name) for outcome, seconds, name in done]


def run_all(plan, arguments):
    """The number of each outcome. Tests that must be alone come last."""
    numbers, done = list(range(len(plan))), []
    if arguments.jobs > 1:
        together = [number for number in numbers if not plan[number][1].alone]
        numbers = [number for number in numbers if plan[number][1].alone]
        done = run_beside(together, plan, arguments)
    done += run_some(numbers, plan, arguments.long)
    if arguments.times:
        for outcome, seconds, name in sorted(done, key=lambda one: -one[1])[:25]:
            print("%8.2f s  %s" % (seconds, name))
    return {kind: sum(one[0] == kind for one in done) for kind in ("PASS", "FAIL", "SKIP")}


KHUGEPAGED_SLEEP = "/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs"


def hold_khugepaged(milliseconds="3600000"):
    """While khugepaged moves pages, a target that reads its own RSS finds some of them missing.
    Returns what to call it with afterwards."""
    try:
        with open(KHUGEPAGED_SLEEP, "r+") as file:
            before = file.read()
            file.seek(0)
            file.write(milliseconds)
            return before
    except OSError:
        return None


def main():
    arguments = parse_arguments()
    if arguments.core:
        os.environ.setdefault("MEMPROBE_SCALE", CORE_SCALE)
    plan = [item for item in planned(arguments) if re.search(arguments.only, item[0])]
    if arguments.list:
        print("\n".join(name for name, _, _ in plan))
        return 0
    harness.adopt_orphans()
    before = hold_khugepaged() if arguments.core else None
    try:
        counts = run_all(plan, arguments)
    finally:
        if before:
            hold_khugepaged(before)
    print("%d passed, %d failed, %d skipped" % (counts["PASS"], counts["FAIL"], counts["SKIP"]))
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
