"""Python callers of a pool of native threads (native_pool.c). Tells (MEMPROBE_TRUTH) how many bytes
each of them made the pool take, and how many of these went. usage: native_pool.py LIBRARY WHAT"""
import ctypes
import json
import os
import sys

pool = ctypes.CDLL(sys.argv[1])
pool.pool_run.argtypes = [ctypes.c_uint, ctypes.c_size_t, ctypes.c_uint]
pool.pool_later.argtypes = [ctypes.c_size_t, ctypes.c_uint]
pool.pool_blocks.restype = ctypes.c_size_t
pool.pool_free.argtypes = pool.pool_free_elsewhere.argtypes = [ctypes.c_size_t]
MB = 1 << 20


def first():
    pool.pool_run(8, 3 * MB, 0)


def second():
    pool.pool_run(6, 2 * MB, 3)


def third():
    pool.pool_run(16, MB, 0)


def let_go():
    pool.pool_free_elsewhere(0)


def one_caller():
    pool.pool_start(4)
    for _ in range(2):
        first()
        second()
        third()
    let_go()
    first()
    return {"first": [72 * MB, 48 * MB], "second": [96 * MB, 96 * MB], "third": [32 * MB, 32 * MB]}


if __name__ == "__main__":
    truth = {"one_caller": one_caller}[sys.argv[2]]()
    with open(os.environ.get("MEMPROBE_TRUTH", "/dev/stdout"), "w") as file:
        json.dump({"pid": os.getpid(), "calls": truth}, file)
