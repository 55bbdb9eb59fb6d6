"""Figures of data and results: each function takes a tidy frame and returns the axes it drew on.

Frames come from `frames` and `tables`. Training curves are in `curves`. A figure without data says so instead
of failing. Accuracies carry their 95 % intervals. Nothing is saved here: `figure_style.save` does that.
"""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.ticker import MaxNLocator, PercentFormatter, StrMethodFormatter

from cr_utils import frames, marks, stats, tables
from cr_utils.figure_style import (
    ARM_LABELS,
    BENCHMARK_LABELS,
    KIND_COLORS,
    MODEL_COLORS,
    MODEL_LABELS,
    OTHER_COLORS,
    PAPER,
    SLATE,
    SOURCE_COLORS,
    SOURCE_LINES,
    axes,
    color,
    counted,
    empty,
    ordered,
    styled,
)

SETTINGS = ("nested", "methods", "control 1", "control 2", "control 3", "helper")
RULE_NAMES = {"parity": "published"}
UNSEEN = " (unseen)"  # after a group's name: drawn from cells that no training program has


@styled
def filters(frame: pd.DataFrame, ax=None):
    """Programs left after each filter. frame: as `tables.data`."""
    ax = axes(ax, height=max(1.4, 0.6 + 0.26 * len(frame)))
    if frame.empty:
        return empty(ax, "no counts recorded")
    ax.barh(frame["step"], frame["n"].astype(int), color=SLATE, height=0.65)
    for y, (n, share) in enumerate(zip(frame["n"], frame["share"], strict=True)):
        ax.text(n, y, f"  {n:,} · {share:.0%}", va="center", fontsize=8)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.set(xlabel="programs", xlim=(0, frame["n"].max() * 1.18), title="Programs left after each filter")
    return ax


@styled
def constraint_coverage(frame: pd.DataFrame, ax=None):
    """Problems and distinct methods in every cell of type by setting. frame: as `frames.problems`."""
    frame = frame.dropna(subset=["type", "setting"])
    kinds = sorted(frame["type"].unique())
    ax = axes(ax, height=1.1 + 0.34 * max(3, len(kinds)))
    if frame.empty:
        return empty(ax, "no problem has a constraint")
    names = [*SETTINGS, *sorted(set(frame["setting"]) - set(SETTINGS))]
    counts = frame.pivot_table(index="type", columns="setting", values="id", aggfunc="count", fill_value=0)
    methods = frame.pivot_table(index="type", columns="setting", values="method", aggfunc="nunique",
                                fill_value=0)
    counts, methods = (part.reindex(index=kinds, columns=names, fill_value=0) for part in (counts, methods))
    text = (counts.astype(str) + "\n" + methods.astype(str) + " m.").where(counts > 0, "0")
    sns.heatmap(counts, ax=ax, annot=text.to_numpy(), fmt="", cmap="Blues", linewidths=1, linecolor=PAPER,
                annot_kws={"fontsize": 6.8, "linespacing": 1.05}, vmin=0,
                cbar_kws={"label": "problems", "shrink": 0.8, "ticks": MaxNLocator(6, integer=True)})
    ax.grid(False)
    ax.tick_params(length=0)
    ax.set(xlabel="", ylabel="", title="Problems per cell, and distinct methods (m.) in it")
    ax.tick_params(axis="y", rotation=0)
    return ax


@styled
def distributions(frame: pd.DataFrame, ax=None):
    """Code length, trace steps and output type by source. frame: as `frames.shapes`; returns three axes."""
    found = axes(ax, 1, 3, height=2.5)
    if frame.empty:
        return [empty(one, "no programs recorded") for one in found]
    sources = [name for name in SOURCE_COLORS if name in set(frame["source"])]
    if len(sources) < frame["source"].nunique():
        raise ValueError(f"no colour for some of the sources {sorted(set(frame['source']))}")
    for one, column, label in ((found[0], "lines", "lines of code"), (found[1], "steps", "trace steps")):
        _cumulative(one, frame, sources, column)
        one.set(xlabel=label, ylabel="share at most", ylim=(0, 1.02))
        one.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        one.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    kinds = frame["output_type"].value_counts().index[:7][::-1]
    height = 0.8 / len(sources)
    for i, source in enumerate(sources):
        share = frame.loc[frame["source"] == source, "output_type"].value_counts(normalize=True)
        found[2].barh(np.arange(len(kinds)) + 0.4 - height * (i + 0.5), share.reindex(kinds).fillna(0),
                      height, color=SOURCE_COLORS[source])
    found[2].set(yticks=range(len(kinds)), yticklabels=kinds, xlabel="share of outputs")
    found[2].xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    found[2].grid(axis="y", visible=False)
    handles = [found[0].plot([], [], color=SOURCE_COLORS[name], lw=2.2, ls=SOURCE_LINES[name])[0]
               for name in sources]
    found[0].get_figure().legend(handles, [BENCHMARK_LABELS.get(s, s) for s in sources], ncols=len(sources),
                                 loc="outside upper center")
    return found


def _cumulative(ax, frame: pd.DataFrame, sources: list[str], column: str) -> None:
    """Cumulative shares of a count by source; a source without values is left out."""
    top = frame[column].dropna().astype(float).quantile(0.995) if frame[column].notna().any() else 1
    for source in sources:
        values = np.sort(frame.loc[frame["source"] == source, column].dropna().to_numpy(float))
        if len(values):
            ax.step(values, np.arange(1, len(values) + 1) / len(values), where="post",
                    color=SOURCE_COLORS[source], ls=SOURCE_LINES[source])
    ax.set_xlim(0, max(1, top))


@styled
def chain_lengths(frame: pd.DataFrame, ax=None):
    """Length of the accepted chains by task. frame: as `frames.chains`."""
    ax = axes(ax, height=0.7 + 0.3 * max(2, frame["task"].nunique()))
    if frame.empty:
        return empty(ax, "no chains recorded")
    column = "tokens" if frame["tokens"].notna().all() else "characters"
    tasks = [task for task in tables.TASKS if task in set(frame["task"])]
    values = [frame.loc[frame["task"] == task, column].to_numpy(float) for task in tasks]
    marks.boxes(ax, values, [SLATE] * len(tasks))
    ax.set(yticks=range(len(tasks)),
           xlabel=f"chain length ({column}; box: middle half, whiskers: 5 % to 95 %)",
           yticklabels=[f"{task} (n={len(part):,})" for task, part in zip(tasks, values, strict=True)])
    ax.set_xlim(left=0)
    return ax


@styled
def accuracy(frame: pd.DataFrame, ax=None, benchmarks: tuple = ("heldout", "heldout_ood", "cruxeval"),
             mode: str = "strict"):
    """Accuracy with 95 % intervals by benchmark and task. frame: as `tables.main`; one axes a benchmark."""
    frame = frame[(frame["mode"] == mode) & frame["accuracy"].notna()]
    models = ordered(frame["model"])
    height = 3.4 + 0.3 * max(0, len(models) - 5)
    found = np.atleast_1d(axes(ax, 1, len(benchmarks), height=height, sharey=False))
    for one, benchmark in zip(found, benchmarks, strict=True):
        part = frame[frame["benchmark"] == benchmark]
        tasks = [task for task in (*tables.TASKS, "consistency") if task in set(part["task"])]
        # `mean` sums its tasks' questions and `consistency` has its own: neither is the n of a task.
        title = _narrow(counted(benchmark, part[part["task"].isin(tables.TASKS)]))
        if not tasks:
            empty(one, "not run").set_title(title)
            continue
        marks.points(one, part, "model", models, tasks)
        one.set_title(title)
    found[0].get_figure().supxlabel(f"scored by the {RULE_NAMES.get(mode, mode)} rule", fontsize=8)
    marks.legend(found[0].get_figure(), found[0], models)
    return found if len(found) > 1 else found[0]


def _narrow(title: str) -> str:
    """A title for one of several panels side by side: the number of questions goes to a second line."""
    return title.replace(" (n=", "\n(n=")


@styled
def ablations(frame: pd.DataFrame, ax=None, task: str = "output"):
    """Accuracy of every arm with 95 % intervals, by benchmark. frame: as `tables.ablations`.

    A dashed line over a group of arms is the arm they are compared with. Of CRUXEval the 600 test rows are
    drawn.
    """
    rows = frame[(frame["mode"] == "strict") & (frame["task"] == task) & frame["accuracy"].notna()]
    names = [b for b in ("heldout", "heldout_ood", tables.TEST) if b in set(rows["benchmark"])]
    arms = [a for a in (*tables.ARMS, *sorted(set(frame["arm"]) - set(tables.ARMS)))
            if a in set(frame["arm"])]
    found = np.atleast_1d(axes(ax, 1, max(1, len(names)), height=0.9 + 0.28 * max(3, len(arms)), sharey=True))
    if not names:
        return empty(found[0], "no arm was run")
    for one, benchmark in zip(found, names, strict=True):
        part = rows[rows["benchmark"] == benchmark].set_index("arm").reindex(arms)
        marks.arms(one, part, arms)
        one.set(yticks=range(len(arms)), yticklabels=[ARM_LABELS.get(arm, arm) for arm in arms],
                xlabel="accuracy", title=_narrow(f"{counted(benchmark, part)}, {task}"))
        one.grid(axis="y", visible=False)
        marks.percent(one, part["high"].max())
    found[0].set_ylim(len(arms) - 0.5, -0.5)  # the axes share y: once turns them all
    return found if len(found) > 1 else found[0]


@styled
def answer_length(frame: pd.DataFrame, ax=None, benchmark: str = "heldout", task: str = "output"):
    """Answer length by stage, right and wrong answers apart. frame: as `frames.outcomes`."""
    part = frame[(frame["benchmark"] == benchmark) & (frame["task"] == task) & (frame["tokens"] > 0)]
    models = ordered(part["model"])
    others = tuple(model for model in models if model not in MODEL_COLORS)
    ax = axes(ax, height=0.9 + 0.42 * max(2, len(models)))
    if part.empty:
        return empty(ax, f"no answers on {benchmark}, {task}")
    values, labels, colors = [], [], []
    for model in models:
        for verdict in (True, False):
            tokens = part.loc[(part["model"] == model) & (part["verdict"] == verdict),
                              "tokens"].to_numpy(float)
            values.append(tokens)
            how = "right" if verdict else "wrong"
            labels.append(f"{MODEL_LABELS.get(model, model)}, {how} (n={len(tokens):,})")
            colors.append(color(model, others))
    marks.boxes(ax, values, colors)
    for patch, right in zip(ax.patches, [True, False] * len(models), strict=True):
        patch.set_alpha(1.0 if right else 0.45)
    ax.set(yticks=range(len(labels)), yticklabels=labels,
           xlabel="answer length in tokens (box: middle half, whiskers: 5 % to 95 %)",
           title=f"{BENCHMARK_LABELS.get(benchmark, benchmark)}, {task}")
    ax.set_xlim(left=0)
    return ax


@styled
def failure_kinds(frame: pd.DataFrame, ax=None, benchmark: str = "heldout",
                  tasks: tuple = ("output", "input")):
    """Shares of answers by kind of failure, stacked. frame: as `answer_tables.failures`; one axes a task."""
    rows = frame[frame["benchmark"] == benchmark]
    models = ordered(rows["model"])
    found = np.atleast_1d(axes(ax, 1, len(tasks), height=1.2 + 0.3 * max(2, len(models)), sharey=True))
    kinds = [kind for kind in KIND_COLORS if kind in set(rows["kind"])]
    kinds += sorted(set(rows["kind"]) - set(kinds))
    if not kinds:
        return [empty(one, "no failures recorded") for one in found]
    shades = KIND_COLORS | {k: OTHER_COLORS[i % 4]
                            for i, k in enumerate(k for k in kinds if k not in KIND_COLORS)}
    for one, task in zip(found, tasks, strict=True):
        asked = rows[rows["task"] == task]
        part = asked.pivot_table(index="model", columns="kind", values="share", aggfunc="sum")
        part = part.reindex(index=models, columns=kinds).fillna(0.0)
        left = np.zeros(len(models))
        for kind in kinds:
            one.barh(range(len(models)), part[kind], 0.66, left, color=shades[kind], edgecolor=PAPER,
                     linewidth=0.6)
            left += part[kind].to_numpy()
        one.set(yticks=range(len(models)), yticklabels=[MODEL_LABELS.get(m, m) for m in models], xlim=(0, 1),
                xlabel="share of all answers", title=f"{BENCHMARK_LABELS.get(benchmark, benchmark)}, {task}")
        one.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        one.grid(axis="y", visible=False)
    found[0].set_ylim(len(models) - 0.5, -0.5)
    handles = [found[0].plot([], [], color=shades[kind], lw=5)[0] for kind in kinds]
    words = [kind.replace("_", " ") for kind in kinds]
    found[0].get_figure().legend(handles, words, ncols=min(5, max(1, len(kinds))), loc="outside upper center")
    return found


@styled
def constructs(frame: pd.DataFrame, ax=None, task: str = "output",
               models: tuple = ("base_direct", "base", "sft", "grpo")):
    """Accuracy by setting, control depth, type under test and trace length. frame: as `frames.outcomes`.

    models: which of our own to show; others that were measured are shown too. Held-out problems of seen
    cells; a group that only unseen cells have (depth 3) is drawn from those and marked. A group with fewer
    than 10 answers is left out. Four axes.
    """
    shown = [model for model in ordered(frame["model"]) if model in models or model not in MODEL_COLORS]
    found = axes(ax, 2, 2, height=5.4 + 0.6 * max(0, len(shown) - 4))
    if "setting" not in frame:
        return [empty(one, "the problems are not recorded") for one in found]
    part = frame[frame["benchmark"].isin(["heldout", "heldout_ood"]) & (frame["task"] == task)]
    part = part.assign(depth=part["depth"].map(lambda d: None if pd.isna(d) else f"depth {int(d)}"))
    orders = {"setting": SETTINGS, "depth": tuple(f"depth {d}" for d in range(4)),
              "type": tuple(sorted(set(part["type"].dropna()))),
              "bin": tuple(name for name, _ in frames.STEP_BINS)}
    titles = ("setting", "depth of control flow", "type under test", "trace steps")
    for one, (column, order), title in zip(found, orders.items(), titles, strict=True):
        rates = _rates(_seen_first(part, column), column)
        groups = [name for group in order for name in (group, group + UNSEEN) if name in set(rates["task"])]
        if not groups or not shown:
            empty(one, "too few answers")
            continue
        marks.points(one, rates, "model", shown, groups)
        one.set_title(f"by {title}")
    marks.legend(found[0].get_figure(), found[0], shown)
    return found


def _seen_first(part: pd.DataFrame, column: str) -> pd.DataFrame:
    """Answers on seen cells, and of the groups that only unseen cells have, those, marked in the name."""
    seen = part["benchmark"] == "heldout"
    apart = part[~seen & part[column].notna() & ~part[column].isin(set(part.loc[seen, column]))]
    return pd.concat([part[seen], apart.assign(**{column: [name + UNSEEN for name in apart[column]]})])


def _rates(part: pd.DataFrame, column: str, least: int = 10) -> pd.DataFrame:
    """Accuracy and interval by model and group; the group's name stands in the column `task`."""
    rows = []
    for (model, group), answers in part.dropna(subset=[column]).groupby(["model", column], sort=False):
        right, n = int(answers["verdict"].sum()), len(answers)
        if n >= least:
            low, high = stats.wilson(right, n)
            rows.append({"model": model, "task": group, "accuracy": right / n, "low": low, "high": high})
    return pd.DataFrame(rows, columns=["model", "task", "accuracy", "low", "high"])
