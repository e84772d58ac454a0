"""What a row names: objects, their classes, lines."""
import json
import os
import re
import signal
import subprocess

from capture import capture, capture_until, has_flushed, memprobe, read_report, record
from harness import (CACHE, MB, MEMPROBE, Skip, TARGETS, TIMEOUT, check, check_all, check_equal, check_near, size_of, test,
                     tolerance, wait_until)
from test_calls import counted_from_start
from tree import check_invariants

TAKING_LINE = 20  # `mapping[place] = 1` in instances.py


def of_objects(process, *path):
    """{(class, instance): MB below} of the nodes at the end of a path."""
    found = {}
    for node in process.named(*path):
        key = (node["class"], node["instance"])
        found[key] = found.get(key, 0) + node["total"]["growth"]
    return {key: round(grown / MB) for key, grown in found.items()}


@test(interpreters="all")
def objects_of_methods(context):
    """A row names its only object, and counts several."""
    taken = capture(context, context.target("instances.py"))
    check_invariants(taken.report)
    process = taken.process()
    grow, = [node for node in process.named("main", "Worker.grow")]
    check_equal("objects of Worker.grow", (grow["objects"], grow["class"], grow["instance"]),
                (3, "Worker", None))
    inner, = process.named("Special.grow", "Worker.grow")
    check_equal("of super()", (inner["objects"], inner["class"], inner["instance"]),
                (1, "Special", 0))
    check_equal("in a closure", of_objects(process, "main", "Worker.grow_in_closure"),
                {("Worker", 2): 5})
    check_equal("a property", of_objects(process, "main", "Worker.grown"), {("Worker", 0): 2})
    check_equal("slots", of_objects(process, "main", "Slotted.grow_slotted"), {("Slotted", 0): 2})
    check_equal("twins", sorted((os.path.basename(node["file"]), node["instance"],
                                 round(node["total"]["growth"] / MB))
                                for node in process.named("main", "Twin.grow_twin")),
                [("instances.py", 0, 4), ("instances_twin.py", 0, 6)])
    crowd, = process.named("crowd", "Worker.grow")
    check_equal("objects in a crowd", crowd["objects"], 16)
    for name in ("Worker.grow_static", "Worker.grow_class", "take"):
        check_equal("objects of " + name, {node["objects"] for node in process.named(name)}, {None})
    text = memprobe(context, "post", taken.dump).output
    for label in ("grow (3 objects)", "grow (≥16 objects)", "grow Special#0", "Slotted#0"):
        check(label in text, "no row '%s' in\n%s" % (label, text))


RELATIVE = """import runpy
runpy.run_path('body.py')
exec(compile('def unreal(): pass\\nunreal()', 'main.pyx', 'exec'))
"""
BODY = "import time\nclass A:\n def work(self): %s\nA().work()\n"


def capture_relative(context, work, *options):
    """The body's path, and the process that has run it."""
    body = context.write("body.py", BODY % work)
    return body, capture(context, context.python.command + ["-c", RELATIVE], "--calls=exact", *options).process()


@test(interpreters="all")
def relative_files(context):
    """What was compiled by a name relative to where its process began is the file there, with its
    qualified names; from 3.9 on other such names are no files."""
    counted_from_start(context)
    body, process = capture_relative(context, "pass")
    check_equal("files of A.work", [node["file"] for node in process.named("A.work")], [body])
    check_equal("files of unreal", [node["file"] for node in process.named("unreal")],
                ["main.pyx" if context.python.minor >= (3, 9) else context.path("main.pyx")])


@test(interpreters="few")
def relative_files_of_open_calls(context):
    """A call that goes on when the capture ends is of the same row."""
    counted_from_start(context)
    for seconds in (3, 30):  # on a busy machine it may not have begun before
        body, process = capture_relative(context, "open('begun', 'w').close(); time.sleep(600)",
                                         "--duration=%d" % seconds)
        os.kill(process["pid"], signal.SIGKILL)
        if os.path.exists(context.path("begun")):
            break
    check_equal("calls of A.work", [(node["file"], node["calls"]) for node in process.named("A.work")],
                [(body, 1)])


@test(interpreters="few")
def objects_after_exec(context):
    """What was learned of a process is not what the next program in it is."""
    taken = capture(context, context.target("named_after_exec.py", "1"))
    named = {node["pathname"] for process in taken.report.processes
             for node in process.nodes if node["class"] == "Named"}
    check_equal("names of objects", named, {"program1", "program2", "program3"})


@test(interpreters="all")
def instances(context):
    """--instances makes a row of each object; --instances=CLASS of those of a class alone."""
    taken = capture(context, context.target("instances.py"), "--instances")
    check_invariants(taken.report)
    process = taken.process()
    check_equal("workers", of_objects(process, "main", "Worker.grow"),
                {("Worker", 0): 8, ("Worker", 1): 16, ("Worker", 2): 32})
    check_equal("of super()", of_objects(process, "Special.grow", "Worker.grow"),
                {("Special", 0): 5})
    crowd = of_objects(process, "crowd", "Worker.grow")
    numbers = sorted(number for name, number in crowd)
    check_equal("classes and MB of a crowd", ({name for name, _ in crowd}, set(crowd.values())),
                ({"Worker"}, {1}))
    check_equal("a crowd", (len(numbers), numbers[0] > 2), (20, True))
    taken = capture(context, context.target("instances.py"), "--instances=Slotted,Special")
    process = taken.process()
    grow, = process.named("main", "Worker.grow")
    check_equal("objects of Worker.grow", (grow["objects"], grow["instance"]), (3, None))
    check_equal("of super()", of_objects(process, "Special.grow", "Worker.grow"),
                {("Special", 0): 5})


@test(interpreters="few", needs_gil=True)
def pathnames(context):
    """The attribute that names an object is read while the process runs; another one by option."""
    wanted = ["a", "b.c", None]

    def pathnames_of(process):
        return [node["pathname"] for node in process.named("main", "Worker.grow")]

    def has_all(process):
        others = process.named("Special.grow", "Worker.grow") + process.named("Slotted.grow_slotted")
        return (pathnames_of(process) == wanted
                and {node["pathname"] for node in others} == {"s", "in.slot"})
    process = capture_until(context, context.target("instances.py"), has_all,
                            "--instances").process()
    check_equal("pathnames", pathnames_of(process), wanted)
    check_equal("of super()", {node["pathname"] for node in process.named("Special.grow",
                                                                           "Worker.grow")}, {"s"})
    slotted, = process.named("Slotted.grow_slotted")
    check_equal("in a slot", slotted["pathname"], "in.slot")
    check(slotted["label"].endswith(" Slotted#0:in.slot"), "the row is %r" % slotted["label"])
    wanted = [None, "second", None]
    process = capture_until(context, context.target("instances.py"), lambda process:
                            pathnames_of(process) == wanted, "--instances",
                            "--label-attr=no_such,nick").process()
    check_equal("nicknames", pathnames_of(process), wanted)


@test(interpreters="few", needs_gil=True)
def name_of_an_object_that_died(context):
    """Its block keeps the type, and where its attributes were the allocator's link leads to others."""
    process = capture(context, context.target("object_that_died.py")).process()
    node, = process.named("Worker.grow")
    check(node["pathname"] in ("the.right.name", None), "the name: %s" % node["pathname"])


@test(interpreters="few", needs_gil=True)
def named_threads(context):
    """Threads bear the names that the program gave them, each a row of its own by option."""
    taking = {"loader": 6, "the flusher": 10}

    def taken_by(process):
        found = {}
        for node in process.nodes:
            if node["function"] in ("Thread._bootstrap", "_bootstrap"):
                found[node["pathname"]] = round(node["total"]["growth"] / MB)
        return found
    process = capture_until(context, context.target("named_threads.py"),
                            lambda process: taken_by(process) == taking,
                            "--instances=Thread,Flusher").process()
    check_equal("MB by thread", taken_by(process), taking)
    rows = [node["label"] for node in process.named("Flusher.run")]
    check(len(rows) == 1 and rows[0].endswith(" Flusher#0:the flusher"), "rows are %s" % rows)


@test(interpreters="few", needs_gil=True)
def notebook_cells(context):
    """What a notebook runs is called by its number, as far as the notebook tells one that is any."""
    def found_in(process):
        return {node["file"]: round(node["total"]["growth"] / MB)
                for node in process.named("run", "<module>")}
    taken = capture_until(context, context.target("notebook.py"),
                          lambda process: found_in(process).get("<ipython-input-x-1>") == 2)
    check_invariants(taken.report)
    process = taken.process()
    kernel = "/tmp/ipykernel_%d/" % process["pid"]
    check_equal("MB by cell", found_in(process), {
        "In [3]": 4, "In [12]": 6, "In [1073741823]": 3, "In [7]": 5, kernel + "4.py": 3,
        kernel + "5.py": 3, kernel + "6.py": 3, kernel + "7.py": 3, "/tmp/ipykernel_x/1.py": 2,
        "<ipython-input-x-1>": 2})
    labels = {node["label"] for node in process.nodes if node["file"] == "In [12]"}
    check_equal("rows of a cell", labels, {"In [12]", "<In [12]:1>.grow"})


@test(interpreters="few")
def notebook_lines(context):
    """The text of a cell's lines is in no file: the running notebook has it."""
    flag, dump = context.write("flag", ""), context.path("dump")
    target = context.start(context.target("notebook.py", "again"), env={"MEMPROBE_WAIT": flag})
    probe = context.start([MEMPROBE, "-o", dump, "--lines", "--format=table", "--min=0",
                           "-p", str(target.pid)], stderr=subprocess.PIPE)
    wait_until(lambda: has_flushed(context, dump, lambda process: any(
        node["file"] == "In [12]" and node["at"] == 2 for node in process.nodes)), "the cell")
    probe.send_signal(signal.SIGINT)
    table = probe.communicate(timeout=TIMEOUT)[1].decode()
    os.unlink(flag)
    check_equal("status", probe.returncode, 0)
    check("\nIn [12]\n" in table, "no cell in\n" + table)
    cell = table[table.index("\nIn [12]\n"):].splitlines()[2:4]
    check_equal("lines of the cell", [" ".join(line.split()[-2:]) for line in cell],
                ["2 take(0.125)", "3 grow()"])


@test(interpreters="few")
def many_instances(context):
    """A method is split by 256 objects; the rest has one row, and the books balance."""
    taken = capture(context, context.target("instances.py", "400"), "--instances")
    check_invariants(taken.report)
    nodes = taken.process().named("crowd", "Worker.grow")
    rest = [node for node in nodes if node["instance"] is None]
    check_equal("rows", (len(nodes) - len(rest) <= 256, len(rest)), (True, 1))
    check(rest[0]["label"].endswith(" Worker#…"), "the row is %r" % rest[0]["label"])
    check_near("all of them", sum(node["total"]["growth"] for node in nodes), size_of(400),
               tolerance(size_of(400)))


@test(interpreters="few")
def changed_source(context):
    """Before 3.11: names of a source that has changed since stay plain, and that is said once."""
    if context.python.minor >= (3, 11):
        raise Skip("its code objects have qualified names")
    script = context.path("changed.py")
    with open(script, "w") as file:
        file.write("import os\nK = []\nclass A:\n    def f(self):\n        K.append(bytes(9 << 20))\n"
                   "    def g(self):\n        K.append(bytes(9 << 20))\n"
                   "with open(__file__, 'w') as file:\n    file.write('pass\\n')\nA().f()\nA().g()\n"
                   "import sys, time\ntime.sleep(1.5)\nprint('mine', file=sys.stderr)\n")
    taken = capture(context, context.python.command + [script])
    check(taken.process().named("f"), "no row of f")
    check_equal("first line", taken.result.errors.splitlines()[0], "mine")
    check_equal("notes", taken.result.errors.count("cannot qualify names in '%s'" % script), 1)


@test(interpreters="all")
def lines(context):
    """--lines: every frame of a path is split by the line that is executed."""
    taken = capture(context, context.target("instances.py"), "--lines", "--calls=exact")
    check_invariants(taken.report)
    process = taken.process()
    source = {name: read_lines(name) for name in ("instances.py", "instances_twin.py", "truth.py")}
    taking = {node["at"]: 0 for node in process.named("take")}
    for node in process.named("take"):
        taking[node["at"]] += node["self"]["growth"]
    check(max(taking, key=taking.get) == TAKING_LINE, "take() grows on lines %r" % taking)
    for name, text, megabytes in (("main", "first.grow(8)", 8), ("main", "third.grow(32)", 32),
                                  ("Worker.grow", "take(megabytes)", 56 + 5 + 20),
                                  ("remake", "Brief().grow_brief()", 4)):
        nodes = [node for node in process.named(name)
                 if os.path.basename(node["file"]) in source
                 and source[os.path.basename(node["file"])][node["at"] - 1].strip() == text]
        check(nodes, "no row of %s at '%s': lines %s" % (
            name, text, [node["at"] for node in process.named(name)]))
        check_near("'%s'" % text, process.below("growth", nodes), size_of(megabytes),
                   tolerance(size_of(megabytes)))
    for node in process.nodes:
        if node["kind"] == "python" and node["at"] != node["line"]:
            check_equal("calls at line %d of %s" % (node["at"], node["function"]), node["calls"], None)


@test(interpreters="all")
def fifty_lines(context):
    """The lines that grew are those that tracemalloc names in a run of its own."""
    truth = context.path("lines")
    target = context.target("fifty_lines.py")
    check_equal("status", context.run(target, env={"MEMPROBE_TRUTH": truth}).status, 0)
    with open(truth) as file:
        expected = {int(line): size for line, size in json.load(file).items()}
    check(len(expected) >= 50, "tracemalloc names only %d lines" % len(expected))
    result, dump = record(context, target, "--lines")
    check_equal("status", result.status, 0)
    process = read_report(context, dump).python()
    seen = {}
    for node in process.nodes:
        if node["kind"] == "python" and (node["file"] or "").endswith("/fifty_lines.py"):
            seen[node["at"]] = seen.get(node["at"], 0) + node["self"]["growth"]
    seen = {line: grown for line, grown in seen.items() if grown > MB // 2}
    check_equal("lines", sorted(seen), sorted(expected))
    check_all(["line %d grew %d, tracemalloc says %d" % (line, seen[line], size)
               for line, size in sorted(expected.items()) if abs(seen[line] - size) > MB // 8])


METHOD = re.compile(r"^[\s|]*(-?\d+\.\d\d)  \(\d+ calls\)  (\w+\.(?:setup|compute))(?::\(\w+\))?$")
BIG_MB = 15


@test()
def beside_the_ancestor(context):
    """Components of OpenAeroStruct: the MB of `openmdao mem -t`, within 1 %; their objects named."""
    python = os.path.join(CACHE, "venv-pypi", "bin", "python")
    if not os.path.exists(python):
        raise Skip("openmdao is not installed: tools/setup --pypi")
    script = os.path.join(TARGETS, "openmdao_aerostruct.py")
    ancestor = context.run([os.path.join(os.path.dirname(python), "openmdao"), "mem", "-t", "-o", "raw",
                            "--min", str(BIG_MB), "-p", "openmdao", "-p", "openaerostruct", script],
                           cwd=context.directory, timeout=300)
    check_equal("status of openmdao mem", ancestor.status, 0)
    expected = {}
    for match in map(METHOD.match, ancestor.output.split("\n")):
        if match:
            expected.setdefault(match.group(2), []).append(float(match.group(1)))
    check(len(expected) >= 4, "openmdao mem names only %s" % sorted(expected))
    process = capture(context, [python, script], timeout=300).process()
    seen = {name: [node["total"]["growth"] / MB for node in process.named(name)] for name in expected}
    check_all(["%s: %s MB, openmdao mem says %s" % (name, sorted(seen[name])[-4:], sorted(big))
               for name, big in sorted(expected.items())
               if not all(is_close(name, one, other) for one, other in zip(sorted(seen[name])[-len(big):],
                                                                     sorted(big)))])
    names = {node["pathname"] for node in process.nodes if node["pathname"]}
    check(any(name.startswith("wing.") for name in names), "pathnames: %s" % sorted(names)[:9])


def is_close(name, one, other):
    """compute() runs often, and RSS read at its begin and end misses what is taken and given between;
    huge pages come as the machine has some (2.2 % apart on a busy one)."""
    part = 0.01 if name.endswith(".setup") else 0.03
    return abs(one - other) <= max(part * other, 0.5)


def read_lines(name):
    with open(os.path.join(TARGETS, name)) as file:
        return file.read().split("\n")


@test(interpreters="one")
def table(context):
    """A flat table: a recursion counts once, self adds up; with --lines the source stands beside."""
    taken = capture(context, context.target("recursion.py"))
    process = taken.process()
    text = memprobe(context, "post", "--format=table", "--min=-1e9", taken.dump).output
    rows = [line.split(None, 2) for line in text.split("\n")[2:]]
    rows = rows[:rows.index([])]
    selves = sum(float(row[0]) for row in rows)
    check_near("sum of self in MB * 100", round(selves * 100),
               round(process["balance"]["growth"] / MB * 100), len(rows))
    grown = sum(node["self"]["grown"] for node in process.nodes) / MB
    check(all(float(row[1]) <= grown for row in rows), "a total is above all growth:\n" + text)
    taken = capture(context, context.target("instances.py"), "--lines")
    text = memprobe(context, "post", "--format=table", taken.dump).output
    check("    20  mapping[place] = 1\n" in text, "no source text in\n" + text)
