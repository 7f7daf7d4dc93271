# SPDX-License-Identifier: MIT
"""CPython's asyncio: yield, tasks, gather, timers, timeouts, threads.

With the arguments `sleepers SIZE N`, sleepers; with `echo`, a server on descriptor 3.
"""
import asyncio
import os
import random
import socket
import sys
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


def all_timers(n):
    loop = asyncio.get_running_loop()
    base = loop.time()

    def among():
        return base + 1000 + 1000 * random.random()

    timers("timer/alone", n, lambda: base + 1e6)
    live = [loop.call_at(among(), nothing) for _ in range(10000)]
    timers("timer/far", n, lambda: base + 1e6)
    timers("timer/among", n, among)
    for timer in live:
        timer.cancel()


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


async def threads_at_once(n):
    jobs = [asyncio.to_thread(nothing) for _ in range(n)]
    start = time.monotonic_ns()
    await asyncio.gather(*jobs)
    report("thread/100000-at-once", time.monotonic_ns() - start, n)


def status(key):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key + ":"))


async def sleeper(until):
    await asyncio.sleep(until - asyncio.get_running_loop().time() + random.random())


async def sleepers(size, n):
    start, resident, tables = time.process_time(), status("VmRSS"), status("VmPTE")
    first = asyncio.get_running_loop().time() + 0.5 + 40e-6 * n
    tasks = [asyncio.create_task(sleeper(first)) for _ in range(n)]
    await asyncio.sleep(0)
    tables = status("VmPTE") - tables
    memory = status("VmRSS") - resident + tables
    with open("/proc/self/maps") as lines:
        maps = sum(1 for _ in lines)
    print(f"sleepers/{size}/memory-each {memory / n:.6g} B")
    print(f"sleepers/{size}/page-tables-each {tables / n:.6g} B")
    print(f"sleepers/{size}/mappings {maps} maps")
    for task in tasks:
        await task
    print(f"sleepers/{size}/cpu {time.process_time() - start:.6g} s")


async def serve(reader, writer):
    while data := await reader.read(4096):
        writer.write(data)
        await writer.drain()
    writer.close()


async def echo():
    server = await asyncio.start_server(serve, sock=socket.socket(fileno=3))
    await server.serve_forever()


async def main():
    await yields("yield/2", 2, scaled(200000, 2000))
    await yields("yield/1000", 1000, scaled(200000, 2000))
    await spawns("spawn/one-by-one", none, 1, scaled(50000, 1000))
    await spawns("spawn/by-1000", none, 1000, scaled(50000, 1000))
    await spawns("spawn/1000-alive", once, 1000, scaled(50000, 1000))
    await gathers(scaled(20, 1))
    all_timers(scaled(200000, 2000))
    await timeouts(scaled(50000, 500))
    await threads(scaled(2000, 50))
    await threads_at_once(scaled(20000, 1000))
    await million(scaled(200000, 5000), 0.1 if quick else 2)


if "sleepers" in sys.argv:
    asyncio.run(sleepers(sys.argv[2], int(sys.argv[3])))
elif "echo" in sys.argv:
    asyncio.run(echo())
else:
    asyncio.run(main())
