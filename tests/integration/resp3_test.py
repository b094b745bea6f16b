#!/usr/bin/env python3
"""resp3_test.py GYRE-KV [TEST...]

RESP3: the protocol travels with each command to whatever shard, and messages
come as pushes, between replies. Compared with redis-server if it is there.
"""

import os
import sys
import unittest

from kv_servers import GyreKv, Push, RedisServer, encode, parse
from pubsub_test import Both

PROGRAM = None
KEYS = [f"key:{number}" for number in range(40)]


def null(three):
    return b"_\r\n" if three else b"$-1\r\n"


class Alone(unittest.TestCase):
    def setUp(self):
        self.server = GyreKv(PROGRAM)
        self.client = self.server.client()

    def tearDown(self):
        self.client.close()
        self.server.__exit__(None, None, None)

    def test_the_protocol_travels_with_the_command(self):
        """HELLO in the middle of a pipeline, whose commands run everywhere."""
        turns = [False, True, True, False, True, False]
        data = b"".join(
            encode("HELLO", 3 if three else 2) +
            b"".join(encode("GET", key) for key in KEYS) +
            encode("MGET", *KEYS) for three in turns)
        for _ in range(20):
            self.client.send(data)
            for three in turns:
                hello = parse(self.client.reply())
                self.assertIsInstance(hello, dict if three else list)
                for _ in KEYS:
                    self.assertEqual(self.client.reply(), null(three))
                self.assertEqual(self.client.reply(),
                                 b"*%d\r\n" % len(KEYS) +
                                 null(three) * len(KEYS))

    def test_two_clients_that_speak_each_their_own(self):
        with self.server.client() as other, self.server.client() as sender:
            other.ask("HELLO", 3)
            for client in (self.client, other):
                client.ask("SUBSCRIBE", "c")
                client.ask("PSUBSCRIBE", "*")
            self.assertEqual(sender.ask("PUBLISH", "c", "text"), b":4\r\n")
            for client, head in ((self.client, b"*"), (other, b">")):
                self.assertEqual(client.reply(),
                                 head + encode("message", "c", "text")[1:])
                self.assertEqual(client.reply(),
                                 head + encode("pmessage", "*", "c",
                                               "text")[1:])

    def test_messages_come_between_replies(self):
        """None is lost or cut by replies that other shards write."""
        count = 300
        with self.server.client() as sender:
            self.client.ask("HELLO", 3)
            self.client.ask("SUBSCRIBE", "c")
            self.client.send(b"".join(
                encode("INCR", KEYS[n % len(KEYS)]) + encode("MGET", *KEYS)
                for n in range(count)))
            sender.send(b"".join(encode("PUBLISH", "c", n)
                                 for n in range(count)))
            replies = [parse(self.client.reply()) for _ in range(3 * count)]
            messages = [reply for reply in replies if isinstance(reply, Push)]
            self.assertEqual(messages,
                             [[b"message", b"c", b"%d" % n]
                              for n in range(count)])
            numbers = [reply for reply in replies if isinstance(reply, int)]
            self.assertEqual(numbers, [n // len(KEYS) + 1
                                       for n in range(count)])
            self.assertEqual([parse(sender.reply()) for _ in range(count)],
                             [1] * count)

    def test_a_publisher_gets_its_own_message(self):
        self.client.ask("HELLO", 3)
        self.client.ask("SUBSCRIBE", "c")
        self.client.send(encode("PUBLISH", "c", "x") + encode("ECHO", "last"))
        replies = [parse(self.client.reply()) for _ in range(3)]
        self.assertIn([b"message", b"c", b"x"], replies)
        self.assertIn(1, replies)

    def test_what_is_for_people_is_marked_so(self):
        self.client.ask("HELLO", 3)
        reply = self.client.ask("INFO", "server")
        self.assertTrue(reply.startswith(b"="), reply)
        self.assertIn(b"\r\ntxt:# Server\r\n", reply)


# What several clients get of one another's commands.
SCRIPT = [
    (0, "GET", "k"), (0, "MGET", "k", "l", "m", "n"), (0, "UNSUBSCRIBE"),
    (0, "PUNSUBSCRIBE", "x"), (0, "SUBSCRIBE", "a", "b", "a"), (0, "PING"),
    (0, "PING", "x"), (0, "GET", "k"), (0, "SET", "k", "v"),
    (0, "SUBSCRIBE", "c"), (0, "MGET", "k", "l", "m", "n"),
    (1, "PUBLISH", "a", "to three"), (2, "PUBLISH", "b", b"\x00\r\n_\r\n"),
    (0, "PSUBSCRIBE", "a*"), (1, "PSUBSCRIBE", "*"), (2, "PUBLISH", "a", ""),
    (0, "PUBSUB", "NUMPAT"), (0, "PUBSUB", "NUMSUB", "a", "z"),
    (0, "CLIENT", "GETNAME"), (0, "CONFIG", "GET", "save"), (0, "NOSUCH"),
    (0, "SUBSCRIBE"), (0, "PUBLISH", "nobody"), (0, "UNSUBSCRIBE", "z"),
    (0, "UNSUBSCRIBE", "b"), (0, "PUNSUBSCRIBE"), (2, "PUBLISH", "a", "five"),
    (1, "RESET"), (1, "GET", "nothing"), (2, "PUBLISH", "a", "six"),
    (0, "RESET"), (0, "PING"), (2, "PUBLISH", "a", "seven"),
]


@unittest.skipUnless(RedisServer.program, "there is no redis-server")
class AsRedis(unittest.TestCase):
    def setUp(self):
        self.servers = [GyreKv(PROGRAM), RedisServer()]
        self.both = Both(self.servers, 3)
        for index in (0, 1):
            for client in self.both.clients[index]:
                self.assertTrue(client.ask("HELLO", 3).startswith(b"%7"))

    def tearDown(self):
        self.both.close()
        for server in self.servers:
            server.__exit__(None, None, None)

    def test_each_command(self):
        for index, *command in SCRIPT:
            self.both.run(index, encode(*command), command)

    def test_each_command_in_pipelines(self):
        start = 0
        while start < len(SCRIPT):
            end = start
            while end < len(SCRIPT) and SCRIPT[end][0] == SCRIPT[start][0]:
                end += 1
            data = b"".join(encode(*command)
                            for _, *command in SCRIPT[start:end])
            self.both.run(SCRIPT[start][0], data, SCRIPT[start:end])
            start = end

    def test_back_to_resp2_while_it_subscribes(self):
        for command in (["SUBSCRIBE", "a"], ["GET", "k"], ["PING"]):
            self.both.run(0, encode(*command), command)
        for client in self.both.clients[0]:
            self.assertTrue(client.ask("HELLO", 2).startswith(b"*14"))
        for command in (["GET", "k"], ["PING"], ["HELLO", "3"],
                        ["UNSUBSCRIBE"], ["GET", "k"]):
            self.both.run(0, encode(*command), command)


def main():
    global PROGRAM
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
