"""Makes objects of many kinds and says of each what can be read of it from outside.

For tests/unit/read_objects.c. A line is KIND, ADDRESS, LABEL, ARGUMENT, EXPECTED, parted by tabs:
    attribute  the attribute ARGUMENT (hex of its UTF-8)
    type       module and qualified name
    string     the text of a str
    uncell     by the type of cells ARGUMENT: an address
    speed      an attribute, and how long it takes
    busy       an attribute that changes: one of several, or for a moment none
EXPECTED is `=` and hex, or the name of an error. The last line is `end`; then it waits for a line,
after which the busy objects change, and for the end of stdin. Nothing here may ask an object for its __dict__ unless the case is about that: this
would change how the object keeps its attributes. For Python 3.6 and later.
"""
import collections
import copy
import os
import random
import sys
import threading

NAME = "pathname"
HEAPTYPE = 1 << 9
KEPT = []
OUT = []


def encoded(text):
    """As UTF-8, with U+FFFD for what it cannot have and C0 80 for U+0000."""
    text = "".join("\ufffd" if "\ud800" <= c < "\ue000" else c for c in text)
    return text.encode("utf-8").replace(b"\0", b"\xc0\x80").hex()


def answer(value):
    if value is None:
        return "ENOENT"
    if not isinstance(value, str):
        return "EINVAL"
    return "E2BIG" if len(encoded(value)) // 2 > 4096 else "=" + encoded(value)


def emit(kind, thing, label, argument, expected):
    KEPT.append(thing)
    OUT.append("\t".join([kind, hex(id(thing)), label, argument, expected]))


def attribute(label, thing, expected, name=NAME):
    emit("attribute", thing, label, encoded(name), answer(expected))


def typed(label, thing):
    kind = type(thing)
    module = kind.__module__
    if kind.__flags__ & HEAPTYPE:
        module = kind.__dict__.get("__module__")
        module = module if isinstance(module, str) else ""
    emit("type", thing, label, encoded(module), "=" + encoded(kind.__qualname__))


def having(thing, value="the.path"):
    thing.pathname = value
    return thing


# ---- instances with a dict ----

class Plain:
    pass


class Derived(Plain):
    pass


class WithInit:
    def __init__(self, pathname, nr_more):
        self.name = "a name"
        self.pathname = pathname
        for i in range(nr_more):
            setattr(self, "more%d" % i, i)


def plain():
    attribute("plain", having(Plain()), "the.path")
    attribute("plain, none set", Plain(), None)
    attribute("plain, None", having(Plain(), None), None)
    attribute("plain, int", having(Plain(), 7), 7)
    attribute("plain, bytes", having(Plain(), b"pathname"), b"")
    attribute("plain, list", having(Plain(), ["x"]), [])
    attribute("derived", having(Derived(), "a.b"), "a.b")
    for nr_more in list(range(0, 40)) + [100, 1000, 3000]:
        attribute("init + %d" % nr_more, WithInit("n%d" % nr_more, nr_more), "n%d" % nr_more)
    local = type("Local", (), {})
    for order in ["abc", "acb", "bca", "bac", "cab", "cba"]:
        thing = local()
        for c in order:
            setattr(thing, {"a": NAME}.get(c, c), order)
        attribute("order " + order, thing, order)


def changed():
    for fill in (0, 3, 40):
        thing = WithInit("first", fill)
        del thing.pathname
        attribute("deleted, %d" % fill, thing, None)
        thing = WithInit("first", fill)
        del thing.pathname
        thing.pathname = "second"
        attribute("deleted and set, %d" % fill, thing, "second")
        thing = WithInit("first", fill)
        vars(thing)
        attribute("materialised, %d" % fill, thing, "first")
        thing = WithInit("first", fill)
        KEPT.append(vars(thing))
        thing.pathname = "second"
        thing.another = 1
        attribute("materialised and set, %d" % fill, thing, "second")
        thing = WithInit("first", fill)
        thing.__dict__ = {"x": 1, NAME: "other"}
        attribute("dict replaced, %d" % fill, thing, "other")
        thing = WithInit("first", fill)
        thing.__dict__ = {}
        attribute("dict emptied, %d" % fill, thing, None)
        thing = WithInit("first", fill)
        thing.__dict__[5] = 6
        thing.__dict__[(1, 2)] = 6
        attribute("keys of all types, %d" % fill, thing, "first")
        thing = WithInit("first", fill)
        thing.__dict__ = collections.OrderedDict(a=1, pathname="ordered")
        attribute("an OrderedDict, %d" % fill, thing, "ordered")
        attribute("copied, %d" % fill, copy.copy(WithInit("first", fill)), "first")
        thing = WithInit("first", fill)
        thing.__class__ = Plain
        attribute("class changed, %d" % fill, thing, "first")
        thing = WithInit("first", fill)
        thing.__dict__.clear()
        attribute("cleared, %d" % fill, thing, None)
        thing = Plain()
        thing.__dict__["".join(["path", "name"])] = "by a new key"
        attribute("a key that is not interned, %d" % fill, thing, "by a new key")
    first = WithInit("shared", 2)
    second = Plain()
    second.__dict__ = first.__dict__
    attribute("one dict of two", first, "shared")
    attribute("one dict of two, the other", second, "shared")
    del first
    alive = WithInit("outlived", 2)
    inner = alive.__dict__
    holder = Plain()
    holder.__dict__ = inner
    del alive
    attribute("dict outlives its object", holder, "outlived")


def names():
    thing = Plain()
    cases = ["x", "_", "gr\xf6\xdfe", "\u0434\u0430", "\U0001d4d0\u0431", "a" * 200, "pathnam",
             "pathnames", "pathname2", "Pathname"]
    for i, name in enumerate(cases):
        setattr(thing, name, str(i))
    for i, name in enumerate(cases):
        attribute("name %d" % i, thing, str(i), name)
    attribute("like other names", thing, None)


# ---- slots, properties, classes ----

class Slots:
    __slots__ = ("first", "pathname", "last")


class MoreSlots(Slots):
    __slots__ = ("more",)


class SlotsAndDict:
    __slots__ = ("pathname", "__dict__", "__weakref__")


class DictUnderSlots(Plain):
    __slots__ = ("slot",)


class DictOverSlots(Slots):
    pass


class Mixed(MoreSlots, Plain):
    pass


class Private:
    __slots__ = ("__hidden",)

    def __init__(self):
        self.__hidden = "h"


class Property:
    @property
    def pathname(self):
        return "never"


class OfClass:
    pathname = "of the class"


class Getattr:
    def __getattr__(self, name):
        return "never"


class Unfriendly:
    def __getattribute__(self, name):
        raise RuntimeError(name)

    def __eq__(self, other):
        raise RuntimeError

    def __hash__(self):
        raise RuntimeError


class Meta(type):
    pass


def slots():
    for kind in (Slots, MoreSlots, DictOverSlots, Mixed, SlotsAndDict, DictUnderSlots):
        attribute(kind.__name__, having(kind(), "of " + kind.__name__), "of " + kind.__name__)
        attribute(kind.__name__ + ", empty", kind(), None)
        thing = having(kind())
        del thing.pathname
        attribute(kind.__name__ + ", deleted", thing, None)
        attribute(kind.__name__ + ", None", having(kind(), None), None)
        attribute(kind.__name__ + ", float", having(kind(), 0.5), 0.5)
    thing = DictOverSlots()
    thing.last = "l"
    thing.free = "f"
    thing.__dict__[NAME] = "hidden by the slot"
    attribute("slot, a dict below", thing, None)
    attribute("slot, last", thing, "l", "last")
    attribute("slot, free", thing, "f", "free")
    attribute("private slot", Private(), "h", "_Private__hidden")
    thing = type("NoDict", (), {"__slots__": ()})()
    attribute("no slots, no dict", thing, None)
    record = collections.namedtuple("Record", "pathname x")("never", 2)
    attribute("namedtuple", record, None)
    many = type("Many", (), {"__slots__": ["s%d" % i for i in range(200)] + [NAME]})
    attribute("200 slots", having(many(), "the last"), "the last")
    thing = type("U", (), {"__slots__": ["\xe4"]})()
    setattr(thing, "\xe4", "umlaut")
    attribute("slot beyond ASCII", thing, "umlaut", "\xe4")


def others():
    attribute("property", Property(), None)
    attribute("of the class", OfClass(), None)
    attribute("__getattr__", Getattr(), None)
    thing = Unfriendly()
    object.__setattr__(thing, NAME, "friendly")
    attribute("__getattribute__", thing, "friendly")
    attribute("a class", OfClass, "of the class")
    attribute("a class of a metaclass", Meta("M", (), {NAME: "meta"}), "meta")
    attribute("a class without", Plain, None)
    attribute("a builtin class", int, None)

    def function():
        pass

    attribute("function", having(function, "of a function"), "of a function")
    attribute("function without", plain, None)
    attribute("method", Plain().__init__, None)
    module = type(sys)("made")
    attribute("module", having(module, "of a module"), "of a module")
    attribute("module's name", module, "made", "__name__")
    for thing in (None, 1, 1.5, "pathname", b"x", (), [], {}, object(), len, ...):
        attribute("a " + type(thing).__name__, thing, None)
    attribute("a dict with this key", {NAME: "never"}, None)


# ---- subclasses of builtin types ----

def builtin():
    values = [(dict, {"pathname": "never"}), (list, [1, 2]), (set, [1]), (bytearray, b"abc"),
              (float, 1.5), (complex, 1j), (Exception, "e"), (OSError, 2), (KeyError, "k"),
              (collections.OrderedDict, {}), (collections.deque, [1]), (frozenset, [1])]
    values += [(int, n) for n in (0, 1, -1, 1 << 29, 1 << 30, -(1 << 30), 1 << 60, -(1 << 95),
                                  1 << 4000)]
    values += [(tuple, range(n)) for n in range(5)]
    values += [(bytes, b"x" * n) for n in range(20)]
    values += [(str, "x"), (str, "\xe4" * 5), (str, "\u0434" * 9), (str, "")]
    kinds = {}
    for base, value in values:
        kind = kinds.setdefault(base, type("My" + base.__name__, (base,), {}))
        label = "%s subclass %.20s" % (base.__name__, value)
        label = label.encode("ascii", "replace").decode()
        attribute(label, having(kind(value), "in " + base.__name__), "in " + base.__name__)
        attribute(label + " without", kind(value), None)
        typed(label, kind(value))
        thing = having(kind(value))
        vars(thing)["x"] = thing.pathname = "again"
        attribute(label + " materialised", thing, "again")
    for base in (list, dict, Exception):
        kind = type("Slots" + base.__name__, (base,), {"__slots__": (NAME, "x")})
        attribute(kind.__name__, having(kind(), "s"), "s")


# ---- strings ----

class Text(str):
    pass


def texts():
    alphabets = ["a", "\x7f", "\x80", "\xff\xe4", "\u0100", "a\u0434", "\ud800", "\udfffx",
                 "\ufffd\uffff", "\U00010000", "\U0010ffffa\xe4\u20ac", "\0", "a\0\xe4"]
    lengths = [0, 1, 2, 3, 7, 8, 15, 16, 31, 50, 64, 80, 81, 100, 1000, 1023, 1365, 1366, 2048,
               2049, 4095, 4096, 4097, 100000]
    for alphabet in alphabets:
        for length in lengths:
            yield (alphabet * length)[:length]


def strings():
    for text in texts():
        label = "%d of %s" % (len(text), encoded(text[:1]) or "none")
        text = "".join(text)
        emit("string", text, label, "", answer(text))
        attribute(label, having(Plain(), text), text)
        own = Text(text)
        emit("string", own, label + " (subclass)", "", answer(text))
        attribute(label + " (subclass)", having(Plain(), own), text)
    for thing in (None, 5, b"bytes", ("a",), Plain(), str, Text):
        emit("string", thing, "not a str: %.20s" % type(thing).__name__, "", "EINVAL")
    legacy()


def legacy():
    """Strings of the C interface before 3.12, which become ready when someone asks. Their
    characters stand at PyASCIIObject.wstr before that."""
    try:
        import ctypes
        make = ctypes.pythonapi.PyUnicode_FromUnicode
    except (ImportError, AttributeError):
        return
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.c_ssize_t]
    for text in ("legacy", "\xe4\xf6", "\u0434\u0430", "\U00010000!"):
        for is_ready in (False, True):
            made = make(None, len(text))
            pointer = ctypes.cast(id(made) + 40, ctypes.POINTER(ctypes.c_void_p))[0]
            ctypes.memmove(pointer, text.encode("utf-32-le"), 4 * len(text))
            if is_ready:
                hash(made)
            emit("string", made, "legacy, ready %s" % is_ready, "",
                 answer(text) if is_ready else "EINVAL")


# ---- types ----

class Outer:
    class Inner:
        pass

    def make(self):
        class Local:
            pass
        return Local()


def types():
    things = [Plain(), Derived(), Outer.Inner(), Outer().make(), Slots(), Plain, Meta("M", (), {}),
              Meta, int, type, 1, 1.5, "s", b"", (), [], {}, None, ..., len, types, sys,
              Outer().make, ValueError(), collections.OrderedDict(), collections.deque(),
              random.Random(), (x for x in ()), Unfriendly()]
    things += [collections.namedtuple("Record", "a")(1), collections.Counter(), object()]
    for thing in things:
        typed("type %.20s" % type(thing).__name__, thing)
    for name in ("gr\xf6\xdfe", "\u0434\u0430", "\U0001d4d0", "n" * 300):
        typed("named %d" % len(name), type(name, (), {})())
    for module in (None, 5, "some.where", "\u0434"):
        typed("module %r" % type(module), type("K", (), {"__module__": module})())
    renamed = type("Before", (), {})
    renamed.__qualname__ = "After.that"
    renamed.__module__ = "later"
    typed("renamed", renamed())
    big = type("Big", (), {"a%d" % i: i for i in range(500)})
    typed("big", big())


# ---- cells ----

def cells():
    filled = having(Plain(), "closed over")
    text = "closed text"
    if len(OUT) < 0:
        empty = 1

    def closure():
        return filled, text, empty

    names = closure.__code__.co_freevars
    for name, cell in zip(names, closure.__closure__):
        expected = {"filled": filled, "text": text}.get(name)
        emit("uncell", cell, "cell of " + name, hex(id(type(cell))),
             "ENOENT" if expected is None else "=" + hex(id(expected)))
    emit("uncell", filled, "not a cell", hex(id(type(closure.__closure__[0]))),
         "=" + hex(id(filled)))


# ---- at random ----

def mutate(choose, thing, model):
    """One change, to an object and to the dict that tells what it should have."""
    name = NAME if choose.random() < 0.3 else "a%d" % choose.randrange(45)
    kind = choose.randrange(12)
    if kind < 6:
        value = choose.choice(["v", "\xe4", "\u0434", None, 3]) if kind else "v%d" % len(model)
        setattr(thing, name, value)
        model[name] = value
    elif kind < 8 and name in model:
        delattr(thing, name)
        del model[name]
    elif kind == 8:
        KEPT.append(vars(thing))
    elif kind == 9 and choose.random() < 0.3:
        thing.__dict__ = dict(thing.__dict__)
    elif kind == 10 and choose.random() < 0.3:
        thing.__dict__[choose.randrange(9)] = "key of another type"
    elif kind == 11 and choose.random() < 0.2:
        thing.__dict__.clear()
        model.clear()


def at_random():
    choose = random.Random(4711)
    for i in range(40):
        bases = choose.choice([(), (), (Plain,), (list,), (Exception,), (dict,), (int,), (tuple,)])
        kind = type("Random%d" % i, bases, {})
        for j in range(12):
            thing, model = kind(), {}
            for _ in range(choose.choice([1, 3, 10, 50, 200])):
                mutate(choose, thing, model)
            for name in (NAME, "a1", "a44"):
                attribute("random %d.%d %s" % (i, j, name), thing, model.get(name), name)


# ---- how long it takes ----

def speed():
    def timed(label, nr_more, name, expected):
        thing = WithInit("a.b.c", nr_more)
        emit("speed", thing, label, encoded(name), answer(expected))

    timed("5 other attributes", 5, NAME, "a.b.c")
    timed("60 other attributes", 60, NAME, "a.b.c")
    timed("60 other attributes, absent", 60, "absent", None)


# ---- while they change ----

def change(things):
    """Attributes come and go, in every way that moves them elsewhere."""
    choose = random.Random(42)
    while True:
        for thing in things:
            getattr(thing, "__dict__", {}).clear()
            for name in choose.sample(["wrong%d" % i for i in range(choose.choice([1, 8, 60]))], 1):
                setattr(thing, name, "wrong")
            thing.pathname = "the first value" if choose.random() < 0.5 else "\u0434\u0430"
            thing.wrong = "wrong"
            if choose.random() < 0.3:
                thing.__dict__ = dict(thing.__dict__)
            if choose.random() < 0.3:
                del thing.pathname
                thing.pathname = "the first value"


def busy():
    things = [Plain(), Derived(), type("Busy", (list,), {})()]
    for thing in things:
        emit("busy", thing, "busy " + type(thing).__name__, encoded(NAME),
             "=%s=%s" % (encoded("the first value"), encoded("\u0434\u0430")))
    thread = threading.Thread(target=change, args=(things,))
    thread.daemon = True
    return thread


def main():
    for make in (plain, changed, names, slots, others, builtin, strings, types, cells, at_random,
                 speed):
        make()
    thread = busy()
    sys.stdout.write("\n".join(OUT) + "\nend\n")
    sys.stdout.flush()
    sys.stdin.readline()
    thread.start()
    sys.stdin.read()
    os._exit(0)


main()
