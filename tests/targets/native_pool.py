"""Python callers of a pool of native threads (native_pool.c). Tells (MEMPROBE_TRUTH) how many bytes
each of them made the pool take, and how many of these went. usage: native_pool.py LIBRARY WHAT"""
import ctypes
import json
import os
import sys
import threading
import time

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


CALLERS = (first, second, third)


def call(function, turns, ends):
    for turn, end in zip(turns, ends):
        turn.wait()
        time.sleep(0.1)  # the others wait now, and none of them can be meant
        function()
        end.set()


def warm_up(run):
    """The first pages tell memprobe that it matters who wakes whom; it comes a moment later."""
    run(1)
    time.sleep(1)


def in_turn(rounds):
    """One call at a time, each function in a thread of its own."""
    turns = [[threading.Event() for _ in range(rounds)] for _ in CALLERS]
    ends = [[threading.Event() for _ in range(rounds)] for _ in CALLERS]
    threads = [threading.Thread(target=call, args=arguments) for arguments in zip(CALLERS, turns, ends)]
    for thread in threads:
        thread.start()
    for number in range(rounds):
        for turn, end in zip(turns, ends):
            turn[number].set()
            end[number].wait()
    for thread in threads:
        thread.join()


def repeat(function, rounds, barrier):
    for _ in range(rounds):
        barrier.wait()
        function()


def together(rounds):
    """All at once, through one queue."""
    barrier = threading.Barrier(len(CALLERS))
    threads = [threading.Thread(target=repeat, args=(function, rounds, barrier)) for function in CALLERS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def three_callers(run):
    pool.pool_start(4)
    warm_up(run)
    run(3)
    return {"first": [96 * MB, 0], "second": [192 * MB, 0], "third": [64 * MB, 0]}


RUNS = {"one_caller": one_caller,
        "in_turn": lambda: three_callers(in_turn), "at_once": lambda: three_callers(together)}

if __name__ == "__main__":
    truth = RUNS[sys.argv[2]]()
    with open(os.environ.get("MEMPROBE_TRUTH", "/dev/stdout"), "w") as file:
        json.dump({"pid": os.getpid(), "calls": truth}, file)
