# SPDX-License-Identifier: MIT
"""The blocks of a scenario on asyncio: deadlines, groups, shields, clean-up. tasks.c is its twin."""

import asyncio


class Fail(Exception):
    """A task's failure."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def outcome_of(task):
    if task.cancelled():
        return "cancelled"
    if task.exception():
        return f"failed {task.exception().code}"
    return f"value {task.result()}"


async def joined(tasks):
    """Waits for all of them, however often it is cancelled."""
    while not all(task.done() for task in tasks):
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError:
            pass


async def leaves_a_cancel_behind():
    """Whether TaskGroup, when a task fails while it joins, leaves its own cancel of the parent counted
    (until 3.12)."""

    async def fail():
        await asyncio.sleep(0)
        raise Fail(0)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
    except BaseExceptionGroup:
        pass
    return asyncio.current_task().cancelling() > 0


LEFTOVER = asyncio.run(leaves_a_cancel_behind())


class Blocks:
    """The statements that hold others, a part of Runner."""

    async def inside(self, place, end="end"):
        return await self.block(place + 1, self.ends[place, end])

    async def guarded(self, place, end):
        """The statements between, which no cancel from outside reaches."""
        inner = self.world.loop.create_task(self.block(place + 1, end))
        await joined([inner])
        return inner.result()

    async def do_timeout(self, line, place, ticks):
        try:
            async with asyncio.timeout(int(ticks)):
                await self.inside(place)
        except TimeoutError:
            return "expired"
        return "ok"

    async def do_group(self, line, place, name):
        me = asyncio.current_task()
        failure = None
        group = asyncio.TaskGroup()
        members = self.world.groups[name] = []
        try:
            async with group:
                members.append(group)
                try:
                    await self.inside(place)
                except Fail as error:
                    failure = error
                    raise
                finally:
                    requested = LEFTOVER and group._parent_cancel_requested
        except BaseExceptionGroup as errors:
            if LEFTOVER and group._parent_cancel_requested and not requested:
                me.uncancel()
            if failure:
                raise failure
            self.last = "failed " + ",".join(str(error.code) for error in errors.exceptions)
            return self.last
        finally:
            for member in members[1:]:
                self.world.handles.pop(member.get_name(), None)
        return self.waited("ok")

    async def do_start(self, group, name):
        members = self.world.groups[group]
        member = self.world.start(name, members[0].create_task)
        members.append(member)
        self.world.handles[name] = member
        return "ok"

    async def do_guard(self, line, place):
        await self.guarded(place, self.ends[place, "end"])
        return "ok"

    async def do_try(self, line, place):
        middle = self.ends[place, "finally"]
        try:
            await self.inside(place, "finally")
        finally:
            await self.guarded(middle, self.ends[place, "end"])
        return "ok"

    async def do_catch(self, line, place):
        try:
            await self.inside(place)
        except asyncio.CancelledError:
            if self.world.ended:
                self.world.design("catch at the end")
            me = asyncio.current_task()
            if me.cancelling() > self.world.direct.pop(me, 0):
                self.world.passed_on.add(me)
            while me.uncancel() > 0:
                pass
            return "caught"
        return "ok"

    async def do_with(self, line, place, name):
        thing = self.world.objects[name]
        await thing.acquire()
        try:
            self.note(line, "acquired", name)
            await self.inside(place)
        finally:
            self.note(line, "released", name)
            thing.release()
        return "ok"
