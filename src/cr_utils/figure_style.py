"""How every figure looks, and how it is saved: one palette, fixed colours per model, the same bytes each
time.

Colours are Okabe and Ito's, which readers with any colour vision tell apart; each model also has its own
marker, so that a black and white print can be read. INK, GRID and PAPER are reserved: no data is drawn in
them, and the report page swaps them for the colours of its light or dark theme.
"""

import os
from pathlib import Path

import matplotlib
import numpy as np

if "MPLBACKEND" not in os.environ:  # a notebook's kernel sets it, to show figures; elsewhere they are files
    matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402

# Now, not under the first rc_context: a notebook's backend says on its start that figures are to be shown,
# and the end of the context would take that back, for all but the first cell with figures.
plt.switch_backend(matplotlib.get_backend())

INK, GRID, PAPER = "#1f2430", "#d4d8df", "#fffffe"
SLATE = "#5b6b82"
DPI = 160
WIDTH = 7.2  # inches: the text width of a printed page

MODEL_COLORS = {"trivial": "#8d939e", "base_direct": "#56b4e9", "base": "#0072b2", "sft": "#e69f00",
                "grpo": "#009e73"}
MODEL_MARKERS = {"trivial": "X", "base_direct": "v", "base": "o", "sft": "s", "grpo": "D"}
MODEL_LABELS = {"trivial": "trivial", "base_direct": "base, direct", "base": "base, chain", "sft": "SFT",
                "grpo": "SFT + GRPO"}
OTHER_COLORS = ("#cc79a7", "#d55e00", "#7a5195", "#a6761d")
OTHER_MARKERS = ("P", "^", "<", ">")
KIND_COLORS = {"wrong": "#d55e00", "truncated": "#cc79a7", "no_answer": "#f0e442", "format": "#56b4e9",
               "bad_call": "#0072b2", "error": "#7a5195", "timeout": "#e69f00", "prompt_too_long": "#8d939e",
               "wrong_type": "#a6761d", "off_by_little": "#f4a582"}
SOURCE_COLORS = {"train": SLATE, "heldout": "#56b4e9", "heldout_ood": "#009e73", "cruxeval": "#d55e00",
                 "cruxeval dev": "#d55e00", "livecodebench": "#e69f00", "reval": "#cc79a7"}
DASHES, DOTS = (0, (5, 1.5)), (0, (1.5, 1.2))
SOURCE_LINES = {"train": "-", "heldout": DASHES, "heldout_ood": DOTS, "cruxeval": "-", "cruxeval dev": "-",
                "livecodebench": DASHES, "reval": DOTS}
ARM_LABELS = {"full": "full", "no_sft": "without SFT", "no_grpo": "without GRPO",
              "more_sft": "more SFT, no GRPO",
              "short_sft": "small budget, all data", "no_chains": "without chains",
              "no_constraints": "without constraints", "no_mutation": "without mutation",
              "no_filter": "without the filter of idle code", "half_data": "half of the chains, twice",
              "tenth_data": "a tenth of the chains, ten times",
              "facts": "every operation stated", "results": "results of lines only",
              "numbered": "numbered steps in words", "monologue": "prose", "scratchpad": "states alone",
              "short_grpo": "small budget, answers rewarded", "whitebox": "half for steps",
              "bilevel": "steps beside the answer"}
BENCHMARK_LABELS = {"heldout": "held out", "heldout_ood": "held out, unseen cells", "cruxeval": "CRUXEval",
                    "cruxeval_test": "CRUXEval, test rows", "cruxeval_dev": "CRUXEval, dev rows",
                    "cruxeval dev": "CRUXEval (200 dev)",
                    "livecodebench": "LiveCodeBench", "reval": "REval"}


def counted(benchmark: str, frame) -> str:
    """A benchmark's name with the number of questions per task behind a figure, from a frame with `n`."""
    found = sorted({int(n) for n in frame["n"].dropna()}) if "n" in frame else []
    number = f" (n={found[0]:,}" + (f"-{found[-1]:,})" if found[-1] > found[0] else ")") if found else ""
    return BENCHMARK_LABELS.get(benchmark, benchmark) + number


def ordered(names) -> list[str]:
    """Models in the order of every figure: ours by stage, then the others by name."""
    found = set(names)
    return [name for name in MODEL_COLORS if name in found] + sorted(found - set(MODEL_COLORS))


RC = {
    "figure.facecolor": PAPER, "savefig.facecolor": PAPER, "axes.facecolor": PAPER, "figure.dpi": 100,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.titlecolor": INK, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.8,
    "axes.grid": True, "grid.color": GRID, "grid.linewidth": 0.7, "axes.axisbelow": True,
    "font.family": "DejaVu Sans", "font.size": 8.5, "axes.titlesize": 9, "axes.titleweight": "bold",
    "axes.titlelocation": "left", "axes.labelsize": 8.5, "legend.fontsize": 8, "legend.frameon": False,
    "xtick.labelsize": 8, "ytick.labelsize": 8, "lines.linewidth": 1.6, "patch.edgecolor": PAPER,
    "svg.hashsalt": "cr_utils", "svg.fonttype": "path", "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.08, "figure.constrained_layout.h_pad": 0.06,
}


def axes(ax: Axes | None = None, rows: int = 1, columns: int = 1, height: float = 2.6, width: float = WIDTH,
         **how):
    """The given axes, or new ones in our style: one Axes, or an array of shape (rows * columns,)."""
    if ax is not None:
        return ax
    with plt.rc_context(RC):
        figure, made = plt.subplots(rows, columns, figsize=(width, height), squeeze=False, **how)
        for one in made.ravel():
            # Ticks are made when they are first drawn, perhaps under other settings: give them ours now.
            one.tick_params(labelsize=RC["xtick.labelsize"], colors=INK)
            one.grid(True, color=GRID, linewidth=RC["grid.linewidth"])
        return made[0, 0] if rows * columns == 1 else made.ravel()


def styled(function):
    """A decorator: draw in our style, whatever the caller's settings are."""
    def draw(*args, **kwargs):
        with plt.rc_context(RC):
            return function(*args, **kwargs)
    draw.__name__, draw.__doc__, draw.__wrapped__ = function.__name__, function.__doc__, function
    return draw


def empty(ax: Axes, reason: str) -> Axes:
    """An axes that says why it shows nothing."""
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.text(0.5, 0.5, f"— {reason}", ha="center", va="center", transform=ax.transAxes, wrap=True)
    return ax


def color(model: str, others: tuple = ()) -> str:
    """A model's colour, the same in every figure; `others` are the models without a fixed one, in order."""
    if model in MODEL_COLORS:
        return MODEL_COLORS[model]
    return OTHER_COLORS[others.index(model) % len(OTHER_COLORS)] if model in others else SLATE


def marker(model: str, others: tuple = ()) -> str:
    """A model's marker, as `color`."""
    if model in MODEL_MARKERS:
        return MODEL_MARKERS[model]
    return OTHER_MARKERS[others.index(model) % len(OTHER_MARKERS)] if model in others else "o"


def save(drawn, folder: Path | str, name: str) -> list[Path]:
    """Write the figure of an Axes (or array of Axes) as `name`.png and `name`.svg, and close it; the paths.

    The same data give the same bytes with the same matplotlib: no dates, fixed ids.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    figure = np.ravel(drawn)[0].get_figure()
    paths = [folder / f"{name}.png", folder / f"{name}.svg"]
    with plt.rc_context(RC):
        figure.savefig(paths[0], dpi=DPI, metadata={"Software": None})
        figure.savefig(paths[1], metadata={"Date": None, "Creator": None})
    plt.close(figure)
    return paths
