"""Builds of CPython beside the usual ones: known amounts stand on known paths under each."""
import copy
import glob
import os
import re
import shutil

import test_calls
import test_growth
from capture import capture, read_truth
from harness import (CACHE, LIBRARIES, REPOSITORY, TARGETS, Skip, check, check_all, check_equal, size_of,
                     test, tolerance)
from interpreters import Absent, by_name, find_interpreters
from tree import ancestors, check_invariants

SUBINTERPRETERS = ("pyenv-3.8", "pyenv-3.9", "pyenv-3.10", "pyenv-3.11", "system-3.11",
                   "pyenv-3.12", "pyenv-3.13", "built-3.13t", "debian-3.14", "debian-3.15")
FREE_THREADED = ("built-3.13t", "built-3.14t", "built-3.15t")


def wrong_totals(process, functions):
    """Functions whose growth with all below is not what they took."""
    wrong = []
    for function in functions:
        seen = process.below("growth", process.named(function["function"]))
        if abs(seen - function["self"]) > tolerance(function["self"]):
            wrong.append("%s is %d, expected %d" % (function["function"], seen, function["self"]))
    return wrong


@test(interpreters=FREE_THREADED)
def free_threaded_sizes(context):
    """What each function took by its own reading. It is not what it asked for: mimalloc, from which
    these builds take objects, keeps what is freed."""
    taken = capture(context, context.target("known_sizes.py"))
    check_invariants(taken.report)
    for function in taken.truth["functions"]:
        function["expected"] = None
    test_growth.compare_functions(taken.process(), taken.truth, context.python)


@test(interpreters=FREE_THREADED)
def free_threaded_at_once(context):
    """Four threads in Python code at once, through one function: each path has its own."""
    taken = capture(context, context.target("free_threads.py"))
    check_invariants(taken.report)
    check(not taken.truth["gil"], "the GIL was on")
    check_all(wrong_totals(taken.process(), taken.truth["functions"]))


@test(interpreters=FREE_THREADED)
def free_threaded_calls(context):
    test_calls.calls_exact(context)


def own_growth(process, functions):
    """Functions whose own growth is not what they took; their files tell them from others."""
    wrong = []
    for function in functions:
        seen = process.own("growth", process.named(function["function"]))
        if abs(seen - function["self"]) > tolerance(function["self"]):
            wrong.append("%s is %d, expected %d" % (function["function"], seen, function["self"]))
    return wrong


IN_MAIN = ("outside", "beside")
ABOVE_OTHERS = {"in_turn", "run", "run_in", "main"}  # of the main interpreter


def check_roots(process, functions):
    """What ran in a subinterpreter does not hang below the main one's functions."""
    for function in functions:
        for node in process.named(function["function"]):
            above = [one["function"] for one in ancestors(node)]
            check(function["function"] in IN_MAIN or not ABOVE_OTHERS.intersection(above),
                  "%s hangs below %s" % (function["function"], above))


@test(interpreters=SUBINTERPRETERS)
def subinterpreters(context):
    """By module and by pool, in turn and on threads at once, which have made their interpreters or
    not, with the GIL and without."""
    taken = capture(context, context.target("subinterpreters.py"), "--calls=exact")
    check_invariants(taken.report)
    process, functions = taken.process(), taken.truth["functions"]
    check(len(functions) > 10, "only %d functions" % len(functions))
    check_all(own_growth(process, functions))
    check_roots(process, functions)
    check_equal("losses", [loss for loss in process["losses"]
                           if loss["reason"].startswith("thread_")], [])
    if context.python.kind != "debian" and context.python.minor >= (3, 12):  # no shell, no bounds
        check_all(["%s has %s calls" % (node["function"], node["calls"])
                   for function in functions for node in process.named(function["function"])
                   if node["calls"] != (1 if function["function"] in IN_MAIN else 4)])
    skipped = ["%s (%s)" % tuple(pair) for pair in taken.truth["skipped"]]
    return "without " + ", ".join(skipped) if skipped else taken.truth["how"]


# Programs with a Python inside

def library_of(python, pattern):
    """A libpython of an interpreter; pattern has %s for "3.11" or, up to 3.7, "3.7m"."""
    places = {"system": [LIBRARIES, "/usr/lib/python%s/config-*" % "%d.%d" %
                         python.minor],
              "debian": [os.path.join(CACHE, "interpreters", python.name,
                                      LIBRARIES.lstrip("/"))]}
    prefix = os.path.dirname(os.path.dirname(python.command[0]))
    default = [os.path.join(prefix, "lib"), os.path.join(prefix, "lib/python*/config-*")]
    for place in places.get(python.kind, default):
        for found in glob.glob(os.path.join(place, pattern % ("%d.%d*" % python.minor))):
            return found
    raise Skip("it has no %s" % (pattern % ("%d.%d" % python.minor)))


def embed(context, pattern, *options, source="embed.c"):
    """From here on the test's interpreter is tests/targets/embed.c, linked with a libpython."""
    compiler = shutil.which("cc")
    if not compiler:
        raise Skip("there is no compiler")
    library, program = library_of(context.python, pattern), context.path("embed")
    result = context.run([compiler, "-O1", "-rdynamic", "-o", program,
                          os.path.join(TARGETS, source), library,
                          "-Wl,-rpath," + os.path.dirname(library),
                          "-Wl,--allow-shlib-undefined", *options])
    check_equal("status of cc (%s)" % result.errors[-200:], result.status, 0)
    python = context.python = copy.copy(context.python)
    if python.kind == "debian":
        tool = os.path.join(REPOSITORY, "tools", "interpreters")
        python.command = [tool, "exec", python.name, program]
    else:
        python.command = [program]


def check_embedded(context):
    """What C calls, in the main thread and in one of its own, and what the script does itself."""
    taken = capture(context, context.target("embedded.py"))
    check_invariants(taken.report)
    process = taken.process()
    check_all(wrong_totals(process, taken.truth["functions"]))
    # What C takes between its calls: nothing shuts down.
    check(process.own("grown", process.of_kind("native")) >= size_of(9), "the 9 MB of C are missing")
    check(process.own("grown", process.of_kind("shutdown")) < size_of(1), "[shutdown] grew 1 MB")


SHARED = "libpython%s.so.1.0"
STATIC_OPTIONS = ("-lm", "-ldl", "-lutil", "-lpthread", "-lz", "-lexpat")


@test(interpreters=("pyenv-3.6", "pyenv-3.8", "system-3.11", "pyenv-3.12", "pyenv-3.13",
                    "debian-3.14", "debian-3.15"))
def embedded_shared(context):
    embed(context, SHARED)
    check_embedded(context)


@test(interpreters=("pyenv-3.8", "system-3.11", "pyenv-3.12", "pyenv-3.13"))
def embedded_static(context):
    """Debian's archive is no position independent code, so its program has a fixed address."""
    fixed = ("-no-pie",) if context.python.kind == "system" else ()
    embed(context, "libpython%s.a", *STATIC_OPTIONS, *fixed)
    check_embedded(context)


@test(interpreters=("pyenv-3.6", "pyenv-3.8", "system-3.11", "pyenv-3.12", "pyenv-3.13",
                    "debian-3.14", "debian-3.15"))
def python_begun_again(context):
    """Each Python of one process has a pthread key of its own; the former is another library's."""
    embed(context, SHARED, source="reinit.c")
    taken = capture(context, context.python.command, "--calls=off")
    check_invariants(taken.report)
    process = taken.report.python()
    grown = process.own("grown", process.named("take"))
    check(size_of(20) <= grown <= size_of(20.2), "take() grew %d, expected 20 MB" % grown)
    check(process.own("grown", process.of_kind("shutdown")) < size_of(1), "[shutdown] grew 1 MB")


@test(interpreters=("debian-3.15",))
def dynamic_thread_local(context):
    """3.15's thread state in the dynamic TLS of libpython3.15.so: all known sizes, twins, threads."""
    embed(context, SHARED)
    test_growth.known_sizes(context)
    test_growth.twins(context)
    test_growth.threads(context)


# The JIT

def turn_on_jit(context):
    """From here on the test's interpreter has its JIT on."""
    context.environment["PYTHON_JIT"] = "1"
    context.python.has_jit = True
    context.at_end(setattr, context.python, "has_jit", False)
    result = context.run(context.python.command +
                         ["-c", "import sys; sys.exit(not sys._jit.is_enabled())"])
    check_equal("status without a JIT", result.status, 0)


@test(interpreters=("debian-3.14", "debian-3.15"))
def jit_sizes(context):
    """Known sizes and twins, which touch pages in loops that the JIT compiles."""
    turn_on_jit(context)
    test_growth.known_sizes(context)
    test_growth.twins(context)


@test(interpreters=("debian-3.14", "debian-3.15"))
def jit_calls(context):
    """Ends of frames are counted, also on 3.15, whose USDT probes the JIT passes by."""
    turn_on_jit(context)
    test_calls.calls_attached(context)


@test(interpreters=("debian-3.15",))
def jit_unforeseen(context):
    """A 3.15 that gets PYTHON_JIT on the way: no counts, and why."""
    sleeper = context.python.command + ["-c", "import time; time.sleep(5)"]
    taken = capture(context, ["/usr/bin/env", "PYTHON_JIT=1"] + sleeper, "--calls=exact")
    calls = taken.report.python()["calls"]
    check("PYTHON_JIT" in calls["reason"], "the reason is %r" % calls["reason"])


# Two Pythons in one tree

STARTS = {"system-3.11": "pyenv-3.9", "pyenv-3.9": "debian-3.15", "pyenv-3.13": "system-3.11",
          "pyenv-3.12": "built-3.13t", "debian-3.14": "pyenv-3.6"}


@test(interpreters=tuple(STARTS))
def mixed_versions(context):
    """A Python starts another: every known size of the other, and what the first took around it."""
    other = by_name(find_interpreters(), next(STARTS[name] for name in STARTS
                                              if context.python.name.startswith(name)))
    if isinstance(other, Absent):
        raise Skip(other.reason)
    taken = capture(context, context.target("mixed.py", *other.command),
                    env=other.environment if other.kind == "pyenv" else {})
    check_invariants(taken.report)
    check_equal("status of the child", taken.truth["status"], 0)
    process = taken.process()
    test_growth.compare_functions(process, taken.truth, context.python)
    child_truth = read_truth(taken.dump.replace("dump", "truth") + ".child")
    for function in child_truth["functions"] if other.kind == "built" else []:
        function["expected"] = None
    children = taken.report.of_pid(child_truth["pid"])  # what is before the exec, too
    child = next((one for one in children if one["python"] == child_truth["python"]), None)
    check(child, "the child has %r" % [one["python"] for one in children])
    check_equal("the first's version", process["python"], taken.truth["python"])
    test_growth.compare_functions(child, child_truth, other)


# A version that is not known yet

DEBUG_OFFSETS_BYTES, FRAME_SIZE_WORD = 888, 312


def future_of(code, damaged):
    """A 3.15 that says that it is a 3.16: in constants (Py_Version is one) and in _Py_DebugOffsets;
    damaged: that has a word more where the offsets of frames begin."""
    code = bytearray(code)
    constants = re.finditer(rb"(?<=\0{4})\xf0.\x0f\x03\0{4}", bytes(code), re.S)
    cookie = re.search(rb"xdebugpy\xf0.\x0f\x03", code, re.S).start()
    for version in [found.start() for found in constants] + [cookie + 8]:
        code[version + 2] = 16
    if damaged:
        begin, end = cookie + FRAME_SIZE_WORD, cookie + DEBUG_OFFSETS_BYTES
        code[begin:end] = bytes([16]) + bytes(7) + code[begin:end - 8]
    return code


def become_future(context, damaged=False):
    """From here on the test's interpreter is that."""
    program, python = context.path("python3.16"), copy.copy(context.python)
    directory = os.path.join(CACHE, "interpreters", python.name)
    with open(os.path.join(directory, "usr/bin/python3.15"), "rb") as file:
        code = future_of(file.read(), damaged)
    with open(program, "wb") as file:
        file.write(code)
    os.chmod(program, 0o755)
    context.environment["PYTHONHOME"] = "/usr"
    tool = os.path.join(REPOSITORY, "tools", "interpreters")
    python.command = [tool, "exec", python.name, program]
    context.python = python


@test(interpreters=("debian-3.15",))
def future_version(context):
    """Walked by what it says of itself, with one note; no calls."""
    become_future(context)
    taken = capture(context, context.target("known_sizes.py"))
    check_invariants(taken.report)
    process, errors = taken.process(), taken.result.errors
    check_equal("python", process["python"].rsplit(".", 1)[0], "3.16")
    check_equal("notes", errors.count("not verified"), 1)
    check_equal("calls", process["calls"]["method"], "none")
    test_growth.compare_functions(process, taken.truth, context.python)


@test(interpreters=("debian-3.15",))
def future_version_unknown(context):
    """What it says makes no sense: booked by thread, with a warning, and the books balance."""
    become_future(context, damaged=True)
    taken = capture(context, context.target("known_sizes.py"))
    check_invariants(taken.report)
    check("cannot walk 'python 3.16" in taken.result.errors, taken.result.errors[-300:])
    process = taken.process()
    check(not process.of_kind("python"), "a path of Python")
    check(process.of_kind("native"), "no native thread")


# Debug builds

DEBUG = ("debian-3.11-dbg", "debian-3.13-dbg", "debian-3.15-dbg")


@test(interpreters=DEBUG)
def debug_sizes(context):
    test_growth.known_sizes(context)
    test_growth.threads(context)


@test(interpreters=DEBUG)
def debug_calls(context):
    test_calls.calls_attached(context)
