"""What attackers of any server share."""

import contextlib
import ctypes
import functools
import os
import random
import socket
import ssl
import struct
import sys
import threading

from kv_servers import Failure

SO_ATTACH_FILTER = 26  # Linux; the module has no name for it


def descriptors(server):
    return len(os.listdir(f"/proc/{server.pid}/fd"))


@functools.cache
def client_hello():
    """What a client that believes in TLS says first."""
    sent = ssl.MemoryBIO()
    context = ssl.create_default_context()
    session = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="a")
    with contextlib.suppress(ssl.SSLWantReadError):
        session.do_handshake()
    return sent.read()


def reset(client):
    """Close a socket with a reset instead of an end."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                      b"\x01\x00\x00\x00\x00\x00\x00\x00")
    client.close()


def drop_all(client):
    """Let a socket's system drop whatever comes for it from now on."""
    drop = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    client.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                      struct.pack("HP", 1, ctypes.addressof(drop)))


class Attack:
    """What is done to a server while a witness asks it.

    When it ends, the witness has been served, the server has not taken more
    memory than `limit` bytes, and what was measured is printed.
    """

    def __init__(self, server, witness, name, limit):
        self.server = server
        self.witness = witness
        self.name = name
        self.limit = limit  # None: a sanitizer's build
        self.clients = []
        self.before = 0

    def __enter__(self):
        self.witness.serve(20)  # so that it holds what it needs
        self.before = self.server.memory()
        self.witness.begin()
        return self

    def client(self):
        client = self.server.client()
        self.clients.append(client)
        return client

    def serve(self, rounds=20):
        """Let the witness have its rounds while the attack is on."""
        self.witness.serve(rounds)

    def leave(self):
        for client in self.clients:
            client.close()
        self.clients = []

    def __exit__(self, kind, value, trace):
        if kind is not None:
            self.leave()
            return
        figures = self.witness.end()
        grown = figures["memory"] - self.before
        self.leave()
        print(f"{self.name}: the witness got {figures['replies']} replies, "
              f"p50 {figures['p50'] * 1e3:.2f} ms, "
              f"p99 {figures['p99'] * 1e3:.2f} ms, "
              f"max {figures['max'] * 1e3:.2f} ms; the server took "
              f"{grown / (1 << 20):.1f} MiB more at most",
              file=sys.stderr, flush=True)
        if self.limit is not None and grown > self.limit:
            raise Failure(f"{self.name}: the server took {grown} bytes more, "
                          f"above {self.limit}")


class Storm:
    """Visits by several at once: visit(port, pick) is one, from its begin to
    its end."""

    def __init__(self, attack, visit):
        self.attack = attack
        self.visit = visit
        self.served = threading.Event()
        self.visits = []
        self.failures = []

    def visit_on(self, seed, number):
        pick = random.Random(seed)
        try:
            while len(self.visits) < number or not self.served.is_set():
                self.visit(self.attack.server.port, pick)
                self.visits.append(seed)
        except OSError as failure:
            self.failures.append(failure)

    def rage(self, number):
        """So many visits, and more until the witness has had its rounds."""
        threads = [threading.Thread(target=self.visit_on, args=(seed, number))
                   for seed in range(4)]
        for thread in threads:
            thread.start()
        try:
            self.attack.serve()
        finally:
            self.served.set()
            for thread in threads:
                thread.join()
        print(f"{len(self.visits)} visits", file=sys.stderr, flush=True)
        if self.failures:
            raise Failure(f"{self.attack.name}: {self.failures[0]}")
