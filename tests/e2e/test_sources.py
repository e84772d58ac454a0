"""Names and texts of sources are those of the file that the process read, not of another that lies at the
same path for another process, for memprobe, or by now."""
import os
import shutil
import signal

from capture import Served, last_lines, memprobe, record, read_report
from harness import MEMPROBE, TARGETS, Skip, check, check_equal, test, wait_until

OLD = ("pyenv-3.8",)  # code objects of before 3.11 have no qualified names
SOURCE = "class %s:\n    def grow(self):\n        return 'of %s'\n"
# $1 is mounted over $2 for what follows alone.
COVER = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
# Writes a file, then runs the rest.
REWRITE = """import runpy, sys
with open(sys.argv[1], "w") as file:
    file.write(sys.argv[2])
sys.argv = sys.argv[3:]
sys.path.insert(0, %r)
runpy.run_path(sys.argv[0], run_name="__main__")
""" % TARGETS


def covered(context, inside, place, command):
    """The command, for which `inside` lies at `place`."""
    words = ["unshare", "--mount", "sh", "-c", COVER, "sh", inside, place]
    tried = context.run(words + ["true"])
    if tried.status != 0:
        raise Skip("nothing can be mounted: %s" % last_lines(tried.errors, 1))
    return words + command


def place_of(context, name, class_name):
    """A directory with a file app.py that has this class; None: with none."""
    os.mkdir(context.path(name))
    if class_name:
        context.write("%s/app.py" % name, SOURCE % (class_name, class_name))
    return context.path(name)


def script_of(context, name, words):
    """One word for a shell."""
    return context.write(name, "#!/bin/sh\nexec %s\n" % " ".join("'%s'" % word for word in words), 0o755)


def names_in(report, path):
    """What `grow` of a file is called, by process."""
    return sorted(node["function"] for process in report.processes for node in process.nodes
                  if node["file"] == path and node["label"].endswith("grow"))


def names_of_both(context, classes, wait):
    """Two processes with their own app.py at one path, where this machine has a third."""
    place = place_of(context, "place", "Outside")
    path = os.path.join(place, "app.py")
    scripts = []
    for index, class_name in enumerate(classes):
        inside = place_of(context, "inside.%d" % index, class_name)
        scripts.append(script_of(context, "run.%d" % index, covered(
            context, inside, place, context.target("named_sources.py", "--wait", wait, path))))
    result, dump = record(context, ["sh", "-c", '"$0" & "$1" & wait'] + scripts)
    check_equal("status (%s)" % last_lines(result.errors), result.status, 0)
    return names_in(read_report(context, dump), path)


@test(interpreters=OLD)
def names_of_two_roots(context):
    """One path, two files: each process has the names of its own."""
    check_equal("names", names_of_both(context, ("Billing", "Search"), 3), ["Billing.grow", "Search.grow"])


@test(interpreters=OLD)
def names_without_own_source(context):
    """One has no file there: it has not the other's names, nor this machine's."""
    check_equal("names", names_of_both(context, ("Billing", None), 3), ["Billing.grow", "grow"])


@test(interpreters=OLD)
def names_of_ended_in_other_roots(context):
    """They end at once: what was not read by then stays plain."""
    names = names_of_both(context, ("Billing", "Search"), 0)
    possible = [sorted((one, other)) for one in ("Billing.grow", "grow") for other in ("Search.grow", "grow")]
    check(names in possible, "names: %s" % names)


def rewriting(context, path, wait):
    """The target runs what was in the file before it began."""
    script = context.write("rewrite.py", REWRITE)
    target = context.target("named_sources.py", "--wait", wait, path)
    return context.python.command + [script, path, SOURCE % ("Later", "Later")] + target[-4:]


@test(interpreters=OLD)
def names_of_changed_source(context):
    """A file that was written while the process ran may not be what it runs: names stay plain, once said."""
    path = os.path.join(place_of(context, "place", "Before"), "app.py")
    result, dump = record(context, rewriting(context, path, 1))
    check_equal("status", result.status, 0)
    check_equal("names", names_in(read_report(context, dump), path), ["grow"])
    said = [line for line in result.errors.split("\n") if "cannot qualify names" in line]
    check(len(said) == 1 and path in said[0] and "has changed since" in said[0], last_lines(result.errors))


@test(interpreters=OLD)
def names_of_source_before(context):
    """A file that nobody has written to since has them, also once the process has ended."""
    path = os.path.join(place_of(context, "place", "Before"), "app.py")
    result, dump = record(context, context.target("named_sources.py", path))
    check_equal("names (%s)" % last_lines(result.errors), names_in(read_report(context, dump), path),
                ["Before.grow"])
