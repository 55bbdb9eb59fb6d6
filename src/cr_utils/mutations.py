"""Small changes of literal values that keep their types: other inputs near a given one.

Scope: plain values as programs take them; what is of another kind stays as it is. Runs nothing.
"""

from __future__ import annotations

import ast
import random

from . import literals


def change_text(arguments: str, rng: random.Random) -> str | None:
    """An argument text with every value changed a little; None where it is no list of literals."""
    try:
        call = ast.parse(f"f({arguments})", mode="eval").body
        return ", ".join(literals.canonical(change(literals.value_of(node), rng)) for node in call.args)
    except (SyntaxError, ValueError):  # a LiteralError is a ValueError
        return None


def change(value: object, rng: random.Random) -> object:
    """A value of the same type, near the given one and mostly not equal to it."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + rng.choice((-2, -1, 1, 2, 3))
    if isinstance(value, float):
        return value + rng.choice((-1.5, -0.5, 0.5, 2.0))
    if isinstance(value, str):
        cut = rng.randrange(len(value) + 1)
        return value[:cut] + rng.choice("abcxyzABC0123 ,") + value[cut + rng.randint(0, 1):]
    if isinstance(value, dict):
        return {key: change(one, rng) for key, one in value.items()}
    if isinstance(value, list | tuple | set):
        items = [change(one, rng) for one in value]
        return type(value)(items[rng.randint(0, 1):] if len(items) > 1 else items)
    return value
