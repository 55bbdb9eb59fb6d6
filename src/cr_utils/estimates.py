"""What a stage will cost, from what it cost before: this profile's own runs, earlier ones, the reference run.

An estimate is the wall time and the disk space of the nearest earlier run, times the ratio of the parameters
that say how much there is to do. It knows nothing of another machine's speed, and says whose run it is from.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from cr_utils import paths, progress

# What the work of a stage grows with, roughly in proportion.
SIZES = {
    "00_base": ("base_tokens",),
    "01_data": ("data_train", "data_validation", "data_heldout", "data_heldout_ood"),
    "02_distill": ("distill_items",),
    "03_sft": ("sft_steps",),
    "04_grpo": ("grpo_steps",),
    "05_eval": ("eval_heldout", "eval_heldout_ood", "eval_other", "eval_cruxeval", "eval_reval",
                "eval_livecodebench"),
    "06_ablations": ("ablation_sft_steps", "ablation_more_sft_steps", "ablation_grpo_steps"),
}


def earlier(stage: str, profile: str) -> tuple[dict, str] | None:
    """The manifest of the nearest earlier run of a stage, and whose it is; None where there is none."""
    folder = paths.results(profile)
    moved = sorted((folder / "earlier").glob(f"{stage}-*"), key=lambda path: path.name, reverse=True)
    places = [(folder / stage, "the last run"), *((path, "an earlier run") for path in moved),
              (paths.root() / "results" / "reference" / profile / stage, "the reference run")]
    for place, whose in places:
        found = _read(place / "manifest.json")
        if found:
            return found, whose
    return None


def _read(path: Path) -> dict | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return found if found["wall_seconds"] >= 0 and found["params"] is not None else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def cost(stage: str, values: dict) -> tuple[float, float | None, str] | None:
    """(seconds, bytes or None, whose run it is from) for a stage and parameters; None where unknown."""
    found = earlier(stage, values["profile"])
    if found is None:
        return None
    made, whose = found
    old, new = (sum(from_.get(key, 0) for key in SIZES[stage]) for from_ in (made["params"], values))
    factor = new / old if old and new else 1.0
    space = made.get("bytes")
    return made["wall_seconds"] * factor, None if space is None else space * factor, whose


def size(count: float) -> str:
    """Bytes for reading: 3.4 MB."""
    unit = min(4, int(math.log(max(count, 1), 1000)))
    return f"{count / 1000**unit:.{1 if unit else 0}f} {('B', 'kB', 'MB', 'GB', 'TB')[unit]}"


def of(stage: str, values: dict) -> str:
    """A stage's estimate as the end of a line of the plan."""
    known = cost(stage, values)
    return f"; about {told(known)}" if known else "; time unknown (no earlier run)"


def told(known: tuple[float, float | None, str]) -> str:
    """A known cost in words: time, disk space where it is known, and whose run says so."""
    seconds, space, whose = known
    return f"{progress.clock(seconds)}{f' and {size(space)}' if space is not None else ''}, by {whose}"


def total(stages: list[str], values: dict) -> list[str]:
    """One line on all stages that would run together; none where none would."""
    known = [cost(stage, values) for stage in stages]
    if not stages:
        return []
    seconds = sum(one[0] for one in known if one)
    space = sum(one[1] or 0 for one in known if one)
    unknown = sum(one is None for one in known)
    if unknown == len(known):
        return ["cost unknown; nothing was run"]
    return [f"in all about {progress.clock(seconds)}" + (f" and {size(space)} on disk" if space else "")
            + (f", and {unknown} stage{'s' * (unknown > 1)} of unknown cost" if unknown else "")
            + "; nothing was run"]
