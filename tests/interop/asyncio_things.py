# SPDX-License-Identifier: MIT
"""The objects of a scenario on asyncio: locks, events, conditions, semaphores, barriers, queues; what is done
with them. things.c is its twin."""

import asyncio


class LineLock(asyncio.Lock):
    """The lock of a condition. It tells when a task that takes it again after a wait is cancelled meanwhile:
    asyncio then moves the task behind the others in the line."""

    def __init__(self, on_moved):
        super().__init__()
        self.on_moved = on_moved
        self.again = set()

    async def acquire(self):
        try:
            return await super().acquire()
        except asyncio.CancelledError:
            if asyncio.current_task() in self.again and self._waiters:
                self.on_moved()
            raise


def new_thing(kind, words, design):
    """The object that a line of a scenario describes."""
    if kind == "queue":
        queues = {"fifo": asyncio.Queue, "lifo": asyncio.LifoQueue, "priority": asyncio.PriorityQueue}
        return queues[words[0]](int(words[1]))
    if kind == "barrier":
        return asyncio.Barrier(int(words[0]))
    if kind == "sem":
        return asyncio.Semaphore(int(words[0]))
    if kind == "cond":
        lock = LineLock(lambda: design("a cancelled task that moves back in the line"))
        thing = asyncio.Condition(lock)
        thing.again = lock.again
        return thing
    return {"lock": asyncio.Lock, "event": asyncio.Event}[kind]()


async def passes_on():
    """Whether a task that is cancelled while it waits for a condition wakes another one (from 3.13 on)."""
    cond = asyncio.Condition()
    woken = []

    async def wait():
        async with cond:
            await cond.wait()
            woken.append(True)

    tasks = [asyncio.create_task(wait()) for _ in range(2)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    tasks[1].cancel()
    return bool(woken)


PASSES_ON = asyncio.run(passes_on())


class Things:
    """The statements on objects, a part of Runner."""

    async def do_event_wait(self, name):
        await self.world.objects[name].wait()
        return "ok"

    async def do_set(self, name):
        self.world.objects[name].set()
        return "ok"

    async def do_clear(self, name):
        self.world.objects[name].clear()
        return "ok"

    async def do_pulse(self, name):
        self.world.objects[name].set()
        self.world.objects[name].clear()
        return "ok"

    async def do_cond_wait(self, name):
        cond = self.world.objects[name]
        cond.again.add(asyncio.current_task())
        try:
            await cond.wait()
        except asyncio.CancelledError:
            if PASSES_ON and len(cond.again) > 1:
                self.world.design("a spurious wake-up")
            raise
        finally:
            cond.again.discard(asyncio.current_task())
        return "ok"

    async def do_notify(self, name, count):
        self.world.objects[name].notify(int(count))
        return "ok"

    async def do_notify_all(self, name):
        self.world.objects[name].notify_all()
        return "ok"

    async def do_acquire(self, name):
        await self.world.objects[name].acquire()
        return "ok"

    async def do_release(self, name):
        self.world.objects[name].release()
        return "ok"

    async def do_barrier_wait(self, name):
        try:
            index = await self.world.objects[name].wait()
        except asyncio.CancelledError:
            self.world.unsure.add(name)
            raise
        return "ok" if name in self.world.unsure else str(index)

    async def do_put(self, name, item):
        await self.world.objects[name].put(int(item))
        self.world.unfinished[name] += 1
        return "ok"

    async def do_get(self, name):
        return str(await self.world.objects[name].get())

    async def do_put_nowait(self, name, item):
        try:
            self.world.objects[name].put_nowait(int(item))
        except asyncio.QueueFull:
            return "full"
        self.world.unfinished[name] += 1
        return "ok"

    async def do_get_nowait(self, name):
        try:
            return str(self.world.objects[name].get_nowait())
        except asyncio.QueueEmpty:
            return "empty"

    async def do_task_done(self, name):
        if self.world.unfinished[name] == 0:
            return "none"
        self.world.unfinished[name] -= 1
        self.world.objects[name].task_done()
        return "ok"

    async def do_join(self, name):
        await self.world.objects[name].join()
        return "ok"

    async def do_size(self, name):
        return str(self.world.objects[name].qsize())
