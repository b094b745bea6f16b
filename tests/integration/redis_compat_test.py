#!/usr/bin/env python3
"""redis_compat_test.py [--seed N] [--sequences N] GYRE-KV

Sends the same commands to gyre-kv and to redis-server and compares what both
reply, byte by byte. What may differ is compared by what it means: the order
in which SCAN finds keys, and how much of a second is left of a key's time.

Ends with 77 if there is no redis-server.
"""

import argparse
import random
import re
import socket
import sys
import time

from kv_servers import GyreKv, RedisServer, encode, parse, scan
from redis_types import KEYS as TYPES_KEYS
from redis_types import TypesWriter, same_types, whole

DEPTHS = [1, 2, 3, 8, 50, 1000]
CONNECTIONS = 3
# Times to expire lie this far apart, in seconds, and each is given once: so
# which of two is later does not depend on when the commands ran.
TIME_STEP = 1000
TOLERANCE_MS = 120 * 1000
TIMES = {b"TTL": 1000, b"EXPIRETIME": 1000, b"PTTL": 1, b"PEXPIRETIME": 1}

KEYS = [b"a", b"b", b"c", b"key:1", b"key:2", b"key:3", b"", b"\x00", b"\r\n",
        b"\xff\xfe binary \x00", b"{tag}1", b"*1\r\n$1\r\nx\r\n", b"x" * 300]
KEYS += [b"k%d" % number for number in range(12)]

NUMBERS = [0, 1, -1, 7, 1000, 2**31, 2**63 - 1, -2**63, 2**63 - 2, -2**63 + 1]
NO_NUMBERS = [b"", b" 1", b"1 ", b"+1", b"01", b"-0", b"1.5", b"0x1", b"-",
              b"9223372036854775808", b"-9223372036854775809", b"ten"]


class Writer:
    """Makes up commands; the same seed makes the same ones."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.times = 0

    def key(self):
        return self.random.choice(KEYS)

    def keys(self):
        return [self.key() for _ in range(self.random.choice([1, 2, 3, 9]))]

    def value(self):
        r = self.random
        kind = r.randrange(8)
        if kind == 0:
            return b""
        if kind < 4:
            return b"%d" % r.choice(NUMBERS + [r.randrange(-99, 99)])
        if kind == 4:
            return r.choice(NO_NUMBERS)
        if kind == 5:
            return r.randbytes(r.choice([1, 10, 100, 1000]))
        if kind == 6 and r.randrange(20) == 0:
            return r.randbytes(r.choice([5000, 20000, 100000]))
        return b"value-%d" % r.randrange(1000)

    def number(self):
        if self.random.randrange(6) == 0:
            return self.random.choice(NO_NUMBERS)
        return b"%d" % self.random.choice(NUMBERS + [2, 3, -5])

    def seconds(self):
        """A time to expire that is given this once."""
        self.times += 1
        return self.times * TIME_STEP

    def time(self, unit=1):
        if self.random.randrange(12) == 0:
            return self.random.choice([b"0", b"-1", b"x", b"",
                                       b"9223372036854775807",
                                       b"-9223372036854775808",
                                       b"9223372036854775"])
        return b"%d" % (self.seconds() * unit)

    def set(self):
        r = self.random
        options = []
        for _ in range(r.choice([0, 0, 0, 1, 1, 2, 3])):
            options += r.choice([
                [b"NX"], [b"xx"], [b"GET"], [b"get"], [b"KEEPTTL"],
                [b"EX", self.time()], [b"px", self.time(1000)],
                [b"EXAT", b"%d" % (2 * 10**9 + self.seconds())],
                [b"PXAT", b"%d" % ((2 * 10**9 + self.seconds()) * 1000)],
                [b"EX"], [b"what"]])
        return [b"SET", self.key(), self.value(), *options]

    def expire(self):
        name = self.random.choice([b"EXPIRE", b"PEXPIRE"])
        options = self.random.choice(
            [[], [], [], [b"NX"], [b"XX"], [b"GT"], [b"lt"], [b"XX", b"GT"],
             [b"NX", b"XX"], [b"GT", b"LT"], [b"no"]])
        unit = 1000 if name == b"PEXPIRE" else 1
        return [name, self.key(), self.time(unit), *options]

    def mset(self):
        pairs = []
        for key in self.keys():
            pairs += [key, self.value()]
        if self.random.randrange(10) == 0:
            pairs.pop()
        return [b"MSET", *pairs]

    def wrong(self):
        """What no server can make sense of."""
        r = self.random
        return r.choice([
            [b"GET"], [b"GET", b"a", b"b"], [b"SET", b"a"], [b"MGET"],
            [b"NOSUCH"], [b"nosuch", self.key(), self.value()],
            [b"NO\r\nSUCH", b"a\r\nb"], [b""], [b"", b"x"],
            [b"nope", b"y" * 200, b"z"], [b"n" * 200],
            [b"SELECT", b"1"], [b"SELECT", b"x"], [b"SELECT", b"9999999999"],
            [b"PING", b"a", b"b"], [b"ECHO"], [b"EXPIRE", b"a"],
            [b"MEMORY"], [b"MEMORY", b"NOSUCH"], [b"MEMORY", b"USAGE"],
            [b"MEMORY", b"USAGE", b"no such key"],
            [b"MEMORY", b"USAGE", b"no such key", b"SAMPLES", b"5"],
            [b"MEMORY", b"USAGE", b"a", b"SAMPLES", b"x"],
            [b"MEMORY", b"USAGE", b"a", b"SAMPLES", b"-1"],
            [b"MEMORY", b"USAGE", b"a", b"what"],
            [b"CLIENT"], [b"CLIENT", b"NOSUCH"], [b"CLIENT", b"GETNAME", b"x"],
            [b"CLIENT", b"HELP", b"x"],
            [b"CONFIG"], [b"CONFIG", b"NOSUCH"], [b"CONFIG", b"GET"],
            [b"COMMAND", b"NOSUCH"], [b"SCAN"], [b"SCAN", b"x"],
            [b"SCAN", b"0", b"COUNT", b"0"], [b"SCAN", b"0", b"COUNT"],
            [b"SCAN", b"0", b"COUNT", b"x"], [b"SCAN", b"0", b"what", b"x"],
            [b"SCAN", b" 0"], [b"FLUSHALL", b"what"], [b"DBSIZE", b"x"],
            [b"HELLO", b"4"], [b"HELLO", b"x"], [b"HELLO", b"2", b"what"],
            [b"CLIENT", b"SETNAME", b"a b"], [b"CLIENT", b"SETNAME"]])

    def command(self):
        r = self.random
        return r.choices([
            self.set,
            lambda: [b"GET", self.key()],
            lambda: [b"MGET", *self.keys()],
            self.mset,
            lambda: [b"DEL", *self.keys()],
            lambda: [b"UNLINK", *self.keys()],
            lambda: [b"EXISTS", *self.keys()],
            lambda: [r.choice([b"INCR", b"decr"]), self.key()],
            lambda: [r.choice([b"INCRBY", b"DECRBY"]), self.key(),
                     self.number()],
            lambda: [b"APPEND", self.key(), self.value()],
            lambda: [b"STRLEN", self.key()],
            self.expire,
            lambda: [r.choice([b"TTL", b"PTTL"]), self.key()],
            lambda: [b"PERSIST", self.key()],
            lambda: [b"TYPE", self.key()],
            lambda: [b"GETDEL", self.key()],
            lambda: [b"GETSET", self.key(), self.value()],
            lambda: [b"SETNX", self.key(), self.value()],
            lambda: [b"SETEX", self.key(), self.time(), self.value()],
            lambda: [b"PSETEX", self.key(), self.time(1000), self.value()],
            lambda: [b"DBSIZE"],
            lambda: [r.choice([b"FLUSHALL", b"FLUSHDB"]),
                     *r.choice([[], [b"ASYNC"], [b"sync"]])],
            lambda: [r.choice([b"PING", b"ping"]),
                     *r.choice([[], [self.value()]])],
            lambda: [b"ECHO", self.value()],
            lambda: [b"SELECT", b"0"],
            lambda: [b"CLIENT", b"SETNAME", r.choice([b"", b"me", b"you"])],
            lambda: [b"CLIENT", b"GETNAME"],
            lambda: [b"HELLO", r.choice([b"2", b"3"])],
            self.wrong,
        ], weights=[24, 16, 6, 6, 4, 2, 4, 8, 8, 5, 3, 6, 6, 2, 2, 3, 3, 3, 2,
                    2, 2, 1, 2, 2, 1, 1, 1, 2, 4])[0]()


def hide_id(reply):
    return re.sub(rb"\$2\r\nid\r\n:\d+\r\n", b"", reply)


def same(command, one, other):
    """Whether two replies to a command say the same."""
    if one == other:
        return True
    if command[0].upper() == b"HELLO":
        return hide_id(one) == hide_id(other)
    if command[0].upper() not in TIMES:
        return len(command) > 1 and same_types(command, one, other)
    one, other = parse(one), parse(other)
    if not isinstance(one, int) or not isinstance(other, int):
        return False
    tolerance = TOLERANCE_MS // TIMES[command[0].upper()]
    return one >= 0 and other >= 0 and abs(one - other) <= tolerance


def short(value):
    text = repr(value)
    return text if len(text) < 300 else text[:300] + "…"


class Pair:
    """The same connection to both servers."""

    def __init__(self, kv, redis):
        self.servers = [kv, redis]
        self.clients = [server.client() for server in self.servers]

    def close(self):
        for client in self.clients:
            client.close()

    def send(self, data):
        for client in self.clients:
            client.send(data)

    def compare(self, what, command=(b"",)):
        ours, theirs = [client.reply() for client in self.clients]
        if not same(command, ours, theirs):
            sys.exit(f"{what}: {short(command)}\n  gyre-kv: {short(ours)}\n"
                     f"  redis:   {short(theirs)}")

    def ask(self, what, *command):
        self.send(encode(*command))
        self.compare(what, command)

    def run(self, what, commands, depth):
        """Run commands with so many on their way at a time."""
        for start in range(0, len(commands), depth):
            batch = commands[start:start + depth]
            self.send(b"".join(encode(*command) for command in batch))
            for command in batch:
                self.compare(what, command)

    def compare_keys(self, what):
        ours, theirs = [sorted(set(scan(client, "COUNT", "100")))
                        for client in self.clients]
        if ours != theirs:
            sys.exit(f"{what}: keys\n  gyre-kv: {short(ours)}\n"
                     f"  redis:   {short(theirs)}")
        if ours:
            self.ask(what, b"MGET", *ours)
        self.run(what, [[b"PTTL", key] for key in ours], 100)


def test_sequences(kv, redis, seed, count):
    writer = Writer(seed)
    pairs = [Pair(kv, redis) for _ in range(CONNECTIONS)]
    total = 0
    for number in range(count):
        what = f"seed {seed}, sequence {number}"
        index = writer.random.randrange(CONNECTIONS)
        if writer.random.randrange(50) == 0:
            pairs[index].close()
            pairs[index] = Pair(kv, redis)
        commands = [writer.command()
                    for _ in range(writer.random.choice([3, 10, 25, 60]))]
        total += len(commands)
        pairs[index].run(what, commands, writer.random.choice(DEPTHS))
        if number % 20 == 0:
            pairs[index].compare_keys(what)
            pairs[index].ask(what, b"FLUSHALL")
    for pair in pairs:
        pair.close()
    return f"{count} sequences, {total} commands"


def test_table(kv, redis):
    """Names, arity, flags and keys of all commands, as COMMAND tells them."""
    pair = Pair(kv, redis)
    ours, theirs = pair.clients
    names = parse(ours.ask(b"COMMAND", b"LIST"))
    flags = {b"write", b"readonly", b"denyoom", b"fast", b"pubsub"}
    for name in names:
        if name == b"memory":  # Redis has its subcommands have the key
            continue
        command = (b"COMMAND", b"INFO", name)
        one, other = [parse(client.ask(*command))[0][:6]
                      for client in (ours, theirs)]
        one[2], other[2] = set(one[2]), set(other[2]) & flags
        if one != other:
            sys.exit(f"COMMAND INFO\n  gyre-kv: {one}\n  redis:   {other}")
    pair.close()
    return f"{len(names)} commands"


def test_types(kv, redis, seed, count):
    """Lists, hashes, sets and sorted sets, with strings among them."""
    writer = TypesWriter(seed)
    pair = Pair(kv, redis)
    total = 0
    for number in range(count):
        what = f"seed {seed}, types {number}"
        commands = [writer.command()
                    for _ in range(writer.random.choice([10, 50, 200]))]
        total += len(commands)
        pair.ask(what, b"HELLO", writer.random.choice([b"2", b"2", b"3"]))
        pair.run(what, commands, writer.random.choice(DEPTHS))
        if number % 5 == 0:
            for key in TYPES_KEYS:
                ours, theirs = [whole(client, key) for client in pair.clients]
                if ours != theirs:
                    sys.exit(f"{what}: {key}\n  gyre-kv: {short(ours)}\n"
                             f"  redis:   {short(theirs)}")
        if number % 10 == 0:
            pair.ask(what, b"FLUSHALL")
    pair.close()
    return f"{count} sequences, {total} commands, {len(writer.names)} kinds"


MALFORMED = [
    b"*x\r\n", b"*\r\n", b"*9223372036854775808\r\n", b"*2147483648\r\n",
    b"*1\r\n:1\r\n", b"*1\r\n\r\n", b"*1\r\nx\r\n", b"*1\r\n$\r\n",
    b"*1\r\n$-1\r\n", b"*1\r\n$x\r\n", b"*1\r\n$536870913\r\n",
    b"*1\r\n$99999999999999999999\r\n", b"*2\r\n$3\r\nGET\r\n*1\r\n",
    b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n+OK\r\n", b"*1\r\n$01\r\nx\r\n",
    b"* 1\r\n", b"*+1\r\n", b"get \"x\r\n", b"get 'x\r\n", b"get \"x\"y\r\n",
    b"get 'x'y\r\n", b"get \"x\\\"\r\n", b"x" * 70000, b"*" + b"1" * 70000,
    b"*1\r\n$" + b"1" * 70000,
]


def test_malformed(kv, redis):
    """Each alone, and behind commands whose replies must still come."""
    before = [encode(b"SET", b"k%d" % n, b"v") for n in range(50)]
    before += [encode(b"MGET", b"k1", b"k2", b"k3", b"k4"), b"PING\r\n"]
    for text in MALFORMED:
        for head in (b"", b"".join(before)):
            pair = Pair(kv, redis)
            pair.send(head + text)
            ours, theirs = [client.rest() for client in pair.clients]
            if ours != theirs or b"Protocol error" not in ours:
                sys.exit(f"malformed {short(text)}\n  gyre-kv: {short(ours)}\n"
                         f"  redis:   {short(theirs)}")
            pair.close()
    return f"{len(MALFORMED)} kinds"


INLINE = [
    b"PING", b"  ping  ", b"set a 1", b"get a", b"SET \"k \\x41\\n\" 'v\\'s'",
    b"get \"k A\\n\"", b"get 'k A\\n'", b"set e \"\"", b"get e", b"strlen e",
    b"set foo\"bar\" baz", b"get foobar", b"echo \"\\\"\\\\\\a\\b\\t\"",
    b"mset k1 1 k2 2 k3 3 k4 4", b"mget k1 k2 k3 k4", b"nosuch 'a b' c",
    b"get", b"\"\" x", b"echo '\xff\xfe'", b"set\ta\t2", b"get\ta",
    b"del a e foobar", b"echo " + b"x" * 60000,
]


def test_inline(kv, redis):
    pair = Pair(kv, redis)
    for end in (b"\r\n", b"\n"):
        for line in INLINE:
            pair.send(line + end)
            pair.compare("inline", (line,))
        pair.send(b"".join(line + end for line in INLINE))
        for line in INLINE:
            pair.compare("inline, pipelined", (line,))
    # What says nothing gets no reply.
    pair.send(b"\r\n\n  \r\n*0\r\n*-1\r\nPING\r\n")
    pair.compare("nothing")
    pair.close()
    return f"{len(INLINE)} lines"


def test_big_values(kv, redis):
    pair = Pair(kv, redis)
    data = random.Random(1).randbytes(1 << 20)
    commands = []
    for number in range(8):
        key = b"big%d" % number
        commands += [
            [b"SET", key, data[number:]], [b"GET", key], [b"STRLEN", key],
            [b"APPEND", key, data], [b"GETSET", key, data[:1 << 19]],
            [b"SET", key, b"", b"GET"], [b"GET", key],
            [b"SET", key, data[:100000 + number]]]
    commands.append([b"MGET", *[b"big%d" % number for number in range(8)]])
    commands.append([b"MSET", *[part for number in range(8)
                                for part in (b"big%d" % number, data)]])
    commands.append([b"MGET", *[b"big%d" % number for number in range(8)]])
    commands.append([b"DEL", *[b"big%d" % number for number in range(8)]])
    commands.append([b"MSET", *[part for number in range(20000)
                                for part in (b"many%d" % number, b"v")]])
    commands.append([b"MGET", *[b"many%d" % number
                                for number in range(20000)]])
    commands.append([b"FLUSHALL"])
    for depth in (1, 4):
        pair.run("big values", commands, depth)
    pair.close()
    return f"{len(commands)} commands, 1 MiB"


def test_deep_pipelines(kv, redis):
    pair = Pair(kv, redis)
    pair.run("INCR", [[b"INCR", b"n%d" % (number % 7)]
                      for number in range(10000)], 10000)
    pair.run("mixed", [
        [[b"SET", b"d%d" % (number % 50), b"%d" % number],
         [b"MGET", *[b"d%d" % key for key in range(0, 50, 5)]],
         [b"DBSIZE"],
         [b"DEL", b"d%d" % (number % 50), b"d%d" % (number % 49)],
         [b"PING"], [b"GET", b"d%d" % (number % 49)]][number % 6]
        for number in range(10000)], 10000)
    pair.ask("pipelines", b"FLUSHALL")
    pair.close()
    return "2 of 10000"


def test_pieces(kv, redis):
    """The same bytes, however they are cut."""
    writer = Writer(3)
    commands = [writer.command() for _ in range(150)]
    data = b"".join(encode(*command) for command in commands)
    pair = Pair(kv, redis)
    at = 0
    while at < len(data):
        size = writer.random.choice([1, 1, 2, 3, 7, 20, 100, 5000])
        pair.send(data[at:at + size])
        at += size
        if writer.random.randrange(8) == 0:
            time.sleep(0.0002)
    for command in commands:
        pair.compare("pieces", command)
    pair.ask("pieces", b"FLUSHALL")
    pair.close()
    return f"{len(commands)} commands"


def test_mutations(kv, redis, seed):
    """Streams of commands with a few bytes changed, lost or added."""
    r = random.Random(seed)
    keys = [b"a", b"b", b"key:1", b"long-" * 30]
    for number in range(400):
        data = bytearray()
        for _ in range(r.randrange(1, 20)):
            data += r.choice([
                lambda: encode(b"SET", r.choice(keys), r.choice(keys)),
                lambda: encode(b"GET", r.choice(keys)),
                lambda: encode(b"MGET", *keys),
                lambda: encode(b"MSET", b"a", b"1", b"b", b"2"),
                lambda: encode(b"INCR", r.choice(keys)),
                lambda: b"GET " + r.choice(keys) + b"\r\n",
                lambda: b"SET 'a' \"x y\"\r\n"])()
        for _ in range(r.randrange(1, 4)):
            at = r.randrange(len(data) + 1)  # its end, and an empty one too
            byte = r.choice([b"*", b"$", b"\r", b"\n", b"0", b"9", b"-",
                             b"\"", b" ", bytes([r.randrange(1, 256)])])
            data[at:at + r.choice([0, 1, 1, 5])] = r.choice([byte, b""])
        data = data.replace(b"\x16\x03", b"\x16")  # TLS to gyre-kv alone
        pair = Pair(kv, redis)
        pair.send(bytes(data))
        for client in pair.clients:
            client.socket.shutdown(socket.SHUT_WR)
        ours, theirs = [client.rest() for client in pair.clients]
        if ours != theirs:
            sys.exit(f"seed {seed}, mutation {number}: {bytes(data)!r}\n"
                     f"  gyre-kv: {ours!r}\n  redis:   {theirs!r}")
        pair.close()
    pair = Pair(kv, redis)
    pair.ask("mutations", b"FLUSHALL")
    pair.close()
    return "400 streams"


HELLO_REFUSED = [
    [b"HELLO", *arguments] for arguments in (
        [b"1"], [b"4"], [b"x"], [b""], [b"2", b"what"], [b"2", b"AUTH"],
        [b"2", b"AUTH", b"default"], [b"2", b"SETNAME"],
        [b"2", b"SETNAME", b"a b"], [b"2", b"SETNAME", b"z", b"what"],
        [b"2", b"AUTH", b"someone", b"x"],
        [b"2", b"SETNAME", b"z", b"AUTH", b"someone", b"x"])]


def test_what_clients_ask_first(kv, redis):
    pair = Pair(kv, redis)
    for command in ([b"CONFIG", b"GET", b"save"],
                    [b"CONFIG", b"GET", b"appendonly"],
                    [b"CONFIG", b"GET", b"maxclients"],
                    [b"CONFIG", b"GET", b"tcp-keepalive"],
                    [b"config", b"get", b"proto-max-bulk-len"],
                    [b"CONFIG", b"GET", b"no-such-parameter"],
                    [b"INFO", b"no-such-section"],
                    [b"COMMAND", b"DOCS", b"nosuch"],
                    [b"COMMAND", b"INFO", b"nosuch"],
                    [b"QUIT"]):
        pair.ask("first", *command)
    for client in pair.clients:
        if client.rest() != b"":
            sys.exit("something comes after QUIT")
    pair.close()
    pair = Pair(kv, redis)
    for command in ([b"HELLO"], [b"HELLO", b"2"],
                    [b"HELLO", b"2", b"SETNAME", b"me"],
                    [b"HELLO", b"2", b"AUTH", b"default", b"x"],
                    [b"CLIENT", b"GETNAME"], [b"HELLO", b"3"], [b"HELLO"],
                    *HELLO_REFUSED, [b"HELLO"], [b"CLIENT", b"GETNAME"],
                    [b"CONFIG", b"GET", b"save"],
                    [b"CONFIG", b"GET", b"no-such-parameter"],
                    [b"COMMAND", b"DOCS", b"nosuch"],
                    [b"COMMAND", b"INFO", b"nosuch"],
                    [b"INFO", b"no-such-section"], [b"PUBSUB", b"CHANNELS"],
                    [b"PUBSUB", b"NUMSUB", b"a"], [b"GET", b"a"],
                    [b"MGET", *KEYS], [b"HELLO", b"2"], [b"MGET", *KEYS],
                    [b"HELLO", b"3", b"AUTH", b"default", b"x", b"SETNAME",
                     b"you"], [b"CLIENT", b"GETNAME"], [b"RESET"], [b"HELLO"],
                    [b"GET", b"a"]):
        pair.ask("first", *command)
    pair.close()
    return "HELLO, CONFIG, COMMAND, QUIT"


NO_SECRET = [
    [b"GET", b"a"], [b"PING"], [b"NOSUCH"], [b"GET"], [b"SUBSCRIBE", b"c"],
    [b"CLIENT", b"GETNAME"], [b"AUTH"], [b"AUTH", b"a", b"b", b"c"],
    [b"AUTH", b""], [b"AUTH", b"Secret"], [b"AUTH", b"secret2"],
    [b"AUTH", b"someone", b"secret"], [b"HELLO"], [b"HELLO", b"2"],
    [b"HELLO", b"2", b"AUTH", b"default", b"wrong"], [b"RESET"],
    [b"SET", b"a", b"x" * 16384]]


def test_password(program):
    """What strangers get, and that nothing they send is done."""
    password = ("--requirepass", "secret")
    with RedisServer(*password) as redis, GyreKv(program, *password) as kv:
        pair = Pair(kv, redis)
        for depth in (1, 100):
            pair.run("a stranger", NO_SECRET, depth)
        # Redis closes a stranger whom a kilobyte of replies waits for.
        pair.run("a stranger", [[b"MULTI"], [b"EXEC"], [b"EXEC", b"x"],
                                [b"WATCH", b"a"], [b"DISCARD"]], 1)
        pair.run("pipelined", [*NO_SECRET, [b"AUTH", b"secret"],
                               [b"GET", b"a"], [b"SET", b"a", b"1"],
                               [b"GET", b"a"], [b"AUTH", b"wrong"],
                               [b"GET", b"a"], [b"RESET"], [b"GET", b"a"],
                               [b"AUTH", b"default", b"secret"],
                               [b"SET", b"a", b"x" * 20000],
                               [b"GET", b"a"], [b"RESET"], [b"GET", b"a"]],
                 100)
        pair.close()
        for text in (b"*11\r\n", b"*2\r\n$4\r\nAUTH\r\n$16385\r\n"):
            pair = Pair(kv, redis)
            pair.send(text)
            ours, theirs = [client.rest() for client in pair.clients]
            if ours != theirs or b"unauthenticated" not in ours:
                sys.exit(f"a stranger: {text!r}\n  gyre-kv: {ours!r}\n"
                         f"  redis:   {theirs!r}")
            pair.close()
    return f"{len(NO_SECRET)} commands without it"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--sequences", type=int, default=3000)
    parser.add_argument("program")
    options = parser.parse_args()
    if RedisServer.program is None:
        print("skipped: there is no redis-server")
        return 77
    seed = options.seed
    if seed is None:
        seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    with RedisServer() as redis, GyreKv(options.program) as kv:
        for test in (test_what_clients_ask_first, test_malformed, test_inline,
                     test_table, test_pieces, test_big_values,
                     test_deep_pipelines):
            print(f"{test.__name__}: {test(kv, redis)}", flush=True)
        print("test_mutations: " + test_mutations(kv, redis, seed),
              flush=True)
        print("test_types: " +
              test_types(kv, redis, seed, options.sequences // 4), flush=True)
        print("test_sequences: " +
              test_sequences(kv, redis, seed, options.sequences))
    print(f"test_password: {test_password(options.program)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
