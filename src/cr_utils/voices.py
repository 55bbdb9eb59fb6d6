"""The styles `numbered` and `scratchpad`: a run's events as numbered steps in words, or as states alone.

numbered: ``2. `t = s.upper()`: 'ab'.upper() gives 'AB', so t = 'AB'.``, every operation with its value.
scratchpad: ``line 2: s = 'ab', t = 'AB'``, all variables after every line that changes one, no operations;
for questions about lines also the lines that change nothing. Long loops are told in brief (turns). Limits:
those of the narrator; every text is made of what the run gave.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

from . import events, turns
from .events import Event
from .questions import TRACED
from .turns import Sum


def walk(code: str, entry_point: str, args: list, style: str, task: str) -> tuple[list[str], str]:
    """Tell a call in one of the two styles: (lines, literal text of the value)."""
    top, value = events.record(code, entry_point, args)
    return list(numbered(top) if style == "numbered" else scratchpad(top, task in TRACED)), value


def listed(pairs) -> str:
    """Names with their values: ``s = 'ab', n = 3``; of a name that occurs twice the last."""
    return ", ".join(f"{name} = {text}" for name, text in dict(pairs).items())


def operation(left: str) -> str:
    """The text of an operation without the brackets around a comparison."""
    if left.startswith("(") and left.endswith(")"):
        try:
            tree = ast.parse(left[1:-1], mode="eval").body
        except SyntaxError:
            return left
        if isinstance(tree, ast.Compare | ast.UnaryOp):
            return left[1:-1]
    return left


def worked(event: Event) -> list[str]:
    """What a statement worked out: operations with their values, then its changes in place."""
    return [f"{operation(left)} gives {value}" if value else left for left, value in event.facts]


def shown(event: Event) -> bool:
    """Whether the last operation of an event already shows the event's value."""
    return bool(event.facts) and event.facts[-1][1] == event.value


def numbered(top: list) -> Iterator[str]:
    """The run as numbered sentences."""
    count = itertools.count(1)
    for event in turns.told(top):
        text = _summed(event) if isinstance(event, Sum) else _sentence(event)
        yield f"{next(count)}. {text}"


def _summed(part: Sum) -> str:
    spans = ", ".join(f"{name} = {first} ... {last}" for name, first, last in part.spans)
    after = f"after them {listed(part.changes)}" if part.changes else ""
    return (f"The next {part.count} turns go the same way" + (f": {spans}" if spans else "")
            + (f"; {after}" if after else "") + ".")


def _sentence(event: Event) -> str:
    if event.kind == "call":
        return f"{event.function} is called" + (f": {listed(event.changes)}." if event.changes else ".")
    if event.kind == "turn":
        return f"Turn {int(event.note) + 1}: {listed(event.changes)}."
    if event.kind == "end":
        return "The loop ends."
    if event.kind == "return" and not event.text.startswith("return"):
        return f"{event.function} ends and returns None."
    told, so = "; ".join(worked(event)), _outcome(event)
    return f"`{event.text}`: " + (f"{told}, so {so}." if told and so else f"{told or so}.")


def _outcome(event: Event) -> str:
    """What became of a statement; "" where its last operation says it."""
    if event.kind == "return":
        return f"{event.function} returns {event.value}"
    if event.kind == "calling":
        return f"{event.note} is called"
    if event.kind in ("test", "items") and not shown(event):
        return f"the {'test gives' if event.kind == 'test' else 'loop goes over'} {event.value}"
    words = {"break": "the loop stops", "continue": "the turn ends", "pass": "nothing is done"}
    return words.get(event.kind) or listed(event.changes)


def scratchpad(top: list, every: bool = False) -> Iterator[str]:
    """The run as states; every: the lines that change no variable are named too."""
    states: dict[int, dict] = {}
    for event in turns.told(top):
        if isinstance(event, Sum):
            spans = "".join(f", {name} = {first} ... {last}" for name, first, last in event.spans)
            yield (f"line {event.line}: the next {event.count} turns go the same way{spans}; "
                   f"then {listed(event.state.items())}")
            continue
        before, states[event.frame] = states.get(event.frame), event.state
        if event.kind == "call":
            yield f"call {event.function}: {listed(event.changes) or 'no variables'}"
        elif event.kind == "return":
            where = f"line {event.line}" if event.text.startswith("return") else f"{event.function} ends"
            yield f"{where}: return {event.value}"
        elif event.kind == "turn" or event.kind == "step" and event.state != before:
            yield f"line {event.line}: {listed(event.state.items())}"
        elif every and event.kind not in ("calling", "items"):
            yield f"line {event.line}: " + ("the loop ends" if event.kind == "end" else "no change")
