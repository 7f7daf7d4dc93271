# SPDX-License-Identifier: MIT
"""Runs a scenario on asyncio and returns its trace. bide_driver.c is its twin.

Where asyncio leaves to the program what bide does by itself (a level of cancellation, a gather that joins),
this driver writes the program that a careful user of asyncio would: differences.md says where.
"""

import asyncio
import collections
import sys

import virtual_loop
from asyncio_blocks import Blocks, Fail, joined, outcome_of
from asyncio_things import Things, new_thing


class Task(asyncio.Task):
    """Tells when a task is cancelled that has caught the cancel of one that waits for it."""

    world = None

    def cancel(self, msg=None):
        if self in self.world.passed_on:
            self.world.design("a cancel passed on again")
        return super().cancel(msg)


class World:
    """What the tasks of one scenario share: the objects, handles and the trace."""

    def __init__(self, lines):
        self.tasks = {}
        self.objects = {}
        self.unfinished = collections.Counter()  # items of each queue
        self.handles = {}
        self.groups = {}
        self.started = []
        self.unsure = set()  # barriers that a task has left: asyncio then gives one index twice
        self.direct = collections.Counter()  # cancels, of each task
        self.passed_on = set()  # tasks that have caught the cancel of one that waits for them
        self.ended = False
        self.outermost = None
        self.loop = None
        self.tight = lines[0].endswith("tight")
        self.trace = []
        self.designs = []
        self.parse(lines)

    def parse(self, lines):
        task = None
        for number, line in enumerate(lines):
            words = line.split()
            if words[0] == "object":
                self.objects[words[2]] = words[1:]
            elif words[0] == "task":
                task = self.tasks[words[1]] = []
            elif words[0].isdigit():
                task.append((number, int(words[0]), words[1], words[2:]))

    def make_objects(self):
        for name, (kind, _, *words) in self.objects.items():
            self.objects[name] = new_thing(kind, words, self.design)

    def note(self, task, line, thing, text):
        self.trace.append(f"{self.loop.time()} {task} {line} {thing} {text}")

    def design(self, reason, when=None):
        """From here on the runtimes differ by design: what follows is not compared."""
        self.designs.append((self.loop.time() if when is None else when, reason))

    def start(self, name, create=None):
        """Starts a task, in the loop or in a group."""
        if self.ended:
            self.design("a task begins at the end")
        self.started.append((create or self.loop.create_task)(Runner(self, name).run(), name=name))
        return self.started[-1]

    def cancel(self, task):
        waits_for = task._fut_waiter
        if self.tight and not task.done() and (waits_for is None or waits_for.done()):
            self.design("a cancel meets a wake-up")
        return asyncio.Task.cancel(task)

    def stuck(self):
        self.design("deadlock")
        for task in asyncio.all_tasks(self.loop) - {self.outermost}:
            task.cancel()

    async def run(self):
        """The main task, and then what asyncio.run does: cancels and joins the others."""
        self.outermost = asyncio.current_task()
        self.make_objects()
        main = self.loop.create_task(Runner(self, "main").run())
        await asyncio.wait([main])
        self.ended = True
        for task in self.started:  # asyncio.run takes any order
            self.cancel(task)
        while rest := asyncio.all_tasks() - {self.outermost}:
            await asyncio.wait(rest)


class Runner(Blocks, Things):
    """Runs the statements of one task."""

    def __init__(self, world, name):
        self.world = world
        self.name = name
        self.last = None
        self.statements = world.tasks[name]
        self.ends = self.match()

    def match(self):
        """The place of the finally and end of each block."""
        open_blocks = []
        ends = {}
        for place, (_, _, verb, _) in enumerate(self.statements):
            if verb in BLOCKS:
                open_blocks.append(place)
            elif verb == "finally":
                ends[open_blocks[-1], verb] = place
            elif verb == "end":
                ends[open_blocks.pop(), verb] = place
        return ends

    def note(self, line, text, thing="-"):
        self.world.note(self.name, line, thing, text)

    async def run(self):
        self.note(0, "begins")
        try:
            value = await self.block(0, len(self.statements))
        except asyncio.CancelledError:
            self.note(0, "ends cancelled")
            raise
        except Fail as failure:
            self.note(0, f"ends failed {failure.code}")
            raise
        self.note(0, f"ends value {value}")
        return value

    async def lead(self, ticks):
        """Cancellation as a level: who was cancelled, and not uncancelled, does not go on."""
        if asyncio.current_task().cancelling() > 0:
            await asyncio.sleep(0)
            raise asyncio.CancelledError
        if ticks > 0:
            await asyncio.sleep(ticks)

    async def block(self, place, end):
        while place < end:
            line, ticks, verb, words = self.statements[place]
            try:
                await self.lead(ticks)
                if verb == "return":
                    return int(words[0])
                verb_function = getattr(self, "do_" + verb)
                if verb in BLOCKS:
                    result = await verb_function(line, place, *words)
                    place = self.ends[place, "end"]
                else:
                    result = await verb_function(*words)
            except asyncio.CancelledError:
                self.note(line, "cut short")
                raise
            except Fail:
                self.note(line, "passes a failure on")
                raise
            self.note(line, result, words[0] if verb in ON_OBJECTS else "-")
            place += 1
        if end < len(self.statements):
            await self.lead(self.statements[end][1])
        return 0

    # ---- tasks ----

    def waited(self, outcome):
        """The level again: the outcome of a wait is that I was cancelled, whatever the work says."""
        if asyncio.current_task().cancelling() > 0:
            raise asyncio.CancelledError
        self.last = outcome
        return outcome

    async def do_sleep(self, ticks):
        await asyncio.sleep(int(ticks))
        return "ok"

    async def do_spawn(self, name):
        self.world.handles[name] = self.world.start(name)
        return "ok"

    async def do_await(self, name):
        task = self.world.handles.get(name)
        if not task:
            return "no handle"
        try:
            await task
        except (asyncio.CancelledError, Fail):
            if not task.done():
                raise
        finally:
            self.world.handles.pop(name, None)
        return self.waited(outcome_of(task))

    async def do_shield(self, name):
        task = self.world.handles.get(name)
        if not task:
            return "no handle"
        try:
            await asyncio.shield(task)
        except (asyncio.CancelledError, Fail):
            if not task.done():
                raise
        return self.waited(outcome_of(task))

    async def do_cancel(self, name):
        task = self.world.handles.get(name)
        if not task:
            return "no handle"
        self.world.direct[task] += 1
        return str(int(self.world.cancel(task)))

    async def do_check(self):
        if self.last and self.last.startswith("failed"):
            raise Fail(int(self.last.split()[1].split(",")[0]))
        return "ok"

    async def do_fail(self, code):
        raise Fail(int(code))

    async def do_wait(self, mode, ticks, *names):
        tasks = {name: self.world.handles[name] for name in names if name in self.world.handles}
        if not tasks:
            return "no handle"
        limit = int(ticks)
        await asyncio.wait(tasks.values(), timeout=limit if limit >= 0 else None, return_when=MODES[mode])
        done = [name for name, task in tasks.items() if task.done()]
        return self.waited(" ".join(["done", *done]))

    async def do_completed(self, count, pause, *names):
        """Of those that had ended before, asyncio would give any first; only the others are asked for."""
        tasks = [self.world.handles[name] for name in names if name in self.world.handles]
        tasks = [task for task in tasks if not task.done()][: int(count)]
        outcomes = []
        for next_one in asyncio.as_completed(tasks):
            try:
                outcomes.append(f"value {await next_one}")
            except Fail as failure:
                outcomes.append(f"failed {failure.code}")
            except asyncio.CancelledError:
                self.waited("cancelled")
                outcomes.append("cancelled")
            if int(pause) > 0:
                await asyncio.sleep(int(pause))
        return self.waited(", ".join(outcomes) or "no handle")

    async def do_gather(self, mode, *names):
        tasks = [self.world.start(name) for name in names]
        ends = []
        for task in tasks:
            task.add_done_callback(lambda ended: ends.append(outcome_of(ended)))
        try:
            await asyncio.gather(*tasks, return_exceptions=mode == "all")
        except (asyncio.CancelledError, Fail):
            for task in tasks:
                task.cancel()
        await joined(tasks)
        if mode == "all":
            return self.waited(", ".join(outcome_of(task) for task in tasks))
        failures = [text for text in ends if not text.startswith("value")]
        if self.world.ended and len(set(failures)) > 1:
            self.world.design("a gather cancelled at the end")
        if asyncio.current_task().cancelling() > 0:  # then those that were cancelled do not count
            failures = [text for text in failures if text != "cancelled"]
        if failures and failures[0] != "cancelled":
            self.last = failures[0]
            return self.last
        return self.waited("cancelled" if failures else "ok")

    async def do_waitfor(self, ticks, name):
        work = Runner(self.world, name)
        try:
            if sys.version_info >= (3, 12):
                value = await asyncio.wait_for(work.run(), int(ticks))
            else:  # which 3.12 says it is
                async with asyncio.timeout(int(ticks)):
                    value = await work.run()
        except TimeoutError:
            return self.waited("expired")
        except Fail as failure:
            return self.waited(f"failed {failure.code}")
        return self.waited(f"value {value}")


MODES = {
    "first": asyncio.FIRST_COMPLETED,
    "failure": asyncio.FIRST_EXCEPTION,
    "all": asyncio.ALL_COMPLETED,
}
BLOCKS = ("timeout", "group", "guard", "try", "catch", "with")
ON_OBJECTS = """event_wait set clear pulse cond_wait notify notify_all acquire release barrier_wait put get
    put_nowait get_nowait task_done join size""".split()


def run(lines):
    """Returns the trace, and the instants from which on the runtimes differ by design, with the reasons."""
    world = World(lines)
    by_chance = lines[0].split()[1].isdigit() and not world.tight
    on_met = (lambda when: world.design("two timers meet", when)) if by_chance else lambda when: None
    world.loop = virtual_loop.VirtualLoop(world.stuck, on_met)
    Task.world = world
    world.loop.set_task_factory(lambda loop, coro, **options: Task(coro, loop=loop, **options))
    world.loop.set_exception_handler(lambda loop, context: None)
    try:
        world.loop.run_until_complete(world.run())
    finally:
        world.loop.close()
    return world.trace, world.designs
