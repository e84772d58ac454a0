# SPDX-License-Identifier: BSD-2-Clause
"""Real programs that tools/bench/run times: suite.py NAME [ROUNDS].

The ten programs of pyperformance that Scalene's paper (OSDI'23) takes, each looped to three seconds
or so, and others that end early. pyperformance's own runner would start processes of its own; here
a program is what it calls, again and again, in one process. With MEMPROBE_BENCH_CPU in the
environment the process leaves its CPU seconds, its children's included, in the file of that name.
"""
import importlib.util
import os
import resource
import subprocess
import sys


def load(name):
    """pyperformance's program, which only defines things when it is imported."""
    package = importlib.util.find_spec("pyperformance").submodule_search_locations[0]
    file = os.path.join(package, "data-files", "benchmarks", "bm_" + name, "run_benchmark.py")
    spec = importlib.util.spec_from_file_location("bm_" + name, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def async_tree(kind):
    def run(rounds):
        import asyncio

        tree = load("async_tree").BENCHMARKS[kind]
        for _ in range(rounds):
            asyncio.run(tree().run())
    return run


def docutils(rounds):
    program = load("docutils")
    program.bench_docutils(rounds, program.DOC_ROOT)


def fannkuch(rounds):
    program = load("fannkuch")
    for _ in range(rounds):
        program.fannkuch(program.DEFAULT_ARG)


def mdp(rounds):
    load("mdp").bench_mdp(rounds)


def pprint(rounds):
    program = load("pprint")
    for _ in range(rounds):
        program.p._safe_repr(program.printable, {}, None, 0)


def raytrace(rounds):
    program = load("raytrace")
    program.bench_raytrace(rounds, program.DEFAULT_WIDTH, program.DEFAULT_HEIGHT, None)


def sympy(rounds):
    program = load("sympy")
    for name in program.BENCHMARKS:
        program.bench_sympy(rounds, getattr(program, "bench_" + name))


def fib(rounds, size=27):
    def call(n):
        return n if n < 2 else call(n - 1) + call(n - 2)

    for _ in range(rounds):
        call(size)


def imports(name):
    def run(rounds):
        __import__(name)
    return run


def work(_):
    fib(1, 24)


def pool(rounds):
    """Workers of calls, forked."""
    import multiprocessing

    with multiprocessing.get_context("fork").Pool(4) as workers:
        workers.map(work, range(rounds))


def forks(rounds):
    """Children that all run at once."""
    children = []
    for _ in range(rounds):
        pid = os.fork()
        if not pid:
            work(1)
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)


def short(rounds):
    for _ in range(rounds):
        subprocess.run([sys.executable, "-S", "-c", "pass"], check=True)


PROGRAMS = {  # name: what runs, rounds
    "async_tree_none": (async_tree("none"), 3),
    "async_tree_io": (async_tree("io"), 1),
    "async_tree_cpu_io_mixed": (async_tree("cpu_io_mixed"), 2),
    "async_tree_memoization": (async_tree("memoization"), 2),
    "docutils": (docutils, 1),
    "fannkuch": (fannkuch, 6),
    "mdp": (mdp, 1),
    "pprint": (pprint, 2),
    "raytrace": (raytrace, 6),
    "sympy": (sympy, 2),
    "fib": (fib, 20),
    "import_openmdao": (imports("openmdao.api"), 1),
    "import_sympy": (imports("sympy"), 1),
    "pool": (pool, 60),
    "forks": (forks, 500),
    "short": (short, 300),
}


def main():
    run, rounds = PROGRAMS[sys.argv[1]]
    run(int(sys.argv[2]) if len(sys.argv) > 2 else rounds)
    if "MEMPROBE_BENCH_CPU" in os.environ:
        usages = [resource.getrusage(who)
                  for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        with open(os.environ["MEMPROBE_BENCH_CPU"], "w") as file:
            file.write(str(sum(usage.ru_utime + usage.ru_stime for usage in usages)))


if __name__ == "__main__":
    main()
