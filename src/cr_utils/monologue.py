"""The style `monologue`: a run as a reader of the code would tell it, in prose.

Scope: first what the code does on the whole (synopsis), for a wanted input what the value demands; then the
run with its values, long loops in brief (turns); then the answer. Values are stated as `name = value` in back
quotes, the form that `rewriting.fault` checks. The wording is drawn from a small grammar with the dice that
are handed in; all of its sentences say the same, so the draw decides nothing that could be wrong.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from . import events, synopsis, turns
from .events import Event
from .questions import Question, line_text
from .turns import Sum
from .voices import shown, worked

OPENING = re.compile(r"(?:Here |The function )?\w+ takes ")


def walk(code: str, entry_point: str, args: list, dice: random.Random) -> tuple[list[str], str]:
    """Tell a call in prose: (paragraphs, literal text of the value)."""
    top, value = events.record(code, entry_point, args)
    paragraphs: list[list[str]] = [[]]
    for event in turns.told(top):
        if not isinstance(event, Sum) and event.kind in ("items", "turn") and paragraphs[-1]:
            paragraphs.append([])
        paragraphs[-1] += _summed(event, dice) if isinstance(event, Sum) else _told(event, dice)
        if not isinstance(event, Sum) and event.kind == "end":
            paragraphs.append([])
    return [" ".join(part) for part in paragraphs if part], value


def opening(question: Question, dice: random.Random) -> list[str]:
    """What the code does; for a wanted input also what the wanted value demands."""
    start = dice.choice(("", "Here ", "The function "))
    said = [f"{start}{synopsis.outline(question.code, question.entry_point)}."]
    if question.task == "input":
        said += synopsis.demands(question.code, question.entry_point, question.output)
    return [" ".join(said)]


def proposal(call: str, dice: random.Random) -> str:
    """The sentence that proposes an input."""
    return dice.choice(("Let me try {}.", "Suppose the call is {}.", "A candidate is {}.")).format(call)


def verdict(value: str, output: str, match: bool, dice: random.Random) -> str:
    """Whether a proposed input gives the wanted value."""
    if match:
        return dice.choice(("That gives {}, as wanted.", "So it gives {}, which is what was asked for.")
                           ).format(value)
    return dice.choice(("That gives {} and not {}, so another input is needed.",
                        "So it gives {}, but {} is wanted: not this one.")).format(value, output)


def closing(question: Question, dice: random.Random) -> list[str]:
    """The answer to the question, as the end of the run's story."""
    answer = question.truth[0] if question.truth else ""
    where = f"line {question.line}, `{line_text(question.code, question.line)}`," if question.line else ""
    if question.task == "coverage":
        return [f"So {where} {'runs' if answer == 'YES' else 'never runs'}."]
    if question.task == "path":
        return [f"After {where} " + ("no line runs." if answer == "-1" else f"`{answer}` runs.")]
    if question.task == "state":
        if answer == "Nil":
            return [f"So {question.var} has no value after {where[:-1]}."]
        text, _, kind = answer.rpartition("; ")
        return [f"So after {where} {question.var} holds {text}, of type {kind}."]
    if question.task == "output":
        return [dice.choice(("So the value is {}.", "The answer is {}.")).format(question.output)]
    return []


def _claims(pairs) -> str:
    return ", ".join(f"`{name} = {text}`" for name, text in dict(pairs).items())


def _summed(part: Sum, dice: random.Random) -> list[str]:
    spans = ", ".join(f"`{name} = {first}` ... {last}" for name, first, last in part.spans)
    text = dice.choice(("The next {} turns go the same way", "It goes on like this for {} turns"))
    text = text.format(part.count)
    after = f"; after them {_claims(part.changes)}" if part.changes else ""
    return [text + (f": {spans}" if spans else "") + after + "."]


def _told(event: Event, dice: random.Random) -> Iterator[str]:
    """The sentences of an event; none for what goes without saying."""
    done = ", then ".join(worked(event))
    if event.kind == "step":
        yield _step(event, done, dice)
    elif event.kind == "test":
        yield _test(event, done, dice)
    elif event.kind in _PLAIN:
        text = dice.choice(_PLAIN[event.kind])
        said = text.format(function=event.function, claims=_claims(event.changes), value=event.value,
                           note=event.note, turn=int(event.note) + 1 if event.kind == "turn" else 0)
        if event.kind == "call" and not event.changes:
            said = f"{event.function} begins."
        if done and not (event.kind == "items" and shown(event)):
            said = f"{done}: {said[:1].lower() + said[1:]}" if event.kind == "calling" else f"{done}. {said}"
        elif done:
            said = f"{dice.choice(('Now the loop', 'Then the loop'))}: {done}."
        yield said


_PLAIN = {
    "call": ("{function} starts with {claims}.", "In {function}, {claims} to begin with."),
    "calling": ("This calls {note}.", "Here {note} is called."),
    "items": ("Now the loop goes over {value}.", "The loop is over {value}."),
    "turn": ("Turn {turn}: {claims}.", "In turn {turn}, {claims}."),
    "end": ("The loop is done.", "That ends the loop."),
    "break": ("The loop breaks off.", "That leaves the loop."),
    "continue": ("The rest of this turn is skipped.", "On with the next turn."),
    "pass": ("Nothing happens here.", "There is nothing to do."),
    "return": ("So {function} returns {value}.", "{function} returns {value}."),
}


def _step(event: Event, done: str, dice: random.Random) -> str:
    claims = _claims(event.changes)
    if not claims:
        return f"{done or 'That line has no effect'}."
    if not done:
        return dice.choice(("Now {}.", "Then {}.", "This sets {}.")).format(claims)
    return dice.choice(("{0}, so {1}.", "{0}, which makes {1}.", "Now {1}, because {0}.", "Then {0}: {1}.")
                       ).format(done, claims)


def _test(event: Event, done: str, dice: random.Random) -> str:
    holds = turns.holds(event)
    loop = event.text.startswith("while")
    if loop:
        ends = ("so the loop goes on", "so another turn follows") if holds else ("so the loop is over",
                                                                                 "which ends the loop")
    else:
        ends = (("so the condition holds", "so the branch is taken") if holds
                else ("so the condition does not hold", "so the branch is not taken"))
    told = done
    if not shown(event):
        told = f"{done}, then the test gives {event.value}" if done else f"The test gives {event.value}"
    return f"{told}, {dice.choice(ends)}."
