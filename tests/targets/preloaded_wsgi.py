"""A WSGI application with data that gunicorn --preload loads before it forks: the first request in
each worker reads all of it, and prints what that copied (unshares.py). The answer is its process id."""
import os
import time

from unshares import load, measure, read_all

SERVED = []

load()


def application(environ, start_response):
    if not SERVED:
        measure(read_all)
    SERVED.append(1)
    time.sleep(0.02)  # so that the others get their share of the requests
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
