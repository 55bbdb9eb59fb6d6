"""Long loops in brief: which turns are told, and what is said of those that go the same way.

Scope: the loops of `events`. Turns are the same when they run the same statements in the same order with the
same outcomes of their tests. From FIRST such turns on, at least LEAST more of them in a row are summed up:
how many, the loop's variables in the first and the last of them, and the variables after them. Turns of
another kind, such as the one that breaks the loop off, are always told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .events import Event, Loop

FIRST = 2
LEAST = 3
FALSE = frozenset(("False", "None", "0", "0.0", "-0.0", "0j", "''", "b''", "[]", "()", "{}", "set()",
                   "frozenset()"))


@dataclass(frozen=True)
class Sum:
    """`count` turns of the loop at `line`. spans: (variable of the loop, first value, last value); changes:
    what other variables hold after the turns, where it is not what they held before; state: all of them.
    """

    line: int
    function: str
    count: int
    spans: tuple[tuple[str, str, str], ...]
    changes: tuple[tuple[str, str], ...]
    state: dict[str, str]


def flat(block: list) -> Iterator[Event]:
    """The events of a block in their order, those of its loops included."""
    for item in block:
        if isinstance(item, Loop):
            for turn in item.turns:
                yield from flat(turn)
        else:
            yield item


def holds(event: Event) -> bool:
    """Whether a test came out true."""
    return event.value not in FALSE


def path(turn: list) -> tuple:
    """The statements of a turn and the outcomes of its tests: what makes two turns the same."""
    return tuple((e.kind, e.line, holds(e) if e.kind == "test" else None) for e in flat(turn))


def told(block: list) -> Iterator[Event | Sum]:
    """The events of a block, with a Sum in place of the turns that need not be told."""
    for item in block:
        if isinstance(item, Loop):
            yield from _loop(item)
        else:
            yield item


def _loop(loop: Loop) -> Iterator[Event | Sum]:
    paths, at = [path(turn) for turn in loop.turns], 0
    while at < len(paths):
        end = at
        if at >= FIRST and len(set(paths[at - FIRST:at])) == 1:
            while end < len(paths) and paths[end] == paths[at - 1]:
                end += 1
        if end - at >= LEAST:
            yield _sum(loop, at, end)
            at = end
        else:
            yield from told(loop.turns[at])
            at += 1


def _sum(loop: Loop, start: int, end: int) -> Sum:
    before, after = (_last(loop, number) for number in (start - 1, end - 1))
    heads = [loop.turns[number][0].state for number in (start, end - 1)]
    spans = tuple((name, heads[0][name], heads[1][name]) for name in loop.names)
    changes = tuple((name, text) for name, text in after.state.items()
                    if name not in loop.names and before.state.get(name) != text)
    return Sum(loop.line, after.function, end - start, spans, changes, after.state)


def _last(loop: Loop, number: int) -> Event:
    """The last event of a turn in the frame of its loop."""
    return [event for event in flat(loop.turns[number]) if event.frame == loop.frame][-1]
