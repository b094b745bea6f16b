#!/usr/bin/env python3
"""gyre_kv_test.py GYRE-KV [TEST...]

The program gyre-kv as its users meet it: options, clients of the distribution,
clients that misbehave, limits, and how it ends. What its commands reply is
redis_compat_test.py's matter.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from kv_servers import (TIMEOUT, Client, GyreKv, encode, info, is_sanitized,
                        parse, scan, wait_for)

PROGRAM = None

MIB = 1 << 20


def run(*options, timeout=TIMEOUT):
    return subprocess.run([PROGRAM, *options], capture_output=True, text=True,
                          timeout=timeout)


class Options(unittest.TestCase):
    def test_help_and_version(self):
        done = run("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for option in ("--bind", "--port", "--loops", "--pin",
                       "--maxclients", "--max-bulk", "--maxmemory",
                       "--unixsocket", "--unixsocketperm", "--requirepass",
                       "--protected-mode", "--timeout", "--unread-limit",
                       "--tcp-keepalive", "--steer", "LISTEN_FDS"):
            self.assertIn(option, done.stdout)
        self.assertIn("in memory only", done.stdout)
        done = run("--version")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^gyre-kv \d+\.\d+\.\d+\n$")

    def test_bad_options_are_one_line_and_2(self):
        for options in (["--nosuch"], ["--port"], ["--port", "x"], ["word"],
                        ["--port", "70000"], ["--bind", "localhost"],
                        ["--loops", "0"], ["--pin", "x"],
                        ["--pin", "1023"], ["--maxclients", "no"]):
            done = run(*options)
            self.assertEqual(done.returncode, 2, options)
            self.assertEqual(done.stdout, "")
            self.assertRegex(done.stderr, r"\A[^\n]+\n\Z")
        self.assertIn("-x is no option", run("-xyz").stderr)

    def test_port_taken_is_one_line_and_1(self):
        with GyreKv(PROGRAM) as server:
            done = run("--port", str(server.port), "--loops", "2",
                       "--pin", "none")
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stdout, "")
            self.assertRegex(done.stderr, r"\A[^\n]+\n\Z")
            self.assertIn("in use", done.stderr)
            with server.client() as client:
                self.assertEqual(client.ask("PING"), b"+PONG\r\n")
        # Another program's socket, without SO_REUSEPORT.
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            done = run("--port", str(other.getsockname()[1]))
            self.assertEqual(done.returncode, 1)

    def test_an_address_that_is_not_here(self):
        done = run("--bind", "192.0.2.1")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"\A[^\n]+\n\Z")

    def test_it_says_where_it_is(self):
        with GyreKv(PROGRAM, "--loops", "2") as server:
            text = "".join(server.welcome)
            self.assertIn(f"127.0.0.1:{server.port}", text)
            self.assertIn("2 shards", text)
            for line in (f"redis-cli -p {server.port} set a 1",
                         f"redis-cli -p {server.port} get a",
                         f"redis-benchmark -p {server.port} "):
                self.assertIn(line, text)

    def test_a_shard_is_pinned(self):
        cpu = min(os.sched_getaffinity(0))
        server = GyreKv(PROGRAM, "--pin", str(cpu), "--loops", "3")
        with server:
            self.assertIn(f"3 shards, on CPU {cpu} {cpu} {cpu}",
                          "".join(server.welcome))

    def test_it_listens_on_ipv6(self):
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError:
            self.skipTest("there is no IPv6")
        with GyreKv(PROGRAM, "--bind", "::1") as server:
            with socket.create_connection(("::1", server.port),
                                          TIMEOUT) as client:
                client.sendall(b"PING\r\n")
                self.assertEqual(client.recv(100), b"+PONG\r\n")

    def test_a_port_can_be_taken_again_at_once(self):
        with GyreKv(PROGRAM) as server:
            with server.client() as client:
                client.ask("PING")
                port = server.port
                server.end(signal.SIGINT)
        again = GyreKv(PROGRAM, "--port", str(port))
        with again:
            self.assertEqual(again.port, port)


@unittest.skipUnless(shutil.which("redis-cli"), "there is no redis-cli")
class Tools(unittest.TestCase):
    def tool(self, server, name, *options):
        done = subprocess.run([name, "-p", str(server.port), *options],
                              capture_output=True, text=True, timeout=TIMEOUT)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_redis_cli(self):
        with GyreKv(PROGRAM) as server:
            self.assertEqual(self.tool(server, "redis-cli", "set", "a", "1"),
                             "OK\n")
            self.assertEqual(self.tool(server, "redis-cli", "get", "a"),
                             "1\n")
            self.tool(server, "redis-cli", "mset", "b", "2", "c", "3")
            keys = self.tool(server, "redis-cli", "--scan").split()
            self.assertEqual(sorted(keys), ["a", "b", "c"])
            done = subprocess.run(
                ["redis-cli", "-p", str(server.port)], text=True,
                input="set x \"a b\"\nget x\nquit\n", timeout=TIMEOUT,
                capture_output=True)
            self.assertEqual(done.stdout, "OK\na b\n")

    def test_redis_benchmark(self):
        with GyreKv(PROGRAM) as server:
            for depth in ("16", "1"):
                for extra in ([], ["-r", "1000"]):
                    out = self.tool(server, "redis-benchmark", "-q",
                                    "-t", "ping,set,get,incr,mset",
                                    "-n", "20000", "-c", "50", "-P", depth,
                                    *extra)
                    self.assertNotIn("rror", out)
                    self.assertEqual(out.count("requests per second"), 6)


class Ending(unittest.TestCase):
    def load(self, port, stop):
        """Keep a server busy over all shards until it goes away."""
        pick = random.Random(port)

        def command():
            key = b"k%d" % pick.randrange(1000)
            other = b"k%d" % pick.randrange(1000)
            return pick.choice([
                encode("SET", key, b"v" * pick.randrange(2000), "PX", 50),
                encode("GET", key), encode("INCR", b"n" + key),
                encode("MSET", key, 1, other, 2), encode("DBSIZE"),
                encode("MGET", key, other), encode("DEL", key, other)])

        try:
            with socket.create_connection(("127.0.0.1", port),
                                          TIMEOUT) as client:
                while not stop.is_set():
                    client.sendall(b"".join(command() for _ in range(50)))
                    client.recv(1 << 16)
        except OSError:
            pass

    def test_signals_end_it_cleanly_under_load(self):
        for number in range(8):
            server = GyreKv(PROGRAM)
            stop = threading.Event()
            with server:
                threads = [threading.Thread(target=self.load,
                                            args=(server.port, stop))
                           for _ in range(6)]
                for thread in threads:
                    thread.start()
                time.sleep(0.05 + 0.03 * number)
                server.end([signal.SIGINT, signal.SIGTERM][number % 2])
                stop.set()
                for thread in threads:
                    thread.join()

    def test_idle_clients_are_closed(self):
        with GyreKv(PROGRAM) as server:
            clients = [server.client() for _ in range(20)]
            for client in clients:
                self.assertEqual(client.ask("PING"), b"+PONG\r\n")
            server.end(signal.SIGINT)
            for client in clients:
                self.assertEqual(client.rest(), b"")
                client.close()


class Clients(unittest.TestCase):
    def setUp(self):
        self.server = GyreKv(PROGRAM)

    def tearDown(self):
        self.server.__exit__(None, None, None)

    def test_all_shards_serve_the_port(self):
        clients = [self.server.client() for _ in range(64)]
        homes = set()
        for client in clients:
            homes.add(parse(client.ask("CLIENT", "ID")) % 4)
            client.close()
        self.assertEqual(len(homes), 4)

    def test_what_one_read_sends_to_a_shard_crosses_once(self):
        with self.server.client() as client:
            before = info(client)
            commands = [encode("INCR", f"k{number}")
                        for number in range(200)]
            client.send(b"".join(commands))
            for _ in commands:
                client.reply()
            after = info(client)
        batches = int(after["batches_crossed"]) - \
            int(before["batches_crossed"])
        carried = int(after["commands_crossed"]) - \
            int(before["commands_crossed"])
        # Three other shards, and INFO's own question to each.
        self.assertLessEqual(batches, 6)
        self.assertGreater(carried, 100)

    def test_a_client_that_leaves_takes_nothing_along(self):
        pick = random.Random(5)
        with self.server.client() as other:
            for number in range(60):
                data = b"".join(
                    encode("INCR", f"c{number}") + encode("SET", f"x{n % 9}",
                                                          "v" * 500)
                    for n in range(100))
                cut = pick.randrange(len(data))
                gone = self.server.client()
                gone.send(data[:cut])
                if number % 3 == 0:  # reset instead of closing
                    gone.socket.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER,
                        b"\x01\x00\x00\x00\x00\x00\x00\x00")
                gone.close()
                self.assertEqual(other.ask("SET", f"o{number}", number),
                                 b"+OK\r\n")
            for number in range(60):
                self.assertEqual(parse(other.ask("GET", f"o{number}")),
                                 b"%d" % number)
            wait_for(lambda: info(other)["connected_clients"] == "1",
                     "forgetting the clients that left")

    def test_what_was_sent_before_leaving_is_done(self):
        """Commands that ran are a prefix, on every shard alike."""
        with self.server.client() as other:
            for number in range(20):
                count = 400
                gone = self.server.client()
                gone.send(b"".join(encode("SET", f"p{number}:{n}", n)
                                   for n in range(count)))
                gone.close()
                wait_for(lambda: info(other)["connected_clients"] == "1",
                         "the end of a client")

                def is_prefix():
                    found = parse(other.ask("MGET", *[f"p{number}:{n}"
                                                      for n in range(count)]))
                    there = [value is not None for value in found]
                    return there == sorted(there, reverse=True)

                # What was read of it still runs when it has gone.
                wait_for(is_prefix, "a prefix")

    def test_half_close_gets_all_replies(self):
        with self.server.client() as client:
            client.send(b"".join(encode("ECHO", n) + encode("INCR", f"k{n}")
                                 for n in range(500)))
            client.socket.shutdown(socket.SHUT_WR)
            expected = b"".join(b"$%d\r\n%d\r\n:1\r\n" % (len(str(n)), n)
                                for n in range(500))
            self.assertEqual(client.rest(), expected)

    def test_half_close_with_more_than_fits(self):
        """All is replied to, though reading pauses again and again."""
        with self.server.client() as client:
            data = b"".join(encode("SET", f"k{n}", b"%d" % n * 300, "GET")
                            for n in range(10000))
            sender = threading.Thread(target=lambda: (
                client.socket.sendall(data),
                client.socket.shutdown(socket.SHUT_WR)))
            sender.start()
            time.sleep(0.1)
            for _ in range(10000):
                self.assertEqual(client.reply(), b"$-1\r\n")
            self.assertEqual(client.rest(), b"")
            sender.join()
            self.assertEqual(self.count_keys(), 10000)

    def test_half_close_of_one_who_asked_for_much(self):
        with self.server.client() as client:
            client.ask("SET", "big", "x" * 10000)
            client.send(b"".join(encode("GET", "big") for _ in range(1500)))
            client.socket.shutdown(socket.SHUT_WR)
            time.sleep(0.1)
            reply = b"$10000\r\n" + b"x" * 10000 + b"\r\n"
            self.assertEqual(client.rest(), reply * 1500)

    def count_keys(self):
        with self.server.client() as client:
            return parse(client.ask("DBSIZE"))

    def test_quit_comes_after_all_replies(self):
        with self.server.client() as client:
            client.send(b"".join(encode("INCR", f"q{n}") for n in range(99)) +
                        encode("QUIT") + encode("INCR", "never"))
            self.assertEqual(client.rest(), b":1\r\n" * 99 + b"+OK\r\n")
        with self.server.client() as client:
            self.assertEqual(parse(client.ask("EXISTS", "never")), 0)

    def test_counters_shared_by_many_clients(self):
        failed = []

        def count(number):
            pick = random.Random(number)
            with self.server.client() as client:
                last = {}
                for _ in range(40):
                    keys = [b"n%d" % pick.randrange(5) for _ in range(50)]
                    client.send(b"".join(encode("INCR", key)
                                         for key in keys))
                    for key in keys:
                        value = parse(client.reply())
                        # What a client sees of a counter only grows.
                        if value <= last.get(key, 0):
                            failed.append((key, value))
                        last[key] = value

        threads = [threading.Thread(target=count, args=(number,))
                   for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])
        with self.server.client() as client:
            values = parse(client.ask("MGET", *[f"n{n}" for n in range(5)]))
            self.assertEqual(sum(map(int, values)), 8 * 40 * 50)

    def test_one_client_sees_its_own_order(self):
        """A pipeline over all shards replies as if run one by one."""
        pick = random.Random(11)
        with self.server.client() as client:
            for _ in range(50):
                client.ask("FLUSHALL")
                model = {}
                commands, expected = [], []
                for step in range(200):
                    kind = pick.randrange(6)
                    key = b"m%d" % pick.randrange(20)
                    some = [b"m%d" % n for n in pick.sample(range(20), 6)]
                    if kind == 0:
                        model[key] = b"%d" % step
                        commands.append(encode("SET", key, step))
                        expected.append(b"OK")
                    elif kind == 1:
                        commands.append(encode("MGET", *some))
                        expected.append([model.get(name) for name in some])
                    elif kind == 2:
                        commands.append(encode("DEL", *some))
                        expected.append(sum(name in model for name in some))
                        for name in some:
                            model.pop(name, None)
                    elif kind == 3:
                        commands.append(encode("DBSIZE"))
                        expected.append(len(model))
                    elif kind == 4:
                        model.update({name: b"%d" % step for name in some})
                        commands.append(encode("MSET", *[
                            part for name in some
                            for part in (name, b"%d" % step)]))
                        expected.append(b"OK")
                    elif pick.randrange(8) == 0:
                        model.clear()
                        commands.append(encode("FLUSHALL"))
                        expected.append(b"OK")
                client.send(b"".join(commands))
                replies = [parse(client.reply()) for _ in commands]
                self.assertEqual(replies, expected)

    def test_scan_meets_every_key_that_stays(self):
        with self.server.client() as client:
            for start in range(0, 3000, 100):
                client.ask("MSET", *[part for n in range(start, start + 100)
                                     for part in (f"stay:{n}", n)])
            cursor, found, more = b"0", set(), 0
            while True:
                cursor, keys = parse(client.ask("SCAN", cursor, "COUNT", 50))
                found.update(keys)
                if cursor == b"0":
                    break
                for _ in range(40):  # the tables double meanwhile
                    client.ask("SET", f"more:{more}", "x")
                    more += 1
            missing = [n for n in range(3000) if b"stay:%d" % n not in found]
            self.assertEqual(missing, [])
            some = scan(client, "MATCH", "stay:1?", "COUNT", 1000)
            self.assertEqual(sorted(some),
                             [b"stay:%d" % n for n in range(10, 20)])

    def test_keys_expire_unasked(self):
        with self.server.client() as client:
            for n in range(100):
                client.ask("SET", f"gone:{n}", "x", "PX", 30 + n)
                client.ask("SET", f"here:{n}", "x", "EX", 1000)
            wait_for(lambda: parse(client.ask("DBSIZE")) == 100,
                     "the expiry of keys that nobody asks for")
            self.assertEqual(parse(client.ask("EXISTS", "gone:1", "here:1")),
                             1)
            self.assertEqual(info(client)["expired_keys"], "100")

    def test_a_key_is_gone_when_its_time_is_up(self):
        with self.server.client() as client:
            client.ask("SET", "k", "x", "PX", 60)
            self.assertEqual(parse(client.ask("GET", "k")), b"x")
            time.sleep(0.07)
            self.assertEqual(parse(client.ask("GET", "k")), None)
            self.assertEqual(parse(client.ask("TTL", "k")), -2)


def own_address():
    """An address of this machine that is not loopback, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        address = probe.getsockname()[0]
    return None if address.startswith("127.") else address


class Guests(unittest.TestCase):
    """Who may come, and how long who says nothing may stay."""

    def first_line(self, address, port, command=b"PING\r\n"):
        with socket.create_connection((address, port), TIMEOUT) as guest:
            guest.sendall(command)
            with guest.makefile("rb") as file:
                return file.readline()

    def test_without_a_password_only_this_machine_may_come(self):
        address = own_address()
        if address is None:
            self.skipTest("this machine has no address but loopback")
        everywhere = ("--bind", "0.0.0.0")
        with GyreKv(PROGRAM, *everywhere) as server:
            try:
                line = self.first_line(address, server.port)
            except ConnectionResetError:
                line = b"-DENIED "  # it was on its way
            self.assertTrue(line.startswith(b"-DENIED "), line)
            self.assertEqual(self.first_line("127.0.0.1", server.port),
                             b"+PONG\r\n")
        with GyreKv(PROGRAM, *everywhere, "--requirepass", "x") as server:
            self.assertEqual(self.first_line(address, server.port),
                             b"-NOAUTH Authentication required.\r\n")
        with GyreKv(PROGRAM, *everywhere, "--protected-mode", "no") as server:
            self.assertEqual(self.first_line(address, server.port),
                             b"+PONG\r\n")

    def test_redis_cli_gives_the_password(self):
        with GyreKv(PROGRAM, "--requirepass", "open sesame") as server:
            with open(f"/proc/{server.pid}/cmdline", "rb") as file:
                self.assertNotIn(b"sesame", file.read())
            for password, reply in (("open sesame", "PONG"),
                                    ("wrong", "NOAUTH")):
                done = subprocess.run(
                    ["redis-cli", "-p", str(server.port), "-a", password,
                     "--no-auth-warning", "ping"],
                    capture_output=True, text=True, timeout=TIMEOUT)
                self.assertIn(reply, done.stdout)

    def test_idle_clients_are_closed_and_subscribers_stay(self):
        with GyreKv(PROGRAM, "--timeout", "1") as server:
            with server.client() as idle, server.client() as subscriber, \
                    server.client() as returned:
                subscriber.ask("SUBSCRIBE", "c")
                returned.ask("SUBSCRIBE", "c")
                returned.ask("UNSUBSCRIBE", "c")
                self.assertEqual(idle.rest(), b"")
                self.assertEqual(returned.rest(), b"")
                subscriber.ask("PING")

    def test_a_subscriber_may_leave_unread_what_it_was_given(self):
        with GyreKv(PROGRAM, "--unread-limit", "100000,0,60") as server:
            with server.client() as slow, server.client() as sender:
                slow.ask("SUBSCRIBE", "c")
                sent = 0
                while sender.ask("PUBLISH", "c", b"x" * MIB) != b":0\r\n":
                    sent += 1
                    self.assertLess(sent, 30)


def shards(client):
    """What INFO says of each shard."""
    text = parse(client.ask("INFO", "shards")).decode()
    lines = text.split("\r\n")
    assert lines[0] == "# Shards" and lines[-1] == "", text
    return [dict(field.split("=") for field in line.split(":")[1].split(","))
            for line in lines[1:-1]]


class Shards(unittest.TestCase):
    """Where keys live, as far as clients can see it."""

    def test_each_shard_says_what_it_has(self):
        with GyreKv(PROGRAM) as server, server.client() as client:
            self.assertNotIn("shard0", info(client))
            for number in range(400):
                client.ask("SET", f"key:{number}", "x")
            said = shards(client)
            self.assertEqual(len(said), 4)
            for shard in said:
                self.assertGreater(int(shard["keys"]), 40)
                self.assertGreater(int(shard["used_memory"]), 40 * 100)
            self.assertEqual(sum(int(shard["keys"]) for shard in said), 400)
            self.assertEqual(sum(int(shard["clients"]) for shard in said), 1)
            self.assertEqual(
                sum(int(shard["used_memory"]) for shard in said),
                int(info(client)["used_memory"]))
            for name in ("ALL", "everything"):
                text = parse(client.ask("INFO", name))
                self.assertIn(b"\r\n\r\n# Shards\r\nshard0:keys=", text)
                self.assertIn(b"# Server\r\n", text)

    def test_keys_with_one_tag_share_a_shard(self):
        with GyreKv(PROGRAM) as server, server.client() as client:
            for tag in range(20):
                keys = [f"{{tag:{tag}}}:{number}" for number in range(50)]
                client.ask("FLUSHALL")
                client.ask("MSET", *[word for key in keys
                                     for word in (key, key)])
                self.assertEqual(sorted(int(shard["keys"])
                                        for shard in shards(client)),
                                 [0, 0, 0, 50])
                self.assertEqual(parse(client.ask("MGET", *keys)),
                                 [key.encode() for key in keys])
                self.assertGreater(
                    parse(client.ask("MEMORY", "USAGE", keys[0])), 60)


    def test_keys_of_several_shards(self):
        """What needs one shard says so where there are several."""
        crossed = b"-CROSSSLOT Keys in request don't hash to the same slot\r\n"
        with GyreKv(PROGRAM) as server, server.client() as client:
            commands = [("LMOVE", "a", "KEY", "LEFT", "LEFT"),
                        ("RPOPLPUSH", "a", "KEY"), ("SMOVE", "a", "KEY", "m"),
                        ("SINTER", "a", "a", "KEY"), ("SUNION", "KEY", "a"),
                        ("SDIFF", "a", "KEY"), ("SINTERSTORE", "a", "KEY"),
                        ("SUNIONSTORE", "a", "a", "KEY"),
                        ("SDIFFSTORE", "a", "KEY", "a"),
                        ("SINTERCARD", 2, "a", "KEY"), ("RENAME", "a", "KEY"),
                        ("RENAMENX", "a", "KEY"),
                        ("MSETNX", "a", "x", "KEY", "a")]
            for command in commands:
                replies = []
                for number in range(40):
                    keyed = [f"k{number}" if word == "KEY" else word
                             for word in command]
                    client.send(encode(*keyed) + encode("DEL", "a"))
                    replies.append(client.reply())
                    client.reply()
                self.assertIn(crossed, replies, command)
                self.assertNotEqual(set(replies), {crossed}, command)
                tagged = [f"{{a}}{word}" if word in ("a", "KEY") else word
                          for word in command]
                self.assertNotEqual(client.ask(*tagged), crossed)
            self.assertEqual(client.ask("SINTERCARD", "0", "a"),
                             b"-ERR numkeys should be greater than 0\r\n")


class Path(unittest.TestCase):
    """A Unix socket beside the port."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "kv")

    def test_it_serves_and_leaves_nothing(self):
        with GyreKv(PROGRAM, "--unixsocket", self.path, "--unixsocketperm",
                    "660", "--maxclients", "21") as server:
            self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o660)
            done = subprocess.run(
                ["redis-cli", "-s", self.path, "set", "a", "1"],
                capture_output=True, text=True, timeout=TIMEOUT)
            self.assertEqual(done.stdout, "OK\n")
            with server.client() as other:
                self.assertEqual(other.ask("GET", "a"), b"$1\r\n1\r\n")
                wait_for(lambda: info(other)["connected_clients"] == "1",
                         "redis-cli to be gone")
                clients = [Client(self.path) for _ in range(20)]
                for number, client in enumerate(clients):
                    self.assertEqual(client.ask("APPEND", "b", "x"),
                                     b":%d\r\n" % (number + 1))
                # The limit is one, wherever they come from.
                with Client(self.path) as extra:
                    self.assertIn(b"max number", extra.rest())
            # They are numbered by shard; all shards have some.
            self.assertEqual({parse(client.ask("CLIENT", "ID")) % 4
                              for client in clients}, {0, 1, 2, 3})
            for client in clients:
                client.close()
        self.assertFalse(os.path.exists(self.path))

    def test_what_a_killed_server_left_is_no_hindrance(self):
        server = GyreKv(PROGRAM, "--unixsocket", self.path)
        server.kill()
        self.assertTrue(os.path.exists(self.path))
        with GyreKv(PROGRAM, "--unixsocket", self.path):
            with Client(self.path) as client:
                self.assertEqual(client.ask("PING"), b"+PONG\r\n")
            done = run("--port", "0", "--unixsocket", self.path)
            self.assertEqual(done.returncode, 1)
            self.assertIn("a process that runs has it", done.stderr)
            with Client(self.path) as client:
                self.assertEqual(client.ask("PING"), b"+PONG\r\n")

    def test_what_is_no_socket_stays(self):
        with open(self.path, "w", encoding="ascii") as file:
            file.write("precious")
        done = run("--port", "0", "--unixsocket", self.path)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no socket", done.stderr)
        with open(self.path, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")

    def test_clients_there_need_the_password_too(self):
        with GyreKv(PROGRAM, "--unixsocket", self.path, "--requirepass",
                    "x"):
            with Client(self.path) as client:
                self.assertEqual(client.ask("PING")[:8], b"-NOAUTH ")


class Limits(unittest.TestCase):
    def test_too_many_clients_are_turned_away(self):
        with GyreKv(PROGRAM, "--maxclients", "5") as server:
            clients = [server.client() for _ in range(5)]
            for client in clients:
                self.assertEqual(client.ask("PING"), b"+PONG\r\n")
            for _ in range(5):
                with server.client() as extra:
                    self.assertEqual(
                        extra.rest(),
                        b"-ERR max number of clients reached\r\n")
            for client in clients:
                self.assertEqual(client.ask("PING"), b"+PONG\r\n")
            self.assertEqual(info(clients[0])["rejected_connections"], "5")
            clients[4].close()

            def is_let_in():
                with server.client() as client:
                    client.send(b"PING\r\n")
                    return client.rest_or_line() == b"+PONG\r\n"

            wait_for(is_let_in, "a place becoming free")
            for client in clients:
                client.close()

    def test_memory_has_a_limit_over_all_shards(self):
        limit = 20 * MIB
        refused = (b"-OOM command not allowed when used memory > "
                   b"'maxmemory'.\r\n")
        with GyreKv(PROGRAM, "--maxmemory", "20mb") as server:
            with server.client() as client:
                before = server.memory()
                commands = [encode("SET", f"key:{number}", b"x" * 1000)
                            for number in range(25000)]
                client.send(b"".join(commands))
                replies = [client.reply() for _ in commands]
                self.assertEqual(set(replies), {b"+OK\r\n", refused})
                keys = parse(client.ask("DBSIZE"))
                self.assertEqual(replies.count(b"+OK\r\n"), keys)
                # What shards hold for later is little, though they differ.
                said = info(client)
                self.assertEqual(said["maxmemory"], str(limit))
                self.assertLessEqual(int(said["used_memory"]), limit)
                self.assertGreater(int(said["used_memory"]), limit * 0.9)
                if not is_sanitized(PROGRAM):
                    self.assertLess(server.memory() - before, 2 * limit)
                # MSET's part on one shard at least has no room.
                self.assertEqual(client.ask("MSET", *[
                    word for number in range(64)
                    for word in (f"new:{number}", b"x" * 10000)]), refused)
                self.assertEqual(client.ask("FLUSHALL"), b"+OK\r\n")
                self.assertEqual(client.ask("SET", "a", b"x" * 100000),
                                 b"+OK\r\n")
                wait_for(lambda: int(info(client)["used_memory"]) < 2 * MIB,
                         "memory coming back")

    def test_bulks_have_the_limit_that_was_given(self):
        with GyreKv(PROGRAM, "--max-bulk", "1000") as server:
            with server.client() as client:
                self.assertEqual(client.ask("SET", "a", "x" * 1000),
                                 b"+OK\r\n")
                self.assertEqual(
                    client.ask("APPEND", "a", "x"),
                    b"-ERR string exceeds maximum allowed size "
                    b"(proto-max-bulk-len)\r\n")
                client.send(b"*1\r\n$1001\r\n")
                self.assertEqual(
                    client.rest(),
                    b"-ERR Protocol error: invalid bulk length\r\n")

    def test_arguments_have_a_limit(self):
        with GyreKv(PROGRAM) as server, server.client() as client:
            client.send(b"*1048577\r\n")
            self.assertEqual(
                client.rest(),
                b"-ERR Protocol error: invalid multibulk length\r\n")

    def test_announcements_take_no_memory(self):
        with GyreKv(PROGRAM) as server:
            with server.client() as client:
                client.ask("PING")
                before = server.memory()
                clients = [server.client() for _ in range(100)]
                for number, other in enumerate(clients):
                    other.send([b"*1048576\r\n$536870912\r\nabc",
                                b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n"
                                + b"x" * 50000][number % 2])
                wait_for(lambda: info(client)["connected_clients"] == "101",
                         "accepting")
                time.sleep(0.2)
                grown = server.memory() - before
                if not is_sanitized(PROGRAM):
                    self.assertLess(grown, 40 * MIB)
                for other in clients:
                    other.close()
                wait_for(lambda: info(client)["connected_clients"] == "1",
                         "closing")

    def test_a_slow_reader_holds_little_memory(self):
        count, size = 3000, 100000  # 300 MB of replies
        with GyreKv(PROGRAM) as server:
            with server.client() as other, server.client() as slow:
                for n in range(16):
                    other.ask("SET", f"big{n}", "x" * size)
                before = server.memory()
                slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                       1 << 16)
                commands = b"".join(encode("GET", f"big{n % 16}")
                                    for n in range(count))
                slow.send(commands)
                highest = 0
                for _ in range(50):
                    self.assertEqual(other.ask("PING"), b"+PONG\r\n")
                    other.ask("MGET", "a", "b", "c", "d")
                    highest = max(highest, server.memory() - before)
                    time.sleep(0.01)
                if not is_sanitized(PROGRAM):
                    self.assertLess(highest, 40 * MIB)
                reply = b"$%d\r\n%s\r\n" % (size, b"x" * size)
                for _ in range(count):
                    self.assertEqual(slow.reply(), reply)

    def test_a_reader_that_never_reads_does_not_stop_the_end(self):
        with GyreKv(PROGRAM) as server:
            stuck = server.client()
            stuck.ask("SET", "big", "x" * 500000)
            stuck.send(b"".join(encode("GET", "big") for _ in range(200)))
            time.sleep(0.2)
            server.end(signal.SIGTERM)
            stuck.close()


def main():
    global PROGRAM
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
