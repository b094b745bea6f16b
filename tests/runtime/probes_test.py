"""The probes in a binary: held against docs/tracing.md, by the notes that
tracers read. Ends with 77 where the header was not there to make any.

    probes_test.py <binary> <docs/tracing.md>
"""

import re
import subprocess
import sys

NOTE = re.compile(r"^ +Provider: (\S+)\n +Name: (\S+)\n.*\n +Arguments: (.*)$",
                  re.M)
ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \|", re.M)
USE = re.compile(r":gyre:(\w+)(.*?)(?=usdt:|^```)", re.M | re.S)
SKIPPED = 77


def probes_of(binary):
    """{name: how many arguments}; each place of a probe has the same."""
    text = subprocess.run(["readelf", "-n", binary], capture_output=True,
                          text=True, check=True).stdout
    probes = {}
    for provider, name, arguments in NOTE.findall(text):
        if provider != "gyre":
            continue
        count = len(arguments.split())
        assert probes.setdefault(name, count) == count, (name, arguments)
    return probes


def main():
    binary, path = sys.argv[1:3]
    with open(path, encoding="utf-8") as file:
        page = file.read()
    probes = probes_of(binary)
    if not probes:
        print("no probes: <sys/sdt.h> was not there")
        return SKIPPED
    listed = {name: len(arguments.split(","))
              for name, arguments in ROW.findall(page)}
    assert listed == probes, (listed, probes)
    used = USE.findall(page)
    assert {name for name, _ in used} == set(probes), used
    for name, line in used:
        numbers = {int(number) for number in re.findall(r"\barg(\d)", line)}
        assert not numbers or max(numbers) < probes[name], (name, line)
    print(f"{len(probes)} probes, as listed")
    return 0


sys.exit(main())
