"""How much better or worse one model is than another on the same questions: differences, relative gains,
whether it can be called no worse; and of ablation arms the same for the steps of their chains.

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
STEPS = ["benchmark", "arm", "n", "answers", "answers_low", "answers_high", "steps", "steps_low",
         "steps_high", "right_with_wrong_steps", "steps_before_departure", "against", "n_both", "difference",
         "low", "high", "p_value"]


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


def steps(items: Iterable[dict], against: dict[str, str]) -> pd.DataFrame:
    """Step accuracy against final accuracy of ablation arms, with 95 % intervals, and its paired test.

    items: of arms, with what `steps.annotate` adds; against: arm -> the arm that it is compared with. Of the
    n chains that can be compared with their run: `answers` is the share with a right answer, `steps` of those
    right in every step, `right_with_wrong_steps` of right answers after a wrong step,
    `steps_before_departure` the mean share of the run's steps before the first wrong one. `difference` (arm
    minus `against`) and its interval are of the steps, on the questions of which both have such chains;
    p_value is McNemar's.
    """
    chains: dict[tuple, dict[str, dict]] = defaultdict(dict)
    for item in filter(is_first, items):
        if item.get("departure"):
            chains[item["benchmark"], item.get("arm") or item["model"]][item["question_id"]] = item
    rows = [{"benchmark": benchmark, "arm": arm, **_chains(list(told.values())),
             **_steps_beside(told, chains.get((benchmark, against.get(arm, "")), {}), against.get(arm))}
            for (benchmark, arm), told in chains.items()]
    frame = pd.DataFrame(rows, columns=STEPS)
    frame.attrs["notes"] = ["steps in other words than the interpreter's count as wrong"] if rows else [
        "no arm has chains that can be compared with a run"]
    return frame


def _chains(told: list[dict]) -> dict:
    """What the chains of one arm on one benchmark are like."""
    n = len(told)
    right = sum(item["verdict"] for item in told)
    throughout = sum(item["departure"] == "none" for item in told)
    before = [1.0 if item["departure"] == "none" else
              min(1.0, (item["first_wrong_step"] - 1) / max(1, item["steps_needed"])) for item in told]
    lucky = sum(item["verdict"] and item["departure"] != "none" for item in told)
    row = {"n": n, "answers": right / n, "steps": throughout / n, "right_with_wrong_steps": lucky / n,
           "steps_before_departure": sum(before) / n}
    for name, count in (("answers", right), ("steps", throughout)):
        row[f"{name}_low"], row[f"{name}_high"] = stats.wilson(count, n)
    return row


def _steps_beside(arm: dict[str, dict], other: dict[str, dict], name: str | None) -> dict:
    """The paired comparison of the steps of two arms; empty where there is none to make."""
    both = sorted(arm.keys() & other.keys())
    if not both:
        return {}
    test = stats.mcnemar([other[q]["departure"] == "none" for q in both],
                         [arm[q]["departure"] == "none" for q in both])
    low, high = stats.paired_interval(test.a_only, test.b_only, test.n)
    return {"against": name, "n_both": test.n, "difference": test.difference, "low": low, "high": high,
            "p_value": test.p_value}
