"""A leak beside churn: remember() keeps 0.5 MB a request for ever; compute() takes 8 MB a request and
drops it in a cycle, so that the collector frees it some requests later. Buffers are malloc's, below
and above the size from which on it maps them."""
import ctypes
import gc
import sys
import time

C = ctypes.CDLL(None)
C.malloc.restype = ctypes.c_void_p
C.malloc.argtypes = [ctypes.c_size_t]
C.free.argtypes = [ctypes.c_void_p]
KEPT = 512 << 10
DROPPED = 8 << 20
HISTORY = []


class Buffer:
    def __init__(self, size):
        self.address = C.malloc(size)
        ctypes.memset(self.address, 1, size)

    def __del__(self):
        C.free(self.address)


class Jacobian:
    def __init__(self):
        self.me = self
        self.buffer = Buffer(DROPPED)


def compute():
    Jacobian()


def remember():
    HISTORY.append(C.malloc(KEPT))
    ctypes.memset(HISTORY[-1], 1, KEPT)


def serve(requests, seconds):
    for number in range(requests):
        compute()
        remember()
        if number % 10 == 9:
            gc.collect()
        time.sleep(seconds / requests)


gc.disable()
serve(int(sys.argv[1]), float(sys.argv[2]))
