"""Hostile programs and answers, by family.  Each module holds ENTRIES: name -> (code, call, expected).

None may pass.  `{...}` fields are filled in by the test with a secret's path, open ports and the like; `harmless`
is the counterpart: entries that must pass.
"""

import importlib

FAMILIES = (
    "runaway", "memory", "exits", "processes", "files", "network", "values", "guesses", "answers", "forgeries",
)  # fmt: skip


def entries(family):
    """name -> (code, call, expected) of one family."""
    return importlib.import_module(f"hostile.{family}").ENTRIES
