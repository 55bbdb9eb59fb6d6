"""What heads of loops are made of: the kinds of items, a loop's record, its variables."""

from __future__ import annotations

from dataclasses import dataclass, field

from . import names
from .draft import Draft, Var

ITEMS = {
    "str": "char",
    "ints": "int",
    "strs": "str",
    "floats": "float",
    "rows": "ints",
    "pairs": "pair",
    "tup": "int",
    "stup": "str",
    "set": "int",
    "sset": "str",
}


@dataclass
class Loop:
    """A loop whose head has been written: its variables (the one to work with first), and closing lines."""

    vars: list[Var]
    tail: list[str] = field(default_factory=list)
    mark: int = 0


def enter(w: Draft, head: str) -> None:
    """Write a head; what follows stands in the loop."""
    w.add(head)
    w.level += 1


def variable(w: Draft, kind: str, table: str | None = None) -> Var:
    """A loop variable in scope, named by its kind."""
    var = Var(names.pick(w.rng, names.LOOPS, table or kind, w.taken), kind)
    w.taken.add(var.name)
    w.scope.append(var)
    return var


def named(w: Draft, kind: str, words: str) -> Var:
    """A loop variable in scope, named by one of these words."""
    var = Var(names.pick(w.rng, {kind: words}, kind, w.taken), kind)
    w.taken.add(var.name)
    w.scope.append(var)
    return var
