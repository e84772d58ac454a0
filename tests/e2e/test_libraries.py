"""Libraries with threads of their own: each call has what they took for it, as far as the process's
own reading around the call tells."""
import os

from capture import read_report, read_truth, record
from harness import CACHE, MB, Skip, TARGETS, check_all, check_equal, test
from interpreters import find_interpreters
from tree import check_invariants

PYTHON = os.path.join(CACHE, "venv-libraries", "bin", "python")
TORCH_PYTHON = (3, 10)
RUNS = 5
PART, LEAST = 0.05, 1.0  # of what was read, and MB that readings themselves are off


REST = ""  # rows that are of no step


def amounts_of(process, steps):
    """What each step's rows have at a snapshot, in MB: (grown, growth)."""
    found = {step: tuple(process.below(name, process.named(step)) / MB
                         for name in ("grown", "growth")) for step in steps}
    found[REST] = tuple(process.own(name, process.nodes) / MB - sum(step[i] for step in found.values())
                        for i, name in enumerate(("grown", "growth")))
    return found


def differences(step, read, before, after):
    """From one snapshot to the next nobody takes but the step. What it took less what it gave back was
    read, and less what was given back of others' pages meanwhile: pools do that for who had taken them,
    in the call or behind it."""
    changes = {other: [new - old for new, old in zip(after[other], before[other])] for other in after}
    took, own = changes.pop(step)
    others_took = sum(change[0] for change in changes.values())
    others = sum(change[1] for change in changes.values())
    room, wrong = max(PART * abs(read), LEAST), []
    if others_took > max(PART * took, LEAST):
        wrong.append("%.1f MB are taken by others than %s" % (others_took, step))
    if not own + min(others, 0) - room <= read <= own + room:
        wrong.append("%s: %.1f MB, others %.1f, read were %.1f" % (step, own, others, read))
    return wrong


def check_run(context, name, run, python, environment):
    path, dump = context.path("truth"), context.path("dump.%d" % len(context.children))
    result, dump = record(context, [python, os.path.join(TARGETS, "libraries.py"), name],
                          env=dict(environment, MEMPROBE_TRUTH=path, MEMPROBE_DUMP=dump))
    check_equal("status of memprobe: " + result.errors, result.status, 0)
    truth, wrong = read_truth(path), []
    before = {}
    for number, step in enumerate([None, *truth["taken"]], 1):
        report = read_report(context, "%s.%d" % (dump, number))
        check_invariants(report, with_losses=True)  # a frame that moved under a walk
        after = amounts_of(report.python(truth["pid"]), truth["taken"])
        if step:
            wrong += differences(step, truth["taken"][step] / MB, before, after)
        before = after
        os.unlink("%s.%d" % (dump, number))
    os.unlink(dump)
    check_all(["%s, run %d: %s" % (name, run, one) for one in wrong])


def command_for(context, name):
    """(Python, environment)."""
    if name != "torch":
        return PYTHON, {}
    pythons = [python for python in find_interpreters()
               if python.kind == "pyenv" and python.minor == TORCH_PYTHON]
    if not pythons:
        raise Skip("there is no Python 3.10 of pyenv for torch")
    return pythons[0].command[0], {"PYTHONPATH": os.path.join(CACHE, "torch", "3.10")}


def check_library(context, name):
    python, environment = command_for(context, name)
    if context.run([python, "-c", "import " + name], env=environment).status:
        raise Skip("there is no %s: tools/setup --libraries" % name)
    for run in range(RUNS):
        check_run(context, name, run, python, environment)


def register(name):
    def library(context):
        check_library(context, name)
    library.__name__ = "library_" + name
    library.__doc__ = "%s, five runs." % name
    test(interpreters="one", long=True)(library)


for one in ("pandas", "pyarrow", "polars", "numba", "numpy", "lightgbm", "torch"):
    register(one)
