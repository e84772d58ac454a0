"""Frames that stand when the calls of a forked child begin to be counted, and then end: no calls.

Before that child come 25 others whose frames, as many, never end. The first argument is their number.
"""
import os
import sys
import time

sys.setrecursionlimit(5000)
WAITS = 1.5  # until counting has begun


def wait_for(pids):
    for pid in pids:
        os.waitpid(pid, 0)


def fork_quiet():
    pid = os.fork()
    if pid == 0:
        time.sleep(WAITS)
        os._exit(0)
    return pid


def leaf():
    wait_for([fork_quiet() for _ in range(25)])
    time.sleep(WAITS)
    pid = os.fork()
    if pid == 0:
        time.sleep(2 * WAITS)
        return "child"
    wait_for([pid])
    return "parent"


def descend(depth):
    return leaf() if depth == 0 else descend(depth - 1)


descend(int(sys.argv[1]))
os._exit(0)
