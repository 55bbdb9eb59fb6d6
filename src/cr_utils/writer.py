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
CASES = ("upper", "lower", "swapcase", "title", "capitalize")
REPEATS = ("strip", "lstrip", "rstrip", "reverse", "reversed", "sorted", "abs")  # twice is once, or nothing
UNQUOTED = re.compile(r"'[^']*'")
WORD = re.compile(r"\b[a-z]\w*\b")
TRIES = 6  # how often an expression without meaning is drawn anew
INFIX = ("+", "-", "*", "/", "//", "%", "|", "&", "==", "!=", "<", ">", ">=", "<=", "in", "and", "or")


@dataclass
class Writer:
    """Writes one function body line by line, remembering which variables of which type are in scope.

    `pool` holds the operations that expressions may use, `unused` the variables that nothing has read yet,
    `in_loop` the kind of the innermost loop ("" outside of loops); `idle` is set where an operation came out
    without meaning in spite of all tries, for the caller to draw another.
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
    idle: bool = False

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
        if fitting and (type_ == "bool" or self.rng.random() < 0.55):
            return self.apply(self.rng.choice(fitting), depth - 1)
        if self.rng.random() < (0.85 if type_ != "int" else 0.65) and (name := self.variable(type_)):
            return name, True
        return literal(self.rng, type_), True

    def expression(self, type_: str, depth: int = 1) -> str:
        """Text of an expression of the type."""
        return self.operand(type_, depth)[0]

    def apply(self, op: Operation, depth: int, first: str | None = None) -> tuple[str, bool]:
        """Fill the holes of an operation; `first` fixes its first hole that takes an expression.

        What comes out idle (see `idle`) is drawn anew a few times. Returns the text and whether it binds as
        tightly as a name.
        """
        tight, unread = is_tight(op.template), set(self.unused)
        for _ in range(TRIES):
            self.unused = set(unread)
            text, operands, constants = self._filled(op, depth, first)
            if not (self._constant(operands) or idle(op, operands, constants)):
                return text, tight
        self.idle = True
        return text, tight

    def _filled(self, op: Operation, depth: int, first: str | None) -> tuple[str, list[str], list[str]]:
        """An operation with its holes filled once: its text, its operands, and its constants."""
        template, start, out, used = op.template, 0, [], {first}
        operands, constants = [], []
        depth += op.name == "equals"  # a collection seldom equals a literal
        for hole in HOLE.finditer(template):
            out.append(template[start:hole.start()])
            text, tight = self._fill(hole.group(1), depth, first, used)
            if hole.group(1) in CONSTANTS:
                constants.append(text)
            else:
                operands.append(text)
                first = None
            out.append(text if tight or _enclosed(template, hole) else f"({text})")
            start = hole.end()
        out.append(template[start:])
        return "".join(out), operands, constants

    def _constant(self, operands: list[str]) -> bool:
        """Whether an operation that takes expressions is given nothing but literals."""
        return bool(operands) and not any(self.names & words(text) for text in operands)

    def hide(self, name: str) -> dict[str, list[str]]:
        """Take a variable out of scope for a while; returns the scope to put back."""
        whole = self.scope
        self.scope = {type_: [n for n in names if n != name] for type_, names in whole.items()}
        return whole

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
        text, tight = self.operand(kind, depth)
        return (text, tight) if text not in used else (literal(self.rng, kind), True)


def words(text: str) -> set[str]:
    """The names in a piece of program text, without what stands in string literals."""
    return set(WORD.findall(UNQUOTED.sub("", text)))


def idle(op: Operation, operands: list[str], constants: list[str]) -> bool:
    """Whether an operation with these operands says nothing: `m < m`, `x * 1`, `n + 0`, `b and True`,
    `s.replace('a', 'a')`, `s.lower().upper()`, `sorted(sorted(xs))`, or `xs == [3, 1]`, which never holds.
    """
    if len(operands) > len(set(operands)) and " + " not in op.template:
        return True
    if op.name in ("mul", "floordiv", "repeat") and constants == ["1"]:
        return True
    if op.name in ("add", "sub") and op.type in ("int", "float") and {"0", "0.0"} & set(operands):
        return True
    if op.name == "equals" and op.type in ("str", "list", "dict") and not all(map(words, operands)):
        return True
    if op.type == "bool" and {"True", "False"} & set(operands):
        return True
    if op.name == "replace" and len(set(constants)) < 2:
        return True
    if op.name in CASES:
        return operands[0].endswith(tuple(f".{name}()" for name in CASES))
    return op.name in REPEATS and _again(op, operands[0], constants)


def _again(op: Operation, operand: str, constants: list[str]) -> bool:
    """Whether the operand is the same operation already."""
    before, _, after = HOLE.sub("\0", op.template, count=1).partition("\0")
    for text in constants:
        after = HOLE.sub(lambda _, text=text: text, after, count=1)
    return operand.startswith(before) and operand.endswith(after)


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
