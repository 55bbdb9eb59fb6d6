"""What of SFT, GRPO, evaluation and ablations fits into its share of the time budget, measured on the device.

Scope: each function returns the values with the sizes that were resolved (see `budget`), from a few real
steps in a folder that is thrown away; the ablations are reckoned from what the earlier stages recorded.
Answers of a model that has learnt little are the longest, so that validation is rather over- than
underestimated.
"""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path

from cr_utils import arms, budget, evaluate, exams, jsonl
from cr_utils.budget import Fit, Share

TRIAL = 6  # updates of SFT that are timed; GRPO: generations
CHECKS = 0.3  # most of the time that validation may take
CHOICE = 0.25  # most of the time that the choice of prompts may take
EVAL_SIZES = tuple(f"eval_{name}" for name in ("heldout", "heldout_ood", "other", *exams.PUBLISHED))

ARM_SIZES = ("ablation_sft_steps", "ablation_more_sft_steps", "ablation_grpo_steps", "ablation_items")


def sft(run, values: dict, rows: list[dict], asked: list, start: str) -> dict:
    """The values with the updates, validations and validation questions of SFT that fit."""
    return budget.once(run, values, lambda share: _sft(values, rows, asked, start, share))


def grpo(run, values: dict, problems: list[dict], asked: list, start: str) -> dict:
    """The values with the updates, validations, validation questions and candidate prompts of GRPO that
    fit."""
    return budget.once(run, values, lambda share: _grpo(values, problems, asked, start, share))


def evaluation(run, values: dict, problems: list[dict], specs: dict) -> dict:
    """The values with all numbers of questions brought down alike, as far as needed. specs: models by
    name."""
    return budget.once(run, values, lambda share: _evaluation(values, problems, specs, share))


def ablations(run, values: dict) -> dict:
    """The values with the updates and questions of all arms brought down alike, as far as needed."""
    return budget.once(run, values, lambda share: _ablations(run, values, share))


def _sft(values: dict, rows: list[dict], asked: list, start: str, share: Share) -> Fit:
    from cr_utils import models
    from cr_utils import sft as training

    need = 2 * TRIAL * values["sft_batch_size"] * values["sft_grad_accum"]
    with tempfile.TemporaryDirectory(prefix="cr-") as folder:
        trial = values | {"sft_steps": TRIAL, "sft_eval_every": TRIAL}
        began = time.monotonic()
        summary = training.train(rows[:need], start, folder, trial)
        startup = time.monotonic() - began - summary["seconds"]
        each, check = _pace(folder), _check(str(Path(folder) / "model"), asked, values, "eval_max_new_tokens")
        tokenizer = models.read_tokenizer(str(Path(folder) / "model"))
    encoding = budget.marginal(lambda n: training.encode(rows[:n], tokenizer, 10**9), need // 4, need)
    left = max(0.0, share.left() - startup - encoding * len(rows))
    found = _updates(values, "sft", "sft_eval_every", left, each, check)
    return Fit(found, {"seconds_per_step": each, "seconds_per_validation": check, "startup_seconds": startup})


def _grpo(values: dict, problems: list[dict], asked: list, start: str, share: Share) -> Fit:
    from cr_utils import grpo as training
    from cr_utils import whitebox

    updates = values["grpo_updates"]
    trial = values | {"grpo_steps": 2 * updates, "grpo_save_every": 2 * updates}
    questions = training.pool(problems, values)[: 4 * values["grpo_prompts"]]
    with tempfile.TemporaryDirectory(prefix="cr-") as folder:
        began = time.monotonic()
        summary = training.train(questions, start, folder, trial, reward=whitebox.reward(values))
        startup = time.monotonic() - began - summary["seconds"]
        each = _pace(folder)
        check = _check(str(Path(folder) / "model"), asked, values, "grpo_max_new_tokens")
    left = max(0.0, share.left() - startup)
    # Updates included: answers alone come faster, so that the choice of prompts takes no more than this.
    rollouts = values["grpo_prompts"] * values["grpo_group"] / (each * updates)
    seconds = min(CHOICE * left, values["grpo_filter_prompts"] * values["grpo_filter_samples"] / rollouts)
    found = _updates(values, "grpo", "grpo_save_every", left - seconds, each, check, updates)
    if values["grpo_filter_prompts"] and not values["grpo_counts"]:
        tried = int(seconds * rollouts / values["grpo_filter_samples"])
        found["grpo_filter_prompts"] = max(min(64, values["grpo_filter_prompts"]), tried)
    return Fit(found, {"seconds_per_step": each, "seconds_per_validation": check, "startup_seconds": startup,
                       "rollouts_per_s": rollouts})


def _updates(values: dict, stage: str, every: str, left: float, each: float, check: float,
             multiple: int = 1) -> dict[str, int]:
    """Updates, the distance of validations and their questions: as many validations as the profile has."""
    checks = math.ceil(values[f"{stage}_steps"] / values[every])
    factor = min(1.0, CHECKS * left / max(checks * check, 1e-9))
    items = budget.scaled(values, [f"{stage}_eval_items"], factor, least=32)
    steps = budget.steps(left - checks * check * factor, each, values[f"{stage}_steps"], multiple)
    distance = multiple * math.ceil(steps / checks / multiple)
    return {f"{stage}_steps": steps, every: min(distance, steps), **items}


def _pace(folder: str) -> float:
    """Seconds of an update, by the log of a trial: the first is left out, which has to warm up."""
    rows = [row for row in jsonl.read(Path(folder) / "log.jsonl") if "loss" in row]
    return max(1e-6, (rows[-1]["seconds"] - rows[0]["seconds"]) / max(1, rows[-1]["step"] - rows[0]["step"]))


def _check(model: str, asked: list, values: dict, longest: str) -> float:
    """Seconds of a validation on all the questions, from one batch of them."""
    from cr_utils import models, responders

    part = asked[: values["eval_batch_size"]]
    validate = responders.validator(part, values[longest], values["eval_batch_size"])
    loaded = models.load(model)
    began = time.monotonic()
    validate(*loaded)
    return (time.monotonic() - began) * math.ceil(len(asked) / max(1, len(part)))


def _evaluation(values: dict, problems: list[dict], specs: dict, share: Share) -> Fit:
    from cr_utils import engines

    sheets, took, tried = exams.Sheets(problems, values), 0.0, 0
    answer, needed = engines.load(str(specs["grpo"]), values), 0.0
    asking = {name: spec for name, spec in specs.items() if spec}
    with tempfile.TemporaryDirectory(prefix="cr-") as folder:
        for benchmark, sheet in sheets.of("grpo").items():
            part = sheet[:: max(1, len(sheet) // values["eval_batch_size"])][: values["eval_batch_size"]]
            began = time.monotonic()
            evaluate.run("grpo", benchmark, part, answer, Path(folder) / "items.jsonl", say=False)
            spent = time.monotonic() - began
            took, tried = took + spent, tried + len(part)
            needed += spent * len(sheet) / max(1, len(part)) * len(asking)
    factor = share.left() / max(needed, 1e-9)
    return Fit(budget.scaled(values, EVAL_SIZES, factor, least=16),
               {"seconds_per_question": took / max(1, tried), "seconds_for_all": needed})


def _ablations(run, values: dict, share: Share) -> Fit:
    pace = {stage: _pace(str(run.need(stage, "log.jsonl").parent)) for stage in ("03_sft", "04_grpo")}
    question = (run.upstream("05_eval")["budget"] or {}).get("measured", {}).get("seconds_per_question", 0.0)
    spent = max(row.get("seconds", 0.0) for row in jsonl.read(run.need("04_grpo", "log.jsonl")))
    wanted = {key: values[key] for key in ARM_SIZES}
    wanted |= {key: values[key] for key in ("ablation_sft_tokens", "ablation_cruxeval") if values[key]}
    equal = math.ceil(spent / pace["03_sft"])
    wanted["ablation_more_sft_steps"] = min(wanted["ablation_more_sft_steps"], equal)
    factor = min(1.0, share.left() / max(needed(values["ablation_arms"], wanted, pace, question), 1e-9))
    found = budget.scaled(wanted, wanted, factor)
    updates = values["grpo_updates"]
    found["ablation_grpo_steps"] = max(updates, found["ablation_grpo_steps"] // updates * updates)
    return Fit(found, {"seconds_per_sft_step": pace["03_sft"], "seconds_per_grpo_step": pace["04_grpo"],
                       "seconds_per_question": question})


def needed(names: list[str], sizes: dict, pace: dict, question: float) -> float:
    """Seconds that arms take: their updates, and two or three sheets of questions each."""
    total = 0.0
    for name in names:
        kind = arms.ARMS[name].train
        steps = sizes[f"ablation_{'more_sft' if name == 'more_sft' else kind}_steps"] if kind else 0
        total += steps * pace.get({"sft": "03_sft", "grpo": "04_grpo"}.get(kind, ""), 0.0)
        total += (2 * sizes["ablation_items"] + sizes.get("ablation_cruxeval", 0)) * question
    return total
