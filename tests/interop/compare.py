# SPDX-License-Identifier: MIT
"""compare.py DRIVER [FIRST [COUNT]]: runs scenarios on asyncio and on bide, and compares their traces.

DRIVER is bide_driver, with the emulator before it where there is one. Of one instant the events must be
the same, in any order; the events of each task, and those of each object, in the same order. A trace is
compared up to the first instant at which the runtimes differ by design (see differences.md).
"""

import collections
import pathlib
import shlex
import subprocess
import sys

import asyncio_driver
import scenarios

BATCH = 500  # scenarios for one process


def run_bide(driver, texts):
    """The traces of the scenarios: for each its lines, the last of which is "= CODE"."""
    text = "".join(line + "\n" for lines in texts for line in lines)
    done = subprocess.run(driver, input=text, capture_output=True, text=True, check=False)
    traces = [[]]
    for line in done.stdout.splitlines():
        traces[-1].append(line)
        if line.startswith("="):
            traces.append([])
    return traces, done


def before(trace, limit):
    return [line for line in trace if limit is None or int(line.split(maxsplit=1)[0]) < limit]


def by_key(trace, key, but=()):
    """The lines with each value of that word, but those of these instants."""
    lists = collections.defaultdict(list)
    for line in trace:
        words = line.split(maxsplit=4)
        if words[0] not in but:
            lists[words[key]].append(line)
    return lists


def unordered(instant):
    """Whether a cancel went through several tasks in this instant: asyncio passes it on to the innermost at
    once, bide from one to the next, so that their clean-up has no order among them."""
    return len({line.split()[1] for line in instant if line.endswith("cut short")}) > 1


def difference(left, right, tight):
    """What is wrong, in words, or None."""
    instants = by_key(left, 0), by_key(right, 0)
    for tick in sorted({*instants[0], *instants[1]}, key=int):
        if sorted(instants[0][tick]) != sorted(instants[1][tick]):
            return f"the events of instant {tick} are not the same"
    but = () if tight else [tick for tick, lines in instants[0].items() if unordered(lines)]
    for key, kind, skipped in ((1, "task", ()), (3, "object", but)):
        lists = by_key(left, key, skipped), by_key(right, key, skipped)
        for name, events in lists[0].items():
            if name != "-" and events != lists[1][name]:
                return f"the order of the events of {kind} {name} is not the same"
    return None


def check(lines, trace):
    """Compares bide's trace with asyncio's. Returns what is wrong, asyncio's trace, and why it ends there."""
    expected, designs = asyncio_driver.run(lines)
    for line in trace:
        if line.startswith("!"):
            _, tick, reason = line.split(maxsplit=2)
            designs.append((int(tick), reason))
    limit, reason = min(designs) if designs else (None, "whole")
    code = int(trace[-1][1:])
    found = [line for line in trace if line[0] not in "!="]
    expected = before(expected, limit)
    wrong = difference(expected, before(found, limit), lines[0].endswith("tight"))
    stuck = -35  # EDEADLK
    if not wrong and (code == stuck) != (reason == "deadlock") and reason in ("whole", "deadlock"):
        wrong = f"asyncio ended in {reason}, bide with {code}"
    return wrong, expected, reason


def show(seed, lines, expected, found, wrong):
    print(f"scenario {seed}: {wrong}\n")
    for number, line in enumerate(lines):
        print(f"{number:4} {line}")
    for name, trace in (("asyncio", expected), ("bide", found)):
        print(f"\n{name}:\n" + "\n".join(trace))
    print(f"\nscenario {seed}: {wrong}")


def cases():
    """The scenarios of cases.txt, by name."""
    text = (pathlib.Path(__file__).parent / "cases.txt").read_text()
    blocks = [block.strip().split("\n") for block in text.split("\n\n")]
    return {block[0].split()[1]: block for block in blocks if block[0].startswith("scenario")}


def check_cases(driver):
    """What is written by hand is compared to its end. Returns whether all are alike."""
    by_name = cases()
    traces, done = run_bide(driver, by_name.values())
    for (name, lines), trace in zip(by_name.items(), traces):
        if not trace:
            print(f"bide ended in case {name}: {done.stderr[-2000:]}")
            return False
        wrong, expected, reason = check(lines, trace)
        if wrong or reason != "whole":
            show(name, lines, expected, trace, wrong or reason)
            return False
    print(f"{len(by_name)} cases alike")
    return True


def main(driver, first="1", count="300"):
    driver = shlex.split(driver)
    if not check_cases(driver):
        return 1
    seeds = range(int(first), int(first) + int(count))
    reasons = collections.Counter()
    events = 0
    for start in range(0, len(seeds), BATCH):
        batch = seeds[start : start + BATCH]
        texts = [scenarios.scenario(seed) for seed in batch]
        traces, done = run_bide(driver, texts)
        for seed, lines, trace in zip(batch, texts, traces):
            if not trace or not trace[-1].startswith("="):
                show(seed, lines, asyncio_driver.run(lines)[0], trace, f"bide ended with {done.returncode}")
                print(done.stderr[-2000:])
                return 1
            wrong, expected, reason = check(lines, trace)
            if wrong:
                show(seed, lines, expected, trace, wrong)
                return 1
            reasons[reason] += 1
            events += len(expected)
    print(f"{len(seeds)} scenarios, {events} events alike; compared up to: {dict(reasons)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
