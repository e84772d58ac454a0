"""Objects that are read from outside, against what their interpreter says of them.

    census.py TOOL

TOOL is census_tool. Root, since it reads others. Tracked objects by type are exact; where a type's
instances all are tracked, its bytes are within a thousandth of sys.getsizeof()'s, rounded as the
allocators do.
"""
import json
import os
import subprocess
import sys
import time

from pythons import find_pythons

SKIPPED = 77
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TARGET = os.path.join(TESTS, "targets", "census_known.py")
BUSY = os.path.join(TESTS, "targets", "census_busy.py")
OF_BUSY = ("system", "pyenv-3.13")
BUSY_SHARE, UNREADABLE_SHARE = 0.02, 0.03
SECONDS, MEGABYTES = "60", "400"
SHARE = 0.001
# Frames of 3.6 are tracked while they run, and calls of C functions have a tuple of arguments.
LOOSE = {"builtins\tframe", "builtins\ttuple"}
# The target does not round an OrderedDict's nodes; frames of 3.10 leave out a word they have, dicts
# of instances from 3.13 on the head of their values, or count those of the instance.
SHARES = {"collections\tOrderedDict": 0.01, "builtins\tframe": 0.05}
SHARE_OF_SPLIT_DICTS = 0.01
# They count what only their own code knows.
UNKNOWN = {"_io\tBufferedReader", "_io\tBufferedWriter", "_struct\tStruct", "builtins\tStgDict"}

MODULE, CLASS, FRAME, _, _, GARBAGE, C_CODE = range(7)
HOLDER_SHARE = 0.01
# Where each of the target's known rows is held.
HOLDERS = {
    "TEXTS": (MODULE, "__main__.TEXTS"),
    "ARRAYS": (MODULE, "__main__.ARRAYS"),
    "rows": (CLASS, "__main__.Holder.rows"),
    "ROWS_OF_MODULE": (MODULE, "__main__.ROWS_OF_MODULE"),
    "rows_of_main": (FRAME, "MainThread \u203a main \u203a rows_of_main"),
}

failures = 0


def expect(is_good, *text):
    global failures
    if not is_good:
        failures += 1
        print("FAILED:", *text)


class Census:
    def __init__(self, tool, pid):
        self.types, self.sums, self.roots = {}, {}, {}
        text = subprocess.run([tool, str(pid), SECONDS, MEGABYTES], stdout=subprocess.PIPE,
                              check=True).stdout.decode("utf-8", "replace")
        for fields in (line.split("\t") for line in text.splitlines()):
            if fields[0] == "type":
                self.types["\t".join(fields[1:3])] = [int(field) for field in fields[3:]]
            elif fields[0] == "holder" and fields[2] == "-1":
                self.roots[int(fields[3]), fields[4]] = [int(field) for field in fields[5:]]
            elif len(fields) == 2:
                self.sums[fields[0]] = fields[1]


def check_counts(name, census, frozen, counts):
    kinds = set(counts) | set(census.types)
    more = {kind: census.types.get(kind, [0] * 4)[3] - counts.get(kind, 0) for kind in kinds}
    more = {kind: extra for kind, extra in more.items() if extra}
    expect(sum(more.values()) == frozen, name, "differs:", more)
    for kind, extra in more.items():
        expect(frozen or (kind in LOOSE and abs(extra) == 1), name, kind, extra)


def share_of(kind, minor):
    if kind == "builtins\tdict" and minor >= 13:
        return SHARE_OF_SPLIT_DICTS
    return SHARES.get(kind, SHARE)


def check_bytes(name, minor, census, counts, sizes):
    """Attributes that an object has without a dict are buffers that it does not count."""
    for kind, size in sizes.items():
        objects, own, buffers, _ = census.types.get(kind, [0] * 4)
        if objects == counts[kind] and kind not in UNKNOWN:
            expect(min(abs(own + buffers - size), abs(own - size)) <= size * share_of(kind, minor), name,
                   kind, "has", own, "and", buffers, "for", size, "in", objects)


def check_holder(name, row, objects, size, found):
    expect(abs(found[0] - objects) <= objects * HOLDER_SHARE, name, row, "holds", found[0],
           "objects, not", objects)
    expect(abs(found[1] - size) <= size * HOLDER_SHARE, name, row, "holds", found[1], "not", size)


def check_holders(name, census, sizes, count):
    for row, key in HOLDERS.items():
        if row == "ARRAYS" and sizes[row][0] == 1:
            continue  # there is no numpy
        check_holder(name, row, *sizes[row], found=census.roots.get(key, [0, 0]))
    threads = [found for (kind, text), found in census.roots.items()
               if kind == FRAME and text.startswith("Thread-1") and text.endswith("rows_of_thread")]
    check_holder(name, "rows_of_thread", *sizes["rows_of_thread"], found=(threads or [[0, 0]])[0])
    garbage, lost = census.roots.get((GARBAGE, ""), [0]), census.roots.get((C_CODE, ""), [0])
    expect(3 * count * 0.99 <= garbage[0] <= 3 * count * 1.1, name, "has garbage of", garbage[0])
    expect(2 * count <= lost[0], name, "C code holds", lost[0])


def wait_at_rest(pid):
    """Until it waits for its input, which it does without the GIL, and nobody else runs: what it
    printed it printed a little before, and another thread may have waited for the GIL till then."""
    while not (read_proc(pid, "syscall").startswith("0 0x0 ") and all(
            read_proc(pid, "task/%s/stat" % task).rsplit(")", 1)[1].split()[0] == "S"
            for task in os.listdir("/proc/%d/task" % pid))):
        time.sleep(0.001)


def read_proc(pid, name):
    with open("/proc/%d/%s" % (pid, name)) as file:
        return file.read()


def check_python(tool, name, command):
    target = subprocess.Popen(command + [TARGET], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    pid, minor, frozen, counts, sizes, rows, count = json.loads(target.stdout.readline().decode())
    wait_at_rest(pid)
    census = Census(tool, pid)
    target.communicate(b"\n")
    expect("refused" not in census.sums, name, census.sums.get("refused"))
    expect(census.sums["unreadable_objects"] == "0", name, census.sums["unreadable_objects"],
           "unreadable")
    check_counts(name, census, frozen, counts)
    check_bytes(name, minor, census, counts, sizes)
    check_holders(name, census, rows, count)


def check_busy(tool, name, command):
    """Nothing is stopped: what is kept is found all the same, and what was not read is told."""
    target = subprocess.Popen(command + [BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    pid, objects, size = json.loads(target.stdout.readline().decode())
    census = Census(tool, pid)
    target.communicate(b"\n")
    found = census.roots.get((MODULE, "__main__.KEPT"), [0, 0])
    expect(abs(found[0] - objects) <= objects * BUSY_SHARE, name, "busy:", found[0], "not", objects)
    expect(abs(found[1] - size) <= size * BUSY_SHARE, name, "busy:", found[1], "not", size)
    expect(int(census.sums["unreadable_objects"]) <= objects * UNREADABLE_SHARE, name, "busy:",
           census.sums["unreadable_objects"], "unreadable")
    churning = [kind for kind, text in census.roots if kind == FRAME and "churn" in text]
    expect(churning, name, "busy: no thread holds anything")


def check(function, *arguments):
    """Once more where it failed: a page that the kernel moves just then is unreadable, and told so."""
    global failures
    before = failures
    function(*arguments)
    if failures > before:
        failures = before
        print("again:", arguments[1])
        function(*arguments)


def main():
    if os.geteuid():
        print("skipped: it takes root")
        return SKIPPED
    for name, command in find_pythons():
        check(check_python, sys.argv[1], name, command)
        if name.startswith(OF_BUSY) or "MEMPROBE_LONG" in os.environ:
            check(check_busy, sys.argv[1], name, command)
    return 1 if failures else 0


sys.exit(main())
