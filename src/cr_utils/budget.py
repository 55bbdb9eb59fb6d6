"""A run's time budget: from minutes to sizes of the stages, resolved once and kept in the stage's record.

Scope: the arithmetic and the record (`budget.json` in the stage's folder, an output of its manifest); how
fast a stage is, is measured by its caller on the device at hand. The profile's sizes are upper limits. A
stage that is taken up again reads what was resolved and measures nothing, so that it ends as it would have
ended.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cr_utils import jsonl
from cr_utils.errors import UserError
from cr_utils.schema import SCHEMA

FILE = "budget.json"
SPENT = 0.9  # of a share is planned: later steps may be slower than the first
PARTS = {"00_base": "base", "01_data": "data", "02_distill": "distill", "03_sft": "sft", "04_grpo": "grpo",
         "05_eval": "eval", "06_ablations": "ablation"}


@dataclass
class Share:
    """A stage's part of the budget in seconds, running since `began` (time.monotonic)."""

    seconds: float
    began: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        """Seconds to plan with: the planned part of the share less what has passed, at least 0."""
        return max(0.0, SPENT * self.seconds - (time.monotonic() - self.began))


@dataclass(frozen=True)
class Fit:
    """What a stage resolved: values of the profile's keys, and the measurements that they follow from."""

    values: dict[str, int]
    measured: dict[str, float]


def share(stage: str, values: dict) -> float:
    """Seconds of the budget for a stage; 0 where there is no budget."""
    return 60.0 * values["time_budget"] * values[f"{PARTS[stage]}_share"]


def read(folder: Path) -> dict | None:
    """What was resolved in a stage's folder, None where nothing was."""
    path = folder / FILE
    return jsonl.read_json(path) if path.is_file() else None


def once(run, values: dict, fit: Callable[[Share], Fit]) -> dict:
    """`values` with the sizes that fit into the stage's share of the budget, resolved now or found resolved.

    run: the stage's Record; fit: measures and resolves, called where nothing was resolved before. Without a
    budget, or on a stage that is done, the values as they are. Raises UserError for a share of nothing.
    """
    if not values["time_budget"]:
        return values
    found = read(run.dir)
    if found is None:
        if run.done:
            return values
        seconds = share(run.stage, values)
        if not seconds:
            raise UserError(f"{run.stage} has no part of time_budget: raise {PARTS[run.stage]}_share")
        resolved = fit(Share(seconds, run.meter.wall))
        found = {"seconds": round(seconds, 1), "values": _checked(resolved.values, values),
                 "measured": {key: round(one, 6) for key, one in resolved.measured.items()}}
        jsonl.write_json(run.path(FILE), found)
        run.say(f"{seconds:.0f} s of the time budget: "
                + ", ".join(f"{key} {one} of {values[key]}" for key, one in found["values"].items()))
    return values | found["values"]


def _checked(resolved: dict, values: dict) -> dict:
    """Resolved sizes within what the schema and the profile allow."""
    return {key: max(int(SCHEMA[key].low or 0), min(int(one), values[key])) for key, one in resolved.items()}


def scaled(values: dict, keys, factor: float, least: int = 1) -> dict[str, int]:
    """The values of `keys` times a factor of at most 1, rounded down, but `least` where they allow it."""
    return {key: max(min(least, values[key]), math.floor(values[key] * min(1.0, factor))) for key in keys}


def steps(seconds: float, each: float, most: int, multiple: int = 1) -> int:
    """Steps of `each` seconds that fit into `seconds`: a multiple, at least one and at most `most`."""
    fitting = int(seconds / each) if each > 0 else most
    return max(multiple, min(fitting, most) // multiple * multiple)


def marginal(work: Callable[[int], object], few: int, many: int) -> float:
    """Seconds for one more unit of `work(n)`, from two timed calls: what starts up once is not counted.

    Where the clock cannot tell the calls apart, the mean of the longer one.
    """
    took = []
    for n in (few, many):
        began = time.monotonic()
        work(n)
        took.append(time.monotonic() - began)
    each = (took[1] - took[0]) / (many - few)
    return each if each > 0 else took[1] / many
