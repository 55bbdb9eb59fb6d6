"""Rewards for reinforcement learning: verdicts turned into floats.

A reward is a pure function of (questions, completions): no torch, no clock, no randomness, no state. It
never raises: whatever goes wrong in judging is a zero with the kind ``reward_error``, which `metrics`
counts. A completion that hit the length limit earns nothing. The format term is small and strict, and
is paid for the shape alone, so that a wrong but well-formed answer always earns less than any right one.
"""

from collections import Counter
from dataclasses import dataclass

from cr_utils import answers
from cr_utils.questions import DIRECT_PROMPTS, Question

MAX_FORMAT_WEIGHT = 0.5
MAX_COMPLETION = 200_000


@dataclass(frozen=True)
class Scored:
    """One reward: `total` = `correct` + weight x `format`, both 0.0 or 1.0, and the verdict's kind."""

    total: float
    correct: float
    format: float
    kind: str


ZERO = Scored(0.0, 0.0, 0.0, "reward_error")


def score(questions: list[Question], completions: list[str], truncated: list[bool] | None = None,
          sandbox=None, format_weight: float = 0.1) -> list[Scored]:
    """One reward per completion; the lists are aligned (one question each, repeats welcome).

    `format_weight` lies in [0, 0.5], so that format can never outweigh a right answer. Never raises for
    anything in a completion; misuse (lists of different length, a weight out of range) is a ValueError.
    """
    if not 0 <= format_weight <= MAX_FORMAT_WEIGHT:
        raise ValueError(f"format_weight {format_weight} is not in [0, {MAX_FORMAT_WEIGHT}]")
    truncated = [False] * len(completions) if truncated is None else list(truncated)
    if not len(questions) == len(completions) == len(truncated):
        raise ValueError(f"{len(questions)} questions, {len(completions)} completions, "
                         f"{len(truncated)} truncation marks: the lists must be aligned")
    texts = [_text(completion) for completion in completions]
    judged = _judge(questions, texts, truncated, sandbox)
    return [_combine(question, text, cut, verdict, format_weight)
            for question, text, cut, verdict in zip(questions, texts, truncated, judged, strict=True)]


def metrics(scored: list[Scored]) -> dict[str, float]:
    """Means of the components and the share of each kind, e.g. {"correct": .3, "kind/wrong": .6}."""
    n = max(1, len(scored))
    kinds = Counter(one.kind for one in scored)
    return {"total": sum(one.total for one in scored) / n,
            "correct": sum(one.correct for one in scored) / n,
            "format": sum(one.format for one in scored) / n,
            **{f"kind/{kind}": count / n for kind, count in sorted(kinds.items())}}


def _judge(questions, texts, truncated, sandbox) -> list:
    """Verdicts; one that cannot be had is None. A batch that fails is judged one by one."""
    try:
        return answers.judge_many(questions, texts, truncated, sandbox)
    except Exception:  # noqa: BLE001 - a reward that raises would end a training run
        pass
    judged = []
    for question, text, cut in zip(questions, texts, truncated, strict=True):
        try:
            judged.append(answers.judge(question, text, cut, sandbox))
        except Exception:  # noqa: BLE001
            judged.append(None)
    return judged


def _combine(question: Question, text: str, cut: bool, verdict, weight: float) -> Scored:
    if verdict is None:
        return ZERO
    if cut:
        return Scored(0.0, 0.0, 0.0, "truncated")
    strict = answers.extract(text, direct=question.prompt.endswith(DIRECT_PROMPTS[question.task])).strict
    correct = float(verdict.passed)
    return Scored(correct + weight * strict, correct, float(strict), verdict.kind)


def _text(completion) -> str:
    """The completion as text; what is no text, or is far too long, is an empty one."""
    return completion if isinstance(completion, str) and len(completion) <= MAX_COMPLETION else ""
