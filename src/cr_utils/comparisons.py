"""How much better or worse one model is than another on the same questions: differences, relative gains, and
whether it can be called no worse.

Each row compares b with a on the questions that both answered (of several samples the first), strict
verdicts.
"""

from collections import defaultdict
from collections.abc import Iterable

import pandas as pd

from cr_utils import stats
from cr_utils.tables import PAIRS, is_first

MARGIN = 0.05  # how much worse, in accuracy, still counts as matching
GAINS = ["benchmark", "task", "a", "b", "n", "accuracy_a", "accuracy_b", "difference", "low", "high",
         "relative_gain", "relative_low", "relative_high", "margin", "not_worse"]


def gains(items: Iterable[dict], pairs: Iterable[tuple[str, str]] | None = None, margin: float = MARGIN,
          final: str = "grpo") -> pd.DataFrame:
    """Difference b - a with its 95 % interval, gain relative to a with its own, and `not_worse`.

    `not_worse`: the interval's lower end is above -margin, which is a one-sided test of non-inferiority at
    2.5 %. pairs: (a, b); by default our stages, and our final model against every model that is not ours.
    """
    verdicts: dict[tuple, dict[str, dict[str, bool]]] = defaultdict(lambda: defaultdict(dict))
    for item in filter(is_first, items):
        verdicts[item["benchmark"], item["task"]][item["model"]][item["question_id"]] = item["verdict"]
    rows = []
    for (benchmark, task), models in verdicts.items():
        own = {name for pair in PAIRS for name in pair} | {"trivial"}
        wanted = (
            pairs if pairs is not None else (*PAIRS, *((name, final) for name in sorted(set(models) - own)))
        )
        for a, b in wanted:
            both = sorted(models.get(a, {}).keys() & models.get(b, {}).keys())
            if both:
                rows.append({"benchmark": benchmark, "task": task, "a": a, "b": b, "margin": margin,
                             **_compared([models[a][q] for q in both], [models[b][q] for q in both], margin)})
    frame = pd.DataFrame(rows, columns=GAINS)
    frame.attrs["notes"] = ["relative_gain: missing where a model has nothing right"] if rows else [
        "no two models were evaluated on the same questions"]
    return frame


def _compared(a: list[bool], b: list[bool], margin: float) -> dict:
    """The numbers of one row; a, b: verdicts on the same questions in the same order."""
    test = stats.mcnemar(a, b)
    low, high = stats.paired_interval(test.a_only, test.b_only, test.n)
    row = {
        "n": test.n,
        "accuracy_a": sum(a) / test.n,
        "accuracy_b": sum(b) / test.n,
        "difference": test.difference,
        "low": low,
        "high": high,
        "not_worse": bool(low > -margin),
    }
    if any(a) and any(b):
        gain, (least, most) = stats.relative_gain(sum(a), sum(b), test.a_only + test.b_only)
        row |= {"relative_gain": gain, "relative_low": least, "relative_high": most}
    return row
