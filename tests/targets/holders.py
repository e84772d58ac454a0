"""Leaks as public reports have them: holders.py KIND keeps 20,000 strings in a place of that kind,
says so in JSON, and keeps as many more for each line of stdin that says "more". "truth" is the bytes
of these strings. With a second word, "finalize", it then ends as programs do, else at once."""
import asyncio
import ctypes
import functools
import json
import logging
import logging.handlers
import os
import sys
import threading
import weakref

ROUND = 20000
made = 0
# What says how much there is holds nothing of it.
truth = 0


def strings(count=ROUND):
    global made, truth
    fresh = ["%s row %08d of the leak" % (sys.argv[1], made + i) for i in range(count)]
    made += count
    truth += sum(map(sys.getsizeof, fresh))
    return fresh


@functools.lru_cache(maxsize=None)
def lookup(text):
    return len(text)


def lru_cache():
    for text in strings():
        lookup(text)


def make_remember():
    seen = []

    def remember(text):
        seen.append(text)
    return remember


remember = make_remember()


def closure():
    for text in strings():
        remember(text)


class Registry:
    entries = []


def class_attribute():
    Registry.entries.extend(strings())


LOCAL = threading.local()
asked, done = threading.Semaphore(0), threading.Semaphore(0)


def serve_local():
    LOCAL.kept = []
    while asked.acquire():
        LOCAL.kept.extend(strings())
        done.release()


def thread_local():
    if "server" not in (thread.name for thread in threading.enumerate()):
        threading.Thread(target=serve_local, name="server", daemon=True).start()
    asked.release()
    done.acquire()


LAST_ERRORS = []


def fail(rows):
    raise ValueError(len(rows))


def handle():
    rows = strings()
    fail(rows)


def tracebacks():
    try:
        handle()
    except ValueError as error:
        LAST_ERRORS.append(error)


def c_code():
    """What an extension does that forgets to give a reference back."""
    lost = strings()
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(lost))


TASKS = set()
loop = asyncio.new_event_loop()


async def wait(text, gate):
    await gate.wait()
    return text


async def begin_tasks(gate):
    for text in strings(ROUND // 10):
        TASKS.add(asyncio.ensure_future(wait(text, gate)))
    await asyncio.sleep(0)


async def make_gate():
    return asyncio.Event()


GATES = []


def asyncio_tasks():
    if not GATES:
        GATES.append(loop.run_until_complete(make_gate()))
    loop.run_until_complete(begin_tasks(GATES[0]))


def logging_handlers():
    logger = logging.getLogger("service")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.handlers.MemoryHandler(1 << 30, flushLevel=100))
    for text in strings(ROUND // 10):
        logger.warning(text)


class Watched:
    pass


WATCHED = [Watched()]
CALLBACKS = []


def weakref_callbacks():
    for text in strings():
        CALLBACKS.append(weakref.ref(WATCHED[0], lambda _, text=text: text))


KINDS = {kind.__name__: kind for kind in (
    lru_cache, closure, class_attribute, thread_local, tracebacks, c_code, asyncio_tasks,
    logging_handlers, weakref_callbacks)}


def main():
    while True:
        KINDS[sys.argv[1]]()
        print(json.dumps({"pid": os.getpid(), "truth": truth, "made": made}), flush=True)
        if sys.stdin.readline() != "more\n":
            break


main()
if "exit" in sys.argv:
    sys.exit(0)
if "finalize" not in sys.argv:
    os._exit(0)
