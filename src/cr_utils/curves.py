"""Training curves: what SFT and GRPO logged, one small panel per quantity.

Frames come from `frames.log`. A quantity that was not logged gets a panel that says so. The chosen checkpoint
of GRPO is marked; validation accuracies carry 95 % intervals where their n was logged.
"""

import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter

from cr_utils import stats
from cr_utils.figure_style import GRID, INK, MODEL_COLORS, axes, empty, styled

GRPO_PANELS = (
    ("reward", "mean reward", False), ("val_accuracy", "validation accuracy", True),
    ("length_mean", "answer length, tokens", False), ("truncated_share", "truncated answers", True),
    ("entropy", "entropy, nats a token", False), ("zero_std_share", "groups without spread", True))


@styled
def sft_curves(frame: pd.DataFrame, ax=None):
    """Training loss and validation accuracy by step. Two axes."""
    found = axes(ax, 1, 2, height=2.5)
    _line(found[0], frame, "loss", "training loss", MODEL_COLORS["sft"], False)
    _validation(found[1], frame, MODEL_COLORS["sft"])
    return found


@styled
def grpo_curves(frame: pd.DataFrame, ax=None, chosen: int | None = None):
    """Reward, validation accuracy, length, truncation, entropy, zero-spread share by step. Six axes.

    chosen: the step of the checkpoint that validation picked, marked in every panel.
    """
    found = axes(ax, 2, 3, height=4.2)
    for one, (column, label, share) in zip(found, GRPO_PANELS, strict=True):
        if column == "val_accuracy":
            _validation(one, frame, MODEL_COLORS["grpo"])
        else:
            _line(one, frame, column, label, MODEL_COLORS["grpo"], share)
        if chosen is not None and column in frame and frame[column].notna().any():
            one.axvline(chosen, color=INK, lw=0.9, ls=(0, (3, 2)), zorder=1)
    return found


def _line(ax, frame: pd.DataFrame, column: str, label: str, shade: str, share: bool) -> None:
    """One quantity: the logged values faint, their running mean strong."""
    ax.set_title(label)
    if column not in frame or frame[column].dropna().empty:
        empty(ax, "not logged")
        return
    rows = frame.dropna(subset=[column])
    values = rows[column].astype(float)
    window = max(1, len(rows) // 15)
    ax.plot(rows["step"], values, color=shade, alpha=0.35, lw=0.9, marker="." if len(rows) < 5 else None)
    ax.plot(rows["step"], values.rolling(window, center=True, min_periods=1).mean(), color=shade)
    ax.set(xlabel="step")
    ax.set_xlim(0, float(rows["step"].max()) * 1.02)
    if share:
        ax.set_ylim(0, min(1.02, max(0.1, values.max() * 1.15)))
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _validation(ax, frame: pd.DataFrame, shade: str) -> None:
    """Validation accuracy with Wilson intervals."""
    ax.set_title("validation accuracy")
    if "val_accuracy" not in frame or frame["val_accuracy"].dropna().empty:
        empty(ax, "not logged")
        return
    rows = frame.dropna(subset=["val_accuracy"])
    values = rows["val_accuracy"].to_numpy(float)
    ax.plot(rows["step"], values, color=shade, marker="o", ms=4)
    if "val_n" in rows and rows["val_n"].notna().all():
        limits = [stats.wilson(round(p * n), int(n)) for p, n in zip(values, rows["val_n"], strict=True)]
        ax.fill_between(rows["step"], [i.low for i in limits], [i.high for i in limits], color=shade,
                        alpha=0.18, lw=0)
        ax.set_ylim(*_span(limits))
    ax.set(xlabel="step")
    ax.set_xlim(left=0)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.grid(color=GRID)


def _span(limits: list) -> tuple[float, float]:
    """Limits of an axis that holds all intervals with some air."""
    low, high = min(i.low for i in limits), max(i.high for i in limits)
    air = max(0.02, 0.08 * (high - low))
    return float(np.clip(low - air, 0, 1)), float(np.clip(high + air, 0, 1.02))
