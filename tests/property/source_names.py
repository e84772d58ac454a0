"""Qualified names from source text against those that CPython compiled.

    source_names.py TOOL [--long] [VERSION...]     run by any Python: pyenv's 3.6 to 3.10, if there
    source_names.py --check TOOL PATH...           run by the Python to compare with

Without --long a part of the standard library, with it all of it, lib/python3.X/test included.
"""
import dis
import glob
import os
import subprocess
import sys
import time
import types
import warnings

SKIPPED = 77
VERSIONS = ["3.6", "3.7", "3.8", "3.9", "3.10"]
OWN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "source_names")
SHORT = ["[a-d]*.py", "t*.py", "asyncio", "collections", "unittest", "test/test_[d-g]*.py"]
SHOWN = 40


# ---- what CPython compiled ----

def body_name(instructions):
    """What the body of a class stores as __qualname__: the first thing it does."""
    for one, after in zip(instructions[:4], instructions[1:5]):
        if one.opname == "LOAD_CONST" and after.argval == "__qualname__":
            return one.argval
    return None


def instructions_of(code):
    return [one for one in dis.get_instructions(code) if one.opname != "EXTENDED_ARG"]


def walk(code):
    """(name, first line, qualified name) of all code objects within, from the instructions that
    make functions of them: LOAD_CONST code, LOAD_CONST qualified name, MAKE_FUNCTION."""
    instructions = instructions_of(code)
    for index, one in enumerate(instructions):
        if one.opname != "LOAD_CONST" or not isinstance(one.argval, types.CodeType):
            continue
        inner, qualified = one.argval, instructions[index + 1].argval
        assert instructions[index + 2].opname == "MAKE_FUNCTION"
        qualified = body_name(instructions_of(inner)) or qualified
        yield inner.co_name, inner.co_firstlineno, qualified
        yield from walk(inner)


def names_of(path):
    """{(name, line): qualified names}, None where the file does not compile."""
    try:
        with open(path, "rb") as stream:
            code = compile(stream.read(), path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names = {}
    for name, line, qualified in walk(code):
        names.setdefault((name, line), []).append(qualified)
    return names


# ---- comparing ----

def sources(paths):
    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        for directory, _, files in sorted(os.walk(path)):
            if "site-packages" not in directory[len(path):]:
                yield from (os.path.join(directory, name) for name in sorted(files)
                            if name.endswith(".py"))


def ask(tool, questions):
    lines = []
    for path, names in questions:
        lines.append("=%d\t%s" % (sys.version_info[1], path))
        lines += ["?%d\t%s" % (line, name) for name, line in names]
    process = subprocess.run([tool], input="\n".join(lines + [""]).encode(), stdout=subprocess.PIPE,
                             check=True)
    return process.stdout.decode().split("\n")[:-1]


def check(tool, paths):
    questions = [(path, names_of(path)) for path in sources(paths)]
    compiled = [(path, names) for path, names in questions if names is not None]
    answers = ask(tool, compiled)
    rows = [(path, place, truth) for path, names in compiled for place, truth in names.items()]
    assert len(answers) == len(rows)
    wrong = [(row, answer) for row, answer in zip(rows, answers) if answer not in row[2]]
    for (path, (name, line), truth), answer in wrong[:SHOWN]:
        print("  %s:%d: %s is %s, not %s" % (path, line, name, " or ".join(truth), answer))
    print("%s: %d files, %d do not compile, %d code objects, %d differ, %d share name and line with "
          "another of another qualified name" % (
              sys.version.split()[0], len(questions), len(questions) - len(compiled),
              sum(len(truth) for _, _, truth in rows), len(wrong),
              sum(len(set(truth)) > 1 for _, _, truth in rows)))
    broken = [path for path, names in questions if names is None and path.startswith(OWN)]
    return 1 if wrong or broken or not rows else 0


# ---- interpreters ----

def library_of(version):
    found = glob.glob(os.path.expanduser("~/.pyenv/versions/%s.*/lib/python%s" % (version, version)))
    return sorted(found)[-1] if found else None


def run(tool, version, is_long):
    library = library_of(version)
    if not library:
        print("%s: skipped, pyenv has none" % version)
        return None
    python = os.path.join(library, "..", "..", "bin", "python" + version)
    paths = [library] if is_long else sum(
        (sorted(glob.glob(os.path.join(library, part))) for part in SHORT), [])
    paths += sorted(glob.glob(os.path.join(OWN, "*.py")))
    begin = time.monotonic()
    status = subprocess.run([python, "-W", "ignore", __file__, "--check", tool] + paths).returncode
    print("%s: %.1f s" % (version, time.monotonic() - begin), flush=True)
    return status


def main(arguments):
    if arguments[0] == "--check":
        warnings.simplefilter("ignore")
        return check(arguments[1], arguments[2:])
    is_long = "--long" in arguments
    versions = [one for one in arguments[1:] if one != "--long"] or VERSIONS
    results = [run(arguments[0], version, is_long) for version in versions]
    if all(result is None for result in results):
        return SKIPPED
    return 1 if any(results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
