"""Threads that make and drop objects all the time, beside what is kept. Prints, as JSON, its pid and
how many objects KEPT has, and how many bytes; ends with a line on stdin."""
import json
import os
import random
import sys
import threading

NR_KEPT, NR_CHANGING, NR_THREADS = 100000, 5000, 4
KEPT = {number + 1000000: "value %d of what is kept" % number for number in range(NR_KEPT)}


def block(size):
    return (size + 15) // 16 * 16


def churn(seed, started):
    draw, changing = random.Random(seed), {}
    while True:
        for number in range(1000):
            changing[draw.randrange(NR_CHANGING)] = {"number": [number],
                                                     "text": str(number) * draw.randrange(1, 20)}
        started.set()


def main():
    started = [threading.Event() for _ in range(NR_THREADS)]
    for number, event in enumerate(started):
        threading.Thread(target=churn, args=(number, event), daemon=True).start()
    for event in started:
        event.wait()
    size = sys.getsizeof(KEPT) + sum(block(sys.getsizeof(key)) + block(sys.getsizeof(value))
                                     for key, value in KEPT.items())
    os.write(1, json.dumps([os.getpid(), 1 + 2 * NR_KEPT, size]).encode() + b"\n")
    os.read(0, 1)
    os._exit(0)


main()
