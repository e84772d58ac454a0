"""Tasks of an event loop that keep what is known beforehand: interleaved, of one function more than
one, each by itself and through what it awaits."""
import asyncio
import ctypes
import json
import os

from truth import address_of, anonymous, output_path, size

KEPT = []
TASKS = {}


def take(megabytes):
    mapping = anonymous(size(megabytes))
    KEPT.append(mapping)
    ctypes.memset(address_of(mapping), 1, len(mapping))


def expect(function, megabytes):
    name = function.__name__
    TASKS[name] = TASKS.get(name, 0) + size(megabytes)


async def inner(megabytes):
    await asyncio.sleep(0)
    take(megabytes)
    await asyncio.sleep(0)


async def items():
    for _ in range(3):
        await inner(2)
    take(4)


class Users:
    async def show(self):
        for _ in range(4):
            await inner(3)


async def chunks():
    for _ in range(4):
        await asyncio.sleep(0)
        yield 2


async def download():
    async for megabytes in chunks():
        take(megabytes)


async def together(*coroutines):
    if not hasattr(asyncio, "TaskGroup"):
        await asyncio.gather(*coroutines)
        return
    async with asyncio.TaskGroup() as group:
        for coroutine in coroutines:
            group.create_task(coroutine)


async def serve():
    users = Users()
    for function, megabytes in ((items, 10), (items, 10), (users.show, 12), (download, 8)):
        expect(function, megabytes)
    await together(items(), items(), users.show(), download())
    take(2)
    expect(serve, 2)


def main():
    loop = asyncio.new_event_loop()
    loop.run_until_complete(serve())
    loop.close()
    with open(output_path(), "w") as file:
        json.dump({"pid": os.getpid(), "tasks": TASKS}, file)


if __name__ == "__main__":
    main()
