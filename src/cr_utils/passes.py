"""How often a model solves a question when it is asked several times: counted, kept in a file, ordered by.

Scope: counts are JSON lines {question_id, passes, samples, …}, as `filter.jsonl` of 04_grpo has them. A model
reaches this module as a function (see `evaluate`). Limits: a count is one draw of its samples; of three in
ten, the true rate is between 7 and 65 % (95 %).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from cr_utils import answers, jsonl
from cr_utils.errors import UserError
from cr_utils.evaluate import Respond
from cr_utils.progress import Progress
from cr_utils.questions import Question

CHUNK = 64  # questions that are asked and recorded together
ORDERS = ("random", "curriculum")


def count(questions: Sequence[Question], respond: Respond, path: Path | str, samples: int, asker: dict
          ) -> dict[str, int]:
    """Ask each question `samples` times; returns {question id: right answers}.

    A line per question goes to the file `path`, chunk by chunk; what is there is not asked again. asker: who
    answers, and how (model, temperature, …): part of every line. Raises UserError where the file holds counts
    of somebody else, or of another number of samples.
    """
    told = {"samples": samples, **asker}
    with jsonl.Appender(path, key="question_id") as file:
        for row in file.rows:
            other = [key for key, value in told.items() if row.get(key) != value]
            if other:
                raise UserError(f"{path} holds counts with {other[0]} = {row.get(other[0])!r}, not "
                                f"{told[other[0]]!r}: name another file")
        todo = [one for one in questions if one.id not in file.done]
        with Progress("difficulty", len(questions), "questions", len(questions) - len(todo)) as progress:
            for begin in range(0, len(todo), CHUNK):
                chunk = todo[begin:begin + CHUNK]
                file.add_all({"question_id": one.id, "problem_id": one.problem_id, "passes": passes, **told}
                             for one, passes in zip(chunk, _passes(chunk, respond, samples), strict=True))
                progress.update(len(questions) - len(todo) + begin + len(chunk),
                                solved=sum(row["passes"] > 0 for row in file.rows) / len(file.rows))
        found = {row["question_id"]: row["passes"] for row in file.rows}
    return {one.id: found[one.id] for one in questions}


def _passes(questions: list[Question], respond: Respond, samples: int) -> list[int]:
    """Right answers to each question, by the strict rule."""
    right = [0] * len(questions)
    for number in range(samples):
        replies = respond(questions, number) if number else respond(questions)
        judged = answers.judge_many(questions, [one.text for one in replies],
                                    [one.truncated for one in replies])
        for index, (verdict, reply) in enumerate(zip(judged, replies, strict=True)):
            right[index] += verdict.passed and not reply.kind
    return right


def of_file(path: Path | str) -> dict[str, dict]:
    """The counts of a file by question id. Raises UserError where it is no file of counts."""
    if not Path(path).is_file():
        raise UserError(f"{path} is not there: `python -m cr_utils data difficulty` writes such counts")
    rows = jsonl.read(path)
    if not all({"question_id", "passes", "samples"} <= row.keys() for row in rows):
        raise UserError(f"{path} holds no counts: name the .counts.jsonl file of `data difficulty`")
    return {row["question_id"]: row for row in rows}


def ordered(questions: Iterable[Question], rates: dict[str, float], order: str, seed: int = 0
            ) -> list[Question]:
    """The questions as they come (`random`), or from those mostly solved to those hardly solved.

    rates: share of right answers by question id. Each moves by up to a tenth of their spread, by a seeded
    draw: neighbours stay mixed.
    """
    questions = list(questions)
    if order not in ORDERS:
        raise ValueError(f"order {order!r}: one of {', '.join(ORDERS)}")
    if order == "random" or not questions:
        return questions
    known = [rates[one.id] for one in questions]
    noise = (max(known) - min(known)) / 10
    moved = {one.id: rates[one.id] + random.Random(f"{seed}:{one.id}").uniform(-noise, noise)
             for one in questions}
    return sorted(questions, key=lambda one: (-moved[one.id], one.id))


def histogram(passes: Iterable[int], samples: int) -> str:
    """How many questions were solved how often, as one line."""
    counts = Counter(passes)
    return ", ".join(f"{n}: {counts[n]}" for n in range(samples + 1))


def spearman(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Rank correlation of two aligned lists, equal values sharing a rank; None where one of them is constant.

    >>> round(spearman([1, 2, 3, 4], [1, 3, 2, 4]), 3)
    0.8
    """
    ranks = [_ranks(values) for values in (a, b)]
    centre = (len(a) + 1) / 2
    over, x, y = (sum((p - centre) * (q - centre) for p, q in zip(*pair, strict=True))
                  for pair in (ranks, (ranks[0], ranks[0]), (ranks[1], ranks[1])))
    return over / (x * y) ** 0.5 if x and y else None


def _ranks(values: Sequence[float]) -> list[float]:
    counts, before, rank = Counter(values), 0, {}
    for value in sorted(counts):
        rank[value] = before + (counts[value] + 1) / 2
        before += counts[value]
    return [rank[value] for value in values]
