"""Fills and copies arrays of numpy as long as there is the file MEMPROBE_WAIT."""
import os
import time

import numpy

ITEMS = 500000


def fills():
    array = numpy.zeros(ITEMS)
    array += 1
    return array


def copies(array):
    return array.copy()


def main():
    while os.path.exists(os.environ["MEMPROBE_WAIT"]):
        copies(fills())
        time.sleep(0.05)


if __name__ == "__main__":
    main()
