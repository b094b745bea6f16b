#!/usr/bin/env python3
"""pubsub_test.py GYRE-KV [TEST...]

gyre-kv's publish and subscribe: compared with redis-server byte by byte, one
command after the other and in pipelines; and by itself under load, with
clients that come, go, and do not read.
"""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

from kv_servers import (TIMEOUT, Failure, GyreKv, RedisServer, encode,
                        parse, wait_for)

PROGRAM = None
MIB = 1 << 20

CHANNELS = [b"a", b"b", b"news", b"news.eu", b"", b"\x00\r\n", b"x" * 300,
            b"\xff\xfe", b"*", b"h[ae]llo", b"hello"]
PATTERNS = [b"*", b"news*", b"h[ae]llo", b"?", b"a", b"", b"[^a]", b"\\*",
            b"*\r\n", b"x*x"]


def seed():
    number = int(os.environ.get("PUBSUB_SEED", 0)) or \
        random.SystemRandom().randrange(1 << 32)
    print(f"PUBSUB_SEED={number}", file=sys.stderr, flush=True)
    return random.Random(number)


def connected(client):
    text = parse(client.ask("INFO", "clients")).decode()
    return int(re.search(r"connected_clients:(\d+)", text)[1])


def message(channel, text):
    return encode("message", channel, text)


def pmessage(pattern, channel, text):
    return encode("pmessage", pattern, channel, text)


def change(word, name, count):
    """The reply to SUBSCRIBE and its kin."""
    name = b"$-1\r\n" if name is None else \
        b"$%d\r\n%s\r\n" % (len(name), name)
    return b"*3\r\n$%d\r\n%s\r\n" % (len(word), word) + name + \
        b":%d\r\n" % count


def read_until(client, mark):
    """All that comes before the reply to a PING with this mark."""
    seen = []
    ends = (b"$%d\r\n%s\r\n" % (len(mark), mark), encode("pong", mark))
    while True:
        reply = client.reply()
        if reply in ends:
            return seen
        seen.append(reply)


def put_in_order(replies):
    """Redis walks hash tables for what is of no order here: the patterns that
    match one message, and the channels of UNSUBSCRIBE without any."""
    result = []
    at = 0
    while at < len(replies):
        end = at + 1
        first = parse(replies[at])
        kind = first[0] if isinstance(first, list) and first else None
        if kind == b"pmessage":
            while end < len(replies):
                other = parse(replies[end])
                if not isinstance(other, list) or other[0] != kind or \
                        other[2:] != first[2:]:
                    break
                end += 1
            result += sorted(replies[at:end])
        elif kind == b"unsubscribe":
            while end < len(replies) and \
                    replies[end].startswith(b"*3\r\n$11\r\n" + kind):
                end += 1
            run = [parse(reply) for reply in replies[at:end]]
            names = sorted([name or b"" for _, name, _ in run])
            result += [(kind, name, reply[2])
                       for name, reply in zip(names, run)]
        else:
            result.append(replies[at])
        at = end
    return result


class Both:
    """The same clients of gyre-kv and of redis-server."""

    def __init__(self, servers, count):
        self.servers = servers
        self.clients = [[server.client() for server in servers]
                        for _ in range(count)]
        self.watch = [server.client() for server in servers]
        self.marks = 0

    def close(self):
        for pair in [*self.clients, self.watch]:
            for client in pair:
                client.close()

    def send(self, index, data):
        for client in self.clients[index]:
            client.send(data)

    def compare(self, index, what):
        """What came up to now."""
        self.marks += 1
        mark = b"mark-%d" % self.marks
        self.send(index, encode("PING", mark))
        ours, theirs = [read_until(client, mark)
                        for client in self.clients[index]]
        one, other = put_in_order(ours), put_in_order(theirs)
        if one != other:
            at = next((at for at, pair in enumerate(zip(one, other))
                       if pair[0] != pair[1]), min(len(one), len(other)))
            raise AssertionError(
                f"client {index}, reply {at}\n  gyre-kv: {one[at:at + 9]!r}"
                f"\n  redis:   {other[at:at + 9]!r}\n{what}")
        return ours

    def run(self, index, data, what):
        """What one client sends, and what all get for it."""
        self.send(index, data)
        ours = self.compare(index, what)
        for other in range(len(self.clients)):
            if other != index:
                self.compare(other, what)
        return ours

    def replace(self, index):
        for client in self.clients[index]:
            client.close()
        self.clients[index] = [server.client() for server in self.servers]
        for client in self.watch:
            wait_for(lambda client=client:
                     connected(client) == len(self.clients) + 1,
                     "forgetting a client")

    def compare_tables(self, what):
        for command in (["PUBSUB", "CHANNELS"], ["PUBSUB", "CHANNELS", "n*"],
                        ["PUBSUB", "channels", "[^a]"]):
            ours, theirs = [sorted(parse(client.ask(*command)))
                            for client in self.watch]
            if ours != theirs:
                raise AssertionError(f"{what}: {ours!r}, redis {theirs!r}")
        for command in (["PUBSUB", "NUMPAT"], ["PUBSUB", "NUMSUB"],
                        ["pubsub", "numsub", *CHANNELS, b"a", b"none"]):
            ours, theirs = [client.ask(*command) for client in self.watch]
            if ours != theirs:
                raise AssertionError(f"{what}: {ours!r}, redis {theirs!r}")


SCRIPT = [
    # Nothing is subscribed to.
    (0, "UNSUBSCRIBE"), (0, "PUNSUBSCRIBE"), (0, "UNSUBSCRIBE", "a", "b"),
    (0, "PUNSUBSCRIBE", "a*"), (0, "PUBLISH", "a", "nobody"),
    (0, "PING"), (0, "PING", "x"),
    # Twice, several, and what they are counted as.
    (0, "SUBSCRIBE", "a", "a", "b"), (0, "SUBSCRIBE", "a"),
    (0, "PSUBSCRIBE", "a*", "a*", "?"), (1, "PSUBSCRIBE", "*"),
    (1, "SUBSCRIBE", "a"), (2, "PUBLISH", "a", "one"),
    (2, "PUBLISH", "b", ""), (2, "PUBLISH", "nothing", "two"),
    (2, "publish", "a", b"\x00\r\n*1\r\n"), (2, "PUBLISH", b"\x00\xff", "z"),
    # What a subscriber may do, and what not.
    (0, "PING"), (0, "ping", "x"), (0, "PING", "x", "y"), (0, "GET", "k"),
    (0, "SET", "k", "v"), (0, "MGET", "k", "l"), (0, "GET"), (0, "NOSUCH", "x"),
    (0, "PUBLISH", "a", "b"), (0, "PUBLISH", "a"), (0, "ECHO", "x"),
    (0, "CLIENT", "GETNAME"), (0, "CLIENT", "NOSUCH"), (0, "CLIENT"),
    (0, "CLIENT", "GETNAME", "x"), (0, "CLIENT", "HELP"), (0, "COMMAND"),
    (0, "COMMAND", "COUNT"), (0, "CONFIG", "GET", "save"), (0, "SELECT", "0"),
    (0, "PUBSUB", "NUMPAT"), (0, "PUBSUB", "CHANNELS"), (0, "PUBSUB", "HELP"),
    (0, "PUBSUB", "CHANNELS", "a", "b"), (0, "PUBSUB"), (0, "HELLO", "2"),
    (0, "INFO"), (0, "DBSIZE"), (0, "FLUSHALL"), (0, "SCAN", "0"),
    (0, "RESET", "x"),
    # Arity.
    (2, "SUBSCRIBE"), (2, "PSUBSCRIBE"), (2, "PUBLISH"), (2, "PUBLISH", "a"),
    (2, "PUBLISH", "a", "b", "c"), (2, "PUBSUB"), (2, "PUBSUB", "NOSUCH"),
    (2, "PUBSUB", "NUMPAT", "x"), (2, "PUBSUB", "channels", "a", "b"),
    (2, "PUBSUB", "HELP", "x"), (2, "PUBSUB", "NUMSUB"),
    (0, "SUBSCRIBE"), (0, "PSUBSCRIBE"),
    # One kind ends, the other stays.
    (0, "PUNSUBSCRIBE"), (2, "PUBLISH", "a", "three"),
    (0, "UNSUBSCRIBE", "b", "b", "none"), (2, "PUBLISH", "b", "four"),
    (0, "UNSUBSCRIBE"), (0, "UNSUBSCRIBE"), (0, "PING"), (0, "GET", "k"),
    (2, "PUBLISH", "a", "five"),
    # RESET ends all in silence, and the name with it.
    (1, "RESET"), (1, "PING"), (2, "PUBLISH", "a", "six"),
    (1, "CLIENT", "SETNAME", "me"), (1, "SUBSCRIBE", "a", "b"), (1, "RESET"),
    (1, "CLIENT", "GETNAME"), (1, "RESET"),
    # The empty name is one like others.
    (1, "SUBSCRIBE", ""), (1, "PSUBSCRIBE", ""), (2, "PUBLISH", "", ""),
    (1, "UNSUBSCRIBE"), (1, "PUNSUBSCRIBE"),
    # Patterns end in the order they came.
    (1, "PSUBSCRIBE", "z*", "b*", "a*", "q"), (1, "PUNSUBSCRIBE"),
]


@unittest.skipUnless(RedisServer.program, "there is no redis-server")
class AsRedis(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kv = GyreKv(PROGRAM)
        cls.redis = RedisServer()

    @classmethod
    def tearDownClass(cls):
        cls.kv.__exit__(None, None, None)
        cls.redis.__exit__(None, None, None)

    def both(self, count):
        both = Both([self.kv, self.redis], count)
        self.addCleanup(both.close)
        return both

    def test_each_command(self):
        both = self.both(3)
        for index, *command in SCRIPT:
            both.run(index, encode(*command), command)
        both.compare_tables("the script")

    def test_each_command_in_pipelines(self):
        """The script again, each client's stretch in one piece, and inline."""
        both = self.both(3)
        start = 0
        while start < len(SCRIPT):
            end = start
            while end < len(SCRIPT) and SCRIPT[end][0] == SCRIPT[start][0]:
                end += 1
            data = b"".join(encode(*command)
                            for _, *command in SCRIPT[start:end])
            both.run(SCRIPT[start][0], data + b"ping\r\n", SCRIPT[start:end])
            start = end

    def test_what_a_pipeline_published_before_it_subscribed(self):
        both = self.both(2)
        both.run(1, encode("PSUBSCRIBE", "*"), "watching")
        data = b"".join(
            [encode("SET", "k", "v"), encode("PUBLISH", "a", "before"),
             encode("GET", "k"), encode("SUBSCRIBE", "a"),
             encode("PUBLISH", "a", "refused"), encode("UNSUBSCRIBE"),
             encode("PUBLISH", "a", "after"), encode("MGET", *"abcdefgh"),
             encode("SUBSCRIBE", "b"), encode("PING"), encode("RESET"),
             encode("INCR", "n"), encode("PUBLISH", "b", "last"),
             encode("DEL", "n", "k", "l")])
        for _ in range(20):
            both.run(0, data, "before and after")

    def test_a_message_does_not_reach_who_subscribes_after_it(self):
        both = self.both(9)
        for index in range(1, 9):  # on every shard, so that it gets there
            both.run(index, encode("PSUBSCRIBE", "a"), "watching")
        for _ in range(20):
            both.run(0, encode("PUBLISH", "a", "1") * 5 +
                     encode("SUBSCRIBE", "a") + encode("UNSUBSCRIBE", "a") +
                     encode("PUBLISH", "a", "2") + encode("PSUBSCRIBE", "a*") +
                     encode("RESET") + encode("PUBLISH", "a", "3") +
                     encode("SUBSCRIBE", "a"), "before")
            both.run(0, encode("RESET"), "after")

    def test_protocol_errors_and_quit_end_a_subscription(self):
        for end in (b"*x\r\n", b"*1\r\n:\r\n", b"QUIT\r\n",
                    b"quit now\r\nPING\r\n", b"ping\r\nget 'x\r\n"):
            both = self.both(2)
            both.run(0, encode("SUBSCRIBE", "a") + encode("PSUBSCRIBE", "a"),
                     "subscribing")
            both.run(1, encode("PUBLISH", "a", "x"), "publishing")
            both.send(0, end)
            ours, theirs = [client.rest() for client in both.clients[0]]
            self.assertEqual(ours, theirs)
            both.send(1, encode("PUBLISH", "a", "y"))
            self.assertEqual(both.compare(1, end), [b":0\r\n"])
            both.compare_tables(end)

    def test_many_names_at_once(self):
        both = self.both(2)
        names = [b"n%d" % number for number in range(3000)]
        both.run(0, encode("SUBSCRIBE", *names), "many names")
        both.run(0, encode("PSUBSCRIBE", *names[:500]), "many patterns")
        both.run(1, b"".join(encode("PUBLISH", name, name)
                             for name in names[::7]), "to each")
        both.compare_tables("many names")
        both.run(0, encode("PUNSUBSCRIBE"), "all patterns")
        both.run(0, encode("UNSUBSCRIBE", *names), "all names")
        both.compare_tables("no names")

    def test_large_messages(self):
        both = self.both(3)
        both.run(0, encode("SUBSCRIBE", "a"), "subscribing")
        both.run(1, encode("PSUBSCRIBE", "a"), "subscribing")
        for size in (1000, 40000, 100000, 3 * MIB):
            data = random.Random(size).randbytes(size)
            both.run(2, encode("PUBLISH", "a", data) * 3 +
                     encode("SET", "k", data) + encode("PUBLISH", "a", data) +
                     encode("GET", "k"), size)

    def test_pieces(self):
        """The same bytes, however they are cut."""
        pick = seed()
        both = self.both(2)
        both.run(1, encode("PSUBSCRIBE", "*"), "watching")
        data = b"".join(
            encode("SET", f"k{n}", "v" * n) + encode("PUBLISH", "a", n) +
            encode("MGET", "k1", f"k{n}", "k3") + encode("PUBLISH", "b", n) +
            encode("SUBSCRIBE", "a") + b"ping x\r\n" + encode("UNSUBSCRIBE")
            for n in range(60))
        at = 0
        while at < len(data):
            size = pick.choice([1, 2, 7, 20, 100, 1000])
            both.send(0, data[at:at + size])
            at += size
        both.run(0, b"", "pieces")

    def command(self, pick):
        names = pick.choices(CHANNELS, k=pick.choice([1, 1, 2, 4]))
        globs = pick.choices(PATTERNS, k=pick.choice([1, 1, 2]))
        key = b"k%d" % pick.randrange(10)
        text = pick.choice([b"", b"text", pick.randbytes(50), b"y" * 5000])
        return pick.choices([
            ["SUBSCRIBE", *names], ["PSUBSCRIBE", *globs],
            ["UNSUBSCRIBE", *names], ["PUNSUBSCRIBE", *globs],
            ["UNSUBSCRIBE"], ["PUNSUBSCRIBE"], ["RESET"],
            ["PUBLISH", names[0], text], ["PING"], ["PING", text],
            ["SET", key, text], ["GET", key], ["MGET", key, b"k1", b"k2"],
            ["INCR", b"n"], ["DEL", key, b"k3"], ["NOSUCH"], ["GET"],
            ["PUBSUB", "NUMPAT"], ["PUBSUB", "NUMSUB", *names],
            ["CLIENT", "GETNAME"], ["PUBLISH", "a"],
        ], weights=[4, 3, 4, 2, 2, 1, 1, 24, 1, 1, 4, 4, 3, 2, 2, 1, 1, 1, 1,
                    1, 1])[0]

    def test_random_sequences(self):
        pick = seed()
        both = self.both(5)
        for number in range(int(os.environ.get("PUBSUB_SEQUENCES", 400))):
            index = pick.randrange(5)
            if pick.randrange(25) == 0:
                both.replace(index)
            commands = [self.command(pick)
                        for _ in range(pick.choice([1, 1, 2, 5, 20, 60]))]
            both.run(index, b"".join(encode(*command)
                                     for command in commands),
                     f"sequence {number}: {commands}")
            if number % 10 == 0:
                both.compare_tables(f"sequence {number}")


class Subscriber(threading.Thread):
    """Reads messages until it is told to stop by one on channel `stop`."""

    def __init__(self, server, names, patterns):
        super().__init__()
        self.client = server.client()
        self.received = []
        self.failure = None
        expected = 0
        for word, what in ((b"subscribe", names), (b"psubscribe", patterns)):
            for name in what:
                expected += 1
                reply = self.client.ask(word, name)
                if reply != change(word, name, expected):
                    raise Failure(repr(reply))

    def run(self):
        try:
            while True:
                *_, channel, text = parse(self.client.reply())
                if channel == b"stop":
                    return
                self.received.append((channel, text))
        except (OSError, EOFError, ValueError, Failure) as failure:
            self.failure = failure

    def finish(self):
        self.join(TIMEOUT)
        self.client.close()
        if self.is_alive() or self.failure is not None:
            raise AssertionError(f"a subscriber did not end: {self.failure}")


class Alone(unittest.TestCase):
    def setUp(self):
        self.server = GyreKv(PROGRAM)
        self.control = self.server.client()

    def tearDown(self):
        self.control.close()
        self.server.__exit__(None, None, None)

    def publish_all(self, number, channels, count, counted):
        """Publish numbers in pipelines; keep what PUBLISH answers."""
        pick = random.Random(number)
        with self.server.client() as client:
            at = 0
            while at < count:
                some = min(pick.choice([1, 5, 50, 300]), count - at)
                client.send(b"".join(
                    encode("PUBLISH", pick.choice(channels),
                           f"{number}:{at + n}") for n in range(some)))
                counted += [parse(client.reply()) for _ in range(some)]
                at += some

    def is_in_order(self, received):
        last = {}
        for _, text in received:
            publisher, number = text.split(b":")
            if int(number) < last.get(publisher, -1):
                return False
            last[publisher] = int(number)
        return True

    def nothing_is_left(self):
        return self.control.ask("PUBSUB", "CHANNELS") == b"*0\r\n" and \
            self.control.ask("PUBSUB", "NUMPAT") == b":0\r\n"

    def test_load(self):
        """Everybody gets everything once, in each publisher's order, and the
        publishers are told how many that were."""
        channels = [b"load:%d" % number for number in range(12)]
        pick = seed()
        subscribers = []
        for number in range(48):
            names = pick.sample(channels, pick.randrange(4)) + [b"stop"]
            globs = [[], [], [b"load:*"], [b"load:?", b"*1*"]][number % 4]
            subscribers.append(Subscriber(self.server, names, globs))
        for subscriber in subscribers:
            subscriber.start()
        counted = []
        publishers = [threading.Thread(
            target=self.publish_all, args=(number, channels, 600, counted))
            for number in range(6)]
        for thread in publishers:
            thread.start()
        for thread in publishers:
            thread.join()
        self.assertEqual(parse(self.control.ask("PUBLISH", "stop", "x")), 48)
        for subscriber in subscribers:
            subscriber.finish()
            self.assertTrue(self.is_in_order(subscriber.received))
        self.assertEqual(len(counted), 6 * 600)
        self.assertEqual(sum(counted), sum(
            len(subscriber.received) for subscriber in subscribers))
        wait_for(self.nothing_is_left, "the end of subscriptions")

    def come_and_go(self, number, stop, received):
        """Subscribe and unsubscribe; count what comes."""
        pick = random.Random(number)
        with self.server.client() as client:
            while not stop.is_set():
                word, names = pick.choice([
                    (b"subscribe", [b"c%d" % n for n in range(4)]),
                    (b"psubscribe", [b"c*", b"c?", b"c[12]"])])
                names = pick.sample(names, pick.randrange(1, 4))
                client.send(encode(word, *names))
                if pick.randrange(2) == 0:
                    time.sleep(0.001 * pick.randrange(8))
                client.send(encode(b"unsubscribe") + encode(b"punsubscribe") +
                            encode("PING", "mark"))
                for reply in read_until(client, b"mark"):
                    if parse(reply)[0] in (b"message", b"pmessage"):
                        received.append(reply)

    def test_comers_and_goers(self):
        """What PUBLISH answers is what was received, whoever comes and goes."""
        stop = threading.Event()
        counted, received = [], []
        threads = [threading.Thread(target=self.come_and_go,
                                    args=(number, stop, received))
                   for number in range(10)]
        for thread in threads:
            thread.start()
        publishers = [threading.Thread(
            target=self.publish_all,
            args=(number, [b"c%d" % n for n in range(4)], 1500, counted))
            for number in range(3)]
        for thread in publishers:
            thread.start()
        for thread in publishers:
            thread.join()
        stop.set()
        for thread in threads:
            thread.join()
        self.assertGreater(len(received), 0)
        self.assertEqual(sum(counted), len(received))
        wait_for(self.nothing_is_left, "the end of subscriptions")

    def test_clients_that_break_off(self):
        stop = threading.Event()

        def break_off(number):
            pick = random.Random(number)
            while not stop.is_set():
                client = self.server.client()
                client.send(encode("SUBSCRIBE", *[b"c%d" % n
                                                  for n in range(9)]) +
                            encode("PSUBSCRIBE", "c*", "*"))
                if pick.randrange(2) == 0:
                    client.reply()
                if pick.randrange(3) == 0:  # reset instead of closing
                    client.socket.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER,
                        b"\x01\x00\x00\x00\x00\x00\x00\x00")
                client.close()

        threads = [threading.Thread(target=break_off, args=(number,))
                   for number in range(6)]
        for thread in threads:
            thread.start()
        counted = []
        self.publish_all(1, [b"c%d" % n for n in range(9)], 2000, counted)
        stop.set()
        for thread in threads:
            thread.join()
        wait_for(self.nothing_is_left, "the end of subscriptions")
        wait_for(lambda: connected(self.control) == 1, "the end of clients")

    def test_a_message_comes_behind_what_was_done_before(self):
        """Whoever gets a message sees what its sender did before it."""
        with self.server.client() as subscriber, \
                self.server.client() as reader, self.server.client() as sender:
            subscriber.ask("SUBSCRIBE", "changed")
            for start in range(0, 400, 20):
                sender.send(b"".join(
                    encode("MSET", f"k{n}", n, f"l{n}", n, f"m{n}", n) +
                    encode("PUBLISH", "changed", n)
                    for n in range(start, start + 20)))
                for n in range(start, start + 20):
                    self.assertEqual(subscriber.reply(),
                                     message("changed", n))
                    found = parse(reader.ask("MGET", f"k{n}", f"l{n}",
                                             f"m{n}"))
                    self.assertEqual(found, [b"%d" % n] * 3)
                for _ in range(20):
                    self.assertEqual(sender.reply(), b"+OK\r\n")
                    self.assertEqual(sender.reply(), b":1\r\n")

    def test_what_was_sent_before_leaving_is_published(self):
        with self.server.client() as subscriber:
            subscriber.ask("SUBSCRIBE", "c")
            for number in range(100):
                gone = self.server.client()
                gone.send(b"".join(
                    encode("SET", f"g{number}:{n}", n) + encode("PUBLISH", "c",
                                                                n)
                    for n in range(5)))
                gone.close()
                for n in range(5):
                    self.assertEqual(subscriber.reply(), message("c", n))

    def test_a_slow_subscriber_is_closed(self):
        """… and harms nobody else."""
        data = b"x" * MIB
        with self.server.client() as slow, self.server.client() as sender:
            self.control.ask("SET", "k", "v")
            slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                   1 << 16)
            slow.ask("SUBSCRIBE", "c")
            other = Subscriber(self.server, [b"c", b"stop"], [])
            other.start()
            answers = []
            while not answers or answers[-1] == 2:
                answers.append(parse(sender.ask("PUBLISH", "c", data)))
                self.assertEqual(self.control.ask("GET", "k"),
                                 b"$1\r\nv\r\n")
                self.assertLess(len(answers), 60)
            self.assertEqual(set(answers[:-1]), {2})
            self.assertEqual(answers[-1], 1)
            # 32 MiB, and what the sockets hold.
            self.assertGreater(len(answers), 32)
            self.assertLess(len(slow.rest()), len(answers) * MIB)
            self.assertEqual(parse(sender.ask("PUBLISH", "stop", "x")), 1)
            other.finish()
            self.assertEqual(len(other.received), len(answers))
        wait_for(self.nothing_is_left, "the end of subscriptions")

    def test_a_publisher_that_does_not_read(self):
        count = 10000
        subscriber = Subscriber(self.server, [b"c", b"stop"], [])
        subscriber.start()
        for number in range(6):
            with self.server.client() as sender:
                sender.send(b"".join(encode("PUBLISH", "c", f"{number}:{n}")
                                     for n in range(count)))
                for _ in range(10):
                    self.assertEqual(self.control.ask("PING"), b"+PONG\r\n")
                    time.sleep(0.01)
                for _ in range(count):
                    self.assertEqual(sender.reply(), b":1\r\n")
        self.control.ask("PUBLISH", "stop", "x")
        subscriber.finish()
        self.assertEqual(subscriber.received,
                         [(b"c", b"%d:%d" % (number, n))
                          for number in range(6) for n in range(count)])

    def test_more_publishers_than_the_bus_has_room_for(self):
        """They wait, and nothing is lost."""
        # What matches late, or not at all, keeps the subscriber's shard busy.
        channel = b"a" * 60
        patterns = [b"*a" * n + b"*b" for n in range(12)]
        subscriber = Subscriber(self.server, [channel, b"stop"], patterns)
        subscriber.start()
        senders = [self.server.client() for _ in range(90)]
        data = encode("PUBLISH", channel, "1:1") * 1000
        for sender in senders:
            sender.send_all(data)
        for sender in senders:
            for _ in range(1000):
                self.assertEqual(sender.reply(), b":1\r\n")
            sender.close()
        self.control.ask("PUBLISH", "stop", "x")
        subscriber.finish()
        self.assertEqual(len(subscriber.received), 90 * 1000)

    def test_half_close_of_a_subscriber(self):
        with self.server.client() as client:
            client.send(encode("SUBSCRIBE", "c"))
            client.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(client.rest(), change(b"subscribe", b"c", 1))
        wait_for(self.nothing_is_left, "the end of subscriptions")

    def test_it_ends_under_load(self):
        for number in range(4):
            server = GyreKv(PROGRAM)
            with server:
                clients = [server.client() for _ in range(12)]
                for client in clients:
                    client.send(encode("SUBSCRIBE", "a", "b") +
                                encode("PSUBSCRIBE", "*"))
                senders = [server.client() for _ in range(4)]
                for sender in senders:
                    sender.send((encode("PUBLISH", "a", "x" * 100) +
                                 encode("SET", "k", "v")) * 2000)
                time.sleep(0.05 * number)
                server.end([signal.SIGINT, signal.SIGTERM][number % 2])
                for client in clients + senders:
                    client.close()


@unittest.skipUnless(shutil.which("redis-cli"), "there is no redis-cli")
class RedisCli(unittest.TestCase):
    def cli(self, server, *args):
        return subprocess.run(["redis-cli", "-p", str(server.port), *args],
                              capture_output=True, text=True,
                              timeout=TIMEOUT).stdout

    def test_subscribe_and_publish(self):
        with GyreKv(PROGRAM) as server:
            cli = subprocess.Popen(
                ["redis-cli", "-p", str(server.port), "psubscribe", "new*",
                 "x"], stdout=subprocess.PIPE, text=True)
            lines = [cli.stdout.readline() for _ in range(6)]
            self.assertEqual(lines, [
                "psubscribe\n", "new*\n", "1\n", "psubscribe\n", "x\n",
                "2\n"])
            self.assertEqual(self.cli(server, "publish", "news", "hello"),
                             "1\n")
            self.assertEqual([cli.stdout.readline() for _ in range(4)],
                             ["pmessage\n", "new*\n", "news\n", "hello\n"])
            self.assertEqual(self.cli(server, "pubsub", "numpat"), "2\n")
            cli.terminate()
            cli.wait(TIMEOUT)
            cli.stdout.close()
            wait_for(lambda: self.cli(server, "pubsub", "numpat") == "0\n",
                     "the end of redis-cli")


def main():
    global PROGRAM
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
