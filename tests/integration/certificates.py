"""Certificates for tests of TLS, made by the openssl command."""

import os
import shutil
import subprocess
import tempfile

OPENSSL = shutil.which("openssl")


def check(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stderr}")


class Folder:
    """Certificates that openssl makes, each NAME.pem with its NAME.key."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.authority("ca")
        self.authority("stranger")
        self.certificate("server", "ca")
        self.certificate("client", "ca")
        self.certificate("unknown", "stranger")

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def authority(self, name):
        check(OPENSSL, "req", "-x509", "-newkey", "ec", "-pkeyopt",
              "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
              "-subj", f"/CN={name}", "-keyout", self.path(f"{name}.key"),
              "-out", self.path(f"{name}.pem"))

    def certificate(self, name, authority, subject=None,
                    names="IP:127.0.0.1,DNS:localhost"):
        with open(self.path("ext"), "w", encoding="ascii") as file:
            file.write(f"subjectAltName={names}\n")
        check(OPENSSL, "req", "-newkey", "ec", "-pkeyopt",
              "ec_paramgen_curve:P-256", "-nodes",
              "-subj", f"/CN={subject or name}",
              "-keyout", self.path(f"{name}.key"),
              "-out", self.path(f"{name}.csr"))
        check(OPENSSL, "x509", "-req", "-in", self.path(f"{name}.csr"),
              "-CA", self.path(f"{authority}.pem"),
              "-CAkey", self.path(f"{authority}.key"), "-CAcreateserial",
              "-days", "1", "-extfile", self.path("ext"),
              "-out", self.path(f"{name}.pem"))
