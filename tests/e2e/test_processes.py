"""Children and other programs: one entry for each address space, its own tree, its own books."""
import os
import shutil

from capture import capture, memprobe, read_report, read_truth, record
from harness import Skip, check, check_equal, check_near, size_of, test, tolerance
from tree import LATE, check_invariants


def growth_of(process, name):
    return process.below("growth", process.named(name))


def check_grown(process, name, expected):
    check_near(name, growth_of(process, name), expected, tolerance(expected))


def expected_of(context, taken, role, name):
    """What a child measured, from the file that it wrote beside its parent's."""
    number = int(taken.dump.rsplit(".", 1)[1])
    truth = read_truth(context.path("truth.%d.%s" % (number, role)))
    check(truth, "the child %s wrote no truth" % role)
    return next(function["self"] for function in truth["functions"]
                if function["function"] == name)


@test(interpreters="few", core=True)
def forked_child(context):
    """A fork's entry opens with what it inherited and has its own growth and parent."""
    taken = capture(context, context.target("children.py", "fork"))
    check_invariants(taken.report)
    parent = taken.report.python(taken.truth["pid"])
    child = taken.report.python(taken.truth["children"]["fork"])
    check_equal("ppid", child["ppid"], parent["pid"])
    check(child["rss"]["start"] > size_of(12),
          "rss.start of the fork is %d" % child["rss"]["start"])
    inherited = child.of_kind("inherited")
    check(inherited, "no node of kind inherited")
    check_equal("growth of [inherited]", child.own("growth", inherited), 0)
    check_grown(child, "fork_child_grows",
                expected_of(context, taken, "fork", "fork_child_grows"))
    check_equal("fork_child_grows in the parent", growth_of(parent, "fork_child_grows"), 0)
    check_grown(parent, "parent_grows", taken.truth["functions"][0]["self"])


@test(interpreters="few")
def fork_from_thread(context):
    taken = capture(context, context.target("children.py", "thread"))
    check_invariants(taken.report)
    child = taken.report.python(taken.truth["children"]["thread"])
    check_equal("ppid", child["ppid"], taken.truth["pid"])
    check_grown(child, "fork_child_grows",
                expected_of(context, taken, "fork", "fork_child_grows"))


@test(interpreters="few")
def executed_child(context):
    """subprocess (vfork or posix_spawn where Python uses them): an entry from its exec on."""
    taken = capture(context, context.target("children.py", "exec"))
    check_invariants(taken.report)
    child = taken.report.of_pid(taken.truth["children"]["exec"])[-1]  # after a fork, where it is one
    check(child["python"], "the executed child has no Python")
    check_equal("ppid", child["ppid"], taken.truth["pid"])
    check_grown(child, "exec_child_grows",
                expected_of(context, taken, "exec", "exec_child_grows"))
    parent = taken.report.python(taken.truth["pid"])
    check_grown(parent, "parent_grows", taken.truth["functions"][0]["self"])


@test(interpreters="few")
def child_of_a_shell(context):
    """sh between parent and child: three entries, each with its right parent."""
    taken = capture(context, context.target("children.py", "shell"))
    if taken.truth["skipped"]:
        raise Skip("%s: %s" % tuple(taken.truth["skipped"][0]))
    check_invariants(taken.report)
    shell = taken.report.of_pid(taken.truth["children"]["shell"])[-1]
    check_equal("python of the shell", shell["python"], None)
    children = [process for process in taken.report.processes
                if process["python"] and process["ppid"] == shell["pid"]]
    check_equal("children of the shell with Python", len(children), 1)
    check_grown(children[0], "exec_child_grows",
                expected_of(context, taken, "shell", "exec_child_grows"))


@test(interpreters="few")
def exec_in_place(context):
    """An exec ends an entry, exit null, and begins another of the same pid."""
    taken = capture(context, context.target("children.py", "replace"))
    check_invariants(taken.report)
    entries = [process for process in taken.report.processes if process["python"]]
    check_equal("entries with Python", len(entries), 2)
    first, second = entries
    check_equal("pid after exec", second["pid"], first["pid"])
    check_equal("end_reason of the first", first["end_reason"], "exec")
    check_equal("exit of the first", first["exit"], None)
    check(second["start"] >= first["end"], "the second entry starts before the first ends")
    check_equal("rss.start of the second", second["rss"]["start"], 0)
    check_grown(first, "parent_grows", size_of(12))
    check_grown(second, "replaced_grows", size_of(5))


@test(interpreters="one")
def all_children(context):
    """Every way at once: no child is missed, none is there twice."""
    taken = capture(context, context.target("children.py"))
    check_invariants(taken.report)
    for role, pid in taken.truth["children"].items():
        check_equal("ppid of " + role, taken.report.of_pid(pid)[0]["ppid"], taken.truth["pid"])
    seen = [(process["pid"], process["start"]) for process in taken.report.processes]
    check_equal("entries that are there twice", len(seen) - len(set(seen)), 0)
    threads = taken.report.python(taken.truth["pid"])["threads"]
    check(len(threads) >= 2, "threads of the parent: %r" % threads)


@test(core=True)
def no_python_at_all(context):
    """A command without Python is still a tree by thread, with python null."""
    taken = capture(context, ["/bin/ls", "-l", "/"])
    check_invariants(taken.report)
    check_equal("entries", len(taken.report.processes), 1)
    process = taken.report.processes[0]
    check_equal("python", process["python"], None)
    check(process["balance"]["growth"] > 0, "ls grew nothing")
    check(taken.result.output.startswith("total"), "the output of ls is not on stdout")


@test()
def shell_pipeline(context):
    """Many short processes of a shell: each in balance, the status is the shell's."""
    line = "for i in 1 2 3 4 5; do /bin/true | /bin/cat; done; exit 6"
    taken = capture(context, ["/bin/sh", "-c", line], status=6)
    check_invariants(taken.report)
    count = sum(process.entry.get("count", 1) for process in taken.report.processes)
    check(count >= 11, "%d processes, expected at least 11" % count)


@test()
def options_of_the_command(context):
    """Without -- the first word that is no option begins the command, options and all."""
    result = memprobe(context, "-o", context.path("dump"), "--no-report",
                      "/bin/echo", "-o", "--min=x")
    check_equal("status", result.status, 0)
    check_equal("output", result.output, "-o --min=x\n")


def shim_environment():
    root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    shim = os.path.join(root, "shims", "python")
    pyenv = shutil.which("pyenv") or os.path.join(root, "bin", "pyenv")
    if not (os.path.exists(shim) and os.path.exists(pyenv)):
        raise Skip("pyenv is not installed")
    path = os.pathsep.join([os.path.dirname(shim), os.path.dirname(pyenv), os.environ["PATH"]])
    return shim, {"PATH": path}


@test()
def pyenv_shim(context):
    """`python -c pass` through a shim, a shell script that execs twice: the Python entry's rows."""
    shim, environment = shim_environment()
    if context.run([shim, "-c", "pass"], env=environment).status != 0:
        raise Skip("the shim does not run without a version chosen")
    taken = capture(context, ["python", "-c", "pass"], env=environment)
    process = taken.process()
    late = [loss for loss in process["losses"] if loss["reason"] == LATE]
    check_invariants(taken.report, with_losses=bool(late))
    if late:
        # A busy machine: nobody foresees what a script execs, and the program ended before it was
        # looked at. What has no path for that is counted.
        check_equal("reasons", [loss["reason"] for loss in process["losses"]], [LATE])
        return
    files = {node["file"] for node in process.named("<module>")}
    check("<string>" in files or any("site" in str(name) for name in files),
          "rows of modules: %s" % sorted(map(str, files)))
    check(any("site" in str(node["file"]) for node in process.nodes), "no row of site.py")
    startup = process.own("growth", process.of_kind("startup"))
    check(0 < startup < process["balance"]["growth"],
          "[startup] has %d of %d" % (startup, process["balance"]["growth"]))
    check_equal("command", process["command"].split()[-2:], ["-c", "pass"])


@test(interpreters="all")
def short_life(context):
    """`python -c pass`, 10 to 30 ms: modules and names are right, [startup] is the smaller part."""
    taken = capture(context, context.python.command + ["-c", "pass"])
    check_invariants(taken.report)
    process = taken.process()
    check_equal("python", process["python"].rstrip("+"), context.python.version.rstrip("+"))
    modules = process.named("<module>")
    check(modules, "no row of a module")
    check_equal("nameless Python nodes", [node["label"] for node in process.nodes
                                          if node["kind"] == "python" and not node["function"]], [])
    check_equal("kinds of the first root", process["tree"][0]["kind"], "startup")


@test(interpreters="few")
def no_children(context):
    """--no-children leaves the command's own entry."""
    result, dump = record(context, context.target("children.py", "fork"), "--no-children",
                          env={"MEMPROBE_TRUTH": context.path("truth")})
    if result.status == 2 and "--no-children" in result.errors:
        raise Skip("--no-children is not there yet")
    check_equal("status", result.status, 0)
    report = read_report(context, dump)
    check_invariants(report)
    check_equal("entries with Python", len([p for p in report.processes if p["python"]]), 1)
