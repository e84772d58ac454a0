"""A long, call-bound real program: a wing optimised with SLSQP in OpenMDAO and OpenAeroStruct.

Arguments: iterations, spanwise points. MEMPROBE_COUNT: counts the calls of OpenMDAO's System
methods by sys.setprofile into MEMPROBE_TRUTH, as {"file:line": calls}.
"""
import collections
import json
import os
import sys

import openmdao_aerostruct as aerostruct
import openmdao.api as om

COUNTS = collections.Counter()
SYSTEM = os.path.join("openmdao", "core", "system.py")


def count(frame, event, argument):
    if event == "call" and frame.f_code.co_filename.endswith(SYSTEM):
        COUNTS[frame.f_code.co_firstlineno] += 1


def prepare(iterations, spanwise):
    aerostruct.CHORDWISE = 3
    problem = aerostruct.make_problem(spanwise)
    problem.driver = om.ScipyOptimizeDriver(optimizer="SLSQP", tol=1e-12, maxiter=iterations)
    problem.driver.options["disp"] = False
    model = problem.model
    model.add_design_var("wing.twist_cp", lower=-10.0, upper=15.0)
    model.add_design_var("wing.thickness_cp", lower=0.01, upper=0.5, scaler=1e2)
    model.add_constraint("point.wing_perf.failure", upper=0.0)
    model.add_objective("point.fuelburn", scaler=1e-5)
    return problem


def main():
    problem = prepare(int(sys.argv[1]), int(sys.argv[2]))
    problem.setup()
    problem.run_driver()
    return float(problem.get_val("point.fuelburn")[0])


if __name__ == "__main__":
    if os.environ.get("MEMPROBE_COUNT"):
        sys.setprofile(count)
    fuelburn = main()
    sys.setprofile(None)
    print("fuelburn %.6f" % fuelburn)
    if os.environ.get("MEMPROBE_COUNT"):
        with open(os.environ["MEMPROBE_TRUTH"], "w") as file:
            json.dump(COUNTS, file)
