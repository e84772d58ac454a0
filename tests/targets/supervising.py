"""Two workers that end together, and are killed as soon as both stand, as by a supervisor that waits no longer."""
import os
import signal
import subprocess
import sys
import time

HOLDERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "holders.py")
WORKERS, MORE = 2, 40
WAIT_S = 20


def begin():
    worker = subprocess.Popen([sys.executable, HOLDERS, "closure", "finalize"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    worker.stdout.readline()
    for _ in range(MORE):
        worker.stdin.write(b"more\n")
        worker.stdin.flush()
        worker.stdout.readline()
    return worker


def stands(worker):
    with open("/proc/%d/stat" % worker.pid) as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "T"


def supervise():
    workers = [begin() for _ in range(WORKERS)]
    for worker in workers:
        worker.stdin.close()
    end = time.time() + WAIT_S
    while not all(stands(worker) for worker in workers):
        if time.time() > end:
            sys.exit("they do not stand at the same time")
    for worker in workers:
        worker.send_signal(signal.SIGKILL)
        worker.wait()


supervise()
