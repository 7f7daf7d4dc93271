# SPDX-License-Identifier: MIT
"""Random scenarios in which much happens at once: all times are a few ticks, and many statements follow
each other without a pause.

They show the order in which ready tasks run and waiting ones are served. So they hold only what takes the
same number of turns in both runtimes: differences.md tells what does not.
"""

import random


class Tight:
    """Several tasks of a few statements on a few objects."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.seed = seed
        self.objects = {}
        for kind, share in (("lock", 0.8), ("event", 0.7), ("sem", 0.8)):
            for number in range(self.random.randint(1, 2) if self.random.random() < share else 0):
                self.objects[f"{kind[0].upper()}{number}"] = kind
        self.cancels = self.random.random() < 0.4

    def few(self):
        return self.random.choice((0, 0, 0, 1, 1, 2, 3))

    def add(self, lines, *words):
        lines.append(" ".join(str(word) for word in (self.few(), *words)))

    def statement(self, lines, held):
        name = self.random.choice([*self.objects, "-", "-"])
        kind = self.objects.get(name)
        if kind == "lock" and name not in held:
            self.add(lines, "with", name)
            for _ in range(self.random.randint(0, 2)):
                self.statement(lines, held | {name})
            self.add(lines, "end")
        elif kind == "event":
            self.add(lines, self.random.choice(("event_wait", "event_wait", "set", "clear", "pulse")), name)
        elif kind == "sem":
            self.add(lines, "acquire", name)
            for _ in range(self.random.randint(0, 2)):
                self.statement(lines, held)
            self.add(lines, "release", name)
        elif self.cancels and self.random.random() < 0.3:
            self.add(lines, "cancel", f"T{self.random.randrange(self.count)}")
        else:
            self.add(lines, "sleep", self.few())

    def write(self):
        lines = [f"scenario {self.seed} tight"]
        for name, kind in self.objects.items():
            lines.append(f"object {kind} {name} {1 if kind == 'sem' else ''}".rstrip())
        self.count = self.random.randint(2, 6)
        names = [f"T{number}" for number in range(self.count)]
        lines.append("task main")
        for name in names:
            self.add(lines, "spawn", name)
        self.add(lines, "sleep", self.random.randint(0, 60))
        for name, kind in self.objects.items():
            if kind == "event":
                self.add(lines, "set", name)
        for name in names if not self.cancels else ():
            self.add(lines, "await", name)
        lines += ["0 return 0", "end"]
        for name in names:
            lines.append(f"task {name}")
            for _ in range(self.random.randint(1, 6)):
                self.statement(lines, frozenset())
            self.add(lines, "return", self.random.randint(0, 9))
            lines.append("end")
        return lines + ["run"]


def scenario(seed):
    """The lines of the scenario of a seed."""
    return Tight(seed).write()
