"""A server of jobs. The culprit is fetch: all of its answers are kept until the last is there."""
import asyncio


async def fetch(number):
    await asyncio.sleep(0)
    return bytearray(b"%d" % number * 40_000)


async def parse(answer):
    await asyncio.sleep(0)
    return len(answer)


async def collect(jobs):
    return await asyncio.gather(*[fetch(number) for number in range(jobs)])


async def main():
    answers = await collect(1000)
    print(sum([await parse(answer) for answer in answers]))


asyncio.run(main())
