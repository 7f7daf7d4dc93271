# SPDX-License-Identifier: MIT
"""Random scenarios by seed: small texts that both drivers run. README.md tells the language.

Every statement begins with a lead, a time that the task sleeps before it, and all times are drawn from
a wide range: so each statement has an instant of its own, and what happens in that instant follows
from it alone. Two statements that meet in one instant by chance are seen by asyncio_driver.py.

What both runtimes do differently by design is not generated, or is made equal by the drivers:
differences.md lists it.
"""

import random

import tight

LONGEST = 1_000_000  # ticks
VALUES = 90  # results of tasks
FAILURES = range(61, 70)  # codes of failures


class Writer:
    """A scenario that is being written: its objects, and the tasks that are still to be written."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.seed = seed
        self.objects = {}
        self.names = 0
        self.texts = []
        self.left = self.random.choice((8, 20, 40, 80))  # statements
        self.group_count = 0
        self.items = 0

    def chance(self, share):
        return self.random.random() < share

    def ticks(self):
        """Of a sleep or a limit: what is waited for comes before it or after."""
        return self.random.randint(1, LONGEST // self.random.choice((1, 2, 8)))

    def lead(self):
        return self.random.randint(1, LONGEST // self.random.choice((8, 32, 128)))

    def make_objects(self):
        kinds = {"lock": 1, "event": 1, "cond": 1, "sem": 1, "barrier": 1, "queue": 1}
        for kind in kinds:
            for _ in range(self.random.choice((0, 1, 1, 2))):
                self.add_object(kind)

    def add_object(self, kind):
        name = kind[0].upper() + str(sum(k == kind for k, _ in self.objects.values()))
        order = self.random.choice(("fifo", "fifo", "lifo", "priority"))
        words = {
            "sem": str(self.random.randint(0, 2)),
            "barrier": str(self.random.randint(1, 3)),
            "queue": f"{order} {self.random.randint(0, 3)}",
        }
        self.objects[name] = (kind, words.get(kind, ""))

    def some(self, kind):
        names = [name for name, (k, _) in self.objects.items() if k == kind]
        return self.random.choice(names) if names else None

    def new_task(self, role, depth, held=frozenset()):
        """Writes a task and returns its name. Its role: main, spawned, member or called (by a task that
        holds these locks)."""
        name = "main" if role == "main" else f"T{self.names}"
        self.names += role != "main"
        place = len(self.texts)
        self.texts.append(None)
        self.texts[place] = Body(self, name, role, depth, held).write()
        return name

    def write(self):
        self.make_objects()
        self.new_task("main", 0)
        lines = [f"scenario {self.seed}"]
        lines += [f"object {kind} {name} {words}".rstrip() for name, (kind, words) in self.objects.items()]
        for text in self.texts:
            lines += text
        return lines + ["run"]


class Body:
    """One task's statements."""

    def __init__(self, writer, name, role, depth, held):
        self.writer = writer
        self.random = writer.random
        self.name = name
        self.role = role
        self.depth = depth
        self.held = held
        self.handles = []
        self.lines = []
        self.catches = role == "spawned" and writer.chance(0.3)

    def add(self, *words):
        self.lines.append(" ".join(str(word) for word in (self.writer.lead(), *words)))

    def write(self):
        header = f"task {self.name}"
        if self.catches:
            self.add("catch")
        self.statements(self.random.randint(*((3, 9) if self.role == "main" else (1, 5))), self.held)
        if self.catches:
            self.add("end")
            self.statements(self.random.randint(0, 2), frozenset({"caught"}))
        if self.role == "main" and self.writer.chance(0.7):
            self.add("sleep", 2 * LONGEST)
        if self.role != "main" and self.writer.chance(0.25):
            self.add("fail", self.random.choice(FAILURES))
        else:
            self.add("return", self.random.randint(0, VALUES))
        return [header, *self.lines, "end"]

    def statements(self, count, inside):
        """`inside` names the blocks around, as far as it matters."""
        for _ in range(count):
            if self.writer.left <= 0:
                return
            self.writer.left -= 1
            self.statement(inside)

    def statement(self, inside):
        verbs = {
            "sleep": 3,
            "spawn": 3,
            "await": 3,
            "shield": 1,
            "cancel": 3,
            "wait": 1,
            "completed": 0.7,
            "gather": 1.5,
            "waitfor": 1.5,
            "timeout": 2,
            "group": 2,
            "guard": 0.7,
            "try": 1,
            "check": 0.5,
            "lock": 2,
            "event": 2,
            "cond": 2,
            "sem": 2,
            "barrier": 1,
            "queue": 3,
        }
        if inside & {"clean", "block"} and len(inside) > 2:
            for verb in ("timeout", "group", "guard", "try"):
                del verbs[verb]
        while True:
            verb = self.random.choices(list(verbs), list(verbs.values()))[0]
            if getattr(self, "do_" + verb)(inside):
                return

    # ---- tasks ----

    def children(self, role):
        if self.depth > 3:
            return []
        return [self.writer.new_task(role, self.depth + 1) for _ in range(self.random.randint(1, 3))]

    def do_sleep(self, inside):
        self.add("sleep", self.writer.ticks())
        return True

    def do_spawn(self, inside):
        if "clean" in inside or self.depth > 3:
            return False
        name = self.writer.new_task("spawned", self.depth + 1)
        self.add("spawn", name)
        self.handles.append(name)
        return True

    def do_await(self, inside):
        if not self.handles:
            return False
        self.add("await", self.random.choice(self.handles))
        return True

    def do_shield(self, inside):
        if not self.handles:
            return False
        self.add("shield", self.random.choice(self.handles))
        return True

    def do_cancel(self, inside):
        if self.writer.names == 0 or self.writer.chance(0.5):
            return False
        self.add("cancel", f"T{self.random.randrange(self.writer.names)}")
        return True

    def do_wait(self, inside):
        if not self.handles:
            return False
        names = self.random.sample(self.handles, self.random.randint(1, len(self.handles)))
        limit = self.random.choice((-1, self.writer.ticks()))
        self.add("wait", self.random.choice(("first", "failure", "all")), limit, *names)
        return True

    def do_completed(self, inside):
        if not self.handles:
            return False
        names = self.random.sample(self.handles, self.random.randint(1, len(self.handles)))
        pause = self.random.choice((0, self.writer.ticks()))
        self.add("completed", self.random.randint(1, len(names)), pause, *names)
        return True

    def do_gather(self, inside):
        names = self.children("member")
        if names:
            self.add("gather", self.random.choice(("all", "failure")), *names)
        return bool(names)

    def do_waitfor(self, inside):
        if self.depth > 3:
            return False
        held = inside & set(self.writer.objects)
        self.add("waitfor", self.writer.ticks(), self.writer.new_task("called", self.depth + 1, held))
        return True

    # ---- blocks ----

    def block(self, inside, longest=3):
        self.statements(self.random.randint(1, longest), inside | {"block", str(len(self.lines))})

    def do_timeout(self, inside):
        self.add("timeout", self.writer.ticks())
        self.block(inside)
        self.add("end")
        return True

    def do_group(self, inside):
        if "clean" in inside or self.depth > 3:
            return False
        name = f"G{self.writer.group_count}"
        self.writer.group_count += 1
        self.add("group", name)
        for member in self.children("member"):
            self.add("start", name, member)
            self.statements(self.random.randint(0, 1), inside | {"block", name})
        self.add("end")
        return True

    def do_guard(self, inside):
        self.add("guard")
        self.block(inside | {"clean"})
        self.add("end")
        return True

    def do_try(self, inside):
        self.add("try")
        self.block(inside)
        self.add("finally")
        self.block(inside | {"clean"}, 2)
        if self.writer.chance(0.15):
            self.add("fail", self.random.choice(FAILURES))
        self.add("end")
        return True

    def do_check(self, inside):
        self.add("check")
        return True

    # ---- primitives ----

    def do_lock(self, inside):
        name = self.writer.some("lock")
        if not name or name in inside:
            return False
        self.add("with", name)
        self.block(inside | {name})
        self.add("end")
        return True

    def add_wait(self, *words):
        """Half of the waits have a limit, so that not too many scenarios end with all tasks stuck."""
        limited = self.writer.chance(0.5)
        if limited:
            self.add("timeout", self.writer.ticks())
        self.add(*words)
        if limited:
            self.add("end")

    def do_event(self, inside):
        name = self.writer.some("event")
        if not name:
            return False
        verb = self.random.choice(("event_wait", "event_wait", "set", "set", "clear", "pulse"))
        (self.add_wait if verb == "event_wait" else self.add)(verb, name)
        return True

    def do_cond(self, inside):
        name = self.writer.some("cond")
        if not name or name in inside:
            return False
        self.add("with", name)
        for _ in range(self.random.randint(1, 2)):
            verb = self.random.choice(("cond_wait", "notify", "notify", "notify_all", "sleep"))
            argument = {"sleep": self.writer.ticks(), "notify": f"{name} {self.random.randint(1, 2)}"}
            (self.add_wait if verb == "cond_wait" else self.add)(verb, argument.get(verb, name))
        self.add("end")
        return True

    def do_sem(self, inside):
        name = self.writer.some("sem")
        if not name:
            return False
        self.add_wait("acquire", name)
        if self.writer.chance(0.8):
            self.statements(self.random.randint(0, 2), inside)
            self.add("release", name)
        return True

    def do_barrier(self, inside):
        name = self.writer.some("barrier")
        if name:
            self.add_wait("barrier_wait", name)
        return bool(name)

    def do_queue(self, inside):
        name = self.writer.some("queue")
        if not name:
            return False
        waits = ("put", "get", "join")
        others = ("put", "put", "get", "put_nowait", "get_nowait", "task_done", "size")
        verb = self.random.choice(waits + others)
        add = self.add_wait if verb in waits else self.add
        if verb.startswith("put"):
            # Each item once, so that no two have one rank in a priority queue.
            self.writer.items += 1
            add(verb, name, self.random.randrange(1000) * 1000 + self.writer.items)
        else:
            add(verb, name)
        if verb == "get" and self.writer.chance(0.6):
            self.add("task_done", name)
        return True


def scenario(seed):
    """The lines of the scenario of a seed; every fifth is a tight one."""
    return tight.scenario(seed) if seed % 5 == 0 else Writer(seed).write()
