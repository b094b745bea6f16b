#!/usr/bin/env python3
"""
kv_tls_test.py GYRE_KV: TLS at gyre-kv's door, with clients of others: openssl
s_client, redis-cli, redis-benchmark and Python's ssl; and with those who do
not speak it.
"""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import unittest

from certificates import OPENSSL, Folder
from kv_servers import (Client, Failure, GyreKv, Server, TIMEOUT, encode,
                        hand_over, wait_for)

PROGRAM = sys.argv.pop()
REDIS_CLI = shutil.which("redis-cli")
REDIS_BENCHMARK = shutil.which("redis-benchmark")


def run(*command, text=None):
    return subprocess.run(command, input=text, capture_output=True,
                          text=True, timeout=TIMEOUT, check=False)


class TlsKv(GyreKv):
    """gyre-kv with a port for TLS, self.tls_port, and a plain one or none."""

    def __init__(self, files, *options, plain=True, sockets=None, names=None):
        command = [PROGRAM, "--port", "0" if plain else "off", "--tls-port",
                   "0", "--tls-cert-file", files.path("server.pem"),
                   "--tls-key-file", files.path("server.key"),
                   "--tls-ca-cert-file", files.path("ca.pem"),
                   "--loops", "2", "--pin", "none", *options]
        if sockets is None:
            Server.__init__(self, command)
        else:
            with hand_over(sockets, names) as (words, environment, how):
                Server.__init__(self, [*words, *command], environment, **how)
        self.files = files
        if plain:
            self.port = self.port_of(r"listens on \S+:(\d+)$")
        self.tls_port = self.port_of(r"with TLS on \S+:(\d+)$")

    def port_of(self, pattern):
        line = self.process.stdout.readline().decode()
        found = re.search(pattern, line)
        if not found:
            self.process.wait(TIMEOUT)
            raise Failure(f"no port in {line!r}: {self.complaints()}")
        return int(found[1])

    def context(self, identity="client"):
        context = ssl.create_default_context(
            cafile=self.files.path("ca.pem"))
        if identity is not None:
            context.load_cert_chain(self.files.path(f"{identity}.pem"),
                                    self.files.path(f"{identity}.key"))
        return context

    def tls_client(self, identity="client"):
        client = Client(self.tls_port)
        try:
            client.socket = self.context(identity).wrap_socket(
                client.socket, server_hostname="127.0.0.1")
        except OSError:
            client.close()
            raise
        return client

    def s_client(self, *options, text="PING\r\nQUIT\r\n"):
        return run(OPENSSL, "s_client", "-connect",
                   f"127.0.0.1:{self.tls_port}", "-CAfile",
                   self.files.path("ca.pem"), "-quiet", "-verify_quiet",
                   *options, text=text)

    def identity(self):
        return ["-cert", self.files.path("client.pem"),
                "-key", self.files.path("client.key")]


def redis_options(server):
    files = server.files
    return ["-p", str(server.tls_port), "--tls",
            "--cacert", files.path("ca.pem"),
            "--cert", files.path("client.pem"),
            "--key", files.path("client.key")]


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.files = Folder()

    @classmethod
    def tearDownClass(cls):
        cls.files.folder.cleanup()

    def refused(self, server, identity):
        """A client with TLS 1.3 hears of it when it reads."""
        with self.assertRaises(OSError):
            with server.tls_client(identity) as client:
                client.ask("PING")

    def test_both_ports_have_the_same_keys(self):
        with TlsKv(self.files) as server:
            with server.tls_client() as client, server.client() as plain:
                self.assertEqual(client.ask("SET", "a", "1"), b"+OK\r\n")
                self.assertEqual(plain.ask("GET", "a"), b"$1\r\n1\r\n")

    def test_a_socket_that_is_inherited(self):
        """Named tls it is for TLS; another is not where --port is off."""
        with socket.create_server(("127.0.0.1", 0)) as ours:
            port = ours.getsockname()[1]
            with TlsKv(self.files, sockets=[ours], names=["tls"]) as server:
                self.assertEqual(server.tls_port, port)
                with server.tls_client() as client, server.client() as plain:
                    self.assertEqual(client.ask("SET", "a", "1"), b"+OK\r\n")
                    self.assertEqual(plain.ask("GET", "a"), b"$1\r\n1\r\n")
            with self.assertRaisesRegex(Failure, "but --port is off"):
                TlsKv(self.files, plain=False, sockets=[ours], names=["a"])

    def test_large_values_come_and_go(self):
        value = os.urandom(1 << 20) * 5
        with TlsKv(self.files) as server:
            with server.tls_client() as client:
                # By this thread: two may not use one connection of OpenSSL's.
                client.socket.sendall(encode("SET", "a", value))
                self.assertEqual(client.reply(), b"+OK\r\n")
                self.assertEqual(client.ask("STRLEN", "a"),
                                 b":%d\r\n" % len(value))
                reply = client.ask("GET", "a")
                self.assertTrue(reply.endswith(value + b"\r\n"))

    @unittest.skipUnless(REDIS_CLI, "there is no redis-cli")
    def test_redis_cli_speaks_with_it(self):
        with TlsKv(self.files) as server:
            options = redis_options(server)
            self.assertEqual(run(REDIS_CLI, *options, "set", "a", "x").stdout,
                             "OK\n")
            self.assertEqual(run(REDIS_CLI, *options, "get", "a").stdout,
                             "x\n")

    @unittest.skipUnless(REDIS_BENCHMARK, "there is no redis-benchmark")
    def test_redis_benchmark_runs_through(self):
        with TlsKv(self.files) as server:
            done = run(REDIS_BENCHMARK, *redis_options(server), "-t",
                       "set,get", "-n", "2000", "-c", "10", "-P", "8", "-q")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("GET:", done.stdout)

    def test_s_client_speaks_with_it(self):
        with TlsKv(self.files) as server:
            for version in "-tls1_2", "-tls1_3":
                done = server.s_client(version, *server.identity())
                self.assertIn("+PONG", done.stdout, done.stderr)
            for version in "-tls1", "-tls1_1":
                done = server.s_client(version, "-cipher",
                                       "ALL:@SECLEVEL=0",
                                       *server.identity())
                self.assertNotIn("PONG", done.stdout)
                self.assertIn("protocol version", done.stderr)

    def test_versions_are_an_option(self):
        with TlsKv(self.files, "--tls-protocols", "TLSv1.3") as server:
            done = server.s_client("-tls1_2", *server.identity())
            self.assertIn("protocol version", done.stderr)
            done = server.s_client("-tls1_3", *server.identity())
            self.assertIn("+PONG", done.stdout)

    def test_clients_must_have_a_certificate(self):
        with TlsKv(self.files) as server:
            self.refused(server, None)
            self.refused(server, "unknown")
            with server.tls_client() as client:
                self.assertEqual(client.ask("PING"), b"+PONG\r\n")

    def test_or_may_have_one(self):
        with TlsKv(self.files, "--tls-auth-clients", "optional") as server:
            self.refused(server, "unknown")
            with server.tls_client(None) as client:
                self.assertEqual(client.ask("PING"), b"+PONG\r\n")

    def test_or_are_not_asked(self):
        with TlsKv(self.files, "--tls-auth-clients", "no") as server:
            with server.tls_client("unknown") as client:
                self.assertEqual(client.ask("PING"), b"+PONG\r\n")

    def test_who_speaks_no_tls_is_closed(self):
        with TlsKv(self.files) as server:
            for said in (b"PING\r\n", b"GET / HTTP/1.1\r\n\r\n",
                         bytes(range(256)) * 100, b"\x16\x03\x01"):
                with Client(server.tls_port) as client:
                    client.send(said)
                    client.socket.shutdown(socket.SHUT_WR)
                    self.assertNotIn(b"PONG", client.rest())
            with server.tls_client() as client:
                self.assertEqual(client.ask("PING"), b"+PONG\r\n")
                wait_for(lambda: b"connected_clients:1\r\n" in
                         client.ask("INFO", "clients"), "their going")

    def test_the_plain_port_may_be_off(self):
        with TlsKv(self.files, plain=False) as server:
            with server.tls_client() as client:
                self.assertEqual(client.ask("PING"), b"+PONG\r\n")

    def test_a_signal_has_the_certificates_read_again(self):
        files = Folder()
        with TlsKv(files) as server, server.tls_client() as before:
            files.certificate("server", "ca", "renewed")

            def is_renewed():
                server.process.send_signal(signal.SIGHUP)
                with server.tls_client() as client:
                    subject = client.socket.getpeercert()["subject"]
                    return ((("commonName", "renewed"),),) == subject

            wait_for(is_renewed, "the renewal")
            self.assertEqual(before.ask("PING"), b"+PONG\r\n")
        files.folder.cleanup()

    def test_what_is_missing_is_told(self):
        path = self.files.path
        own = ["--tls-cert-file", path("server.pem"),
               "--tls-key-file", path("server.key")]
        for options, words in (
                (["--tls-port", "0"], "needs --tls-cert-file"),
                (own, "needs a port"),
                (["--tls-port", "0", *own], "needs --tls-ca-cert-file"),
                (["--port", "off"], "leaves no port"),
                (["--tls-protocols", "SSLv3"], "makes no sense"),
                (["--tls-auth-clients", "maybe"], "makes no sense")):
            done = run(PROGRAM, *options)
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr)
        done = run(PROGRAM, "--port", "0", "--tls-port", "0", *own,
                   "--tls-ca-cert-file", "/nowhere")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nowhere: ENOENT", done.stderr)


if OPENSSL is None:
    print("there is no openssl command")
    sys.exit(77)
unittest.main()
