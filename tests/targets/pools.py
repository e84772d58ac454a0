"""Worker pools of each kind: what each worker keeps, by the way in which it began."""
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from truth import Truth, size

KEPT = []
WORKERS = 4
TASKS = 8
PAUSE = 0.4  # seconds; long enough for a worker to have its calls counted
METHODS = ("fork", "spawn", "forkserver")


def hoard(_):
    KEPT.append(bytearray(size(4)))
    time.sleep(PAUSE)
    return os.getpid()


def run_pool(method):
    """How many tasks each worker did."""
    with ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context(method)) as pool:
        pids = list(pool.map(hoard, range(TASKS)))
    return {str(pid): pids.count(pid) for pid in pids}


def main():
    truth = Truth()
    truth.facts["workers"] = {method: run_pool(method) for method in METHODS}
    truth.facts["kept"] = size(4)
    truth.write()


if __name__ == "__main__":
    sys.exit(main())
