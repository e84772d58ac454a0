"""Threads that name themselves, as CPython does from 3.14 on; each takes 64 KB without a Python frame
and one page with one. The second argument is a pool of eight, which is made first."""
import ctypes
import mmap
import os
import sys
import threading

PR_SET_NAME = 15
LIBC = ctypes.CDLL(None)
BLOCK = 1 << 16


def work(name):
    LIBC.prctl(PR_SET_NAME, name.encode()[:15], 0, 0, 0)
    mmap.mmap(-1, BLOCK)[0] = 1


def run_all(names):
    for name in names:
        thread = threading.Thread(target=work, args=(name,))
        thread.start()
        thread.join()


run_all("polars-%d" % number for number in range(8))
run_all("Thread-%d (work)" % number for number in range(int(sys.argv[1])))
