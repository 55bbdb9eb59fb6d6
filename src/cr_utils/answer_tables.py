"""Tables about the answers themselves: their length, why they fail, where their steps leave the run, pass@k,
and where the published and the strict rule judge them differently.

Each function takes items as `evaluate` writes them (with what `steps` adds to them) and returns one pandas
frame with fixed columns. Shares are fractions 0-1. A chain that is right in other words counts as departing
at its first line.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from statistics import mean as average
from statistics import median

import pandas as pd

from cr_utils import departures as kinds_of
from cr_utils import stats
from cr_utils.tables import CELL, GRID, MODELS, TASKS, frame_of

LENGTH = ["model", *CELL, "n", "mean_tokens", "median_tokens", "truncated", "repetition"]
FAILURES = ["model", *CELL, "n", "kind", "count", "share", "first_wrong_step"]
SCORING = ["model", "benchmark", "task", "n", "parity", "strict", "parity_only", "strict_only"]
DEPARTURES = ["model", "benchmark", "task", "n", "right_answers", "right_steps", "right_with_wrong_steps",
              "wrong_with_right_steps", "comprehension", "simulation", *kinds_of.KINDS[1:], "median_step",
              "mean_steps", "mean_steps_needed", "longer_than_run", "facts_style"]
OPERATIONS = ["model", "benchmark", "operation", "n", "right", "accuracy", "low", "high", "failures",
              "share_of_failures"]
PASS = ["model", "benchmark", "task", "mode", "n", "samples", "k", "estimate", "low", "high"]


def repeats(text: str, window: int = 240, longest: int = 60, least: int = 4) -> bool:
    """Does a text end in a loop: `least` times or more the same block of at most `longest` characters?"""
    tail = text.rstrip()[-window:]
    return any(len(tail) >= least * size and tail[-size * least:] == tail[-size:] * least
               for size in range(3, longest + 1))


def length(items: Iterable[dict]) -> pd.DataFrame:
    """Answer length in tokens, and the shares of answers cut off at the limit and of answers that loop."""
    rows = []
    for (model, benchmark, task), group in groups(items).items():
        tokens = [item["tokens"] for item in group if item.get("tokens") is not None]
        loops = [repeats(item["completion"]) if item.get("completion") is not None else item["repeats"]
                 for item in group if item.get("completion") is not None or "repeats" in item]
        rows.append(
            {
                "model": model,
                "benchmark": benchmark,
                "task": task,
                "mode": "strict",
                "n": len(group),
                "mean_tokens": average(tokens) if tokens else None,
                "median_tokens": median(tokens) if tokens else None,
                "truncated": average(bool(item.get("truncated")) for item in group),
                "repetition": average(loops) if loops else None,
            }
        )
    frame = frame_of(rows, LENGTH)
    if any(row["repetition"] is None for row in rows):
        frame.attrs["notes"].append("repetition: the texts of the answers are not recorded here")
    return frame


def failures(items: Iterable[dict]) -> pd.DataFrame:
    """Why answers were wrong: count of each kind, its share of all n answers, median first wrong step.

    A wrong output may be told apart: of another type, or off by little (see `nearness`).
    """
    rows = []
    for (model, benchmark, task), group in groups(items).items():
        wrong = defaultdict(list)
        for item in group:
            if not item["verdict"]:
                wrong[item.get("detail") or item["kind"]].append(item.get("first_wrong_step"))
        for kind, found in sorted(wrong.items(), key=lambda pair: (-len(pair[1]), pair[0])):
            steps = [step for step in found if step is not None]
            rows.append(
                {
                    "model": model,
                    "benchmark": benchmark,
                    "task": task,
                    "mode": "strict",
                    "n": len(group),
                    "kind": kind,
                    "count": len(found),
                    "share": len(found) / len(group),
                    "first_wrong_step": median(steps) if steps else None,
                }
            )
    frame = frame_of(rows, FAILURES)
    if any(row["first_wrong_step"] is None for row in rows):
        frame.attrs["notes"].append("first_wrong_step: not recorded, or the answer has no steps to compare")
    return frame


def departures(items: Iterable[dict]) -> pd.DataFrame:
    """Steps against answers, for chains that can be compared with the run: our own output questions.

    Of the n chains: right answers, chains with right steps throughout, and the two ways in which these
    disagree. The kinds of departure are counted among wrong answers; comprehension and simulation are their
    sums. median_step: of the first wrong step. longer_than_run: share with more steps than the run.
    facts_style: share in the style that states every operation rather than results only.
    """
    rows = []
    for (model, benchmark, task), group in groups(items).items():
        told = [item for item in group if item.get("departure")]
        if not told:
            continue
        kinds = Counter(item["departure"] for item in told if not item["verdict"])
        steps = [item["first_wrong_step"] for item in told if item["first_wrong_step"] is not None]
        rows.append({
            "model": model, "benchmark": benchmark, "task": task, "n": len(told),
            "right_answers": sum(item["verdict"] for item in told),
            "right_steps": sum(item["departure"] == "none" for item in told),
            "right_with_wrong_steps": sum(item["verdict"] and item["departure"] != "none" for item in told),
            "wrong_with_right_steps": kinds["none"], **{kind: kinds[kind] for kind in kinds_of.KINDS[1:]},
            "comprehension": sum(kinds[kind] for kind in kinds_of.COMPREHENSION),
            "simulation": sum(kinds[kind] for kind in kinds_of.SIMULATION),
            "median_step": median(steps) if steps else None,
            "mean_steps": average(item["steps"] for item in told),
            "mean_steps_needed": average(item["steps_needed"] for item in told),
            "longer_than_run": average(item["steps"] > item["steps_needed"] for item in told),
            "facts_style": average(item.get("style") == "facts" for item in told)})
    return frame_of(rows, DEPARTURES)


def operations(items: Iterable[dict], least: int = 10) -> pd.DataFrame:
    """How often each kind of operation is carried out right by chains that were right up to it.

    Of output answers that state every operation (`operations.tally`): n times reached, right, accuracy with
    its Wilson interval; failures, and their share among all first failures of that model and benchmark.
    Operations reached fewer than `least` times are one row, `rarer operations`. Most failures first.
    """
    rows = []
    for (model, benchmark, _), group in groups(item for item in items if item.get("reached")).items():
        reached, failed = Counter(), Counter(item["failed_at"] for item in group if item["failed_at"])
        for item in group:
            reached.update(item["reached"])
        for rare in [name for name in reached if reached[name] < least]:
            for counts in (reached, failed):
                counts["rarer operations"] += counts.pop(rare, 0)
        for name, n in sorted(reached.items(), key=lambda pair: (-failed[pair[0]], pair[0])):
            right = n - failed[name]
            interval = stats.wilson(right, n)
            rows.append((model, benchmark, name, n, right, right / n, interval.low, interval.high,
                         failed[name], failed[name] / max(1, failed.total())))
    frame = pd.DataFrame(rows, columns=OPERATIONS)
    frame.attrs["notes"] = [] if rows else ["no chain that states every operation was recorded"]
    return frame


def pass_at_k(items: Iterable[dict], ks: Iterable[int] = (1, 5, 10)) -> pd.DataFrame:
    """pass@k over questions with several samples, unbiased, with bootstrap intervals over questions.

    A k above the number of samples is left out: fewer answers than k say nothing about it.
    """
    rows = []
    for (model, benchmark, task), group in groups(items).items():
        for mode, key in (("strict", "verdict"), ("parity", "parity")):
            right: dict[str, list[bool]] = defaultdict(list)
            for item in group:
                if item.get(key) is not None:
                    right[item.get("question_id", "")].append(item[key])
            least = min(map(len, right.values()), default=0)
            for k in (k for k in ks if k <= least and least > 1):
                values = [stats.pass_at_k(len(found), sum(found), k) for found in right.values()]
                low, high = stats.bootstrap(values)
                rows.append(
                    {
                        "model": model,
                        "benchmark": benchmark,
                        "task": task,
                        "mode": mode,
                        "n": len(values),
                        "samples": least,
                        "k": k,
                        "estimate": average(values),
                        "low": low,
                        "high": high,
                    }
                )
    frame = frame_of(rows, PASS)
    frame.attrs["notes"] = [] if rows else ["one answer per question was sampled (eval_samples)"]
    return frame


def scoring(items: Iterable[dict]) -> pd.DataFrame:
    """Right answers by the published rule and by the strict one, and how many only one of them accepts.

    Only items with both verdicts count; benchmarks of our own have no published rule.
    """
    rows = []
    for key, group in groups(item for item in items if item.get("parity") is not None).items():
        pairs = [(bool(item["parity"]), bool(item["verdict"])) for item in group]
        rows.append((*key, len(pairs), sum(parity for parity, _ in pairs), sum(strict for _, strict in pairs),
                     sum(parity and not strict for parity, strict in pairs),
                     sum(strict and not parity for parity, strict in pairs)))
    frame = pd.DataFrame(rows, columns=SCORING)
    frame.attrs["notes"] = [] if rows else ["no answer to a published benchmark was recorded"]
    return frame


def groups(items: Iterable[dict]) -> dict[tuple[str, str, str], list[dict]]:
    """Items by (model, benchmark, task), in the tables' order."""
    found = defaultdict(list)
    for item in items:
        found[item["model"], item["benchmark"], item["task"]].append(item)
    order = {name: i for names in (MODELS, tuple(GRID), TASKS) for i, name in enumerate(names)}
    return dict(sorted(found.items(), key=lambda pair: [(order.get(part, 99), part) for part in
                                                        (pair[0][1], pair[0][2], pair[0][0])]))
