"""Eight workers of a pool, each of which keeps the answers it was asked for."""
import multiprocessing
import time

MB, WORKERS, TASKS = 1 << 20, 8, 64
KEPT = []


def keep(number):
    KEPT.append(b"k" * MB)
    time.sleep(0.05)
    return number


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    with multiprocessing.Pool(WORKERS) as pool:
        print(sum(pool.imap_unordered(keep, range(TASKS))))
