"""FastAPI under uvicorn, on asyncio's loop or uvloop's: endpoints that take known amounts, by
coroutines, in anyio's threads and in an executor; asked interleaved by a thread of the process.

served_by_fastapi.py asyncio|uvloop"""
import asyncio
import http.client
import json
import mmap
import os
import socket
import sys
import threading

import fastapi
import uvicorn

KEPT = []
ROUNDS = 6
app = fastapi.FastAPI()


def take(megabytes):
    mapping = mmap.mmap(-1, megabytes << 20)
    KEPT.append(mapping)
    for place in range(0, len(mapping), mmap.PAGESIZE):
        mapping[place] = 1


async def load_items(megabytes):
    await asyncio.sleep(0.001)
    take(megabytes)


@app.get("/items")
async def read_items():
    await load_items(2)


@app.get("/users")
async def read_users():
    await asyncio.gather(load_items(1), asyncio.sleep(0.001))
    take(2)


@app.get("/report")
def write_report():
    take(3)


@app.get("/model")
async def run_model():
    await asyncio.get_running_loop().run_in_executor(None, take, 4)


def ask(server, port):
    for _ in range(ROUNDS):
        for path in ("/items", "/users", "/report", "/model"):
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("GET", path)
            assert connection.getresponse().status == 200
            connection.close()
    server.should_exit = True


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, loop=sys.argv[1], log_level="warning"))
    client = threading.Thread(target=ask, args=(server, listener.getsockname()[1]))
    client.start()
    server.run(sockets=[listener])
    client.join()
    with open(os.environ["MEMPROBE_TRUTH"], "w") as file:
        json.dump({"pid": os.getpid(), "rounds": ROUNDS, "taken": {
            "read_items": 2 * ROUNDS, "read_users": 3 * ROUNDS, "write_report": 3 * ROUNDS,
            "run_model": 4 * ROUNDS}}, file)


main()
