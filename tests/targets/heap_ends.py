"""Heaps of known size that end in different ways: one line of JSON for each, with what its mallinfo()
said last, whether its parent saw it stopped, and how it was started.

small     it has next to nothing
large     64 MB in blocks of 3,000 bytes
left      the same, by os._exit()
handled   the same, with a handler of SIGCONT, which says that it ran
job       the same, in a group of its own, as a shell with job control starts it
"""
import json
import os
import signal
import subprocess
import sys
import time

import allocator_truth

BLOCKS = (64 << 20) // 3000
KEPT = []
KINDS = ("small", "large", "left", "handled", "job")


def on_continued(number, frame):
    print(json.dumps({"continued": True}), flush=True)


def end(kind):
    if kind == "handled":
        signal.signal(signal.SIGCONT, on_continued)
    if kind != "small":
        KEPT.extend(bytearray(3000) for _ in range(BLOCKS))
        time.sleep(0.5)  # the probe comes once it is large
    info = allocator_truth.mallinfo()
    print(json.dumps({"used": info.uordblks, "free": info.fordblks}), flush=True)
    if kind == "left":
        os._exit(0)


def run(kind):
    child = subprocess.Popen([sys.executable, os.path.abspath(__file__), kind], stdout=subprocess.PIPE,
                             preexec_fn=os.setpgrp if kind == "job" else None)
    told = {"kind": kind, "pid": child.pid, "stopped": False}
    while True:
        _, status = os.waitpid(child.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            break
        told["stopped"] = True
    for line in child.stdout.read().decode().splitlines():
        told.update(json.loads(line))
    print(json.dumps(told), flush=True)


def main():
    if len(sys.argv) > 1:
        end(sys.argv[1])
        return
    for kind in KINDS:
        run(kind)


if __name__ == "__main__":
    main()
