#!/usr/bin/env python3
"""hiredis_test.py GYRE-KV HIREDIS-CLIENT

hiredis, the C client, talks to gyre-kv: hiredis_client.c says what of.
"""

import subprocess
import sys

from kv_servers import TIMEOUT, GyreKv


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with GyreKv(sys.argv[1]) as server:
        return subprocess.run([sys.argv[2], str(server.port)],
                              timeout=2 * TIMEOUT).returncode


if __name__ == "__main__":
    sys.exit(main())
