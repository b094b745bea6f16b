#!/usr/bin/env python3
"""hostile_test.py GYRE-KV [TEST...]

gyre-kv and clients that mean it harm. While they do what they do a witness
(witness.py) asks on every shard and holds every reply against what it must be;
what that took, and the server's memory, is printed. Then the server ends as it
should. No time is asserted.
"""

import contextlib
import os
import random
import resource
import socket
import sys
import unittest

from hostile import (Attack, Storm, client_hello, descriptors, drop_all,
                     reset)
from kv_servers import (TIMEOUT, GyreKv, encode, info, is_sanitized, parse,
                        wait_for)
from witness import SHARDS, Witness

PROGRAM = None
IS_SANITIZED = False
MIB = 1 << 20


def count(many, few):
    """A sanitizer's build is slow, and finds what it finds with few."""
    return few if IS_SANITIZED else many


class Hostile(unittest.TestCase):
    @contextlib.contextmanager
    def attack(self, name, limit, *options, stays=False):
        """A server with a witness, which is served until the attack ends, and
        a server that forgets the attackers and ends cleanly; or ends so with
        attackers that stay."""
        with GyreKv(PROGRAM, *options) as server:
            witness = Witness("kv", server)
            try:
                with Attack(server, witness, name,
                            None if IS_SANITIZED else limit) as attack:
                    yield attack
                if not stays:
                    self.expect_gone(server)
                witness.serve(4)
            except BaseException:
                witness.kill()
                raise
            witness.close()

    def expect_gone(self, server):
        """Nobody is left but the witness and who asks for it."""
        with server.client() as client:
            wait_for(lambda: info(client)["connected_clients"] ==
                     str(SHARDS + 1), "the end of the attackers")


class Connections(Hostile):
    """Clients that are too many, too short or too silent."""

    def test_idle_connections(self):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        number = min(count(10000, 1000), most - 200)
        with self.attack("idle connections", number * 4096,
                         "--maxclients", "10100") as attack:
            clients = [attack.client() for _ in range(number)]
            attack.serve()
            silent = attack.server.memory() - attack.before
            for client in clients:
                client.send(b"PING\r\n")
            for client in clients:
                self.assertEqual(client.reply(), b"+PONG\r\n")
            attack.serve()
            spoken = attack.server.memory() - attack.before
            print(f"{number} idle connections: {silent / number:.0f} bytes "
                  f"each before a word, {spoken / number:.0f} after a PING",
                  file=sys.stderr, flush=True)

    def test_connect_and_reset_storm(self):
        said = [b"", b"", b"P", b"*1\r\n", b"*3\r\n$3\r\nSET\r\n$1\r\n",
                b"PING\r\n" * 20, encode("SET", "storm", "x" * 1000),
                encode("INCR", "storms") + encode("MGET", *"abcdefgh"),
                encode("SUBSCRIBE", *"abcdefgh"), b"\x00" * 100]

        def visit(port, pick):
            client = socket.create_connection(("127.0.0.1", port), TIMEOUT)
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                client.sendall(pick.choice(said))
            if pick.randrange(8) == 0:
                client.close()
            else:
                reset(client)

        with self.attack("a storm of connects and resets",
                         16 * MIB) as attack:
            before = descriptors(attack.server)
            Storm(attack, visit).rage(count(4000, 500))
            wait_for(lambda: descriptors(attack.server) == before,
                     "closing all")

    def test_a_port_scan(self):
        """Each looks for another service, waits for a word or not, leaves."""
        probes = [b"", b"\r\n\r\n", b"HELP\r\n", b"GET / HTTP/1.0\r\n\r\n",
                  b"OPTIONS * RTSP/1.0\r\n\r\n", b"EHLO a\r\n", b"USER a\r\n",
                  b"SSH-2.0-a\r\n", b"\x03\x00\x00\x0b\x06\xe0" + b"\0" * 5,
                  b"\x00\x00\x00\xa4\xffSMB" + b"\0" * 160, b"l\x00\x0b\x00",
                  b"\x80\x00\x00\x28r\xfe\x1d\x13" + b"\0" * 36,
                  b"0\x0c\x02\x01\x01`\x07\x02\x01\x03\x04\x00\x80\x00",
                  b"\x04\x01\x00\x16\x7f\x00\x00\x01root\x00", b"stats\r\n",
                  client_hello(), b"\xff" * 3000]

        def visit(port, pick):
            with socket.create_connection(("127.0.0.1", port),
                                          TIMEOUT) as client:
                client.sendall(pick.choice(probes))
                client.shutdown(socket.SHUT_WR)
                if pick.randrange(2) == 0:
                    while client.recv(1 << 16):
                        pass
                reset(client)

        with self.attack("a port scan", 16 * MIB) as attack:
            before = descriptors(attack.server)
            Storm(attack, visit).rage(count(2000, 300))
            wait_for(lambda: descriptors(attack.server) == before,
                     "closing all")

    def test_idle_after_large_commands(self):
        """A large command is no reason to keep much."""
        number, args = count(200, 40), 50000
        large = [encode("MGET", *["k"] * args), encode("ECHO", "x" * 200000),
                 b"echo '" + b"x" * 60000 + b"'\r\n",
                 encode("DEL", *[f"k{n}" for n in range(args)])]
        with self.attack("idle after large commands", 64 * MIB) as attack:
            clients = [attack.client() for _ in range(number)]
            for n, client in enumerate(clients):
                client.send(large[n % len(large)])
                client.reply()
            attack.serve()
            kept = attack.server.memory() - attack.before
            print(f"{kept / number:.0f} bytes each after a large command",
                  file=sys.stderr, flush=True)
            if not IS_SANITIZED:
                self.assertLess(kept, 32 * MIB)

    def test_half_closed_in_the_middle(self):
        """Who ends in the middle of a command is closed, though it stays."""
        with self.attack("half-closed", 8 * MIB) as attack:
            clients = [attack.client() for _ in range(count(400, 100))]
            for number, client in enumerate(clients):
                text = encode("SET", f"half:{number}", "x" * 50000)
                client.send(b"PING\r\n" + text[:7 + 101 * number])
                client.socket.shutdown(socket.SHUT_WR)
            self.expect_gone(attack.server)
            attack.serve()
            for client in clients:
                self.assertEqual(client.rest(), b"+PONG\r\n")


class Readers(Hostile):
    """Clients that do not read, or read when they please."""

    def test_clients_that_never_read(self):
        size, number, depth = 100000, count(32, 8), 400
        reply = b"$%d\r\n%s\r\n" % (size, b"x" * size)
        # Of each its stream's 64 KiB and as much of replies made here, batches
        # of 64 KiB from three other shards, and one more reply everywhere;
        # twice, as buffers double.
        with self.attack("clients that never read",
                         number * 2 * MIB) as attack:
            clients = [attack.client() for _ in range(number)]
            for n in range(16):
                clients[0].ask("SET", f"big{n}", "x" * size)
            for client in clients:
                client.send(b"".join(encode("GET", f"big{n % 16}")
                                     for n in range(depth)))
            attack.serve(40)
            for client in clients[:4]:  # nothing was lost
                for _ in range(depth):
                    self.assertTrue(client.reply() == reply)
            for client in clients[4:number // 2]:
                reset(client.socket)
            attack.serve()

    def test_who_sends_without_end_is_stopped(self):
        """Who does not read is not read from either."""
        with self.attack("endless requests, none read", 32 * MIB) as attack:
            clients = [attack.client() for _ in range(4)]
            sent = 0
            for client in clients:
                client.ask("SET", f"k{client.socket.fileno()}", "x" * 1000)
                client.socket.setblocking(False)
            for _ in range(30):
                for client in clients:
                    data = encode("GET", f"k{client.socket.fileno()}") * 1000
                    with contextlib.suppress(BlockingIOError):
                        while sent < 256 * MIB:
                            sent += client.socket.send(data)
                attack.serve(1)
            self.assertLess(sent, 256 * MIB)

    def test_it_ends_with_clients_that_never_read(self):
        with self.attack("an end over clients that never read", 64 * MIB,
                         stays=True) as attack:
            clients = [attack.server.client() for _ in range(8)]
            for number, client in enumerate(clients):
                client.ask("SET", f"big{number}", "x" * 500000)
                client.send(encode("GET", f"big{number}") * 100)
            attack.serve()
        for client in clients:
            client.close()

    def test_subscribers_that_stop_reading(self):
        number, size = count(40, 10), 10000
        # A buffer doubles, so that it has room for twice the limit.
        with self.attack("subscribers that stop reading", number * 3 * MIB,
                         "--unread-limit", "1000000,500000,60") as attack:
            for _ in range(number):
                client = attack.client()
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                         1 << 16)
                client.ask("SUBSCRIBE", "c")
            reader = attack.client()
            sender = attack.client()
            reader.ask("SUBSCRIBE", "c")
            told = []
            while not told or told[-1] > 1:
                text = b"%d:" % len(told) + b"x" * size
                told.append(parse(sender.ask("PUBLISH", "c", text)))
                self.assertEqual(parse(reader.reply()),
                                 [b"message", b"c", text])
                self.assertLess(len(told), 20000)
                if len(told) % 100 == 0:
                    attack.serve(1)
            self.assertEqual(told[0], number + 1)
            self.assertEqual(told, sorted(told, reverse=True))
            attack.serve()


class Vanished(Hostile):
    """Clients that are gone without a word: their machine, or the way to it.
    Their systems drop whatever comes, and so acknowledge and reset nothing."""

    def clients_that_vanish(self, attack, number):
        """Some have said nothing, some are idle, some have a reply that they
        don't acknowledge, or more of them than are taken, and some subscribe
        and are told something."""
        said = [b"", encode("PING"), encode("PING"), encode("PING"),
                encode("SUBSCRIBE", "c")]
        last = [b"", b"", encode("PING"), encode("GET", "big") * 100, b""]
        with attack.server.client() as other:
            other.ask("SET", "big", "x" * 100000)
        for n in range(number):
            client = attack.client()
            if said[n % 5]:
                client.send(said[n % 5])
                client.reply()
            drop_all(client.socket)
            client.socket.sendall(last[n % 5])
        with attack.server.client() as other:
            other.ask("PUBLISH", "c", "x" * 1000)

    def vanish(self, name, *options, but_subscribers=False):
        number = count(100, 25)
        with self.attack(name, number * 2 * MIB, *options) as attack:
            before = descriptors(attack.server)
            self.clients_that_vanish(attack, number)
            left = number // 5 if but_subscribers else 0
            with attack.server.client() as client:
                wait_for(lambda: int(info(client)["connected_clients"]) ==
                         SHARDS + 1 + left, "the end of who has vanished")
                self.assertEqual(
                    len(parse(client.ask("CLIENT", "LIST")).splitlines()),
                    SHARDS + 1 + left)
            attack.serve()
            wait_for(lambda: descriptors(attack.server) == before + left,
                     "closing all")
            for client in attack.clients:
                reset(client.socket)

    def test_they_are_asked_and_closed(self):
        self.vanish("who vanishes is asked", "--tcp-keepalive", "1")

    def test_they_say_nothing_and_are_closed(self):
        self.vanish("who vanishes says nothing", "--timeout", "5",
                    "--tcp-keepalive", "0", but_subscribers=True)


class Protocol(Hostile):
    """Clients whose bytes are few, many, or no commands."""

    def test_one_byte_at_a_time(self):
        texts = [
            (b"".join(encode("ECHO", n) for n in range(20)) + b"PING a\r\n",
             b"".join(b"$%d\r\n%d\r\n" % (len(str(n)), n)
                      for n in range(20)) + b"$1\r\na\r\n"),
            (encode("SET", "bytes", b"\r\n*" * 300) + encode("STRLEN",
                                                             "bytes"),
             b"+OK\r\n:900\r\n"),
            (b"set 'in line' \"" + b"\\x41" * 200 + b"\"\r\nget 'in line'\n",
             b"+OK\r\n$200\r\n" + b"A" * 200 + b"\r\n"),
            (b"\r\n" * 400 + encode("MGET", "no1", "no2"),
             b"*2\r\n$-1\r\n$-1\r\n"),
        ]
        with self.attack("one byte at a time", 8 * MIB) as attack:
            clients = [(attack.client(), *texts[number % len(texts)])
                       for number in range(count(40, 12))]
            for at in range(max(len(text) for text, _ in texts)):
                for client, text, _ in clients:
                    if at < len(text):
                        client.socket.sendall(text[at:at + 1])
                if at % 200 == 0:
                    attack.serve(2)
            for client, _, expected in clients:
                got = b"".join(client.socket.recv(1)
                               for _ in range(len(expected)))
                self.assertEqual(got, expected)

    def test_a_long_line_a_byte_at_a_time(self):
        """What is long is not searched anew for every byte."""
        with self.attack("a line without end", 8 * MIB) as attack:
            clients = [attack.client() for _ in range(2)]
            for _ in range(1 << 16):
                for client in clients:
                    client.socket.sendall(b"x")
            attack.serve()
            for client in clients:
                client.send(b"xx")
                self.assertEqual(
                    client.rest(),
                    b"-ERR Protocol error: too big inline request\r\n")

    def test_lengths_that_are_too_large(self):
        """Each gets its error behind the replies before it, and is closed."""
        bad = [
            (b"*1048577\r\n", b"invalid multibulk length"),
            (b"*99999999999999999999\r\n", b"invalid multibulk length"),
            (b"*9223372036854775807\r\n", b"invalid multibulk length"),
            (b"*" + b"1" * 70000, b"too big mbulk count string"),
            (b"*1\r\n$536870913\r\n", b"invalid bulk length"),
            (b"*1\r\n$-1\r\n", b"invalid bulk length"),
            (b"*1\r\n$18446744073709551616\r\n", b"invalid bulk length"),
            (b"*1\r\n$" + b"0" * 70000, b"too big bulk count string"),
            (b"*3\r\n$536870912x\r\n", b"invalid bulk length"),
            (b"x" * 70000, b"too big inline request"),
            (b"get 'x\r\n", b"unbalanced quotes in request"),
        ]
        with self.attack("lengths that are too large", 32 * MIB) as attack:
            waiting = [attack.client() for _ in range(count(200, 50))]
            for client in waiting:  # what it announces, it never sends
                client.send(b"*1048576\r\n$536870912\r\n" + b"x" * 10000)
            for _ in range(count(20, 4)):
                for text, error in bad:
                    with attack.server.client() as client:
                        client.send(encode("SET", "last", text[:9]) +
                                    encode("GET", "last") + text + b"PING\r\n")
                        self.assertEqual(
                            client.rest(), b"+OK\r\n$%d\r\n%s\r\n"
                            b"-ERR Protocol error: %s\r\n"
                            % (len(text[:9]), text[:9], error))
            attack.serve()

    def test_nested_arrays(self):
        error = b"-ERR Protocol error: expected '$', got '*'\r\n"
        with self.attack("nested arrays", 8 * MIB) as attack:
            for depth in (1, 2, 100, count(100000, 10000)):
                for length in (b"1", b"2", b"1048576"):
                    client = attack.client()
                    client.send((b"*%s\r\n" % length) * depth +
                                b"*1\r\n*1\r\n$4\r\nPING\r\n")
                    self.assertEqual(client.rest(), error)
            attack.serve()

    def test_tls(self):
        """Who believes that this is TLS is told at once that it is not."""
        error = b"-ERR Protocol error: TLS is not spoken on this port\r\n"
        pick = random.Random(3)
        with self.attack("TLS", 8 * MIB) as attack:
            for number in range(count(200, 40)):
                client = attack.client()
                hello = client_hello()
                if number % 4 == 1:  # as its first bytes, and then noise
                    hello = hello[:3] + pick.randbytes(pick.randrange(2000))
                if number % 4 == 2:
                    client.send(encode("PING"))
                    self.assertEqual(client.reply(), b"+PONG\r\n")
                if number % 4 == 3:
                    for byte in hello[:2]:
                        client.socket.sendall(bytes([byte]))
                else:
                    client.send(hello)
                self.assertEqual(client.rest(), error)
            attack.serve()


class Pipelines(Hostile):
    """A hundred thousand commands at once."""

    def pipeline(self, number, name, size):
        """Commands over all shards, and their replies."""
        commands, replies = [], []
        for n in range(number):
            key = b"%s:%d" % (name, n % 1000)
            text = b"%d " % n * (size // 8 + 1)
            if n % 4 == 0:
                commands.append(encode("SET", key, text))
                replies.append(b"+OK\r\n")
                last = key, text
            elif n % 4 == 1:
                commands.append(encode("GET", last[0]))
                replies.append(b"$%d\r\n%s\r\n" % (len(last[1]), last[1]))
            elif n % 4 == 2:
                commands.append(encode("INCR", b"n" + name))
                replies.append(b":%d\r\n" % (n // 4 + 1))
            else:
                commands.append(encode("EXISTS", last[0], b"none" + name))
                replies.append(b":1\r\n")
        return b"".join(commands), b"".join(replies)

    def test_who_reads_afterwards_only(self):
        number = count(100000, 20000)
        with self.attack("pipelines, read afterwards", 64 * MIB) as attack:
            for name in (b"a", b"b"):
                commands, replies = self.pipeline(number, name, 1)
                client = attack.client()
                client.socket.sendall(commands)
                attack.serve()
                client.socket.shutdown(socket.SHUT_WR)
                self.assertTrue(client.rest() == replies)

    def test_who_reads_as_it_goes(self):
        number = count(100000, 20000)
        with self.attack("pipelines, read as they go", 64 * MIB) as attack:
            clients = []
            for name in (b"a", b"b", b"c"):
                commands, replies = self.pipeline(number, name, 300)
                clients.append((attack.client(), replies))
                clients[-1][0].send(commands)
            attack.serve()
            for client, replies in clients:
                got = bytearray()
                while len(got) < len(replies):
                    got += client.socket.recv(1 << 18)
                self.assertTrue(got == replies)
            attack.serve(4)


def main():
    global PROGRAM, IS_SANITIZED
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    IS_SANITIZED = is_sanitized(PROGRAM)
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
