#!/usr/bin/env python3
"""kv_clients_test.py GYRE-KV [TEST...]

CLIENT LIST, INFO and KILL: every shard's clients are seen and can be closed
from any. What is wrong with a command is compared with redis-server.
"""

import os
import sys
import tempfile
import time
import unittest

from kv_servers import TIMEOUT, GyreKv, RedisServer, encode, parse

PROGRAM = None


def wait_for(condition, what):
    end = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what} does not happen")
        time.sleep(0.005)


def lines(text):
    return [dict(field.split("=", 1) for field in line.split())
            for line in text.decode().splitlines()]


def listed(client, *arguments):
    return lines(parse(client.ask("CLIENT", "LIST", *arguments)))


def about(client):
    found, = lines(parse(client.ask("CLIENT", "INFO")))
    return found


def address(client):
    return "%s:%d" % client.socket.getsockname()


class Clients(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "socket")
        self.server = GyreKv(PROGRAM, "--unixsocket", self.path)
        self.clients = []
        self.control = self.client()

    def tearDown(self):
        for client in self.clients:
            client.close()
        self.server.__exit__(None, None, None)
        self.folder.cleanup()

    def client(self):
        client = self.server.client()
        self.clients.append(client)
        return client

    def some(self, count):
        """Clients that are known to the server, on all shards; their ids."""
        some = [self.client() for _ in range(count)]
        return some, [str(parse(client.ask("CLIENT", "ID")))
                      for client in some]

    def assert_closed(self, client):
        self.assertEqual(client.rest(), b"")

    def test_all_are_listed_in_the_order_of_their_ids(self):
        some, ids = self.some(40)
        for number, client in enumerate(some):
            client.ask("CLIENT", "SETNAME", f"name-{number}")
        found = listed(self.control)
        self.assertEqual([entry["id"] for entry in found],
                         sorted((entry["id"] for entry in found), key=int))
        self.assertEqual(len(found), 41)
        names = {entry["id"]: entry["name"] for entry in found}
        for number, client_id in enumerate(ids):
            self.assertEqual(names[client_id], f"name-{number}")
        self.assertGreater(len({entry["shard"] for entry in found}), 1)

    def test_a_line_says_what_is_so(self):
        client = self.client()
        client.ask("HELLO", 3)
        client.ask("CLIENT", "SETNAME", "me")
        client.ask("CLIENT", "SETINFO", "LIB-NAME", "lib")
        client.ask("CLIENT", "SETINFO", "lib-ver", "1.2")
        client.ask("SUBSCRIBE", "a", "b")
        client.ask("PSUBSCRIBE", "*")
        client.reply()
        entry = about(client)
        self.assertEqual(entry["addr"], address(client))
        self.assertEqual(entry["laddr"], f"127.0.0.1:{self.server.port}")
        for field, value in (("name", "me"), ("sub", "2"), ("psub", "1"),
                             ("flags", "P"), ("resp", "3"), ("db", "0"),
                             ("cmd", "client|info"), ("user", "default"),
                             ("lib-name", "lib"), ("lib-ver", "1.2")):
            self.assertEqual(entry[field], value, field)
        client.ask("GET", "k")
        found, = listed(self.control, "TYPE", "pubsub")
        self.assertEqual((found["id"], found["cmd"]), (entry["id"], "get"))

    def test_one_that_came_by_the_path(self):
        self.server.port, port = self.path, self.server.port
        try:
            entry = about(self.client())
        finally:
            self.server.port = port
        self.assertEqual(entry["addr"], self.path + ":0")
        self.assertEqual(entry["flags"], "U")

    def test_types_and_ids_choose(self):
        some, ids = self.some(12)
        for client in some[:5]:
            client.ask("SUBSCRIBE", "c")
        for kind, expected in (("pubsub", ids[:5]), ("replica", []),
                               ("MASTER", [])):
            self.assertEqual(
                sorted(entry["id"] for entry in
                       listed(self.control, "TYPE", kind)), sorted(expected))
        self.assertEqual(len(listed(self.control, "type", "normal")), 8)
        found = listed(self.control, "ID", *ids[3:9], 999999)
        self.assertEqual(sorted(entry["id"] for entry in found),
                         sorted(ids[3:9]))

    def test_kill_by_id_on_any_shard(self):
        some, ids = self.some(16)
        for client, client_id in zip(some, ids):
            self.assertEqual(
                self.control.ask("CLIENT", "KILL", "ID", client_id), b":1\r\n")
            self.assert_closed(client)
            self.assertEqual(
                self.control.ask("CLIENT", "KILL", "ID", client_id), b":0\r\n")
        self.assertEqual(len(listed(self.control)), 1)

    def test_kill_by_address_old_and_new(self):
        one, other = self.some(2)[0]
        self.assertEqual(self.control.ask("CLIENT", "KILL", address(one)),
                         b"+OK\r\n")
        self.assert_closed(one)
        self.assertEqual(self.control.ask("CLIENT", "KILL", address(one)),
                         b"-ERR No such client\r\n")
        self.assertEqual(self.control.ask(
            "CLIENT", "KILL", "ADDR", address(other), "USER", "default"),
            b":1\r\n")
        self.assert_closed(other)

    def test_kill_all_but_oneself(self):
        some = self.some(20)[0]
        for client in some[:7]:
            client.ask("SUBSCRIBE", "c")
        self.assertEqual(self.control.ask("CLIENT", "KILL", "TYPE", "pubsub"),
                         b":7\r\n")
        self.assertEqual(self.control.ask(
            "CLIENT", "KILL", "LADDR", f"127.0.0.1:{self.server.port}"),
            b":13\r\n")
        for client in some:
            self.assert_closed(client)
        self.assertEqual(self.control.ask("PUBLISH", "c", "x"), b":0\r\n")
        self.assertEqual(self.control.ask("PING"), b"+PONG\r\n")

    def test_kill_oneself_after_the_reply(self):
        """… and nothing that is sent behind it is done."""
        for command in (["KILL", "SKIPME", "no"], None):
            client = self.client()
            client.ask("SET", "k", "before")
            last = ["KILL", address(client)] if command is None else \
                [*command, "ADDR", address(client)]
            client.send(encode("GET", "k") + encode("CLIENT", *last) +
                        encode("SET", "k", "after"))
            self.assertEqual(client.reply(), b"$6\r\nbefore\r\n")
            self.assertEqual(client.rest(),
                             b"+OK\r\n" if command is None else b":1\r\n")
        self.assertEqual(self.control.ask("GET", "k"), b"$6\r\nbefore\r\n")

    def test_kill_those_that_are_busy(self):
        """Their commands are under way, unread, and half sent."""
        for _ in range(10):
            some = [self.client() for _ in range(8)]
            for client in some:
                client.send(b"".join(
                    encode("SET", f"key:{n}", "v" * 500) +
                    encode("MGET", *[f"key:{m}" for m in range(20)]) +
                    encode("PUBLISH", "c", "x") for n in range(50)) +
                    b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$9\r\n12")
            while len(listed(self.control)) > 1:
                self.control.ask("CLIENT", "KILL", "TYPE", "normal")
            for client in some:
                client.rest()
        self.assertEqual(self.control.ask("PING"), b"+PONG\r\n")


WRONG = [
    ["LIST", "TYPE", "foo"], ["LIST", "TYPE"], ["LIST", "ID"],
    ["LIST", "ID", "x"], ["LIST", "ID", "1", ""], ["LIST", "ID", "99999999"],
    ["LIST", "what"], ["LIST", "TYPE", "normal", "x"], ["KILL"],
    ["KILL", "1.2.3.4:5"], ["KILL", "ID", "0"], ["KILL", "ID", "x"],
    ["KILL", "ID", "-1"], ["KILL", "ID", "99999999"], ["KILL", "ID"],
    ["KILL", "TYPE", "foo"], ["KILL", "TYPE", "master"],
    ["KILL", "TYPE", "slave"], ["KILL", "USER", "foo"],
    ["KILL", "USER", "default", "ID", "99999999"],
    ["KILL", "SKIPME", "yes", "ID"], ["KILL", "SKIPME", "what", "ID", "9"],
    ["KILL", "ADDR", "x", "LADDR", "y"], ["KILL", "what", "x"],
    ["INFO", "x"], ["NO-EVICT"], ["NO-EVICT", "x"], ["NO-EVICT", "on"],
    ["no-evict", "OFF"], ["LIST", "TYPE", "f\r\noo"], ["ID", "x"],
]


@unittest.skipUnless(RedisServer.program, "there is no redis-server")
class AsRedis(unittest.TestCase):
    def test_what_is_wrong(self):
        with GyreKv(PROGRAM) as kv, RedisServer() as redis, \
                kv.client() as ours, redis.client() as theirs:
            for protocol in (2, 3):
                for client in (ours, theirs):
                    client.ask("HELLO", protocol)
                for arguments in WRONG:
                    self.assertEqual(ours.ask("CLIENT", *arguments),
                                     theirs.ask("CLIENT", *arguments),
                                     arguments)

    def test_our_fields_are_theirs(self):
        with GyreKv(PROGRAM) as kv, RedisServer() as redis, \
                kv.client() as ours, redis.client() as theirs:
            more = set(about(ours)) - set(about(theirs))
            self.assertEqual(more, {"lib-name", "lib-ver", "shard"})


def main():
    global PROGRAM
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
