#!/usr/bin/env python3
"""kv_transactions_test.py GYRE-KV [TEST...]

MULTI, EXEC and WATCH: atomic on one shard, whichever it is; compared with
redis-server, over keys with one tag, byte by byte.
"""

import itertools
import os
import random
import re
import sys
import threading
import time
import unittest

from kv_servers import TIMEOUT, GyreKv, RedisServer, encode, parse

PROGRAM = None
CLIENTS = 8
ROUNDS = 60
CROSSSLOT = b"-CROSSSLOT Keys in request don't hash to the same slot\r\n"
REFUSED = b"-EXECABORT Transaction discarded because of previous errors.\r\n"


def seed():
    number = int(os.environ.get("TRANSACTIONS_SEED", 0)) or \
        random.SystemRandom().randrange(1 << 32)
    print(f"TRANSACTIONS_SEED={number}", file=sys.stderr, flush=True)
    return random.Random(number)


def wait_for(condition, what):
    end = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what} does not happen")
        time.sleep(0.005)


class Worker(threading.Thread):
    """A client on a thread; what fails there fails the test."""

    def __init__(self, server, work, *arguments):
        super().__init__()
        self.server = server
        self.work = work
        self.arguments = arguments
        self.failure = None
        self.start()

    def run(self):
        try:
            with self.server.client() as client:
                self.work(client, *self.arguments)
        except Exception as failure:  # told by finish()
            self.failure = failure

    def finish(self):
        self.join()
        if self.failure is not None:
            raise self.failure


def transaction(client, *commands):
    """Send it as pipelines do, and return EXEC's reply."""
    client.send(encode("MULTI") + b"".join(encode(*command)
                                           for command in commands) +
                encode("EXEC"))
    for expected in [b"+OK\r\n"] + [b"+QUEUED\r\n"] * len(commands):
        reply = client.reply()
        if reply != expected:
            raise AssertionError(f"{reply!r}, not {expected!r}")
    return parse(client.reply())


class Alone(unittest.TestCase):
    def setUp(self):
        self.server = GyreKv(PROGRAM)
        self.control = self.server.client()

    def tearDown(self):
        self.control.close()
        self.server.__exit__(None, None, None)

    def watching(self):
        text = parse(self.control.ask("INFO", "clients")).decode()
        return [int(re.search(rf"{field}:(\d+)", text)[1]) for field in
                ("connected_clients", "watching_clients",
                 "total_watched_keys")]

    def apart(self):
        """Two keys on two shards: one can't be in a transaction with the
        other."""
        self.control.ask("MULTI")
        self.control.ask("GET", "first")
        for number in range(1000):
            if self.control.ask("GET", f"k{number}") == CROSSSLOT:
                break
        self.assertEqual(self.control.ask("EXEC"), REFUSED)
        return "first", f"k{number}"

    def test_nothing_comes_between(self):
        """Two keys go up together, and are never seen apart."""
        def add(client, tag):
            for _ in range(ROUNDS):
                transaction(client, ["INCR", f"{{{tag}}}a"], ["PING"],
                            ["INCR", f"{{{tag}}}b"])

        def look(client, tag):
            for _ in range(ROUNDS):
                a, b, both = transaction(
                    client, ["GET", f"{{{tag}}}a"], ["GET", f"{{{tag}}}b"],
                    ["MGET", f"{{{tag}}}a", f"{{{tag}}}b"])
                if a != b or both != [a, b]:
                    raise AssertionError(f"{a!r}, {b!r}, {both!r}")

        workers = [Worker(self.server, work, number % 3)
                   for number in range(CLIENTS) for work in (add, look)]
        for worker in workers:
            worker.finish()
        totals = [int(parse(self.control.ask("GET", f"{{{tag}}}b")))
                  for tag in range(3)]
        self.assertEqual(sum(totals), CLIENTS * ROUNDS)

    def test_watch_and_try_again(self):
        """Read, then write what was read and one: no addition is lost."""
        tries = []

        def add(client, key):
            for _ in range(ROUNDS):
                done = None
                while done is None:
                    client.ask("WATCH", key)
                    value = int(parse(client.ask("GET", key)) or 0)
                    done = transaction(client, ["SET", key, value + 1])
                    tries.append(done)

        workers = [Worker(self.server, add, f"counter:{number % 2}")
                   for number in range(CLIENTS)]
        for worker in workers:
            worker.finish()
        for number in range(2):
            self.assertEqual(
                parse(self.control.ask("GET", f"counter:{number}")),
                b"%d" % (CLIENTS // 2 * ROUNDS))
        self.assertEqual(tries.count([b"OK"]), CLIENTS * ROUNDS)
        self.assertEqual(self.watching()[1:], [0, 0])

    def test_shards_are_not_mixed(self):
        here, there = self.apart()
        for first, then in ((here, there), (there, here)):
            # Two commands, one command, and a WATCH before.
            self.assertEqual(self.control.ask("MULTI"), b"+OK\r\n")
            self.assertEqual(self.control.ask("SET", first, 1),
                             b"+QUEUED\r\n")
            self.assertEqual(self.control.ask("SET", then, 1), CROSSSLOT)
            self.assertEqual(self.control.ask("EXEC"), REFUSED)
            self.assertEqual(self.control.ask("MULTI"), b"+OK\r\n")
            self.assertEqual(self.control.ask("MSET", first, 1, then, 1),
                             CROSSSLOT)
            self.assertEqual(self.control.ask("EXEC"), REFUSED)
            self.assertEqual(self.control.ask("WATCH", first), b"+OK\r\n")
            self.assertEqual(self.control.ask("WATCH", then), CROSSSLOT)
            self.assertEqual(self.control.ask("WATCH", first, then),
                             CROSSSLOT)
            self.assertEqual(self.control.ask("MULTI"), b"+OK\r\n")
            self.assertEqual(self.control.ask("SET", then, 1), CROSSSLOT)
            self.assertEqual(self.control.ask("EXEC"), REFUSED)
            # It is over, and what was watched as well.
            self.assertEqual(transaction(self.control, ["GET", then]), [None])
        self.assertEqual(self.control.ask("EXISTS", here, there), b":0\r\n")
        self.assertEqual(self.watching(), [1, 0, 0])

    def test_who_leaves_leaves_nothing(self):
        """In MULTI, watching, with a command cut off, and by a reset."""
        last = [b"", encode("MULTI"), encode("MULTI") + encode("SET", "k", 1),
                encode("MULTI") + b"*3\r\n$3\r\nSET\r\n$1\r\nk",
                encode("UNWATCH"), encode("DISCARD"), encode("RESET"),
                encode("QUIT"), encode("PUBLISH", "c", "x") * 3 +
                encode("UNWATCH") + encode("WATCH", "again"),
                encode("MULTI") + encode("NOSUCH") + encode("EXEC") +
                encode("WATCH", "again")]
        for number in range(200):
            client = self.server.client()
            client.send(encode("WATCH", f"key:{number % 7}") +
                        last[number % len(last)])
            if number % 3 == 0:
                client.reply()
            client.close()
        wait_for(lambda: self.watching() == [1, 0, 0], "the end of watching")
        self.assertEqual(self.control.ask("EXISTS", "k"), b":0\r\n")

    def test_what_was_sent_whole_is_done(self):
        for number in range(50):
            client = self.server.client()
            client.send(encode("WATCH", f"done:{number}") + encode("MULTI") +
                        encode("SET", f"done:{number}", 1) + encode("EXEC"))
            client.close()
            wait_for(lambda number=number: self.control.ask(
                "EXISTS", f"done:{number}") == b":1\r\n", "a transaction")
        wait_for(lambda: self.watching() == [1, 0, 0], "the end of watching")

    def test_what_ends_watching_has_no_reply_of_its_own(self):
        """Replies stay in their order, from whatever shard they come."""
        for key in [f"key:{number}" for number in range(20)]:
            for end, reply in (("UNWATCH", b"+OK\r\n"),
                               ("RESET", b"+RESET\r\n")):
                self.control.send(
                    encode("WATCH", key) + encode("GET", key) + encode(end) +
                    encode("ECHO", "behind") + encode("GET", key) +
                    encode("WATCH", key) + encode("MULTI") +
                    encode("EXEC", "x") + encode("ECHO", "last"))
                for expected in (b"+OK\r\n", b"$-1\r\n", reply,
                                 b"$6\r\nbehind\r\n", b"$-1\r\n", b"+OK\r\n",
                                 b"+OK\r\n"):
                    self.assertEqual(self.control.reply(), expected)
                self.assertTrue(self.control.reply().startswith(b"-EXECABORT"))
                self.assertEqual(self.control.reply(), b"$4\r\nlast\r\n")
        self.assertEqual(self.watching(), [1, 0, 0])

    def test_a_client_in_multi_is_told_of(self):
        with self.server.client() as client:
            client.ask("MULTI")
            client.ask("SET", "k", "v")
            client.ask("PING")
            text = parse(self.control.ask("CLIENT", "LIST")).decode()
            self.assertRegex(text, r"flags=x .* multi=2 .*multi-mem=\d\d ")
            self.assertRegex(text, r"flags=N .* multi=-1 .*multi-mem=0 ")

    def test_it_ends_with_transactions_open(self):
        clients = [self.server.client() for _ in range(20)]
        for number, client in enumerate(clients):
            client.ask("WATCH", f"key:{number}")
            client.ask("MULTI")
            client.send(encode("INCR", f"key:{number}") * 50)
        self.control.close()
        self.server.end()
        for client in clients:
            client.close()


KEYS = [b"{t}%d" % number for number in range(4)]
KEY, OTHER = KEYS[:2]

# What makes a key what it is, and commands that write, often nothing.
VALUES = [
    [], [["SET", b"1"]], [["SET", b"1"], ["EXPIRE", b"1000"]],
    [["RPUSH", b"a", b"c"]], [["HSET", b"a", b"1"]], [["SADD", b"a", b"c"]],
    [["ZADD", b"1", b"a", b"2", b"c"]],
]
CHANGES = [
    ["APPEND", KEY, b""], ["SETRANGE", KEY, b"0", b""], ["SET", KEY, b"1"],
    ["SET", KEY, b"1", "XX", "GET"], ["GETSET", KEY, b"1"], ["GETDEL", KEY],
    ["SETNX", KEY, b"1"], ["MSETNX", KEY, b"1", OTHER, b"2"],
    ["GETEX", KEY], ["GETEX", KEY, "EX", b"100"], ["GETEX", KEY, "PERSIST"],
    ["INCRBY", KEY, b"0"], ["INCRBYFLOAT", KEY, b"0"],
    ["DEL", KEY], ["UNLINK", KEY, OTHER], ["TOUCH", KEY],
    ["EXPIRE", KEY, b"100", "NX"], ["EXPIRE", KEY, b"-1"], ["PERSIST", KEY],
    ["RENAME", KEY, OTHER], ["RENAME", KEY, KEY], ["RENAMENX", KEY, OTHER],
    ["LPUSH", KEY, b"a"], ["LPUSHX", KEY, b"a"], ["RPUSHX", KEY, b"a"],
    ["LPOP", KEY], ["RPOP", KEY, b"0"], ["RPOP", KEY, b"2"],
    ["LINSERT", KEY, "BEFORE", b"a", b"b"],
    ["LINSERT", KEY, "AFTER", b"x", b"b"], ["LSET", KEY, b"0", b"a"],
    ["LREM", KEY, b"0", b"a"], ["LREM", KEY, b"0", b"x"],
    ["LTRIM", KEY, b"0", b"-1"], ["LMOVE", KEY, OTHER, "LEFT", "LEFT"],
    ["LMOVE", KEY, KEY, "LEFT", "LEFT"], ["RPOPLPUSH", KEY, OTHER],
    ["HSET", KEY, b"a", b"1"], ["HSETNX", KEY, b"a", b"1"],
    ["HSETNX", KEY, b"b", b"1"], ["HDEL", KEY, b"a"], ["HDEL", KEY, b"x"],
    ["HINCRBY", KEY, b"a", b"0"], ["HINCRBYFLOAT", KEY, b"a", b"0"],
    ["SADD", KEY, b"a"], ["SADD", KEY, b"a", b"b"], ["SREM", KEY, b"a"],
    ["SREM", KEY, b"x"], ["SPOP", KEY, b"0"],
    ["SMOVE", KEY, OTHER, b"a"], ["SMOVE", KEY, OTHER, b"x"],
    ["SMOVE", KEY, KEY, b"a"], ["SINTERSTORE", KEY, OTHER],
    ["SUNIONSTORE", KEY, OTHER], ["SDIFFSTORE", KEY, OTHER, KEY],
    ["ZADD", KEY, b"1", b"a"], ["ZADD", KEY, b"5", b"a"],
    ["ZADD", KEY, "XX", b"5", b"a", b"1", b"x"],
    ["ZADD", KEY, "NX", "CH", b"5", b"a"],
    ["ZADD", KEY, "GT", "INCR", b"-1", b"a"], ["ZINCRBY", KEY, b"0", b"a"],
    ["ZREM", KEY, b"a"], ["ZREM", KEY, b"x"], ["ZPOPMIN", KEY],
    ["ZPOPMAX", KEY, b"0"], ["ZREMRANGEBYRANK", KEY, b"0", b"0"],
    ["ZREMRANGEBYSCORE", KEY, b"8", b"9"],
    ["ZREMRANGEBYLEX", KEY, b"[a", b"[b"], ["FLUSHALL"], ["FLUSHDB"],
]


@unittest.skipUnless(RedisServer.program, "there is no redis-server")
class AsRedis(unittest.TestCase):
    def command(self, pick):
        key, other = pick.choice(KEYS), pick.choice(KEYS)
        return pick.choices([
            ["MULTI"], ["EXEC"], ["DISCARD"], ["WATCH", key],
            ["WATCH", key, other], ["UNWATCH"], ["SET", key, b"5"],
            ["SET", key, b"text"], ["SET", key, b"1", "NX"], ["INCR", key],
            ["GET", key], ["MGET", *KEYS], ["MSET", key, b"1", other, b"2"],
            ["MSET", key, b"1", other], ["DEL", key, other], ["SETNX", key,
                                                              b"1"],
            ["APPEND", key, b"x"], ["EXPIRE", key, b"1000"],
            ["PERSIST", key], ["GETDEL", key], ["EXISTS", *KEYS], ["PING"],
            ["ECHO", key], ["SELECT", b"0"], ["NOSUCH"], ["GET"],
            ["EXEC", b"x"], ["MULTI", b"x"], ["DISCARD", b"x"], ["WATCH"],
            ["RESET"], ["HELLO", b"2"] if pick.randrange(30) else ["PING"],
            ["TYPE", key], ["STRLEN", key], ["UNLINK", key],
        ], weights=[14, 14, 2, 8, 3, 2, 5, 3, 2, 5, 4, 2, 3, 1, 3, 2, 2, 2, 2,
                    2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1])[0]

    def test_random_sequences(self):
        """Several clients, whose commands meet in the same keys."""
        pick = seed()
        with GyreKv(PROGRAM) as kv, RedisServer() as redis:
            pairs = [[kv.client(), redis.client()] for _ in range(4)]
            for pair in pairs[:2]:
                for client in pair:
                    client.ask("HELLO", 3)
            for number in range(1500):
                pair = pick.choice(pairs)
                commands = [self.command(pick)
                            for _ in range(pick.choice([1, 1, 2, 4, 12]))]
                data = b"".join(encode(*command) for command in commands)
                for client in pair:
                    client.send(data)
                for command in commands:
                    ours, theirs = [client.reply() for client in pair]
                    self.assertEqual(ours, theirs,
                                     (number, command, commands))
            for pair in pairs:
                for client in pair:
                    client.close()

    def test_what_counts_as_changed(self):
        """Is a transaction that watches a key refused after a command, as
        Redis refuses it? Two keys of each type, with all that writes."""
        with GyreKv(PROGRAM) as kv, RedisServer() as redis:
            pairs = [(kv.client(), kv.client(), kv.client()),
                     (redis.client(), redis.client(), redis.client())]
            for *begin, command in itertools.product(VALUES, VALUES, CHANGES):
                if begin[1] and OTHER not in command:
                    continue
                with self.subTest(begin=begin, command=command):
                    self.assertEqual(*[self.effect(clients, begin, command)
                                       for clients in pairs])
            for client in sum(pairs, ()):
                client.close()

    def effect(self, clients, begin, command):
        """The command's reply, and those of what watched each key."""
        writer, *watchers = clients
        writer.send(encode("DEL", *KEYS[:2]))
        count = 1
        for key, value in zip(KEYS, begin):
            for name, *words in value:
                writer.send(encode(name, key, *words))
                count += 1
        for _ in range(count):
            writer.reply()
        for key, watcher in zip(KEYS, watchers):
            watcher.ask("WATCH", key)
        replies = [writer.ask(*command)]
        for watcher in watchers:
            watcher.send(encode("MULTI") + encode("EXEC"))
            replies.append((watcher.reply(), watcher.reply()))
        return replies

    def test_what_is_not_done_in_a_transaction(self):
        with GyreKv(PROGRAM) as kv, RedisServer() as redis:
            ours, theirs = kv.client(), redis.client()
            for command in (["MULTI"], ["QUIT"]):
                self.assertEqual(ours.ask(*command), theirs.ask(*command))
            self.assertEqual(ours.rest(), theirs.rest())
            ours.close()
            theirs.close()


def main():
    global PROGRAM
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
