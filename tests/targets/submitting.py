"""Pools that work for several callers: each takes known amounts by way of others' threads.

Tells MB by caller, and what stands at its own root because nobody can know its caller."""
import asyncio
import json
import mmap
import os
import queue
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool

KEPT = []


def take(megabytes):
    """The same function for all: only who asks for it differs."""
    mapping = mmap.mmap(-1, megabytes << 20)
    KEPT.append(mapping)
    for place in range(0, len(mapping), mmap.PAGESIZE):
        mapping[place] = 1


# ---- concurrent.futures: a SimpleQueue ----

def ask_executor_5(executor):
    executor.submit(take, 5).result()


def ask_executor_9(executor):
    executor.submit(take, 9).result()


def relay(executor, megabytes):
    """Runs in one pool, and asks another."""
    executor.submit(take, megabytes).result()


def ask_through_two_7(first, second):
    first.submit(relay, second, 7).result()


# ---- queue.Queue, under a worker of one's own ----

def serve(jobs):
    while True:
        job = jobs.get()
        if job is None:
            return
        take(job[0])
        job[1].set()


def ask_queue_6(jobs):
    done = threading.Event()
    jobs.put((6, done))
    done.wait()


def ask_queue_11(jobs):
    done = threading.Event()
    jobs.put_nowait((11, done))
    done.wait()


# What comes back is a result: who gets it goes on with its own.

def serve_results(jobs, results):
    while jobs.get():
        results.put(object())


def ask_results_16(jobs, results):
    for _ in range(4):
        jobs.put((1,))
        results.get()
        take(4)
    jobs.put(None)


# A worker that asks itself hangs where its own work does.

def serve_rounds(jobs, done):
    while True:
        left = jobs.get()
        take(2)
        if not left[0]:
            done.set()
            return
        jobs.put([left[0] - 1])


def ask_rounds_24(jobs, done):
    jobs.put([11])
    done.wait()


# ---- multiprocessing.pool: work goes through a thread that hands it on ----

def ask_pool_8(pool):
    pool.apply(take, (8,))


def ask_pool_12(pool):
    pool.map(take, [4, 4, 4])


# ---- asyncio ----

async def ask_thread_10():
    await asyncio.get_running_loop().run_in_executor(None, take, 10)


async def ask_thread_13():
    await asyncio.get_running_loop().run_in_executor(None, take, 13)


async def part(megabytes):
    await asyncio.sleep(0)
    take(megabytes)


async def ask_tasks_14():
    await asyncio.gather(part(7), part(7))


async def ask_awaits_6():
    """No tasks, but of their function, and where they were."""
    for _ in range(3):
        await part(2)


async def count_down(left):
    """A task that makes another of its own kind, again and again."""
    take(1)
    if left:
        await asyncio.get_running_loop().create_task(count_down(left - 1))


async def ask_chain_12():
    await asyncio.get_running_loop().create_task(count_down(11))


async def all_of_them():
    await asyncio.gather(ask_thread_10(), ask_thread_13())
    await ask_tasks_14()
    await ask_awaits_6()
    await ask_chain_12()


# ---- One object from two callers at a time: nobody can know whose is taken ----

SAME = (3,)


def serve_same(jobs):
    for _ in range(2):
        take(jobs.get()[0])


def ask_same_a(jobs):
    jobs.put(SAME)


def ask_same_b(jobs):
    jobs.put(SAME)


def main():
    with ThreadPoolExecutor(2) as first, ThreadPoolExecutor(1) as second:
        ask_executor_5(first)
        ask_executor_9(first)
        ask_executor_5(first)
        ask_through_two_7(first, second)
    jobs = queue.Queue()
    server = threading.Thread(target=serve, args=(jobs,))
    server.start()
    ask_queue_6(jobs)
    ask_queue_11(jobs)
    jobs.put(None)
    server.join()
    done = threading.Event()
    server = threading.Thread(target=serve_rounds, args=(jobs, done))
    server.start()
    ask_rounds_24(jobs, done)
    server.join()
    results = queue.Queue()
    server = threading.Thread(target=serve_results, args=(jobs, results))
    server.start()
    ask_results_16(jobs, results)
    server.join()
    with ThreadPool(2) as pool:
        ask_pool_8(pool)
        ask_pool_12(pool)
    asyncio.run(all_of_them())
    ask_same_a(jobs)
    ask_same_b(jobs)
    server = threading.Thread(target=serve_same, args=(jobs,))
    server.start()
    server.join()
    taken = {"ask_executor_5": 10, "ask_executor_9": 9, "ask_through_two_7": 7, "ask_queue_6": 6,
                "ask_queue_11": 11, "ask_rounds_24": 24, "ask_results_16": 16, "ask_pool_8": 8, "ask_pool_12": 12,
                "ask_thread_10": 10, "ask_thread_13": 13, "ask_tasks_14": 14, "ask_awaits_6": 6, "ask_chain_12": 12, "ask_same_a": 0, "ask_same_b": 0}
    with open(os.environ["MEMPROBE_TRUTH"], "w") as file:
        json.dump({"pid": os.getpid(), "taken": taken, "own": {"serve_same": 6}}, file)


def serve_commands():
    """Begins when told to, with a pool that waited before."""
    with ThreadPoolExecutor(1) as waiting:
        ask_executor_5(waiting)
        print(0, flush=True)
        for line in sys.stdin:
            if line.strip() == "quit":
                break
            main()
            ask_waiting_15(waiting)
            ask_waiting_15(waiting)
            print(1, flush=True)


def ask_waiting_15(executor):
    executor.submit(take, 15).result()


if len(sys.argv) > 1:
    serve_commands()
else:
    main()
