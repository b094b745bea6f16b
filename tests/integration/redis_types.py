"""Commands on lists, hashes, sets and sorted sets, made up at random, and what
two servers' replies to one of them have in common.

A set's members and a hash's fields come in an order that is the server's own,
and what is chosen at random is so. All keys have one tag, so that they share a
shard, and are few, so that many a command meets a key of another type.
"""

import random

from kv_servers import parse

KEYS = [b"{t}%d" % number for number in range(10)] + [b"{t}", b"{t}\x00\r\n"]

TEXTS = [b"", b"a", b"b", b"c", b"d", b"abc", b"eight888", b"ninebytes", b"1",
         b"2", b"3", b"10", b"-1", b"1.5", b"\x00", b"\r\n", b"\xff", b"x" * 70,
         b"y" * 300]
# Of -0 Redis makes 0 in small sets, not in large ones.
SCORES = [b"0", b"1", b"2", b"3", b"-1", b"1.5", b"3.14", b"1e3", b"inf",
          b"-inf", b"+inf", b"0x10", b"1e400", b"1e-400", b"17179869184",
          b"-123.456", b"0.1", b"1e17", b"1e20", b"123456789012345678"]
NO_SCORES = [b"", b" 1", b"1 ", b"nan", b"one", b"1,5", b"--1", b"(1"]
BOUNDS = SCORES + [b"(1", b"(2", b"(-inf", b"(inf", b"", b" 1", b"(", b"((1",
                   b"x", b"1x", b"nan"]
NAME_BOUNDS = [b"-", b"+", b"[a", b"(a", b"[b", b"(c", b"[", b"(", b"[x", b"a",
               b"", b"--", b"++", b"[abc", b"(\xff"]
INTEGERS = [b"0", b"1", b"2", b"3", b"5", b"-1", b"-2", b"-5", b"100", b"-100",
            b"9223372036854775807", b"-9223372036854775808",
            b"-9223372036854775807"]
NO_INTEGERS = [b"", b"x", b"1.5", b" 1", b"9223372036854775808"]
ENDS = [b"LEFT", b"RIGHT", b"left", b"Right"]
STRINGS = [b"", b"0", b"10", b"3.0e3", b"value", b"1e400", b" 1", b"inf", b"-7",
           b"1.25", b"x" * 100]


class TypesWriter:
    """Makes up commands; the same seed makes the same ones."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.commands = [getattr(self, name) for name in dir(self)
                         if name.startswith("do_")]
        self.names = set()

    def command(self):
        command = self.random.choice(self.commands)()
        if self.random.randrange(60) == 0 and command[0] != b"SPOP":
            command = command[:self.random.randrange(1, len(command) + 1)]
        elif self.random.randrange(60) == 0:
            command = command + [self.key()]
        self.names.add(command[0].upper())
        return command

    # -- parts ---------------------------------------------------------------

    def key(self):
        return self.random.choice(KEYS)

    def keys(self):
        return [self.key() for _ in range(self.random.choice([1, 1, 2, 3, 5]))]

    def text(self):
        if self.random.randrange(3) == 0:
            return b"%d" % self.random.randrange(500)
        return self.random.choice(TEXTS)

    def texts(self):
        r = self.random
        if r.randrange(60) == 0:
            start = r.randrange(1000)
            return [b"m%d" % number for number in range(start, start + 300)]
        return [self.text() for _ in range(r.choice([1, 1, 1, 2, 3, 8]))]

    def integer(self):
        if self.random.randrange(25) == 0:
            return self.random.choice(NO_INTEGERS)
        if self.random.randrange(3) == 0:
            return b"%d" % self.random.randrange(-400, 400)
        return self.random.choice(INTEGERS)

    def small(self):
        """A count that takes little."""
        if self.random.randrange(12) == 0:
            return self.random.choice(NO_INTEGERS + [b"-1"])
        return b"%d" % self.random.choice([0, 1, 2, 3, 5, 20])

    def score(self):
        r = self.random
        if r.randrange(25) == 0:
            return r.choice(NO_SCORES)
        if r.randrange(3) == 0:
            return b"%d" % r.randrange(-20, 20)
        return r.choice(SCORES)

    def bound(self):
        if self.random.randrange(2) == 0:
            return self.random.choice([b"", b"("]) + \
                b"%d" % self.random.randrange(-20, 20)
        return self.random.choice(BOUNDS)

    def name_bound(self):
        return self.random.choice(NAME_BOUNDS)

    def limit(self):
        r = self.random
        return r.choice([[], [], [b"LIMIT", self.integer(), self.integer()],
                         [b"limit", self.small(), self.small()],
                         [b"LIMIT", b"1"]])

    def some(self, *options):
        """Options, each there or not, seldom twice or none at all."""
        r = self.random
        found = [option for option in options if r.randrange(4) == 0]
        if r.randrange(40) == 0:
            found.append(r.choice([b"what", b"LIMIT", *options]))
        r.shuffle(found)
        return found

    # -- keys ----------------------------------------------------------------

    def do_keys(self):
        r = self.random
        return r.choice([
            lambda: [b"DEL", self.key()], lambda: [b"UNLINK", self.key()],
            lambda: [b"EXISTS", *self.keys()], lambda: [b"TYPE", self.key()],
            lambda: [b"TOUCH", *self.keys()],
            lambda: [b"PERSIST", self.key()], lambda: [b"TTL", self.key()],
            lambda: [b"EXPIRE", self.key(), b"100000"]])()

    def do_rename(self):
        return [self.random.choice([b"RENAME", b"RENAMENX"]), self.key(),
                self.key()]

    def do_expiry(self):
        r = self.random
        return r.choice([
            lambda: [b"EXPIREAT", self.key(), r.choice(
                [b"4000000000", b"100", b"-1", b"x", b"9223372036854775807"])],
            lambda: [b"PEXPIREAT", self.key(), r.choice(
                [b"4000000000000", b"4000000000700", b"1", b"", b"0"])],
            lambda: [r.choice([b"EXPIRETIME", b"PEXPIRETIME"]), self.key()]])()

    # -- strings -------------------------------------------------------------

    def do_string(self):
        r = self.random
        return r.choice([
            lambda: [b"SET", self.key(), r.choice(STRINGS)],
            lambda: [b"SET", self.key(), r.choice(STRINGS), b"GET"],
            lambda: [b"SET", self.key(), r.choice(STRINGS), b"KEEPTTL"],
            lambda: [b"SETNX", self.key(), r.choice(STRINGS)],
            lambda: [b"GET", self.key()], lambda: [b"GETDEL", self.key()],
            lambda: [b"GETSET", self.key(), b"new"],
            lambda: [b"STRLEN", self.key()], lambda: [b"INCR", self.key()],
            lambda: [b"APPEND", self.key(), self.text()],
            lambda: [b"MGET", *self.keys()],
            lambda: [b"INCRBY", self.key(), self.integer()]])()

    def do_msetnx(self):
        return [b"MSETNX", *[part for key in self.keys()
                             for part in (key, self.text())]]

    def do_getrange(self):
        return [self.random.choice([b"GETRANGE", b"SUBSTR"]), self.key(),
                self.integer(), self.integer()]

    def do_setrange(self):
        offset = self.random.choice(
            [b"0", b"1", b"5", b"-1", b"x", b"300", b"536870912",
             b"536870911", b"9223372036854775807"])
        text = self.text()
        if offset == b"536870911":  # just possible, but it takes so much
            text = b""
        return [b"SETRANGE", self.key(), offset, text]

    def do_incrbyfloat(self):
        return [b"INCRBYFLOAT", self.key(), self.score()]

    def do_getex(self):
        return [b"GETEX", self.key(), *self.random.choice(
            [[], [b"PERSIST"], [b"EX", b"1000000"], [b"PX", b"1000000000"],
             [b"EXAT", b"4000000000"], [b"PXAT", b"4000000000000"], [b"EX"],
             [b"EX", b"0"], [b"PX", b"-1"], [b"EXAT", b"x"],
             [b"EXAT", b"1"], [b"PXAT", b"1"],
             [b"PERSIST", b"PERSIST"], [b"EX", b"1000000", b"PERSIST"],
             [b"PERSIST", b"EX", b"1000000"], [b"KEEPTTL"],
             [b"EX", b"1000", b"EX", b"1000000"],
             [b"EX", b"1000", b"PX", b"1000"]])]

    # -- lists ---------------------------------------------------------------

    def do_push(self):
        return [self.random.choice([b"LPUSH", b"RPUSH", b"LPUSHX", b"RPUSHX"]),
                self.key(), *self.texts()]

    def do_lpush(self):
        return [self.random.choice([b"LPUSH", b"RPUSH"]), self.key(),
                *self.texts()]

    def do_pop(self):
        return [self.random.choice([b"LPOP", b"RPOP"]), self.key(),
                *self.random.choice([[], [], [self.small()]])]

    def do_lread(self):
        r = self.random
        return r.choice([
            lambda: [b"LLEN", self.key()],
            lambda: [b"LINDEX", self.key(), self.integer()]])()

    def do_lrange(self):
        return [b"LRANGE", self.key(), self.integer(), self.integer()]

    def do_lset(self):
        return [b"LSET", self.key(), self.integer(), self.text()]

    def do_linsert(self):
        return [b"LINSERT", self.key(), self.random.choice(
            [b"BEFORE", b"after", b"AFTER", b"what"]), self.text(),
                self.text()]

    def do_lrem(self):
        return [b"LREM", self.key(), self.integer(), self.text()]

    def do_ltrim(self):
        if self.random.randrange(4) != 0:
            return [b"LTRIM", self.key(), b"%d" % self.random.randrange(4),
                    self.random.choice([b"-1", b"-2", b"-1", b"200"])]
        return [b"LTRIM", self.key(), self.integer(), self.integer()]

    def do_lmove(self):
        r = self.random
        if r.randrange(2) == 0:
            return [b"RPOPLPUSH", self.key(), self.key()]
        ends = r.choices(ENDS + [b"up"], [9, 9, 3, 3, 1], k=2)
        return [b"LMOVE", self.key(), self.key(), *ends]

    def do_lpos(self):
        options = []
        for _ in range(self.random.choice([0, 0, 1, 2, 3])):
            # Redis takes the least integer for one that is not negative.
            options += [self.random.choice([b"RANK", b"COUNT", b"maxlen"]),
                        self.integer().replace(b"775808", b"775807")]
        return [b"LPOS", self.key(), self.text(), *options,
                *self.random.choice([[], [], [], [], [b"RANK"],
                                     [b"what", b"1"]])]

    # -- hashes --------------------------------------------------------------

    def do_hset(self):
        return [self.random.choice([b"HSET", b"HSET", b"HMSET"]), self.key(),
                *[part for text in self.texts()
                  for part in (text, self.text())]]

    def do_hone(self):
        r = self.random
        return r.choice([
            lambda: [b"HGET", self.key(), self.text()],
            lambda: [b"HEXISTS", self.key(), self.text()],
            lambda: [b"HSTRLEN", self.key(), self.text()],
            lambda: [b"HSETNX", self.key(), self.text(), self.text()],
            lambda: [b"HLEN", self.key()]])()

    def do_hmany(self):
        return [self.random.choice([b"HMGET", b"HDEL"]), self.key(),
                *self.texts()]

    def do_hall(self):
        return [self.random.choice([b"HGETALL", b"HKEYS", b"HVALS"]),
                self.key()]

    def do_hincrby(self):
        r = self.random
        if r.randrange(2) == 0:
            return [b"HINCRBY", self.key(), self.text(), self.integer()]
        return [b"HINCRBYFLOAT", self.key(), self.text(), self.score()]

    # -- sets ----------------------------------------------------------------

    def do_sadd(self):
        return [b"SADD", self.key(), *self.texts()]

    def do_sone(self):
        r = self.random
        return r.choice([
            lambda: [b"SREM", self.key(), *self.texts()],
            lambda: [b"SISMEMBER", self.key(), self.text()],
            lambda: [b"SMISMEMBER", self.key(), *self.texts()],
            lambda: [b"SCARD", self.key()],
            lambda: [b"SMEMBERS", self.key()]])()

    def do_spop(self):
        return [b"SPOP", self.key(),
                self.random.choice([b"0", b"100000", b"-1", b"x"])]

    def do_smove(self):
        return [b"SMOVE", self.key(), self.key(), self.text()]

    def do_algebra(self):
        return [self.random.choice([b"SINTER", b"SUNION", b"SDIFF"]),
                *self.keys()]

    def do_algebra_store(self):
        return [self.random.choice([b"SINTERSTORE", b"SUNIONSTORE",
                                    b"SDIFFSTORE"]), self.key(), *self.keys()]

    def do_sintercard(self):
        r = self.random
        keys = self.keys()
        return [b"SINTERCARD", r.choice([b"%d" % len(keys)] * 6 + [
            b"0", b"-1", b"x", b"100"]), *keys, *r.choice(
                [[], [], [b"LIMIT", self.small()], [b"LIMIT"], [b"what"]])]

    # -- sorted sets ---------------------------------------------------------

    def do_zadd(self):
        r = self.random
        options = self.some(b"NX", b"xx", b"GT", b"lt", b"CH", b"INCR") \
            if r.randrange(2) == 0 else []
        return [b"ZADD", self.key(), *options,
                *[part for text in self.texts()
                  for part in (self.score(), text)]]

    def do_zadd_equal(self):
        """Names of one score have an order."""
        return [b"ZADD", self.key(), *[part for text in self.texts()
                                       for part in (b"7", text)]]

    def do_zincrby(self):
        return [b"ZINCRBY", self.key(), self.score(), self.text()]

    def do_zone(self):
        r = self.random
        return r.choice([
            lambda: [b"ZREM", self.key(), *self.texts()],
            lambda: [b"ZSCORE", self.key(), self.text()],
            lambda: [b"ZMSCORE", self.key(), *self.texts()],
            lambda: [b"ZCARD", self.key()],
            lambda: [b"ZRANK", self.key(), self.text()],
            lambda: [b"ZREVRANK", self.key(), self.text()]])()

    def do_zpop(self):
        return [self.random.choice([b"ZPOPMIN", b"ZPOPMAX"]), self.key(),
                *self.random.choice([[], [], [self.small()]])]

    def do_zcount(self):
        r = self.random
        return [r.choice([b"ZCOUNT", b"ZREMRANGEBYSCORE"]), self.key(),
                self.bound(), self.bound()]

    def do_zremrangebyrank(self):
        return [b"ZREMRANGEBYRANK", self.key(), self.small(), self.small()]

    def do_zrange(self):
        return [b"ZRANGE", self.key(), self.integer(), self.integer(),
                *self.some(b"WITHSCORES", b"REV"), *self.limit()]

    def do_zrange_score(self):
        r = self.random
        return [*r.choice([[b"ZRANGEBYSCORE"], [b"ZREVRANGEBYSCORE"],
                           [b"ZRANGE"]]),
                self.key(), self.bound(), self.bound(),
                *self.some(b"WITHSCORES", b"REV", b"BYSCORE"), *self.limit()]

    def do_zrange_by(self):
        return [b"ZRANGE", self.key(), self.bound(), self.bound(), b"BYSCORE",
                *self.some(b"WITHSCORES", b"REV"), *self.limit()]

    def do_zrevrange(self):
        return [b"ZREVRANGE", self.key(), self.integer(), self.integer(),
                *self.some(b"withscores")]

    # -- walks ---------------------------------------------------------------

    def do_scan(self):
        r = self.random
        return [r.choice([b"SSCAN", b"HSCAN", b"ZSCAN"]), self.key(),
                *r.choice([[b"0", b"COUNT", b"100000"]] * 8 + [
                    [b"x"], [b"0", b"COUNT", b"0"], [b"0", b"COUNT"],
                    [b"0", b"what", b"x"], [b"0", b"COUNT", b"x"],
                    [b"0", b"MATCH", b"*a*", b"COUNT", b"100000"],
                    [b"0", b"MATCH", b"m1*", b"COUNT", b"100000"]])]

    def do_random(self):
        r = self.random
        name, option = r.choice([(b"SRANDMEMBER", b"what"),
                                 (b"HRANDFIELD", b"WITHVALUES"),
                                 (b"ZRANDMEMBER", b"withscores")])
        return [name, self.key(), *r.choice([
            [], [b"100000"], [b"100000", option], [b"0"], [b"3"], [b"-5"],
            [b"2", option], [b"-7", option], [b"x"], [b"1", b"2", b"3"],
            [b"-9223372036854775808"]])]


UNORDERED = {b"SMEMBERS": 1, b"SINTER": 1, b"SUNION": 1, b"SDIFF": 1,
             b"HKEYS": 1, b"HVALS": 1, b"HGETALL": 2, b"SPOP": 1}
WALKS = {b"SSCAN": 1, b"HSCAN": 2, b"ZSCAN": 2}
RANDOM = {b"SRANDMEMBER", b"HRANDFIELD", b"ZRANDMEMBER"}


def grouped(values, size):
    """The values in groups, in an order of ours."""
    return sorted(tuple(values[at:at + size])
                  for at in range(0, len(values), size))


def meaning(command, reply):
    """What is left of a reply without the order that is the server's own."""
    return reply[:1], meaning_of(command, reply)


def meaning_of(command, reply):
    name = command[0].upper()
    value = parse(reply)
    if isinstance(value, Exception):
        return reply
    if isinstance(value, dict):
        return sorted(value.items())
    if name in UNORDERED and isinstance(value, list):
        return grouped(value, UNORDERED[name])
    if name in WALKS and value[0] == b"0":
        found = grouped(value[1], WALKS[name])
        if name == b"ZSCAN":  # small ones print whole numbers otherwise
            found = [(member, float(score)) for member, score in found]
        return found
    if name in RANDOM and isinstance(value, list):
        pairs = bool(value) and isinstance(value[0], list)  # RESP3
        if pairs:
            value = [part for pair in value for part in pair]
        if b"100000" in command:
            return pairs, grouped(value, len(command) - 2)
        return pairs, len(value)
    if name in RANDOM:
        return value is None
    return reply


def same_types(command, one, other):
    """Whether two replies to a command say the same."""
    return meaning(command, one) == meaning(command, other)


def whole(client, key):
    """A key's type and all that it has, in an order of ours."""
    kind = parse(client.ask(b"TYPE", key))
    if kind == b"list":
        return client.ask(b"LRANGE", key, b"0", b"-1")
    if kind == b"hash":
        value = parse(client.ask(b"HGETALL", key))
        return sorted(value.items()) if isinstance(value, dict) \
            else grouped(value, 2)
    if kind == b"set":
        return grouped(parse(client.ask(b"SMEMBERS", key)), 1)
    if kind == b"zset":
        return client.ask(b"ZRANGE", key, b"0", b"-1", b"WITHSCORES")
    return client.ask(b"GET", key)
