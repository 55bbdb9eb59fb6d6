"""The question sheets of an evaluation: our held-out splits and the real benchmarks, in either answer form.

Scope: which questions are asked, and of which problems, given the parameters; asking and judging is evaluate's.
The first problems of a split are taken, so a smaller sheet is the beginning of a larger one.
"""

from __future__ import annotations

from . import benchmarks, questions
from .questions import Question

OTHER = ("input", "coverage", "path", "state")


def of_split(problems: list[dict], split: str, n_output: int, n_other: int, direct: bool = False,
             seed: int = 0) -> list[Question]:
    """`n_output` output questions about a split's problems and `n_other` of each other task.

    Fewer where the split is smaller; a problem may serve several tasks.
    """
    part = [p for p in problems if p["split"] == split]
    sheet = questions.many(part, "output", n_output, direct)
    for task in OTHER:
        sheet += questions.many(part, task, n_other, direct, seed)
    return sheet


def sheets(problems: list[dict], params: dict, direct: bool = False) -> dict[str, list[Question]]:
    """Benchmark name -> questions, for heldout, heldout_ood and, where its file is at hand, CRUXEval."""
    made = {
        split: of_split(problems, split, params[f"eval_{split}"], params["eval_other"], direct, params["seed"])
        for split in ("heldout", "heldout_ood")}
    if params["eval_cruxeval"]:
        rows = benchmarks.load("cruxeval", mode=params["benchmarks"])
        if rows:
            made["cruxeval"] = benchmarks.questions("cruxeval", rows, n=params["eval_cruxeval"], seed=params["seed"],
                                                    direct=direct)
    return made


def validation(problems: list[dict], n: int, direct: bool = False) -> list[Question]:
    """The output questions on which checkpoints are compared during training; never from a held-out split."""
    return questions.many([p for p in problems if p["split"] == "validation"], "output", n, direct)
