"""Eight workers of a pool. Each gets one task, because none ends before all have begun, and keeps
another number of MB."""
import multiprocessing

MB, WORKERS, SECONDS = 1 << 20, 8, 120
KEPT = []


def begin(all_there):
    global barrier
    barrier = all_there


def keep(number):
    barrier.wait(SECONDS)
    for _ in range(number):
        KEPT.append(b"k" * MB)
    return number


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    with multiprocessing.Pool(WORKERS, begin, [multiprocessing.Barrier(WORKERS)]) as pool:
        print(sum(pool.map(keep, range(1, WORKERS + 1), chunksize=1)))
