#!/usr/bin/env python3
"""gyre-stress --kv against gyre-kv: it holds, and what is wrong is found."""

import json
import subprocess
import sys
import threading
import unittest

from kv_servers import GyreKv, free_port, parse

STRESS = sys.argv.pop()
PROGRAM = sys.argv.pop()
LIMIT = 150  # seconds, for a machine that does much else


def soak(port, *options):
    return subprocess.run([STRESS, "--kv", str(port), "--seed", "7", *options],
                          capture_output=True, text=True, timeout=LIMIT)


def on_a_key(pattern, name, *arguments):
    """Does a command to the first key of a pattern that there is."""
    def do(client):
        keys = parse(client.ask("SCAN", "0", "MATCH", pattern,
                                "COUNT", "100000"))[1]
        if keys:
            client.ask(name, keys[0], *arguments)
    return do


class Soak(unittest.TestCase):
    def test_it_holds(self):
        with GyreKv(PROGRAM) as server:
            said = soak(server.port, "--seconds", "3", "--clients", "24",
                        "--loops", "3", "--json")
            self.assertEqual((said.returncode, said.stdout[:16]),
                             (0, '{"result": "held'), said.stderr)
            result = json.loads(said.stdout)
            self.assertEqual(result["seed"], 7)
            for count in ("commands", "connections", "cuts", "published"):
                self.assertGreater(result[count], 0)
            self.assertEqual(len(result["resident"]), 4)

    def test_a_table_ends_it(self):
        with GyreKv(PROGRAM) as server:
            said = soak(f"127.0.0.1:{server.port}", "--seconds", "1",
                        "--clients", "3", "--loops", "1")
            self.assertEqual(said.returncode, 0, said.stderr)
            self.assertRegex(said.stdout, r"every reply was what it must be, "
                                          r"and no key is left\n\Z")

    def disturbed(self, disturb):
        """What a soak says while somebody else does something to the server
        again and again."""
        with GyreKv(PROGRAM) as server, server.client() as other:
            over = threading.Event()

            def go_on():
                while not over.wait(0.05):
                    disturb(other)

            thread = threading.Thread(target=go_on)
            thread.start()
            try:
                said = soak(server.port, "--seconds", "60", "--clients", "9")
            finally:
                over.set()
                thread.join()
            self.assertEqual(said.returncode, 1)
            self.assertIn("--seed 0x7\n", said.stderr)
            return said.stderr

    def test_lost_keys_are_found(self):
        self.assertRegex(self.disturbed(on_a_key("soak:*", "DEL")),
                         "broken: (lost|another number)")

    def test_wrong_values_are_found(self):
        self.assertRegex(self.disturbed(on_a_key("soak:*:0:*", "SET", "x")),
                         "broken: (another number|not what was written)\n")

    def test_counters_are_exact(self):
        self.assertRegex(self.disturbed(on_a_key("soak:*:1:*", "INCR")),
                         "broken: (another number|not what was written)\n")

    def test_strange_messages_are_found(self):
        said = self.disturbed(lambda other: other.ask(
            "PUBLISH", "soak:0", "0 1000000000 1"))
        self.assertIn("broken: each message once, in order", said)

    def test_keys_that_are_left_are_found(self):
        with GyreKv(PROGRAM) as server, server.client() as other:
            with subprocess.Popen(
                    [STRESS, "--kv", str(server.port), "--seconds", "10",
                     "--clients", "2"], stderr=subprocess.PIPE,
                    text=True) as process:
                while other.ask("DBSIZE") == b":0\r\n":
                    pass
                other.ask("SET", "a", "1")
                said = process.stderr.read()
            self.assertEqual(process.returncode, 1)
            self.assertIn("1 keys are left", said)

    def test_the_server_must_be_empty(self):
        with GyreKv(PROGRAM) as server, server.client() as other:
            other.ask("SET", "a", "1")
            said = soak(server.port, "--seconds", "1")
            self.assertEqual(said.returncode, 1)
            self.assertIn("the server has 1 keys; it must be empty\n",
                          said.stderr)

    def test_the_server_must_be_there(self):
        said = soak(free_port(), "--seconds", "1")
        self.assertEqual((said.returncode, said.stdout), (1, ""))
        self.assertRegex(said.stderr, r"\A[^\n]*cannot connect[^\n]*\n\Z")


if __name__ == "__main__":
    unittest.main(verbosity=2)
