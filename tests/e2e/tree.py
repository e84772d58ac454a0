"""Looking things up in memprobe's JSON, and what must hold in every one of them."""
from harness import MB, check, check_equal

KINDS = {"python", "startup", "shutdown", "native", "kernel", "truncated", "inherited", "before",
         "unowned", "free", "deeper", "cut", "lost", "thread", "c"}
FIGURES = ("growth", "grown", "released", "anon", "file", "shmem")


class Process:
    """One entry of `processes`; its nodes know their parents."""

    def __init__(self, entry):
        self.entry = entry
        self.nodes = list(linked(entry["tree"]))

    def __getitem__(self, name):
        return self.entry[name]

    def named(self, *path):
        """Nodes at the end of this path of function names, any node being its head."""
        return [node for node in self.nodes if ends_with(node, path)]

    def of_kind(self, kind):
        return [node for node in self.nodes if node["kind"] == kind]

    def own(self, figure, nodes):
        return sum(node["self"][figure] for node in nodes)

    def below(self, figure, nodes):
        """Totals, a node within another of them counted once."""
        chosen = {id(node) for node in nodes}
        return sum(node["total"][figure] for node in nodes
                   if not any(id(above) in chosen for above in ancestors(node)))

    def kernel_noise(self):
        """What reclaim took or gave by itself: file pages that the target's ruler also misses."""
        return sum(abs(node["self"]["file"]) for node in self.of_kind("kernel"))


class Report:
    def __init__(self, data):
        self.data = data
        self.processes = [Process(entry) for entry in data["processes"]]

    def python(self, pid=None):
        """The one entry with Python in it (of this process)."""
        found = [process for process in self.processes
                 if process["python"] and pid in (None, process["pid"])]
        check(len(found) == 1, "%d entries with Python%s, expected 1: %s" % (
            len(found), " of pid %s" % pid if pid else "",
            [(process["pid"], process["command"]) for process in self.processes][:8]))
        return found[0]

    def of_pid(self, pid):
        """Its entries: one for each address space that the process had."""
        found = [process for process in self.processes if process["pid"] == pid]
        check(found, "no entry of pid %d" % pid)
        return found


def linked(tree):
    """All nodes, parents before children, in their order; a parent is set in each."""
    stack = [(None, node) for node in reversed(tree)]
    while stack:
        parent, node = stack.pop()
        node["_parent"] = parent
        yield node
        stack.extend((node, child) for child in reversed(node["children"]))


def ancestors(node):
    node = node["_parent"]
    while node:
        yield node
        node = node["_parent"]


def ends_with(node, path):
    for name in reversed(path):
        if node is None or not is_named(node, name):
            return False
        node = node["_parent"]
    return True


def is_named(node, name):
    """Qualified, or plain where the interpreter has no qualified names."""
    function = node["function"]
    return function == name or (function is not None and function == name.rsplit(".", 1)[-1])


def depth_of(node):
    return sum(1 for _ in ancestors(node))


def describe(node):
    """A path for people."""
    names = [above["function"] or above["label"] for above in ancestors(node)]
    return " > ".join(reversed([node["function"] or node["label"]] + names[:6]))


def check_invariants(report, with_losses=False, is_begun=False):
    """What must hold for every process of every capture: the books balance, nothing is lost. In a
    snapshot of a process that has just begun there is no moment without a fault to read its rows in:
    what came meanwhile has no owner, and is said."""
    check(report.processes, "no process in the report")
    for process in report.processes:
        check_nodes(process)
        check_balance(process)
        if not with_losses:
            check_losses(process, (MEANWHILE,) if is_begun else ())


LATE = "interpreter found late"
NO_MEMORY = "kernel short of memory"
# The kernel's view of a page that is there may lag behind where page tables are shadowed, and a page
# that the kernel moves is absent for a moment: docs/accuracy.md.
ABSENT = ("frame unreadable", "thread state unreadable")
MAX_ABSENT = 3
MEANWHILE = "page without an owner: taken by nobody's fault, or while rows were read"


def check_losses(process, but=()):
    """None, but what an attached process takes before its interpreter is found: it runs meanwhile.
    And where copies of shared pages are followed a long new path is laid down with interrupts off,
    so that the kernel may have no row ready for its end: a page of a copy that is not growth."""
    who = "losses of %d" % process["pid"]
    losses = [loss for loss in process["losses"]
              if loss["reason"] not in but
              and (loss["reason"] not in ABSENT or loss["events"] > MAX_ABSENT)]
    if process["balance"]["start"]:
        late = [loss["bytes"] for loss in losses if loss["reason"] == LATE]
        check_equal("other " + who, [
            loss for loss in losses if loss["reason"] != LATE
            and not (loss["reason"] == NO_MEMORY and not loss["bytes"] and loss["events"] < 16)], [])
        check(sum(late) < MB, "%d bytes are %s" % (sum(late), who))
    else:
        check_equal(who, losses, [])


def check_nodes(process):
    for node in process.nodes:
        check(node["kind"] in KINDS, "unknown kind %r" % node["kind"])
        for part in ("self", "total"):
            check_figures(node, node[part])
        check_total(node)
    check_equal("sum of self growth over all nodes", process.own("growth", process.nodes),
                process["balance"]["growth"])
    check_held(process)
    check_allocs(process)


def check_held(process):
    """Where owners of pages are followed every page has a row, be it [unowned]."""
    if process["rss"]["live"] is None:
        return
    for figure in ("live", "peak"):
        check_equal("sum of self %s over all nodes" % figure, process.own(figure, process.nodes),
                    process["rss"][figure])


def check_allocs(process):
    """Where blocks are followed each has a row."""
    for figure in ("end", "peak") if process["allocs"] else ():
        check_equal("sum of self allocated at the %s over all nodes" % figure,
                    sum(node["self"]["allocated"][figure] for node in process.nodes),
                    process["allocs"][figure])


def check_figures(node, figures):
    where = "%s of %s" % (figures, describe(node))
    check(figures["anon"] + figures["file"] + figures["shmem"] == figures["growth"],
          "anon + file + shmem is not growth: " + where)
    check(figures["grown"] - figures["released"] == figures["growth"],
          "grown - released is not growth: " + where)
    check(figures["grown"] >= 0 and figures["released"] >= 0, "negative: " + where)


def check_total(node):
    """`unshared` is null where it was not followed."""
    followed = [figure for figure in ("live", "peak", "mapped", "unshared")
                if node["total"][figure] is not None]
    for figure in FIGURES + tuple(followed):
        total = node["self"][figure] + sum(child["total"][figure] for child in node["children"])
        check(node["total"][figure] == total, "total %s of %s is %d, self and children make %d" % (
            figure, describe(node), node["total"][figure], total))
    for figure in node["total"]["allocated"] or ():
        total = node["self"]["allocated"][figure] + sum(child["total"]["allocated"][figure]
                                                        for child in node["children"])
        check_equal("total %s allocated of %s" % (figure, describe(node)),
                    node["total"]["allocated"][figure], total)


def check_balance(process):
    balance, who = process["balance"], "pid %d (%s)" % (process["pid"], process["command"])
    check_equal("start + growth of " + who, balance["start"] + balance["growth"], balance["end"])
    check_equal("kernel_end - end of " + who, balance["kernel_end"] - balance["end"],
                balance["unexplained"])
    check(balance["unexplained"] == 0, "unexplained of %s is %d, expected 0 (end %d)" % (
        who, balance["unexplained"], balance["end"]))
    check_equal("rss.end of " + who, process["rss"]["end"], balance["end"])
    check_equal("rss.start of " + who, process["rss"]["start"], balance["start"])
    check(process["rss"]["peak"] >= max(balance["start"], balance["end"]),
          "rss.peak of %s is below its ends: %r" % (who, process["rss"]))
