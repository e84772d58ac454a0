"""Growth stands where it belongs: known sizes, twins, threads, deep stacks, short lives."""
import os

from capture import capture, read_truth
from harness import (CACHE, MB, PAGE, TARGETS, Failure, Skip, batches, check, check_all,
                     check_equal, check_near, test, tolerance)
from tree import FIGURES, ancestors, check_invariants, depth_of, describe, is_named

PARTS = ("growth", "anon", "file", "shmem", "grown", "released")
TWIN_SLACK = 2 * PAGE  # between two readings the ruler itself may take a page


def site_index(functions, python):
    """Measured functions by how a node names them."""
    index = {}
    for function in functions:
        names = {function["function"]}
        if not python.has_qualified_names():
            names.add(function["name"])
        for name in names:
            index[name, function["file"], function["line"]] = function["line"]
    return index


def exclusive_growth(process, index):
    """By first line: the growth of each measured function less the measured ones below it. A node
    belongs to the nearest measured function at or above it."""
    owner, figures = {}, {line: dict.fromkeys(PARTS, 0) for line in index.values()}
    tops = {line: 0 for line in index.values()}
    for node in process.nodes:
        above = node["_parent"] and owner[id(node["_parent"])]
        line = index.get((node["function"], node["file"], node["line"]))
        owner[id(node)] = line or above
        if owner[id(node)]:
            for part in PARTS:
                figures[owner[id(node)]][part] += node["self"][part]
        if line and not any(index.get((up["function"], up["file"], up["line"])) == line
                            for up in ancestors(node)):
            tops[line] += node["total"]["growth"]
    return figures, tops


def compare_function(function, seen, total, noise):
    """What of one function's figures is outside of the tolerance."""
    name, wrong = function["function"], []
    expected = function["expected"] or {}

    def compare(what, value, wanted):
        if wanted is not None and abs(value - wanted) > tolerance(wanted) + noise:
            wrong.append("%s of %s is %d, expected %d" % (what, name, value, wanted))
    compare("growth", seen["growth"], function["self"])
    compare("anon growth", seen["anon"], function["self_anon"])
    compare("total growth", total, function["total"])
    compare("grown", seen["grown"], expected.get("grown"))
    if expected.get("kind") in ("file", "shmem"):
        compare("shared and file growth", seen["file"] + seen["shmem"], function["self"])
    if expected.get("kind") == "shmem":
        compare("shmem growth", seen["shmem"], function["self"])
    return wrong


def truth_mismatches(truth):
    """The target's own readings against what it set out to take."""
    wrong = []
    for function in truth["functions"]:
        expected = function["expected"] or {}
        for part in ("self", "total"):
            figure = function[part + "_anon" if expected.get("kind") == "anon" else part]
            wanted = expected.get(part)
            if wanted is not None and abs(figure - wanted) > tolerance(wanted):
                wrong.append("%s of %s is %d, expected %d"
                             % (part, function["function"], figure, wanted))
    return wrong


def compare_functions(process, truth, python):
    check(truth, "the target wrote no truth")
    figures, tops = exclusive_growth(process, site_index(truth["functions"], python))
    noise, wrong = process.kernel_noise(), []
    for function in truth["functions"]:
        line = function["line"]
        wrong += compare_function(function, figures[line], tops[line], noise)
    check_all(wrong)


@test(interpreters="all", needs="nothing")
def targets(context):
    """The targets alone: what they measure is what they set out to take."""
    wrong = []
    for name in ("known_sizes.py", "children.py", "native.py", "hostile.py"):
        path = context.path("truth")
        result = context.run(context.target(name), env={"MEMPROBE_TRUTH": path})
        check(result.status == 0, "%s ended with %d: %s" % (
            name, result.status, result.errors[-300:]))
        wrong += ["%s: %s" % (name, text) for text in truth_mismatches(read_truth(path))]
    check_all(wrong)


@test(interpreters="all", core=True)
def known_sizes(context):
    """Every function of known size, within max(1 %, 256 KiB) of smaps_rollup."""
    taken = capture(context, context.target("known_sizes.py"))
    check_invariants(taken.report)
    check_all(truth_mismatches(taken.truth))
    compare_functions(taken.process(), taken.truth, context.python)
    skipped = ["%s (%s)" % tuple(pair) for pair in taken.truth["skipped"]]
    return "without " + ", ".join(skipped) if skipped else None


@test(interpreters="all", core=True)
def balance(context):
    """The books against smaps_rollup as the target reads it at its very end; what the kernel calls
    the highest is without what was kept back then (5.10: 13 to 65 pages in 25 runs, 157 in one)."""
    taken = capture(context, context.target("known_sizes.py"), env={"MEMPROBE_END": "_exit"})
    check_invariants(taken.report)
    process, end = taken.process(), taken.truth["end"]["rss"]
    check_near("end", process["balance"]["end"], end, tolerance(end, 0.001))
    check_near("peak", process["rss"]["peak"], taken.truth["highest"],
               tolerance(taken.truth["highest"]) + batches())


def path_nodes(process, path):
    """Nodes at the end of a path of [qualified name, name, line]."""
    found = []
    for node in process.nodes:
        place, steps = node, list(path)
        while steps and place and place["line"] == steps[-1][2] and (
                is_named(place, steps[-1][0]) or place["function"] == steps[-1][1]):
            place = place["_parent"]
            steps.pop()
        if not steps:
            found.append(node)
    return found


@test(interpreters="all", core=True)
def twins(context):
    """Two callers of one function with one frame address: not a page on the wrong one."""
    taken = capture(context, context.target("twins.py"))
    check_invariants(taken.report)
    process, wrong = taken.process(), []
    for path, grown in taken.truth["paths"]:
        seen = process.below("anon", path_nodes(process, path))
        if abs(seen - grown) > TWIN_SLACK:
            wrong.append("%s: %d pages, expected %d" % (
                " > ".join(step[0] for step in path), seen // PAGE, grown // PAGE))
    check_all(wrong)
    return "without touch_numpy (numpy is missing)" if taken.truth["skipped"] else None


@test(interpreters="all", core=True)
def threads(context):
    """Threads that fault at once, with the GIL released: each function has its own bytes. Two that
    fold a counter at one instant may swap pages (docs/accuracy.md); an instant is long where an
    emulator lets its processors take turns, and comes again in no third run."""
    for _ in range(3):
        taken = capture(context, context.target("threads.py"))
        check_invariants(taken.report)
        wrong = wrong_functions(taken)
        if not wrong:
            break
    check_all(wrong)


def wrong_functions(taken):
    process, wrong = taken.process(), []
    for function in taken.truth["functions"]:
        seen = process.below("growth", process.named(function["function"]))
        if abs(seen - function["self"]) > tolerance(function["self"]):
            wrong.append("%s is %d, expected %d" % (function["function"], seen, function["self"]))
    return wrong


@test(interpreters="few")
def native_threads(context):
    """A thread without a Python frame stands under [native thread NAME], by kind."""
    taken = capture(context, context.target("native.py"))
    check_invariants(taken.report)
    process = taken.process()
    nodes = process.of_kind("native")
    check(nodes, "no node of kind native")
    for kind in ("anon", "file"):
        expected = taken.truth[kind]
        seen = process.own(kind, nodes) + (process.own("shmem", nodes) if kind == "file" else 0)
        check_near(kind + " of native threads", seen, expected, tolerance(expected))
    check(all(node["thread"] for node in nodes), "a native node without its thread's name")


@test(interpreters="all")
def recursion(context):
    """1,000 frames deep and not cut; each level has what it took itself."""
    taken = capture(context, context.target("recursion.py", 1000))
    check_invariants(taken.report)
    process, truth = taken.process(), taken.truth
    check_equal("nodes of kind truncated", len(process.of_kind("truncated")), 0)
    levels = {1 + sum(1 for above in ancestors(node) if is_named(above, "descend")): node
              for node in process.named("descend")}
    check_equal("levels of descend()", len(levels), truth["depth"])
    for level, grown in truth["levels"]:
        check_near("self growth of level %d" % level, levels[level]["self"]["growth"], grown,
                   tolerance(grown))
    bottom = process.named("bottom_of_mutual")
    check_near("bottom_of_mutual", process.own("growth", bottom), truth["mutual"],
               tolerance(truth["mutual"]))


@test(interpreters="few")
def deeper_than_the_limit(context):
    """A stack deeper than 1,024 frames loses its root, keeps its leaf, is counted and balances."""
    taken = capture(context, context.target("recursion.py", 1500))
    check_invariants(taken.report, with_losses=True)
    process = taken.process()
    cut = process.of_kind("truncated")
    check(cut, "no node of kind truncated")
    below = [node for node in process.named("descend")
             if any(above["kind"] == "truncated" for above in ancestors(node))]
    # <module> and main() are above level 1; what is 1,024 frames deep or less is not cut
    grown = sum(own for level, own in taken.truth["levels"] if level + 2 > 1024)
    check_near("growth below the cut", process.own("growth", below), grown, MB)  # stack pages, too
    check(max(depth_of(node) for node in below) >= 1000, "the cut tree is less than 1,000 deep")


def made_number(node):
    name = node["function"] or ""
    return int(name[5:]) if name.startswith("made_") else None


@test(interpreters="few")
def short_code_objects(context):
    """100,000 functions made by exec and freed: no wrong names, memprobe's memory bounded."""
    taken = capture(context, context.target("execs.py"))
    check_invariants(taken.report)
    process, truth = taken.process(), taken.truth
    grown = {}
    for node in process.nodes:
        number = made_number(node)
        if number is not None:
            grown[number] = grown.get(number, 0) + node["self"]["growth"]
    check_made(grown, truth)
    highest = taken.result.highest // 1024
    check(highest < 64 * 1024, "memprobe's highest RSS is %d KiB, expected below 64 MiB" % highest)
    return "memprobe's highest RSS: %d KiB" % highest


def check_made(grown, truth):
    count, every, step = truth["count"], truth["every"], truth["block_every"]
    blocks = [number for number in range(0, count, step)]
    check_all(["made_%d is %d, expected %d" % (number, grown.get(number, 0), truth["block"])
               for number in blocks
               if abs(grown.get(number, 0) - truth["block"]) > tolerance(truth["block"])])
    missing = [number for number in range(0, count, every) if grown.get(number, 0) < PAGE]
    check(not missing, "%d functions that took a page have none, the first is made_%d" % (
        len(missing), missing[0] if missing else 0))
    idle = sum(grown[number] for number in grown if number % every and grown[number] > 0)
    check(idle <= 2 * MB, "functions that take nothing have %d bytes" % idle)


def module_growth(process, path):
    return sum(node["self"]["growth"] for node in process.named("<module>")
               if node["file"] == path)


@test(interpreters="few")
def imported_modules(context):
    """Modules that grow in their body, by file; a module hangs below the one that imports it."""
    taken = capture(context, context.target("imports.py"))
    check_invariants(taken.report)
    process = taken.process()
    check_all(["%s is %d, expected %d" % (path, module_growth(process, path), grown)
               for path, grown in taken.truth["modules"]
               if abs(module_growth(process, path) - grown) > tolerance(grown)])
    inner = [node for node in process.named("<module>")
             if node["file"].endswith("inner_module.py")]
    check(inner and inner[0]["_parent"]["file"].endswith("outer_module.py"),
          "inner_module is not right below outer_module: %s" % [describe(node) for node in inner])


@test(interpreters="few")
def relative_script(context):
    """file is absolute, also where the interpreter knows a relative one (3.6 to 3.8)."""
    context.write("relative.py", "def grow_relative():\n    return bytearray(%d)\n"
                  "KEPT = grow_relative()\n" % (4 * MB))
    taken = capture(context, context.python.command + ["relative.py"])
    nodes = taken.process().named("grow_relative")
    check(nodes, "no node of grow_relative")
    check_equal("file", nodes[0]["file"], os.path.realpath(context.path("relative.py")))
    check_equal("line", nodes[0]["line"], 1)


@test(interpreters="one")
def node_table_full(context):
    """--max-nodes tiny: what has no node is counted, and the balance holds."""
    taken = capture(context, context.target("known_sizes.py"), "--max-nodes=64")
    check_invariants(taken.report, with_losses=True)
    process = taken.process()
    spilt = process.of_kind("deeper") + process.of_kind("lost")
    check(spilt, "64 nodes were enough: no node of kind deeper or lost")
    reasons = [loss["reason"] for loss in process["losses"]]
    check(any("node" in reason for reason in reasons), "no loss names the node table: %r" % reasons)
    if not any(node["total"][figure] for node in spilt for figure in FIGURES):
        raise Failure("the nodes that stand for the rest hold nothing")


@test(interpreters="one")
def site_table_full(context):
    """--max-sites tiny and 2,000 functions: counted, in balance."""
    taken = capture(context, context.target("execs.py", 20000, 10), "--max-sites=256")
    check_invariants(taken.report, with_losses=True)
    check(taken.process()["losses"], "256 sites were enough for 2,000 functions")


@test(interpreters="one", long=True)
def a_node_for_each_page(context):
    """100,000 functions that all take a page, more than either table holds: counted, in balance."""
    taken = capture(context, context.target("execs.py", 100000, 1))
    check_invariants(taken.report, with_losses=True)
    check(taken.process()["losses"], "100,000 nodes in tables of 65,536 without a loss")


@test()
def real_program(context):
    """OpenMDAO and OpenAeroStruct: over 500 MB, Problem.setup and run_model with the components."""
    python = os.path.join(CACHE, "venv-pypi", "bin", "python")
    if not os.path.exists(python):
        raise Skip("openmdao is not installed in %s" % os.path.dirname(os.path.dirname(python)))
    script = os.path.join(TARGETS, "openmdao_aerostruct.py")
    taken = capture(context, [python, script], timeout=300)
    check_invariants(taken.report)
    process = taken.process()
    check(process["rss"]["peak"] > 500 * MB, "the peak is %d" % process["rss"]["peak"])
    for name in ("Problem.setup", "Problem.run_model"):
        check(process.below("growth", process.named(name)) > MB, "%s has no growth" % name)
    components = {node["function"] for node in process.nodes
                  if node["total"]["growth"] > MB and "openaerostruct" in (node["file"] or "")}
    check(len(components) >= 5, "components above 1 MB: %s" % sorted(components))
    return "%d MB at the peak, %d functions of openaerostruct above 1 MB" % (
        process["rss"]["peak"] // MB, len(components))
