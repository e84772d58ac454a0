"""OpenMDAO beside one leak: Problem.setup in a loop, and a component that keeps 0.5 MB each time.

Arguments: how often, in how many seconds. Exits with 77 where there is no OpenMDAO.
"""
import os
import sys
import time

os.environ.setdefault("OPENMDAO_REPORTS", "0")

from truth import Truth  # noqa: E402

NOT_INSTALLED = 77
try:
    import numpy as np
    import openmdao.api as om
except ImportError as error:
    print("skipped: %s" % error, file=sys.stderr)
    sys.exit(NOT_INSTALLED)

TRUTH = Truth()
KEPT_ITEMS = (512 << 10) // 8
SIZE = 20000
HISTORY = []


class Wing(om.ExplicitComponent):
    def setup(self):
        self.add_input("span", np.ones(SIZE))
        self.add_output("area", np.ones(SIZE))
        self.declare_partials("area", "span", rows=np.arange(SIZE), cols=np.arange(SIZE))

    def compute(self, inputs, outputs):
        outputs["area"] = 2.0 * inputs["span"]

    def compute_partials(self, inputs, partials):
        partials["area", "span"] = 2.0


class Remembering(om.ExplicitComponent):
    """Keeps what it should not."""

    def setup(self):
        self.add_input("area", np.ones(SIZE))
        self.add_output("cost", 0.0)
        self.remember()

    def remember(self):
        HISTORY.append(np.ones(KEPT_ITEMS))

    def compute(self, inputs, outputs):
        outputs["cost"] = inputs["area"].sum()


def make_problem():
    problem = om.Problem(reports=False)
    problem.model.add_subsystem("wing", Wing(), promotes=["*"])
    problem.model.add_subsystem("cost", Remembering(), promotes=["*"])
    return problem


def main():
    count, seconds = int(sys.argv[1]), float(sys.argv[2])
    problem = make_problem()
    begin = time.monotonic()
    for number in range(count):
        problem.setup()
        problem.run_model()
        time.sleep(max(0, begin + (number + 1) * seconds / count - time.monotonic()))
    TRUTH.facts["kept"] = sum(array.nbytes for array in HISTORY)
    TRUTH.facts["blocks"] = len(HISTORY)
    TRUTH.write()


if __name__ == "__main__":
    main()
