#!/usr/bin/env python3
"""gyre-bench: its command line, its JSON, and every bench once, with peers."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop()
FOLDER = os.path.dirname(PROGRAM)
PROGRAMS = [os.path.join(FOLDER, name) for name in sorted(os.listdir(FOLDER))
            if name.startswith("gyre-bench")]
# Programs that serve, and are run for that alone.
SERVERS = ("redis", "memcached", "nginx")
LIBRARIES = [program for program in PROGRAMS
             if not program.endswith(SERVERS)]


def run(program, *arguments):
    return subprocess.run([program, *arguments], capture_output=True,
                          text=True, timeout=150, check=False)


def benches(program):
    return run(program, "--list").stdout.split()


class Bench(unittest.TestCase):
    def test_every_program_says_what_it_measures(self):
        for program in PROGRAMS:
            with self.subTest(program):
                said = run(program, "--help")
                self.assertEqual(said.returncode, 0)
                names = benches(program)
                self.assertTrue(names)
                for name in names:
                    self.assertIn(f"\n  {name} ", said.stdout)

    def test_a_peer_measures_nothing_that_gyre_does_not(self):
        for program in PROGRAMS:
            self.assertLessEqual(set(benches(program)), set(benches(PROGRAM)))

    def test_a_bench_prints_one_line_of_json(self):
        for program in LIBRARIES:
            with self.subTest(program):
                said = run(program, "selfpost", "count=5000", "window=100")
                self.assertEqual(said.returncode, 0, said.stderr)
                self.assertEqual(said.stdout.count("\n"), 1)
                result = json.loads(said.stdout)
                self.assertEqual(result["bench"], "selfpost")
                self.assertEqual(result["args"], "count=5000 window=100")
                self.assertEqual(result["unit"], "ns")
                self.assertGreater(result["value"], 0)
                self.assertGreater(result["cpu_ns"], 0)

    def test_lengths_are_sampled(self):
        for program in LIBRARIES:
            with self.subTest(program):
                result = json.loads(run(program, "xrate", "rate=10000",
                                        "count=100").stdout)
                self.assertEqual(result["unit"], "ns p50")
                self.assertEqual(result["value"], result["p50"])
                self.assertLessEqual(result["p50"], result["p99"])

    def test_every_program_has_the_benches_of_messages(self):
        for program in LIBRARIES:
            self.assertLessEqual({"selfpost", "xpost", "xrate", "xping",
                                  "xmesh", "fdready", "echo"},
                                 set(benches(program)), program)

    def test_timers_of_a_short_span_expire_in_order(self):
        for program in LIBRARIES:
            if "timer_exp" in benches(program):
                with self.subTest(program):
                    said = run(program, "timer_exp", "timers=2000",
                               "span_ms=20")
                    self.assertEqual(said.returncode, 0, said.stderr)
                    self.assertEqual(json.loads(said.stdout)["unit"],
                                     "CPU ns")

    def test_gyre_tells_its_sleeps_and_eventfd_writes(self):
        result = json.loads(run(PROGRAM, "pool", "jobs=5000").stdout)
        self.assertLessEqual(result["eventfd_writes"], result["sleeps"])
        self.assertLess(result["sleeps"], 1.01)

    @unittest.skipUnless(sys.platform == "linux", "servers are for Linux")
    def test_servers_are_started_asked_and_ended(self):
        for program in PROGRAMS:
            for bench in {"kv", "http"} & set(benches(program)):
                with self.subTest((program, bench)):
                    said = run(program, bench, "connections=3", "depth=4",
                               "loops=2", "count=100")
                    self.assertEqual(said.returncode, 0, said.stderr)
                    result = json.loads(said.stdout)
                    self.assertGreater(result["value"], 0)
                    self.assertGreater(result["cpu_ns"], 0)
        self.assertLessEqual({"kv", "http"}, set(benches(PROGRAM)))

    def test_what_makes_no_sense_is_said_in_one_line(self):
        for wrong in ([], ["nothing"], ["pool", "jobs"], ["pool", "jobs=0"],
                      ["pool", "jobs=x"], ["pool", "jobs=1e3"],
                      ["pool", "threads=65"], ["pool", "jobs=10", "more=1"],
                      ["pool", "lane=slow"], ["all", "--rounds", "0"],
                      ["all", "--rounds", "100"], ["all", "--rounds"],
                      ["all", "--only", "nothing"], ["xmesh", "loops=1"],
                      ["all", "--fast"], ["all", "more"]):
            with self.subTest(wrong):
                said = run(PROGRAM, *wrong)
                self.assertNotEqual(said.returncode, 0)
                self.assertEqual(said.stdout, "")
                self.assertEqual(said.stderr.count("\n"), 1)
                self.assertTrue(said.stderr.startswith("gyre-bench: "))

    def test_all_measures_everything_and_compares(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "results.json")
            plots = os.path.join(folder, "plots")
            arguments = ["--quick", "--peers", "--json", path]
            if shutil.which("gnuplot"):
                arguments += ["--plots", plots]
            said = run(PROGRAM, "all", *arguments)
            self.assertEqual(said.returncode, 0, said.stderr)
            with open(path, encoding="utf-8") as file:
                results = json.load(file)
            if shutil.which("gnuplot"):
                self.assertEqual(sorted(os.listdir(plots)),
                                 sorted({f"{row['group']}.svg"
                                         for row in results}))
        labels = {row["program"] for row in results}
        self.assertEqual(len(labels), len(PROGRAMS))
        for row in results:
            self.assertGreaterEqual(row["median"], 0)
            self.assertLessEqual(row["least"], row["median"])
            self.assertLessEqual(row["median"], row["most"])
            self.assertIn(f"{row['bench']}", said.stdout)

    def test_only_some_rows_are_measured(self):
        said = run(PROGRAM, "all", "--quick", "--only", "xmesh")
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual({line.split()[0]
                          for line in said.stdout.splitlines()},
                         {"bench", "xmesh2", "xmesh4", "xmesh8", "xmesh16",
                          "xmesh64"})

    def test_a_file_that_cannot_be_written_is_an_error(self):
        said = run(PROGRAM, "all", "--quick", "--only", "selfpost", "--json",
                   "/nowhere/at/all")
        self.assertEqual(said.returncode, 1)
        self.assertIn("/nowhere/at/all", said.stderr)


unittest.main()
