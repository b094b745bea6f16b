"""A client that asks all the time, and what it saw of a server meanwhile.

It is a process of its own, so that what an attacker in this one computes is not
taken for the server's delay. It has a connection to every shard, asks on each
in turn, and holds every reply against what it must be.

    witness.py kv|http PORT PID
"""

import json
import os
import select
import socket
import subprocess
import sys
import time

from kv_servers import TIMEOUT, Client, Failure, parse, resident_bytes

SHARDS = 4
PAUSE = 0.002  # seconds between two rounds: it shall not be an attack itself
HTTP_CONNECTIONS = 12


class KvClients:
    """One on each shard. Its keys are on all of them, and nobody else's."""

    def __init__(self, port):
        homes = {}
        while len(homes) < SHARDS:
            client = Client(port)
            home = parse(client.ask("CLIENT", "ID")) % SHARDS
            if home in homes:
                client.close()
            else:
                homes[home] = client
        self.clients = list(homes.values())
        self.stored = {}
        self.rounds = 0

    def questions(self, number):
        """Commands with the replies that they must get."""
        key = b"witness:%d:%d" % (number, self.rounds % 16)
        value = b"%d " % self.rounds * (1 + self.rounds % 40)
        yield ("SET", key, value), b"OK"
        self.stored[key] = value
        yield ("GET", key), value
        yield ("INCR", b"witness:count:%d" % number), self.rounds
        some = list(self.stored)[self.rounds % 7::7]
        yield ("MGET", key, *some), [value, *map(self.stored.get, some)]

    def round(self):
        """Ask each client's questions; return how long each took."""
        self.rounds += 1
        took = []
        for number, client in enumerate(self.clients):
            for question, answer in self.questions(number):
                began = time.monotonic()
                reply = parse(client.ask(*question))
                took.append(time.monotonic() - began)
                if reply != answer:
                    raise Failure(f"{question!r} got {reply!r}")
        return took


class HttpClients:
    """Enough connections that every shard has some."""

    question = b"GET / HTTP/1.1\r\nHost: witness\r\n\r\n"
    answer = b"\r\n\r\nHello, world!\n"

    def __init__(self, port):
        self.clients = [socket.create_connection(("127.0.0.1", port), TIMEOUT)
                        for _ in range(HTTP_CONNECTIONS)]

    def round(self):
        took = []
        for client in self.clients:
            began = time.monotonic()
            client.sendall(self.question)
            reply = b""
            while not reply.endswith(self.answer):
                data = client.recv(4096)
                reply += data
                if not data or not reply.startswith(b"HTTP/1.1 200 OK\r\n"):
                    raise Failure(f"it got {reply!r}")
            took.append(time.monotonic() - began)
        return took


def say(**what):
    print(json.dumps(what), flush=True)


def witness(clients, pid):
    """Rounds without end; standard input says what to tell of them."""
    orders = open(0, "rb", buffering=0)  # none is read ahead
    took = []
    rounds = goal = highest = 0
    say(ready=True)
    while True:
        if select.select([orders], [], [], PAUSE)[0]:
            word = orders.readline().split()
            if not word:
                return
            if word[0] == b"serve":
                goal = rounds + int(word[1])
            elif word[0] == b"begin":
                took = []
                highest = 0
            elif word[0] == b"end":
                took.sort()
                say(replies=len(took), p50=took[len(took) // 2],
                    p99=took[len(took) * 99 // 100], max=took[-1],
                    memory=highest)
        took += clients.round()
        highest = max(highest, resident_bytes(pid))
        rounds += 1
        if rounds == goal:
            say(served=True)


class Witness:
    """Its process, as the one sees it that attacks."""

    def __init__(self, kind, server):
        self.process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), kind,
             str(server.port), str(server.pid)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, bufsize=0)
        self.hear("ready")

    def hear(self, name):
        there, _, _ = select.select([self.process.stdout], [], [], TIMEOUT)
        line = self.process.stdout.readline() if there else b""
        if not line:
            self.process.kill()
            raise Failure("the witness was not served: " +
                          self.process.stderr.read().decode())
        said = json.loads(line)
        if name not in said:
            raise Failure(f"the witness says {said}, not {name}")
        return said

    def tell(self, *words):
        try:
            self.process.stdin.write(" ".join(map(str, words)).encode() +
                                     b"\n")
        except BrokenPipeError:
            pass  # what it heard last will be missing

    def begin(self):
        """Forget what came before."""
        self.tell("begin")

    def serve(self, rounds):
        """Wait until so many more rounds were served."""
        self.tell("serve", rounds)
        self.hear("served")

    def end(self):
        """Of the replies since begin() how many there were and how long they
        took, and the server's memory at its highest."""
        self.tell("end")
        return self.hear("replies")

    def close(self):
        self.process.stdin.close()
        status = self.process.wait(TIMEOUT)
        said = self.process.stderr.read().decode()
        self.process.stdout.close()
        self.process.stderr.close()
        if status != 0:
            raise Failure(f"the witness ended with {status}: {said}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout,
                     self.process.stderr):
            pipe.close()


if __name__ == "__main__":
    KINDS = {"kv": KvClients, "http": HttpClients}
    witness(KINDS[sys.argv[1]](int(sys.argv[2])), int(sys.argv[3]))
