"""The Pythons that tests run under: as tools/interpreters lists them, or as found."""
import glob
import os
import shlex
import subprocess

from harness import CACHE, REPOSITORY


class Interpreter:
    def __init__(self, name, version, kind, command):
        self.name = name
        self.version = version
        self.kind = kind
        self.command = command
        self.minor = tuple(int(part) for part in version.split(".")[:2])
        self.is_free_threaded = name.endswith("t")
        self.has_jit = False  # on, as a test wishes
        self.environment = numpy_environment(self)

    def has_qualified_names(self):
        """Code objects know their qualified names from 3.11 on."""
        return self.minor >= (3, 11)


def numpy_environment(python):
    """A numpy of the cache for interpreters that have none: CACHE/numpy/X.Y."""
    directory = os.path.join(CACHE, "numpy", "%d.%d" % python.minor)
    if python.kind == "pyenv" and os.path.isdir(directory):
        return {"PYTHONPATH": directory}
    return {}


def listed():
    tool = os.path.join(REPOSITORY, "tools", "interpreters")
    if not os.access(tool, os.X_OK):
        return []
    lines = subprocess.run([tool, "list"], stdout=subprocess.PIPE, check=True).stdout.decode()
    rows = [line.split("\t", 3) for line in lines.splitlines() if line]
    return [Interpreter(name, version, kind, shlex.split(command))
            for name, version, kind, command in rows]


def scanned():
    found = []
    places = [("system", "/usr/bin/python3.*[0-9]"),
              ("pyenv", os.path.expanduser("~/.pyenv/versions/3.*/bin/python3"))]
    for kind, pattern in places:
        for program in sorted(glob.glob(pattern)):
            text = subprocess.run([program, "--version"], stdout=subprocess.PIPE,
                                  check=True).stdout.decode()
            version = text.split()[1]
            found.append(Interpreter("%s-%s" % (kind, version), version, kind, [program]))
    return found


def find_interpreters():
    """The system's first, then by version."""
    kinds = {"system": 0, "pyenv": 1, "debian": 2, "built": 3}
    return sorted(listed() or scanned(), key=lambda one: (kinds.get(one.kind, 4), one.minor))


class Absent:
    """An interpreter that a test asks for by name and that is not here."""

    def __init__(self, name):
        self.name = name
        self.reason = NOT_TO_BE_HAD.get(name, "tools/interpreters fetch %s brings it" % name)


# Debian has no free-threaded package; of these two only the binaries could be downloaded.
NO_SOURCE = "no package has this build, and its source is not in the archive that is reached here"
NOT_TO_BE_HAD = {"built-3.14t": NO_SOURCE, "built-3.15t": NO_SOURCE}


def by_name(found, name):
    """One of a name; of a kind and version ("pyenv-3.12") the first there is."""
    return next((one for one in found if one.name == name or one.name.startswith(name + ".")),
                Absent(name))


def choose(found, which, long):
    """Those that a test of this kind runs under: "all", "few" (one of each generation), "one", or
    those of some names, of which these words may be some."""
    if isinstance(which, tuple):
        chosen = [one for name in which for one in (
            choose(found, name, long) if name in ("all", "few", "one") else [by_name(found, name)])]
        return list({one.name: one for one in chosen}.values())
    usual = [one for one in found if one.kind not in ("debian", "built")] or found
    if which == "one":
        return usual[:1]
    if which == "all" or long:
        return found if long else usual
    return few(usual)


def few(found):
    """The first (the system's), and one Python of each way to keep frames."""
    wanted, taken = [(3, 8), (3, 13)], found[:1]
    for minor in wanted:
        taken += [one for one in found[1:] if one.minor == minor][:1]
    return taken
