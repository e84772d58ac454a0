"""Tasks that are cancelled while they wait, three awaits deep, and keep what is known beforehand when
they clean up."""
import asyncio
import ctypes
import json
import os

from truth import address_of, anonymous, output_path, size

KEPT = []
TASKS = 3
MEGABYTES = 8


def take():
    mapping = anonymous(size(MEGABYTES))
    KEPT.append(mapping)
    ctypes.memset(address_of(mapping), 1, len(mapping))


async def query():
    try:
        await asyncio.sleep(1000)
    finally:
        take()


async def handle():
    await query()


async def serve():
    await handle()


async def main():
    tasks = [asyncio.ensure_future(serve()) for _ in range(TASKS)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


if __name__ == "__main__":
    asyncio.new_event_loop().run_until_complete(main())
    with open(output_path(), "w") as file:
        json.dump({"pid": os.getpid(), "taken": TASKS * size(MEGABYTES)}, file)
