"""A worker of Celery that gives itself tasks. Each process of its pool gets one, because none ends
before all have begun, and keeps another number of MB."""
import multiprocessing
import threading

from celery import Celery
from celery.signals import worker_ready

MB, WORKERS, SECONDS = 1 << 20, 8, 120
app = Celery("tasks", broker="memory://", backend="cache+memory://")
barrier = multiprocessing.get_context("fork").Barrier(WORKERS + 1)
KEPT = []


@app.task
def keep(number):
    barrier.wait(SECONDS)
    for _ in range(number):
        KEPT.append(b"k" * MB)
    barrier.wait(SECONDS)


def give():
    for number in range(1, WORKERS + 1):
        keep.delay(number)
    barrier.wait(SECONDS)
    barrier.wait(SECONDS)
    app.control.shutdown()


@worker_ready.connect
def begin(sender, **_):
    threading.Thread(target=give).start()
