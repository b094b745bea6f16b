#!/usr/bin/env python3
"""gyre-top looks at a gyre-kv that works: gyre_top_test.py GYRE-KV GYRE-TOP

What it shows is held against what was sent: in JSON, as text, and on a
terminal, which is one end of a pseudo-terminal.
"""

import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

import kv_servers

KV, TOP = sys.argv[1:3]
LOOPS = 4
CLIENTS = 6
KEYS = 2000


def top(*options, path=None, environment=None):
    return subprocess.run([TOP, *options] + ([path] if path else []),
                          capture_output=True, text=True, timeout=60,
                          env={**os.environ, **(environment or {})})


def check(truth, what):
    if not truth:
        raise kv_servers.Failure(what)


def look(path):
    done = top("--once", "--json", path=path)
    check(done.returncode == 0 and done.stderr == "", done.stderr)
    return json.loads(done.stdout)


def settled(path):
    """What is told at rest: each loop has polled after its last work."""
    end = time.monotonic() + kv_servers.TIMEOUT
    before = None
    while time.monotonic() < end:
        now = look(path)
        told = [(s["iterations"], s["posted"]) for s in now["shards"]]
        if told == before:
            return now
        before = told
        time.sleep(0.05)
    raise kv_servers.Failure("it does not come to rest")


def sums_are_what_was_sent(server, path):
    """Each key that another shard has crosses once, and comes back once."""
    before = settled(path)
    clients = [server.client() for _ in range(CLIENTS)]
    for i in range(KEYS):
        client = clients[i % CLIENTS]
        check(client.ask("SET", f"key:{i}", i) == b"+OK\r\n", "no OK")
    now = settled(path)
    check(now["protocol"] == 1 and now["pid"] == server.pid, "who is it?")
    check(len(now["shards"]) == LOOPS, "how many loops?")
    check(sum(s["connections"] for s in now["shards"]) == CLIENTS,
          "connections")
    for shard in now["shards"]:
        check(shard["posted"] == shard["run"] + shard["dropped"]
              + shard["waiting"], "what was posted is accounted for")
    crossed = sum(now["sent"][i][j] - before["sent"][i][j]
                  for i in range(LOOPS) for j in range(LOOPS) if i != j)
    received = sum(s["received"] - b["received"] for s, b in
                   zip(now["shards"], before["shards"]))
    check(crossed == received, f"{crossed} sent, {received} received")
    # Three in four keys are another shard's: there and back, one by one.
    check(2 * KEYS * 0.65 < crossed < 2 * KEYS * 0.85, f"{crossed} crossed")
    handled = sum(s["handlers_run"] - b["handlers_run"] for s, b in
                  zip(now["shards"], before["shards"]))
    check(handled >= KEYS, f"{handled} handlers for {KEYS} requests")
    for client in clients:
        client.close()
    end = time.monotonic() + kv_servers.TIMEOUT
    while sum(s["connections"] for s in look(path)["shards"]) > 0:
        check(time.monotonic() < end, "connections that are closed")


def text_has_a_row_per_loop(path):
    done = top("--once", "--interval", "0.2", path=path)
    check(done.returncode == 0 and done.stderr == "", done.stderr)
    rows = re.findall(r"^ +(\d+) +- +\[[| ]{10}\] +\d+%", done.stdout,
                      re.MULTILINE)
    check(rows == [str(i) for i in range(LOOPS)], done.stdout)
    check("\x1b" not in done.stdout, "an escape in a pipe")
    check(re.search(r"^sent/s +to( +\d){4}$", done.stdout, re.MULTILINE),
          done.stdout)
    check(re.search(r"^blocking ", done.stdout, re.MULTILINE), done.stdout)


def a_pipe_gets_one_after_the_other(path):
    process = subprocess.Popen([TOP, "--interval", "0.05", path],
                               stdout=subprocess.PIPE, text=True)
    looks = 0
    while looks < 3:
        looks += process.stdout.readline().startswith("gyre ")
    process.terminate()
    process.wait(60)
    process.stdout.close()


def resize(fd, lines, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ,
                struct.pack("HHHH", lines, columns, 0, 0))


def read_until(fd, word):
    seen = b""
    end = time.monotonic() + kv_servers.TIMEOUT
    while word not in seen:
        check(time.monotonic() < end, f"{word!r} does not come: {seen!r}")
        if select.select([fd], [], [], 0.1)[0]:
            seen += os.read(fd, 65536)
    return seen


def a_terminal_gets_a_screen(path):
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm"
        os.execv(TOP, [TOP, "--interval", "0.1", path])
    try:
        resize(fd, 30, 120)
        os.kill(pid, signal.SIGWINCH)
        first = read_until(fd, b"q quit")
        check(b"connections" in first and b"blocking" in first, first)
        resize(fd, 10, 40)
        os.kill(pid, signal.SIGWINCH)
        read_until(fd, b"q quit")
        os.write(fd, b"q")
        read_until(fd, b"\x1b[?1049l")  # the screen as it was before
        check(os.waitpid(pid, 0)[1] == 0, "how it ended")
        pid = 0
    finally:
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(fd)


def answer_with(path, answer, times=1):
    """A process of another time, which has one client."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    def serve():
        client = listener.accept()[0]
        for _ in range(times):
            client.recv(100)
            client.sendall(answer)
        client.close()
    thread = threading.Thread(target=serve)
    thread.start()
    return listener, thread


def stalls_come_last_newest_first(folder):
    path = os.path.join(folder, "stalled")
    stall = {"shard": 1, "kind": "blocked", "callback": "on_order",
             "wait": "read, in pipe_read", "began_ns": 7000000000,
             "duration_ns": 250000000, "is_over": 0}
    older = {"shard": 0, "kind": "running", "callback": "sum_up", "wait": "",
             "began_ns": 1000000000, "duration_ns": 1200000000, "is_over": 1}
    answer = {"protocol": 1, "gyre": "0.1.0", "pid": 7, "now_ns": 10000000000,
              "shards": [{"shard": 0, "stalls": 1}, {"shard": 1, "stalls": 3}],
              "sent": [[0, 0], [0, 0]], "lanes": [], "stalls": [stall, older]}
    listener, thread = answer_with(path, json.dumps(answer).encode() + b"\n",
                                   times=2)
    done = top("--once", "--interval", "0.01", path=path)
    thread.join()
    listener.close()
    check(done.returncode == 0 and done.stderr == "", done)
    tail = [re.sub(" +", " ", line).strip() for line in
            done.stdout[done.stdout.index("the latest"):].splitlines()]
    check(tail == ["the latest stalls, of 1 3 by loop",
                   "loop began for in",
                   "1 3.0s 250ms+ blocked on_order, in read, in pipe_read",
                   "0 9.0s 1.2s running sum_up"], tail)


def what_is_wrong_is_said(folder):
    def says(words, *options, path=None, environment=None):
        done = top("--once", *options, path=path, environment=environment)
        check(done.returncode != 0 and words in done.stderr
              and done.stderr.count("\n") == 1 and done.stdout == "",
              f"{words}: {done}")
    says("no PATH", environment={"GYRE_CONTROL": ""})
    says("no control socket", path=os.path.join(folder, "none"))
    says("too long", path="/tmp/" + "x" * 200)
    says("--interval wants", "--interval", "0", path="x")
    gone = os.path.join(folder, "gone")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(gone)
    says("its process is gone", path=gone)
    for number, (answer, words) in enumerate([
            (b'{"protocol":2,"gyre":"9.0"}\n', "speaks version 2"),
            (b'{"protocol":1,"error":"ENOMEM"}\n', "ENOMEM"),
            (b"HTTP/1.1 400\n", "no JSON"), (b'{"prot', "hung up")]):
        path = os.path.join(folder, f"other{number}")
        listener, thread = answer_with(path, answer)
        says(words, path=path)
        thread.join()
        listener.close()


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "kv.sock")
        with kv_servers.GyreKv(KV, "--control", path) as server:
            sums_are_what_was_sent(server, path)
            text_has_a_row_per_loop(path)
            a_pipe_gets_one_after_the_other(path)
            a_terminal_gets_a_screen(path)
        check(not os.path.exists(path), "the path is left")
        stalls_come_last_newest_first(folder)
        what_is_wrong_is_said(folder)


main()
