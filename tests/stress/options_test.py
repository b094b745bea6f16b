#!/usr/bin/env python3
"""gyre-stress's command line: its help, its errors, its JSON, its seed."""

import json
import subprocess
import sys
import unittest

PROGRAM = sys.argv.pop()


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True,
                          text=True, timeout=100, check=False)


class Options(unittest.TestCase):
    def test_help_names_every_option(self):
        said = run("--help")
        self.assertEqual(said.returncode, 0)
        for option in ("loops", "producers", "seconds", "messages", "seed",
                       "mix", "pin", "json", "plant", "kv", "clients"):
            self.assertIn(f"--{option}", said.stdout)

    def test_what_makes_no_sense_is_said_in_one_line(self):
        for wrong in (["--loops", "0"], ["--loops", "65"], ["--loops", "x"],
                      ["--loops"], ["--producers", "0"], ["--seconds", "0"],
                      ["--seconds", "-1"], ["--messages", "0"],
                      ["--seed", "0y"], ["--mix", ""], ["--mix", "tasks,"],
                      ["--mix", "nothing"], ["--mix", "task"],
                      ["--pin", "3-1"], ["--pin", "1,"], ["--plant", "rose"],
                      ["--plant", "reorder"], ["--wrong"], ["more"],
                      ["--kv", "0"], ["--kv", "x"], ["--kv", ":1"],
                      ["--kv", "[::1]:65536"], ["--clients", "0"],
                      ["--kv", "1", "--messages", "9"]):
            with self.subTest(wrong):
                said = run(*wrong)
                self.assertEqual(said.returncode, 2)
                self.assertEqual(said.stdout, "")
                self.assertEqual(said.stderr.count("\n"), 1)
                self.assertTrue(said.stderr.startswith("gyre-stress: "))

    def test_json_adds_up(self):
        said = run("--json", "--seconds", "1", "--seed", "0x2a")
        self.assertEqual(said.returncode, 0, said.stderr)
        result = json.loads(said.stdout)
        self.assertEqual(result["result"], "held")
        self.assertEqual(result["seed"], 42)
        for path in result["paths"].values():
            self.assertEqual(path["accepted"],
                             path["run"] + path["stopped"] + path["canceled"] +
                             path["expired"])

    def test_messages_are_the_least_that_run(self):
        said = run("--json", "--messages", "10000", "--mix", "tasks")
        self.assertEqual(said.returncode, 0, said.stderr)
        result = json.loads(said.stdout)
        self.assertGreaterEqual(result["run"], 10000)
        self.assertEqual(result["paths"]["callbacks"]["accepted"], 0)


unittest.main()
