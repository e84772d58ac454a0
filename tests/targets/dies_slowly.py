"""Holds blocks until MEMPROBE_WAIT is no more, then gives them back one by one while its runtime
finalizes, for two seconds."""
import os
import time

COUNT = 40
SIZE = 100000  # a block, below malloc's threshold for mappings of their own
BLOCKS = 10


class Slow:
    def __init__(self):
        self.buffers = [bytearray(SIZE) for _ in range(BLOCKS)]

    def __del__(self, sleep=time.sleep):
        del self.buffers
        sleep(2.0 / COUNT)


if __name__ == "__main__":
    KEPT = [Slow() for _ in range(COUNT)]
    while os.path.exists(os.environ["MEMPROBE_WAIT"]):
        time.sleep(0.01)
