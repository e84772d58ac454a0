"""Calls C functions on command: one line on stdin, one line of answer on stdout.

Each command is a function here, and takes its memory in the C function that it calls: so many pages.
C_LIBRARY names the library (c_functions.c), C_SECOND the one that it calls (c_second.c).
Runs unchanged on CPython 3.6 to 3.15.
"""
import concurrent.futures
import ctypes
import multiprocessing
import os
import sys
import threading

from truth import PAGE

SECOND = ctypes.CDLL(os.environ["C_SECOND"], mode=ctypes.RTLD_GLOBAL)
LIBRARY = ctypes.CDLL(os.environ["C_LIBRARY"])
CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_size_t)
LOADED = {}
KEPT = []
BYTES = 1000  # of frames without a fixed size
EXIT_STATUS = 9


def size(value):
    return ctypes.c_size_t(int(value))


def warm(pages):
    """Every file that a stack here goes through."""
    nested_while_warm(pages)
    LIBRARY.calls_second(size(pages))
    reads_while_warm(pages)
    LIBRARY.calls_back(IGNORED, size(pages))


def nested_while_warm(pages):
    LIBRARY.outer(size(pages))


def reads_while_warm(pages):
    with open("/dev/zero", "rb", buffering=0) as file:
        LIBRARY.reads(ctypes.c_int(file.fileno()), size(pages))


def nested(pages):
    LIBRARY.outer(size(pages))


def hidden(pages):
    LIBRARY.calls_hidden(size(pages))


def realigned(pages):
    LIBRARY.realigned(size(pages), size(BYTES))


def of_any_size(pages):
    LIBRARY.of_any_size(size(pages), size(BYTES))


def framed(pages):
    LIBRARY.framed(size(pages))


def pushing(pages):
    LIBRARY.pushing(size(pages))


def recursive(pages, levels):
    LIBRARY.recursive(size(levels), size(pages))


def too_deep(pages, levels):
    LIBRARY.recursive(size(levels), size(pages))


def jumps(pages):
    LIBRARY.jumps(size(pages))


def calls_second(pages):
    LIBRARY.calls_second(size(pages))


def called_back(pages):
    LIBRARY.inner(size(pages))


CALLED_BACK = CALLBACK(called_back)
IGNORED = CALLBACK(int)


def calls_back(pages):
    LIBRARY.calls_back(CALLED_BACK, size(pages))


def raises(pages):
    LIBRARY.raises(size(pages))


def untold(pages):
    LIBRARY.calls_untold(size(pages))


def reads(pages):
    with open("/dev/zero", "rb", buffering=0) as file:
        LIBRARY.reads(ctypes.c_int(file.fileno()), size(pages))


def populates(pages):
    return LIBRARY.populates(size(pages))


def gives_back(pages):
    LIBRARY.takes_and_gives_back(size(pages))


def in_thread(pages):
    LIBRARY.outer(size(pages))


def threaded(pages):
    thread = threading.Thread(target=in_thread, args=(pages,), name="takes-in-c")
    thread.start()
    thread.join()


class Owner:
    def owned(self, pages):
        LIBRARY.outer(size(pages))


OWNERS = [Owner(), Owner()]


def by_owners(pages):
    """The second takes twice as much."""
    OWNERS[0].owned(pages)
    OWNERS[1].owned(2 * int(pages))


def pooled(pages):
    LIBRARY.outer(size(pages))


def submits(pages):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(pooled, pages).result()


def keeps(number):
    """A block that is no mapping of its own; the C library's heap has it."""
    KEPT.append(LIBRARY.keeps(size(number)))


def in_child(pages):
    LIBRARY.outer(size(pages))
    os._exit(0)


def forks(pages):
    """The child's pid."""
    child = multiprocessing.get_context("fork").Process(target=in_child, args=(pages,))
    child.start()
    child.join()
    return child.pid


def loads(path, name):
    """Where the function is."""
    library = ctypes.CDLL(path)
    LOADED[name] = library
    return ctypes.cast(getattr(library, name), ctypes.c_void_p).value


def unloads(name):
    close = ctypes.CDLL(None).dlclose
    close.argtypes = [ctypes.c_void_p]
    return close(LOADED.pop(name)._handle)


def first_loaded(pages, name):
    getattr(LOADED[name], name)(size(pages))


def then_loaded(pages, name):
    getattr(LOADED[name], name)(size(pages))


COMMANDS = {function.__name__: function for function in (
    warm, nested, hidden, realigned, of_any_size, framed, pushing, recursive, too_deep, jumps, calls_second,
    calls_back, raises, untold, reads, populates, gives_back, threaded, by_owners, submits, keeps, forks,
    loads, unloads, first_loaded, then_loaded)}


def main():
    LIBRARY.keeps.restype = ctypes.c_void_p
    print(PAGE, flush=True)
    for line in iter(sys.stdin.readline, ""):
        command, *words = line.split()
        if command == "quit":
            sys.exit(EXIT_STATUS)
        if command == "exec":
            os.execv(sys.executable, [sys.executable] + sys.argv)
        print(int(COMMANDS[command](*words) or 0), flush=True)


if __name__ == "__main__":
    main()
