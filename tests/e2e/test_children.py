"""Every way to get a child: one entry each, its parent, its growth on its own path."""
import collections
import http.client
import os
import signal
import socket
import threading

from capture import Attached, capture, last_lines, read_report
from harness import (CACHE, MB, MEMPROBE, TARGETS, TIMEOUT, Skip, check, check_equal, check_near,
                     children_of, size_of, test, tolerance, wait_until)
from tree import check_invariants

REQUESTS = 60
CLIENTS = 6
WORKERS = 3


def growth_of(process, *path):
    return process.below("growth", process.named(*path))


def check_grown(process, path, expected):
    """Never less; a forked child also maps file pages anew that it had before, up to 0.4 MB seen."""
    grown, what = growth_of(process, *path), "%s in %d" % (" > ".join(path), process["pid"])
    check(expected <= grown <= expected + MB, "%s is %d, expected %d" % (what, grown, expected))


def entry_of(report, pid):
    """The one with Python; before its exec a child of fork has another."""
    found = [process for process in report.of_pid(pid) if process["python"]]
    check(found, "no entry with Python of pid %d" % pid)
    return found[-1]


def check_child(taken, role, path=("grow_child",)):
    """One entry for each address space, the right parent, the growth on the child's path alone."""
    pid = taken.truth["children"][role]
    child = entry_of(taken.report, pid)
    wanted = taken.truth["parents"].get(role, taken.truth["pid"])
    check_equal("ppid of " + role, child["ppid"], wanted)
    check_grown(child, path, taken.truth["grown"])
    check_equal("growth of the child's path in the parent",
                growth_of(entry_of(taken.report, taken.truth["pid"]), *path),
                growth_of(entry_of(taken.report, taken.truth["pid"]), "grow_parent", *path))
    return child


def offspring(context, way):
    taken = capture(context, context.target("offspring.py", way))
    check_invariants(taken.report)
    check_grown(entry_of(taken.report, taken.truth["pid"]), ("grow_parent",), size_of(9))
    seen = [(process["pid"], process["start"]) for process in taken.report.processes]
    check_equal("entries that are there twice", len(seen) - len(set(seen)), 0)
    return taken


@test(interpreters="few")
def posix_spawned_child(context):
    """Its entry begins with its exec: nothing is inherited, the parent's memory is not its own."""
    if context.python.minor < (3, 8):
        raise Skip("os.posix_spawn came with 3.8")
    taken = offspring(context, "spawn")
    child = check_child(taken, "spawn")
    check_equal("rss.start", child["rss"]["start"], 0)
    check_equal("entries of the child", len(taken.report.of_pid(child["pid"])), 1)


@test(interpreters="few")
def vforked_child(context):
    """The same of subprocess, which uses vfork from 3.10 on, and fork before."""
    taken = offspring(context, "vfork")
    child = check_child(taken, "vfork")
    check_equal("rss.start", child["rss"]["start"], 0)
    wanted = 1 if context.python.minor >= (3, 10) else 2
    check_equal("entries of the child", len(taken.report.of_pid(child["pid"])), wanted)


@test(interpreters="few")
def multiprocessing_children(context):
    """fork, spawn and forkserver: the worker's own entry and path, the forkserver as a parent."""
    for method in ("fork", "spawn", "forkserver"):
        taken = offspring(context, "mp-" + method)
        child = check_child(taken, "mp-" + method, ("worker", "grow_child"))
        if method != "forkserver":
            check_equal("ppid", child["ppid"], taken.truth["pid"])
            continue
        check(child["ppid"] != taken.truth["pid"], "the forkserver is not the parent")
        check_equal("ppid of the forkserver", entry_of(taken.report, child["ppid"])["ppid"],
                    taken.truth["pid"])


@test(interpreters="few")
def worker_pools(context):
    """Pools by fork, spawn and forkserver one after another, while calls are counted for a while:
    probes that are attached and closed hold up nobody's paths."""
    taken = capture(context, context.target("pools.py"))
    check_invariants(taken.report)
    for method, workers in taken.truth["workers"].items():
        for pid, count in workers.items():
            worker = entry_of(taken.report, int(pid))
            grown = worker.own("grown", worker.named("hoard"))
            kept = count * taken.truth["kept"]
            check(kept <= grown <= kept + MB, "hoard in worker %s by %s is %d, expected %d"
                  % (pid, method, grown, kept))


@test(interpreters="few")
def daemon_child(context):
    """Two forks with setsid between: followed although its parent has ended; waited for."""
    taken = offspring(context, "daemon")
    child = check_child(taken, "daemon", ("daemon", "grow_child"))
    check_equal("ppid of the first fork", entry_of(taken.report, child["ppid"])["ppid"],
                taken.truth["pid"])
    check_equal("end of the daemon", child["end_reason"], "exit")


@test(interpreters="few")
def writes_of_inherited(context):
    """Copy on write: no growth from anonymous pages; file pages become the child's anonymous ones."""
    taken = offspring(context, "writes")
    child = entry_of(taken.report, taken.truth["children"]["writes"])
    nodes = child.named("write_inherited")
    seen = {kind: child.below(kind, nodes) for kind in ("growth", "anon", "file", "shmem")}
    seen["file"] += seen["shmem"]  # pages of files in a tmpfs
    for kind, expected in (("growth", 0), ("anon", size_of(6)), ("file", -size_of(6))):
        check_near(kind, seen[kind], expected, tolerance(size_of(6)))
    check_grown(child, ("read_inherited",), size_of(6))
    parent = entry_of(taken.report, taken.truth["pid"])
    check_equal("rows in the parent", parent.named("write_inherited"), [])


@test(interpreters="few")
def first_touch_in_child(context):
    """What the parent only mapped grows the child that touches it."""
    taken = offspring(context, "first")
    child = entry_of(taken.report, taken.truth["children"]["first"])
    check_grown(child, ("write_inherited",), size_of(8))


@test(interpreters="few")
def prefork_master(context):
    """A master with forked workers, as celery has: each worker's leak in its own entry."""
    taken = offspring(context, "prefork")
    for number in range(WORKERS):
        worker = entry_of(taken.report, taken.truth["children"]["worker%d" % number])
        check_equal("ppid", worker["ppid"], taken.truth["pid"])
        check_grown(worker, ("serve", "handle", "grow_child"), 3 * size_of(number + 1))


# ---- gunicorn ----

def free_port():
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return place.getsockname()[1]


class Service:
    """gunicorn with sync workers; in front of it what is to run it."""

    def __init__(self, context, program=(), application="leaking_wsgi", options=(),
                 workers=WORKERS):
        gunicorn = os.path.join(CACHE, "venv-pypi", "bin", "gunicorn")
        if not os.access(gunicorn, os.X_OK):
            raise Skip("gunicorn is not there: tools/setup --pypi")
        self.context = context
        self.port = free_port()
        self.process = context.start(
            list(program) + [gunicorn, "--workers", str(workers), "--worker-class", "sync",
                             "--chdir", TARGETS, "--bind", "127.0.0.1:%d" % self.port,
                             "--pid", context.path("master.pid"), *options,
                             application + ":application"])
        self.wait_for_workers(workers)
        with open(context.path("master.pid")) as file:
            self.master = int(file.read())

    def wait_for_workers(self, count):
        def booted():
            with open(self.process.files[1].name, errors="replace") as file:
                said = file.read()
            check(self.process.poll() is None, "gunicorn ended: %s" % last_lines(said))
            return said.count("Booting worker") >= count
        wait_until(booted, "%d workers" % count)

    def ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        connection.request("GET", "/")
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, int(body)

    def ask_all(self):
        """REQUESTS from CLIENTS at once; how many each worker answered."""
        answers = []

        def client():
            for _ in range(REQUESTS // CLIENTS):
                answers.append(self.ask())
        clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
        for one in clients:
            one.start()
        for one in clients:
            one.join()
        check_equal("answers", [status for status, _ in answers], [200] * REQUESTS)
        return collections.Counter(pid for _, pid in answers)

    def end(self):
        os.kill(self.process.pid, signal.SIGTERM)
        result = self.context.finish(self.process)
        check_equal("status (%s)" % last_lines(result.errors), result.status, 0)
        return result


def check_leaks(report, answered, master):
    check_invariants(report)
    check_equal("workers that answered", len(answered), WORKERS)
    for pid, count in answered.items():
        worker = entry_of(report, pid)
        check_equal("ppid of a worker", worker["ppid"], master)
        check_grown(worker, ("application", "leak"), count * size_of(1))


@test()
def gunicorn_launched(context):
    """A service run by memprobe answers all requests, and each worker's leak is found by path."""
    dump = context.path("service.dump")
    service = Service(context, [MEMPROBE, "--no-report", "-o", dump, "--"])
    answered = service.ask_all()
    service.end()
    check_leaks(read_report(context, dump), answered, service.master)


@test()
def gunicorn_attached(context):
    """-p MASTER: workers that it forks from then on (a reload makes three), while it serves."""
    service = Service(context)
    attached = Attached(context, service.master)
    old = service_workers(service.master)
    os.kill(service.master, signal.SIGHUP)
    service.wait_for_workers(2 * WORKERS)
    wait_until(lambda: not old & service_workers(service.master), "the old workers' end")
    answered = service.ask_all()
    report = attached.end()
    check_leaks(report, answered, service.master)
    service.end()


def service_workers(master):
    return {pid for pid, _, state in children_of(master) if state != "Z"}
