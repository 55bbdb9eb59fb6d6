"""A program being written: its parameters, the variables in scope, and expressions over them.

Scope: typed expressions built of the space's operations. The operation under test (`focus`) is taken wherever
it fits until it has been placed. Parameters come into being as expressions need them. Nothing is run here.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from . import names
from .fits import FILLS, MIDDLES, bracketed, fitting, hole_for, unwrapped
from .space import ROLES, Operation, Variant
from .values import literal

NAME = re.compile(r"[A-Za-z_]\w*\Z")
MAX_PARAMETERS = 3
# Kinds of variables that may fill a hole, the best first.
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
        self.shown: list[str] = []  # the operation under test as it was written out, each time
        self.tails: list[bool] = []  # of the loops around this line: whether each ends in a line of its own

    def add(self, line: str) -> None:
        """A line at the present level."""
        self.lines.append("    " * self.level + line)

    def jump(self) -> str:
        """A way out of the loop's turn; never `continue` past a while loop's line of progress."""
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
        """An operation on operands; `first` (or a `text`) goes into the first hole that takes it."""
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
        made = "".join(out)
        if self.focus and variant.key == self.focus.key:
            self.shown.append(made)
        return made, variant.tight

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
