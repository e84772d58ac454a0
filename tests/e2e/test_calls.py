"""--calls: every path has as many calls as its interpreter's meaning says, and counting changes
nothing else: not the growth, not the target, not what stays in the kernel."""
import functools
import json
import os
import re
import shutil
import subprocess
import time

from capture import Attached, Served, capture, memprobe, read_report, read_truth
from harness import (KERNEL, MEMPROBE, Skip, check, check_all, check_equal, check_near, test,
                     tolerance, wait_until)
from interpreters import find_interpreters
from test_growth import compare_functions
from test_reports import ROW
from tree import ancestors, check_invariants

EXACT = "--calls=exact"
KILLED = 137
SERVED_STATUS = 9
UPROBE_EVENTS = "/sys/kernel/tracing/uprobe_events"
WHEEL_PATH = ("_bootstrap", "_bootstrap_inner", "run", "spin", "turn")

# What one count stands for, in the events that tests/targets/calls.py knows. Where a generator is
# resumed by a throw 3.15 has no entry, and its creation has one.
MEANINGS = {"entries": ("starts", "resumes", "throws"),
            "returns": ("starts", "resumes", "throws"),
            "deaths": ("ended",),
            "entries of 3.15": ("starts", "resumes", "created")}


@functools.lru_cache(maxsize=None)
def counts_calls():
    shown = subprocess.run([MEMPROBE, "--help"], stdout=subprocess.PIPE, check=True).stdout
    return b"--calls" in shown


def call_test(**options):
    """A test that is skipped while the program has no --calls."""
    def register(function):
        @functools.wraps(function)
        def guarded(context):
            if not counts_calls():
                raise Skip("this memprobe counts no calls")
            return function(context)
        return test(**options)(guarded)
    return register


def meaning_of(python):
    if python.minor == (3, 15) and not python.has_jit:
        return "entries of 3.15"
    if python.minor == (3, 11) and python.kind != "pyenv":
        return "returns"
    return "entries" if python.minor < (3, 11) else "deaths"


def method_of(python):
    """Only Debian's Pythons have USDT probes, and not those of every version."""
    has_none = python.kind in ("pyenv", "built") or python.minor in ((3, 12), (3, 13), (3, 14))
    return "uprobe" if has_none or python.has_jit else "usdt"


# Counts by path

def plain(name):
    return name.rsplit(".", 1)[-1]


def path_of(node):
    names = [one["function"] or one["label"] for one in [node] + list(ancestors(node))]
    return tuple(plain(name) for name in reversed(names))


def is_frozen(node):
    """Below what the interpreter runs of its own at start-up: <frozen getpath>."""
    root = ([node] + list(ancestors(node)))[-1]
    return (root["file"] or "").startswith("<frozen")


def counts_of(process):
    counts = {}
    for node in process.nodes:
        if not is_frozen(node):
            counts[path_of(node)] = counts.get(path_of(node), 0) + (node["calls"] or 0)
    return counts


def expected_counts(rows, python):
    """(least, most) by path: 3.12 may also see a frame go that never ran again; 3.11 does not see
    generators end, whose frames have lost their callers by then."""
    meaning, counts = MEANINGS[meaning_of(python)], {}
    for row in rows:
        least, most = counts.get(tuple(map(plain, row["path"])), (0, 0))
        count = sum(row[event] for event in meaning)
        loose = meaning_of(python) == "deaths" and python.minor < (3, 13)
        is_generator = row["created"] or row["resumes"] or row["throws"]
        is_unseen = loose and python.minor == (3, 11) and is_generator
        counts[tuple(map(plain, row["path"]))] = (
            least + (0 if is_unseen else count), most + count + (row["destroyed"] if loose else 0))
    return counts


def count_mismatches(process, rows, python):
    """Of every known path, and of every other path below a scenario."""
    seen, expected = counts_of(process), expected_counts(rows, python)
    below = {path for path in seen if len(path) > 4 and path[:4] in expected}
    for path in sorted(set(expected) | below):
        least, most = expected.get(path, (0, 0))
        if not least <= seen.get(path, 0) <= most:
            yield "%s: %d calls, expected %d" % (" > ".join(path), seen.get(path, 0), least)


def check_marks(process, rows, python):
    """What is exact says so; where resumes are not seen generators are not, and there is a why."""
    resumed = {tuple(map(plain, row["path"])) for row in rows
               if row["created"] or row["resumes"] or row["throws"]}
    by_death = meaning_of(python) == "deaths"
    check_all(["%s is marked %s" % (" > ".join(path_of(node)), node["calls_exact"])
               for node in process.nodes if node["calls"] and
               node["calls_exact"] == by_death and (path_of(node) in resumed or not by_death)])
    check(process["calls"]["complete"] or process["calls"]["reason"], "bounds without a reason")


def counted_from_start(context):
    """A Debian's Python is executed by a shell: it runs before probes can be in it."""
    if context.python.kind == "debian":
        raise Skip("a shell executes it: see calls_attached")


def has_last_walk():
    """Whether frames that stand at a process's end are added: the kernel still has its memory then."""
    return KERNEL >= (6, 16)


def check_counts(context, taken):
    check(taken.truth, "the target wrote no truth")
    check_invariants(taken.report)
    check_rows(context, taken.process(), taken.truth["paths"])
    process = taken.process()
    check(process["calls"]["complete"] or meaning_of(context.python) == "deaths",
          "not complete: %r" % process["calls"])
    check_marks(process, taken.truth["paths"], context.python)


def check_rows(context, process, rows):
    check_equal("calls.method (%s)" % process["calls"]["reason"], process["calls"]["method"],
                method_of(context.python))
    check_all(list(count_mismatches(process, rows, context.python)))


@test(interpreters="all", needs="nothing")
def call_targets(context):
    """The target alone: what it knows of its calls is what sys.setprofile sees."""
    path = context.path("truth")
    result = context.run(context.target("calls_profiled.py"),
                         env={"MEMPROBE_TRUTH": path, "MEMPROBE_SCALE": "0.01"})
    check(result.status == 0, "it ended with %d: %s" % (result.status, result.errors[-300:]))
    truth = read_truth(path)
    check(truth["compared"] > 100, "only %d paths" % truth["compared"])
    check_all(truth["wrong"])


@call_test(interpreters="all")
def calls_exact(context):
    """Every scenario, by path, and a frame that still stands at the end."""
    counted_from_start(context)
    if not has_last_walk() and not meaning_of(context.python).startswith("entries"):
        raise Skip("before 6.16 frames that stand at the end are not added: see calls_cut_short")
    taken = capture(context, context.target("calls.py"), EXACT, env={"MEMPROBE_END": "_exit"})
    check_equal("meta.calls.mode", taken.report.data["meta"]["calls"]["mode"], "exact")
    check_counts(context, taken)


@call_test(interpreters="few")
def calls_finalized(context):
    """The same for a program that ends by itself."""
    counted_from_start(context)
    check_counts(context, capture(context, context.target("calls.py"), EXACT))


@call_test(interpreters="all")
def calls_of_the_killed(context):
    """Killed in main: <module> and main have one call, whatever is counted."""
    counted_from_start(context)
    taken = capture(context, context.target("calls.py"), EXACT, status=KILLED,
                    env={"MEMPROBE_END": "kill", "MEMPROBE_SCALE": "0.01"})
    check_counts(context, taken)


@call_test(interpreters="few")
def calls_of_deep_frames(context):
    """1,000 frames: one call on each level."""
    counted_from_start(context)
    taken = capture(context, context.target("recursion.py", 1000), EXACT)
    check_invariants(taken.report)
    levels = [node["calls"] for node in taken.process().named("descend")]
    check(len(levels) >= 1000, "%d levels" % len(levels))
    check_equal("calls of the levels", set(levels), {1})


# What counting must not change

def growth_by_path(process):
    """Without file pages: how many the kernel maps around a fault depends on its page cache."""
    totals = {}
    for node in process.nodes:
        if node["kind"] == "python":
            totals[path_of(node)] = (totals.get(path_of(node), 0) + node["total"]["growth"]
                                     - node["total"]["file"])
    return totals


@call_test(interpreters="few", core=True)
def calls_and_growth(context):
    """Growth is the same with and without counting, and the books balance."""
    counted, other = [capture(context, context.target("known_sizes.py"), option)
                      for option in (EXACT, "--calls=off")]
    for taken in (counted, other):
        check_invariants(taken.report)
    compare_functions(counted.process(), counted.truth, context.python)
    seen, wanted = growth_by_path(counted.process()), growth_by_path(other.process())
    noise = counted.process().kernel_noise() + other.process().kernel_noise()
    check_all(["%s grows %d, without counting %d" % (
        " > ".join(path), seen.get(path, 0), wanted.get(path, 0))
               for path in sorted(set(seen) | set(wanted))
               if abs(seen.get(path, 0) - wanted.get(path, 0))
               > tolerance(wanted.get(path, 0)) + noise])


def check_no_calls(process):
    check_equal("calls.method", process["calls"]["method"], "none")
    check(process["calls"]["reason"], "no reason")
    counted = [path_of(node) for node in process.nodes if node["calls"] is not None]
    check(not counted, "calls of %s" % (counted[:3],))
    check(not any(node["calls_exact"] for node in process.nodes), "what is not counted is exact")


def lines_about_calls(result):
    return [line for line in result.errors.splitlines() if re.search(r"\bcalls?\b", line)]


@call_test(interpreters="one")
def calls_off(context):
    """Nothing is counted, nothing is said, and the tree has no calls."""
    taken = capture(context, context.target("calls.py"), "--calls=off")
    check_equal("meta.calls.mode", taken.report.data["meta"]["calls"]["mode"], "off")
    check_no_calls(taken.process())
    check_equal("lines about calls", lines_about_calls(taken.result), [])
    tree = memprobe(context, "post", "--full", "--min=0", taken.dump).output
    check("calls)" not in tree, "the tree has calls: %s" % tree[:300])


def stripped_library(context, python):
    """A directory with the interpreter's library without .symtab."""
    prefix = os.path.dirname(os.path.dirname(python.command[0]))
    name = "libpython%d.%d.so.1.0" % python.minor
    library = os.path.join(prefix, "lib", name)
    if not os.path.exists(library) or not shutil.which("strip"):
        raise Skip("there is no %s or no strip" % library)
    os.mkdir(context.path("lib"))
    subprocess.run(["strip", "-s", "-o", context.path("lib", name), library], check=True)
    os.chmod(context.path("lib", name), 0o755)
    return context.path("lib")


@call_test()
def calls_of_a_stripped_python(context):
    """A stripped 3.12 has nothing to count by: no calls, and one line that says why."""
    found = [one for one in find_interpreters() if one.kind == "pyenv" and one.minor == (3, 12)]
    if not found:
        raise Skip("there is no 3.12 with a library")
    context.python = found[0]
    library = stripped_library(context, context.python)
    taken = capture(context, context.target("calls.py"), EXACT, env={"LD_LIBRARY_PATH": library})
    check_invariants(taken.report)
    check_no_calls(taken.process())
    said = lines_about_calls(taken.result)
    check_equal("number of lines about calls in %r" % said, len(said), 1)
    check(said[0].startswith("memprobe: "), "it says %r" % said[0])


# --calls=auto

@call_test(interpreters="one")
def calls_auto_gives_up(context):
    """A program that only calls: bounds, one line with the remedy, ≥ in the tree."""
    taken = capture(context, context.target("calls_busy.py", "fib", 4),
                    "--calls=auto")
    check_invariants(taken.report)
    process = taken.process()
    check_equal("meta.calls.mode", taken.report.data["meta"]["calls"]["mode"], "auto")
    check_equal("complete", process["calls"]["complete"], False)
    nodes = process.named("fib")
    check(sum(node["calls"] or 0 for node in nodes) > 0, "no call of fib")
    check(not any(node["calls_exact"] for node in nodes), "bounds are marked exact")
    said = lines_about_calls(taken.result)
    check_equal("number of lines about calls in %r" % said, len(said), 1)
    check(EXACT in said[0], "no remedy in %r" % said[0])
    tree = memprobe(context, "post", "--full", "--metric=calls", "--min=0", taken.dump).output
    check(re.search(r"\bfib .*\(≥\d+ calls\)$", tree, re.M), "no bound in %s" % tree[:300])


@call_test(interpreters="one")
def calls_auto_stays(context):
    """A program that lives on arrays stays exact."""
    taken = capture(context, context.target("calls_busy.py", "arrays", 3),
                    "--calls=auto")
    check_invariants(taken.report)
    process = taken.process()
    check_equal("complete", process["calls"]["complete"], True)
    nodes = process.named("bound_by_arrays", "one_array")
    check_equal("calls of one_array", [node["calls"] for node in nodes], [taken.truth["rounds"]])
    check(all(node["calls_exact"] for node in nodes), "exact calls are marked as bounds")
    check_equal("lines about calls", lines_about_calls(taken.result), [])


def text_differs(pid):
    """Whether what a process maps of its program as text is not what the file has: breakpoints."""
    exe = os.readlink("/proc/%d/exe" % pid)
    with open("/proc/%d/maps" % pid) as maps:
        words = next(line.split() for line in maps if "r-xp" in line and line.split()[-1] == exe)
    first, last = (int(address, 16) for address in words[0].split("-"))
    with open("/proc/%d/mem" % pid, "rb", 0) as memory, open(exe, "rb", 0) as file:
        memory.seek(first)
        file.seek(int(words[2], 16))
        return memory.read(last - first) != file.read(last - first)


def is_swept(pid):
    """Long before its own calls are counted."""
    end = time.monotonic() + 3
    while time.monotonic() < end:
        if not text_differs(pid):
            return True
    return False


@call_test(interpreters="one")
def forked_without_breakpoints(context):
    """A child of a process whose calls are counted inherits its breakpoints, but not for long."""
    process = context.start(context.target("forks_on_command.py"), stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
    check_equal("the target says", process.stdout.readline(), b"ready\n")
    attached = Attached(context, process.pid)

    def fork():
        process.stdin.write(b"\n")
        process.stdin.flush()
        return int(process.stdout.readline())

    wait_until(lambda: text_differs(process.pid), "breakpoints")
    # On a busy machine one may be counted itself before it is seen without.
    check(any(is_swept(fork()) for _ in range(2)), "breakpoints stay in forked children")
    check(text_differs(process.pid), "the parent's calls are no longer counted")
    process.stdin.close()
    context.finish(process)
    attached.end(None)


# Attaching

class CallsServed(Served):
    """tests/targets/calls_served.py: calls on command; or another that waits for a line."""

    def __init__(self, context, target="calls_served.py", env=None):
        # pylint: disable=super-init-not-called
        self.context = context
        self.process = context.start(context.target(target), stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, env=env)
        self.answers = [self.answer()]
        self.pid = self.process.pid

    def run_to_end(self):
        self.process.stdin.write(b"go\n")
        self.process.stdin.close()
        return self.context.finish(self.process).status


@call_test(interpreters="all")
def calls_attached(context):
    """Every scenario, by path, when memprobe attaches before the first; main stood there."""
    path = context.path("truth")
    served = CallsServed(context, "calls.py", {"MEMPROBE_TRUTH": path, "MEMPROBE_WAIT": "1"})
    attached = Attached(context, served.pid, options=(EXACT,))
    check_equal("status of the target", served.run_to_end(), 0)
    report = attached.end(None)
    check_invariants(report)
    rows = [dict(row, starts=0, ended=0) if row["path"] in (["<module>"], ["<module>", "main"])
            else row for row in read_truth(path)["paths"]]
    check_rows(context, report.python(served.pid), rows)


@call_test(interpreters="all")
def calls_after_attach(context):
    """Only what is called after the attach counts; frames that stood there have none."""
    served = CallsServed(context)
    served.ask("call 500")
    attached = Attached(context, served.pid, options=(EXACT,))
    served.ask("call 1000")
    served.ask("call 234")
    report = attached.end()
    served.ask("call 50")
    check_equal("status of the target", served.quit(), SERVED_STATUS)
    check_invariants(report)
    counts = counts_of(report.python(served.pid))
    path, seen = ("<module>", "main", "serve", "answer", "call_many", "call_step"), {}
    for depth, name in enumerate(path):
        seen[name] = counts.get(path[:depth + 1])
    check_equal("calls after the attach", seen, {
        "<module>": 0, "main": 0, "serve": 0, "answer": 2, "call_many": 2, "call_step": 1234})


def load_bias(pid, program):
    """What is added to the addresses in the file of a position-independent program."""
    with open(program, "rb") as file:
        is_fixed = file.read(18)[16] == 2
    name = os.readlink(program)
    with open("/proc/%d/maps" % pid) as maps:
        starts = [int(line.split("-")[0], 16) for line in maps if line.rstrip().endswith(name)]
    return 0 if is_fixed else min(starts)


def semaphore_addresses(pid):
    """Of function__entry and function__return; none when the program has no probes."""
    program = "/proc/%d/exe" % pid
    if not shutil.which("readelf"):
        return []
    notes = subprocess.run(["readelf", "-n", program], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, check=False).stdout.decode()
    found = re.findall(r"Name: function__(?:entry|return)\s+Location: \w+, Base: \w+, "
                       r"Semaphore: (\w+)", notes)
    return [load_bias(pid, program) + int(address, 16) for address in sorted(set(found))]


def read_semaphores(pid, addresses):
    values = []
    with open("/proc/%d/mem" % pid, "rb", buffering=0) as memory:
        for address in addresses:
            memory.seek(address)
            values.append(int.from_bytes(memory.read(2), "little"))
    return values


def loaded_programs(pid=None):
    """Numbers of the kernel's BPF programs (that this process holds)."""
    if not shutil.which("bpftool"):
        return set()
    text = subprocess.run(["bpftool", "-j", "prog", "show"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=False).stdout
    return {program["id"] for program in json.loads(text.decode() or "[]")
            if pid is None or pid in [owner["pid"] for owner in program.get("pids", [])]}


def uprobe_events():
    if not os.path.exists(UPROBE_EVENTS):
        return set()
    with open(UPROBE_EVENTS) as file:
        return set(file)


def close_files(context):
    """Of processes that have ended: there are many."""
    for process in context.children:
        if process.returncode is not None:
            for file in process.files:
                file.close()


def check_round(context, served, semaphores):
    """One attach and detach while threads call: counts are there, and nothing of it stays."""
    attached = Attached(context, served.pid, options=(EXACT,))
    programs = loaded_programs(attached.process.pid)
    served.ask("turn")
    process = attached.end().python(served.pid)
    wait_until(lambda: not any(read_semaphores(served.pid, semaphores)), "lowering semaphores")
    wait_until(lambda: not programs & loaded_programs(), "unloading %s" % programs)
    check_equal("calls.method (%s)" % process["calls"]["reason"], process["calls"]["method"],
                method_of(served.context.python))
    check(min(counts_of(process).values()) >= 0, "a negative count")
    check(counts_of(process).get(WHEEL_PATH, 0) > 0, "no calls of turn: %s" % [
        path for path, count in counts_of(process).items() if count][:4])
    close_files(context)


@call_test(interpreters="few")
def attach_while_threads_call(context):
    """20 times (200 in the long form); the target ends with the right answer."""
    served = CallsServed(context)
    semaphores = semaphore_addresses(served.pid)
    before = uprobe_events()
    served.ask("start")
    for _ in range(200 if context.long else 20):
        check_round(context, served, semaphores)
    check_equal("uprobes left over", uprobe_events() - before, set())
    check_equal("the threads counted right", served.ask("stop"), 1)
    check_equal("status of the target", served.quit(), SERVED_STATUS)
    return None if semaphores else "without a semaphore"


# Reports

def rows_with_calls(text):
    return [match.group(4) for match in map(ROW.match, text.splitlines()) if match]


@call_test(interpreters="one")
def tree_with_calls(context):
    """(N calls) stands in every row of a function that was called."""
    taken = capture(context, context.target("calls.py"), EXACT)
    node = taken.process().named("run_all", "many", "many_step")[0]
    tree = memprobe(context, "post", "--full", "--metric=calls", "--min=0", taken.dump).output
    wanted = sorted(str(one["calls"]) for one in taken.process().nodes if one["calls"])
    check_equal("calls in the tree", sorted(filter(None, rows_with_calls(tree))), wanted)
    check(re.search(r"many_step .*\(%d calls\)$" % node["calls"], tree, re.M), "no many_step")
    usual = memprobe(context, "post", "--full", taken.dump).output
    check(re.search(r"calls\.py:1:<module> .*\(1 calls\)$", usual, re.M),
          "no call of <module> in %s" % usual[:300])


@call_test(interpreters="one")
def option_calls(context):
    """--metric=calls hides by number, --sort=calls puts the most called first."""
    taken = capture(context, context.target("calls.py"), EXACT)
    many = taken.process().named("many_step")[0]["calls"]
    tree = memprobe(context, "post", "--full", "--metric=calls", "--min=%d" % (many - 1), taken.dump).output
    check("many_step" in tree and "nested_outer" not in tree, "the rows are %s" % tree[:300])
    report = read_report(context, taken.dump, "--sort=calls")
    for node in report.python().nodes:
        counts = [child["calls"] or 0 for child in node["children"]]
        check_equal("calls below %s" % " > ".join(path_of(node)), counts,
                    sorted(counts, reverse=True))
    total = sum(node["calls"] or 0 for node in taken.process().nodes)
    check_near("calls of all", sum(node["calls"] or 0 for node in report.python().nodes), total, 0)


SPENDS_BUDGET = """import sys
def f(): pass
for _ in range(1000000): f()
print("mine", file=sys.stderr, flush=True)
"""


@call_test(interpreters="one")
def notes_wait_for_the_end(context):
    """What the command prints stands first; that counting has stopped is said below the report."""
    result = memprobe(context, "--calls=auto", "-o", context.path("dump"), "--",
                      *context.python.command, "-c", SPENDS_BUDGET)
    lines = result.errors.splitlines()
    check_equal("first line", lines[0], "mine")
    noted = [number for number, line in enumerate(lines) if "no longer counted" in line]
    balance = [number for number, line in enumerate(lines) if line.startswith("Balance:")]
    check(len(noted) == 1 and balance and noted[0] > balance[0], "notes: %r" % lines[-6:])
