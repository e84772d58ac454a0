"""What a program under test knows of its own memory.

A target measures each of its functions with /proc/self/smaps_rollup and writes one JSON file at
its end (MEMPROBE_TRUTH or --truth=FILE, stdout without either). The ruler must not move what it
measures: the file is opened once, the buffer is there from the start, and nothing is kept per
reading. Runs unchanged on CPython 3.6 to 3.15.
"""
import ctypes
import io
import json
import mmap
import os
import resource
import sys

PAGE = mmap.PAGESIZE
MB = 1 << 20
SCALE = float(os.environ.get("MEMPROBE_SCALE", "1"))

MADV_DONTNEED, MADV_HUGEPAGE, MADV_NOHUGEPAGE = 4, 14, 15
MAP_POPULATE = 0x8000
M_MMAP_THRESHOLD = -3

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
if hasattr(LIBC, "mallopt"):
    # glibc raises the threshold with every block freed; a fixed one keeps big blocks exact.
    LIBC.mallopt(M_MMAP_THRESHOLD, 128 * 1024)


def size(megabytes):
    """Bytes of so many MB, in whole pages, scaled down where Python is slow (MEMPROBE_SCALE)."""
    return max(PAGE, int(megabytes * MB * SCALE) // PAGE * PAGE)


def address_of(mapping):
    return ctypes.addressof(ctypes.c_char.from_buffer(mapping))


def advise(mapping, advice, length=None):
    """mmap.madvise, which Python has from 3.8 on."""
    if LIBC.madvise(address_of(mapping), length or len(mapping), advice) != 0:
        raise OSError(ctypes.get_errno(), "madvise")


def anonymous(length, flags=0):
    """A private mapping without huge pages: touching one page takes one page."""
    mapping = mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | flags)
    if not flags & MAP_POPULATE:
        advise(mapping, MADV_NOHUGEPAGE)
    return mapping


def grows(own, total=None, grown=None, kind="anon", approximate=False):
    """Tell what a function grows itself, with what it calls, and before it gives back, in MB."""
    def mark(function):
        function.expected = {
            "self": None if approximate else bytes_of(own),
            "total": None if total is None else bytes_of(total),
            "grown": None if grown is None else bytes_of(grown),
            "kind": kind}
        return function
    return mark


def bytes_of(megabytes):
    return size(megabytes) if megabytes > 0 else -size(-megabytes) if megabytes < 0 else 0


def site_of(function):
    code = function.__code__
    return {"function": function.__qualname__, "name": code.co_name, "file": code.co_filename,
            "line": code.co_firstlineno}


class Ruler:
    """Reads the resident bytes of this process: (all, anonymous)."""

    def __init__(self):
        self.file = io.FileIO("/proc/self/smaps_rollup")
        self.text = bytearray(2048)
        for _ in range(4):
            self.read()

    def read(self):
        self.file.seek(0)
        self.file.readinto(self.text)
        return self.field(b"Rss:"), self.field(b"Anonymous:")

    def field(self, name):
        begin = self.text.index(name) + len(name)
        return int(self.text[begin:self.text.index(b"kB", begin)]) * 1024


class Truth:
    """Growth by function, measured around calls; what a nested measured call grew is not the
    caller's own."""

    def __init__(self):
        self.path = output_path()
        self.ruler = Ruler()
        self.functions = {}
        self.nested = []
        self.facts = {"skipped": []}
        self.start = self.ruler.read()

    def entry(self, function):
        key = function.__code__
        if key not in self.functions:
            self.functions[key] = dict(
                site_of(function), self=0, self_anon=0, total=0, total_anon=0, active=0,
                expected=getattr(function, "expected", None))
        return self.functions[key]

    def run(self, function, *arguments):
        return self.measure(function, function, *arguments)

    def measure(self, owner, call, *arguments):
        """Call something whose growth belongs to owner: itself, a generator's resume, a partial."""
        entry = self.entry(owner)
        entry["active"] += 1
        self.nested.append((0, 0))
        before = self.ruler.read()
        try:
            return call(*arguments)
        finally:
            after = self.ruler.read()
            self.book(entry, after[0] - before[0], after[1] - before[1])

    def book(self, entry, grown, anon):
        below, below_anon = self.nested.pop()
        entry["active"] -= 1
        entry["self"] += grown - below
        entry["self_anon"] += anon - below_anon
        if not entry["active"]:
            entry["total"] += grown
            entry["total_anon"] += anon
        if self.nested:
            outer = self.nested[-1]
            self.nested[-1] = (outer[0] + grown, outer[1] + anon)

    def expect(self, function, own):
        """A figure that is known beforehand and cannot be measured alone (threads)."""
        self.entry(function)["self"] += own

    def skip(self, name, why):
        self.facts["skipped"].append([name, why])

    def result(self):
        end = self.ruler.read()
        return dict(
            self.facts, python=sys.version.split()[0], pid=os.getpid(), scale=SCALE,
            start={"rss": self.start[0], "anon": self.start[1]},
            end={"rss": end[0], "anon": end[1]},
            highest=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            functions=list(self.functions.values()))

    def write(self, role=""):
        """Write the result; role sets the files of several processes apart."""
        text = json.dumps(self.result(), indent=1)
        if not self.path:
            print(text)
            return
        with open(self.path + role, "w") as output:
            output.write(text)


def output_path():
    for argument in sys.argv[1:]:
        if argument.startswith("--truth="):
            return argument[len("--truth="):]
    return os.environ.get("MEMPROBE_TRUTH")
