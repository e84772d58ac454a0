"""Says `ready`, waits for signals and grows in their handlers.

SIGINT: 4 MB in on_interrupt(), ends with status 7 (with the argument `stubborn`, never ends).
SIGTERM: 3 MB in on_terminate(), ends with status 8.
"""
import signal
import sys
import time

from truth import Truth, grows, size

TRUTH = Truth()
KEPT = []


@grows(4)
def on_interrupt(*_):
    KEPT.append(bytearray(size(4)))
    if "stubborn" not in sys.argv:
        finish(7)


@grows(3)
def on_terminate(*_):
    KEPT.append(bytearray(size(3)))
    finish(8)


def finish(status):
    TRUTH.write()
    sys.exit(status)


@grows(6)
def grow_while_waiting():
    KEPT.append(bytearray(size(6)))


def main():
    signal.signal(signal.SIGINT, on_interrupt)
    signal.signal(signal.SIGTERM, on_terminate)
    grow_while_waiting()
    print("ready", flush=True)
    for _ in range(18000):
        time.sleep(0.1)
    sys.exit("nobody sent a signal")


if __name__ == "__main__":
    main()
