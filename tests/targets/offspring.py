"""Children by the ways that children.py lacks; the first argument names one.

spawn          os.posix_spawn of this Python            vfork     subprocess without a preexec
mp-fork, mp-spawn, mp-forkserver                        daemon    two forks and setsid between
writes         a fork that writes what its parent had   first     one that touches what it only mapped
prefork        a master with three workers that it forks, as servers have
The truth names pids: `children` by role, `parents` where the parent is not the first process.
"""
import json
import mmap
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile

from truth import PAGE, Truth, anonymous, size

TRUTH = Truth()
KEPT = []
GROWN = 7
WORKERS = 3


def touch(mapping):
    for place in range(0, len(mapping), PAGE):
        mapping[place] = 1


def grow_child(megabytes=GROWN):
    mapping = anonymous(size(megabytes))
    KEPT.append(mapping)
    touch(mapping)


def grow_parent():
    grow_child(9)


def own_command():
    return [sys.executable, os.path.abspath(__file__), "as-child"]


def wait_for(pid):
    status = os.waitpid(pid, 0)[1]
    if status:
        raise RuntimeError("a child ended with %d" % status)
    return pid


def forked(function, *arguments):
    pid = os.fork()
    if pid == 0:
        function(*arguments)
        os._exit(0)
    return pid


def make_spawn():
    return {"spawn": wait_for(os.posix_spawn(sys.executable, own_command(), dict(os.environ)))}


def make_vfork():
    child = subprocess.Popen(own_command())
    child.wait()
    return {"vfork": child.pid}


def worker(pipe):
    grow_child()
    pipe.send(os.getppid())
    pipe.close()


def make_multiprocessing(method):
    context = multiprocessing.get_context(method)
    ours, theirs = context.Pipe()
    process = context.Process(target=worker, args=(theirs,))
    process.start()
    TRUTH.facts["parents"] = {"mp-" + method: ours.recv()}
    process.join()
    return {"mp-" + method: process.pid}


def daemon(told):
    """The first fork ends at once; the second has lost its parent by then, and its terminal."""
    os.setsid()
    first = os.getpid()
    if os.fork():
        os._exit(0)
    grow_child()
    os.write(told, json.dumps([first, os.getpid()]).encode())
    os._exit(0)


def make_daemon():
    listen, told = os.pipe()
    wait_for(forked(daemon, told))
    first, second = json.loads(os.read(listen, 100).decode())
    TRUTH.facts["parents"] = {"daemon": first}
    return {"daemon": second}


def write_inherited(blocks):
    for block in blocks:
        touch(block)


def read_inherited(pages):
    return sum(pages[place] for place in range(0, len(pages), PAGE))


def read_and_write(anon, pages):
    """Copy on write: anonymous pages change hands, file pages become anonymous ones; those of a file
    are not there after a fork until they are read."""
    read_inherited(pages)
    write_inherited([anon, pages])


def file_pages(megabytes):
    with tempfile.TemporaryFile() as file:
        file.write(b"x" * size(megabytes))
        file.flush()
        return mmap.mmap(file.fileno(), size(megabytes), flags=mmap.MAP_PRIVATE,
                         prot=mmap.PROT_READ | mmap.PROT_WRITE)


def make_writes():
    anon, pages = anonymous(size(11)), file_pages(6)
    touch(anon)
    return {"writes": wait_for(forked(read_and_write, anon, pages))}


def make_first():
    return {"first": wait_for(forked(write_inherited, [anonymous(size(8))]))}


def serve(number, requests):
    while os.read(requests, 1) == b"r":
        handle(number)
    os._exit(0)


def handle(number):
    """A request that leaks, more in each worker."""
    grow_child(number + 1)


def make_prefork():
    found = {}
    for number in range(WORKERS):
        requests, tell = os.pipe()
        found["worker%d" % number] = pid = forked(serve, number, requests)
        for _ in range(3):
            os.write(tell, b"r")
        os.write(tell, b"e")
        wait_for(pid)
    return found


MAKERS = {
    "spawn": make_spawn, "vfork": make_vfork, "daemon": make_daemon, "writes": make_writes,
    "first": make_first, "prefork": make_prefork,
    "mp-fork": lambda: make_multiprocessing("fork"),
    "mp-spawn": lambda: make_multiprocessing("spawn"),
    "mp-forkserver": lambda: make_multiprocessing("forkserver"),
}


def main():
    signal.alarm(1800)  # a worker waits for nobody
    if sys.argv[1] == "as-child":
        return grow_child()
    grow_parent()
    TRUTH.facts.update(parents={}, grown=size(GROWN))
    TRUTH.facts["children"] = MAKERS[sys.argv[1]]()
    return TRUTH.write()


if __name__ == "__main__":
    main()
