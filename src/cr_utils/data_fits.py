"""How many programs and chains fit into their shares of the time budget, measured on this machine. Loads no
torch."""

from __future__ import annotations

import tempfile
from pathlib import Path

from cr_utils import budget, distill, synthesis
from cr_utils.budget import Fit, Share

FEW, MANY = 40, 160  # problems for each worker in the two timed calls
LEAST = 100  # problems and chains, however short the time


def data(run, values: dict, options: dict) -> dict:
    """The values with the training problems that fit; those of the other splits are as the profile says.

    Sources other than the grammar are taken as they are: a server's pace is not this machine's.
    """
    if values["data_source"] != "grammar":
        return values
    return budget.once(run, values, lambda share: _data(values, options, share))


def _data(values: dict, options: dict, share: Share) -> Fit:
    workers = values["data_workers"]

    def make(n: int) -> None:
        sizes = {split: 0 for split in synthesis.SPLITS} | {"train": n}
        synthesis.synthesize(sizes, options | {"seed": options["seed"] + 1}, workers)

    each = budget.marginal(make, FEW * workers, MANY * workers)
    others = sum(values[f"data_{split}"] for split in synthesis.SPLITS if split != "train")
    fitting = budget.steps(share.left(), each, values["data_train"] + others) - others
    return Fit({"data_train": max(min(LEAST, values["data_train"]), fitting)}, {"seconds_per_problem": each})


def chains(run, values: dict, training: list[dict]) -> dict:
    """The values with the chains that fit, and that the problems suffice for; of the interpreter only."""
    if values["distill_teacher"] != "interpreter":
        return values
    return budget.once(run, values, lambda share: _chains(values, training, share))


def _chains(values: dict, training: list[dict], share: Share) -> Fit:
    most = min(values["distill_items"], 2 * len(training))
    pairs = distill.plan(training, values["distill_mix"], min(most, 2 * MANY), values["seed"] + 1)
    with tempfile.TemporaryDirectory(prefix="cr-") as folder:
        teacher = distill.interpreter(values["seed"], styles=values["distill_styles"])

        def write(n: int) -> None:
            distill.chains(pairs[:n], teacher, Path(folder) / f"{n}.jsonl", teacher_name="interpreter",
                           seed=values["seed"])

        each = budget.marginal(write, len(pairs) // 4, len(pairs))
    items = budget.steps(share.left(), each, most)
    return Fit({"distill_items": max(min(LEAST, most), items)}, {"seconds_per_chain": each})
