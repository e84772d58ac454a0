"""Running memprobe: captures, reports, attaching, and reading what they say."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple

from harness import MEMPROBE, TARGETS, Failure, check, check_equal, tolerance, wait_until
from tree import Report



class Capture(namedtuple("Capture", "report result dump truth")):
    def process(self):
        """The entry of the target itself (imports of numpy may start a Python of their own)."""
        return self.report.python(self.truth and self.truth["pid"])


# A tree 1,000 calls deep is nested as deeply in JSON.
sys.setrecursionlimit(100000)


def memprobe(context, *arguments, **options):
    """Run memprobe and return its Result."""
    return context.run([MEMPROBE] + [str(argument) for argument in arguments], **options)


def record(context, command, *options, **run_options):
    """Capture a command without a report: the Result and the dump's path."""
    dump = context.path("dump.%d" % len(context.children))
    arguments = ("-o", dump, "--no-report") + options + ("--",) + tuple(command)
    return memprobe(context, *arguments, **run_options), dump


def capture(context, command, *options, status=0, env=None, **run_options):
    """Capture a command and read the dump back; truth is what the target wrote, or None."""
    path = context.path("truth.%d" % len(context.children))
    result, dump = record(context, command, *options, env=dict(env or {}, MEMPROBE_TRUTH=path),
                          **run_options)
    if result.status != status:
        raise Failure("memprobe ended with %d, expected %d: %s"
                      % (result.status, status, last_lines(result.errors)))
    return Capture(read_report(context, dump), result, dump, read_truth(path))


def read_truth(path):
    if not os.path.exists(path):
        return None
    with open(path) as file:
        return json.load(file)


def read_report(context, dump, *options):
    result = memprobe(context, "post", "--format=json", *options, dump)
    check(result.status == 0, "post ended with %d: %s" % (result.status, last_lines(result.errors)))
    return Report(parse(result.output))


def has_flushed(context, dump, condition):
    """Does a process in the dump of a capture that goes on meet a condition?"""
    shown = subprocess.run([MEMPROBE, "post", "--format=json", dump], env=context.environment,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    report = Report(parse(shown.stdout.decode())) if shown.returncode == 0 else None
    return report and any(map(condition, report.processes))


def wait_for_growth(context, dump, name, size):
    """Until a function's growth has been flushed."""
    wait_until(lambda: has_flushed(context, dump, lambda process: process.below(
        "growth", process.named(name)) >= size - tolerance(size)), "%s in the dump" % name)


def capture_until(context, command, condition, *options):
    """Capture a command that goes on as long as there is the file MEMPROBE_WAIT: until a process in
    the dump meets a condition. One that never does is left to the test to tell, after a minute."""
    dump, flag = context.path("dump.%d" % len(context.children)), context.write("flag", "")
    process = context.start([MEMPROBE, "-o", dump, "--no-report", *options, "--", *command],
                            env={"MEMPROBE_WAIT": flag})
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        if has_flushed(context, dump, condition):
            break
        time.sleep(0.25)
    os.unlink(flag)
    wait_until(lambda: process.poll() is not None, "the command's end")
    check_equal("status", process.returncode, 0)
    return Capture(read_report(context, dump), None, dump, None)


def parse(text):
    try:
        return json.loads(text)
    except ValueError as error:
        raise Failure("the JSON cannot be read: %s" % error)


def last_lines(text, count=3):
    return " | ".join(text.strip().splitlines()[-count:])


def check_error(result, status, *patterns):
    """An error in the form of the contract: one sentence, then a hint where one is known."""
    check(result.status == status, "status is %d, expected %d: %s"
          % (result.status, status, last_lines(result.errors)))
    check(re.search(r"^memprobe: ", result.errors, re.M),
          "no error message of memprobe's: %r" % result.errors[-300:])
    for pattern in patterns:
        check(re.search(pattern, result.errors, re.M | re.I),
              "no %r in the message: %s" % (pattern, last_lines(result.errors)))


CANNOT = r"^memprobe: cannot [a-z ]+ '[^\n]*'.*: ."
HINT = r"^  hint: ."


def copy_targets(context):
    """The targets in a directory of the test's own, which everybody may read."""
    shared = context.path("shared")
    shutil.copytree(TARGETS, shared, ignore=shutil.ignore_patterns("__pycache__"))
    os.chmod(shared, 0o777)
    return shared


class Attached:
    """A memprobe that is attached to running processes, from its first line until it ends."""

    def __init__(self, context, *pids, options=(), program=(MEMPROBE,)):
        self.context = context
        self.dump = context.path("dump.%d" % len(context.children))
        listed = ",".join(str(pid) for pid in pids)
        self.process = context.start([*program, "-o", self.dump, "--no-report", *options,
                                      "-p", listed])
        for pid in pids:
            wait_until(lambda pid=pid: self.has_said("attached to %d" % pid), "attaching")

    def has_said(self, text):
        said = self.errors()
        if text in said:
            return True
        check(self.process.poll() is None, "memprobe ended: %s" % last_lines(said))
        return False

    def errors(self):
        with open(self.process.files[1].name, errors="replace") as file:
            return file.read()

    def end(self, number=signal.SIGINT, status=0):
        if number:
            os.kill(self.process.pid, number)
        result = self.context.finish(self.process)
        check_equal("status of memprobe -p", result.status, status)
        return read_report(self.context, self.dump)


class Served:
    """tests/targets/attach.py: grows on command."""

    def __init__(self, context, command=None):
        self.context = context
        self.process = context.start(command or context.target("attach.py"), stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE,
                                     env={"MEMPROBE_TRUTH": context.path("served.truth")})
        self.answers = [self.answer()]
        self.pid = self.process.pid

    def answer(self):
        line = self.process.stdout.readline()
        check(line, "the target ended")
        return int(line)

    def ask(self, words):
        self.process.stdin.write((words + "\n").encode())
        self.process.stdin.flush()
        self.answers.append(self.answer())
        return self.answers[-1]

    def quit(self):
        self.process.stdin.write(b"quit\n")
        self.process.stdin.close()
        return self.context.finish(self.process).status
