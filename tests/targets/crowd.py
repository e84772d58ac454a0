"""Many processes or threads: crowd.py HOW NUMBER.

forks NUMBER    NUMBER children one after another that exit at once
shared NUMBER   takes NUMBER MB, then two children hold them with 8 MB more of their own each
threads NUMBER  NUMBER threads at once, each takes PAGES pages in its own function
"""
import os
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
    how = {"forks": fork_many, "shared": share, "threads": thread_many}[sys.argv[1]]
    how(int(sys.argv[2]))
