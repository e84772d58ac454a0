"""What this interpreter says of lines, for line_tables.py: line_tables_oracle.py STEP

Writes requests for line_table_tool and the right answers, parted by a tab: for the code objects of
every STEP-th file of the standard library's top directory and of some packages, compiled here; and
for frames of functions that wait for a callee in all ways there are. Runs on 3.6 and later.
"""
import ast
import ctypes
import dis
import glob
import os
import sys
import threading
import types
import warnings

VERSION = sys.version_info[0] << 8 | sys.version_info[1]
FREE_THREADED = hasattr(sys, "_is_gil_enabled") and "free-threading" in sys.version
PACKAGES = ["asyncio", "collections", "concurrent/futures", "email", "importlib", "json", "logging",
            "multiprocessing", "unittest", "xml/dom"]

line_at = ctypes.pythonapi.PyCode_Addr2Line
line_at.argtypes = [ctypes.py_object, ctypes.c_int]
line_at.restype = ctypes.c_int


def table_of(code):
    return code.co_linetable if VERSION >= 0x30a else code.co_lnotab


def request(verb, code, number):
    return "%s %d %d %d %s" % (verb, VERSION, code.co_firstlineno, number,
                               table_of(code).hex() or "-")


def runs(lines):
    """COUNTxLINE ..., 0 for no line."""
    out, count, last = [], 0, None
    for line in lines:
        line = line if line is not None and line > 0 else 0
        if line != last and count:
            out.append("%dx%d" % (count, last))
            count = 0
        last = line
        count += 1
    return " ".join(out + ["%dx%d" % (count, last)])


def lines_by_address(code):
    return [line_at(code, offset) for offset in range(0, len(code.co_code), 2)]


def lines_by_ranges(code):
    """The second opinion: co_lines(), or before 3.10 the starts of lines that dis finds."""
    size = len(code.co_code)
    if VERSION >= 0x30a:
        ranges = list(code.co_lines())
    else:
        starts = list(dis.findlinestarts(code))
        ends = [start for start, _ in starts[1:]] + [size]
        ranges = [(start, end, line) for (start, line), end in zip(starts, ends)]
    lines = []
    for start, end, line in ranges:
        assert start == 2 * len(lines) or start >= size, (code, start, len(lines))
        lines += [line] * ((min(end, size) - start) // 2)
    return lines


def write(text, answer):
    sys.stdout.write("%s\t%s\n" % (text, answer))


def write_code(code):
    text = request("lines", code, len(code.co_code))
    answer = runs(lines_by_address(code))
    write(text, answer)
    second = runs(lines_by_ranges(code))
    if second != answer:
        write(text, second)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            write_code(constant)


def files(step):
    root = os.path.dirname(os.__file__)
    found = sorted(glob.glob(os.path.join(root, "*.py")))
    for package in PACKAGES:
        found += sorted(glob.glob(os.path.join(root, package, "*.py")))
    return [path for path in found if os.path.isfile(path)][::step]


def write_files(step):
    for path in files(step):
        try:
            with open(path, "rb") as file:
                write_code(compile(file.read(), path, "exec", dont_inherit=True))
        except SyntaxError:
            continue


def write_odd_codes():
    """Lines that a file does not have: steps back, far apart, below 1, behind the largest deltas."""
    for order in ([5, 1, 9, 2], [1, 130, 2, 131, 1], [1000, 1, 500000, 7, 7], [3000000, 1, 3]):
        tree = ast.parse("a = f(1)\nb = [x\n for x in a]\nc = (lambda: (a,\n b))\nd = a +\\\n b\n")
        tree.body = tree.body[:len(order)]
        for statement, line in zip(tree.body, order):
            for node in ast.walk(statement):
                if hasattr(node, "lineno"):
                    node.lineno = node.end_lineno = line
                    node.col_offset = node.end_col_offset = 0
        write_code(compile(tree, "odd", "exec"))
    long = "def f():\n  return [" + "\n".join("g(%d)," % i for i in range(400)) + "\n" * 300 + "1]\n"
    write_code(compile(long, "long", "exec"))


# ---- frames ----

# Of PyFrameObject (f_lasti; from 3.11 on f_frame), _PyInterpreterFrame and PyCodeObject on x86-64,
# the last three as (prev_instr or instr_ptr, code object, co_code_adaptive).
LASTI = {0x306: 120, 0x307: 104, 0x308: 104, 0x309: 104, 0x30a: 96}
FRAME = {0x30b: (56, 32, 184), 0x30c: (56, 0, 192), 0x30d: (56, 0, 200), 0x30e: (56, 0, 208),
         0x30f: (56, 0, 208)}
FRAME_FREE_THREADED = {0x30d: (56, 0, 216)}
seen = {}


def word(address):
    return ctypes.c_uint64.from_address(address).value


def position_cell(frame):
    """Where the frame holds its position, and what that counts from."""
    if VERSION in LASTI:
        return ctypes.c_int.from_address(id(frame) + LASTI[VERSION]), 0
    pointer, code, adaptive = (FRAME_FREE_THREADED if FREE_THREADED else FRAME)[VERSION]
    inner = word(id(frame) + object.__basicsize__ + 8)
    assert word(inner + code) & ~3 == id(frame.f_code), "another layout of frames"
    return ctypes.c_uint64.from_address(inner + pointer), id(frame.f_code) + adaptive


def look_at(frame):
    """A frame that waits."""
    cell, base = position_cell(frame)
    seen[request("at", frame.f_code, cell.value - base)] = "%d %d" % (frame.f_lasti, frame.f_lineno)


def look_at_running():
    """The instruction that reads the cell, in C, is the one that the cell tells of."""
    frame = sys._getframe()
    cell, base = position_cell(frame)
    pair = (frame.f_code,
            cell.value)
    offset = [one.offset for one in dis.get_instructions(frame.f_code) if one.argval == "value"][0]
    seen[request("at", pair[0], pair[1] - base)] = "%d %d" % (offset, pair[0].co_firstlineno + 5)


def look(*_):
    """All frames above, and this one, which waits for look_at."""
    frame = sys._getframe()
    while frame:
        look_at(frame)
        frame = frame.f_back
    look_at_running()
    return 1


class Ways:
    """A call that is no CALL: from attributes, operators, iteration, with."""

    def __init__(self):
        look()

    @property
    def name(self):
        return look()

    def __getitem__(self, key):
        return look()

    def __add__(self, other):
        return look()

    def __getattr__(self, name):
        return look()

    def __enter__(self):
        look()
        return self

    def __exit__(self, *_):
        look()

    def __iter__(self):
        yield look()
        yield look()

    def __await__(self):
        yield look()

    def method(self, *arguments, **named):
        return look()


def delegate(ways):
    yield 1
    yield from ways
    yield max(2,
              look())


async def wait(ways):
    await ways
    async_result = (
        await ways)
    return async_result


def call_in_all_ways():
    ways = Ways(
    )
    ways.method(1,
                2, *[3],
                named=4)
    total = (ways.name +
             ways[
                 1] +
             (ways
              + 2) + ways.nothing)
    with ways:
        total += sum(
            look() for _ in
            range(3))
    for item in ways:
        total += item
    for item in delegate(ways):
        total += item
    list(map(look,
             [1, 2]))
    sorted([2, 1], key=
           look)
    return [look()
            for _ in range(2)], total


def raise_through():
    try:
        look()
        return {}[
            look()]
    except KeyError:
        look()
        raise
    finally:
        (0,
         look())


def run_coroutine(ways):
    coroutine = wait(ways)
    try:
        while True:
            coroutine.send(None)
    except StopIteration:
        pass


def look_at_waiting_thread():
    ready, done = threading.Event(), threading.Event()

    def work():
        ready.set()
        done.wait(
            60)

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait()
    while True:
        frame = sys._current_frames()[thread.ident]
        if frame.f_code.co_name == "wait":
            break
    frame = frame.f_back
    while frame:
        look_at(frame)
        frame = frame.f_back
    done.set()
    thread.join()


def write_frames():
    for _ in range(100):  # until the calls are specialized
        call_in_all_ways()
        run_coroutine(Ways())
        try:
            raise_through()
        except KeyError:
            pass
    eval(compile("look(\n)", "evaluated", "eval"))
    exec("class Body:\n  a = (1,\n   look())\n")
    look_at_waiting_thread()
    for text, answer in seen.items():
        write(text, answer)


def main():
    sys.setrecursionlimit(10000)
    warnings.simplefilter("ignore")
    if VERSION not in LASTI and VERSION not in FRAME:
        sys.stderr.write("no layout of frames for %d.%d\n" % sys.version_info[:2])
    else:
        write_frames()
    write_odd_codes()
    write_files(int(sys.argv[1]))


main()
