"""Imports many small generated modules; some grow memory in their <module>, one in a package.

`modules` tells what each module's body grew: [path, bytes].
"""
import importlib
import os
import sys
import tempfile

from truth import Truth, size

TRUTH = Truth()
PLAIN = "def unused_{number}():\n    return {number}\n"
GROWING = PLAIN + "KEPT = bytearray({length})\n"
CHAIN = "import {inner}\nKEPT = bytearray({length})\n"


def write_modules(folder, count):
    grown = []
    for number in range(count):
        growing = number % 20 == 0
        path = os.path.join(folder, "generated_%d.py" % number)
        with open(path, "w") as file:
            file.write((GROWING if growing else PLAIN).format(number=number, length=size(2)))
        if growing:
            grown.append([path, size(2)])
    return grown


def write_chain(folder):
    """outer_module imports package.inner_module: a tree of modules without import frames."""
    package = os.path.join(folder, "package")
    os.mkdir(package)
    files = [(os.path.join(package, "__init__.py"), ""),
             (os.path.join(package, "inner_module.py"), "KEPT = bytearray(%d)\n" % size(3)),
             (os.path.join(folder, "outer_module.py"),
              CHAIN.format(inner="package.inner_module", length=size(4)))]
    for path, text in files:
        with open(path, "w") as file:
            file.write(text)
    return [[files[1][0], size(3)], [files[2][0], size(4)]]


def import_all(count):
    for number in range(count):
        importlib.import_module("generated_%d" % number)
    importlib.import_module("outer_module")


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as folder:
        modules = write_modules(folder, count) + write_chain(folder)
        sys.path.insert(0, folder)
        sys.dont_write_bytecode = True
        import_all(count)
        TRUTH.facts["modules"] = modules
        TRUTH.write()


if __name__ == "__main__":
    main()
