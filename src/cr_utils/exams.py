"""The question sheets of an evaluation: our held-out splits and the real benchmarks, in either answer form.

Scope: which questions are asked, and of which problems, given the parameters; asking and judging is
evaluate's. The first problems of a split are taken, so a smaller sheet is the beginning of a larger one.
"""

from __future__ import annotations

from . import benchmarks, paths, questions, reval_questions, shares, templates
from .errors import UserError
from .questions import Question

OTHER = ("input", "coverage", "path", "state")
OWN = ("trivial", "base_direct", "base", "sft", "grpo")  # models trained on our own question form
PUBLISHED = ("cruxeval", "livecodebench", "reval")


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


def published(params: dict) -> dict:
    """The real benchmarks asked for and at hand: rows of CRUXEval and LiveCodeBench, an Exam of REval.

    A file that is not at hand is a line on standard error; an error if params["benchmarks"] is "require".
    """
    mode = params["benchmarks"]
    found = {name: reval_questions.at_hand(mode) if name == "reval" else benchmarks.load(name, mode=mode)
             for name in PUBLISHED if params[f"eval_{name}"]}
    return {name: one for name, one in found.items() if one}


def demand(params: dict, stages: list[str], runs: bool = True) -> None:
    """UserError where the stages would stop late for want of a benchmark: a folder that is not there, or a
    file that params["benchmarks"] requires.

    runs: whether any stage runs at all; where none does, only the folder is looked at.
    """
    mode = params["benchmarks"]
    asked = {"cruxeval"} if "06_ablations" in stages and params["ablation_cruxeval"] else set()
    asked |= {name for name in PUBLISHED if "05_eval" in stages and params[f"eval_{name}"]}
    if mode == "never" or not asked:
        return
    where = paths.benchmarks()
    for name in sorted(asked | ({"reval_tasks"} if "reval" in asked else set())):
        path, reason = benchmarks.locate(name, mode=mode) if runs and mode == "require" else (where, "")
        if path is None:
            raise UserError(f"benchmarks: require, but {name}: {reason}; or set benchmarks to auto")


def absent(params: dict) -> dict[str, str]:
    """Why a real benchmark may have no answers, by its name; also for runs that did not know it yet."""
    reasons = {}
    for name in PUBLISHED:
        n = params.get(f"eval_{name}")
        reasons[name] = ("not part of this run" if n is None else f"eval_{name} is 0" if not n else
                         "benchmarks is set to never" if params.get("benchmarks") == "never" else
                         "no benchmark file was at hand")
    return reasons | {"cruxeval_test": reasons["cruxeval"]}


def sheets(problems: list[dict], params: dict, direct: bool = False, real: dict | None = None
           ) -> dict[str, list[Question]]:
    """Benchmark name -> questions, for heldout, heldout_ood and the real benchmarks at hand.

    real: what `published(params)` gave, where the caller has it.
    """
    seed = params["seed"]
    made = {split: of_split(problems, split, params[f"eval_{split}"], params["eval_other"], direct, seed)
            for split in ("heldout", "heldout_ood")}
    for name, one in (published(params) if real is None else real).items():
        n = params[f"eval_{name}"]
        made[name] = one.questions(n, seed, direct) if name == "reval" else \
            benchmarks.questions(name, one, n=n, seed=seed, direct=direct)
    return made


class Sheets:
    """The sheets of every model, each in its form: chain, direct (names that end so), or, for models that are
    not ours, the templates that a user names. A shard and a limit leave the same questions in every form.
    """

    def __init__(self, problems: list[dict], params: dict):
        if params["eval_samples"] > 1 and not params["eval_temperature"]:
            raise UserError(f"eval_samples = {params['eval_samples']} greedy answers would all be alike: "
                            "set eval_temperature")
        self.problems, self.params = problems, params
        self.real = published(params)
        self.templates = templates.read(params["eval_templates"])
        self._forms: dict[bool, dict[str, list[Question]]] = {}

    def of(self, model: str) -> dict[str, list[Question]]:
        """Benchmark name -> questions for a model."""
        direct = model.endswith("direct")
        if direct not in self._forms:
            made = sheets(self.problems, self.params, direct, self.real)
            self._forms[direct] = {
                name: shares.part(asked, self.params["eval_shard"], self.params["eval_limit"])
                for name, asked in made.items()
            }
        found = self._forms[direct]
        if model in OWN or direct or not self.templates:
            return found
        return {name: templates.apply(asked, self.templates) for name, asked in found.items()}


def of_arm(problems: list[dict], params: dict, direct: bool = False) -> dict[str, list[Question]]:
    """Benchmark name -> output questions for an ablation arm: both held-out splits and, where it is asked for
    (`ablation_cruxeval`) and at hand, CRUXEval.
    """
    made = {split: of_split(problems, split, params["ablation_items"], 0, direct=direct)
            for split in ("heldout", "heldout_ood")}
    n = params["ablation_cruxeval"]
    rows = benchmarks.load("cruxeval", mode=params["benchmarks"]) if n else None
    if rows:
        made["cruxeval"] = benchmarks.questions("cruxeval", rows, ("output",), n, params["seed"], direct)
    return made


def validation(problems: list[dict], n: int, direct: bool = False) -> list[Question]:
    """The output questions on which checkpoints are compared during training; never from a held-out split."""
    return questions.many([p for p in problems if p["split"] == "validation"], "output", n, direct)
