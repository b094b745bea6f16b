#!/usr/bin/env python3
"""Redis's own test-suite against gyre-kv.

The suite is in the distribution's source package of Redis, which is fetched
into a folder that is kept. What of it is run, and what is left out and why,
is in redis_suite/skipped.
"""

import collections
import glob
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest

from kv_servers import GyreKv

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "redis_suite")
PROGRAM, FOLDER = (os.path.abspath(word) for word in sys.argv[1:3])

# The units that are about what gyre-kv is for, and the seconds that one of
# them may take on a slow machine.
UNITS = ("type/incr", "type/string", "type/list", "type/list-2",
         "type/list-3", "type/set", "type/hash", "type/zset", "keyspace",
         "scan", "expire", "multi", "quit", "protocol", "pubsub", "slowlog",
         "other", "introspection", "introspection-2")
LIMIT = 240

SKIPPED = 77  # ctest counts it as that

# What the suite's harness wants of a server that is not its own, and what
# gyre-kv has no need of.
CHANGES = {
    "tests/test_helper.tcl": [("# parse arguments\n",
                               f"source {{{HERE}/shim.tcl}}\n")],
    "tests/support/server.tcl": [
        ("    r function flush\n", ""),
        ("        r config set $param $val\n",
         "        catch {r config set $param $val}\n"),
        ("        r config set $param $val\n    }\n\n    set srv",
         "        catch {r config set $param $val}\n    }\n\n    set srv")],
}


class Unavailable(Exception):
    """There is no source package to be had here."""


def source_lists(folder):
    """Write what apt is to read: the system's Debian entries, as sources."""
    parts = os.path.join(folder, "parts")
    os.makedirs(parts, exist_ok=True)
    for path in ["/etc/apt/sources.list",
                 *glob.glob("/etc/apt/sources.list.d/*")]:
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        except OSError:
            continue
        if path.endswith(".sources"):
            entries = [re.sub(r"(?m)^Types:.*", "Types: deb-src", entry)
                       for entry in re.split(r"\n\s*\n", text)
                       if re.search(r"(?m)^URIs:.*/debian", entry)]
            text = "\n\n".join(entries)
        else:
            lines = re.findall(r"(?m)^deb\s.*/debian.*$", text)
            text = "\n".join(re.sub(r"^deb\s", "deb-src ", line)
                             for line in lines)
        with open(os.path.join(parts, os.path.basename(path)), "w",
                  encoding="utf-8") as file:
            file.write(text + "\n")
    return parts


def apt(folder, parts, *words):
    command = ["apt-get", "-q", "-o", "Dir::Etc::sourcelist=/dev/null",
               "-o", f"Dir::Etc::sourceparts={parts}",
               "-o", f"Dir::State::lists={folder}/lists",
               "-o", f"Dir::Cache={folder}/cache",
               "-o", "APT::Sandbox::User=", "-o", "Debug::NoLocking=1", *words]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if said.returncode != 0:
        raise Unavailable(said.stderr.strip()[-300:])


def get_suite():
    """The suite's folder, as the package has it."""
    kept = os.path.join(FOLDER, "redis")
    if os.path.isdir(kept):
        return kept
    if shutil.which("apt-get") is None:
        raise Unavailable("there is no apt-get")
    os.makedirs(FOLDER, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        for name in ("lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(folder, name))
        parts = source_lists(folder)
        apt(folder, parts, "update")
        apt(folder, parts, "source", "--download-only", "redis")
        archives = glob.glob(os.path.join(folder, "redis_*.orig.tar.*"))
        if not archives:
            raise Unavailable("the package has no archive")
        with tarfile.open(archives[0]) as archive:
            archive.extractall(folder)
        (top,) = glob.glob(os.path.join(folder, "redis-*/"))
        os.rename(top, kept)
    return kept


def changed_suite(folder):
    """A copy of the suite whose harness has the changes."""
    shutil.copytree(os.path.join(get_suite(), "tests"),
                    os.path.join(folder, "tests"))
    for name, changes in CHANGES.items():
        path = os.path.join(folder, name)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for old, new in changes:
            if old not in text:
                raise AssertionError(f"{name} has no {old!r}")
            text = text.replace(old, new, 1)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def read_skipped():
    """Lines of: unit | a regular expression of names | why."""
    skipped = collections.defaultdict(list)
    with open(os.path.join(HERE, "skipped"), encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                unit, pattern, _ = (part.strip() for part in line.split(" | "))
                skipped[unit].append(pattern)
    return skipped


class Outcome:
    """What a unit's output says of its tests, by their names."""

    def __init__(self, text):
        text = re.sub(r"\x1b\[[\d;]*m", "", text)
        found = re.findall(r"(?m)^\[(ok|err|skip|exception)\]: (.*)$", text)
        self.passed = [re.sub(r" \(\d+ ms\)$", "", name)
                       for kind, name in found if kind == "ok"]
        self.failed = [name for kind, name in found
                       if kind in ("err", "exception")]
        self.skipped = [name for kind, name in found if kind == "skip"]


class RedisSuite(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.skipped = read_skipped()
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.folder = holder.name
        changed_suite(cls.folder)

    def run_unit(self, unit):
        patterns = self.skipped[unit]
        skip_file = os.path.join(self.folder, "skipped")
        with open(skip_file, "w", encoding="utf-8") as file:
            file.write("".join(f"/^(?:{pattern})$\n" for pattern in patterns))
        with GyreKv(PROGRAM) as server:
            said = subprocess.run(
                ["tclsh", "tests/test_helper.tcl", "--host", "127.0.0.1",
                 "--port", str(server.port), "--singledb", "--cluster-mode",
                 "--ignore-encoding", "--ignore-digest", "--durable",
                 "--skipfile", skip_file, "--tags",
                 "-needs:debug -needs:repl -needs:save -large-memory",
                 "--single", f"unit/{unit}"],
                cwd=self.folder, capture_output=True, text=True,
                errors="replace", timeout=LIMIT)
        with open(os.path.join(FOLDER, unit.replace("/", "_") + ".log"), "w",
                  encoding="utf-8") as file:
            file.write(said.stdout + said.stderr)
        outcome = Outcome(said.stdout)
        self.assertEqual((outcome.failed, said.returncode), ([], 0),
                         said.stdout[-4000:] + said.stderr)
        self.assertTrue(outcome.passed, said.stdout)
        for pattern in patterns:
            self.assertTrue(any(re.fullmatch(pattern, name)
                                for name in outcome.skipped),
                            f"no test is left out by {pattern}")
        print(f"unit/{unit}: {len(outcome.passed)} passed, "
              f"{len(outcome.skipped)} left out")


def add_unit(unit):
    def test(self):
        self.run_unit(unit)
    name = re.sub(r"\W", "_", unit)
    setattr(RedisSuite, f"test_{name}", test)


for a_unit in UNITS:
    add_unit(a_unit)

if __name__ == "__main__":
    try:
        get_suite()
    except Unavailable as why:
        print(f"no source package of Redis: {why}")
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
