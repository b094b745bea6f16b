#!/usr/bin/env python3
"""ports_example_test PROGRAM: everything that was sent through the port came.
"""
import subprocess
import sys


def main():
    ended = subprocess.run([sys.argv[1]], capture_output=True, text=True,
                           timeout=60)
    wanted = "".join(f"10000 from sender {number}\n" for number in range(3))
    if ended.returncode != 0 or ended.stdout != wanted or ended.stderr:
        sys.exit(f"it ended with {ended.returncode}:\n"
                 f"{ended.stdout}{ended.stderr}")


main()
