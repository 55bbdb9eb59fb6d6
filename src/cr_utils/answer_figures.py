"""Figures of the answers themselves: where their steps leave the run, and what is too much in them.

Frames come from `answer_tables`. Shares carry 95 % Wilson intervals where they stand alone.
"""

import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter

from cr_utils import marks, stats
from cr_utils.figure_style import BENCHMARK_LABELS, MODEL_LABELS, PAPER, axes, empty, ordered, styled

PARTS = (
    ("right, right steps", "#009e73"),
    ("right, wrong steps", "#9fd8c4"),
    ("wrong, right steps", "#8d939e"),
    ("comprehension", "#0072b2"),
    ("wrong line", "#f0e442"),
    ("lost state", "#e69f00"),
    ("wrong value", "#d55e00"),
    ("stopped or went on", "#cc79a7"),
)


@styled
def departures(frame: pd.DataFrame, ax=None, benchmark: str = "heldout", task: str = "output"):
    """Answers by their steps: right with right or wrong steps, and wrong ones by how they left the run.
    Stacked.

    frame: as `answer_tables.departures`.
    """
    rows = frame[(frame["benchmark"] == benchmark) & (frame["task"] == task)].set_index("model")
    models = ordered(rows.index)
    ax = axes(ax, height=1.3 + 0.32 * max(2, len(models)))
    if not models:
        return empty(ax, "no chain could be compared with its run")
    left = np.zeros(len(models))
    for (label, shade), counts in zip(PARTS, _parts(rows.loc[models]), strict=True):
        share = (counts / rows.loc[models, "n"]).to_numpy(float)
        ax.barh(
            range(len(models)), share, 0.66, left, color=shade, edgecolor=PAPER, linewidth=0.6, label=label
        )
        left += share
    ax.set(
        yticks=range(len(models)),
        xlim=(0, 1),
        ylim=(len(models) - 0.5, -0.5),
        xlabel="share of all chains",
        yticklabels=[f"{MODEL_LABELS.get(m, m)} (n={int(rows.loc[m, 'n']):,})" for m in models],
        title=f"{BENCHMARK_LABELS.get(benchmark, benchmark)}, {task}",
    )
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.grid(axis="y", visible=False)
    ax.get_figure().legend(*ax.get_legend_handles_labels(), ncols=4, loc="outside upper center")
    return ax


def _parts(rows: pd.DataFrame) -> list[pd.Series]:
    """Counts in the order of PARTS; together they are n."""
    return [rows["right_answers"] - rows["right_with_wrong_steps"], rows["right_with_wrong_steps"],
            rows["wrong_with_right_steps"], rows["comprehension"], rows["wrong_line"], rows["lost_state"],
            rows["wrong_value"], rows["stopped"] + rows["went_on"]]


@styled
def overthinking(length: pd.DataFrame, departed: pd.DataFrame, ax=None, benchmark: str = "heldout",
                 task: str = "output"):
    """Shares of answers that are cut off, that loop, and that have more steps than the run, by stage.

    length, departed: as `answer_tables.length` and `answer_tables.departures`.
    """
    ax = axes(ax, height=2.6)
    rows = []
    for frame, columns in ((length, {"cut off": "truncated", "loops at its end": "repetition"}),
                           (departed, {"more steps than the run": "longer_than_run"})):
        part = frame[(frame["benchmark"] == benchmark) & (frame["task"] == task)]
        for label, column in columns.items():
            rows += [_share(row["model"], label, row[column], int(row["n"]))
                     for _, row in part[part[column].notna()].iterrows() if row["model"] != "trivial"]
    if not rows:
        return empty(ax, f"no answers on {benchmark}, {task}")
    made = pd.DataFrame(rows)
    models = ordered(made["model"])
    marks.points(ax, made, "model", models, list(dict.fromkeys(made["task"])))
    ax.set(xlabel="share of answers", title=f"{BENCHMARK_LABELS.get(benchmark, benchmark)}, {task}")
    marks.legend(ax.get_figure(), ax, models)
    return ax


def _share(model: str, label: str, share: float, n: int) -> dict:
    low, high = stats.wilson(round(share * n), n)
    return {"model": model, "task": label, "accuracy": share, "low": low, "high": high}
