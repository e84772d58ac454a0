"""The JSON of the contract, field by field, with types. A dict has at least these fields (those
marked `Optional` may be absent); [one] is a list of such; a tuple of shapes is a choice."""
from harness import check


class Optional:
    def __init__(self, shape):
        self.shape = shape


NUMBER = (int, float)
TEXT_OR_NONE = (str, None)
INT_OR_NONE = (int, None)

BY_KIND = {kind: INT_OR_NONE for kind in ("anon", "file", "shmem", "swap")}
FIGURES = {
    "growth": int, "grown": int, "released": int, "anon": int, "file": int, "shmem": int,
    "peak": INT_OR_NONE, "live": INT_OR_NONE, "mapped": INT_OR_NONE,
    "allocated": ({name: int for name in ("peak", "end", "blocks", "taken", "taken_blocks",
                                          "freed_blocks")}, None),
    "by_kind": {"grown": BY_KIND, "released": BY_KIND, "live": (BY_KIND, None),
                "peak": (BY_KIND, None)}}
NODE = {
    "kind": str, "function": TEXT_OR_NONE, "file": TEXT_OR_NONE, "line": INT_OR_NONE,
    "class": TEXT_OR_NONE, "instance": INT_OR_NONE, "pathname": TEXT_OR_NONE,
    "objects": INT_OR_NONE, "at": INT_OR_NONE, "thread": TEXT_OR_NONE, "label": str,
    "inferred": Optional(bool), "library": Optional(str), "offset": Optional(INT_OR_NONE),
    "self": FIGURES, "total": FIGURES, "calls": INT_OR_NONE,
    "calls_exact": bool, "children": list,
    "_parent": Optional(object)}
TYPE = {"module": str, "name": str, "objects": int, "bytes": int, "buffer_bytes": int, "tracked": int}
HOLDER = {"parent": INT_OR_NONE, "kind": str, "name": str, "objects": int, "bytes": int,
          "shared_bytes": int}
LARGE = {"type": INT_OR_NONE, "bytes": int, "address": int, "look": str, "holder": INT_OR_NONE}
CENSUS = {
    "time": Optional(NUMBER), "refused": TEXT_OR_NONE, "count": int, "bytes": int, "buffer_bytes": int,
    "tracked": int, "unreadable": int, "unreadable_bytes": int, "frozen": NUMBER, "cut": bool,
    "types": [TYPE], "holders": [HOLDER], "largest": [LARGE]}
CHANGE = {"module": Optional(str), "name": Optional(str), "kind": Optional(str), "path": Optional(str),
          "objects": int, "bytes": int, "bytes_after": int}
GROWTH = {"elapsed": NUMBER, "objects": int, "bytes": int, "bound": bool, "types": [CHANGE],
          "holders": [CHANGE]}
INSIDE = {
    "time": NUMBER, "command": Optional(str),
    "rss": int, "rest": int,
    "malloc": {"state": str, "name": TEXT_OR_NONE, "arenas": INT_OR_NONE, "used": INT_OR_NONE,
               "mapped": INT_OR_NONE, "free": INT_OR_NONE, "free_absent": INT_OR_NONE,
               "free_pages": INT_OR_NONE, "free_threads": INT_OR_NONE},
    "pymalloc": {"state": str, "arenas": INT_OR_NONE, "used": INT_OR_NONE, "free": INT_OR_NONE,
                 "free_pools": INT_OR_NONE, "free_arenas": INT_OR_NONE},
    "mimalloc": {"state": str, "used": INT_OR_NONE, "free": INT_OR_NONE, "free_pages": INT_OR_NONE},
    "torn": int, "cure": str, "advice": str, "objects": Optional(CENSUS),
    "parts": Optional({"objects": INT_OR_NONE, "used": int, "free_pymalloc": int, "free_malloc": int,
                       "free_mimalloc": int, "stacks": int, "files": int, "shared": int, "rest": int})}
HEAP = {"format": str, "version": int, "pid": int, "command": str, "readings": [INSIDE],
        "growth": Optional(GROWTH)}
PROCESS = {
    "pid": int, "ppid": int, "command": str, "python": TEXT_OR_NONE, "start": NUMBER,
    "end": NUMBER, "end_reason": str, "exit": ({"code": INT_OR_NONE, "signal": INT_OR_NONE}, None),
    "rss": {"start": int, "end": int, "peak": int, "live": INT_OR_NONE},
    "balance": {"start": int, "growth": int, "end": int, "kernel_end": int, "unexplained": int},
    "smaps": ({"time": NUMBER, "rss": int, "pss": int, "uss": int}, None),
    "unshared_late": (int, float, None),
    "inside": (INSIDE, None),
    "objects": Optional(CENSUS), "objects_growth": Optional(GROWTH),
    "allocs": ({"peak": int, "end": int, "since": NUMBER, "complete": bool, "unknown_frees": int},
               None),
    "losses": [{"reason": str, "events": int, "bytes": int, "grown": int, "released": int}],
    "calls": {"method": str, "complete": bool, "reason": TEXT_OR_NONE},
    "rss_series": [[NUMBER]],
    "threads": [{"tid": int, "name": str, "growth": int, "start": NUMBER, "end": NUMBER}],
    "count": Optional(int), "tree": list}
REPORT = {
    "format": str, "version": int,
    "meta": {"command": [str], "started": str, "duration": NUMBER, "kernel": str, "memprobe": str,
             "calls": {"mode": str}, "complete": bool,
             "highest": ({"time": NUMBER, "pss": int, "rss": int, "processes": int}, None)},
    "processes": list}


class Checker:
    """Fails with the place of the first value that is not of its shape; notes fields beyond it."""

    def __init__(self):
        self.more = set()

    def check(self, value, shape, where):
        if isinstance(shape, Optional):
            shape = shape.shape
        if isinstance(shape, tuple):
            self.check_choice(value, shape, where)
        elif isinstance(shape, dict):
            self.check_fields(value, shape, where)
        elif isinstance(shape, list):
            self.check_items(value, shape[0], where)
        else:
            check_is_a(value, shape, where)

    def check_choice(self, value, shapes, where):
        for shape in shapes:
            if isinstance(shape, dict) and isinstance(value, dict):
                return self.check_fields(value, shape, where)
            if not isinstance(shape, dict) and is_a(value, shape):
                return None
        return check(False, "%s is %r, expected one of %s" % (
            where, value, [name_of(shape) for shape in shapes]))

    def check_items(self, value, shape, where):
        check(isinstance(value, list), "%s is not a list" % where)
        for place, item in enumerate(value):
            self.check(item, shape, "%s[%d]" % (where, place))

    def check_fields(self, value, shape, where):
        check_is_a(value, dict, where)
        missing = {name for name in shape if not isinstance(shape[name], Optional)} - set(value)
        check(not missing, "%s lacks %s" % (where, sorted(missing)))
        for name, inner in value.items():
            if name in shape:
                self.check(inner, shape[name], "%s.%s" % (where, name))
            else:
                self.more.add("%s.%s" % (where.split(" ")[0], name))


def check_is_a(value, kind, where):
    """A message has the whole tree that is below a value: it is made only when it is needed."""
    if not is_a(value, kind):
        check(False, "%s is %r, expected %s" % (where, value, name_of(kind)))


def is_a(value, kind):
    """None for itself; bool is no number here."""
    if kind is None:
        return value is None
    return isinstance(value, kind) and (kind in (bool, object) or not isinstance(value, bool))


def name_of(shape):
    return getattr(shape, "__name__", str(shape))


def check_report(report):
    """Returns the names of fields that the contract does not have."""
    checker = Checker()
    checker.check(report.data, REPORT, "report")
    for process in report.processes:
        checker.check(process.entry, PROCESS, "process %d" % process["pid"])
        for node in process.nodes:
            checker.check(node, NODE, "node %r" % node.get("label"))
    return checker.more
