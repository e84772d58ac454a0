"""For each line of the input: ends the child that it has, forks another, which only waits, and writes
that one's pid."""
import os
import signal
import sys


def end(child):
    if child:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def fork():
    child = os.fork()
    if not child:
        signal.pause()
    return child


CHILD = 0
print("ready", flush=True)
for _ in sys.stdin:
    end(CHILD)
    CHILD = fork()
    print(CHILD, flush=True)
end(CHILD)
