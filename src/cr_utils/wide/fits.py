"""Which operations fit which kinds of variables, and parentheses around operands."""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate

from .space import ROLES, Variant, space

FILLS = {
    "str": ("str", "char", "sub"),
    "char": ("char", "str", "sub"),
    "int": ("int", "n", "num"),
    "num": ("num", "int", "n"),
    "sub": ("sub", "char", "chr"),
    "chars": ("chars", "sub"),
    "key": ("key", "char"),
    "chr": ("chr", "sub"),
    "n": ("n",),
    "idx": ("idx",),
    "w": ("w", "n"),
    "float": ("float",),
    "two_up": ("two_up", "n"),
    "low": ("low",),
    "high": ("high",),
    "n0": ("n0",),
    "two": (),
    "digits": ("digits",),
}


MIDDLES = {
    "str": ("str", "int", "strs", "str"),
    "char": ("int", "str"),
    "int": ("int", "str"),
    "ints": ("ints", "int", "set"),
    "strs": ("strs", "str", "int"),
    "dict": ("ints", "strs", "int"),
    "pairs": ("dict", "pair"),
    "rows": ("ints", "int"),
    "set": ("ints", "int"),
    "sset": ("strs", "int"),
    "tup": ("ints", "int"),
    "stup": ("strs", "str"),
    "groups": ("ints",),
    "sdict": ("strs",),
    "float": ("float", "int"),
    "floats": ("float",),
    "pair": ("str", "int"),
}


def bracketed(text: str, tight: bool) -> str:
    """The text, in parentheses where it could fall apart."""
    return text if tight else f"({text})"


def unwrapped(text: str) -> str:
    """The text without the parentheses that stand around the whole of it (a tuple keeps its own)."""
    level = 0
    for at, char in enumerate(text):
        level += (char in "([{") - (char in ")]}")
        if level == 0 and at < len(text) - 1 or level == 1 and char == ",":
            return text
    return text[1:-1]


@lru_cache(maxsize=4096)
def fitting(kind: str, kinds: frozenset[str]) -> tuple[list[Variant], list[float]]:
    """The operations that give a kind from variables of these kinds, with their weights added up."""
    giving = space().giving
    known = giving.get(kind, []) + (giving.get("char", []) if kind == "str" else [])
    usable = [(variant, weight) for variant, weight in known if weight and accepts(variant, kinds)]
    return [variant for variant, _ in usable], list(accumulate(weight for _, weight in usable))


def accepts(variant: Variant, kinds: frozenset[str]) -> bool:
    """Whether variables of these kinds can fill the operation's main hole."""
    first = variant.holes[0] if variant.holes else ""
    if first in ROLES:
        return any(
            hole not in ROLES and any(k in kinds for k in FILLS.get(hole, (hole,))) for hole in variant.holes
        )
    return any(kind in kinds for kind in FILLS.get(first, (first,))[:2])


def hole_for(variant: Variant, kind: str) -> int | None:
    """The hole that a variable of a kind goes into: its own kind's first, then one that takes it."""
    for at, hole in enumerate(variant.holes):
        if hole == kind:
            return at
    for at, hole in enumerate(variant.holes):
        if hole not in ROLES and kind in FILLS.get(hole, (hole,))[:2]:
            return at
    return None
