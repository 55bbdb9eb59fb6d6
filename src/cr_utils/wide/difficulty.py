"""How hard a problem is, from its trace, and an order from easy to hard.

Scope: a number made of what a reader must keep track of: lines run, values changed, characters of the values
that come and go, calls. It was fitted to nothing; how far it agrees with a model's pass rate is told by
`python -m cr_utils data difficulty` (docs/01_data.md).
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable

from cr_utils.trace import Trace, trace_call

ORDERS = ("random", "curriculum")


def score(code: str, trace: Trace) -> float:
    """The difficulty of a run, about 1 (one line) to 10; two decimals."""
    changes = [change for event in trace.events for change in event.changes.values() if change and change[1]]
    shown = sum(min(len(change[1]), 80) for change in changes)
    frames = sum(event.line == 0 for event in trace.events)
    nodes = code.count("(") + code.count("[") + code.count(" if ") + code.count(" for ")
    raw = (
        math.log2(1 + len(trace.lines))
        + 0.3 * math.log2(1 + len(changes))
        + 0.25 * math.log2(1 + shown)
        + 0.3 * math.log2(1 + nodes)
        + 0.5 * (frames - 1 > 0)
    )
    return round(raw, 2)


def scored(problem: dict) -> float:
    """A problem's difficulty: as recorded, or found by a run."""
    if "score" in problem:
        return problem["score"]
    return score(problem["code"], trace_call(problem["code"], problem["entry_point"], problem["input"]))


def ordered(problems: Iterable[dict], order: str, seed: int = 0) -> list[dict]:
    """The problems as they come (`random`), or from easy to hard with some noise (`curriculum`).

    The noise keeps neighbours mixed: each score moves by up to a tenth of the spread, by a seeded draw.
    """
    problems = list(problems)
    if order not in ORDERS:
        raise ValueError(f"order {order!r}: one of {', '.join(ORDERS)}")
    if order == "random" or not problems:
        return problems
    scores = [scored(problem) for problem in problems]
    noise = (max(scores) - min(scores)) / 10
    moved = {
        problem["id"]: value + random.Random(f"{seed}:{problem['id']}").uniform(-noise, noise)
        for problem, value in zip(problems, scores, strict=True)
    }
    return sorted(problems, key=lambda problem: (moved[problem["id"]], problem["id"]))


def ordered_splits(problems: list[dict], order: str, seed: int = 0) -> list[dict]:
    """All problems, those of the training split in the given order, in the places that such problems had."""
    train = iter(ordered((problem for problem in problems if problem["split"] == "train"), order, seed))
    return [next(train) if problem["split"] == "train" else problem for problem in problems]
