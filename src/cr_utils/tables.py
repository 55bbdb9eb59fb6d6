"""Tables from recorded items: each function takes records and returns one pandas frame with fixed columns.

Covers accuracy (main, ablations, generalization), paired tests and data counts; tables about the answers
themselves are in `answer_tables`, claims in `claims`. Accuracies are fractions 0-1 with 95 % intervals. A
cell without a value is missing (NA) in a frame and "—" on disk, and `frame.attrs["notes"]` says why.

Records are items as `evaluate` writes them. Optional fields: `parity` (bool, the official scorer's verdict;
gives rows of mode "parity") and `sample` (number of a further answer to the same question).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

import pandas as pd

from cr_utils import consistency, published, stats
from cr_utils.schema import ARMS
from cr_utils.tablefile import DASH, cell_text, read_table, write_table

__all__ = ["ARMS", "DASH", "ablations", "cell_text", "data", "frame_of", "generalization", "main", "paired",
           "rates", "read_table", "write_table"]

TASKS = ("output", "input", "coverage", "path", "state")
MODELS = ("trivial", "base_direct", "base", "sft", "grpo")
TEST = "cruxeval_test"  # the 600 of CRUXEval's 800 rows that never steered a choice
DEV = "cruxeval_dev"  # the other 200
GRID = {
    "heldout": (*TASKS, "mean"), "heldout_ood": (*TASKS, "mean"), "cruxeval": ("output", "input", "mean"),
    TEST: ("output", "input", "mean"), "livecodebench": ("output", "input", "mean"),
    "reval": ("output", "coverage", "path", "state", "consistency", "mean"),
}
PAIRS = (("base_direct", "base"), ("base_direct", "sft"), ("base", "sft"), ("sft", "grpo"), ("base", "grpo"))

RATE = ["n", "correct", "accuracy", "low", "high"]
CELL = ["benchmark", "task", "mode"]
MAIN = ["model", *CELL, *RATE, "published", "source"]
ABLATIONS = ["arm", *MAIN[1:]]
PAIRED = ["benchmark", "task", "a", "b", "n", "a_only", "b_only", "difference", "p_value"]
GENERALIZATION = ["model", *CELL, *RATE, "base_model", "against", "difference", "difference_low",
                  "difference_high"]
DATA = ["step", "n", "dropped", "share"]
CONSISTENCY = "reval, consistency: accuracy is a mean of scores 0-1, so none are counted as correct"
COUNTS = ("n", "correct", "a_only", "b_only", "count", "dropped")

Counts = dict[tuple[str, str, str, str], tuple[int, int]]


def main(items: Iterable[dict], reasons: dict[str, str] | None = None, split: Callable | None = None,
         with_published: bool = True) -> pd.DataFrame:
    """Accuracy of every model on every benchmark and task, beside the published numbers.

    reasons: why a benchmark or model has no items, by its name (default "not run"). split: from a CRUXEval
    row id to "dev" or "test" (default: the fixed hash split). `mean` is the unweighted mean over the tasks of
    a benchmark, given only for a model that has them all; its n and correct are sums.
    """
    counts = rates(items, "model", split)
    return _grid(counts, MODELS, MAIN, reasons or {}, with_published)


def ablations(items: Iterable[dict], reasons: dict[str, str] | None = None, split: Callable | None = None,
              asked: Iterable[str] = ()) -> pd.DataFrame:
    """Accuracy of every ablation arm; as `main`, with the arm in place of the model and nothing published.

    CRUXEval's 200 development rows, on which choices between arms may rest, stand in rows of their own. An
    arm without answers has rows only where it was `asked` for or has a reason, a task only where some arm was
    asked it; a note names the rest.
    """
    named = [{**item, "arm": item.get("arm") or item["model"]} for item in items]
    dev = [{**item, "benchmark": DEV} for item in named if _benchmarks(item, split) == ("cruxeval",)]
    counts = rates(named + dev, "arm", split)
    shown = {key[0] for key in counts} | set(asked) | set(reasons or ()) if counts else set(ARMS)
    frame = _grid(counts, tuple(arm for arm in ARMS if arm in shown), ABLATIONS, reasons or {}, False)
    seen = {key[1] for key in counts}
    kept = frame[frame["benchmark"].isin(seen)] if seen else frame[frame["benchmark"] == "heldout"]
    notes = _notes(kept, "arm", reasons or {})
    asks = kept.groupby(["benchmark", "task"])["n"].transform("count") > 0
    several = {name for name, part in kept[asks].groupby("benchmark") if part["task"].nunique() > 2}
    asks &= (kept["task"] != "mean") | kept["benchmark"].isin(several)  # no mean of one task
    kept = (kept[asks] if seen else kept).reset_index(drop=True)
    left = [arm for arm in ARMS if arm not in shown]
    kept.attrs["notes"] = [*notes, "published: no source gives this paper's ablations",
                           *([f"not in this run and left out: {', '.join(left)}"] if left else [])]
    return kept


def rates(items: Iterable[dict], name: str = "model", split: Callable | None = None) -> Counts:
    """(right, asked) by (model or arm, benchmark, task, mode); CRUXEval's 600 test rows are a benchmark."""
    items, asked, right = list(items), Counter(), Counter()
    answers = Counter(question(item, name) for item in items)
    for item in items:
        share = 1 / n if (n := answers[question(item, name)]) > 1 else 1  # of several samples of a question
        for benchmark in _benchmarks(item, split):
            for mode, verdict in (("strict", item["verdict"]), ("parity", item.get("parity"))):
                if verdict is not None:
                    key = (item[name], benchmark, item["task"], mode)
                    asked[key] += share
                    right[key] += share if verdict else 0
    return {key: (_whole(right[key]), round(n)) for key, n in asked.items()} | consistency.totals(items, name)


def question(item: dict, name: str = "model") -> tuple[str, str, str]:
    """What the samples of one question have in common."""
    return item[name], item["benchmark"], item.get("question_id", "")


def is_first(item: dict) -> bool:
    """Is an item the first (or only) sample of its question?"""
    return not item.get("sample")


def _whole(number: float) -> float:
    """The integer that a sum of shares is, where it is one."""
    return round(number) if abs(number - round(number)) < 1e-6 else number


def _benchmarks(item: dict, split: Callable | None) -> tuple[str, ...]:
    """The benchmark rows an item counts for: its own, and the 600 where it is one of them."""
    if item["benchmark"] != "cruxeval":
        return (item["benchmark"],)
    if split is None:
        from cr_utils.benchmarks import split
    try:
        return ("cruxeval", TEST) if split(item["question_id"].split("/")[0]) == "test" else ("cruxeval",)
    except ValueError:  # a row of the user's own in the benchmark's format belongs to neither part
        return ("cruxeval",)


def _grid(counts: Counts, names: tuple, columns: list[str], reasons: dict,
          with_published: bool) -> pd.DataFrame:
    """One row per model, benchmark, task and mode: all expected ones, and whatever else was found."""
    first = columns[0]
    names = (*names, *sorted({key[0] for key in counts} - set(names)))
    grid = GRID | {extra: (*TASKS, "mean") for extra in sorted({key[1] for key in counts} - set(GRID))}
    parity = {key[1] for key in counts if key[3] == "parity"}
    rows = []
    for benchmark, tasks in grid.items():
        for mode in ("strict", "parity") if benchmark in parity else ("strict",):
            for task in tasks:
                rows += [{first: name, "benchmark": benchmark, "task": task, "mode": mode,
                          **cell(counts, name, benchmark, task, mode),
                          **(_published(benchmark, task, name) if with_published else {})} for name in names]
    if with_published:
        rows += [{first: p.model, "benchmark": p.benchmark, "task": p.task, "mode": "parity",
                  "published": p.value, "source": p.label} for p in published.NUMBERS]
    return frame_of(rows, columns, first, reasons)


def cell(counts: Counts, name: str, benchmark: str, task: str, mode: str = "strict") -> dict:
    """n, correct, accuracy and interval of one cell; empty where there is nothing to count."""
    if task == "mean":
        return _mean(counts, name, benchmark, mode)
    right, n = counts.get((name, benchmark, task, mode), (0, 0))
    if not n:
        return {}
    low, high = stats.wilson(right, n)
    correct = right if task != "consistency" and isinstance(right, int) else None  # else a sum of scores
    return {"n": n, "correct": correct, "accuracy": right / n, "low": low, "high": high}


def _mean(counts: Counts, name: str, benchmark: str, mode: str) -> dict:
    """The mean over tasks; empty unless the model has every task that any model has there."""
    wanted = {key[2] for key in counts if key[1] == benchmark and key[3] == mode} - {"consistency"}
    found = [counts[key] for task in sorted(wanted) if (key := (name, benchmark, task, mode)) in counts]
    if not found or len(found) < len(wanted):
        return {}
    mean, (low, high) = stats.mean_of_rates(found)
    return {"n": sum(n for _, n in found), "correct": sum(k for k, _ in found),
            "accuracy": mean, "low": low, "high": high}


def _published(benchmark: str, task: str, name: str) -> dict:
    number = published.find(benchmark, task, name)
    return {"published": number.value, "source": number.label} if number else {}


def paired(items: Iterable[dict], pairs: Iterable[tuple[str, str]] = PAIRS, name: str = "model",
           split: Callable | None = None) -> pd.DataFrame:
    """Exact McNemar tests of pairs of models (or arms) on the questions that both answered, strict verdicts.

    `difference` is b's accuracy minus a's on those n questions. p-values are not corrected for their number.
    A pair with an arm that is not in the run is left out and named in a note; one with a model is a dash.
    """
    pairs, verdicts = list(pairs), defaultdict(dict)
    for item in filter(is_first, items):
        for benchmark in _benchmarks(item, split):
            group = verdicts[item.get(name) or item["model"], benchmark, item["task"]]
            group[item["question_id"]] = item["verdict"]
    have = {key[0] for key in verdicts}
    left = [pair for pair in pairs if have and name == "arm" and not have >= set(pair)]
    rows = []
    for benchmark, tasks in GRID.items():
        for task in tasks:
            for a, b in (pair for pair in pairs if pair not in left):
                first, second = verdicts.get((a, benchmark, task), {}), verdicts.get((b, benchmark, task), {})
                both = sorted(first.keys() & second.keys())
                test = stats.mcnemar([first[q] for q in both],
                                     [second[q] for q in both])._asdict() if both else {}
                if both or first or second:
                    rows.append({"benchmark": benchmark, "task": task, "a": a, "b": b, **test})
    frame = frame_of(rows, PAIRED, None, {})
    absent = sorted({f"{row['a']} and {row['b']}" for row in rows if "n" not in row})
    frame.attrs["notes"] = [f"{pair}: no question that both answered" for pair in absent] or (
        [] if rows else ["no two models were evaluated on the same questions"])
    frame.attrs["notes"].append(f"{sum('n' in row for row in rows)} tests; p-values are not corrected for "
                                "that")
    if left:
        gone = dict.fromkeys(arm for pair in left for arm in pair if arm not in have)
        frame.attrs["notes"].append(f"not in this run and left out: {', '.join(gone)}")
    return frame


def generalization(items: Iterable[dict], base_model: str = "shipped", reasons: dict
                   | None = None) -> pd.DataFrame:
    """How far each model carries: unseen constraint cells against seen ones, and other base models.

    Rows of heldout_ood give the difference to the same model's heldout accuracy (95 % interval of two
    independent rates). An item's own `base_model` overrides the argument.
    """
    items = list(items)
    bases = {item["model"]: item.get("base_model", base_model) for item in items}
    ours = [item for item in items if item["benchmark"].startswith("heldout")]
    counts = {key: value for key, value in rates(ours).items() if key[3] == "strict"}
    names = (*MODELS, *sorted({key[0] for key in counts} - set(MODELS)))
    rows = []
    for benchmark in ("heldout", "heldout_ood"):
        for task in TASKS:
            for model in names:
                row = {"model": model, "benchmark": benchmark, "task": task, "mode": "strict",
                       **cell(counts, model, benchmark, task), "base_model": bases.get(model, base_model)}
                seen = counts.get((model, "heldout", task, "strict"))
                if benchmark == "heldout_ood" and "n" in row and seen:
                    low, high = stats.difference_interval(*seen, row["correct"], row["n"])
                    row |= {"against": "heldout", "difference": row["accuracy"] - seen[0] / seen[1],
                            "difference_low": low, "difference_high": high}
                rows.append(row)
    notes = frame_of(rows, GENERALIZATION, "model", reasons or {}).attrs["notes"]
    if len({bases.get(model, base_model) for model in names}) == 1:
        rows.append({"model": "grpo", "benchmark": "heldout", "task": "output", "mode": "strict",
                     "base_model": "others"})
        notes.append(f"other base models: {(reasons or {}).get('base_model', 'not run')}")
    frame = frame_of(rows, GENERALIZATION, None, {})
    frame.attrs["notes"] = notes
    return frame


def data(counts: Iterable[dict]) -> pd.DataFrame:
    """Programs left after each filter, from rows {"step", "n"} in order; share is of the first step's n."""
    rows, before, first = [], None, None
    for row in counts:
        first = first or row["n"]
        rows.append({"step": row["step"], "n": row["n"], "share": row["n"] / first if first else None,
                     "dropped": None if before is None else before - row["n"]})
        before = row["n"]
    frame = frame_of(rows, DATA, None, {})
    if rows:
        frame.attrs["notes"].append("dropped: the first step has none before it")
    return frame


def frame_of(rows: list[dict], columns: list[str], first: str | None = None,
             reasons: dict | None = None) -> pd.DataFrame:
    """Rows as a frame of these columns, counts whole; with `first` (model, arm) notes on what is missing."""
    frame = pd.DataFrame(rows, columns=columns)
    for column in frame.columns.intersection(COUNTS):
        frame[column] = frame[column].astype("Int64")
    frame.attrs["notes"] = _notes(frame, first, reasons
                                  or {}) if first else ([] if rows else ["nothing was recorded"])
    return frame


def _notes(frame: pd.DataFrame, first: str, reasons: dict) -> list[str]:
    """The reasons for cells without a value: per benchmark, else per model or task, else per cell."""
    notes = [CONSISTENCY] if "consistency" in set(frame.loc[frame["n"].notna(), "task"]) else []
    for benchmark, part in frame[~frame[first].isin({p.model for p in published.NUMBERS})].groupby(
            "benchmark", sort=False):
        empty = {(row[first], row["task"]) for _, row in part[part["n"].isna()].iterrows()}
        names, tasks = dict.fromkeys(part[first]), dict.fromkeys(part["task"])
        absent = [name for name in names if all((name, task) in empty for task in tasks)]
        if len(absent) == len(names):
            notes.append(f"{benchmark}: {reasons.get(benchmark, 'not run')}")
            continue
        notes += [f"{benchmark}, {name}: {reasons.get(name, 'not run')}" for name in absent]
        here = [name for name in names if name not in absent]
        never = [task for task in tasks if all((name, task) in empty for name in here)]
        if never:
            notes.append(f"{benchmark}, {', '.join(never)}: {reasons.get(benchmark, 'not asked')}")
        for name in here:
            rest = [task for task in tasks if (name, task) in empty and task not in never]
            if rest:
                why = "needs every task" if rest == ["mean"] else "not asked"
                notes.append(f"{benchmark}, {name}, {', '.join(rest)}: {reasons.get(name, why)}")
    return notes
