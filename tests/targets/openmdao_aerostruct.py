"""A real program: an aerostructural analysis of a wing with OpenMDAO and OpenAeroStruct.

Needs both packages from PyPI (SKIP without). Argument: spanwise points of the half wing; the
default grows more than 500 MB. OPENMDAO_REPORTS=0 keeps OpenMDAO from writing report files.
"""
import os
import sys

os.environ.setdefault("OPENMDAO_REPORTS", "0")

from truth import SCALE, Truth  # noqa: E402

NOT_INSTALLED = 77
try:
    import numpy as np
    import openmdao.api as om
    from openaerostruct.integration.aerostruct_groups import AerostructGeometry, AerostructPoint
    from openaerostruct.meshing.mesh_generator import generate_mesh
except ImportError as error:
    print("skipped: %s" % error, file=sys.stderr)
    sys.exit(NOT_INSTALLED)

TRUTH = Truth()
CHORDWISE = 13
FLIGHT = [("v", 248.136, "m/s"), ("alpha", 5.0, "deg"), ("Mach_number", 0.84, None),
          ("re", 1.0e6, "1/m"), ("rho", 0.38, "kg/m**3"), ("CT", 9.80665 * 17.0e-6, "1/s"),
          ("R", 11.165e6, "m"), ("W0", 0.4 * 3e5, "kg"), ("speed_of_sound", 295.4, "m/s"),
          ("load_factor", 1.0, None), ("empty_cg", np.zeros(3), "m")]


def make_surface(spanwise):
    mesh, twist = generate_mesh({
        "num_y": 2 * spanwise - 1, "num_x": CHORDWISE, "wing_type": "CRM", "symmetry": True,
        "num_twist_cp": 5})
    return {
        "name": "wing", "symmetry": True, "S_ref_type": "wetted", "mesh": mesh,
        "twist_cp": twist, "thickness_cp": np.array([0.1, 0.2, 0.3]), "fem_model_type": "tube",
        "CL0": 0.0, "CD0": 0.015, "k_lam": 0.05, "t_over_c_cp": np.array([0.15]),
        "c_max_t": 0.303, "with_viscous": True, "with_wave": False, "E": 70e9, "G": 30e9,
        "yield": 500e6 / 2.5, "mrho": 3e3, "fem_origin": 0.35, "wing_weight_ratio": 2.0,
        "struct_weight_relief": False, "distributed_fuel_weight": False,
        "exact_failure_constraint": False}


def connect_surface(model, point, name):
    model.connect(name + ".local_stiff_transformed",
                  point + ".coupled." + name + ".local_stiff_transformed")
    model.connect(name + ".nodes", point + ".coupled." + name + ".nodes")
    model.connect(name + ".mesh", point + ".coupled." + name + ".mesh")
    for inner in ("radius", "thickness", "nodes"):
        model.connect(name + "." + inner, point + "." + name + "_perf." + inner)
    for inner, outer in (("cg_location", "cg_location"), ("structural_mass", "structural_mass")):
        model.connect(name + "." + inner, point + ".total_perf." + name + "_" + outer)
    model.connect(name + ".t_over_c", point + "." + name + "_perf.t_over_c")


def make_problem(spanwise):
    problem = om.Problem(reports=False)
    values = problem.model.add_subsystem("flight", om.IndepVarComp(), promotes=["*"])
    for name, value, units in FLIGHT:
        values.add_output(name, val=value, units=units)
    surface = make_surface(spanwise)
    problem.model.add_subsystem("wing", AerostructGeometry(surface=surface))
    problem.model.add_subsystem(
        "point", AerostructPoint(surfaces=[surface]),
        promotes_inputs=[name for name, _, _ in FLIGHT])
    connect_surface(problem.model, "point", "wing")
    return problem


def main():
    spanwise = int(sys.argv[1]) if len(sys.argv) > 1 else max(5, int(31 * SCALE))
    problem = make_problem(spanwise)
    problem.setup()
    problem.run_model()
    TRUTH.facts["fuelburn"] = float(problem.get_val("point.fuelburn")[0])
    TRUTH.write()


if __name__ == "__main__":
    main()
