"""The histogram against a known one: HdrHistogram, as Node.js has it.

Both see the same lengths; the quantiles may differ by what the buckets of both
are wide. Ends with 77 where there is no Node.js.
"""

import random
import shutil
import subprocess
import sys

SHARES = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999]

NODE = """
const { createHistogram } = require('perf_hooks');
const h = createHistogram({ lowest: 1, highest: 4398046511104, figures: 3 });
const lines = require('fs').readFileSync(0, 'utf8').split('\\n');
for (const line of lines) if (line) h.record(Number(line));
const shares = process.argv.slice(1).map(Number);
console.log([lines.filter((l) => l).length, h.max,
             ...shares.map((s) => h.percentile(s * 100))].join(' '));
"""

DISTRIBUTIONS = {
    "even": lambda: random.randint(1, 10_000_000),
    "exponential": lambda: max(1, int(random.expovariate(1 / 20_000))),
    "heavy tail": lambda: int(random.paretovariate(1.1) * 500) % (1 << 40) + 1,
    "two humps": lambda: max(1, int(random.gauss(*random.choice(
        [(300, 40), (12_000_000, 900_000)])))),
    "small": lambda: random.randint(1, 40),
}


def numbers(command, lines):
    answer = subprocess.run(command, input=lines, capture_output=True,
                            text=True, check=True, timeout=60)
    return [int(word) for word in answer.stdout.split()]


def main():
    node = shutil.which("node")
    if node is None:
        print("no node")
        return 77
    seed = 20261127
    random.seed(seed)
    shares = [str(share) for share in SHARES]
    for name, draw in DISTRIBUTIONS.items():
        lines = "".join(f"{draw()}\n" for _ in range(50_000))
        ours = numbers([sys.argv[1], *shares], lines)
        known = numbers([node, "-e", NODE, *shares], lines)
        assert ours[0] == known[0], (name, "count", ours[0], known[0])
        # The other one rounds its largest to a thousandth.
        assert abs(ours[1] - known[1]) <= known[1] / 1000 + 1, (name, "max")
        for share, mine, theirs in zip(SHARES, ours[2:], known[2:]):
            room = theirs / 16 + theirs / 1000 + 1
            assert abs(mine - theirs) <= room, (name, share, mine, theirs)
        print(f"{name}: {list(zip(ours[2:], known[2:]))}")
    return 0


sys.exit(main())
