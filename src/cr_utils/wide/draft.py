"""A program being written: its parameters, the variables in scope, and expressions over them.

Scope: typed expressions built of the space's operations. The operation under test (`focus`) is taken wherever it
fits until it has been placed. Parameters come into being as expressions need them. Nothing is run here.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from . import names
from .space import ROLES, Operation, Variant, space
from .values import literal

NAME = re.compile(r"[A-Za-z_]\w*\Z")
MAX_PARAMETERS = 3
# Kinds of variables that may fill a hole, the best first.
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
LITERAL_ONLY = frozenset(("two", "low", "high"))
OWN = {
    "sub": 0.6,
    "chars": 0.35,
    "key": 0.45,
    "n": 0.45,
    "idx": 0.35,
    "w": 0.5,
    "num": 0.45,
    "two_up": 0.2,
    "chr": 0.45,
    "n0": 0.1,
    "digits": 1.0,
}  # how often a role becomes a parameter


class Dropped(Exception):
    """The draft leads nowhere: begin another."""


@dataclass(frozen=True)
class Var:
    """A variable in scope."""

    name: str
    kind: str


class Draft:
    """The lines of one function under way."""

    def __init__(
        self,
        rng: random.Random,
        focus: Operation | None,
        taken: set[str] | None = None,
        room: int = MAX_PARAMETERS,
    ):
        self.rng, self.focus, self.room = rng, focus, room
        self.variant = rng.choice(focus.variants) if focus else None
        self.params: list[Var] = []
        self.scope: list[Var] = []
        self.lines: list[str] = []
        self.level = 1
        self.taken = taken if taken is not None else {"f"}
        self.unread: set[str] = set()
        self.placed = focus is None
        self.used: list[str] = []
        self.tails: list[bool] = []  # of the loops around this line: whether each ends in a line of its own

    def add(self, line: str) -> None:
        """A line at the present level."""
        self.lines.append("    " * self.level + line)

    def jump(self) -> str:
        """A way out of the loop's turn; never `continue` past the line by which a while loop makes progress."""
        return "break" if self.tails[-1] else self.rng.choice(("continue", "continue", "break"))

    def maybe(self, share: float) -> bool:
        """True in a share of all cases."""
        return self.rng.random() < share

    def parameter(self, kind: str) -> Var:
        """A new parameter. Dropped where there are too many."""
        if len(self.params) >= self.room:
            raise Dropped
        var = Var(names.pick(self.rng, names.PARAMETERS, kind, self.taken), kind)
        self.params.append(var)
        return self._enter(var)

    def local(self, kind: str, table: dict = names.LOCALS) -> Var:
        """A new variable, in scope from now on."""
        return self._enter(Var(names.pick(self.rng, table, kind, self.taken), kind))

    def _enter(self, var: Var) -> Var:
        self.taken.add(var.name)
        self.scope.append(var)
        self.unread.add(var.name)
        return var

    def read(self, var: Var) -> str:
        """The variable's name, noted as read."""
        self.unread.discard(var.name)
        return var.name

    def find(self, kind: str, avoid: frozenset[str] = frozenset()) -> Var | None:
        """A variable in scope that may fill a hole: unread ones first, then late ones."""
        for fits in FILLS.get(kind, (kind,)):
            found = [v for v in self.scope if v.kind == fits and v.name not in avoid]
            if found:
                unread = [v for v in found if v.name in self.unread]
                return self.rng.choice(unread or found[-3:])
        return None

    def have(self, kind: str) -> Var:
        """A variable of exactly this kind, made a parameter where there is none."""
        found = [v for v in self.scope if v.kind == kind]
        return self.rng.choice(found[-3:]) if found else self.parameter(kind)

    def expr(self, kind: str, depth: int = 1, avoid: frozenset[str] = frozenset()) -> tuple[str, bool]:
        """An expression of a kind: (text, whether it stands before a dot without parentheses)."""
        if kind in ROLES:
            return self.role(kind, avoid)
        if not self.placed and depth and self.variant.result in FILLS.get(kind, (kind,)) and self.maybe(0.7):
            return self.apply(self.variant, depth - 1, avoid=avoid)
        var = self.find(kind, avoid)
        if depth and not self.maybe(0.55 if var else 0.25):
            chosen = self._operation(kind)
            if chosen:
                return self.apply(chosen, depth - 1, avoid=avoid)
        if var:
            return self.read(var), True
        if kind in ("str", "int", "float", "char") and self.maybe(0.3) or len(self.params) >= self.room:
            if kind in ("str", "int", "float", "ints", "strs", "char"):
                return literal(self.rng, kind), True
        return self.read(self.parameter("str" if kind == "char" else kind)), True

    def role(self, kind: str, avoid: frozenset[str] = frozenset()) -> tuple[str, bool]:
        """A small operand: a parameter of that role, or a literal."""
        var = self.find(kind, avoid) if kind not in LITERAL_ONLY else None
        if var and (var.name in self.unread or self.maybe(0.5)):
            return self.read(var), True
        if len(self.params) < self.room and self.maybe(OWN.get(kind, 0)):
            return self.read(self.parameter(kind)), True
        if kind == "digits":
            raise Dropped
        return literal(self.rng, kind), True

    def _operation(self, kind: str, first: str | None = None) -> Variant | None:
        """A usual operation that gives this kind from variables at hand (from one of kind `first`)."""
        kinds = frozenset((first,)) if first else frozenset(v.kind for v in self.scope)
        found, weights = fitting(kind, kinds)
        return self.rng.choices(found, cum_weights=weights)[0] if found else None

    def apply(
        self,
        variant: Variant,
        depth: int,
        first: Var | None = None,
        avoid: frozenset[str] = frozenset(),
        text: str | None = None,
    ) -> tuple[str, bool]:
        """An operation on operands; `first` (or an expression `text`) goes into the first hole that takes it."""
        if variant.key == (self.focus.key if self.focus else None):
            self.placed = True
        self.used.append(variant.key)
        out, seen = [], set(avoid)
        quoted = variant.parts[0].startswith("f'")
        given = None if first is None else hole_for(variant, first.kind)
        for at, part in enumerate(variant.parts):
            if at % 2 == 0:
                out.append(part)
                continue
            if at // 2 == given or given is None and text is not None and at == 1:
                made, tight = (
                    (self.read(first), True)
                    if text is None
                    else (text, NAME.match(text) is not None or text[-1] in ")]")
                )
            else:
                made, tight = self.expr(
                    part, 0 if quoted or at > 1 and self.maybe(0.7) else depth, frozenset(seen)
                )
                if quoted and not NAME.match(made):
                    var = self.find(part) or self.parameter(part)
                    made, tight = self.read(var), True
            if NAME.match(made):
                seen.add(made)
            after = variant.parts[at + 1]
            enclosed = out[-1].endswith(("(", "[", ", ")) and after[:1] in (")", "]", ",")
            if enclosed and text is not None and made == text and made.startswith("(") and made.endswith(")"):
                made = unwrapped(made)
            if not tight and (
                after[:1] in (".", "[")
                or after.startswith((" *", " /", " %", " -"))
                or out[-1].endswith(("- ", "-", "* ", "% "))
            ):
                made = f"({made})"
            out.append(made)
        return "".join(out), variant.tight

    def via(self, var: Var, kind: str, depth: int = 1) -> tuple[str, bool]:
        """An expression of a kind that reads the variable, in one or two steps."""
        v = self.variant
        if not self.placed and v.result and not v.loop and hole_for(v, var.kind) is not None:
            if v.result in FILLS.get(kind, (kind,)) and self.maybe(0.85):
                return self.apply(v, depth, first=var)
            if self.maybe(0.6):
                around = self._operation(kind, v.result)
                if around:
                    return self.apply(
                        around, 0, text=bracketed(*self.apply(v, 0, first=var)), first=Var("", v.result)
                    )
        if var.kind in FILLS.get(kind, (kind,)) and kind != "bool" and self.maybe(0.35):
            return self.read(var), True
        chosen = self._operation(kind, var.kind)
        if chosen and (depth == 0 or self.maybe(0.8)):
            return self.apply(chosen, 0, first=var)
        for _ in range(6):
            middle = self.rng.choice(MIDDLES.get(var.kind, ("str", "int")))
            inner, outer = self._operation(middle, var.kind), self._operation(kind, middle)
            if inner and outer and inner.key != outer.key:
                text = bracketed(*self.apply(inner, 0, first=var))
                return self.apply(outer, 0, text=text, first=Var("", middle))
        if chosen:
            return self.apply(chosen, 0, first=var)
        raise Dropped


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
