"""The JSON of the contract, field by field, with types. A dict has exactly these fields (those
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
    "by_kind": {"grown": BY_KIND, "released": BY_KIND, "live": (BY_KIND, None),
                "peak": (BY_KIND, None)}}
NODE = {
    "kind": str, "function": TEXT_OR_NONE, "file": TEXT_OR_NONE, "line": INT_OR_NONE,
    "class": TEXT_OR_NONE, "instance": INT_OR_NONE, "pathname": TEXT_OR_NONE,
    "objects": INT_OR_NONE, "at": INT_OR_NONE, "thread": TEXT_OR_NONE, "label": str,
    "self": FIGURES, "total": FIGURES, "calls": INT_OR_NONE, "calls_exact": bool, "children": list,
    "_parent": Optional(object)}
PROCESS = {
    "pid": int, "ppid": int, "command": str, "python": TEXT_OR_NONE, "start": NUMBER,
    "end": NUMBER, "end_reason": str, "exit": ({"code": INT_OR_NONE, "signal": INT_OR_NONE}, None),
    "rss": {"start": int, "end": int, "peak": int, "live": INT_OR_NONE},
    "balance": {"start": int, "growth": int, "end": int, "kernel_end": int, "unexplained": int},
    "losses": [{"reason": str, "events": int, "bytes": int}],
    "calls": {"method": str, "complete": bool, "reason": TEXT_OR_NONE},
    "rss_series": [[NUMBER]],
    "threads": [{"tid": int, "name": str, "growth": int, "start": NUMBER, "end": NUMBER}],
    "count": Optional(int), "tree": list}
REPORT = {
    "format": str, "version": int,
    "meta": {"command": [str], "started": str, "duration": NUMBER, "kernel": str, "memprobe": str,
             "calls": {"mode": str}, "complete": bool},
    "processes": list}


def check_shape(value, shape, where):
    """Fail with the place of the first value that is not of the shape."""
    if isinstance(shape, tuple):
        check_choice(value, shape, where)
    elif isinstance(shape, dict):
        check_fields(value, shape, where)
    elif isinstance(shape, list):
        check(isinstance(value, list), "%s is not a list" % where)
        for place, item in enumerate(value):
            check_shape(item, shape[0], "%s[%d]" % (where, place))
    else:
        fits = value is None if shape is None else is_a(value, shape)
        check(fits, "%s is %r, expected %s" % (where, value, getattr(shape, "__name__", shape)))


def is_a(value, kind):
    """bool is no number here."""
    return isinstance(value, kind) and (kind in (bool, object) or not isinstance(value, bool))


def check_choice(value, shapes, where):
    for shape in shapes:
        if shape is None and value is None:
            return
        if isinstance(shape, dict) and isinstance(value, dict):
            return check_fields(value, shape, where)
        if isinstance(shape, type) and is_a(value, shape):
            return
    check(False, "%s is %r, expected one of %s" % (
        where, value, [getattr(shape, "__name__", shape) for shape in shapes]))


def check_fields(value, shape, where):
    check(isinstance(value, dict), "%s is %r, expected an object" % (where, value))
    required = {name for name, inner in shape.items() if not isinstance(inner, Optional)}
    check(required <= set(value), "%s lacks %s" % (where, sorted(required - set(value))))
    unknown = set(value) - set(shape)
    check(not unknown, "%s has fields outside of the contract: %s" % (where, sorted(unknown)))
    for name, inner in value.items():
        wanted = shape[name]
        check_shape(inner, wanted.shape if isinstance(wanted, Optional) else wanted,
                    "%s.%s" % (where, name))


def check_report(report):
    check_shape(report.data, REPORT, "report")
    for process in report.processes:
        check_shape(process.entry, PROCESS, "process %d" % process["pid"])
        for node in process.nodes:
            check_shape(node, NODE, "node %r" % node.get("label"))
