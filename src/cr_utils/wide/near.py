"""Copies of benchmark programs: the program itself, its normal form, or most of its token n-grams.

Scope: hashed n-grams of normalised tokens (own names alike, literals by type), committed as package data, so
that nothing depends on the benchmark files. A program whose n-grams are mostly those of ONE benchmark program
is a near copy; common idioms are shared by many and count for each. Short programs have too few n-grams to
tell: they are covered by the exact normal form (`fingerprints`). Programs that others wrote are also looked
at function by function, and for a whole benchmark program among much else.
"""

from __future__ import annotations

import ast
import hashlib
import keyword
import re
from collections import Counter
from functools import lru_cache

from cr_utils import paths
from cr_utils.fingerprints import committed, fingerprint, function_fingerprints

N = 8  # tokens
SHARE = 0.6  # of a program's n-grams that make it a near copy
LEAST = 6  # n-grams that a program must have to be judged by them
HELD = 0.8  # of a benchmark program's n-grams that make a program hold it
LEAST_HELD = 12  # n-grams that a benchmark program must have to be looked for so
SAME, NEAR = "benchmark program", "near copy"
BUILTINS = frozenset(dir(__builtins__) if not isinstance(__builtins__, dict) else __builtins__)
TOKEN = re.compile(
    r"""\#[^\n]*|[rbfRBF]{0,2}(?:'{3}.*?'{3}|"{3}.*?"{3}|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")
    |\d[\d.]*|\w+|\*\*|//|[<>=!+*/%&|^-]=|\S""",
    re.S | re.X,
)
ASSET = "ngrams.txt"


def tokens(code: str) -> list[str]:
    """The tokens of a program: its own names by one sign, literals by type, methods and builtins kept."""
    found, before = [], ""
    for token in TOKEN.findall(code):
        if token[0] == "#":
            continue
        if token[-1] in "'\"":
            token = "''"
        elif token[0].isdigit():
            token = "0"
        elif (
            before != "." and token.isidentifier() and not keyword.iskeyword(token) and token not in BUILTINS
        ):
            token = "$"
        found.append(token)
        before = token
    return found


def ngrams(code: str) -> set[int]:
    """Hashes (40 bits) of the runs of N tokens."""
    words = tokens(code)
    return {_hash(" ".join(words[i : i + N])) for i in range(len(words) - N + 1)}


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=5).digest(), "big")


@lru_cache(maxsize=1)
def index() -> dict[int, tuple[int, ...]]:
    """n-gram -> numbers of the benchmark programs that hold it, from the committed file."""
    found: dict[int, list[int]] = {}
    for number, line in enumerate(paths.asset(ASSET).read_text(encoding="ascii").splitlines()):
        for word in line.split():
            found.setdefault(int(word, 16), []).append(number)
    return {key: tuple(numbers) for key, numbers in found.items()}


def near_copy(code: str, print_: str | None = None) -> str | None:
    """Why a program counts as a copy (SAME or NEAR), or None; `print_` is its fingerprint."""
    return SAME if (print_ or fingerprint(code)) in committed() else resembling(code)


def resembling(code: str) -> str | None:
    """NEAR for a program whose n-grams are mostly those of one benchmark program, or None."""
    mine, known = ngrams(code), index()
    if len(mine) < LEAST or len(mine & known.keys()) < SHARE * len(mine):
        return None
    shared = Counter(number for gram in mine for number in known.get(gram, ()))
    most = max(shared.values(), default=0)
    return NEAR if most >= SHARE * len(mine) else None


def copied(code: str, print_: str | None = None) -> str | None:
    """As `near_copy`, for programs that others wrote: each function counts by itself, and so does a benchmark
    program that stands whole among other code.
    """
    found = near_copy(code, print_)
    if found or function_fingerprints(code) & committed():
        return found or SAME
    parts = [ast.unparse(node) for node in ast.walk(ast.parse(code)) if isinstance(node, ast.FunctionDef)]
    if len(parts) > 1 and any(near_copy(part) for part in parts):
        return NEAR
    shared = Counter(number for gram in ngrams(code) for number in index().get(gram, ()))
    whole = any(n >= HELD * sizes()[number] >= HELD * LEAST_HELD for number, n in shared.items())
    return NEAR if whole else None


@lru_cache(maxsize=1)
def sizes() -> Counter:
    """How many n-grams each benchmark program has."""
    return Counter(number for numbers in index().values() for number in numbers)


def lines(programs: list[str]) -> str:
    """The committed file's text for benchmark programs: a line each, in sorted order (hashes only)."""
    rows = {" ".join(f"{gram:x}" for gram in sorted(ngrams(code))) for code in programs if parsed(code)}
    return "".join(f"{row}\n" for row in sorted(rows) if row)


def parsed(code: str) -> bool:
    """Whether the text is Python."""
    try:
        ast.parse(code)
    except SyntaxError:
        return False
    return True
