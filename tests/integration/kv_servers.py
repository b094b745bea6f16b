"""Key-value servers on free ports of 127.0.0.1, and a client for them.

A server is started and ended by its own process id. A client sees replies as
the bytes they are.
"""

import contextlib
import fcntl
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

TIMEOUT = 60  # seconds, for whatever should come soon


class Failure(Exception):
    """A server did not do as it should."""


def is_sanitized(program):
    """Its memory is not what it is without a sanitizer, nor is its speed."""
    with open(program, "rb") as file:
        data = file.read()
    return b"__asan_init" in data or b"__tsan_init" in data


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def wait_for(condition, what):
    end = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what} does not happen")
        time.sleep(0.01)


class Server:
    """A process that listens on self.port."""

    def __init__(self, command, environment=None, **how):
        self.errors = tempfile.TemporaryFile()
        # A loop of a busy machine that waits for a CPU is no complaint.
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE,
                                        stderr=self.errors,
                                        env={**os.environ,
                                             "GYRE_WATCHDOG": "0",
                                             **(environment or {})}, **how)
        self.pid = self.process.pid
        self.ended = False
        self.port = None

    def client(self):
        return Client(self.port)

    def complaints(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def end(self, number=15):
        """End by a signal; raise unless it ends cleanly and silently."""
        self.ended = True
        self.process.send_signal(number)
        try:
            status = self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure("the server did not end") from None
        finally:
            self.process.stdout.close()
        said = self.complaints()
        self.errors.close()
        if status != 0 or said:
            raise Failure(f"the server ended with {status}: {said}")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.ended:
            return
        if kind is not None:
            self.kill()
        elif self.process.poll() is None:
            self.end()
        else:
            raise Failure(f"the server is gone: {self.complaints()}")

    def kill(self):
        self.ended = True
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()

    def memory(self):
        return resident_bytes(self.pid)


class GyreKv(Server):
    """gyre-kv, four loops unless told otherwise, on a port it finds."""

    def __init__(self, program, *options):
        super().__init__([program, "--port", "0", "--loops", "4",
                          "--pin", "none", *options])
        self.welcome = []
        line = self.process.stdout.readline().decode()
        found = re.search(r"listens on \S+:(\d+)$", line)
        if not found:
            self.process.wait(TIMEOUT)
            raise Failure(f"no port in {line!r}: {self.complaints()}")
        self.port = int(found[1])
        self.welcome = [line] + [self.process.stdout.readline().decode()
                                 for _ in range(5)]


# Started with the descriptors, the process id or "", and the command.
HAND_OVER = """
import os, sys
for number, fd in enumerate(sys.argv[1].split(",")):
    os.dup2(int(fd), 3 + number)
os.environ["LISTEN_PID"] = sys.argv[2] or str(os.getpid())
os.execv(sys.argv[3], sys.argv[3:])
"""


@contextlib.contextmanager
def hand_over(sockets, names=None, pid=""):
    """How to start a program with sockets, as systemd does, who puts them at 3
    and behind it: the words before its command, its environment, and what else
    Popen is told."""
    # Out of the way of where they are to be.
    copies = [fcntl.fcntl(each.fileno(), fcntl.F_DUPFD_CLOEXEC, 100)
              for each in sockets]
    environment = {"LISTEN_FDS": str(len(copies))}
    if names is not None:
        environment["LISTEN_FDNAMES"] = ":".join(names)
    try:
        yield ([sys.executable, "-c", HAND_OVER, ",".join(map(str, copies)),
                pid], environment, {"pass_fds": copies})
    finally:
        for fd in copies:
            os.close(fd)


class InheritingKv(Server):
    """gyre-kv with sockets of ours; four loops unless told otherwise. It says
    where it is in self.places."""

    def __init__(self, program, sockets, *options, names=None):
        with hand_over(sockets, names) as (words, environment, how):
            super().__init__([*words, program, "--loops", "4", "--pin",
                              "none", *options], environment, **how)
        self.places = []
        while (line := self.process.stdout.readline().decode()):
            if line == "Try:\n":
                break
            if found := re.search(r"(?:listens|and)( with TLS)? (?:on|at) "
                                  r"(\S+)$", line):
                self.places.append((found[2], found[1] is not None))
        else:
            self.process.wait(TIMEOUT)
            raise Failure(f"it does not start: {self.complaints()}")
        self.welcome = [self.process.stdout.readline().decode()
                        for _ in range(3)]


class RedisServer(Server):
    """redis-server without persistence, in a folder of its own."""

    program = shutil.which("redis-server")

    def __init__(self, *options):
        self.folder = tempfile.TemporaryDirectory()
        for _ in range(10):
            port = free_port()
            super().__init__([
                self.program, "--port", str(port), "--bind", "127.0.0.1",
                "--save", "", "--appendonly", "no", "--databases", "1",
                "--dir", self.folder.name, "--daemonize", "no",
                "--logfile", os.path.join(self.folder.name, "log"), *options])
            self.port = port
            if self.answers():
                return
            self.kill()
        raise Failure("redis-server does not start")

    def answers(self):
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with self.client() as client:
                    return client.ask(b"PING").startswith((b"+PONG", b"-NOA"))
            except OSError:
                time.sleep(0.05)
        return False

    def __exit__(self, kind, value, trace):
        super().__exit__(kind, value, trace)
        self.folder.cleanup()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def encode(*args):
    """A command as an array of bulk strings."""
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        if isinstance(arg, str):
            arg = arg.encode()
        elif isinstance(arg, int):
            arg = b"%d" % arg
        parts.append(b"$%d\r\n%s\r\n" % (len(arg), arg))
    return b"".join(parts)


class Client:
    """A connection; replies are raw bytes, each one whole."""

    def __init__(self, port):
        if isinstance(port, str):  # a path
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(TIMEOUT)
            self.socket.connect(port)
        else:
            self.socket = socket.create_connection(("127.0.0.1", port),
                                                   TIMEOUT)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.at = 0
        self.sender = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.sender is not None:
            self.sender.join(TIMEOUT)
        self.socket.close()

    def send(self, data):
        """Send; much is sent while replies are read, as neither waits then."""
        if self.sender is not None:
            self.sender.join(TIMEOUT)
            self.sender = None
        if len(data) < 1 << 16:
            self.socket.sendall(data)
            return
        self.sender = threading.Thread(target=self.send_all, args=(data,))
        self.sender.start()

    def send_all(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            pass  # the server has closed, as the reader will see

    def ask(self, *args):
        self.send(encode(*args))
        return self.reply()

    def ask_inline(self, line):
        self.send(line + b"\r\n")
        return self.reply()

    def more(self):
        data = self.socket.recv(1 << 18)
        if not data:
            raise EOFError
        if self.at > 1 << 20:
            del self.buffer[:self.at]
            self.at = 0
        self.buffer += data

    def line(self, at):
        """The offset behind the line that begins at an offset."""
        while True:
            end = self.buffer.find(b"\r\n", self.at + at)
            if end >= 0:
                return end + 2 - self.at
            self.more()

    def measure(self, at):
        """The offset behind the reply that begins at an offset."""
        end = self.line(at)
        kind = self.buffer[self.at + at]
        if kind in b"+-:_,#":
            return end
        count = int(self.buffer[self.at + at + 1:self.at + end - 2])
        if kind in b"$=":
            if count >= 0:
                end += count + 2
            while len(self.buffer) - self.at < end:
                self.more()
            return end
        if kind not in b"*~>%":
            raise Failure(f"no reply: {bytes(self.buffer[:100])!r}")
        for _ in range(count * (2 if kind == ord("%") else 1)):
            end = self.measure(end)
        return end

    def reply(self):
        length = self.measure(0)
        reply = bytes(self.buffer[self.at:self.at + length])
        self.at += length
        return reply

    def rest_or_line(self):
        """A line, or what there is before the connection ends."""
        try:
            return bytes(self.buffer[self.at:self.at + self.line(0)])
        except (EOFError, ConnectionResetError):
            return bytes(self.buffer[self.at:])

    def rest(self):
        """Everything up to the end of the connection."""
        try:
            while True:
                self.more()
        except (EOFError, ConnectionResetError):
            pass
        rest = bytes(self.buffer[self.at:])
        self.at = len(self.buffer)
        return rest


class Push(list):
    """What nobody asked for, in RESP3."""


def parse(reply):
    """A reply as Python values; an error is an Exception, a map a dict, and a
    set a list."""
    value, rest = parse_one(reply)
    if rest:
        raise Failure(f"more than one reply: {reply!r}")
    return value


def parse_one(data):
    line, rest = data.split(b"\r\n", 1)
    kind, text = line[:1], line[1:]
    if kind == b"+":
        return text, rest
    if kind == b"-":
        return Exception(text.decode()), rest
    if kind == b":":
        return int(text), rest
    if kind == b",":
        return float(text), rest
    if kind in (b"#", b"_"):
        return {b"t": True, b"f": False, b"": None}[text], rest
    count = int(text)
    if count < 0:
        return None, rest
    if kind == b"$":
        return rest[:count], rest[count + 2:]
    if kind == b"=":
        return rest[4:count], rest[count + 2:]
    values = []
    for _ in range(count * (2 if kind == b"%" else 1)):
        value, rest = parse_one(rest)
        values.append(value)
    if kind == b"%":
        return dict(zip(values[::2], values[1::2])), rest
    return Push(values) if kind == b">" else values, rest


def info(client):
    text = parse(client.ask("INFO")).decode()
    return dict(line.split(":", 1) for line in text.splitlines()
                if ":" in line)


def scan(client, *options):
    """All keys, each once, and how often one came."""
    cursor = b"0"
    keys = []
    while True:
        cursor, found = parse(client.ask("SCAN", cursor, *options))
        keys += found
        if cursor == b"0":
            return keys
