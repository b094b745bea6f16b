#!/usr/bin/env python3
"""
budgets_test.py [--write] PROGRAM BUDGETS: what the hot paths cost, counted.

Valgrind runs hot_paths and counts the instructions, system calls and
allocations between its marks: of n operations and of 2n, so that only what an
operation costs is left. No path may cost more than the file of budgets says,
nor much less: then the budget is to be lowered, lest the gain be lost again
unseen. --write takes what was counted for the budgets.
"""

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

BUDGETS, PROGRAM = sys.argv.pop(), sys.argv.pop()
SKIPPED = 77

# Where the work of threads is cut differently in each run.
THREADS = {"pool"}
RUNS_MAX = 20


def tolerance(name):
    return 0.2 if name in THREADS else 0.03


def slack(name):
    return 0.5 if name in THREADS else 0.01


ALLOCATING = {"malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc",
              "memalign", "mmap"}
CALL = re.compile(r"^cfn=(.*)\ncalls=(\d+) ", re.MULTILINE)
MARK = re.compile(r"sys_write \( 4294967295, 0x0, 0 \)")


def counts_of(path):
    """(instructions, allocations) of a part of callgrind's output."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    allocations = sum(int(times) for name, times in CALL.findall(text)
                      if name.split("'")[0] in ALLOCATING)
    return int(re.search(r"^summary: (\d+)", text, re.M).group(1)), allocations


def system_calls(log):
    """How many there are before each mark, and after the last. The clock is
    none outside of valgrind, which does without the vDSO."""
    parts = [0]
    for line in log.splitlines():
        if MARK.search(line):
            parts.append(0)
        elif line.startswith("SYSCALL[") and "clock_gettime" not in line:
            parts[-1] += 1
    return parts


def run(folder):
    """What hot_paths prints, and what was counted in each part."""
    log, out = os.path.join(folder, "log"), os.path.join(folder, "out")
    said = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}",
         "--compress-strings=no", "--dump-before=mark",
         "--trace-syscalls=yes", f"--log-file={log}", PROGRAM],
        capture_output=True, text=True, timeout=100, check=False)
    if said.returncode != 0:
        raise AssertionError(said.stdout + said.stderr)
    parts = len(glob.glob(out + ".*"))
    counts = [counts_of(f"{out}.{part + 1}") for part in range(parts)]
    with open(log, encoding="utf-8") as file:
        calls = system_calls(file.read())
    return said.stdout.splitlines(), [
        (instructions, system, allocations) for (instructions, allocations),
        system in zip(counts, calls)]


def measure():
    """What an operation of each path costs, by its name."""
    with tempfile.TemporaryDirectory() as folder:
        lines, parts = run(folder)
    costs = {}
    for i, line in enumerate(lines):
        name, times = line.split()
        once, twice = parts[4 * i + 1], parts[4 * i + 3]
        costs[name] = tuple((b - a) / int(times)
                            for a, b in zip(once, twice))
    return costs


def read_budgets():
    with open(BUDGETS, encoding="utf-8") as file:
        rows = [line.split() for line in file if not line.startswith("#")]
    return {name: tuple(float(number) for number in numbers)
            for name, *numbers in rows}


def write_budgets(costs):
    with open(BUDGETS, encoding="utf-8") as file:
        head = [line for line in file if line.startswith("#")]
    with open(BUDGETS, "w", encoding="utf-8") as file:
        file.writelines(head)
        for name, (instructions, system, allocations) in costs.items():
            file.write(f"{name:<12} {instructions:>8.1f} "
                       f"{max(system, 0):>8.3f} {allocations:>8.3f}\n")


def takes_more(name, cost, budget):
    return cost[0] > budget[0] * (1 + tolerance(name))


def calls_more(name, cost, budget):
    return cost[1] > budget[1] + slack(name)


def measure_calmly(budgets):
    """The same; of what threads share the least of several runs, for on a
    machine that others use they sleep and wake more often."""
    costs = measure()
    shared = THREADS & costs.keys() & budgets.keys()
    for _ in range(RUNS_MAX - 1):
        if not any(is_over(name, costs[name], budgets[name])
                   for is_over in (takes_more, calls_more)
                   for name in shared):
            break
        again = measure()
        for name in shared:
            costs[name] = tuple(map(min, costs[name], again[name]))
    return costs


class Budgets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.budgets = read_budgets()
        cls.costs = measure_calmly(cls.budgets)

    def check(self, is_wrong, words):
        """No path may be wrong, by its name, cost and budget."""
        wrong = [f"{name}: {words}: {self.costs[name]}, budget {budget}"
                 for name, budget in self.budgets.items()
                 if is_wrong(name, self.costs[name], budget)]
        self.assertFalse(wrong, "\n" + "\n".join(wrong))

    def test_each_path_has_a_budget_and_each_budget_a_path(self):
        self.assertEqual(list(self.costs), list(self.budgets))

    def test_no_path_takes_more_instructions(self):
        self.check(takes_more, "more instructions")

    def test_no_budget_is_generous(self):
        self.check(lambda name, cost, budget:
                   cost[0] < budget[0] * (1 - tolerance(name)),
                   "cheaper, so let budgets_test.py --write the budgets")

    def test_no_path_makes_more_system_calls(self):
        self.check(calls_more, "more system calls")

    def test_no_path_allocates(self):
        self.check(lambda name, cost, budget: cost[2] > slack(name) or budget[2] > 0,
                   "allocations")


if shutil.which("valgrind") is None:
    print("skipped: there is no valgrind")
    sys.exit(SKIPPED)
if "--write" in sys.argv:
    write_budgets(measure())
else:
    unittest.main()
