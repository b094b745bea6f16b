#!/usr/bin/env python3
"""The example turns every line round, inside a loop that is not gyre's."""

import subprocess
import sys

LINES = [f"line {number} of many" for number in range(500)]


def main():
    done = subprocess.run([sys.argv[1]], input="\n".join(LINES) + "\n",
                          capture_output=True, text=True, timeout=60,
                          check=True)
    turned = sorted(line[::-1] for line in LINES)
    assert sorted(done.stdout.splitlines()) == turned, done.stdout[:500]

    # One at a time: the other loop sleeps before each.
    with subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as program:
        for line in LINES[:20]:
            program.stdin.write(line + "\n")
            program.stdin.flush()
            assert program.stdout.readline() == line[::-1] + "\n"
        program.stdin.close()
        assert program.wait(timeout=20) == 0


if __name__ == "__main__":
    main()
