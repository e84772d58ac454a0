"""Calls that do not end by a return: outer() calls inner() once, and what happens there the argument
says: ten times so many vfork children end without a program, the process begins another one,
or it ends while daemon threads are in calls, which sleep, or poll, or have ended before ("joined"),
or is killed.
"""
import os
import signal
import sys
import threading
import time

from truth import Truth


def spawn():
    for _ in range(10 * int(sys.argv[2])):
        try:
            os.posix_spawn("/no/such/program", ["x"], {})
        except FileNotFoundError:
            pass


def begin():
    os.execv("/bin/true", ["true"])


def begin_in_thread():
    threading.Thread(target=begin).start()
    time.sleep(60)


def poll():
    time.sleep(0.005)


def background():
    while True:
        poll()


def start_daemon(function):
    threading.Thread(target=function, daemon=True).start()
    time.sleep(0.1)


def sleep():
    start_daemon(lambda: time.sleep(60))


def polls():
    start_daemon(background)


def leaves():
    start_daemon(background)
    os._exit(0)


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def joined():
    for _ in range(5):
        threads = [threading.Thread(target=poll) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def inner(what):
    what()


def outer(what):
    inner(what)


TRUTH = Truth()
TRUTH.write()
outer({"spawn": spawn, "exec": begin, "exec_in_thread": begin_in_thread, "sleep": sleep, "polls": polls,
       "leaves": leaves, "joined": joined, "killed": killed}[sys.argv[1]])
