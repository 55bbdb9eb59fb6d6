"""Which style a chain is written in, and what a line of it says, in one form for all styles.

Scope: lines of the styles of schema.STYLES. Steps, numbered steps and states can be compared with the run
line by line; a monologue, whose words vary, cannot. A line splits into where the run is (a line of the
program, or words of our own) and what is said of it (facts). Limits: texts are told apart by the form of
their first line alone; a text in no known form counts as steps.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .monologue import OPENING
from .schema import STEPS

NUMBER = re.compile(r"\d+\. ")
_STATE = re.compile(r"(?:line (\d+)|call \w+|\w+ ends): ")
_QUOTE = re.compile(r"`(.*?)`: (.*)", re.DOTALL)
_WORDS = re.compile(r"Turn|The loop ends|The next turns go the same way|\w+ is called|"
                    r"\w+ ends and returns None")
_NAME = re.compile(r", (?=[A-Za-z_]\w* = )")


class Said(NamedTuple):
    """place: a line of the program, or what else a step of the style begins with; known: whether the program
    or the style has such a place; facts: what is said of it.
    """

    place: str
    known: bool
    facts: list[str]


def candidates(lines: list[str]) -> tuple[str, ...]:
    """The styles that a chain may be compared in, by its first line; () for a monologue."""
    first = lines[0] if lines else ""
    if NUMBER.match(first):
        return ("numbered",)
    if re.match(r"call \w+: ", first) and "  # " not in first:
        return ("scratchpad",)
    return () if OPENING.match(first) else STEPS


def comparable(line: str) -> str:
    """A line without its number, in which no claim about the run lies."""
    return NUMBER.sub("", line, count=1)


def said(line: str, style: str, code: str) -> Said:
    """What a line of a style says."""
    if style == "numbered":
        return _numbered(comparable(line).removesuffix("."), code)
    if style == "scratchpad":
        found = _STATE.match(line)
        place = found.group() if found else line
        known = bool(found) and int(found.group(1) or 0) <= code.count("\n") + 1
        return Said(place, known, _NAME.split(line[len(place):]))
    place, _, told = line.partition("  # ")
    return Said(place, _is_line(place, code), told.split("; "))


def _numbered(text: str, code: str) -> Said:
    found = _QUOTE.fullmatch(text)
    if found:
        told = found.group(2).replace(" gives ", " == ").replace(", so ", "; ")
        return Said(found.group(1), _is_line(found.group(1), code), told.split("; "))
    head, sign, told = text.partition(": ")
    place = re.sub(r" ?\d+", "", head)  # the number of a turn is a fact about it
    return Said(place, bool(_WORDS.fullmatch(place)), [head, *told.split("; ")] if sign else [head])


def _is_line(text: str, code: str) -> bool:
    return text in {line.strip() for line in code.split("\n")}
