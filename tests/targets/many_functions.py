"""Functions that are compiled and run once each, as a template engine makes them, and grow; then a
thread without a Python frame takes 4 MB, by strdup()."""
import ctypes
import mmap
import sys

LIBC = ctypes.CDLL(None)
KEPT = []


def helper(block, place):
    block[place] = 1


def serve(number):
    block = mmap.mmap(-1, number << 12, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    KEPT.append(block)
    for i in range(number):
        space = {"helper": helper}
        exec("def render_%d(block, place):\n    return helper(block, place)" % i, space)
        space["render_%d" % i](block, i << 12)


def grow_natively(text):
    LIBC.pthread_join.argtypes = [ctypes.c_ulong, ctypes.c_void_p]
    thread = ctypes.c_ulong()
    address = ctypes.addressof(ctypes.c_char.from_buffer(text))
    function = ctypes.cast(LIBC.strdup, ctypes.c_void_p)
    LIBC.pthread_create(ctypes.byref(thread), None, function, ctypes.c_void_p(address))
    LIBC.pthread_join(thread, None)


serve(int(sys.argv[1]))
grow_natively(bytearray(b"x" * ((4 << 20) - 64) + b"\0"))
