#!/usr/bin/env python3
"""kv_slowlog_test.py GYRE-KV [TEST...]

SLOWLOG: what ran long on any shard is found from any, with who sent it; what
is kept of it is what redis-server keeps.
"""

import os
import sys
import unittest

from kv_servers import GyreKv, RedisServer, encode, parse

PROGRAM = None
ALL = ("--slowlog-log-slower-than", "0")

COMMANDS = [
    ["SET", "a", "1"], ["set", "b", "x" * 128], ["SET", "c", "x" * 129],
    ["SET", "d", b"\x00\r\n" * 100], ["GET", "a"], ["get", "nothing"],
    ["PING"], ["ECHO", "x" * 5000], ["INCR", "n"], ["EXPIRE", "a", "1000"],
    ["MGET", *["a"] * 31], ["MGET", *["a"] * 32], ["DEL", *["b"] * 1000],
    ["AUTH", "default", "secret"], ["SELECT", "0"],
    ["INCR", "c"], ["TYPE", "a"],
]


def kept(client, count=-1):
    return parse(client.ask("SLOWLOG", "GET", count))


class Alone(unittest.TestCase):
    def test_from_every_shard_with_who_sent_it(self):
        with GyreKv(PROGRAM, *ALL) as server:
            clients = [server.client() for _ in range(12)]
            for number, client in enumerate(clients):
                client.ask("CLIENT", "SETNAME", f"name-{number}")
                client.send(b"".join(encode("GET", f"key:{number}:{n}")
                                     for n in range(5)))
                for _ in range(5):
                    client.reply()
            found = kept(clients[0], 100)
            names = {}
            for _, _, took, arguments, address, name in found:
                self.assertGreaterEqual(took, 0)
                if arguments[0] == b"GET":
                    names.setdefault((name, address), set()).add(arguments[1])
            self.assertEqual(
                [(name, keys) for (name, _), keys in sorted(names.items())],
                sorted((b"name-%d" % number,
                        {b"key:%d:%d" % (number, n) for n in range(5)})
                       for number in range(12)))
            for number, client in enumerate(clients):
                self.assertIn((b"name-%d" % number,
                               b"%s:%d" % (b"127.0.0.1",
                                           client.socket.getsockname()[1])),
                              names)
            numbers = [entry[0] for entry in found]
            self.assertEqual(numbers, sorted(set(numbers), reverse=True))
            for client in clients:
                client.close()

    def test_only_so_many_of_all_shards(self):
        with GyreKv(PROGRAM, *ALL, "--slowlog-max-len", "20") as server:
            clients = [server.client() for _ in range(12)]
            for client in clients:
                for number in range(30):
                    client.ask("GET", f"key:{number}")
            self.assertEqual(clients[0].ask("SLOWLOG", "LEN"), b":20\r\n")
            for count, expected in ((-1, 20), (1000, 20), (7, 7), (0, 0)):
                self.assertEqual(len(kept(clients[0], count)), expected)
            self.assertEqual(len(parse(clients[0].ask("SLOWLOG", "GET"))), 10)
            for client in clients:
                client.close()

    def test_none_if_so_told(self):
        for option in ("-1", "1000000000000"):
            with GyreKv(PROGRAM, "--slowlog-log-slower-than", option) as \
                    server, server.client() as client:
                for number in range(30):
                    client.ask("GET", f"key:{number}")
                client.ask("MGET", *[f"key:{number}" for number in range(30)])
                self.assertEqual(kept(client), [])
                self.assertEqual(
                    parse(client.ask("CONFIG", "GET", "slowlog-*")),
                    [b"slowlog-log-slower-than", option.encode(),
                     b"slowlog-max-len", b"128"])

    def test_of_one_that_has_left(self):
        with GyreKv(PROGRAM, *ALL) as server, server.client() as control:
            for number in range(40):
                client = server.client()
                client.send(encode("SET", f"gone:{number}", "v"))
                client.close()
            for number in range(40):
                while control.ask("EXISTS", f"gone:{number}") != b":1\r\n":
                    pass
            self.assertEqual(control.ask("SLOWLOG", "RESET"), b"+OK\r\n")
            self.assertLess(len(kept(control)), 40)


@unittest.skipUnless(RedisServer.program, "there is no redis-server")
class AsRedis(unittest.TestCase):
    def test_what_is_kept(self):
        redis_options = ("--slowlog-log-slower-than", "0")
        with GyreKv(PROGRAM, *ALL, "--loops", "1") as kv, \
                RedisServer(*redis_options) as redis, \
                kv.client() as ours, redis.client() as theirs:
            for protocol in (2, 3):
                for client in (ours, theirs):
                    client.ask("CLIENT", "SETNAME", "me")
                    client.ask("HELLO", protocol)
                    client.ask("SLOWLOG", "RESET")
                for command in COMMANDS:
                    self.assertEqual(ours.ask(*command),
                                     theirs.ask(*command), command)
                one, other = [
                    [(entry[3], entry[5]) for entry in
                     kept(client, len(COMMANDS))]
                    for client in (ours, theirs)]
                self.assertEqual(one, other)

    def test_what_is_wrong(self):
        with GyreKv(PROGRAM) as kv, RedisServer() as redis, \
                kv.client() as ours, redis.client() as theirs:
            for arguments in ([], ["NOSUCH"], ["GET", "x"], ["GET", "-2"],
                              ["GET", "1", "2"], ["get", "", "x"],
                              ["LEN", "x"], ["RESET", "x"], ["HELP", "x"],
                              ["GET", "9223372036854775808"], ["RESET"],
                              ["GET"], ["GET", "-1"], ["GET", "0"], ["LEN"]):
                self.assertEqual(ours.ask("SLOWLOG", *arguments),
                                 theirs.ask("SLOWLOG", *arguments), arguments)


def main():
    global PROGRAM
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
