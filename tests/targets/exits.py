"""Grows 8 MB in grow_before_end() and ends as the first argument says.

code N, _exit N, exception, kill, segv, term, abort, thread (a thread calls os._exit(4))
"""
import ctypes
import os
import signal
import sys
import threading

from truth import Truth, grows, size

TRUTH = Truth()
KEPT = []


@grows(8)
def grow_before_end():
    KEPT.append(bytearray(size(8)))


def end_in_thread():
    threading.Thread(target=os._exit, args=(4,)).start()
    threading.Event().wait()


def fail():
    raise RuntimeError("as asked")


def end(how, number):
    ways = {
        "code": lambda: sys.exit(number),
        "_exit": lambda: os._exit(number),
        "exception": fail,
        "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "term": lambda: os.kill(os.getpid(), signal.SIGTERM),
        "segv": lambda: ctypes.string_at(0),
        "abort": os.abort,
        "thread": end_in_thread,
    }
    ways[how]()


def main():
    TRUTH.run(grow_before_end)
    TRUTH.write()
    end(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0)


if __name__ == "__main__":
    main()
