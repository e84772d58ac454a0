"""What IPython leaves in a process, without IPython: modules, the shell, its table of cells."""
import ctypes
import os
import sys
import time
import types

from truth import address_of, anonymous, size

KEPT = []
CELL = "take({0})"
FUNCTION = "def grow():\n    take({0})\ngrow()\n"


def take(megabytes):
    mapping = anonymous(size(megabytes))
    KEPT.append(mapping)
    ctypes.memset(address_of(mapping), 1, len(mapping))


class Compiler:
    def __init__(self, folder):
        # Numbers that are none must not be believed: too long, negative, no int.
        self._filename_map = {folder + "/1.py": 3, folder + "/2.py": 12, folder + "/3.py": (1 << 30) - 1,
                              folder + "/4.py": 1 << 70, folder + "/5.py": -5, folder + "/6.py": "12"}


class History:
    def __init__(self):
        self._trait_values = {"input_hist_parsed": [""] * 12 + [FUNCTION.format(0.125)]}


class Shell:
    def __init__(self, folder):
        self.compile = Compiler(folder)
        self._trait_values = {"history_manager": History()}


class InteractiveShell:
    _instance = None


def install(folder):
    for name in ("IPython", "IPython.core", "IPython.core.interactiveshell"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules[name].InteractiveShell = InteractiveShell
    InteractiveShell._instance = Shell(folder)


def run(name, text, megabytes):
    exec(compile(text.format(megabytes), name, "exec"), {"take": take})


def main():
    folder = "/tmp/ipykernel_%d" % os.getpid()
    install(folder)
    while sys.argv[1:] == ["again"] and os.path.exists(os.environ["MEMPROBE_WAIT"]):
        run(folder + "/2.py", FUNCTION, 0.125)
        time.sleep(0.05)
    run(folder + "/1.py", CELL, 4)
    run(folder + "/2.py", FUNCTION, 6)
    for number in range(3, 8):
        run(folder + "/%d.py" % number, CELL, 3)
    run("<ipython-input-7-1a2b3c>", CELL, 5)
    run("/tmp/ipykernel_x/1.py", CELL, 2)
    run("<ipython-input-x-1>", CELL, 2)
    while os.path.exists(os.environ.get("MEMPROBE_WAIT", "")):
        time.sleep(0.05)


if __name__ == "__main__":
    main()
