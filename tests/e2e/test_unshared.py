"""Copies of shared pages: no RSS tells of them, so the targets look at their page tables."""
import json
import subprocess

from capture import Attached, capture, check_error, has_flushed, memprobe, read_report
from harness import (MB, MEMPROBE, PAGE, Skip, check, check_equal, check_near, size_of, test,
                     tolerance, wait_until)
from test_children import Service
from tree import check_invariants

MAPPED = 32  # MB, as in the target
LOCKED = 2
STRAY = 32 * PAGE  # what the interpreter writes to, of the ruler's too
WORKERS = 3


def unshare(context, how, *options):
    """The capture, and what each process has measured of itself."""
    taken = capture(context, context.target("unshares.py", how), *options)
    facts = [json.loads(line) for line in taken.result.output.splitlines()]
    check(facts, "the target measured nothing")
    check_invariants(taken.report)
    # Events that its programs make themselves, and the kernel keeps back, are none.
    check_equal("losses of the capture", taken.report.data["meta"].get("losses"), None)
    return taken, facts


def copied(report, fact):
    """What a function had copied, with all that it calls."""
    process = report.python(fact["pid"])
    check(process["unshared_late"] is not None, "copies of %d were not followed" % fact["pid"])
    return process.below("unshared", process.named(fact["function"]))


def check_copied(report, facts):
    """Private pages are also the stack's and the ruler's."""
    for fact in facts:
        check_near("copied by %s" % fact["function"], copied(report, fact), fact["private"],
                   max(tolerance(fact["private"], 0.02), MB // 2))


@test(interpreters="few", alone=True)
def unshared_by_readers(context):
    """Workers that only read what their parent made: all of it is copied, on the function that
    reads, and the report says so though they have no growth."""
    taken, facts = unshare(context, "read")
    check_equal("workers", len(facts), WORKERS)
    check_copied(taken.report, facts)
    check(min(fact["private"] for fact in facts) > 32 * MB, "little was to be copied: %r" % facts)
    text = memprobe(context, "post", taken.dump).output
    check_equal("lines of what was copied", text.count("Copied after a fork: "), WORKERS)
    check(".read_all < " in text, "the report does not name who read")


@test(interpreters="few")
def unshared_by_garbage_collector(context):
    taken, facts = unshare(context, "gc", "--cow")
    check_copied(taken.report, facts)
    check(facts[0]["private"] > 4 * MB, "little was to be copied: %r" % facts)
    return "%.1f MB" % (facts[0]["private"] / MB)


@test(interpreters="few")
def unshared_after_freeze(context):
    """gc.freeze() before the fork saves what the collector would write to."""
    if context.python.minor < (3, 7):
        raise Skip("gc.freeze() came with 3.7")
    taken, facts = unshare(context, "freeze", "--cow")
    check_copied(taken.report, facts)
    check(copied(taken.report, facts[0]) < 2 * MB, "%d were copied" % copied(taken.report, facts[0]))


@test(interpreters="few")
def unshared_by_writing(context):
    """To the page, and what is unmapped then stays copied."""
    taken, facts = unshare(context, "overwrite", "--cow")
    check_near("copied", copied(taken.report, facts[0]), size_of(MAPPED), 16 * PAGE)


@test(interpreters="few")
def unshared_without_faults(context):
    """System calls that write to each page; what they read or take anew is no copy."""
    taken, facts = unshare(context, "all", "--cow")
    check_equal("measured", [fact["function"] for fact in facts], ["populate", "lock"])
    for fact in facts:
        check_near("private", fact["private"], size_of(LOCKED), MB // 4)
        check_near("copied by %s" % fact["function"], copied(taken.report, fact), fact["private"],
                   STRAY)
    for function in ("lock_fresh", "lock_file", "fill_shared", "fill_private", "fill_at_random"):
        check_near("copied by %s" % function,
                   copied(taken.report, dict(facts[0], function=function)), 0, STRAY)


@test(interpreters="few")
def unshared_by_nobody(context):
    """The last owner of a page keeps it; the zero page and a file's are growth when they are
    written."""
    for how, count in (("last", 1), ("fresh", 2)):
        taken, facts = unshare(context, how, "--cow")
        check_equal("measured", len(facts), count)
        check_near("copied in '%s'" % how, copied(taken.report, facts[0]), 0, 64 * PAGE)


@test(interpreters="few", alone=True)
def unshared_in_pool(context):
    taken, facts = unshare(context, "pool")
    check_copied(taken.report, facts)


@test(alone=True)
def unshared_in_gunicorn(context):
    """A preloaded application: each worker's first request copies what it reads."""
    dump = context.path("service.dump")
    service = Service(context, [MEMPROBE, "--no-report", "-o", dump, "--"], "preloaded_wsgi",
                      ["--preload"])
    answered = service.ask_all()
    facts = [json.loads(line) for line in service.end().output.splitlines()]
    check_equal("workers", {fact["pid"] for fact in facts}, set(answered))
    check_copied(read_report(context, dump), facts)
    check(min(fact["private"] for fact in facts) > 32 * MB, "little was to be copied: %r" % facts)


def are_followed(attached):
    return has_flushed(attached.context, attached.dump,
                       lambda process: process["unshared_late"] is not None)


@test(interpreters="few")
def unshared_in_forked_before(context):
    """What children copy that were forked before the attach: seen from the attach on with --cow,
    and soon after it without, where their parent is attached to as well."""
    for options in (("--cow",), ()):
        target = context.start(context.target("unshares.py", "forked"), stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
        pids = json.loads(target.stdout.readline())
        attached = Attached(context, target.pid, options=options)
        if not options:
            wait_until(lambda attached=attached: are_followed(attached), "copies are followed")
        target.stdin.close()
        facts = [json.loads(target.stdout.readline()) for _ in pids]
        check_equal("status of the target", context.finish(target).status, 0)
        report = attached.end(None)
        check_equal("who copied", {fact["pid"] for fact in facts}, set(pids))
        check_copied(report, facts)
        check_equal("are any late", {report.python(pid)["unshared_late"] > 0 for pid in pids},
                    {not options})


def private_of(pid):
    """Bytes that no other process has."""
    with open("/proc/%d/smaps_rollup" % pid) as rollup:
        return sum(int(line.split()[1]) << 10 for line in rollup if line.startswith("Private_"))


@test(interpreters="few")
def unshared_by_looking(context):
    """What memprobe itself reads of a forked process stays shared with its parent."""
    target = context.start(context.target("unshares.py", "forked"), stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE)
    pids = json.loads(target.stdout.readline())
    wait_until(lambda: all(private_of(pid) > 0 for pid in pids), "the workers are there")
    before = [private_of(pid) for pid in pids]
    for pid in pids:
        check_equal("status", memprobe(context, "heap", "-p", pid).status, 0)
        check("cannot" not in memprobe(context, "heap", "-p", pid, "--objects").errors, "objects")
    Attached(context, target.pid).end()
    grown = [private_of(pid) - was for pid, was in zip(pids, before)]
    target.stdin.close()
    check_equal("status of the target", context.finish(target).status, 0)
    check(max(grown) < MB, "private for a look: %r bytes" % grown)
    return "%d KB" % (max(grown) >> 10)


@test(interpreters="one")
def unshared_is_not_followed(context):
    """Where nobody looked there is no number, rather than 0."""
    taken, facts = unshare(context, "overwrite", "--no-owners")
    values = {node["total"]["unshared"] for process in taken.report.processes
              for node in process.nodes}
    check_equal("unshared", values, {None})
    check_equal("how late", {process["unshared_late"] for process in taken.report.processes},
                {None})
    check_error(memprobe(context, "post", "--metric=unshared", taken.dump), 1,
                "^memprobe: cannot show 'unshared': it was not followed", "^  hint: .*--no-owners")
