"""Reserves an array in one function, as numpy.zeros does, and touches a part of it in another: PERCENT,
MB."""
import ctypes
import sys

from truth import LIBC, MADV_NOHUGEPAGE, MB, PAGE, Truth, site_of

TRUTH = Truth()
PERCENT, LENGTH = int(sys.argv[1]), int(sys.argv[2]) * MB
LIBC.calloc.restype = ctypes.c_void_p
LIBC.calloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]


def reserve_all():
    return LIBC.calloc(LENGTH, 1)


def touch_part(array):
    for place in range(0, LENGTH * PERCENT // 100, PAGE):
        array[place] = 1


ADDRESS = reserve_all()
LIBC.madvise(ADDRESS // PAGE * PAGE, LENGTH, MADV_NOHUGEPAGE)
TRUTH.measure(touch_part, touch_part, (ctypes.c_char * LENGTH).from_address(ADDRESS))
TRUTH.facts["sites"] = [site_of(reserve_all), site_of(touch_part)]
TRUTH.write()
