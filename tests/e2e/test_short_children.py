"""Children that live shorter than user space takes to answer: the BPF side knows their file."""
import os
import signal

from capture import last_lines, read_report
from harness import (MB, MEMPROBE, TARGETS, TIMEOUT, Skip, check, check_equal, size_of, test,
                     wait_until, write_to)
from interpreters import by_name, find_interpreters
from test_allocs import NOT_FOLLOWED, follows_allocs
from tree import LATE, check_invariants

CHILDREN = 8
TAKEN = 6
LONG = max(300, TIMEOUT)  # loading takes minutes in a virtual machine


def of_library():
    """The command of a Python whose interpreter is in a library."""
    python = by_name(find_interpreters(), "pyenv-3.12")
    if not hasattr(python, "command"):
        raise Skip(python.reason)
    return python.command[0]


class Children:
    """memprobe over tests/targets/short_children.sh, which waits at its gate."""

    def __init__(self, context, python, count, *options, is_known=True, words=()):
        self.context = context
        self.directory = context.path("short.%d" % len(context.children))
        self.dump = os.path.join(self.directory, "dump")
        os.mkdir(self.directory)
        write_to(os.path.join(self.directory, "python"), python + "\n")
        if not is_known or words:
            write_to(os.path.join(self.directory, "unknown"), "")
        self.process = context.start(
            [MEMPROBE, "-v", "--no-report", "-o", self.dump, *options, "--", "/bin/sh",
             os.path.join(TARGETS, "short_children.sh"), self.directory, str(count),
             str(size_of(TAKEN)), *words])
        self.wait_for("known")
        if is_known and not words:
            wait_until(self.has_seen_python, "memprobe's look at the library", timeout=LONG)

    def has_seen_python(self):
        """-v tells of each interpreter that was inspected."""
        with open(self.process.files[1].name, errors="replace") as file:
            return ": thread state by " in file.read()

    def wait_for(self, name):
        def is_there():
            check(self.process.poll() is None, "memprobe ended")
            return os.path.exists(os.path.join(self.directory, name))
        wait_until(is_there, name, timeout=LONG)

    def run_unanswered(self):
        """The children run while memprobe's own process stands still."""
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            write_to(os.path.join(self.directory, "go"), "")
            self.wait_for("done")
        finally:
            os.kill(self.process.pid, signal.SIGCONT)

    def end(self):
        result = self.context.finish(self.process, timeout=LONG)
        check_equal("status (%s)" % last_lines(result.errors), result.status, 0)
        return read_report(self.context, self.dump)


def takers(report):
    return [process for process in report.processes
            if "taken" in process["command"] and "short_children" not in process["command"]]


def check_taken(process):
    taken = process.own("grown", process.named("<module>"))
    check(size_of(TAKEN) <= taken <= size_of(TAKEN) + MB,
          "%d took %d on its path, expected %d" % (process["pid"], taken, size_of(TAKEN)))


def check_children(report, count):
    check_invariants(report, with_losses=True)  # the first, which makes the file known, may be late
    found = takers(report)
    check_equal("entries of children", len(found), count)
    for process in found:
        check_equal("losses of %d" % process["pid"], process["losses"], [])
        check(process["python"], "no interpreter was found in %d" % process["pid"])
        check_taken(process)


@test(core=True)
def children_of_known_library(context):
    """A libpython seen before: its children have their paths although nobody answers a knock."""
    children = Children(context, of_library(), CHILDREN, "--calls=off")
    children.run_unanswered()
    check_children(children.end(), CHILDREN)


@test()
def children_while_calls_are_counted(context):
    """The same with --calls=auto, whose probes are attached and closed meanwhile."""
    children = Children(context, of_library(), CHILDREN)
    children.run_unanswered()
    check_children(children.end(), CHILDREN)


@test()
def children_of_unseen_allocations(context):
    """Allocations of a child that ends before it has probes are a loss."""
    follows_allocs(context)
    children = Children(context, of_library(), 2, "--calls=off", "--allocs")
    children.run_unanswered()
    found = takers(children.end())
    check_equal("entries of children", len(found), 2)
    for process in found:
        check_taken(process)
        check_equal("allocations", process["allocs"], None)
        check(NOT_FOLLOWED in [loss["reason"] for loss in process["losses"]],
              "no loss tells of the allocations: %s" % process["losses"])


@test()
def children_of_python_in_words(context):
    """The same where no child has run: the command is no Python, and one of its words leads to it."""
    python = of_library()
    children = Children(context, python, 2, "--calls=off", words=("-x", "A=1", python))
    children.run_unanswered()
    check_children(children.end(), 2)


@test()
def children_of_python_in_text(context):
    """The same where it is a word of a shell's program."""
    python = of_library()
    children = Children(context, python, 2, "--calls=off",
                        words=("-c", "cd /;A=1 '%s' -c pass|cat" % python))
    children.run_unanswered()
    check_children(children.end(), 2)


@test(core=True)
def children_of_unknown_library(context):
    """A libpython never seen before, whose first processes have ended when memprobe comes to look:
    their memory is on no path, and each says so with its MB."""
    children = Children(context, of_library(), 2, "--calls=off", is_known=False)
    children.run_unanswered()
    report = children.end()
    check_invariants(report, with_losses=True)
    found = takers(report)
    check_equal("entries of children", len(found), 2)
    for process in found:
        check_equal("losses", [loss["reason"] for loss in process["losses"]], [LATE])
        lost = process["losses"][0]["bytes"]
        check(size_of(TAKEN) <= lost <= process["rss"]["peak"],
              "%d of %d bytes are told as lost" % (lost, process["rss"]["peak"]))
    for process in report.processes:
        if process not in found:
            check_equal("losses of %s" % process["command"], process["losses"], [])


@test()
def children_of_misleading_names(context):
    """The same where the first word of their commands, which is whatever their parent says, does not
    lead to their program."""
    wrapper = context.path("begins_python")
    write_to(wrapper, '#!/bin/bash\nexec -a nowhere "%s" "$@"\n' % of_library())
    os.chmod(wrapper, 0o755)
    children = Children(context, wrapper, 2, "--calls=off", is_known=False)
    children.run_unanswered()
    found = [process for process in takers(children.end())
             if process["command"].startswith("nowhere")]
    check_equal("entries of children", len(found), 2)
    for process in found:
        check_equal("losses", [loss["reason"] for loss in process["losses"]], [LATE])
