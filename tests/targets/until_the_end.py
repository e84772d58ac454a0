"""Memory that is given back only as the interpreter ends: until_the_end.py HOW. Prints a line of JSON
for each function: what it holds until then.

del       by __del__, which has a frame, with the module
atexit    by a function of atexit, before the runtime says that it ends
finalize  by weakref.finalize, which has one
thread    by __del__; but a thread goes on when the main one has come to its end, and lets go of a
          part of what that has
"""
import atexit
import json
import os
import sys
import threading
import weakref

from truth import MADV_DONTNEED, PAGE, advise, anonymous, size

LENGTH = size(24)
HALF = LENGTH // 2 // PAGE * PAGE
kept = []


def report(function, live):
    fact = {"pid": os.getpid(), "function": function.__name__, "live": live, "kind": "anon"}
    os.write(1, (json.dumps(fact) + "\n").encode())


def touch(mapping):
    for place in range(0, len(mapping), PAGE):
        mapping[place] = 1


def give_back(mapping):
    advise(mapping, MADV_DONTNEED)


class Kept:
    def __init__(self):
        self.mapping = anonymous(LENGTH)

    def __del__(self, give_back=give_back):
        give_back(self.mapping)


class Held:
    pass


def take_for_del():
    kept.append(Kept())
    touch(kept[-1].mapping)


def take_for_atexit():
    mapping = anonymous(LENGTH)
    touch(mapping)
    atexit.register(give_back, mapping)


def take_for_finalize():
    mapping, held = anonymous(LENGTH), Held()
    touch(mapping)
    weakref.finalize(held, give_back, mapping)
    kept.append(held)


def take_in_thread():
    kept.append(Kept())
    touch(kept[-1].mapping)


def go_on():
    threading.main_thread().join()
    take_in_thread()
    advise(kept[0].mapping, MADV_DONTNEED, HALF)


def take_beside_thread():
    take_for_del()
    threading.Thread(target=go_on).start()


HOWS = {"del": (take_for_del, [(take_for_del, LENGTH)]),
        "atexit": (take_for_atexit, [(take_for_atexit, LENGTH)]),
        "finalize": (take_for_finalize, [(take_for_finalize, LENGTH)]),
        "thread": (take_beside_thread,
                   [(take_for_del, LENGTH - HALF), (take_in_thread, LENGTH)])}


def main():
    take, facts = HOWS[sys.argv[1]]
    take()
    for function, live in facts:
        report(function, live)


main()
