#!/usr/bin/env python3
"""tcp_server_test PROGRAM: the example server, with real clients.

Starts it on any free port, lets several clients talk to it in turn and at
once, and compares what it prints.
"""
import re
import socket
import subprocess
import sys


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def expect(server, messages):
    lines = sorted(server.stdout.readline() for _ in messages)
    wanted = sorted(f"message from client: {text}\n" for text in messages)
    if lines != wanted:
        sys.exit(f"printed {lines} instead of {wanted}")


def main():
    server = subprocess.Popen([sys.argv[1], "0"], stdout=subprocess.PIPE,
                              text=True)
    try:
        first = server.stdout.readline()
        match = re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", first)
        if not match:
            sys.exit(f"printed {first!r} first")
        port = int(match[1])

        with connect(port) as client:
            client.sendall(b"hello")
        expect(server, ["hello"])

        with connect(port) as client:
            for piece in (b"in ", b"several ", b"pieces"):
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)
            if client.recv(1) != b"":
                sys.exit("the server did not close")
        expect(server, ["in several pieces"])

        with connect(port):
            pass
        expect(server, [""])

        clients = [connect(port) for _ in range(100)]
        for number, client in enumerate(clients):
            client.sendall(f"client {number}".encode())
        for client in clients:
            client.close()
        expect(server, [f"client {number}" for number in range(100)])

        with connect(port) as client:
            client.sendall(b"x" * 1000000)
        expect(server, ["x" * 1000000])
    finally:
        server.kill()
        server.wait()


main()
