"""Chains of the interpreter in natural prose: the request to reword one, and the check of the words against
the run.

Scope: what a model is asked, and whether its text still says what happened. A rewritten chain states values
as `name = value` in back quotes. It is accepted if every such statement holds at its place in the run (in
order; a value may be repeated while it lasts), enough of the run's changes are stated, the last among them,
and everything else quoted with `==` stood in the original. Words between the quotes are not understood, so
not checked. Whether the answer is right is the judge's business (answers).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from . import literals
from .questions import Question
from .trace import Trace

LEAST = 0.5  # share of the run's changes of variables that must be stated
QUOTED = re.compile(r"`([^`\n]+)`")
STATED = re.compile(r"([A-Za-z_]\w*) = (.+)", re.DOTALL)
PROMPT = """Below are a question about a Python program and a correct but terse solution. Reword the solution as a
person would explain it: connected sentences, why each step follows, no numbering, no headings.

- Go through the steps in their order and leave none out that changes a variable.
- Whenever a variable gets a value, write `name = value` in back quotes, exactly as it is in the solution.
- Quote computations only as they stand in the solution, such as `'ab'.upper() == 'AB'`; add none of your own.
- Put the explanation inside <reasoning></reasoning> and then the same answer inside <answer></answer>.

# Question
{question}

# Solution
{chain}"""  # noqa: E501 - the text of a prompt


def prompt(question: Question, chain: str) -> str:
    """The request to reword a chain."""
    return PROMPT.format(question=question.prompt, chain=chain)


def fault(reasoning: str, chain: str, run: Trace) -> str | None:
    """What is wrong with a reworded chain, or None: "contradicts the run", "invented fact", "leaves out
    steps".

    chain: the original text; run: the trace of the question's call.
    """
    changes = [(name, value[1]) for event in run.events if event.line >= 0
               for name, value in event.changes.items() if value is not None and value[1] is not None]
    state: dict[str, str] = {}
    at, said = 0, set()
    for text in QUOTED.findall(reasoning):
        found = STATED.fullmatch(text.strip())
        if found is None or "==" in found.group(1):
            if "==" in text and text.strip() not in chain:
                return "invented fact"
            continue
        name, value = found.groups()
        if not _literal(value):
            continue  # a line of the program, such as `total = total + x`
        if name in state and _same(value, state[name]):
            continue
        reached = _reached(name, value, changes, at, state)
        if reached is None:
            return "contradicts the run"
        at = reached + 1
        said.add(reached)
    own = {i for i, _ in _later(changes, run)}
    if own and (len(said & own) < LEAST * len(own) or max(own) not in said):
        return "leaves out steps"
    return None


def _reached(name: str, value: str, changes: list, at: int, state: dict) -> int | None:
    """The next change that gives a name this value; brings `state` up to it. None where none does."""
    for i in range(at, len(changes)):
        if changes[i][0] == name and _same(value, changes[i][1]):
            state.update(changes[at:i + 1])
            return i
    return None


def _later(changes: list, run: Trace) -> Iterable[tuple[int, str]]:
    """Numbers of the changes that lines make (a frame's arguments are none)."""
    number = 0
    for event in run.events:
        for name, value in event.changes.items() if event.line >= 0 else ():
            if value is not None and value[1] is not None:
                if event.line > 0:
                    yield number, name
                number += 1


def _literal(text: str) -> bool:
    try:
        literals.parse(text)
    except literals.LiteralError:
        return False
    return True


def _same(one: str, other: str) -> bool:
    try:
        return one == other or literals.equal(literals.parse(one), literals.parse(other), "strict")
    except literals.LiteralError:
        return False
