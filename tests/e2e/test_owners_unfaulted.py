"""Who holds what the kernel brought in without a fault, beside targets that look at what is there."""
import json

from capture import capture
from harness import MB, PAGE, Skip, check, check_near, size_of, test, tolerance
from test_owners import check_held_sums, own_held
from tree import ancestors, check_invariants

STRAY = 64 * PAGE
FEW = 24 * PAGE  # with those of an interpreter's start


def live_below(process, name, kind):
    return sum(own_held(node, "live", kind) for node in process.nodes
               if name in [node["function"]] + [up["function"] for up in ancestors(node)])


def check_facts(context, target, *options, may_be_none=False, unowned=0):
    """Each function holds what it says, and nothing else stands on [unowned]. Returns what that is.
    """
    taken = capture(context, target, *options)
    facts = [json.loads(line) for line in taken.result.output.splitlines()]
    check(facts or may_be_none, "the target measured nothing")
    check_invariants(taken.report)
    for fact in facts:
        process = taken.report.python(fact["pid"])
        check_held_sums(process)
        # A child has to touch its code's pages of files again, wherever it does.
        limit = MB if fact["kind"] == "file" else tolerance(fact["live"])
        check_near("live of %s" % fact["function"],
                   live_below(process, fact["function"], fact["kind"]), fact["live"], limit)
        check_near("live of [unowned]", process.own("live", process.of_kind("unowned")), unowned,
                   STRAY)
    return ", ".join("%s %.1f MB" % (fact["function"], fact["live"] / MB) for fact in facts)


def check_unfaulted(context, how, unowned=0):
    """The same of what a function has brought in without a fault."""
    return check_facts(context, context.target("owners_unfaulted.py", how),
                       may_be_none=how in ("cut", "shared"), unowned=unowned)


def check_if_any(context, how, why_none):
    told = check_unfaulted(context, how)
    if not told:
        raise Skip(why_none)
    return told


@test(interpreters="few")
def owners_of_huge_pages_by_part(context):
    """What is asked for is 64 KB, what comes is 2 MB."""
    return check_unfaulted(context, "parts")


@test(interpreters="few")
def owners_around_inherited_pages(context):
    """What a child fills is its own, what was there is not, though neither came by a fault."""
    return check_unfaulted(context, "inherited")


@test(interpreters="few")
def owners_around_inherited_pages_collapsed(context):
    """Huge pages made of inherited ones: the holes are the call's."""
    return check_unfaulted(context, "collapsed")


@test(interpreters="few")
def owners_of_shared_memory_collapsed(context):
    """The small pages are taken out first, of the process itself or of another that has them."""
    return check_if_any(context, "shared", "the kernel makes no huge pages of shared memory")


@test(interpreters="few")
def owners_of_what_is_ready(context):
    """What comes with the pages that a call asks for, from before and behind them."""
    return check_unfaulted(context, "ready")


@test(interpreters="few")
def owners_around_inherited_files(context):
    """A write to a file's page that was there takes none from who has read those beside it."""
    return check_unfaulted(context, "copied")


@test(interpreters="few")
def owners_of_large_folios(context):
    """A read brings all of a large folio of the page cache, wherever that begins: it is the
    reader's, page by page, for another half of the file is dropped at the end."""
    taken = capture(context, context.target("owners_folios.py"))
    facts = [json.loads(line) for line in taken.result.output.splitlines()]
    if not facts[0]["beyond"]:
        raise Skip("no file has large folios here that are mapped as a whole")
    check_invariants(taken.report)
    process = taken.process()
    check_held_sums(process)
    for fact in facts:
        check_near("live of %s" % fact["function"],
                   live_below(process, fact["function"], fact["kind"]), fact["live"], FEW)
    for figure in ("live", "peak"):
        check_near("%s of [unowned]" % figure,
                   process.own(figure, process.of_kind("unowned")), 0, FEW)
    return "%d reads went beyond a window" % facts[0]["beyond"]


@test(interpreters="few")
def owners_beside_truncated_files(context):
    """What a truncation takes away is nobody's, and not his whose page was in the last fault."""
    return check_unfaulted(context, "truncated", 16 * PAGE - size_of(8))


@test(interpreters="few")
def owners_of_huge_pages_cut(context):
    """What is given back of a file's huge page is all of it, though a part was asked for."""
    return check_if_any(context, "cut", "the kernel has huge pages neither for shared memory nor for "
                        "files here")


@test(interpreters="few")
def owners_of_huge_pages_split(context):
    """Zeros of a huge page go where it is split, in what nothing was asked for, too."""
    return check_unfaulted(context, "split")


@test(interpreters="few")
def owners_of_locked_memory(context):
    """What comes because it is locked is the call's, and a file's pages give way to copies."""
    return check_unfaulted(context, "locked")
