"""Literals in programs, and arguments for calls: plain ones as people write them, and mutated ones.

Scope: arguments that belong together (a separator occurs in its text, a key in its dict, an item in its
list), since otherwise most branches are never taken. Mutation follows the released recipe: ints of 5-20,
strings of 5-10 characters.
"""

from __future__ import annotations

import random
import string
from collections.abc import Sequence

WORDS = tuple(
    """apple pear banana cat dog bird sun moon red green blue tree river stone hello world code test data
 quick brown fox lazy mouse house paper cloud happy little python list alpha beta gamma delta one two three
 first last end north east wind rain table chair bread milk sugar salt""".split()
)
NAMES = tuple("ann bob cid dan eve tom max kim lee joe amy zoe".split())
SUBS = ("a", "e", "o", "s", "t", "an", "re", "th", " ", "-", ",", "b", "x", "l")
CHARS = ("'aeiou'", "'aeiou'", "'0123456789'", "'.,!'", "'abc'", "'xyz'", "' '", "'-_'")
SEPARATORS = (" ", " ", ",", "-", "_", ".", "/", ", ", ":")
FIXED = {
    "chr": ("'a'", "'-'", "'*'", "' '", "'0'", "'_'", "'#'", "'x'", "'e'"),
    "n": tuple("11122234"),
    "idx": tuple("000112"),
    "w": ("4", "5", "6", "8", "10"),
    "num": ("0", "0", "1", "2", "3", "4", "5", "10"),
    "two_up": ("2", "2", "2", "3", "3", "4", "5", "10"),
    "low": ("1", "2", "3"),
    "high": ("8", "10", "20"),
    "n0": ("0", "0", "0", "1", "-1"),
    "two": ("'ab'", "'xy'", "'01'", "'aeiou'[:2]"),
    "bool": ("True", "False"),
    "int": ("1", "2", "3", "5", "10"),
    "float": ("0.5", "1.5", "2.0"),
}


def literal(rng: random.Random, kind: str) -> str:
    """A literal that a program may hold."""
    if kind == "two":
        return repr("".join(rng.sample("abcdeostxy", 2)))
    if kind in FIXED:
        return rng.choice(FIXED[kind])
    if kind == "chars":
        return rng.choice(CHARS)
    if kind in ("sub", "key"):
        return repr(
            rng.choice((*SUBS, *SEPARATORS, "", "x", "+", "!")) if kind == "sub" else rng.choice("abckxy")
        )
    if kind == "char":
        return repr(rng.choice(string.ascii_lowercase))
    if kind == "str":
        return repr(rng.choice((*WORDS, "", "-", "none", "yes", "no", "ok", "")))
    if kind == "ints":
        return repr([rng.randint(0, 9) for _ in range(rng.randint(1, 3))])
    if kind == "strs":
        return repr(rng.sample(WORDS, rng.randint(1, 3)))
    return "0"


def arguments(rng: random.Random, kinds: Sequence[str], mutated: bool) -> str:
    """The text between the parentheses of a call: one value for each parameter, in order."""
    return text_of(related(rng, kinds, mutated))


def related(rng: random.Random, kinds: Sequence[str], mutated: bool) -> list:
    """One value for each kind, in order; small roles (a separator, a key) mostly occur in the others.

    No two values share an object that can change.
    """
    pool = [BUILD[kind](rng, mutated) for kind in kinds if kind in BUILD]
    if len(pool) == len(kinds):
        return pool
    bag, given = _bag(pool), iter(pool)
    return [next(given) if kind in BUILD else _small(rng, kind, bag, mutated) for kind in kinds]


def text_of(values: list) -> str:
    """The values as the text between the parentheses of a call."""
    return ", ".join(map(shown, values))


def shown(value: object) -> str:
    """Literal text; sets in order."""
    if isinstance(value, set):
        return "{" + ", ".join(sorted(map(repr, value))) + "}" if value else "set()"
    return repr(value)


def _bag(pool: list) -> tuple[list, list, list]:
    """(texts, keys and whole strings, ints) that occur in the values."""
    texts, keys, ints = [], [], []
    for value in pool:
        parts = [value]
        while parts:
            one = parts.pop()
            if isinstance(one, str):
                texts.append(one)
            elif isinstance(one, dict):
                keys += [key for key in one if isinstance(key, str)]
                parts += one.values()
            elif isinstance(one, list | tuple | set):
                parts += sorted(one, key=repr) if isinstance(one, set) else one
            elif isinstance(one, int | float):
                ints.append(one)
    return texts, keys, ints


def _small(rng: random.Random, kind: str, bag: tuple, mutated: bool) -> object:
    """A value for a parameter of a small role, related to the other arguments."""
    texts, keys, ints = bag
    if kind in ("sub", "chr", "char"):
        whole = [t for t in texts if t]
        if whole and rng.random() < 0.75:
            text = rng.choice(whole)
            at = rng.choice((0, 0, rng.randrange(len(text)), rng.randrange(len(text)), len(text) - 1))
            odd = [c for c in text if c in " ,-_./:"]
            if odd and rng.random() < 0.5:
                return rng.choice(odd)
            return text[at : at + (1 if kind != "sub" or rng.random() < 0.75 else 2)]
        return rng.choice(SUBS) if kind == "sub" else rng.choice("abestx-*#0")
    if kind == "chars":
        whole = "".join(texts)
        picked = (
            rng.sample(whole, min(len(whole), 3))
            if whole and rng.random() < 0.6
            else list(rng.choice(("aeiou", "abc", "xyz")))
        )
        return "".join(dict.fromkeys(picked))
    if kind == "key":
        near = keys or texts
        return rng.choice(near) if near and rng.random() < 0.7 else rng.choice((*WORDS[:8], "a", "k"))
    if kind == "num":
        if ints and rng.random() < 0.6:
            return int(rng.choice(ints)) + rng.choice((-1, 0, 0, 1))
        return rng.randint(0, 8)
    if kind == "digits":
        return str(rng.randint(1, 9999))
    top = {"n": 4, "idx": 3, "w": 12, "two_up": 5, "n0": 3}.get(kind, 9)
    low = {"idx": 0, "n0": 0, "w": 5, "two_up": 2}.get(kind, 1)
    return rng.randint(low, top)


def value_of(rng: random.Random, kind: str, mutated: bool) -> object:
    """A value of a kind."""
    return BUILD[kind](rng, mutated)


def _int(rng: random.Random, mutated: bool) -> int:
    if mutated:
        return rng.randint(5, 20)
    return rng.choice((rng.randint(-5, 9), rng.randint(0, 9), rng.randint(1, 30), rng.randint(1, 300)))


def _item(rng: random.Random, mutated: bool, spread: int) -> int:
    return rng.randint(5, 20) if mutated else rng.randint(-spread // 4, spread)


def _ints(rng: random.Random, mutated: bool) -> list[int]:
    spread = rng.choice((4, 9, 9, 9, 20, 60))
    made = [_item(rng, mutated, spread) for _ in range(rng.choice((0, 1, 2, 3, 3, 4, 4, 5, 5, 6, 7)))]
    return sorted(made) if rng.random() < 0.15 else made


def _word(rng: random.Random, mutated: bool) -> str:
    if mutated or rng.random() < 0.2:
        letters = "".join(rng.choices(string.ascii_letters + string.digits, k=rng.randint(3, 8)))
        return rng.choice((letters.lower(), letters, rng.choice("abxz") * rng.randint(2, 5)))
    word = rng.choice(WORDS)
    return rng.choice((word, word, word, word.capitalize(), word.upper()))


def _str(rng: random.Random, mutated: bool) -> str:
    how = rng.random()
    if mutated:
        if how < 0.4:
            return rng.choice(string.ascii_lowercase) * rng.randint(5, 10)
        letters = string.ascii_letters + string.digits + (string.punctuation if how > 0.9 else "")
        return "".join(rng.choices(letters, k=rng.randint(5, 10)))
    if how < 0.03:
        return ""
    if how < 0.35:
        return _word(rng, False)
    if how < 0.6:
        return rng.choice(SEPARATORS).join(_word(rng, False) for _ in range(rng.randint(2, 4)))
    if how < 0.7:
        return _word(rng, False) + str(rng.randint(0, 999))
    if how < 0.78:
        before, after = (
            rng.choice(("", " ", "  ", "--", "**")),
            rng.choice(("!", ".", "  ", "--", "?!", "**")),
        )
        return before + _word(rng, False) + after
    if how < 0.86:
        return str(rng.randint(0, 99999))
    return "".join(
        rng.choices(
            rng.choice(("abc", string.ascii_lowercase, string.ascii_letters + "123 ")), k=rng.randint(3, 11)
        )
    )


def _strs(rng: random.Random, mutated: bool) -> list[str]:
    n = rng.choice((0, 1, 2, 3, 3, 4, 4, 5))
    if not mutated and rng.random() < 0.2:
        return [rng.choice("abcdxyz") for _ in range(n)]
    if not mutated and rng.random() < 0.1:
        return [str(rng.randint(0, 99)) if rng.random() < 0.7 else _word(rng, False) for _ in range(n)]
    made = [_word(rng, mutated) for _ in range(n)]
    return made + made[:1] if rng.random() < 0.2 else made


def _float(rng: random.Random, mutated: bool) -> float:
    return rng.choice(
        (
            rng.randint(-8, 40) / 2,
            rng.randint(0, 90) / 4,
            float(rng.randint(5, 20) if mutated else rng.randint(0, 9)),
        )
    )


def _keys(rng: random.Random, mutated: bool) -> list[str]:
    n = rng.choice((0, 1, 2, 2, 3, 3, 4, 4))
    words = rng.choice((WORDS, WORDS, NAMES, tuple("abcdefxyz")))
    return (
        list(dict.fromkeys(_word(rng, True) for _ in range(n)))
        if mutated and rng.random() < 0.4
        else rng.sample(words, n)
    )


def _several(make, low: int = 1, high: int = 4):
    return lambda rng, mutated: [make(rng, mutated) for _ in range(rng.randint(low, high))]


BUILD = {
    "int": _int,
    "str": _str,
    "ints": _ints,
    "strs": _strs,
    "float": _float,
    "floats": _several(_float, 1, 5),
    "bool": lambda rng, mutated: rng.random() < 0.5,
    "rows": lambda rng, mutated: [
        [_item(rng, mutated, 9) for _ in range(rng.randint(1, 3))] for _ in range(rng.randint(1, 3))
    ],
    "pair": lambda rng, mutated: (_word(rng, mutated), rng.randint(0, 20)),
    "pairs": lambda rng, mutated: [(key, rng.randint(0, 20)) for key in _keys(rng, mutated)],
    "dict": lambda rng, mutated: {key: _item(rng, mutated, 12) for key in _keys(rng, mutated)},
    "sdict": lambda rng, mutated: {key: _word(rng, mutated) for key in _keys(rng, mutated)},
    "groups": lambda rng, mutated: {key: _ints(rng, mutated)[:3] for key in _keys(rng, mutated)[:3]},
    "set": lambda rng, mutated: {_item(rng, mutated, 9) for _ in range(rng.randint(1, 5))},
    "sset": lambda rng, mutated: {_word(rng, mutated) for _ in range(rng.randint(1, 4))},
    "tup": lambda rng, mutated: tuple(_ints(rng, mutated)[:5]),
    "stup": lambda rng, mutated: tuple(_strs(rng, mutated)[:4]),
}
