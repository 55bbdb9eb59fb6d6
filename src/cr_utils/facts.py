"""One-step facts: what a single built-in operation gives for given values.

Scope: text such as ``assert 'abc'[::-1] == 'cba'`` for every operation of the constraint space, the held-out
ones included; in-place operations as ``xs.append(4); xs = [1, 2, 4]``. No programs, no chains.
"""

from __future__ import annotations

import random

from . import narrator
from .constraints import CONSTANTS, Operation, space
from .literals_random import value
from .writer import NAMES, is_tight

MAX_TEXT = 90
HOLDS = ("str", "list", "tuple", "set", "dict")


def fill(rng: random.Random, op: Operation) -> tuple[str, dict]:
    """An operation's expression with literals in its holes, and the environment it runs in.

    An in-place operation gets a variable for its first operand instead.
    """
    pieces = split_template(op.template)
    values = draw(rng, pieces[1::2])
    parts, env = [], {}
    for i, piece in enumerate(pieces):
        if i % 2 == 0:
            parts.append(piece)
        elif op.result is None and not env:
            name = rng.choice(NAMES[piece])
            env[name] = values[0]
            parts.append(name)
        else:
            parts.append(narrator.show(values[i // 2]))
    return "".join(parts), env


def draw(rng: random.Random, kinds: list[str]) -> list:
    """Values for the holes; a character, prefix or number is often one that the container beside it holds."""
    values = [value(rng, k, varied=k in CONSTANTS or rng.random() < 0.85) for k in kinds]
    held = next((v for v, k in zip(values, kinds, strict=True) if k in HOLDS and v), None)
    for i, kind in enumerate(kinds):
        if held is None or rng.random() < 0.4:
            continue
        if kind == "pre" and isinstance(held, str):
            values[i] = rng.choice((held[:1], held[:2], held[-1:], held[-2:], held[1:3] or held))
        elif kind == "chr" and isinstance(held, str | dict):
            values[i] = rng.choice(list(held))
        elif kind == "int" and isinstance(held, list | tuple | set):
            values[i] = rng.choice(sorted(held))
    return values


def split_template(template: str) -> list[str]:
    """Text and hole names of a template, alternating, text first."""
    return template.replace("{", "}").split("}")


def fact(rng: random.Random, op: Operation) -> str | None:
    """One fact about an operation, or None where the drawn values raise or give a long text."""
    text, env = fill(rng, op)
    try:
        if op.result is None:
            (name, held), = env.items()
            before = narrator.show(held)
            exec(text, {}, env)  # noqa: S102 - our own template and literals
            line = f"{name} = {before}\n{text}; {name} = {narrator.show(env[name])}"
        else:
            got = narrator.show(eval(text))  # noqa: S307 - our own template and literals
            shown = text if is_tight(op.template) or op.result != "bool" else f"({text})"
            line = f"{shown} == {got}"
            if rng.random() < 0.4:
                line = f"assert {line}"
    except (ArithmeticError, LookupError, TypeError, ValueError, narrator.Unsupported, narrator.TooLong):
        return None
    return line if len(line) <= MAX_TEXT else None


def page(rng: random.Random, n: int = 8) -> str:
    """`n` facts about operations drawn evenly over the whole space, one under the other."""
    operations = list(space().operations.values())
    lines: list[str] = []
    while len(lines) < n:
        line = fact(rng, rng.choice(operations))
        if line:
            lines.append(line)
    return "\n".join(lines)


def single_steps(rng: random.Random, code: str, arguments: list, n: int = 3) -> str | None:
    """A program and `n` lines of its run in random order, see `step_parts`, as one text."""
    parts = step_parts(rng, code, arguments, n)
    return None if parts is None else "".join(text for text, _ in parts)


def step_parts(rng: random.Random, code: str, arguments: list, n: int) -> list[tuple[str, bool]] | None:
    """A program and `n` lines of its run in random order, each after the values variables have before it.

    What one line does, given everything it needs; the lines never follow one another as a chain would have
    them. Parts of the text in order, each with whether it says what a line does (the rest, the program and
    the values, is mostly random choices). None where the program cannot be narrated or runs fewer than `n`
    lines.
    """
    told = narrator.Narrator(code)
    try:
        told.call("f", arguments)
    except (narrator.Unsupported, narrator.TooLong, ArithmeticError, LookupError, TypeError, ValueError):
        return None
    moments = [m for m in told.moments if m[1]]
    if len(moments) < n:
        return None
    drawn = rng.sample(moments, n)
    steps = [((f"\n\n{values}\n", False), (told.lines[index], True)) for index, values in drawn]
    return [(code, False), *(part for step in steps for part in step)]
