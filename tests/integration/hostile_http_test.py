#!/usr/bin/env python3
"""hostile_http_test.py HTTP-SERVER [TEST...]

The HTTP example and clients that mean it harm, while a witness (witness.py)
asks for the page on every loop and looks at every answer. What that took, and
the server's memory, is printed; no time is asserted.
"""

import contextlib
import os
import random
import resource
import socket
import sys
import time
import unittest

from hostile import Attack, Storm, client_hello, descriptors, reset
from kv_servers import (TIMEOUT, Failure, Server, free_port, is_sanitized,
                        wait_for)
from witness import Witness

PROGRAM = None
IS_SANITIZED = False
MIB = 1 << 20
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
PAGE = b"Hello, world!\n"


def count(many, few):
    return few if IS_SANITIZED else many


class HttpServer(Server):
    """The example, with as many loops as get a CPU each, four at most, on a
    port that was free."""

    def __init__(self):
        port = free_port()
        loops = min(4, len(os.sched_getaffinity(0)))
        super().__init__([PROGRAM, str(port), str(loops)])
        self.port = port
        end = time.monotonic() + TIMEOUT
        while True:
            try:
                self.connect().close()
                return
            except ConnectionRefusedError:
                if time.monotonic() > end or self.process.poll() is not None:
                    self.kill()
                    raise Failure("the server does not start") from None
                time.sleep(0.02)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), TIMEOUT)


def read_all(client):
    data = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(1 << 18):
            data += part
    return bytes(data)


class Hostile(unittest.TestCase):
    @contextlib.contextmanager
    def attack(self, name, limit):
        """A server with a witness; when the attackers are gone it has no more
        descriptors than before, and it ends cleanly."""
        with HttpServer() as server, contextlib.ExitStack() as self.clients:
            witness = Witness("http", server)
            try:
                with Attack(server, witness, name,
                            None if IS_SANITIZED else limit) as attack:
                    before = descriptors(server)  # the witness is served
                    yield attack
                self.clients.close()
                wait_for(lambda: descriptors(server) <= before,
                         "the end of the attackers")
                witness.serve(4)
            except BaseException:
                witness.kill()
                raise
            witness.close()

    def connect(self, attack):
        return self.clients.enter_context(attack.server.connect())

    def test_idle_connections(self):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        number = min(count(10000, 1000), most - 200)
        with self.attack("idle connections", number * 2048) as attack:
            clients = [self.connect(attack) for _ in range(number)]
            attack.serve()
            silent = attack.server.memory() - attack.before
            for client in clients:
                client.sendall(GET)
            for client in clients:
                self.assertTrue(client.recv(4096).endswith(PAGE))
            attack.serve()
            spoken = attack.server.memory() - attack.before
            print(f"{number} idle connections: {silent / number:.0f} bytes "
                  f"each before a word, {spoken / number:.0f} after a request",
                  file=sys.stderr, flush=True)

    def test_connect_and_reset_storm(self):
        said = [b"", b"", b"G", b"GET / HTTP/1.1\r\nHo", GET * 20,
                b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx",
                client_hello(), b"\x00" * 100, b"HELP\r\n\r\n"]

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
            Storm(attack, visit).rage(count(4000, 500))

    def test_clients_that_never_read(self):
        number = count(100, 20)
        with self.attack("clients that never read", number * MIB) as attack:
            sent = 0
            for client in [self.connect(attack) for _ in range(number)]:
                client.settimeout(0)
                with contextlib.suppress(BlockingIOError):
                    while sent < number * 16 * MIB:
                        sent += client.send(GET * 1000)
            self.assertLess(sent, number * 16 * MIB)
            attack.serve()

    def test_one_byte_at_a_time(self):
        sent = (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                b"X: " + b"x" * count(4000, 1000) + b"\r\n\r\n"
                b"3\r\nabc\r\n0\r\n\r\n" + GET)
        with self.attack("one byte at a time", 8 * MIB) as attack:
            clients = [self.connect(attack) for _ in range(12)]
            for client in clients:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(len(sent)):
                for client in clients:
                    client.sendall(sent[at:at + 1])
                if at % 500 == 0:
                    attack.serve(2)
            for client in clients:
                client.shutdown(socket.SHUT_WR)
                answers = read_all(client)
                self.assertTrue(answers.startswith(b"HTTP/1.1 405 "))
                self.assertEqual(answers.count(b"HTTP/1.1 "), 2)

    def test_what_is_too_large_or_no_http(self):
        """Each is answered behind what came before it, and is the last."""
        head = b" / HTTP/1.1\r\nHost: a\r\n"
        chunked = b"POST" + head + b"Transfer-Encoding: chunked\r\n\r\n"
        bad = [(b"GET /" + b"x" * 9000, 431),
               (b"GET" + head + b"X: " + b"x" * 9000, 431),
               (b"GET" + head + b"X: y\r\n" * 3000, 431),
               (b"POST" + head + b"Content-Length: -1\r\n\r\n", 400),
               (b"POST" + head + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n",
                413),
               (chunked + b"f" * 17 + b"\r\n", 413),
               (chunked + b"0" * 9000, 431),
               (chunked + b"-1\r\n", 400),
               (b"(" * 100000, 400),
               (client_hello(), 400),
               (client_hello()[:1], 400),
               (b"\x80\x2e\x01\x00\x02", 400),
               (b"*1\r\n" * 3000, 431)]
        with self.attack("too large, or no HTTP", 8 * MIB) as attack:
            for _ in range(count(20, 3)):
                for text, status in bad:
                    with attack.server.connect() as client:
                        client.sendall(GET + text)
                        answers = read_all(client)
                    first, _, last = answers.partition(PAGE)
                    self.assertTrue(first.startswith(b"HTTP/1.1 200 OK\r\n"))
                    self.assertTrue(last.startswith(b"HTTP/1.1 %d " % status),
                                    (text[:60], last[:60]))
                    self.assertEqual(last.count(b"HTTP/1.1 "), 1)
            attack.serve()

    def test_pipelines(self):
        number = count(100000, 10000)
        with self.attack("pipelines", 16 * MIB) as attack:
            for _ in range(2):
                client = self.connect(attack)
                left, got = GET * number, 0
                while left:  # as many as it likes are on their way
                    some, left = left[:100 * len(GET)], left[100 * len(GET):]
                    client.sendall(some)
                    while got < 100:
                        data = client.recv(1 << 16)
                        self.assertTrue(data)
                        got += data.count(PAGE[-2:])
                    got -= 100
                    if random.randrange(200) == 0:
                        attack.serve(1)
            attack.serve()


def main():
    global PROGRAM, IS_SANITIZED
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    IS_SANITIZED = is_sanitized(PROGRAM)
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
