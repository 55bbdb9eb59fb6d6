"""Random values of the grammar's types, as Python text.

Scope: small values that a reader could trace by hand. `typical` values are what people write in examples;
`varied` ones are the mutated inputs (released recipe: mixed, repeated-character and punctuated strings).
"""

from __future__ import annotations

import random
import string

WORDS = ("abc", "hello", "test", "code", "data", "xyz", "cat", "dog", "word", "list", "apple", "ab", "python")
LETTERS = "abcdefghij"


def text(rng: random.Random, low: int = 1, high: int = 6) -> str:
    """A short string: lower-case letters (most), letters and digits, either alone, or with punctuation."""
    n, kind = rng.randint(low, high), rng.random()
    if kind < 0.55:
        return "".join(rng.choice(LETTERS) for _ in range(n))
    if kind < 0.70:
        return "".join(rng.choice(string.ascii_letters + string.digits) for _ in range(n))
    if kind < 0.82:
        return "".join(rng.choice("ab") for _ in range(n))
    if kind < 0.88:
        return "".join(rng.choice("abAB12") for _ in range(n))
    if kind < 0.94:
        letters = rng.choice(("0123456789", "ABCDE"))
        return "".join(rng.choice(letters) for _ in range(n))
    return "".join(rng.choice("abc,-. ") for _ in range(n))


def value(rng: random.Random, type_: str, varied: bool = True):
    """A Python value of a grammar type; `varied=False` gives the typical example value."""
    if type_ == "str":
        return text(rng) if varied else rng.choice(WORDS)
    if type_ == "int":
        options = (rng.randint(0, 9), rng.randint(0, 20), rng.randint(-9, 9)) if varied else ()
        return rng.choice(options) if varied else rng.randint(1, 5)
    if type_ == "float":
        return rng.randint(0, 19) / 2
    if type_ == "bool":
        return rng.random() < 0.5
    if type_ in ("list", "tuple", "set"):
        n = rng.randint(1, 5) if varied else 3
        items = [rng.randint(0, 9) if rng.random() < 0.8 else rng.randint(0, 20) for _ in range(n)]
        if not varied:
            items = list(range(1, n + 1)) if rng.random() < 0.5 else sorted(items)
        return {"list": list, "tuple": tuple, "set": set}[type_](items)
    if type_ == "slist":
        return [text(rng, 1, rng.randint(1, 3)) if varied else rng.choice(WORDS[:6])
                for _ in range(rng.randint(1, 3))]
    if type_ == "dict":
        keys = rng.sample(LETTERS[:6] if varied else "abc", rng.randint(1, 3))
        return {k: rng.randint(0, 9) for k in keys}
    return constant(rng, type_)


def constant(rng: random.Random, type_: str):
    """A literal for a hole that only takes constants: chr, pre, idx, n, w."""
    if type_ == "chr":
        return rng.choice("abcde" if rng.random() < 0.75 else "fghij,- 12AB")
    if type_ == "pre":
        return "".join(rng.choice("abcde") for _ in range(rng.choice((1, 1, 2))))
    return rng.randint(*{"idx": (0, 2), "n": (1, 4), "w": (3, 8)}[type_])

