"""The main thread ends before the others (pthread_exit), or another thread begins a program.

work: a worker has a child, then calls keep() COUNT times and ends the process
stay: the same, slowly, without the child and without end
exec: a thread execs this file as `after`, which calls keep() COUNT times"""
import ctypes
import os
import subprocess
import sys
import threading
import time

MB = 1 << 20
COUNT = 40
KEPT = []


def keep():
    KEPT.append(bytearray(MB))


def work():
    time.sleep(0.5)
    subprocess.call([sys.executable, "-c", "import time; time.sleep(0.6)"])
    for _ in range(COUNT):
        keep()
        time.sleep(0.01)
    os._exit(4)


def stay():
    while True:
        if len(KEPT) < 10 * COUNT:
            keep()
        time.sleep(0.05)


def begin():
    os.execv(sys.executable, [sys.executable, os.path.abspath(__file__), "after"])


def after():
    for _ in range(COUNT):
        keep()
        time.sleep(0.05)


role = sys.argv[1]
if role == "after":
    after()
else:
    threading.Thread(target={"work": work, "stay": stay, "exec": begin}[role]).start()
    if role == "exec":
        time.sleep(60)
    ctypes.CDLL(None).pthread_exit(None)
