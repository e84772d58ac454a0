"""Calls on command, for attaching: one word a line on stdin, one number a line on stdout.

call NUMBER   call_many() calls call_step() NUMBER times; the answer is NUMBER
start         4 threads call turn() until "stop", whose answer is 1 when they counted right
turn          wait until each of them has called it anew; the answer is their number
quit          end with status 9
"""
import sys
import threading
import time

EXIT_STATUS = 9
THREADS = 4


class Wheel:
    """A thread that calls until it is told to stop, and counts its calls twice."""

    def __init__(self):
        self.turns = 0
        self.stopped = False
        self.right = False
        self.thread = threading.Thread(target=self.spin)
        self.thread.start()

    def turn(self):
        self.turns += 1
        return 1

    def spin(self):
        total = 0
        while not self.stopped:
            total += self.turn()
        self.right = total == self.turns > 0

    def stop(self):
        self.stopped = True
        self.thread.join()
        return self.right


WHEELS = []


def call_step(value):
    return value + 1


def call_many(number):
    value = 0
    for _ in range(number):
        value = call_step(value)
    return value


def start():
    WHEELS.extend(Wheel() for _ in range(THREADS))
    return len(WHEELS)


def turn():
    """Two more: the first may have been under way."""
    wanted = [wheel.turns + 2 for wheel in WHEELS]
    while any(wheel.turns < turns for wheel, turns in zip(WHEELS, wanted)):
        time.sleep(0.001)
    return len(WHEELS)


def stop():
    right = [wheel.stop() for wheel in WHEELS]
    del WHEELS[:]
    return int(all(right))


def answer(words):
    return {"start": start, "turn": turn, "stop": stop}[words[0]]() if len(words) == 1 \
        else call_many(int(words[1]))


def serve():
    for line in iter(sys.stdin.readline, ""):
        words = line.split()
        if words[0] == "quit":
            break
        print(answer(words), flush=True)


def main():
    print(0, flush=True)
    serve()
    sys.exit(EXIT_STATUS)


if __name__ == "__main__":
    main()
