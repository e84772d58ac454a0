"""Threads that take known amounts, one after the other by the same function at the same addresses;
a generator that another thread goes on with; or many short ones."""
import json
import mmap
import os
import sys
import threading

KEPT = []
PAGE = mmap.PAGESIZE
TRUTH = {}  # MB by thread


def take(megabytes):
    mapping = mmap.mmap(-1, int(megabytes * (1 << 20)))
    KEPT.append(mapping)
    for place in range(0, len(mapping), PAGE):
        mapping[place] = 1
    tid = os.readlink("/proc/thread-self").rpartition("/")[2]
    TRUTH[tid] = TRUTH.get(tid, 0) + megabytes


def steps():
    while True:
        take((yield))


def run(function, *arguments, **options):
    thread = threading.Thread(target=function, args=arguments, **options)
    thread.start()
    thread.join()


def split():
    generator = steps()
    next(generator)
    for i, megabytes in enumerate((8, 16, 32)):
        run(take, megabytes, name="loader-%d" % i)
    take(5)
    generator.send(6)
    run(generator.send, 12, name="resumer")
    gate = threading.Barrier(3)

    def together(megabytes):
        gate.wait()
        take(megabytes)
    pair = [threading.Thread(target=together, args=(7,), name="pair") for _ in range(2)]
    for thread in pair:
        thread.start()
    gate.wait()
    for thread in pair:
        thread.join()


def many():
    for _ in range(400):
        run(take, 0.125)


if __name__ == "__main__":
    {"split": split, "many": many}[sys.argv[1]]()
    with open(os.environ.get("MEMPROBE_TRUTH", "/dev/stdout"), "w") as file:
        json.dump({"pid": os.getpid(), "threads": TRUTH}, file)
