"""The source tree as the checkers see it, and how a checker is run."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

# From the ground up; a room knows itself and what comes before it.
ROOMS = ["base", "bus", "pool", "loop", "runtime", "net"]

# Where atomic operations are made: the one header and its backends.
ATOMICS = [
    "base/atomics.h",
    "base/atomics_builtin.h",
    "base/atomics_ck.h",
    "base/atomics_explorer.h",
    "base/tsan/ck_pr.h",
]

# The only files that may name Concurrency Kit, liburcu or a sanitizer.
SEAMS = ATOMICS + [
    "bus/inbox.c",
    "bus/rcu.c",
    "bus/rcu.h",
]


def paths(root, *suffixes):
    """The tree's files that end so, relative to the root."""
    names = list(git(root) or walk(root))
    return sorted(name for name in set(names)
                  if name.endswith(suffixes or "")
                  and os.path.isfile(os.path.join(root, name)))


def git(root):
    """What git knows or would add; None where there is no repository."""
    if not os.path.exists(os.path.join(root, ".git")) \
            or not shutil.which("git"):
        return None
    found = subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z",
         "--cached", "--others", "--exclude-standard"], capture_output=True)
    return found.stdout.decode().split("\0") if found.returncode == 0 else None


def walk(root):
    """The same without git: everything but hidden folders and builds."""
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders
                      if name != "__pycache__" and not name.startswith(".git")
                      and not (folder == root and name == "build")]
        for name in files:
            yield os.path.relpath(os.path.join(folder, name), root)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def room(path):
    """The room a source file belongs to, or None."""
    first = path.split("/")[0]
    return first if first in ROOMS else None


TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""",
    re.DOTALL)


def blank(text):
    """The text with comments and literals blanked, lines kept in place."""
    return TOKEN.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def comments(text):
    """The comments as (offset, end, text without its stars)."""
    for match in TOKEN.finditer(text):
        if match.group().startswith("/"):
            body = re.sub(r"^/[/*]|\*/$", "", match.group())
            body = re.sub(r"\n\s*\*(?!/)[ \t]?", "\n", body)
            yield match.start(), match.end(), body.strip()


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def drifted(root, path, text):
    """The problem that a generated file is not this text, if it is not."""
    full = os.path.join(root, path)
    if not os.path.exists(full) or read(root, path) != text:
        name = os.path.basename(sys.argv[0])
        yield f"{path}: not what tools/checks/{name} --write makes of the tree"


def run(check, planted, generated=None):
    """
    Run a checker's check(root), which yields problems, over this tree; or,
    with --self-test, over small trees of planted violations. Each of those is
    ({path: text}, the words of the one problem to be found, None for none).
    A checker that generates a file gives (path, generate(root)) for --write.
    """
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(self_test(check, planted))
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.path.dirname(os.path.dirname(here))
    if generated and sys.argv[1:] == ["--write"]:
        path, generate = generated
        text = generate(root)
        with open(os.path.join(root, path), "w", encoding="utf-8") as file:
            file.write(text)
        sys.exit(0)
    problems = list(check(root))
    for problem in problems:
        print(problem)
    print(f"{os.path.basename(sys.argv[0])}: {len(problems)} problems")
    sys.exit(1 if problems else 0)


def self_test(check, planted):
    wrong = 0
    for files, expected in planted:
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8") as file:
                    file.write(text)
            found = list(check(root))
        if expected is None:
            good = not found
        else:
            good = len(found) == 1 and expected in found[0]
        if not good:
            wrong += 1
            print(f"planted: {files}\n  expected: {expected}\n  found: {found}")
    print(f"{len(planted)} planted, {wrong} judged wrongly")
    return 1 if wrong else 0
