#!/usr/bin/env python3
"""tls_client_test.py TLS_CLIENT: our TLS with a server that is not ours,
openssl s_server: what they agree on, and why the client refuses or is refused.
"""

import os
import re
import shutil
import subprocess
import sys
import unittest

from certificates import OPENSSL, Folder
from kv_servers import TIMEOUT

PROGRAM = os.path.abspath(sys.argv.pop())


class Server:
    """openssl s_server, which sends each line back the other way round."""

    def __init__(self, files, *options, name="server"):
        self.process = subprocess.Popen(
            [OPENSSL, "s_server", "-accept", "127.0.0.1:0", "-rev",
             "-cert", files.path(f"{name}.pem"),
             "-key", files.path(f"{name}.key"), *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        for line in self.process.stdout:
            found = re.match(rb"ACCEPT 127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = found[1].decode()
                return
        self.__exit__()
        raise AssertionError("openssl s_server does not listen")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def ask(server, *options, host="127.0.0.1", text="abc\nCLOSE\n"):
    return subprocess.run([PROGRAM, host, server.port, *options], input=text,
                          capture_output=True, text=True, timeout=TIMEOUT)


@unittest.skipUnless(OPENSSL, "there is no openssl command")
class TlsClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.files = Folder()
        cls.addClassCleanup(cls.files.folder.cleanup)
        cls.ca = cls.files.path("ca.pem")

    def expect(self, said, status, printed, complaint):
        self.assertEqual((said.returncode, said.stdout), (status, printed),
                         said.stderr)
        self.assertRegex(said.stderr, complaint)

    def test_both_versions(self):
        for option, version in (("-tls1_3", "TLSv1.3"), ("-tls1_2", "TLSv1.2")):
            with Server(self.files, option) as server:
                for host in ("127.0.0.1", "localhost"):
                    self.expect(ask(server, self.ca, host=host), 0, "cba\n",
                                rf"\A{version} with .*CN=server.*, [\w-]+\n\Z")

    def test_a_large_text(self):
        line = "0123456789" * 1000
        with Server(self.files) as server:
            said = ask(server, self.ca, text=f"{line}\n" * 50 + "CLOSE\n")
            self.expect(said, 0, (line[::-1] + "\n") * 50, "TLSv1.3")

    def test_a_protocol_is_agreed_on(self):
        with Server(self.files, "-alpn", "http/1.1,h2") as server:
            self.expect(ask(server, self.ca, "h2,http/1.1"), 0, "cba\n",
                        ", http/1.1\n")

    def test_another_name_is_refused(self):
        self.files.certificate("other", "ca", names="DNS:other.test")
        with Server(self.files, name="other") as server:
            self.expect(ask(server, self.ca), 1, "", "EACCES .*mismatch")

    def test_a_stranger_is_refused(self):
        with Server(self.files, name="unknown") as server:
            self.expect(ask(server, self.ca), 1, "", "EACCES .*local issuer")
            # Whom the system trusts does not vouch for it either.
            self.expect(ask(server), 1, "", "EACCES ")

    def test_the_server_asks_for_a_certificate(self):
        own = self.files.path("own.pem")
        with open(own, "w", encoding="ascii") as file:
            for name in ("client.pem", "client.key"):
                with open(self.files.path(name), encoding="ascii") as part:
                    shutil.copyfileobj(part, file)
        with Server(self.files, "-Verify", "2", "-verify_return_error",
                    "-CAfile", self.ca) as server:
            self.expect(ask(server, self.ca, "", own), 0, "cba\n", "TLSv1.3")
            self.expect(ask(server, self.ca), 1, "", "certificate required")

    def test_an_old_server_is_refused(self):
        with Server(self.files, "-tls1_1", "-cipher",
                    "ALL:@SECLEVEL=0") as server:
            self.expect(ask(server, self.ca), 1, "", "EPROTO ")

    def test_nobody_listens(self):
        with Server(self.files) as server:
            pass
        self.expect(ask(server, self.ca), 1, "", r"\AECONNREFUSED ")


if __name__ == "__main__":
    unittest.main()
