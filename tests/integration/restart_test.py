#!/usr/bin/env python3
"""restart_test PROGRAM: a service that is restarted under its clients.

Clients connect all the time, and none of them is refused, reset or left
without its line, while the service is restarted again and again. Who holds the
socket from outside, as systemd does, may restart it too.
"""
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

TIMEOUT = 60
RESTARTS = 4
CLIENTS = 3


def ask(port):
    """Who serves."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as client:
        text = b""
        while part := client.recv(64):
            text += part
    if not re.fullmatch(rb"\d+\n", text):
        raise RuntimeError(f"no process id: {text!r}")
    return int(text)


class Clients:
    """They connect all the time, until they are told to end."""

    def __init__(self, port):
        self.port = port
        self.ended = False
        self.failures = []
        self.seen = set()
        self.served = 0
        self.threads = [threading.Thread(target=self.run)
                        for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while not self.ended:
            try:
                self.seen.add(ask(self.port))
                self.served += 1
            except (OSError, RuntimeError) as error:
                self.failures.append(error)
                return

    def end(self):
        self.ended = True
        for thread in self.threads:
            thread.join(TIMEOUT)


def wait_until(condition, what):
    end = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"{what} does not happen")
        time.sleep(0.01)


def is_gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def first_line(process):
    return int(process.stdout.readline().split()[0])


def restart_by_hangup(program):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([program, str(port)], stdout=subprocess.PIPE)
    pid = first_line(process)
    pids = [pid]
    clients = Clients(port)
    try:
        for _ in range(RESTARTS):
            wait_until(lambda: pid in clients.seen or clients.failures,
                       "being served")
            os.kill(pid, signal.SIGHUP)
            # Its pipe is its successor's too.
            pid = first_line(process)
            pids.append(pid)
            wait_until(lambda: is_gone(pids[-2]), "the end of the old one")
        wait_until(lambda: pid in clients.seen or clients.failures,
                   "being served at last")
    finally:
        clients.end()
        for each in pids:
            if not is_gone(each):
                os.kill(each, signal.SIGTERM)
    if process.wait(TIMEOUT) != 0:
        sys.exit(f"the first one ended with {process.returncode}")
    wait_until(lambda: is_gone(pid), "the end of the last one")
    if clients.failures:
        sys.exit(f"after {clients.served}: {clients.failures[0]!r}")
    if len(set(pids)) != RESTARTS + 1:
        sys.exit(f"it was not restarted: {pids}")


def be_started(program, listener):
    """As systemd does it: the socket is 3, and the process says its own id."""
    shell = 'export LISTEN_PID=$$; exec "$0"'

    def put():
        os.dup2(listener.fileno(), 3)

    return subprocess.Popen(
        ["/bin/sh", "-c", shell, program], stdout=subprocess.PIPE,
        env={**os.environ, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "web"},
        preexec_fn=put, pass_fds=(3,))


def restart_from_outside(program):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        clients = Clients(listener.getsockname()[1])
        try:
            for _ in range(RESTARTS):
                process = be_started(program, listener)
                pid = first_line(process)
                wait_until(lambda: pid in clients.seen or clients.failures,
                           "being served")
                process.send_signal(signal.SIGTERM)
                if process.wait(TIMEOUT) != 0:
                    sys.exit(f"it ended with {process.returncode}")
            process = be_started(program, listener)
            first_line(process)
        finally:
            clients.end()
        process.send_signal(signal.SIGTERM)
        process.wait(TIMEOUT)
    if clients.failures:
        sys.exit(f"after {clients.served}: {clients.failures[0]!r}")


def put_in_place(path, text):
    """Another program under the same name, whoever runs the one before."""
    with open(path + ".new", "wb") as file:
        file.write(text)
    os.chmod(path + ".new", 0o755)
    os.rename(path + ".new", path)


def survive_failed_restarts(program):
    """A program that can't be started, and one that ends at once, replace
    nobody; the one that is right again then does."""
    with open(program, "rb") as file:
        good = file.read()
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        path = os.path.join(folder, "service")
        put_in_place(path, good)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        # A loop of a busy machine that waits for a CPU is no line of ours.
        process = subprocess.Popen([path, str(port)], text=True,
                                   stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE,
                                   env={**os.environ, "GYRE_WATCHDOG": "0"})
        first_line(process)
        for bad in b"no program", b"#!/bin/sh\nexit 1\n":
            put_in_place(path, bad)
            process.send_signal(signal.SIGHUP)
            line = process.stderr.readline()
            if not line.startswith("cannot restart: "):
                sys.exit(f"it says {line!r}")
            if ask(port) != process.pid:
                sys.exit("another serves")
        put_in_place(path, good)
        process.send_signal(signal.SIGHUP)
        pid = first_line(process)
        if process.wait(TIMEOUT) != 0:
            sys.exit(f"it ended with {process.returncode}")
        if ask(port) != pid:
            sys.exit("it was not replaced")
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: is_gone(pid), "the end of the last one")
        process.stdout.close()
        process.stderr.close()


restart_by_hangup(os.path.abspath(sys.argv[1]))
survive_failed_restarts(os.path.abspath(sys.argv[1]))
restart_from_outside(os.path.abspath(sys.argv[1]))
