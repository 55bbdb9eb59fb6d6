"""Marks that several figures share: boxes, dots with intervals, a percent axis, the legend of models.

Each function draws on a given axes from plain values or a small frame; what is shown is the figure's matter.
"""

import numpy as np
import pandas as pd

from cr_utils.arms import REFERENCES
from cr_utils.figure_style import GRID, INK, MODEL_COLORS, MODEL_LABELS, SLATE, color, marker


def boxes(ax, values: list, colors: list, height: float = 0.55) -> None:
    """Horizontal boxes from top to bottom, one per row of values."""
    boxes = ax.boxplot(values, positions=range(len(values)), orientation="horizontal", widths=height,
                       whis=(5, 95),
                       showfliers=False, patch_artist=True, medianprops={"color": INK, "linewidth": 1.4},
                       whiskerprops={"color": INK}, capprops={"color": INK})
    for box, shade in zip(boxes["boxes"], colors, strict=True):
        box.set(facecolor=shade, edgecolor=INK, linewidth=0.8)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)


def points(ax, part: pd.DataFrame, name: str, models: list[str], tasks: list[str]) -> None:
    """Dots with intervals: a band per task from top to bottom, a dot per model inside it."""
    others = tuple(model for model in models if model not in MODEL_COLORS)
    step = 0.8 / max(1, len(models))
    for i, model in enumerate(models):
        rows = part[(part[name] == model)].set_index("task").reindex(tasks)
        at = np.arange(len(tasks)) - 0.4 + step * (i + 0.5)
        middle, low, high = (rows[key].to_numpy(float) for key in ("accuracy", "low", "high"))
        ax.errorbar(middle, at, xerr=[middle - low, high - middle], fmt=marker(model, others), ms=4.2,
                    color=color(model, others), elinewidth=1.3, capsize=0)
    for edge in range(1, len(tasks)):
        ax.axhline(edge - 0.5, color=GRID, lw=0.8)
    ax.set(yticks=range(len(tasks)), yticklabels=tasks, ylim=(len(tasks) - 0.5, -0.5), xlabel="accuracy")
    percent(ax, part["high"].max())
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0)


def percent(ax, top: float) -> None:
    """An accuracy axis from 0 to a little over the largest interval."""
    top = min(1.02, max(0.05, float(top) * 1.06))
    ax.set_xlim(-0.015 * top, top)
    # With decimals only where ticks are closer than a percent.
    ax.xaxis.set_major_formatter(lambda share, _: f"{round(100 * share, 4) + 0:g}%")
    ax.locator_params(axis="x", nbins=5)


def legend(figure, ax, models: list[str]) -> None:
    """One legend above all axes: each model's marker and name."""
    others = tuple(model for model in models if model not in MODEL_COLORS)
    handles = [ax.plot([], [], ls="", marker=marker(model, others), color=color(model, others), ms=5)[0]
               for model in models]
    labels = [MODEL_LABELS.get(model, model) for model in models]
    columns = 110 // (4 + max(map(len, labels), default=1))  # so many fit the width of a page
    figure.legend(handles, labels, ncols=max(1, min(len(models), columns)),
                  loc="outside upper center", columnspacing=1.2, handletextpad=0.2)


def arms(ax, part: pd.DataFrame, arms: list[str]) -> None:
    """A dot with its interval per arm, and a line from each reference over the arms compared with it."""
    for y, (middle, low, high) in enumerate(part[["accuracy", "low", "high"]].to_numpy(float)):
        if np.isnan(middle):
            ax.text(0.01, y, "— not run", va="center", fontsize=7.5, transform=ax.get_yaxis_transform())
            continue
        reference = arms[y] in REFERENCES.values()
        ax.errorbar(middle, y, xerr=[[middle - low], [high - middle]], ms=5, elinewidth=1.5,
                    fmt="D" if reference else "o", color=MODEL_COLORS["grpo"] if reference else SLATE)
        span = [arms.index(a) for a, other in REFERENCES.items() if other == arms[y] and a in arms]
        if span:
            ax.plot([middle, middle], [min(span + [y]) - 0.4, max(span + [y]) + 0.4],
                    color=MODEL_COLORS["grpo"], lw=1, ls=(0, (4, 3)), zorder=0)
