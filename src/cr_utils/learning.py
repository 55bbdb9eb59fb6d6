"""What the small base was measured by: tokenizers and shapes at equal compute, and the learning curve.

Scope: tables (markdown) and the figure of docs/base.md, from the records that speed/base_choices.py and
speed/base_curve.py leave under results/reference/base, and the operations of the reference run's chains.
Limits: one training a row, so that small differences may be the seed's.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.ticker import PercentFormatter

from cr_utils import figure_style, jsonl, stats
from cr_utils.figure_style import BENCHMARK_LABELS, OTHER_COLORS, OTHER_MARKERS, axes, empty, styled
from cr_utils.tablefile import read_table

CHOICES, CURVE, FIGURE = "choices.jsonl", "curve.jsonl", "learning"
MOST = 12  # operations shown


def choices(rows: list[dict]) -> str:
    """One line per tokenizer or shape: size, what it read, and how well it does on unseen documents."""
    lines = ["| variant | parameters | vocabulary | tokens | characters | bits a character | "
             "single steps right | direct outputs right |", "|---" * 8 + "|"]
    for row in rows:
        lines.append(f"| {row['variant']} | {row['weights']:,} | {row['vocabulary']:,} | {row['tokens']:,} | "
                     f"{row['characters']:,} | {row['bits_per_character']:.3f} | "
                     f"{100 * row['steps_right']:.1f} % | {100 * row['outputs_right']:.1f} % |")
    return "\n".join(lines) + "\n"


def curve(rows: list[dict]) -> str:
    """One line per start model and number of SFT updates: accuracy in percent with 95 % Wilson intervals."""
    names = list(dict.fromkeys(name for row in rows for name in row["right"]))
    lines = ["| base | SFT updates | " + " | ".join(BENCHMARK_LABELS[name] for name in names)
             + " | bits a character | single steps right |", "|---" * (4 + len(names)) + "|"]
    for row in rows:
        cells = [_percent(*row["right"][name]) if name in row["right"] else "—" for name in names]
        bits, steps = row.get("bits_per_character"), row.get("steps_right")
        told = [f"{bits:.3f}" if bits is not None else "—",
                f"{100 * steps:.1f} %" if steps is not None else "—"]
        lines.append(f"| {row['model']} | {row['sft_steps'] or '0, direct'} | "
                     + " | ".join([*cells, *told]) + " |")
    return "\n".join(lines) + "\n"


def _percent(right: int, n: int) -> str:
    found = stats.wilson(right, n)
    return f"{100 * right / n:.1f} [{100 * found.low:.1f}, {100 * found.high:.1f}] (n={n})"


def limits(frame: pd.DataFrame, model: str = "grpo") -> str:
    """Where the final model's chains fail first: one line per operation, on held-out and on unseen cells.

    frame: tables/operations.csv.
    """
    lines = ["| operation | reached, held out | right | share of first failures | "
             "reached, unseen cells | right | share of first failures |", "|---" * 7 + "|"]
    mine = frame[frame["model"] == model]
    near, far = (mine[mine["benchmark"] == name].set_index("operation")
                 for name in ("heldout", "heldout_ood"))
    worst = [name for name in near.index if name != "rarer operations"][:MOST]
    for name in worst:
        lines.append(f"| {name} | " + " | ".join(
            part for side in (near, far) for part in _cells(side, name)) + " |")
    return "\n".join(lines) + "\n"


def _cells(side: pd.DataFrame, name: str) -> list[str]:
    if name not in side.index:
        return ["—"] * 3
    row = side.loc[name]
    return [f"{int(row['n']):,}", f"{100 * row['accuracy']:.1f} %", f"{100 * row['share_of_failures']:.1f} %"]


@styled
def figure(rows: list[dict], ax=None):
    """Accuracy by tokens of pre-training (`millions` of a row), and by SFT updates of the last base."""
    found = axes(ax, 1, 2, height=3.4)
    sized = [row for row in rows if row.get("millions")]
    by_tokens = [row for row in sized if row["sft_steps"] in (0, _common(sized))]
    _lines(found[0], by_tokens, "millions", "pre-training of the base, million tokens", "sft_steps")
    last = [row for row in sized if row["millions"] == max(one["millions"] for one in sized)]
    _lines(found[1], [row for row in last if row["sft_steps"]], "sft_steps", "SFT updates", "model")
    found[0].set_title("more pre-training")
    found[1].set_title("more SFT")
    handles, told = found[0].get_legend_handles_labels()
    if handles:
        found[0].get_figure().legend(handles, told, loc="outside lower center", ncols=3)
    return found


def _common(rows: list[dict]) -> int:
    """The number of updates that most start models were given."""
    counts = pd.Series([row["sft_steps"] for row in rows if row["sft_steps"]], dtype=int).value_counts()
    return int(counts.index[0]) if len(counts) else 0


def _lines(ax, rows: list[dict], x: str, label: str, group: str) -> None:
    """One line a benchmark (dashed where the base is asked directly), with 95 % intervals."""
    if not rows:
        empty(ax, "not run")
        return
    names = list(dict.fromkeys(name for row in rows for name in row["right"]))
    for place, name in enumerate(names):
        for key in dict.fromkeys(row[group] for row in rows):
            mine = sorted((row for row in rows if row[group] == key and name in row["right"]),
                          key=lambda row: row[x])
            _line(ax, mine, x, name, place, direct=not mine[0]["sft_steps"])
    ax.set(xlabel=label, ylim=(0, None))
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _line(ax, rows: list[dict], x: str, name: str, place: int, direct: bool) -> None:
    values = [row["right"][name][0] / row["right"][name][1] for row in rows]
    ends = [stats.wilson(*row["right"][name]) for row in rows]
    errors = [[value - end.low for value, end in zip(values, ends, strict=True)],
              [end.high - value for value, end in zip(values, ends, strict=True)]]
    told = f"{BENCHMARK_LABELS[name]}, {'direct' if direct else 'SFT'}"
    ax.errorbar([row[x] for row in rows], values, errors, color=OTHER_COLORS[place],
                marker=OTHER_MARKERS[place], ls="--" if direct else "-", ms=4, lw=1.2, elinewidth=0.8,
                label=told)


def draw(rows: list[dict], folder: Path) -> list[Path]:
    """Write the figure as png and svg; the paths."""
    return figure_style.save(figure(rows), folder, FIGURE)


def parts(folder: Path, tables: Path) -> dict[str, str]:
    """The parts of docs/base.md that records are at hand for, by the name of their markers."""
    made = {}
    for name, record, write in (("choices", CHOICES, choices), ("curve", CURVE, curve)):
        if (folder / record).is_file():
            made[name] = write(jsonl.read(folder / record))
    if (tables / "operations.csv").is_file():
        made["limits"] = limits(read_table(tables, "operations"))
    return made
