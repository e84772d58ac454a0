"""Takes BYTES below each function of a library whose unwind tables lie: native_lies.py LIBRARY."""
import ctypes
import sys
import time

BYTES = 8 << 20
LIBRARY = ctypes.CDLL(sys.argv[1])


def call(name, size):
    getattr(LIBRARY, name)(ctypes.c_long(size))


def honest():
    for _ in range(5):
        call("honest", 1 << 16)
        time.sleep(0.1)
    call("honest", BYTES)


def stays():
    call("stays", BYTES)


def goes_back():
    call("goes_back", BYTES)


def too_near():
    call("too_near", BYTES)


def between_words():
    call("between_words", BYTES)


def ends():
    call("ends", BYTES)


def main():
    for step in (honest, stays, goes_back, too_near, between_words, ends):
        step()


main()
