"""--native: C functions below Python rows, against what the target took in which function."""
import os
import shutil
from collections import Counter

from capture import (Attached, Served, capture_until, has_flushed, memprobe, parse, read_report,
                     record)
from harness import (MB, MEMPROBE, PAGE, Skip, TARGETS, check, check_all, check_equal, check_near, need_native,
                     test, wait_until)
from schema import check_report
from test_allocs import follows_allocs
from test_containers import OVERLAY, OWN_PROCESSES, contained, home_of, need_overlay
from test_interpreters import turn_on_jit
from tree import Report, ancestors, check_invariants, check_losses, is_named

PAGES = 50
OFF = 4 * PAGE  # what else a call may touch: the stack, the interpreter's own
# Of a program in a root of its own that has ended: nobody can look at its files any more.
UNNAMED = ("name not looked up",)
OFF_UNKNOWN = 16 * PAGE  # of stacks that go through files that are met for the first time
EXIT_STATUS = 9
NOT_FOLLOWED = "[C frames not followed]"
NOBODY = (NOT_FOLLOWED,)
NESTED = {("outer",): 1, ("outer", "middle"): 2, ("outer", "middle", "inner"): 3}
LEVELS, TOO_MANY = 25, 100  # MAX_C_FRAMES (bpf/x86_unwind.h) are 64

# By command: the Python function, and by functions of C what the innermost took, in PAGES.
CALLS = {
    "nested": ("nested", NESTED),
    "hidden": ("hidden", {("calls_hidden", "hidden"): 1}),
    "realigned": ("realigned", {("realigned",): 1, ("realigned", "inner"): 3}),
    "of_any_size": ("of_any_size", {("of_any_size",): 1, ("of_any_size", "inner"): 3}),
    "framed": ("framed", {("framed",): 1, ("framed", "inner"): 3}),
    "pushing": ("pushing", {("pushing",): 1, ("pushing", "inner"): 3}),
    "recursive": ("recursive", {("recursive",) * LEVELS: 1}),
    "too_deep": ("too_deep", {NOBODY: 1}),
    "jumps": ("jumps", {("inner",): 3}),
    "calls_second": ("calls_second", {("calls_second", "second_take"): 1}),
    "calls_back": ("called_back", {("inner",): 3}),
    "untold": ("untold", {NOBODY: 1}),
    "reads": ("reads", {("reads",): 1}),
    "threaded": ("in_thread", NESTED),
}
ARGUMENTS = {"recursive": [LEVELS], "too_deep": [TOO_MANY]}
WARM = {("nested_while_warm", ("outer", "middle", "inner")), ("reads_while_warm", ("reads",)),
        ("warm", ("calls_second", "second_take"))}


def build(context, source, name, *options):
    """A library of the target's, with a name of its own."""
    if not shutil.which("cc"):
        raise Skip("there is no compiler cc")
    library = context.path(name)
    built = context.run(["cc", "-O2", "-fomit-frame-pointer", *options, "-shared", "-fPIC", "-o", library,
                         os.path.join(TARGETS, source)])
    check_equal("the compiler's status (%s)" % built.errors, built.status, 0)
    return library


def prepare(context):
    """The libraries of the target, which finds them by its environment."""
    need_native()
    second = build(context, "c_second.c", "libsecond.so")
    first = build(context, "c_functions.c", "libfirst.so")
    context.environment.update(C_LIBRARY=first, C_SECOND=second)


def symbols(context, library):
    """Addresses of functions by name."""
    listed = context.run(["nm", "--defined-only", library])
    check_equal("status of nm", listed.status, 0)
    words = [line.split() for line in listed.output.splitlines()]
    return {name: int(address, 16) for address, kind, name in words if kind in "tT"}


# What rows say

def of_ours(node):
    """What a row of C is called here, or None where it is others' code."""
    if node["label"] == NOT_FOLLOWED:
        return NOT_FOLLOWED
    name = os.path.basename(node["library"])
    return (node["function"] or node["label"]) if name.startswith("lib") and "first" in name or (
        "second" in name) else None


def place_of(node):
    """(the Python function that called, ours of the functions of C in which it is)."""
    names = []
    while node and node["kind"] == "c":
        name = of_ours(node)
        names = [name] + names if name else names
        node = node["_parent"]
    return (node or {}).get("function"), tuple(names)


def amounts(process, figure="grown"):
    """By that place, which others' code below belongs to."""
    found = Counter()
    for node in process.of_kind("c"):
        found[place_of(node)] += node["self"][figure]
    return found


def check_places(process, function, expected, figure="grown", pages=PAGES):
    """A function of Python has rows of exactly these functions of C, with what they took."""
    found = {names: size for (python, names), size in amounts(process, figure).items()
             if python == function and names and size}
    wrong = ["%s of %s > %s is %d pages, expected %d" % (
        figure, function, " > ".join(names), found.get(names, 0) // PAGE, times * pages)
        for names, times in expected.items()
        if abs(found.get(names, 0) - times * pages * PAGE) > OFF]
    wrong += ["%s below %s, of %d pages" % (" > ".join(names), function, size // PAGE)
              for names, size in found.items() if names not in expected
              and (names != NOBODY or size > OFF_UNKNOWN)]
    return wrong


def check_rows(context, process):
    """What every row of C says: calls and lines it has none, its place is the symbol's."""
    known = {os.path.realpath(path): symbols(context, path)
             for path in (context.environment["C_LIBRARY"], context.environment["C_SECOND"])}
    seen = set()
    for node in process.of_kind("c"):
        for name in ("calls", "line", "file", "at", "class", "instance"):
            check(node[name] is None, "%s of %s is %r" % (name, node["label"], node[name]))
        check(node["_parent"], "%s is a root" % node["label"])
        if node["label"] == NOT_FOLLOWED:
            check_equal("what is below " + NOT_FOLLOWED, len(node["children"]), 0)
        elif node["library"] in known and node["function"]:
            address = known[node["library"]].get(node["function"])
            check_equal("offset of %s" % node["label"], node["offset"], address)
            seen.add(node["library"])
    check_equal("libraries with rows", seen, set(known))


# Running the target

class Target(Served):
    """The target below memprobe; what is asked of it is followed when it is warm."""

    def __init__(self, context, *options, native=True, command=None):
        self.dump = context.path("dump.%d" % len(context.children))
        options += ("--native",) if native else ()
        super().__init__(context, [MEMPROBE, "-o", self.dump, "--no-report", *options, "--",
                                   *(command or context.target("c_functions.py"))])

    def warm_up(self):
        """Until all files are known through which its stacks go."""
        def is_warm(process):
            return WARM <= {place for place, size in amounts(process).items() if size}

        def ask_again():
            self.ask("warm 2")
            return has_flushed(self.context, self.dump, is_warm)
        wait_until(ask_again, "rows of C")

    def end(self, status=EXIT_STATUS):
        check_equal("status", self.quit(), status)
        with open(self.process.files[1].name, errors="replace") as file:
            self.errors = file.read()
        report = read_report(self.context, self.dump)
        check_invariants(report, with_losses=True)
        for process in report.processes:
            check_losses(process, UNNAMED if self.context.python.kind == "debian" else ())
        return report


def run(context, *commands, options=("--calls=off",)):
    """These commands, each of so many pages, once the target is warm: its report and its answers."""
    target = Target(context, *options)
    target.warm_up()
    answers = [target.ask(" ".join(str(word) for word in (command, PAGES, *ARGUMENTS.get(command, ()))))
               for command in commands]
    return target.end(), answers


def check_all_calls(context):
    prepare(context)
    commands = [*CALLS, "populates", "gives_back", "raises"]
    report, answers = run(context, *commands)
    process = report.python()
    check_rows(context, process)
    wrong = []
    for function, expected in CALLS.values():
        wrong += check_places(process, function, expected)
    if answers[commands.index("populates")]:
        wrong += check_places(process, "populates", {("populates",): 1})
    wrong += check_places(process, "gives_back", {("takes_and_gives_back",): 1})
    wrong += check_places(process, "gives_back", {("takes_and_gives_back", "gives_back"): 1}, "released")
    wrong += check_places(process, "raises", {NOBODY: 1})
    called_back = process.named("calls_back", "called_back")
    check_equal("rows of called_back below its caller", len(called_back), 1)
    check_all(wrong)


@test(interpreters="all")
def native_functions(context):
    """Frames of every shape, system calls, callbacks, threads: each function has what it took, and where
    a stack cannot be followed one row says so."""
    check_all_calls(context)


@test(interpreters=("debian-3.14", "debian-3.15"))
def native_functions_with_jit(context):
    """The same where Python is compiled as it runs."""
    turn_on_jit(context)
    check_all_calls(context)


# Names

@test(interpreters="one")
def native_without_symbols(context):
    """Of a stripped library what others call has a name; the rest is told by its place, and the rows are
    as many."""
    prepare(context)
    library = context.environment["C_LIBRARY"]
    address = symbols(context, library)["hidden"]
    check_equal("status of strip", context.run(["strip", library]).status, 0)
    report, _ = run(context, "nested", "hidden")
    process = report.python()
    label = "%s+0x%x" % (os.path.basename(library), address)
    check_all(check_places(process, "nested", NESTED) +
              check_places(process, "hidden", {("calls_hidden", label): 1}))
    check_equal("offsets", {node["offset"] for node in process.of_kind("c") if node["label"] == label},
                {address})


def load_in_turn(context, target, *steps):
    """Each step is how a file comes to be, and the name of the function in it: loads it, calls it until
    it is followed, then for the amount, and unloads it. Returns the addresses of the functions."""
    addresses = []
    for make, path, name in steps:
        make()
        addresses.append(target.ask("loads %s %s" % (path, name)))

        def ask_again(name=name):
            target.ask("first_loaded 1 " + name)
            return has_flushed(context, target.dump,
                               lambda process: amounts(process)["first_loaded", (name,)])
        wait_until(ask_again, "rows of " + name)
        target.ask("then_loaded %d %s" % (PAGES, name))
        check_equal("dlclose", target.ask("unloads " + name), 0)
    return addresses


@test(interpreters="one")
def native_replaced_libraries(context):
    """A library at the address of one that was unloaded, one that replaces another's file, one that is
    written into it: each function by its own name. On one CPU, where what the kernel has of a file is
    at the same addresses again."""
    prepare(context)
    names = ["second_" + letter for letter in "abcdef"]
    built = [build(context, "c_second.c", name + ".so", "-DNAME=" + name) for name in names]
    loaded = context.path("second.so")

    def rewrite(built):
        with open(built, "rb") as source, open(loaded, "r+b") as file:
            file.truncate(file.write(source.read()))
    target = Target(context, "--calls=off", command=[
        "taskset", "--cpu-list", str(min(os.sched_getaffinity(0))), *context.target("c_functions.py")])
    target.warm_up()
    addresses = load_in_turn(
        context, target,
        (lambda: None, built[0], names[0]), (lambda: None, built[1], names[1]),
        (lambda: shutil.copy(built[2], loaded), loaded, names[2]),
        (lambda: os.replace(shutil.copy(built[3], loaded + ".new"), loaded), loaded, names[3]),
        (lambda: rewrite(built[4]), loaded, names[4]), (lambda: rewrite(built[5]), loaded, names[5]))
    process = target.end().python()
    check_equal("different addresses", len(set(addresses)), 1)
    check_all(check_places(process, "then_loaded", {(name,): 1 for name in names}))


@test(interpreters="one")
def native_rows_ahead(context):
    """A library is known when it is loaded: the first call into it is followed. Nothing of it runs before."""
    prepare(context)
    library = build(context, "c_second.c", "second_ahead.so", "-nostartfiles", "-DNAME=second_ahead")
    for options in ((), ("--no-owners",)):
        target = Target(context, "--calls=off", "-vv", *options)
        target.warm_up()
        target.ask("loads %s second_ahead" % library)

        def is_known(errors=target.process.files[1].name):
            with open(errors, errors="replace") as file:
                return "unwind table of '%s'" % library in file.read()
        wait_until(is_known, "the library's rows")
        target.ask("first_loaded %d second_ahead" % PAGES)
        check_all(check_places(target.end().python(), "first_loaded", {("second_ahead",): 1}))


# Processes

@test(interpreters="one")
def native_children(context):
    """What a parent's stacks have taught holds for its children, and for what it becomes by exec."""
    prepare(context)
    target = Target(context, "--calls=off")
    target.warm_up()
    child = target.ask("forks %d" % PAGES)
    target.ask("exec")
    target.ask("nested %d" % PAGES)
    report = target.end()
    wrong = []
    for process in report.of_pid(child):
        wrong += check_places(process, "in_child", NESTED)
    wrong += check_places(report.of_pid(target_pid(report))[-1], "nested", NESTED)
    check_all(wrong)


def target_pid(report):
    """Of the process that was followed first."""
    return min((process for process in report.processes), key=lambda process: process["start"])["pid"]


@test(interpreters="one")
def native_two_at_once(context):
    """Two programs that map the same files, side by side, one of which begins later."""
    prepare(context)
    first, second = Target(context, "--calls=off"), Served(context, context.target("c_functions.py"))
    attached = Attached(context, second.pid, options=("--native", "--calls=off"))
    second.dump = attached.dump
    second.warm_up = Target.warm_up.__get__(second)
    first.warm_up()
    second.warm_up()
    for turn in range(2):
        for target in (first, second):
            target.ask("nested %d" % (PAGES * (1 + (target is second))))
    reports = [first.end(), attached.end()]
    check_equal("status", second.quit(), EXIT_STATUS)
    check_invariants(reports[1])
    check_all(check_places(reports[0].python(), "nested", NESTED, pages=2 * PAGES) +
              check_places(reports[1].python(second.pid), "nested", NESTED, pages=4 * PAGES))


@test(interpreters="one")
def native_in_another_root(context):
    """Libraries that lie nowhere for memprobe: their functions by name, their paths as the program has
    them."""
    prepare(context)
    need_overlay(context)
    program, prefix = home_of(context)
    box = context.path("box")
    os.mkdir(box)
    command = contained(context, OWN_PROCESSES, OVERLAY, box, program, "/tmp/c_functions.py")
    for name in ("C_LIBRARY", "C_SECOND"):
        library = shutil.copy(context.environment[name], context.path("shared"))
        context.environment[name] = os.path.join("/tmp", os.path.basename(library))
    context.environment["PYTHONHOME"] = prefix
    target = Target(context, "--calls=off", command=command)
    target.warm_up()
    target.ask("nested %d" % PAGES)
    process = target.end().python()
    check_all(check_places(process, "nested", NESTED))
    check_equal("library", {node["library"] for node in rows_below(process, "nested", "outer")},
                {context.environment["C_LIBRARY"]})


# With other options

def check_option(context, option, commands=("nested",), **expected):
    """By function the rows that it has with an option."""
    report, _ = run(context, *commands, options=("--calls=off", option))
    process = report.python()
    check_all(sum((check_places(process, function, rows) for function, rows in expected.items()), []))
    return process


def rows_below(process, function, name):
    """The rows of a function of C, below one of Python."""
    return [node for node in process.named(name) if node["kind"] == "c"
            and place_of(node)[0] is not None and is_named({"function": place_of(node)[0]}, function)]


@test(interpreters="one")
def native_with_splits(context):
    """By line, by object, by thread: rows of C hang below what the function is split into."""
    prepare(context)
    process = check_option(context, "--lines", nested=NESTED)
    outer = rows_below(process, "nested", "outer")
    check_equal("rows of outer", len(outer), 1)
    check(outer[0]["_parent"]["at"] is None or outer[0]["at"] is None, "a line in C")
    above = next(node for node in ancestors(outer[0]) if node["kind"] == "python")
    check_equal("line that called", above["at"], above["line"] + 1)

    process = check_option(context, "--instances", ("by_owners",))
    owned = {}
    for node in rows_below(process, "Owner.owned", "outer"):
        above = next(node for node in ancestors(node) if node["kind"] == "python")
        owned[above["instance"]] = node["total"]["grown"] // PAGE
    check_equal("objects", len(owned), 2)
    for seen, times in zip(sorted(owned.values()), (1, 2)):
        check_near("pages of an object", seen, 6 * times * PAGES, OFF // PAGE)

    process = check_option(context, "--threads", ("nested", "threaded"), nested=NESTED, in_thread=NESTED)
    roots = {list(ancestors(node))[-1]["thread"] for name in ("nested", "in_thread")
             for node in rows_below(process, name, "outer")}
    check_equal("threads", len(roots), 2)


@test(interpreters="one")
def native_with_submitters(context):
    """A pool's work in C stands below who submitted it."""
    prepare(context)
    process = check_option(context, "--submitters", ("submits",), pooled=NESTED)
    for node in rows_below(process, "pooled", "outer"):
        check(any(is_named(above, "submits") for above in ancestors(node)), "not below submits()")


@test(interpreters="one")
def native_without_owners(context):
    """Growth and what is given back, where nobody follows whose a page is."""
    prepare(context)
    process = check_option(context, "--no-owners", ("nested", "gives_back"), nested=NESTED,
                           gives_back={("takes_and_gives_back",): 1})
    check_all(check_places(process, "gives_back", {("takes_and_gives_back", "gives_back"): 1}, "released"))


KEPT, LARGE = 7, 3000000


@test(interpreters="one")
def native_blocks(context):
    """Blocks stand on the function of C that asked for them, which is also who holds their pages."""
    follows_allocs(context)
    prepare(context)
    target = Target(context, "--calls=off", "--allocs=1000000")
    target.warm_up()
    for _ in range(KEPT):
        target.ask("keeps %d" % LARGE)
    process = target.end().python()
    rows = [node for node in process.of_kind("c") if place_of(node) == ("keeps", ("keeps",))]
    check_equal("blocks", sum(node["self"]["allocated"]["blocks"] for node in rows), KEPT)
    check_equal("allocated", sum(node["self"]["allocated"]["end"] for node in rows), KEPT * LARGE)
    leaves = {node["function"] for node in rows if node["self"]["allocated"]["blocks"]}
    check_equal("what blocks stand on", leaves, {"keeps"})
    check_near("pages", sum(node["self"]["grown"] for node in rows), KEPT * LARGE, KEPT * OFF)


def calls_of(process):
    """By path of Python functions, without rows of C, which have no calls."""
    found = Counter()
    for node in process.nodes:
        if node["kind"] == "python" and node["calls"] is not None:
            names = [node["function"]] + [above["function"] for above in ancestors(node)]
            if "main" in names:
                found[tuple(reversed(names))] += node["calls"]
    return found


@test(interpreters="few")
def native_calls(context):
    """Calls are those that there are without C functions."""
    prepare(context)
    commands = ["nested", "calls_back", "threaded", "recursive", "hidden"]
    lines = ["%s %s" % (command, " ".join(str(word) for word in (1, *ARGUMENTS.get(command, ()))))
             for command in commands] * 20 + ["quit"]
    script = context.write("commands", "\n".join(lines) + "\n")
    found = []
    for options in ((), ("--native",)):
        with open(script) as commands:
            result, dump = record(context, context.target("c_functions.py"), "--calls=exact", *options,
                                  stdin=commands)
        check_equal("status: " + result.errors, result.status, EXIT_STATUS)
        report = read_report(context, dump)
        check_invariants(report)
        process = report.python()
        check(process["calls"]["complete"], "calls: %s" % process["calls"])
        check_equal("rows of C", bool(process.of_kind("c")), bool(options))
        found.append(calls_of(process))
    check_equal("calls of called_back", sum(calls for path, calls in found[0].items()
                                            if path[-1] == "called_back"), 20)
    check_all(["%s: %s calls, %s without --native" % (" > ".join(map(str, path)), found[1][path],
                                                      found[0][path])
               for path in found[0].keys() | found[1].keys() if found[0][path] != found[1][path]])


@test(interpreters="one")
def native_rows_too_few(context):
    """Told once, with what to do; nothing is lost, and rows say what they are."""
    prepare(context)
    target = Target(context, "--calls=off", "--native-rows=1024")
    for _ in range(3):
        target.ask("nested %d" % PAGES)
    process = target.end().python()
    check_equal("warnings: " + target.errors, target.errors.count("there is no room for them"), 1)
    check("raise --native-rows" in target.errors, "no hint: " + target.errors)
    check_all(check_places(process, "nested", {NOBODY: 18}))


NUMPY = "_multiarray_umath"


@test(interpreters="few")
def native_numpy(context):
    """What arrays take stands on functions of numpy; names they have only where it is not stripped."""
    if context.run(context.python.command + ["-c", "import numpy"]).status:
        raise Skip("numpy is missing")
    need_native()

    def takes(process, function):
        """Bytes below functions of numpy's."""
        rows = [node for node in process.of_kind("c") if place_of(node)[0] == function
                and NUMPY in node["library"]]
        return process.below("grown", rows)
    taken = capture_until(context, context.target("numpy_copies.py"), lambda process: min(
        takes(process, "fills"), takes(process, "copies")) > MB, "--native", "--calls=off")
    check_invariants(taken.report)
    for function in ("fills", "copies"):
        check(takes(taken.report.python(), function) > MB, "nothing of %s is numpy's" % function)


# Reports

FORMATS = ("tree", "table", "json", "jsonl", "csv", "collapsed", "speedscope", "pprof", "html")


@test(interpreters="one")
def native_reports(context):
    """Every format; a tree folds what is the interpreter's own and --full does not."""
    prepare(context)
    target = Target(context, "--calls=off")
    target.warm_up()
    target.ask("nested %d" % PAGES)
    report = target.end()
    check_report(report)
    for name in FORMATS:
        result = memprobe(context, "post", "--format=" + name, target.dump)
        check_equal("status of %s: %s" % (name, result.errors), result.status, 0)
        check(name == "pprof" or "middle" in result.output, "no function of C in " + name)
    folded, full = (memprobe(context, "post", "--min=0", *options, target.dump).output
                    for options in ((), ("--full",)))
    for text in (folded, full):
        check("outer (libfirst.so)" in text and "inner (libfirst.so)" in text, text[-2000:])
    check("(%s" % os.path.basename(context.python.command[0]) in full, "no interpreter in --full")
    check(len(folded.splitlines()) < len(full.splitlines()), "nothing is folded")


@test(interpreters="one")
def native_diff_and_merge(context):
    """Two runs with C functions differ by nothing but what they took; one without is told; a merge has the
    sum of each row."""
    prepare(context)
    dumps = []
    for options in (("--native",), ("--native",), ()):
        target = Target(context, "--calls=off", native=bool(options))
        if options:
            target.warm_up()
        target.ask("nested %d" % (PAGES * (1 + len(dumps))))
        target.end()
        dumps.append(target.dump)
    note = "has no rows of C functions, the other has"
    check(note not in memprobe(context, "diff", *dumps[:2]).errors, "told of two with C functions")
    check(note in memprobe(context, "diff", dumps[0], dumps[2]).errors, "not told")
    changed = read_other(context, "diff", *dumps[:2]).python()
    check_all(check_places(changed, "nested", NESTED))
    merged = context.path("merged")
    check_equal("status of merge", memprobe(context, "merge", "-o", merged, *dumps[:2]).status, 0)
    both = sum((amounts(process) for process in read_report(context, merged).processes), Counter())
    for names, times in NESTED.items():
        check_near("merged " + names[-1], both["nested", names], 3 * times * PAGES * PAGE, 2 * OFF)


def read_other(context, *words):
    result = memprobe(context, *words, "--format=json")
    check_equal("status: " + result.errors, result.status, 0)
    return Report(parse(result.output))
