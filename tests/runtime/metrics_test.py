"""What is written for Prometheus: held against docs/metrics.md, which lists it
all, and by promtool, if there is one (else this ends with 77). --write makes
the list.

    metrics_test.py <statistics_test> <docs/metrics.md> [--write]
"""

import re
import shutil
import subprocess
import sys

HEAD = re.compile(r"^# HELP (\S+) (.*)\n# TYPE (\S+) (\S+)$", re.M)
ROW = re.compile(r"^\| `(gyre_\S+)` .*\|$", re.M)


def labels(text, name):
    sample = re.search(rf"^{name}(?:_sum)?(?:{{(.*?)}})? ", text, re.M)
    return ", ".join(re.findall(r"(\w+)=", sample.group(1) or ""))


def rows(text):
    for name, said, typed, kind in HEAD.findall(text):
        assert name == typed, (name, typed)
        yield f"| `{name}` | {kind} | {labels(text, name)} | {said} |"


def check_samples(text):
    """Every line is a head's or belongs to the head above, and a histogram's
    buckets grow up to its count."""
    name, before = None, 0
    for line in text.splitlines():
        if line.startswith("# "):
            name, before = line.split()[2], 0
            continue
        sample = re.fullmatch(r"(\w+)(\{.*\})? ([0-9.]+)", line)
        assert sample, line
        assert re.fullmatch(name + "(_bucket|_sum|_count)?",
                            sample.group(1)), line
        if sample.group(1).endswith("_bucket"):
            count = int(sample.group(3))
            assert count >= before, line
            before = 0 if "+Inf" in line else count


def main():
    program, docs = sys.argv[1:3]
    text = subprocess.run([program, "text"], capture_output=True, text=True,
                          check=True, timeout=120).stdout
    check_samples(text)
    with open(docs, encoding="utf-8") as file:
        page = file.read()
    made = list(rows(text))
    if "--write" in sys.argv:
        first = page.index("| --- |")
        first = page.index("\n", first) + 1
        with open(docs, "w", encoding="utf-8") as file:
            file.write(page[:first] + "\n".join(made) + "\n")
        return 0
    listed = [match.group(0) for match in ROW.finditer(page)]
    assert listed == made, sorted(set(listed) ^ set(made))
    promtool = shutil.which("promtool")
    if promtool is None:
        print("no promtool")
        return 77
    answer = subprocess.run([promtool, "check", "metrics"], input=text,
                            capture_output=True, text=True, timeout=60)
    print(answer.stdout, answer.stderr, f"{len(made)} metrics")
    return answer.returncode


sys.exit(main())
