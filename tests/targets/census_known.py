"""Objects of every layout in known numbers. Prints, as JSON, what this interpreter says of them:
tracked objects by type, and what sys.getsizeof() says of objects that are held in known places;
then waits for a line, and ends. numpy, where there is one, is used, too."""
import array
import builtins
import collections
import ctypes
import gc
import json
import os
import sys
import threading


class Plain:
    def __init__(self, number):
        self.number = number
        self.text = "text %d" % number


class Slotted:
    __slots__ = ("left", "right")

    def __init__(self, number):
        self.left = [number]
        self.right = None


class OfList(list):
    pass


class OfDict(dict):
    pass


class OfInt(int):
    pass


class OfStr(str):
    pass


class Grown:
    """Gets attributes in an order of its own, so that its keys are not shared."""


def make_grown(number):
    grown = Grown()
    for i in range(number % 7 + 30):
        setattr(grown, "name_%d" % ((i * 7 + number) % 60), i)
    return grown


def generate(number):
    text = "local %d" % number
    yield text
    yield number


def started(number):
    generator = generate(number)
    next(generator)
    return generator


def enclose(number):
    held = [number, "cell"]

    def inner():
        return held
    return inner


def texts(number):
    return ["ascii %d" % number, "caf\xe9 %d" % number, "\u0436\u0436 %d" % number,
            "\U0001f600 %d" % number, "x" * (number % 1000 + 1)]


def make_deque(number):
    made = collections.deque(range(number % 200))
    return made


COUNT = 500
HELD = {
    "plain": [Plain(i) for i in range(COUNT)],
    "slotted": [Slotted(i) for i in range(COUNT)],
    "grown": [make_grown(i) for i in range(COUNT)],
    "lists": [list(range(i % 50)) for i in range(COUNT)],
    "tuples": [(i, [i], str(i)) for i in range(COUNT)],
    "dicts": [{j: str(j) for j in range(i % 40)} for i in range(COUNT)],
    "named": [{"key_%d" % j: [j] for j in range(i % 40)} for i in range(COUNT)],
    "sets": [set(range(i % 60)) for i in range(COUNT)],
    "frozen": [frozenset([i, str(i)]) for i in range(COUNT)],
    "texts": [texts(i) for i in range(COUNT)],
    "bytes": [b"b" * (i % 700) for i in range(COUNT)],
    "bytearrays": [bytearray(b"b" * (i % 700)) for i in range(COUNT)],
    "ints": [[1 << (i % 300), -(1 << (i % 100)), i + 1000] for i in range(COUNT)],
    "floats": [i / 7 for i in range(COUNT)],
    "complex": [complex(i, 1) for i in range(COUNT)],
    "deques": [make_deque(i) for i in range(COUNT)],
    "ordered": [collections.OrderedDict((j, [j]) for j in range(i % 30)) for i in range(COUNT)],
    "arrays": [array.array("d", [1.0] * (i % 90)) for i in range(COUNT)],
    "functions": [enclose(i) for i in range(COUNT)],
    "generators": [started(i) for i in range(COUNT)],
    "views": [memoryview(b"view %d" % i) for i in range(COUNT)],
    "of_list": [OfList(range(i % 20)) for i in range(COUNT)],
    "of_dict": [OfDict((j, j) for j in range(i % 20)) for i in range(COUNT)],
    "of_int": [OfInt(i << 40) for i in range(COUNT)],
    "of_str": [OfStr("subclass %d" % i) for i in range(COUNT)],
    "types": [type("Made%d" % i, (Plain,), {"number": i}) for i in range(50)],
    "ranges": [range(i) for i in range(COUNT)],
    "slices": [slice(i, None) for i in range(COUNT)],
    "partials": [__import__("functools").partial(enclose, i) for i in range(COUNT)],
    "exceptions": [ValueError("wrong %d" % i) for i in range(COUNT)],
    "chained": [collections.Counter("abc" * (i % 9)) for i in range(COUNT)],
}
try:
    import numpy
    HELD["numpy"] = [numpy.zeros((i + 1, 3)) for i in range(COUNT)]
    HELD["numpy_objects"] = [numpy.array([[i], "text"], dtype=object) for i in range(COUNT)]
except ImportError:
    numpy = None


# ---- What is held in one place only ----

ROWS = 4000


def make_rows(number):
    """Nothing in it is anybody else's: the numbers are not cached, the texts not interned."""
    return {i + 1000000 * number: ["row %d of %d" % (i, number)] for i in range(ROWS)}


class Holder:
    rows = make_rows(1)


ROWS_OF_MODULE = make_rows(2)
STARTED, DONE = threading.Event(), threading.Event()


def hold_in_thread():
    rows_of_thread = make_rows(3)
    SIZES["rows_of_thread"] = size_of_rows(rows_of_thread)
    STARTED.set()
    DONE.wait()


def hold_by_nobody():
    """Circles: a list with a row that has the list."""
    for number in range(ROWS):
        circle = [["of nobody %d" % number]]
        circle[0].append(circle)


def hold_by_c():
    """A reference more than there are, as a C extension that loses some."""
    for number in range(ROWS):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(["held by C %d" % number]))


def make_texts():
    """Texts, bytes and numbers of all sizes that nobody else has."""
    made = []
    for number in range(ROWS // 2):
        made += texts(number + 7000) + [b"bytes %d" % number * (number % 90), number / 7,
                                        bytearray(b"b" * (number % 700)), 1 << (number % 3000 + 64)]
    for number in range(0, len(made), 9):
        made[number + 1].encode()  # keeps its UTF-8 where a version does
    return made


def size_of_texts(made):
    return [1 + len(made), bytes_of(made) + sum(bytes_of(one) for one in made)]


def make_arrays():
    return [numpy.ones((number % 50 + 5, 3)) for number in range(500)] if numpy else []


AXES = 2 * 2 * 8


def size_of_arrays(made):
    """Lengths and strides of their axes are a block of their own."""
    return [1 + len(made), bytes_of(made) +
            sum(block(sys.getsizeof(one) - one.nbytes - AXES) + block(one.nbytes) + block(AXES)
                for one in made)]


TEXTS, ARRAYS = make_texts(), make_arrays()


def size_of_rows(rows):
    """Objects and bytes of make_rows()."""
    total = bytes_of(rows)
    for number, row in rows.items():
        total += bytes_of(number) + bytes_of(row) + bytes_of(row[0])
    return [1 + 3 * len(rows), total]


def name_of(kind):
    return "%s\t%s" % (kind.__module__ if isinstance(kind.__module__, str) else "",
                       kind.__qualname__)


NAMES, COUNTS = {}, {}


def count_tracked():
    """Nothing that is made here is tracked once it has returned."""
    COUNTS.clear()
    for one in gc.get_objects():
        kind = type(one)
        if kind not in NAMES:
            NAMES[kind] = name_of(kind)
        COUNTS[NAMES[kind]] = COUNTS.get(NAMES[kind], 0) + 1


BASES = (list, set, frozenset, bytearray, dict, array.array)
if hasattr(builtins, "frozendict"):
    BASES += (builtins.frozendict,)
POINTER = 8


def block(size):
    """A block of pymalloc, or a chunk of malloc."""
    if size <= 512:
        return (size + 15) // 16 * 16
    return (size + POINTER + 15) // 16 * 16


def bytes_of(one):
    """sys.getsizeof(), with each block rounded as its allocator does."""
    size = sys.getsizeof(one)
    before = size - type(one).__sizeof__(one)
    if isinstance(one, collections.OrderedDict):
        return size  # a node each, and three buffers more
    if isinstance(one, collections.deque):
        blocks = (size - before - DEQUE_BYTES) // 528
        return block(before + type(one).__basicsize__) + blocks * block(528)
    if isinstance(one, BASES):
        own = before + type(one).__basicsize__
        return block(own) + (block(size - own) if size > own else 0)
    return block(size)


DEQUE_BYTES = collections.deque.__basicsize__
NAMES, COUNTS, BYTES, SIZES = {}, {}, {}, {}


def count_tracked():
    """Nothing that is made here is tracked once it has returned."""
    COUNTS.clear()
    BYTES.clear()
    for one in gc.get_objects():
        kind = type(one)
        if kind not in NAMES:
            NAMES[kind] = name_of(kind)
        name = NAMES[kind]
        COUNTS[name] = COUNTS.get(name, 0) + 1
        # Some types are not allocated at all; subclasses do not count what they add.
        if not isinstance(one, type) and (
                kind.__sizeof__ is object.__sizeof__ or not kind.__dictoffset__):
            BYTES[name] = BYTES.get(name, 0) + bytes_of(one)


def main():
    frozen = gc.get_freeze_count() if hasattr(gc, "get_freeze_count") else 0
    rows_of_main = make_rows(4)
    SIZES["rows_of_main"] = size_of_rows(rows_of_main)
    SIZES["rows"] = size_of_rows(Holder.rows)
    SIZES["ROWS_OF_MODULE"] = size_of_rows(ROWS_OF_MODULE)
    SIZES["TEXTS"] = size_of_texts(TEXTS)
    SIZES["ARRAYS"] = size_of_arrays(ARRAYS)
    thread = threading.Thread(target=hold_in_thread)
    thread.start()
    STARTED.wait()
    gc.collect()
    gc.disable()
    hold_by_nobody()
    hold_by_c()
    count_tracked()
    count_tracked()
    os.write(1, json.dumps([os.getpid(), sys.version_info[1], frozen, COUNTS, BYTES, SIZES,
                            ROWS]).encode() + b"\n")
    os.read(0, 1)
    DONE.set()


main()
