"""REval's consistency from recorded items: does a model answer all four questions about one place alike?

A place counts where the same model was asked about its coverage, path and state and about the output of its
pair. Its score is the published one (1, 0.5, 0.25, 0.125 or 0), so a mean of scores is no share of right
answers: `correct` is a sum of scores here, and the Wilson interval, which takes every score for right or
wrong, is wider than it need be.
"""

from collections import defaultdict
from collections.abc import Iterable

from cr_utils import score_reval

VERDICTS = {"strict": "verdict", "parity": "parity"}


def totals(items: Iterable[dict], name: str = "model") -> dict[tuple[str, str, str, str], tuple[float, int]]:
    """(sum of scores, places) by (model or arm, "reval", "consistency", mode)."""
    answers: dict[str, dict[str, dict]] = defaultdict(dict)
    for item in items:
        if item["benchmark"] == "reval" and not item.get("sample"):  # of several samples the first
            answers[item[name]][item["question_id"]] = item
    found = {}
    for model, asked in answers.items():
        for mode, key in VERDICTS.items():
            scores = [score for question in asked if (score := _score(asked, question, key)) is not None]
            if scores:
                found[model, "reval", "consistency", mode] = (sum(scores), len(scores))
    return found


def _score(asked: dict[str, dict], question: str, key: str) -> float | None:
    """The score of the place that a state question is about; None for others and where a verdict lacks."""
    pair, task, *rest = question.split("/", 3)
    if task != "state":
        return None
    others = (f"{pair}/coverage/{rest[0]}", question, f"{pair}/path/{rest[0]}", f"{pair}/output")
    verdicts = [asked.get(one, {}).get(key) for one in others]
    return None if None in verdicts else score_reval.consistent(*map(bool, verdicts))
