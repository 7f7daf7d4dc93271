# SPDX-License-Identifier: MIT
"""An event loop of asyncio in virtual time: whole ticks, which jump to the next deadline when all wait."""

import asyncio
import math
import selectors


TIMERS_MOST = 1 << 20


class VirtualSelector(selectors.SelectSelector):
    """Watches nothing. A wait without a limit means that every task waits for another: on_stuck is called."""

    def __init__(self):
        super().__init__()
        self.now = 0
        self.on_stuck = None

    def select(self, timeout=None):
        if timeout is None:
            self.on_stuck()
        elif timeout > 0:
            self.now = math.floor(self.now + timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its clock is its selector's. on_met is called with the tick for which two timers were set; they fire
    in the order in which they were."""

    def __init__(self, on_stuck, on_met):
        self._virtual = VirtualSelector()
        super().__init__(self._virtual)
        self._clock_resolution = 1
        self._virtual.on_stuck = on_stuck
        self._met = on_met
        self._instants = set()
        self._timers = 0

    def time(self):
        return self._virtual.now

    def call_at(self, when, callback, *args, context=None):
        if when in self._instants:
            self._met(when)
        self._instants.add(when)
        self._timers += 1
        return super().call_at(when + self._timers / TIMERS_MOST, callback, *args, context=context)
