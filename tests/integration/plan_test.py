#!/usr/bin/env python3
"""gyre-kv --plan in the places where a process may find itself: with all CPUs,
with one, with a quota of its control group."""

import os
import re
import subprocess
import sys
import unittest

PROGRAM = sys.argv.pop()
PERIOD_US = 100000


def plan(*arguments, prepare=None):
    done = subprocess.run([PROGRAM, "--plan", *arguments], text=True,
                          capture_output=True, timeout=60, check=True,
                          preexec_fn=prepare)
    return done.stdout, done.stderr


def shards(text):
    return [int(cpu) for cpu in re.findall(r"^shard \d+ +CPU (\d+)", text,
                                           re.MULTILINE)]


class Group:
    """A control group of the test's own, with a quota."""

    def __init__(self, quota_us):
        self.path, self.members = None, None
        name = f"gyre-plan-test-{os.getpid()}"
        for root, limit in (("/sys/fs/cgroup/cpu", None),
                            ("/sys/fs/cgroup", f"{quota_us} {PERIOD_US}")):
            marker = "cpu.cfs_quota_us" if limit is None else "cgroup.procs"
            if not os.path.exists(f"{root}/{marker}"):
                continue
            try:
                self.make(f"{root}/{name}", limit, quota_us)
                return
            except OSError as error:
                print(f"no group in {root}: {error}")
                self.remove()
        raise unittest.SkipTest("no control group can be made here")

    def make(self, path, limit, quota_us):
        os.mkdir(path)
        self.path = path
        if limit is None:
            self.write("cpu.cfs_period_us", str(PERIOD_US))
            self.write("cpu.cfs_quota_us", str(quota_us))
            self.members = "tasks"
        else:
            self.write("cpu.max", limit)
            self.members = "cgroup.procs"

    def write(self, name, text):
        with open(f"{self.path}/{name}", "w", encoding="ascii") as file:
            file.write(text)

    def enter(self):
        self.write(self.members, str(os.getpid()))

    def remove(self):
        if self.path is not None:
            os.rmdir(self.path)
        self.path = None


class Plan(unittest.TestCase):
    allowed = sorted(os.sched_getaffinity(0))

    def test_every_allowed_cpu_gets_a_shard(self):
        said, _ = plan()
        if "quota     none" in said:
            self.assertEqual(sorted(shards(said)), self.allowed)
            self.assertIn("pinned    yes\n", said)
            self.assertIn("others    any CPU\n", said)
        self.assertIn(f"CPUs      {len(self.allowed)}, in ", said)

    def test_with_one_cpu_there_is_one_shard(self):
        cpu = self.allowed[-1]
        said, _ = plan(prepare=lambda: os.sched_setaffinity(0, {cpu}))
        self.assertIn("CPUs      1, in 1 core and 1 node\n", said)
        self.assertEqual(said.count("\nshard "), 1)

    def test_too_many_loops_are_not_pinned_and_that_is_said(self):
        loops = len(self.allowed) + 1
        said, log = plan("--loops", str(loops))
        reason = f"{loops} loops, {len(self.allowed)} allowed CPUs"
        self.assertIn(f"pinned    no: {reason}\n", said)
        self.assertEqual(said.count("any CPU\n"), loops + 1)
        self.assertIn(reason, log)

    def test_a_list_is_as_it_is_given(self):
        cpu = self.allowed[0]
        said, _ = plan("--pin", str(cpu), "--loops", "2")
        self.assertEqual(shards(said), [cpu, cpu])
        rest = " ".join(str(other) for other in self.allowed[1:])
        self.assertIn(f"others    {'CPU ' + rest if rest else 'any CPU'}\n",
                      said)

    def test_a_quota_bounds_the_loops(self):
        group = Group(PERIOD_US)
        try:
            said, _ = plan(prepare=group.enter)
            self.assertIn("quota     1.000 CPUs\n", said)
            self.assertEqual(said.count("\nshard "), 1)
            self.assertIn("pinned    yes\n", said)
            said, _ = plan("--loops", "2", prepare=group.enter)
            self.assertIn("pinned    no: 2 loops, ", said)
        finally:
            group.remove()


unittest.main()
