"""One-step facts about the operations of the wide space: the core grammar's facts, over every entry.

Scope: text such as ``'a-b'.partition('-') == ('a', '-', 'b')``; in-place operations as
``xs.sort(reverse=True); xs = [3, 1]``. Heads of loops have no value of their own and are left out. The
held-out operations are included: the base knows single steps of everything, programs of the training share
only.
"""

from __future__ import annotations

import ast
import random
from functools import lru_cache

from cr_utils import narrator
from cr_utils.writer import NAMES

from .space import Variant, space
from .values import related

MAX_TEXT = 110
FAILURES = (
    ArithmeticError,
    AttributeError,
    LookupError,
    SyntaxError,  # an f-string whose values need quotes
    TypeError,
    ValueError,
    narrator.Unsupported,
    narrator.TooLong,
)


def fact(rng: random.Random, variant: Variant) -> str | None:
    """One fact about an operation, or None where the drawn values raise or give a long text."""
    values = related(rng, variant.holes, rng.random() < 0.5)
    try:
        return _in_place(rng, variant, values) if variant.result is None else _value(rng, variant, values)
    except FAILURES:
        return None


def _filled(variant: Variant, texts: list[str]) -> str:
    parts = list(variant.parts)
    parts[1::2] = texts
    return "".join(parts)


def _value(rng: random.Random, variant: Variant, values: list) -> str | None:
    text = _filled(variant, [narrator.show(value) for value in values])
    got = narrator.show(eval(text))  # noqa: S307 - our own template and literals
    line = f"{text if variant.tight else f'({text})'} == {got}"
    if rng.random() < 0.3:
        line = f"assert {line}"
    return line if len(line) <= MAX_TEXT else None


def _in_place(rng: random.Random, variant: Variant, values: list) -> str | None:
    name = rng.choice(NAMES["list"])
    text = _filled(variant, [name, *(narrator.show(value) for value in values[1:])])
    if not isinstance(ast.parse(text).body[0], ast.Expr | ast.AugAssign | ast.Assign | ast.Delete):
        return None
    env = {name: values[0]}
    before = narrator.show(values[0])
    exec(text, {}, env)  # noqa: S102 - our own template and literals
    line = f"{name} = {before}\n{text}; {name} = {narrator.show(env[name])}"
    return line if len(line) <= MAX_TEXT else None


@lru_cache(maxsize=1)
def _variants() -> tuple[tuple[Variant, ...], ...]:
    return tuple(
        usable
        for op in space().operations.values()
        if (usable := tuple(v for v in op.variants if not v.loop and v.holes))
    )


def page(rng: random.Random, n: int = 8) -> str:
    """`n` facts about operations drawn evenly over the whole space, one under the other."""
    lines: list[str] = []
    while len(lines) < n:
        line = fact(rng, rng.choice(rng.choice(_variants())))
        if line:
            lines.append(line)
    return "\n".join(lines)


__all__ = ["fact", "page"]
