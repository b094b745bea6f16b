#!/usr/bin/env python3
"""The example hashes every file of a tree as BLAKE2b does, on time."""

import hashlib
import os
import re
import subprocess
import sys
import tempfile

FILES = 300


def make_tree(root):
    """Files of all sizes in nested folders; their digests by path."""
    digests = {}
    for number in range(FILES):
        folder = os.path.join(root, *f"{number % 27:03}")
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, f"file-{number}")
        content = os.urandom(number * number * 7 % 200000)
        with open(path, "wb") as file:
            file.write(content)
        digests[path] = hashlib.blake2b(content, digest_size=32).hexdigest()
    return digests


def main():
    with tempfile.TemporaryDirectory() as root:
        digests = make_tree(root)
        done = subprocess.run([sys.argv[1], root], capture_output=True,
                              text=True, timeout=60, check=True)
    found = {}
    for line in done.stdout.splitlines():
        digest, path = line.split("  ", 1)
        assert path not in found, f"{path} came twice"
        found[path] = digest
    assert found == digests, "not the digests of the files"
    summary = re.search(r"(\d+) files, .* (\d+) ticks, half of them by "
                        r"([\d.]+) ms, 99 in 100 by ([\d.]+) ms, the latest "
                        r"by ([\d.]+) ms", done.stderr)
    assert summary, done.stderr
    assert int(summary.group(1)) == FILES
    print(done.stderr, end="")


if __name__ == "__main__":
    main()
