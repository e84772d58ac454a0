"""memprobe -p to what is unusual: no Python, no process for long, another memprobe's, a hundred times."""
import glob
import json
import os
import re
import shutil
import subprocess
import time

from capture import CANNOT, Attached, Served, check_error, memprobe, read_report
from harness import (MB, MEMPROBE, Skip, check, check_equal, check_near, children_of, size_of, test,
                     tolerance, wait_until)
from tree import check_invariants, check_losses

PROGRAMS = re.compile("^(rss|exec|fork|exit|iterate|fault|kfault)_(percpu|cached)$|^call_|^code_gone$")


def kernel_thread():
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            os.readlink("/proc/%s/exe" % name)
        except OSError:
            with open("/proc/%s/stat" % name) as file:
                state = file.read().rsplit(")", 1)[1].split()
            if state[0] != "Z" and int(state[6]) & 0x200000:  # PF_KTHREAD
                return int(name)
    raise Skip("no kernel thread is to be seen")


@test()
def attach_to_kernel_thread(context):
    pid = kernel_thread()
    result = memprobe(context, "-o", context.path("dump"), "-p", pid)
    check_error(result, 125, CANNOT, "'%d'" % pid, "kernel thread")
    check(not os.path.exists(context.path("dump")), "a dump is left")


@test()
def attach_while_it_ends(context):
    """A process that ends about when memprobe attaches: said, or profiled to its end; no hang."""
    seen = set()
    for number in range(24 if context.long else 10):
        dying = context.start(["sleep", "%.3f" % (0.03 * number)])
        if not number:
            os.waitid(os.P_PID, dying.pid, os.WEXITED | os.WNOWAIT)
        dump = context.path("dying.%d" % number)
        result = memprobe(context, "--no-report", "-o", dump, "-p", dying.pid)
        context.finish(dying)
        seen.add(result.status)
        if result.status:
            check_error(result, 125, CANNOT, "%d" % dying.pid, "ended|no such process")
            check(not os.path.exists(dump), "a dump is left")
        else:
            report = read_report(context, dump)
            check_invariants(report)
            check_equal("end_reason", report.of_pid(dying.pid)[0]["end_reason"], "exit")
    check(125 in seen and seen <= {0, 125}, "statuses are %s" % seen)


@test(interpreters="few")
def attach_two_memprobes(context):
    """Two at once on one process: both see all of it, calls included."""
    served = Served(context)
    first = Attached(context, served.pid, options=("--calls=exact",))
    served.ask("grow 3")
    second = Attached(context, served.pid, options=("--calls=exact",))
    served.ask("grow 4")
    second_report = second.end()
    served.ask("grow 5")
    first_report = first.end()
    check_equal("status of the target", served.quit(), 9)
    for report, sizes in ((first_report, (3, 4, 5)), (second_report, (4,))):
        check_invariants(report)
        process = report.python(served.pid)
        nodes = process.named("answer", "grow_attached")
        expected = sum(size_of(size) for size in sizes)
        check_near("grow_attached", process.below("growth", nodes), expected, tolerance(expected))
        check_equal("calls", [node["calls"] for node in nodes], [len(sizes)])


@test()
def attach_without_python(context):
    """A program without Python: by thread."""
    tail = context.start(["tail", "-c", "64M"], stdin=subprocess.PIPE)
    attached = Attached(context, tail.pid)
    tail.stdin.write(b"x" * (24 << 20))
    tail.stdin.flush()
    wait_until(lambda: resident(tail.pid) > 20 * MB, "tail's growth")
    report = attached.end()
    tail.stdin.close()
    check_equal("status of the target", context.finish(tail).status, 0)
    check_invariants(report)
    process = report.of_pid(tail.pid)[0]
    check_equal("python", process["python"], None)
    nodes = process.of_kind("native")
    check_equal("threads", {node["thread"] for node in nodes}, {"tail"})
    check(process.own("growth", nodes) > 20 * MB, "its thread has %d" % process.own("growth", nodes))


def resident(pid):
    with open("/proc/%d/statm" % pid) as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


# ---- A hundred times ----

class Busy:
    """tests/targets/busy_threads.py, and what it looks like from outside."""

    def __init__(self, context):
        self.context = context
        self.process = context.start(context.target("busy_threads.py"), stdin=subprocess.PIPE)
        self.pid = self.process.pid
        wait_until(lambda: "ready" in self.output(), "the threads' start")

    def output(self):
        with open(self.process.files[0].name) as file:
            return file.read()

    def descriptors(self):
        return sorted(os.readlink("/proc/%d/fd/%s" % (self.pid, name))
                      for name in os.listdir("/proc/%d/fd" % self.pid))

    def code(self):
        """The bytes of every executable mapping of a file, a breakpoint among them would show."""
        found = {}
        with open("/proc/%d/maps" % self.pid) as maps, open("/proc/%d/mem" % self.pid, "rb") as memory:
            for line in maps:
                where, flags, _, _, inode = line.split()[:5]
                if "x" not in flags or inode == "0":
                    continue
                begin, end = (int(part, 16) for part in where.split("-"))
                memory.seek(begin)
                found[line.split()[-1], begin] = memory.read(end - begin)
        return found

    def quit(self):
        self.process.stdin.close()
        return self.context.finish(self.process).status


@test(interpreters="one")
def attach_to_what_is_no_process(context):
    """A thread, a number that no process has, a zombie: each with its own reason."""
    busy, dump = Busy(context), context.path("dump")
    tid = max(int(name) for name in os.listdir("/proc/%d/task" % busy.pid) if int(name) != busy.pid)
    result = memprobe(context, "-o", dump, "-p", tid)
    check_error(result, 125, CANNOT, "'%d'" % tid, "thread of process %d" % busy.pid)
    busy.quit()
    result = memprobe(context, "-o", dump, "-p", 4294967290)
    check_error(result, 125, CANNOT, "no such process, numbers end at")
    parent = context.start(["sh", "-c", "sleep 0 & exec sleep 60"])
    zombie = wait_until(lambda: next((pid for pid, _, state in children_of(parent.pid)
                                      if state == "Z"), None), "a zombie")
    result = memprobe(context, "-o", dump, "-p", zombie)
    check_error(result, 125, CANNOT, "'%d'" % zombie, "ended, and waits for process %d" % parent.pid)
    check(not os.path.exists(dump), "a dump is left")


GROWS_LATER = """import sys
print("ready", flush=True)
sys.stdin.readline()
def grow():
    return bytearray(b"x") * (16 << 20)
kept = grow()
"""


def grow_below_wrapper(context, *options):
    """A shell that waits for Python; its pid, and what memprobe -p SHELL says and has seen."""
    command = " ".join(context.python.command + [context.write("grow.py", GROWS_LATER)])
    wrapper = context.start(["sh", "-c", command + "; exit 0"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
    wrapper.stdout.readline()
    attached = Attached(context, wrapper.pid, options=options)
    wait_until(lambda: attached.has_said("process %d runs no Python" % wrapper.pid), "the note")
    wrapper.stdin.write(b"\n")
    wrapper.stdin.close()
    return attached, attached.end(number=None)


@test(interpreters="few")
def attach_to_wrapper(context):
    """What a process has started is followed with it, and named."""
    attached, report = grow_below_wrapper(context)
    check_invariants(report)
    [python] = [process for process in report.processes if process["python"]]
    check(attached.has_said("attached to %d" % python["pid"]), "it is not named")
    grown = python.own("growth", python.named("grow"))
    check_near("grow", grown, 16 * MB, tolerance(16 * MB))


@test(interpreters="one")
def attach_to_wrapper_alone(context):
    _, report = grow_below_wrapper(context, "--no-children")
    check_equal("Pythons", [process["python"] for process in report.processes], [None])


@test()
def attach_to_who_waits_for_us(context):
    """-p of the shell that runs memprobe: what it has started, but not memprobe, nor who waits."""
    dump, script = context.path("dump"), context.path("attach.sh")
    context.write("attach.sh", "%s -p $1 -d 0.5 --no-report -o %s; exit $?\n" % (MEMPROBE, dump))
    result = context.run(["sh", "-c", "sleep 60 & sh %s $$; kill $!; wait" % script])
    report = read_report(context, dump)
    commands = [process["command"] for process in report.processes]
    check_equal("commands", (len(commands), "sleep 60" in commands), (2, True))
    check(not any(command.startswith((MEMPROBE, "sh " + script)) for command in commands),
          "followed: %r" % commands)
    check("attached to" in result.errors, "nobody is named: %r" % result.errors)


def bpf_objects(kind):
    """What the kernel has of this kind, by id: its name, or that of its program."""
    bpftool = shutil.which("bpftool", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not bpftool:
        return {}
    shown = subprocess.run([bpftool, "-j", kind, "show"], check=True, stdout=subprocess.PIPE)
    return {one["id"]: one.get("name", one.get("prog_id")) for one in json.loads(shown.stdout)}


def held_objects():
    """Ids of programs that some process has open; this bpftool may not know."""
    held = set()
    for path in glob.glob("/proc/[0-9]*/fdinfo/*"):
        try:
            with open(path) as file:
                held.update(int(number) for number in re.findall(r"^prog_id:\s+(\d+)", file.read(),
                                                                 re.M))
        except OSError:
            pass
    return held


def abandoned():
    """Programs of memprobe's that no process holds, and their links: others may be at work here."""
    programs, links = bpf_objects("prog"), bpf_objects("link")
    held = held_objects()
    left = {number for number, name in programs.items()
            if PROGRAMS.match(name or "") and number not in held}
    return sorted(programs[number] for number in left) + [
        "link %d" % number for number, program in links.items() if program in left]


@test(interpreters="one")
def attach_again_and_again(context):
    """Attach and detach on eight busy threads, 10 times (100 in the long form): nothing stays."""
    busy = Busy(context)
    descriptors, code = busy.descriptors(), busy.code()
    seen = 0
    wanted = 100 if context.long else 10
    for number in range(10 * wanted):
        if number >= wanted and seen:
            break
        attached = Attached(context, busy.pid, options=("--calls=%s" % ("auto", "exact")[number % 2],))
        time.sleep(0.05)
        process = attached.end().python(busy.pid)
        check_losses(process)
        check_equal("unexplained", process["balance"]["unexplained"], 0)
        seen += bool(process.named("work", "one_round"))
        os.unlink(attached.dump)
    check(seen > 0, "no path of the threads was ever seen")
    check_equal("descriptors of the target", busy.descriptors(), descriptors)
    # The kernel takes breakpoints out by itself, a few grace periods later (late_close.h).
    wait_until(lambda: all(text == code.get(name) for name, text in busy.code().items()),
               "code that has changed")
    wait_until(lambda: not abandoned(), "programs or links stay")
    check_equal("status of the target", busy.quit(), 9)
    check_equal("the target says", busy.output().split(), ["ready", "right"])
