"""Hostile programs and answers, by family, and harmless ones that must pass.

A family is a text file: `## name`, the program, `>>> ` and the call, then the expected answer; or, where the
text itself is the trick, a module with ENTRIES.  Fields like {secret!r} are filled in by the test.
"""

import importlib
from pathlib import Path

FAMILIES = (
    "runaway", "memory", "exits", "processes", "files", "network", "values", "guesses", "answers",
    "forgeries", "kernel",
)  # fmt: skip


def entries(family):
    """name -> (code, call, expected) of one family."""
    path = Path(__file__).parent / f"{family}.txt"
    found = dict(map(_entry, path.read_text(encoding="utf-8").split("\n## ")[1:])) if path.exists() else {}
    if (path.parent / f"{family}.py").exists():
        found |= importlib.import_module(f"hostile.{family}").ENTRIES
    return found


def _entry(text):
    name, rest = text.split("\n", 1)
    code, answer = rest.split("\n>>> ", 1)
    call, expected = answer.split("\n", 1)
    return name, (code, call, expected.rstrip("\n"))
