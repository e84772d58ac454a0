"""Calls that do not end by a return: outer() calls inner() once, and what happens there the argument
says: vfork children that end without a program, or the process begins another one.
"""
import os
import sys
import threading
import time

from truth import Truth


def spawn():
    for _ in range(10):
        try:
            os.posix_spawn("/no/such/program", ["x"], {})
        except FileNotFoundError:
            pass


def begin():
    os.execv("/bin/true", ["true"])


def begin_in_thread():
    threading.Thread(target=begin).start()
    time.sleep(60)


def inner(what):
    what()


def outer(what):
    inner(what)


TRUTH = Truth()
TRUTH.write()
outer({"spawn": spawn, "exec": begin, "exec_in_thread": begin_in_thread}[sys.argv[1]])
