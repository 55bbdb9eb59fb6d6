"""A loaded model as a function from questions to replies.

Scope: in-process sampling (greedy unless told otherwise) and the validation score used while training. What a
reply is worth is decided in the task layer.
"""

from __future__ import annotations

from collections.abc import Callable

from . import answers, models
from .evaluate import TOO_LONG, Reply
from .generate import Sampler
from .questions import Question


def respond(model, tokenizer, *, max_new_tokens: int, batch_size: int | None = None, temperature: float = 0.0,
            seed: int = 0) -> Callable[..., list[Reply]]:
    """`respond(questions, number=0) -> replies` for a model in memory; a prompt that fills the context is not
    asked.

    `number` counts repeated samples of the same questions: each has random numbers of its own.
    """
    sampler = Sampler(model, tokenizer, batch_size=batch_size)

    def ask(questions: list[Question], number: int = 0) -> list[Reply]:
        samples = sampler.sample([q.prompt for q in questions], temperature=temperature,
                                 max_new_tokens=max_new_tokens, seed=seed + (number << 32))
        return [
            Reply(one.text, len(one.ids), one.truncated, None if one.ids else TOO_LONG) for (one,) in samples
        ]

    return ask


def load(
    spec: str,
    *,
    max_new_tokens: int,
    batch_size: int | None = None,
    temperature: float = 0.0,
    seed: int = 0,
    **loading,
) -> Callable[..., list[Reply]]:
    """As `respond`, for "shipped", a folder or a hub id; loading: further arguments of `models.load`."""
    model, tokenizer = models.load(str(spec), **loading)
    return respond(
        model,
        tokenizer,
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        temperature=temperature,
        seed=seed,
    )


def validator(questions: list[Question], max_new_tokens: int, batch_size: int | None = None
              ) -> Callable[[object, object], tuple[float, int]]:
    """`validate(model, tokenizer) -> (accuracy, n)` over fixed questions, greedy, strict verdicts."""

    def validate(model, tokenizer) -> tuple[float, int]:
        replies = respond(model, tokenizer, max_new_tokens=max_new_tokens, batch_size=batch_size)(questions)
        judged = answers.judge_many(questions, [r.text for r in replies], [r.truncated for r in replies])
        return sum(v.passed for v in judged) / len(judged), len(judged)

    return validate
