"""What is read of heaps from outside against what their allocators say themselves.

    heaps.py TOOL KNOWN STATIC...

TOOL is heap_tool, KNOWN tests/targets/heap_known.c as a program, STATIC the same with the C library
within. Root, since it reads others.
"""
import os
import re
import subprocess
import sys
import tempfile

from pythons import find_pythons

SKIPPED = 77
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TARGET = os.path.join(TESTS, "targets", "heap_kept.py")
ABSENT, READ, PARTLY, UNKNOWN = range(4)
LIBRARIES = "/usr/lib/x86_64-linux-gnu"
PATIENCE = "60"  # seconds: on a busy machine too
SLACK = 65536    # what printing takes

failures = 0


def expect(is_good, *text):
    global failures
    if not is_good:
        failures += 1
        print("FAILED:", *text)


def is_near(one, other, share, slack=0):
    return abs(one - other) <= max(share * max(one, other), slack)


def read_heap(tool, pid, seconds=PATIENCE):
    lines = subprocess.run([tool, str(pid), seconds], stdout=subprocess.PIPE, check=True,
                           universal_newlines=True).stdout.splitlines()
    pairs = [line.split(" ", 1) for line in lines]
    return {name: value if name == "malloc_name" else int(value) for name, value in pairs}


class Target:
    """A program that says how its heap is, and waits."""

    def __init__(self, command, **environment):
        environment = dict(os.environ, **environment)
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=environment, universal_newlines=True)
        words = self.process.stdout.readline().split()
        self.pid = int(words[1])
        self.used, self.free, self.mapped = (int(word) for word in words[3:6])

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().split()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


# ---- C programs: to the byte ----

EXACT = [("small", 100000), ("threads", 20000), ("fast", 100000), ("mapped", 20), ("foreign", 20000),
         # Whole pages of what lies in fast bins, which malloc_trim brings together first.
         ("freed", 100000), ("freed_threads", 30000), ("joined", 100000),
         # More entries than lists are followed for: chunk by chunk, in fast bins by 64 KiB.
         ("small", 1000000), ("threads", 250000), ("fast", 1000000), ("freed", 1000000),
         ("joined", 1000000)]
TRIM_SLACK = 16384  # what the target touches in its answer


LOADER = "/lib64/ld-linux-x86-64.so.2"


def traces(pid):
    """What reading absent pages would leave: faults, pages, tables of pages."""
    with open("/proc/%d/stat" % pid) as stream:
        faults = stream.read().rsplit(")", 1)[1].split()[7:11]
    with open("/proc/%d/smaps_rollup" % pid) as stream:
        pages = next(line for line in stream if line.startswith("Rss:"))
    with open("/proc/%d/status" % pid) as stream:
        tables = next(line for line in stream if line.startswith("VmPTE:"))
    return faults, pages, tables


def rss(pid):
    """To the page; statm may lag behind by some of them a CPU."""
    with open("/proc/%d/smaps_rollup" % pid) as stream:
        return 1024 * int(next(line for line in stream if line.startswith("Rss:")).split()[1])


def check_exact(tool, command, cases, **environment):
    for case, count in cases:
        with Target(command + [case, str(count)], **environment) as target:
            before = traces(target.pid)
            found = read_heap(tool, target.pid)
            expect(traces(target.pid) == before, case, "the target changed:", before,
                   traces(target.pid))
            expect(found["malloc_state"] == READ and found["torn"] == 0, case, found)
            for name, truth in (("used", target.used), ("free", target.free),
                                ("mapped", target.mapped)):
                expect(found["malloc_" + name] == truth, case, count, name,
                       found["malloc_" + name], "of", truth)
            resident = rss(target.pid)
            target.go_on()
            trimmed = resident - rss(target.pid)
            expect(abs(found["malloc_free_pages"] - trimmed) <= TRIM_SLACK, case, count,
                   "malloc_trim gave", trimmed, "of", found["malloc_free_pages"])
            print("%s %d: %s, %d arenas, %.1f MB used, %.1f free, %.1f whole pages, %.3f s" % (
                case, count, found["malloc_name"], found["nr_arenas"], target.used / 2**20,
                target.free / 2**20, found["malloc_free_pages"] / 2**20, found["ns"] / 1e9))


def check_churn(tool, known):
    """Each thread has as many blocks all the time, of sizes drawn anew: what is in use hardly
    changes. Whatever is read meanwhile, it ends, and a sum that may be wrong is marked."""
    readings = []
    with Target([known, "churn", PATIENCE]) as target:
        for _ in range(10):
            readings.append(read_heap(tool, target.pid, "1"))
        expect(target.process.poll() is None, "churn: the target ended")
    for found in readings:
        expect(found["malloc_state"] in (READ, PARTLY), "churn", found)
        expect(found["torn"] == 0 or found["malloc_state"] == PARTLY, "churn: no mark", found)
    whole = [found["malloc_used"] for found in readings if found["malloc_state"] == READ]
    for used in whole:
        expect(is_near(used, target.used, 0.1), "churn:", used, "in use, of", target.used)
    print("churn: %d of %d readings were marked; %s MB used, %s free" % (
        len(readings) - len(whole), len(readings), spread(readings, "malloc_used"),
        spread(readings, "malloc_free")))


def spread(readings, name):
    values = [found[name] / 2**20 for found in readings]
    return "%.1f to %.1f" % (min(values), max(values))


# ---- Other allocators, preloaded ----

def find_library(name):
    path = os.path.join(LIBRARIES, name)
    if os.path.exists(path):
        return path
    print("skipped: there is no", name)
    return None


def check_mimalloc(tool, known):
    path = find_library("libmimalloc.so.2.0")
    if not path:
        return
    with Target([known, "usable", "300000"], LD_PRELOAD=path) as target:
        found = read_heap(tool, target.pid)
        expect(found["malloc_name"] == "mimalloc" and found["malloc_state"] == ABSENT, found)
        expect(found["mimalloc_state"] == READ and not found["torn"], "mimalloc", found)
        expect(is_near(found["mimalloc_used"], target.used, 0.01), "mimalloc",
               found["mimalloc_used"], "used, of", target.used)
        total = found["mimalloc_used"] + found["mimalloc_free"]
        expect(is_near(total, found["rss"], 0.05), "mimalloc", total, "in all, of", found["rss"])
        print("mimalloc: %d used of %d, %.1f MB free" % (
            found["mimalloc_used"], target.used, found["mimalloc_free"] / 2**20))


def check_unknown(tool, known):
    for library, name in (("libjemalloc.so.2", "jemalloc"),
                          ("libtcmalloc_minimal.so.4", "tcmalloc")):
        path = find_library(library)
        if not path:
            continue
        with Target([known, "usable", "1000"], LD_PRELOAD=path) as target:
            found = read_heap(tool, target.pid)
            expect(found["malloc_name"] == name and found["malloc_state"] == UNKNOWN, name, found)


# ---- Pythons ----

def pool_stats(path):
    with open(path) as stream:
        text = stream.read()

    def figure(pattern):
        found = re.search(pattern + r"\s*=\s*([\d,]+)", text)
        return int(found.group(1).replace(",", ""))

    return {"used": figure("# bytes in allocated blocks"),
            "available": figure("# bytes in available blocks"),
            "unused": figure(r"\d+ unused pools \* \d+ bytes"),
            "arenas": figure("# arenas allocated current")}


def check_pools(name, case, found, path):
    truth = pool_stats(path)
    expect(found["pymalloc_state"] == READ, name, case, found)
    expect(found["pymalloc_nr_arenas"] == truth["arenas"], name, case, "arenas",
           found["pymalloc_nr_arenas"], "of", truth["arenas"])
    expect(is_near(found["pymalloc_used"], truth["used"], 0.01, SLACK), name, case, "pymalloc used",
           found["pymalloc_used"], "of", truth["used"])
    # Of the last arena some pools were never touched.
    free = truth["available"] + truth["unused"]
    expect(free - 2**20 - SLACK <= found["pymalloc_free"] <= free + max(free // 100, SLACK), name,
           case, "pymalloc free", found["pymalloc_free"], "of", free)


def check_python(tool, name, command, case, directory):
    path = os.path.join(directory, "stats")
    with Target(command + ["-W", "ignore", TARGET, case, path]) as target:
        found = read_heap(tool, target.pid)
        expect(found["malloc_state"] == READ, name, case, found)
        expect(is_near(found["malloc_used"], target.used, 0.01, SLACK), name, case, "malloc used",
               found["malloc_used"], "of", target.used)
        expect(is_near(found["malloc_free"], target.free, 0.01, SLACK), name, case, "malloc free",
               found["malloc_free"], "of", target.free)
        expect(is_near(found["malloc_mapped"], target.mapped, 0.01, SLACK), name, case, "mapped",
               found["malloc_mapped"], "of", target.mapped)
        check_pools(name, case, found, path)
        trimmed = int(target.go_on()[1])
        expect(is_near(found["malloc_free_pages"], trimmed, 0.1, 3 * SLACK), name, case,
               "malloc_trim gave", trimmed, "of", found["malloc_free_pages"])
        print("%s, %s, %s: malloc %.1f MB used, %.1f free, %.1f whole pages (trim gave %.1f), %d "
              "arenas; pymalloc %.1f used, %.1f free" % ((
                  name, found["malloc_name"], case) + tuple(value / 2**20 for value in (
                      target.used, target.free, found["malloc_free_pages"], trimmed)) + (
                          found["nr_arenas"],) + tuple(found["pymalloc_" + part] / 2**20
                                                       for part in ("used", "free"))))


def check_programs(tool, known, static):
    check_exact(tool, [known], EXACT)
    # The top goes back in huge pages, where the kernel has them on request.
    check_exact(tool, [known], EXACT[:2], GLIBC_TUNABLES="glibc.malloc.hugetlb=1")
    for program in static:
        if os.path.exists(program):
            check_exact(tool, [program], EXACT[1:3])
        else:
            print("skipped: there is no", program)
    if os.path.exists(LOADER):
        check_exact(tool, [LOADER, known], EXACT[1:2])


def main():
    tool, known = sys.argv[1:3]
    if os.geteuid():
        print("skipped: it takes root")
        return SKIPPED
    check_programs(tool, known, sys.argv[3:])
    check_churn(tool, known)
    check_mimalloc(tool, known)
    check_unknown(tool, known)
    with tempfile.TemporaryDirectory() as directory:
        for name, command in find_pythons():
            for case in ("malloc", "pymalloc", "leak"):
                check_python(tool, name, command, case, directory)
    return 1 if failures else 0


sys.exit(main())
