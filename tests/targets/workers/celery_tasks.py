"""A worker of Celery that gives itself tasks: each process of its pool keeps what it was given."""
import threading
import time

from celery import Celery
from celery.signals import worker_ready

MB, TASKS = 1 << 20, 64
app = Celery("tasks", broker="memory://", backend="cache+memory://")
KEPT = []


@app.task
def keep(number):
    KEPT.append(b"k" * MB)
    time.sleep(0.05)


def give():
    for number in range(TASKS):
        keep.delay(number)
    time.sleep(3)
    app.control.shutdown()


@worker_ready.connect
def begin(sender, **_):
    threading.Thread(target=give).start()
