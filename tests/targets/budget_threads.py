"""Spends CPU time on the main thread, then calls on threads that begin at none, one after the other.

The first line of the input says go. What the main thread spent before is nobody's budget.
"""
import os
import sys
import threading
import time

CALLS_EACH = 1000


def call(number):
    return number


def spend(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(200000))


def calls(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        for number in range(CALLS_EACH):
            call(number)


spend(1.5)
print("ready", flush=True)
sys.stdin.readline()
if sys.argv[1] == "main":
    for first in range(2 * CALLS_EACH):
        call(first)
for _ in range(4):
    thread = threading.Thread(target=calls, args=(1,))
    thread.start()
    thread.join()
os._exit(0)
