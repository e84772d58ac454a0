"""Many processes or threads: crowd.py HOW NUMBER.

forks NUMBER    NUMBER children one after another that exit at once
shared NUMBER   takes NUMBER MB, then two children hold them with 8 MB more of their own each
hold NUMBER     a process and its child take NUMBER MB each at once and hold them; prints their PSS
child NUMBER    an executed child takes NUMBER MB and ends within half a second
threads NUMBER  NUMBER threads at once, each takes PAGES pages in its own function
"""
import os
import subprocess
import sys
import threading
import time

from truth import PAGE, anonymous, size

PAGES = 16
OWN_MB = 8
KEPT = []


def take(length):
    mapping = anonymous(length)
    KEPT.append(mapping)
    for place in range(0, length, PAGE):
        mapping[place] = 1


def fork_many(number):
    for _ in range(number):
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)


def hold_in_child():
    take(size(OWN_MB))
    time.sleep(2.5)
    os._exit(0)


def share(number):
    take(size(number))
    children = []
    for _ in range(2):
        child = os.fork()
        if not child:
            hold_in_child()
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


def grow_slowly(number):
    for _ in range(number):
        take(size(1))
        time.sleep(0.002)


def read_pss(pid):
    with open("/proc/%s/smaps_rollup" % pid) as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Pss:")) * 1024


def hold(number):
    """Each tells the other by a pipe when it has grown, and the child when it may go."""
    grown, may_tell = os.pipe()
    may_go, let_go = os.pipe()
    child = os.fork()
    grow_slowly(number)
    if not child:
        os.close(let_go)
        os.write(may_tell, b"x")
        os.read(may_go, 1)
        os._exit(0)
    os.read(grown, 1)
    print(read_pss("self") + read_pss(child), flush=True)
    time.sleep(1.5)
    os.close(let_go)
    os.waitpid(child, 0)


def pass_by(number):
    """The height lasts for less than the time between two readings of the kernel's figures."""
    subprocess.check_call([sys.executable, __file__, "take", str(number)])


def grow_in_crowd(barrier):
    barrier.wait()
    take(PAGES * PAGE)
    barrier.wait()


def thread_many(number):
    barrier = threading.Barrier(number)
    threads = [threading.Thread(target=grow_in_crowd, args=(barrier,)) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    how = {"forks": fork_many, "shared": share, "threads": thread_many, "hold": hold,
           "child": pass_by, "take": lambda number: take(size(number))}[sys.argv[1]]
    how(int(sys.argv[2]))
