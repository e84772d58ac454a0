"""Calls that do not end by a return: outer() calls inner() once, and what happens there the argument
says: ten times so many vfork children end without a program, the process begins another one,
or it ends while daemon threads are in calls, which sleep, or poll, or have ended before ("joined"),
or is killed, or C resumes a generator ten times with no frame below it ("rooted"), or C makes ten that
never run ("makes"), or it ends in a subinterpreter ("within"), or beside one that nobody runs ("beside"), or
while greenlets wait in calls ("switches").
"""
import _thread
import functools
import os
import signal
import sys
import threading
import time

from subinterpreters import find_module, run
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


def numbers():
    while len(SEEN) < 9:
        SEEN.append(len(SEEN))
        yield SEEN[-1]
    SEEN.append(9)


def rooted():
    generator = numbers()
    for number in range(10):
        _thread.start_new_thread(next, (generator, None))
        while len(SEEN) <= number or _thread._count():  # pylint: disable=protected-access
            time.sleep(0.001)


def makes():
    make = functools.partial(numbers)
    SEEN.extend([make() for _ in range(10)])
    os._exit(0)


def within():
    run(find_module(), "import os; os._exit(0)")


def beside():
    SEEN.append(find_module().create())
    os._exit(0)


def handler():
    sys.modules["greenlet"].getcurrent().parent.switch()


def switches():
    greenlet = __import__("greenlet")
    SEEN.extend([greenlet.greenlet(handler) for _ in range(10)])
    for one in SEEN + SEEN[:3]:
        one.switch()


def inner(what):
    what()


def outer(what):
    inner(what)


SEEN = []
TRUTH = Truth()
TRUTH.write()
outer({"spawn": spawn, "exec": begin, "exec_in_thread": begin_in_thread, "sleep": sleep, "polls": polls,
       "leaves": leaves, "joined": joined, "killed": killed, "rooted": rooted,
       "makes": makes, "within": within, "beside": beside,
       "switches": switches}[sys.argv[1]])
