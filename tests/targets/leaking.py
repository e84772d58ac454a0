"""Keeps a MB a request inside churn of 50 MB, beside a cache that is full before half of the run.

The truth has `kept`, the bytes that remember() holds at the end.
"""
import time

from truth import PAGE, Truth, anonymous, size

REQUESTS = 120
PAUSE_S = 0.05
CACHED = 20
KEPT, CACHE = [], {}


def take(mb):
    mapping = anonymous(size(mb))
    for place in range(0, len(mapping), PAGE):
        mapping[place] = 1
    return mapping


def remember():
    KEPT.append(take(1))


def compute():
    take(50).close()


def look_up(request):
    CACHE.setdefault(request % CACHED, take(1))


def serve():
    for request in range(REQUESTS):
        remember()
        compute()
        look_up(request)
        time.sleep(PAUSE_S)


TRUTH = Truth()
serve()
TRUTH.facts["kept"] = REQUESTS * size(1)
TRUTH.write()
