"""Which Python objects a process has and who holds them: memprobe heap --objects, and --objects at
capture, against what the target itself knows."""
import json
import os
import shlex
import signal
import subprocess
import threading
import urllib.request

from capture import Attached, capture, check_error, last_lines, memprobe, parse, read_report, record
from harness import (MEMPROBE, Skip, TARGETS, TIMEOUT, check, check_all, check_equal, check_near,
                     children_of, highest_rss, kill_while_it_stands, looking_process, test, wait_until)
from schema import HEAP, Checker
from test_children import Service

KINDS = (
    # What stands in the way of the row that grew: one of these, from its beginning on.
    ("lru_cache", ("__main__.lookup",)),
    ("closure", ("__main__.remember",)),
    ("class_attribute", ("__main__.Registry",)),
    ("thread_local", ("__main__.LOCAL", "server")),
    ("tracebacks", ("__main__.LAST_ERRORS",)),
    ("c_code", ("C code",)),
    ("asyncio_tasks", ("__main__.TASKS", "__main__.GATES", "__main__.loop")),
    ("logging_handlers", ("logging.",)),
    ("weakref_callbacks", ("__main__.CALLBACKS", "__main__.WATCHED")),
)


class Target:
    """holders.py: it keeps more for each word, and says how much."""

    def __init__(self, context, kind):
        self.context = context
        self.process = context.start(context.target("holders.py", kind), stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE)
        self.truth = self.answer()
        self.pid = self.truth["pid"]

    def answer(self):
        line = self.process.stdout.readline()
        check(line, "the target ended")
        return json.loads(line.decode())

    def keep_more(self):
        self.process.stdin.write(b"more\n")
        self.process.stdin.flush()
        self.truth = self.answer()

    def quit(self):
        self.process.stdin.close()
        self.context.finish(self.process)


def read_objects(context, pid, *options):
    result = memprobe(context, "heap", "-p", pid, "--objects", "--format=json", *options)
    check_equal("status (%s)" % result.errors, result.status, 0)
    document = parse(result.output)
    Checker().check(document, HEAP, "heap")
    for reading in document["readings"]:
        check_equal("refused", reading["objects"]["refused"], None)
    return document


def roots_of(census):
    """Bytes by the name of each root."""
    return {row["name"]: row["bytes"] for row in census["holders"] if row["parent"] is None}


def growths_of(before, after):
    """(growth, name) of roots, the most first."""
    first, last = roots_of(before), roots_of(after)
    return sorted(((last[name] - first.get(name, 0), name) for name in last), reverse=True)


@test(interpreters="one")
def objects_by_holder(context):
    """Leaks of public reports: the root that grew most names the culprit, and has what was kept."""
    wrong = []
    for kind, names in KINDS:
        target = Target(context, kind)
        before = read_objects(context, target.pid)["readings"][0]["objects"]
        kept = target.truth["truth"]
        target.keep_more()
        kept = target.truth["truth"] - kept
        after = read_objects(context, target.pid)["readings"][0]["objects"]
        grown, name = growths_of(before, after)[0]
        if not name.startswith(names):
            wrong.append("%s: %s grew by %d" % (kind, name, grown))
        elif grown < 0.98 * kept:
            wrong.append("%s: %s grew by %d, %d of it strings" % (kind, name, grown, kept))
        target.quit()
    check_all(wrong)


@test(interpreters="one")
def objects_stand_for_it(context):
    """--freeze stops every thread, says for how long, and the process goes on."""
    target = Target(context, "thread_local")
    census, = (reading["objects"] for reading in
               read_objects(context, target.pid, "--freeze")["readings"])
    check(census["frozen"] > 0, "it was not stopped")
    check_equal("unreadable", census["unreadable"], 0)
    target.keep_more()
    census, = (reading["objects"] for reading in read_objects(context, target.pid)["readings"])
    check_equal("stopped for", census["frozen"], 0)
    target.quit()


@test()
def objects_of_memprobe_itself(context):
    """Whom it would stop for its census is who has to let it go on."""
    result = context.run(["/bin/sh", "-c", 'exec "$0" heap -p $$ --objects --freeze', MEMPROBE])
    check_equal("status", result.status, 1)
    check("it is memprobe itself" in result.errors, "it said %r" % result.errors)
    check("\n  hint: " in result.errors, "no hint in %r" % result.errors)


@test(interpreters="one")
def objects_of_long_names(context):
    """A class whose name is too long to be read has a row with words in it."""
    script = ("import sys\nLong = type('L' * 100000, (), {})\n"
              "kept = [Long() for _ in range(50000)]\nprint('ready', flush=True)\n"
              "sys.stdin.read()\n")
    process = context.start(context.python.command + ["-c", script], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
    check_equal("the target", process.stdout.readline(), b"ready\n")
    census, = (reading["objects"] for reading in read_objects(context, process.pid)["readings"])
    process.stdin.close()
    context.finish(process)
    counts = {entry["name"]: entry["objects"] for entry in census["types"]}
    check("" not in counts, "types without a name: %s" % counts)
    check(counts.get("[name not read]", 0) >= 50000, "%s" % counts)


def census_of(context, *words):
    """Of census_forked.py: {type: (objects, bytes)}, all bytes, and the reading that it is in."""
    process = context.start(context.target("census_forked.py", *words), stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
    pid = int(process.stdout.readline())
    reading, = read_objects(context, pid)["readings"]
    process.stdin.close()
    context.finish(process)
    types = {(entry["module"], entry["name"]): (entry["objects"],
                                                entry["bytes"] + entry["buffer_bytes"])
             for entry in reading["objects"]["types"]}
    return types, reading


def differing_types(types, forked):
    wrong = ["%s: %s in a process, %s in a child" % (".".join(name), of_process, forked.get(name))
             for name, of_process in sorted(types.items())
             if abs(of_process[0] - forked.get(name, (0, 0))[0]) > 20 + of_process[0] // 100 or
             abs(of_process[1] - forked.get(name, (0, 0))[1]) > 4096 + of_process[1] // 100]
    return wrong + ["%s: only in a child" % ".".join(name) for name in set(forked) - set(types)
                    if forked[name][0] > 20]


@test(interpreters="all", needs_gil=True)
def objects_of_a_forked_child(context):
    """Fork does not copy the pages of files: a child's objects, and what its allocators have, are
    those of a process that made the same. Static code objects of modules (3.11 on) are found where
    a word of C code still leads to them, in some 49 of 50 processes, forked or not: not in all of
    three pairs."""
    for _ in range(3):
        types, reading = census_of(context)
        forked, other = census_of(context, "forked")
        wrong = differing_types(types, forked)
        if not wrong:
            break
    check_all(wrong)
    check_equal("unreadable", other["objects"]["unreadable"], 0)
    for part in ("malloc", "pymalloc"):
        for what in ("state", "used"):
            first, second = reading[part][what], other[part][what]
            if what == "state":
                check_equal("%s.%s" % (part, what), second, first)
            else:
                check_near("%s.%s" % (part, what), second, first, first * 0.02 + 262144)


@test(interpreters="one")
def objects_in_captures(context):
    """--objects with -p: in a snapshot and in the end, each as it was then."""
    target = Target(context, "closure")
    attached = Attached(context, target.pid, options=("--objects", "--freeze"))
    os.kill(attached.process.pid, signal.SIGUSR1)
    snapshot = attached.dump + ".1"
    wait_until(lambda: os.path.exists(snapshot), "a snapshot")
    first = read_report(context, snapshot).python(target.pid).entry["objects"]
    kept = target.truth["truth"]
    target.keep_more()
    kept = target.truth["truth"] - kept
    last = attached.end().python(target.pid).entry["objects"]
    grown, name = growths_of(first, last)[0]
    check(name.startswith("__main__.remember"), "what grew is %s" % name)
    check(grown >= 0.98 * kept, "it grew by %d, %d of it strings" % (grown, kept))
    document = parse(memprobe(context, "diff", "--format=json", snapshot, attached.dump).output)
    growth = next(process["objects_growth"] for process in document["processes"]
                  if process["pid"] == target.pid)
    check_equal("what grew between the dumps", (growth["holders"][0]["path"],
                                                growth["holders"][0]["bytes"]), (name, grown))
    for words in (["diff", snapshot, attached.dump], ["post", attached.dump]):
        for line in memprobe(context, *words, "--format=jsonl").output.splitlines():
            check(isinstance(parse(line), dict), "a line is no object")
    shown = memprobe(context, "diff", snapshot, attached.dump).output
    check("Objects grew in " in shown and name in shown, shown)
    check("Objects grew" not in memprobe(context, "diff", snapshot, snapshot).output,
          "a dump differs from itself")
    check(first["frozen"] > 0 and last["frozen"] > 0, "it was not stopped")
    target.quit()


@test(interpreters="one")
def objects_of_one_that_dies(context):
    """One that is killed while it is read has ended: nothing is said to have changed."""
    python = context.python.command
    target = context.start(python + ["-c", "import sys\nkept = [str(i) for i in range(2000000)]\n"
                                     "print(1, flush=True)\nsys.stdin.read()"],
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    target.stdout.readline()
    process = context.start([MEMPROBE, "heap", "-p", str(target.pid), "--objects"])
    wait_until(lambda: highest_rss(looking_process(process.pid) or 0) > 40 << 20, "a census")
    os.kill(looking_process(process.pid), signal.SIGSTOP)
    target.kill()
    os.kill(looking_process(process.pid), signal.SIGCONT)
    result = context.finish(process)
    check_error(result, 1, "cannot count the objects of '%d': the process has ended" % target.pid)
    check_equal("output", result.output, "")


@test(interpreters="few", long=True)
def holders_beside_pympler(context):
    """What a name holds is what pympler's asizeof says of it."""
    directory = context.path("packages")
    got = context.run(context.python.command + ["-m", "pip", "install", "-q", "--target", directory,
                                                "pympler"])
    if got.status:
        raise Skip("pympler cannot be had: %s" % last_lines(got.errors))
    target = context.start(context.target("census_sized.py"), stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, env={"PYTHONPATH": directory})
    sizes = json.loads(target.stdout.readline().decode())
    reading, = read_objects(context, target.pid)["readings"]
    roots = roots_of(reading["objects"])
    check_all([wrong for name, size in sizes.items() for wrong in off_by(
        "__main__." + name, roots.get("__main__." + name, 0), size)])
    target.stdin.close()
    context.finish(target)


def off_by(name, seen, size):
    return [] if abs(seen - size) <= size // 100 else ["%s has %d of %d" % (name, seen, size)]


# ---- The end of a process ----

@test(interpreters="all", needs_gil=True)
def objects_at_the_end(context):
    """A command's objects, and what is inside its allocators, right before its runtime goes."""
    check_objects_at_the_end(context, "finalize")


@test(interpreters="all", needs_gil=True)
def objects_after_sys_exit(context):
    """The same where an exception ends it, as it does every console script."""
    check_objects_at_the_end(context, "exit")


def check_objects_at_the_end(context, end):
    seen = capture(context, context.target("holders.py", "closure", end), "--objects")
    kept = json.loads(seen.result.output)["truth"]
    entry = next(process.entry for process in seen.report.processes if process.entry.get("objects"))
    roots = roots_of(entry["objects"])
    held = next(roots[name] for name in roots if name.startswith("__main__.remember"))
    check(held >= kept, "%d held, %d of it strings" % (held, kept))
    check(entry["objects"]["frozen"] > 0, "it was not stopped")
    check(entry["inside"], "nothing was read inside")


@test(interpreters="one")
def objects_of_all_that_end(context):
    """Each with its own; one that leaves without taking its runtime down is told."""
    python = shlex.join(context.python.command)
    script = ("%s %s closure finalize; %s %s class_attribute finalize; %s -c 'import os; os._exit(3)'"
              % (python, TARGETS + "/holders.py", python, TARGETS + "/holders.py", python))
    result, dump = record(context, ["sh", "-c", script], "--objects")
    check_equal("status", result.status, 3)
    counted = [process.entry.get("objects") for process in read_report(context, dump).processes]
    first, second = map(roots_of, filter(None, counted))
    check(any(name.startswith("__main__.remember") for name in first), "%s" % first)
    check("__main__.Registry.entries" in second, "%s" % second)
    check("the objects of 1 process are not counted" in result.errors, result.errors)


@test(interpreters="one")
def killed_while_it_stands(context):
    """memprobe is killed in the middle of the last census: the process goes on to its end."""
    process = context.start([MEMPROBE, "--objects", "-o", context.path("dump"), "--no-report", "--"]
                            + context.target("holders.py", "closure", "finalize"), stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
    pid = json.loads(process.stdout.readline().decode())["pid"]
    for _ in range(40):
        process.stdin.write(b"more\n")
        process.stdin.flush()
        process.stdout.readline()
    process.stdin.close()
    kill_while_it_stands(process.pid, pid)


@test(interpreters="one")
def killed_while_they_stand(context):
    """Who kills what stands for a census, or waits for one, has the program not end by itself."""
    result, _ = record(context, context.target("supervising.py"), "--objects")
    check_equal("status", result.status, 0)
    check("2 processes were killed while memprobe had stopped them for a census of objects at the end"
          in result.errors, result.errors)
    check("are not counted" not in result.errors, result.errors)


# ---- A service ----

CLIENTS = 4
LEAKS = 60


class Leaking:
    """flaskapp.py under gunicorn, one worker with threads."""

    def __init__(self, context):
        self.service = Service(context, workers=1, application="flaskapp",
                               options=("--threads", "4", "--worker-class", "gthread"))
        self.pid, = [child[0] for child in children_of(self.service.master)]

    def get(self, path):
        with urllib.request.urlopen("http://127.0.0.1:%d%s" % (self.service.port, path),
                                    timeout=TIMEOUT) as answer:
            return json.loads(answer.read().decode())

    def leak(self, first):
        """LEAKS requests from CLIENTS at once, with reports between them."""
        numbers, failures = iter(range(first, first + LEAKS)), []

        def client():
            try:
                for number in numbers:
                    self.get("/leak?k=%d" % number)
                    self.get("/report" if number % 10 == 0 else "/fast")
            except OSError as error:
                failures.append(str(error))
        clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
        for one in clients:
            one.start()
        for one in clients:
            one.join()
        check_all(failures)


def check_parts(reading):
    """They add up, and little is in none."""
    parts = reading["parts"]
    check_equal("sum of %r" % parts, sum(parts.values()), reading["rss"])
    check(abs(parts["rest"]) < reading["rss"] // 20, "the rest is %d of %d: %r"
          % (parts["rest"], reading["rss"], parts))
    census = reading["objects"]
    check_near("objects", parts["objects"], census["bytes"] + census["buffer_bytes"],
               census["bytes"] // 20)


@test()
def objects_of_a_service(context):
    """A leak of small strings, in no malloc's books: the holder is first and has what is kept; what
    grew between two censuses is it and nothing else."""
    leaking = Leaking(context)
    leaking.leak(0)
    for _ in range(3):
        leaking.get("/report")
    reading, = read_objects(context, leaking.pid)["readings"]
    check_parts(reading)
    before = reading["objects"]
    truth = leaking.get("/truth")
    roots = roots_of(before)
    check_equal("the first holder", max(roots, key=roots.get), "flaskapp.CACHE")
    check_near("bytes of CACHE", roots["flaskapp.CACHE"], truth["bytes"], truth["bytes"] * 0.02)
    document = read_while(context, leaking)
    growth = document["growth"]
    grown = [change for change in growth["holders"] if change["bytes"] > 0.05 * growth["bytes"]]
    check(grown, "nothing grew: %r" % growth)
    check_equal("what grew besides CACHE",
                [change["path"] for change in grown
                 if not change["path"].startswith("flaskapp.CACHE")], [])
    leaking.service.end()


def nr_readings(process):
    with open(process.files[0].name, errors="replace") as file:
        return file.read().count('"rss":')


def read_while(context, leaking):
    """Censuses while the leak goes on, the last after it has come to rest."""
    process = context.start([MEMPROBE, "heap", "-p", str(leaking.pid), "--objects", "--every=1",
                             "--format=json"])
    wait_until(lambda: nr_readings(process) > 0, "the first census")
    leaking.leak(LEAKS)
    count = nr_readings(process)
    wait_until(lambda: nr_readings(process) > count + 1, "a census after the leak")
    os.kill(process.pid, signal.SIGINT)
    result = context.finish(process)
    check_equal("status (%s)" % result.errors, result.status, 0)
    document = parse(result.output)
    Checker().check(document, HEAP, "heap")
    return document
