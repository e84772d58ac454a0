"""Threads with names, one of a class of its own; they live until the test has seen them."""
import mmap
import os
import threading
import time

KEPT = []
PAGE = mmap.PAGESIZE


def take(megabytes):
    mapping = mmap.mmap(-1, megabytes << 20)
    KEPT.append(mapping)
    for place in range(0, megabytes << 20, PAGE):
        mapping[place] = 1
    while os.path.exists(os.environ.get("MEMPROBE_WAIT", "")):
        time.sleep(0.05)


class Flusher(threading.Thread):
    def run(self):
        take(10)


def main():
    threads = [threading.Thread(target=take, args=(6,), name="loader"), Flusher(name="the flusher")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
