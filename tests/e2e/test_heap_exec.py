"""memprobe heap --every of a process that becomes another program."""
import os
import signal
import subprocess

from capture import parse
from harness import MB, MEMPROBE, check, check_equal, test, wait_until
from schema import HEAP, Checker

EXECS = ("import os, sys\nkept = b'x' * (20 << 20)\nprint(1, flush=True)\ninput()\n"
         "os.execv(sys.executable, [sys.executable, '-c', 'print(2, flush=True); input()'])\n")

READING = {"text": "\nInside: ", "json": '"torn":'}


def read_across_exec(context, form):
    """What heap --every says of a process that becomes another program, and its pid."""
    target = context.start(context.python.command + ["-c", EXECS], stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE)
    target.stdout.readline()
    process = context.start([MEMPROBE, "heap", "-p", str(target.pid), "--every=0.05", "--objects",
                             "--format=" + form])

    def has_read(times, since):
        with open(process.files[0].name, encoding="utf-8") as file:
            said = file.read()
        return said.partition(since)[2].count(READING[form]) >= times
    wait_until(lambda: has_read(2, "-c "), "readings")
    target.stdin.write(b"\n")
    target.stdin.flush()
    target.stdout.readline()
    wait_until(lambda: has_read(3, "-c print(2"), "readings of the other")
    os.kill(process.pid, signal.SIGINT)
    result = context.finish(process)
    target.stdin.close()
    context.finish(target)
    check_equal("status (%s)" % result.errors, result.status, 0)
    return result.output, target.pid


@test(interpreters="one")
def heap_across_exec(context):
    """It is said where the other program's readings begin, and what grew is of one."""
    output, pid = read_across_exec(context, "text")
    check_equal("lines about it", output.count("\n%d runs another program now: " % pid), 1)
    document = parse(read_across_exec(context, "json")[0])
    Checker().check(document, HEAP, "heap")
    others = ["print(2" in reading.get("command", "") for reading in document["readings"]]
    large = [reading["malloc"]["used"] + reading["malloc"]["mapped"] > 20 * MB
             for reading in document["readings"]]
    check(others == sorted(others) and len(set(others)) == 2, "readings of the other: %s" % others)
    check_equal("large ones", large, [not other for other in others])
    check(abs(document["growth"]["bytes"]) < 10 * MB, "growth: %s" % document["growth"])
