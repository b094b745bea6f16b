#!/usr/bin/env python3
"""http_server_test PROGRAM: the HTTP example, with Python's client, curl and
wrk, and with bytes that no client would send."""
import http.client
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

PROGRAM = sys.argv.pop()
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self):
        self.port = free_port()
        self.is_stopped = False
        self.process = subprocess.Popen([PROGRAM, str(self.port), "2"])
        self.connect().close()

    def connect(self):
        deadline = time.monotonic() + 10
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port),
                                                timeout=20)
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def stop(self):
        if not self.is_stopped:
            self.process.send_signal(signal.SIGTERM)
        self.is_stopped = True

    def end(self):
        self.stop()
        try:
            return self.process.wait(timeout=20)
        finally:
            self.process.kill()


def read_all(client):
    data = b""
    while part := client.recv(65536):
        data += part
    return data


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        memory = [line for line in file if line.startswith("VmRSS")]
    return int(memory[0].split()[1])


class HttpServer(unittest.TestCase):
    def setUp(self):
        self.server = Server()

    def tearDown(self):
        self.assertEqual(self.server.end(), 0)

    def exchange(self, sent):
        """What comes back, to the end, once all is sent and half-closed."""
        with self.server.connect() as client:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            return read_all(client)

    def test_one_connection_serves_many_requests(self):
        client = http.client.HTTPConnection("127.0.0.1", self.server.port,
                                            timeout=20)
        for method, path, body, status, text in (
                ("GET", "/", None, 200, b"Hello, world!\n"),
                ("HEAD", "/", None, 200, b""),
                ("GET", "/x", None, 404, b"Not Found"),
                ("POST", "/", b"x" * 100000, 405, b"Method Not Allowed"),
                ("POST", "/", iter([b"a", b"bc"]), 405, b"Method Not Allowed"),
                ("GET", "/", b"a body", 200, b"Hello, world!\n")):
            client.request(method, path, body=body)
            answer = client.getresponse()
            self.assertEqual((answer.status, answer.read()), (status, text))
            self.assertRegex(answer.headers["Date"],
                             r"^\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT$")
            self.assertEqual(answer.headers["Allow"],
                             "GET, HEAD" if status == 405 else None)
        # Still the same one: Python would have made another silently.
        self.assertIsNotNone(client.sock)
        client.close()

    def test_requests_may_be_pipelined_and_the_client_half_close(self):
        answers = self.exchange(GET * 5000)
        self.assertEqual(answers.count(b"HTTP/1.1 200 OK\r\n"), 5000)
        self.assertTrue(answers.endswith(b"Hello, world!\n"))

    def test_one_byte_at_a_time(self):
        sent = (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                b"\r\n3\r\nabc\r\n0\r\n\r\n" + GET)
        with self.server.connect() as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for i in range(len(sent)):
                client.sendall(sent[i:i + 1])
            client.shutdown(socket.SHUT_WR)
            answers = read_all(client)
        self.assertTrue(answers.startswith(b"HTTP/1.1 405 "))
        self.assertEqual(answers.count(b"HTTP/1.1 "), 2)

    def test_a_body_may_wait_to_be_asked_for(self):
        with self.server.connect() as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                           b"Expect: 100-continue\r\n\r\n")
            self.assertEqual(client.recv(25, socket.MSG_WAITALL),
                             b"HTTP/1.1 100 Continue\r\n\r\n")
            client.sendall(b"abc" + GET)
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(read_all(client).count(b"HTTP/1.1 "), 2)

    def test_what_is_no_request_is_answered_and_the_last(self):
        for sent, status in ((b"nonsense\r\n\r\n", 400),
                             (b"GET / HTTP/1.1\r\n\r\n", 400),
                             (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
                             (b"POST / HTTP/1.1\r\nHost: a\r\n"
                              b"Transfer-Encoding: chunked\r\n\r\nx\r\n", 400),
                             (b"x" * 10000, 431)):
            answers = self.exchange(sent + GET)
            self.assertTrue(answers.startswith(b"HTTP/1.1 %d " % status))
            self.assertIn(b"\r\nConnection: close\r\n", answers)
            self.assertEqual(answers.count(b"HTTP/1.1 "), 1)

    def test_who_asks_for_it_is_closed_after_the_answer(self):
        for sent in (b"GET / HTTP/1.0\r\n\r\n",
                     b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"):
            with self.server.connect() as client:
                client.sendall(sent + GET)
                answers = read_all(client)
            self.assertEqual(answers.count(b"HTTP/1.1 200 OK"), 1)

    def address(self, path=""):
        return f"http://127.0.0.1:{self.server.port}/{path}"

    @unittest.skipUnless(shutil.which("curl"), "there is no curl")
    def test_curl_is_served(self):
        """Two requests on one connection, one of them with a chunked body."""
        done = subprocess.run(
            ["curl", "-sS", "-T", "-", "-X", "GET", self.address(),
             "--next", "-sS", "-w", "%{http_code} %{num_connects}",
             self.address("x")],
            input=b"x" * 100000, capture_output=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr, done.stdout),
                         (0, b"", b"Hello, world!\nNot Found404 0"))

    @unittest.skipUnless(shutil.which("wrk"), "there is no wrk")
    def test_wrk_has_no_error(self):
        """It says which answers failed only if some did."""
        done = subprocess.run(
            ["wrk", "-t1", "-c20", "-d1s", self.address()],
            capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"[1-9]\d* requests in ")
        self.assertNotRegex(done.stdout, "Non-2xx|Socket errors")

    def test_who_does_not_read_is_not_read_from(self):
        """Megabytes of answers do not gather for one who takes none."""
        pid = self.server.process.pid
        before = resident_kib(pid)
        with self.server.connect() as client:
            client.settimeout(0.5)
            sent = 0
            try:
                while sent < 64 << 20:
                    sent += client.send(GET * 1000)
            except TimeoutError:
                pass
            self.assertLess(sent, 64 << 20)
            # To all of it there would be 300 MiB of answers.
            self.assertLess(resident_kib(pid) - before, 32 << 10)
        self.assertIn(b"200 OK", self.exchange(GET))

    def test_a_stop_closes_who_waits_for_nothing(self):
        with self.server.connect() as idle, self.server.connect() as busy:
            idle.sendall(GET)
            self.assertIn(b"200 OK", idle.recv(4096))
            busy.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                         b"Expect: 100-continue\r\n\r\n")
            busy.recv(25, socket.MSG_WAITALL)
            self.server.stop()
            self.assertEqual(idle.recv(4096), b"")


unittest.main()
