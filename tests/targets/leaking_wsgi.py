"""A WSGI application that keeps 1 MB for each request, in leak(); the answer is its process id."""
import os
import time

from truth import PAGE, anonymous, size

KEPT = []


def leak():
    mapping = anonymous(size(1))
    KEPT.append(mapping)
    for place in range(0, len(mapping), PAGE):
        mapping[place] = 1


def application(environ, start_response):
    leak()
    time.sleep(0.02)  # so that the others get their share of the requests
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
