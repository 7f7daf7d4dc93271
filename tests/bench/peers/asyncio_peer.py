# SPDX-License-Identifier: MIT
"""CPython's asyncio: yield, tasks, gather, timers, timeouts, threads."""
import asyncio
import os
import random
import time

quick = bool(os.environ.get("BENCH_QUICK"))


def scaled(n, small):
    return small if quick else n


def report(name, ns, n, unit="ns"):
    print(f"{name} {ns / n / {'ns': 1, 'us': 1e3}[unit]:.6g} {unit}", flush=True)


async def none():
    pass


async def once():
    await asyncio.sleep(0)


async def yields(name, n, total):
    rounds = total // n

    async def yielder():
        for _ in range(rounds):
            await asyncio.sleep(0)

    start = time.process_time_ns()
    await asyncio.gather(*(yielder() for _ in range(n)))
    report(name, time.process_time_ns() - start, rounds * n)


async def spawns(name, fn, size, total):
    start = time.process_time_ns()
    for _ in range(total // size):
        for task in [asyncio.create_task(fn()) for _ in range(size)]:
            await task
    report(name, time.process_time_ns() - start, total // size * size)


async def gathers(n):
    start = time.process_time_ns()
    for _ in range(n):
        await asyncio.gather(*(none() for _ in range(1000)))
    report("gather/1000", time.process_time_ns() - start, n, "us")


def nothing():
    pass


def timers(name, n, when):
    loop = asyncio.get_running_loop()
    start = time.process_time_ns()
    for _ in range(n):
        loop.call_at(when(), nothing).cancel()
    report(name, time.process_time_ns() - start, n)


async def million(n, unit):
    loop = asyncio.get_running_loop()
    base = loop.time()
    start = time.process_time_ns()
    for _ in range(n):
        loop.call_at(base + unit * (1 + random.random()), nothing)
    await asyncio.sleep(base + 2.1 * unit - loop.time())
    report("timer/million", time.process_time_ns() - start, n)


async def timeouts(n):
    if not hasattr(asyncio, "timeout"):
        return
    start = time.process_time_ns()
    for _ in range(n):
        async with asyncio.timeout(1000):
            pass
    report("timeout", time.process_time_ns() - start, n)


async def threads(n):
    await asyncio.to_thread(nothing)
    start = time.monotonic_ns()
    for _ in range(n):
        await asyncio.to_thread(nothing)
    report("thread/one-at-a-time", time.monotonic_ns() - start, n, "us")


async def main():
    await yields("yield/2", 2, scaled(200000, 2000))
    await yields("yield/1000", 1000, scaled(200000, 2000))
    await spawns("spawn/one-by-one", none, 1, scaled(50000, 1000))
    await spawns("spawn/by-1000", none, 1000, scaled(50000, 1000))
    await spawns("spawn/1000-alive", once, 1000, scaled(50000, 1000))
    await gathers(scaled(20, 1))
    base = asyncio.get_running_loop().time()
    timers("timer/alone", scaled(200000, 2000), lambda: base + 1e6)
    await timeouts(scaled(50000, 500))
    await threads(scaled(2000, 50))
    await million(scaled(200000, 5000), 0.1 if quick else 2)


asyncio.run(main())
