#!/usr/bin/env python3
"""echo_service_test PROGRAM: the README's service, with real clients.

Many clients get back what they sent; the service ends cleanly on SIGINT with
some of them still connected.
"""
import signal
import socket
import subprocess
import sys
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def connect(port):
    deadline = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def receive(client, length):
    data = b""
    while len(data) < length:
        part = client.recv(length - len(data))
        if not part:
            sys.exit(f"the end came after {len(data)} of {length} bytes")
        data += part
    return data


def main():
    port = free_port()
    server = subprocess.Popen([sys.argv[1], str(port)])
    try:
        clients = [connect(port) for _ in range(20)]
        for number, client in enumerate(clients):
            client.sendall(b"%d" % number * 10000)
        for number, client in enumerate(clients):
            sent = b"%d" % number * 10000
            if receive(client, len(sent)) != sent:
                sys.exit(f"client {number} got something else back")
        server.send_signal(signal.SIGINT)
        status = server.wait(timeout=20)
        if status != 0:
            sys.exit(f"it ended with {status}")
    finally:
        server.kill()


main()
