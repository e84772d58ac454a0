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


def texts_of(words, errors):
    """Which of the words is in the text of a line."""
    return [word for word in words if "# %s" % word in errors]


def marked_target(context, name, word):
    """A directory with attach.py, where each page that it takes is written to by a line with this word."""
    shutil.copytree(TARGETS, context.path(name), ignore=shutil.ignore_patterns("__pycache__"))
    path = context.path(name, "attach.py")
    with open(path) as file:
        text = file.read()
    line = "        mapping[place] = 1\n"
    check(line in text, "attach.py has another line by now")
    with open(path, "w") as file:
        file.write(text.replace(line, line.rstrip() + "  # %s\n" % word))
    return context.path(name)


class Reported:
    """A capture of lines with -p, whose report is what it says."""

    def __init__(self, context, pid):
        self.context = context
        self.dump = context.path("lines.dump")
        self.process = context.start([MEMPROBE, "-o", self.dump, "--lines", "--format=table", "--min=0.5",
                                      "-p", str(pid)])
        wait_until(lambda: "attached to" in self.said(), "attaching")

    def said(self):
        with open(self.process.files[1].name, errors="replace") as file:
            return file.read()

    def end(self):
        os.kill(self.process.pid, signal.SIGINT)
        check_equal("status", self.context.finish(self.process).status, 0)
        return self.said()

    def read_again(self):
        result = memprobe(self.context, "post", "--format=table", "--min=0.5", self.dump)
        check_equal("status of post", result.status, 0)
        return result.output + result.errors


def in_place(context, inside, place):
    return Served(context, covered(context, inside, place, context.python.command
                                   + [os.path.join(place, "attach.py")]))


@test(interpreters="one", core=True)
def lines_of_another_root(context):
    """The text is that of the living process's file, not of ours at its path; later there is none."""
    place, inside = marked_target(context, "place", "outside"), marked_target(context, "inside", "inside")
    served = in_place(context, inside, place)
    reported = Reported(context, served.pid)
    served.ask("grow 4")
    said = reported.end()
    check_equal("text (%s)" % last_lines(said, 12), texts_of(("inside", "outside"), said), ["inside"])
    served.quit()
    again = reported.read_again()
    check("attach.py" in again, last_lines(again, 12))
    check_equal("text of post", texts_of(("inside", "outside"), again), [])


@test(interpreters="one")
def lines_of_ended_in_another_root(context):
    """Of a process that has ended its file is nowhere."""
    place, inside = marked_target(context, "place", "outside"), marked_target(context, "inside", "inside")
    served = in_place(context, inside, place)
    reported = Reported(context, served.pid)
    served.ask("grow 4")
    served.quit()
    check_equal("status", context.finish(reported.process).status, 0)
    said = reported.said()
    check("attach.py" in said, last_lines(said, 12))
    check_equal("text", texts_of(("inside", "outside"), said), [])


@test(interpreters="one")
def lines_of_no_file_of_ours(context):
    """Where we have no file at its path, the living process's is read all the same."""
    inside = marked_target(context, "inside", "inside")
    os.mkdir(context.path("place"))
    served = in_place(context, inside, context.path("place"))
    reported = Reported(context, served.pid)
    served.ask("grow 4")
    said = reported.end()
    check_equal("text (%s)" % last_lines(said, 12), texts_of(("inside",), said), ["inside"])
    served.quit()


@test(interpreters="one")
def lines_of_changed_source(context):
    """A file that changed since the process began has no text, at the end or later, and that is said."""
    place = marked_target(context, "place", "before")
    path = os.path.join(place, "attach.py")
    served = Served(context, context.python.command + [path])
    reported = Reported(context, served.pid)
    served.ask("grow 4")
    said = reported.end()
    check_equal("text (%s)" % last_lines(said, 12), texts_of(("before",), said), ["before"])
    check_equal("text of post", texts_of(("before",), reported.read_again()), ["before"])
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace("# before", "# after"))
    again = reported.read_again()
    check_equal("text of post", texts_of(("before", "after"), again), [])
    check_equal("notes", again.count("no text of '%s': it has changed since" % path), 1)
    served.quit()
