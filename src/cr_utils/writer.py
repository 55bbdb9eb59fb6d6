"""Writes the body of one function: names that fit their types, expressions of a wanted type, lines of code.

Scope: which variables are in scope and what may stand where an expression of a type is wanted. Statements and
blocks are made by `blocks`, whole programs by `grammar`. Nothing is executed here.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from .constraints import CONSTANTS, HOLE, Operation
from .literals_random import constant, value

NAMES = {
    "str": ("s", "text", "word", "a", "b", "line", "key"), "int": ("n", "k", "m", "x", "y", "num", "size"),
    "list": ("nums", "xs", "items", "arr", "values", "data"), "slist": ("words", "parts", "names", "tokens"),
    "dict": ("d", "counts", "table", "scores"), "tuple": ("pair", "t", "point", "tup"),
    "set": ("seen", "group", "pool", "uniq"), "float": ("rate", "z", "price"), "bool": ("flag", "ok", "done"),
}
RESULTS = {
    "str": ("out", "res", "result"), "int": ("total", "count", "acc"), "list": ("out", "res", "result"),
    "slist": ("res", "found", "out"), "dict": ("res", "out"), "tuple": ("res", "out"), "set": ("res", "out"),
    "float": ("total", "acc"), "bool": ("ok", "res"),
}
INFIX = ("+", "-", "*", "/", "//", "%", "|", "&", "==", "!=", "<", ">", ">=", "<=", "in", "and", "or")


@dataclass
class Writer:
    """Writes one function body line by line, remembering which variables of which type are in scope.

    `pool` holds the operations that expressions may use, `unused` the variables that nothing has read yet,
    `in_loop` the kind of the innermost loop ("" outside of loops).
    """

    rng: random.Random
    pool: Sequence[Operation]
    names: set[str] = field(default_factory=set)
    scope: dict[str, list[str]] = field(default_factory=dict)
    unused: set[str] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)
    indent: int = 1
    in_loop: str = ""
    params: frozenset[str] = frozenset()

    def add(self, text: str) -> None:
        """Write a line at the current indentation."""
        self.lines.append("    " * self.indent + text)

    def parameters(self, types: list[str]) -> list[str]:
        """Names for the function's parameters, declared in scope and waiting to be read."""
        names = [self.fresh(type_) for type_ in types]
        self.unused, self.params = set(names), frozenset(names)
        return names

    def fresh(self, type_: str, result: bool = False) -> str:
        """A new variable name that fits the type, declared in scope."""
        options = [n for n in (RESULTS if result else NAMES)[type_] if n not in self.names]
        spare = (f"v{i}" for i in range(99))
        name = self.rng.choice(options) if options else next(n for n in spare if n not in self.names)
        self.names.add(name)
        self.scope.setdefault(type_, []).append(name)
        return name

    def fresh_loop(self, stem: str) -> str:
        """A new loop variable: the customary letter, or a variation of it."""
        options = (stem, stem * 2, *(f"{stem}{i}" for i in range(1, 20)))
        name = next(n for n in options if n not in self.names)
        self.names.add(name)
        return name

    def variable(self, type_: str) -> str | None:
        """A variable of the type, one that nothing has read yet if there is one; None where there is none."""
        options = self.scope.get(type_)
        if not options:
            return None
        waiting = [v for v in options if v in self.unused]
        name = self.rng.choice(waiting or options)
        self.unused.discard(name)
        return name

    def visible(self) -> set[str]:
        """Every variable in scope."""
        return {name for names in self.scope.values() for name in names}

    def reads(self, op: Operation) -> bool:
        """Whether the operation has a variable to work on, so that no literal is taken apart on the spot."""
        return not op.operands or bool(self.scope.get(op.operands[0]))

    def operand(self, type_: str, depth: int) -> tuple[str, bool]:
        """Text of an expression of the type and whether it binds as tightly as a name.

        `depth` bounds how deeply operations nest in it.
        """
        if type_ in CONSTANTS:
            return repr(constant(self.rng, type_)), True
        fitting = [op for op in self.pool if op.result == type_ and self.reads(op)] if depth > 0 else []
        if fitting and self.rng.random() < 0.55:
            return self.apply(self.rng.choice(fitting), depth - 1)
        if self.rng.random() < (0.85 if type_ != "int" else 0.65) and (name := self.variable(type_)):
            return name, True
        return literal(self.rng, type_), True

    def expression(self, type_: str, depth: int = 1) -> str:
        """Text of an expression of the type."""
        return self.operand(type_, depth)[0]

    def apply(self, op: Operation, depth: int, first: str | None = None) -> tuple[str, bool]:
        """Fill the holes of an operation; `first` fixes its first hole that takes an expression.

        Returns the text and whether it binds as tightly as a name.
        """
        template, start, out, used = op.template, 0, [], {first}
        for hole in HOLE.finditer(template):
            out.append(template[start:hole.start()])
            text, tight = self._fill(hole.group(1), depth, first, used)
            if hole.group(1) not in CONSTANTS:
                first = None
            out.append(text if tight or _enclosed(template, hole) else f"({text})")
            start = hole.end()
        out.append(template[start:])
        return "".join(out), is_tight(template)

    def _fill(self, kind: str, depth: int, first: str | None, used: set) -> tuple[str, bool]:
        """What goes into one hole: `first` if given, a variable not yet `used` beside it, or anything."""
        if kind in CONSTANTS:
            return self.operand(kind, depth)
        if first is not None:
            return first, True
        if self.rng.random() < 0.7:
            name = self.variable(kind)
            if name is not None and name not in used:
                used.add(name)
                return name, True
        return self.operand(kind, depth)


def _enclosed(template: str, hole: re.Match) -> bool:
    """Whether a hole is a whole argument of a call, so that what fills it needs no parentheses."""
    return template[hole.start() - 1:hole.start()] == "(" and template[hole.end():][:1] in (")", ",")


def is_tight(template: str) -> bool:
    """Whether a template is a call, index or name (needs no parentheses as an operand)."""
    bare = template if template[:1] != "{" else HOLE.sub("v", template)
    bare = bare.split("(")[0]
    return not template.startswith("not ") and not any(f" {sign} " in bare for sign in INFIX)


def literal(rng: random.Random, type_: str) -> str:
    """A literal inside a program: small, and never the empty set."""
    if type_ == "int":
        return repr(rng.randint(0, 9))
    if type_ == "str":
        return repr("".join(rng.choice("abcde") for _ in range(rng.randint(1, 3))))
    return repr(value(rng, type_))
