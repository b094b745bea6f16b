#!/usr/bin/env python3
"""kv_sockets_test.py GYRE-KV [TEST...]

gyre-kv with sockets of who starts it, as systemd starts a service, and with its
own, of which the CPU chooses that got the packet.
"""

import os
import socket
import subprocess
import sys
import tempfile
import unittest

from kv_servers import (TIMEOUT, Client, GyreKv, InheritingKv, free_port,
                        hand_over, info, parse)

PROGRAM = None


def listening():
    """A socket of a free port that clients may come to."""
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen(100)
    return made


def port_of(made):
    return made.getsockname()[1]


class Inherited(unittest.TestCase):
    def test_one_socket_is_for_all_shards(self):
        port = free_port()
        with listening() as ours, \
                InheritingKv(PROGRAM, [ours], "--port", str(port)) as server:
            self.assertEqual(server.places,
                             [(f"127.0.0.1:{port_of(ours)}", False)])
            self.assertIn(f"-p {port_of(ours)} set", server.welcome[0])
            clients = [Client(port_of(ours)) for _ in range(12)]
            homes = {parse(client.ask("CLIENT", "ID")) % 4
                     for client in clients}
            self.assertEqual(len(homes), 4)
            clients[0].ask("SET", "a", "1")
            for client in clients:
                self.assertEqual(parse(client.ask("GET", "a")), b"1")
            self.assertEqual(info(clients[0])["tcp_port"],
                             str(port_of(ours)))
            with self.assertRaises(ConnectionRefusedError):
                Client(port)
            for client in clients:
                client.close()

    def test_several_of_several_kinds(self):
        with tempfile.TemporaryDirectory() as folder, \
                listening() as first, listening() as second, \
                socket.socket(socket.AF_UNIX) as third:
            path = os.path.join(folder, "s")
            third.bind(path)
            third.listen(100)
            ours = [second, third, first]
            with InheritingKv(PROGRAM, ours, names=["a", "b", "c"]) as server:
                self.assertEqual(server.places,
                                 [(f"127.0.0.1:{port_of(second)}", False),
                                  (path, False),
                                  (f"127.0.0.1:{port_of(first)}", False)])
                for where in (port_of(first), port_of(second), path):
                    with Client(where) as client:
                        self.assertEqual(client.ask("PING"), b"+PONG\r\n")
            # The path is not its own.
            self.assertTrue(os.path.exists(path))
            with InheritingKv(PROGRAM, [third]) as server:
                self.assertIn(f" -s {path} set", server.welcome[0])

    def test_who_waits_is_for_the_next_one(self):
        with listening() as ours:
            for number in range(3):
                client = Client(port_of(ours))
                client.send(b"PING\r\n")
                with InheritingKv(PROGRAM, [ours]):
                    self.assertEqual(client.reply(), b"+PONG\r\n", number)
                client.close()

    def test_its_own_stay_where_none_is_for_it(self):
        """They are for another process."""
        with listening() as ours:
            with hand_over([ours], pid="1") as (words, environment, how):
                done = subprocess.Popen(
                    [*words, PROGRAM, "--port", "0", "--loops", "1"],
                    env={**os.environ, **environment},
                    stdout=subprocess.PIPE, **how)
            line = done.stdout.readline().decode()
            self.assertRegex(line, r"listens on 127.0.0.1:\d+$")
            self.assertNotIn(f":{port_of(ours)}\n", line)
            done.terminate()
            self.assertEqual(done.wait(TIMEOUT), 0)
            done.stdout.close()

    def refused(self, sockets, *options, names=None):
        """What it says when it does not start."""
        with hand_over(sockets, names) as (words, environment, how):
            done = subprocess.run(
                [*words, PROGRAM, "--loops", "2", *options], text=True,
                env={**os.environ, **environment}, capture_output=True,
                timeout=TIMEOUT, **how)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        return done.stderr

    def test_what_makes_no_sense_is_one_line_and_1(self):
        with listening() as ours, tempfile.TemporaryFile() as file:
            for said in (self.refused([file]),
                         self.refused([ours], names=["tls"]),
                         self.refused([ours] * 17)):
                self.assertRegex(said, r"\Agyre-kv: [^\n]+\n\Z")
            said = self.refused([ours, ours], names=["a", "tls"])
            self.assertIn("there is no --tls-port", said)

    def test_a_socket_that_does_not_listen(self):
        with socket.socket() as ours:
            ours.bind(("127.0.0.1", 0))
            said = self.refused([ours])
            self.assertIn("does not listen", said)
            self.assertIn("gyre-kv: cannot start", said)


class Steered(unittest.TestCase):
    def setUp(self):
        self.allowed = os.sched_getaffinity(0)
        if len(self.allowed) < 2:
            self.skipTest("there is one CPU")

    def tearDown(self):
        os.sched_setaffinity(0, self.allowed)

    def test_clients_go_to_the_shard_of_their_cpu(self):
        """On the loopback the CPU that gets the packet is the client's."""
        cpus = sorted(self.allowed)[:2]
        with GyreKv(PROGRAM, "--loops", "2", "--steer", "--pin",
                    ",".join(map(str, cpus))) as server:
            for turn in range(20):
                os.sched_setaffinity(0, {cpus[turn % 2]})
                with server.client() as client:
                    self.assertEqual(
                        (parse(client.ask("CLIENT", "ID")) - 1) % 2,
                        turn % 2)

    def test_without_pins_there_is_a_warning(self):
        server = GyreKv(PROGRAM, "--steer")
        with server.client() as client:
            self.assertEqual(client.ask("PING"), b"+PONG\r\n")
        self.assertIn("not steered: no shard is pinned", server.complaints())
        server.process.terminate()
        self.assertEqual(server.process.wait(TIMEOUT), 0)
        server.kill()


class Start(unittest.TestCase):
    def test_a_start_that_fails_leaves_the_port(self):
        """The ports are there before the shards, one of which fails."""
        port = free_port()
        with tempfile.NamedTemporaryFile() as file:
            done = subprocess.run(
                [PROGRAM, "--port", str(port), "--loops", "2",
                 "--unixsocket", file.name], capture_output=True, text=True,
                timeout=TIMEOUT)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("gyre-kv: cannot start", done.stderr)
        with GyreKv(PROGRAM, "--port", str(port)) as server:
            self.assertEqual(server.port, port)


def main():
    global PROGRAM
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
