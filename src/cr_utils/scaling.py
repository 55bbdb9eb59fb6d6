"""Accuracy against size, data and chain length, and what a point of accuracy cost: over all runs that there
are.

Scope: one row per run with a finished evaluation, under the results folder and among the reference runs, read
from manifests and per-item records; a figure; the report's section where there are two runs or more. Runs
differ in more than one thing at a time: the figure shows what was run, and no line is fitted. What a run did
not record is missing.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pandas as pd
from matplotlib.ticker import PercentFormatter

from cr_utils import figure_style, page, paths, stats
from cr_utils.figure_style import INK, OTHER_COLORS, OTHER_MARKERS, SLATE, axes, empty, styled
from cr_utils.results import Results

SKIPPED = ("smoke", "earlier", "redrawn", "reference", "base", "scaling")  # no runs, or none that learns
TRAINED = (paths.BASE, "01_data", "02_distill", "03_sft", "04_grpo")
LEAST = 20  # questions of a length below which no accuracy is drawn
COLUMNS = ("run", "parameters", "pretraining_tokens", "sft_tokens", "rollouts", "n", "base", "accuracy",
           "low", "high", "cruxeval", "chain_tokens", "device", "device_hours", "peak_memory", "tokens_per_s",
           "hours_per_point")
WHOLE = ("parameters", "pretraining_tokens", "sft_tokens", "rollouts", "n", "tokens_per_s")
NAMES = {"parameters": "parameters", "tokens": "tokens trained in the run"}


def runs(root: Path) -> dict[str, Results]:
    """Results by name of every run under `root` and the reference runs, as far as evaluated; copies count
    once."""
    folders = {place.name: place for place in sorted(root.glob("*/"))}
    kept = paths.root() / "results" / "reference"
    folders |= {f"{place.name} (reference)": place for place in sorted(kept.glob("*/"))}
    found, seen = {}, set()
    for name, folder in folders.items():
        results = Results(folder.name, folder)
        made = None if folder.name in SKIPPED else results.manifests.get("05_eval")
        if made and made["finished"] not in seen:
            seen.add(made["finished"])
            found[name] = results
    return found


def table(found: dict[str, Results]) -> pd.DataFrame:
    """A row per run, columns COLUMNS; accuracies on held-out output questions by strict rules, of the final
    model.

    base: the better of the base's two forms on these questions. device_hours: of all training stages, on the
    GPU while a stage held one, else of CPU cores; hours_per_point divides them by the gain over the base in
    points.
    """
    rows = [_row(name, results) for name, results in found.items()]
    return pd.DataFrame([row for row in rows if row], columns=list(COLUMNS))


def _row(name: str, results: Results) -> dict | None:
    counts = {model: _right(results.items, model, "heldout") for model in ("base", "base_direct", "grpo")}
    right, n = counts["grpo"]
    if not n:
        return None
    interval, accuracy = stats.wilson(right, n), right / n
    base = max((k / m for k, m in (counts["base"], counts["base_direct"]) if m), default=None)
    crux, asked = _right(results.items, "grpo", "cruxeval")
    made = {stage: one for stage in TRAINED if (one := _manifest(results, stage))}
    metrics = {stage: made.get(stage, {}).get("metrics", {}) for stage in TRAINED}
    hours = sum(device_seconds(one) for one in made.values()) / 3600
    points = 100 * (accuracy - base) if base is not None else 0
    tokens = [item["tokens"] for item in results.items
              if _asks(item, "grpo", "heldout") and item.get("tokens")]
    devices = {(one.get("hardware", {}).get("gpus") or [one.get("hardware", {}).get("processor")])[0]
               for one in made.values() if one["stage"] in ("03_sft", paths.BASE)}
    return {"run": name, "parameters": metrics["03_sft"].get("parameters"),
            "pretraining_tokens": metrics[paths.BASE].get("tokens"),
            "sft_tokens": metrics["03_sft"].get("tokens"),
            "rollouts": metrics["04_grpo"].get("rollouts"), "n": n, "base": base, "accuracy": accuracy,
            "low": interval.low, "high": interval.high, "cruxeval": crux / asked if asked else None,
            "chain_tokens": sum(tokens) / len(tokens) if tokens else None,
            "device": ", ".join(sorted(filter(None, devices))), "device_hours": hours,
            "peak_memory": max((memory(one) or 0 for one in made.values()), default=0) or None,
            "tokens_per_s": metrics["03_sft"].get("tokens_per_s"),
            "hours_per_point": hours / points if points > 0 else None}


def device_seconds(manifest: dict) -> float:
    """Seconds of the device that a stage ran on: recorded, or in older records the cores', a GPU's while it
    ran."""
    older = "wall_seconds" if manifest.get("hardware", {}).get("gpus") else "cpu_seconds"
    return manifest.get("device_seconds", manifest[older])


def memory(manifest: dict) -> int | None:
    """Peak bytes of the device's memory."""
    return manifest.get("gpu_peak_memory") or manifest.get("peak_memory")


def _manifest(results: Results, stage: str) -> dict | None:
    path = results.folder / stage / "manifest.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _asks(item: dict, model: str, benchmark: str) -> bool:
    return item["model"] == model and item["benchmark"] == benchmark and item["task"] == "output"


def _right(items: list[dict], model: str, benchmark: str) -> tuple[int, int]:
    verdicts = [bool(item["verdict"]) for item in items if _asks(item, model, benchmark)]
    return sum(verdicts), len(verdicts)


def by_length(results: Results, width: int = 4) -> pd.DataFrame:
    """Accuracy of the final model by the steps that a run needs, in bins of `width` steps: steps, n,
    right."""
    rows = [(item["steps_needed"] // width * width + width / 2, bool(item["verdict"]))
            for item in results.items
            if _asks(item, "grpo", "heldout") and item.get("steps_needed") is not None]
    frame = pd.DataFrame(rows, columns=["steps", "right"]).groupby("steps")["right"].agg(["size", "sum"])
    frame = frame.reset_index().set_axis(["steps", "n", "right"], axis=1)
    return frame[frame["n"] >= LEAST]


@styled
def figure(frame: pd.DataFrame, lengths: dict[str, pd.DataFrame], ax=None):
    """Accuracy by parameters, by tokens, by steps of the run, and device hours a point. Four axes."""
    found = axes(ax, 2, 2, height=5.0)
    shown = frame.assign(tokens=frame[["pretraining_tokens", "sft_tokens"]].sum(axis=1, min_count=1))
    for one, column in zip(found, NAMES, strict=False):
        _against(one, shown, column)
    _lengths(found[2], frame, lengths)
    _costs(found[3], frame)
    return found


def _look(frame: pd.DataFrame, run: str) -> tuple[str, str]:
    place = list(frame["run"]).index(run)
    return OTHER_COLORS[place % len(OTHER_COLORS)], OTHER_MARKERS[place % len(OTHER_MARKERS)]


def _against(ax, frame: pd.DataFrame, column: str) -> None:
    ax.set_title(f"accuracy by {NAMES[column]}")
    rows = frame[frame[column].notna()]
    if rows.empty:
        empty(ax, "not recorded")
        return
    for row in rows.to_dict("records"):
        shade, mark = _look(frame, row["run"])
        error = [[row["accuracy"] - row["low"]], [row["high"] - row["accuracy"]]]
        ax.errorbar([row[column]], [row["accuracy"]], error, color=shade, marker=mark, ls="",
                    label=row["run"])
        if row["cruxeval"] is not None and row["cruxeval"] == row["cruxeval"]:
            ax.plot([row[column]], [row["cruxeval"]], color=shade, marker=mark, mfc="none", ls="")
    ax.set(xscale="log", xlabel=f"{NAMES[column]} (hollow: CRUXEval-O)", ylim=(0, 1))
    ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    ax.legend(loc="best")


def _lengths(ax, frame: pd.DataFrame, lengths: dict[str, pd.DataFrame]) -> None:
    ax.set_title("accuracy by length of the chain")
    drawn = {run: rows for run, rows in lengths.items() if len(rows)}
    if not drawn:
        empty(ax, "not recorded")
        return
    for run, rows in drawn.items():
        shade, mark = _look(frame, run)
        ax.plot(rows["steps"], rows["right"] / rows["n"], color=shade, marker=mark, ms=4)
    ax.set(xlabel=f"steps that the run needs (bins of 4, n of at least {LEAST})", ylim=(0, 1))
    ax.yaxis.set_major_formatter(PercentFormatter(1.0))


def _costs(ax, frame: pd.DataFrame) -> None:
    ax.set_title("device hours for a point over the base")
    rows = frame[frame["hours_per_point"].notna()]
    if rows.empty:
        empty(ax, "no run gained over its base")
        return
    shades = [_look(frame, run)[0] for run in rows["run"]]
    ax.barh(rows["run"], rows["hours_per_point"], color=shades, height=0.5)
    for place, row in enumerate(rows.to_dict("records")):
        told = f" {row['hours_per_point']:.3g} h, {row['device']}"[:44]
        ax.text(row["hours_per_point"], place, told, va="center", fontsize=7, color=INK)
    ax.grid(axis="y", visible=False)
    ax.set(xlabel="hours of the device named (a GPU, or CPU cores)",
           xlim=(0, 2.2 * rows["hours_per_point"].max()))
    ax.tick_params(axis="y", colors=SLATE)


def section(root: Path) -> str:
    """The report's section as HTML, over the runs under `root`; empty where all are of one profile."""
    found = runs(root)
    frame = table(found)
    # A run and the reference run of its profile are the same sizes twice: nothing to compare.
    if len({name.removesuffix(" (reference)") for name in frame["run"]}) < 2:
        return ""
    lengths = {name: by_length(found[name]) for name in frame["run"]}
    with tempfile.TemporaryDirectory() as folder:
        drawn = figure_style.save(figure(frame, lengths), folder, "scaling")[1].read_text(encoding="utf-8")
    look = ("Every run at hand, one mark each, with 95 % Wilson intervals: runs differ in more than one "
            "thing, so that a rise along an axis need not be due to it. Tokens are those trained in the run: "
            "what a ready start model was trained on is not among them. Hours of a GPU and of CPU cores "
            "cannot be compared with each other.")
    source = 'Manifests and items of each run · <code class="command">python -m cr_utils report</code>'
    return (page.figure("scaling", "What more parameters, tokens and steps bring", look,
                        page.svg(drawn, "scaling", "Accuracy against size, tokens and chain length"), source)
            + page.table(shown(frame)))


def shown(frame: pd.DataFrame) -> pd.DataFrame:
    """The table as the page has it: counts whole (a column with a gap holds them as floats), memory in GB."""
    made = frame.astype(object).where(frame.notna(), None)
    for column in WHOLE:
        made[column] = pd.Series([None if value is None else round(value) for value in made[column]],
                                 index=made.index, dtype=object)
    memory_in_gb = [None if value is None else value / 1e9 for value in made["peak_memory"]]
    return made.assign(peak_memory=memory_in_gb).rename(columns={"peak_memory": "peak memory GB"})
