"""Group-relative policy optimisation with verifiable rewards, by TRL's GRPOTrainer.

Covers the choice of prompts (right answers and wrong ones among a few samples), training with checkpoints
that a killed run resumes from, the log, sampled rollouts with their verdicts, and the choice of a checkpoint
on validation data (the model it started from is a candidate). Small models answer through generate.Sampler;
others through `generate` of transformers, or vLLM where grpo_extra says so. The reward is the caller's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from cr_utils import models  # isort: skip  (first: sets the environment that torch reads)

from cr_utils import distributed, jsonl, passes, rewards
from cr_utils.errors import UserError
from cr_utils.generate import Sampler
from cr_utils.guarding import Failed, Reward, guard
from cr_utils.progress import Progress
from cr_utils.questions import Question, many

CHUNK = 64  # questions judged at a time while prompts are chosen

__all__ = ["Failed", "choose", "filter_prompts", "guard", "pool", "train"]

def pool(problems: list[dict], params: dict) -> list[Question]:
    """The questions that may be asked: of training problems from the end, those least seen by SFT.

    As many as grpo_filter_prompts candidates (0: all problems), in equal parts of each of grpo_tasks.
    """
    training = [one for one in problems if one["split"] == "train"][::-1]
    each = -(-(params["grpo_filter_prompts"] or len(training)) // len(params["grpo_tasks"]))
    return [q for task in params["grpo_tasks"] for q in many(training, task, each)]


def mixed(passes: int, samples: int, most: int = 0) -> bool:
    """Whether a group taught something: neither all wrong nor all right, nor more than `most` right (0: no
    limit).
    """
    return 0 < passes < samples and (not most or passes <= most)


def filter_prompts(
    questions, model_spec, params: dict, path, reward: Reward = rewards.score, load: dict | None = None
) -> list:
    """The questions whose sampled answers are neither all right nor all wrong, of the first
    grpo_filter_prompts.

    Appends {"question_id", "passes", "samples"} to the file `path`; questions found there are not tried
    again. With grpo_filter_prompts = 0 all questions are returned and none is tried. With grpo_counts the
    counts are those of a file: none is tried, and questions that it lacks are left out. They come in the
    order of grpo_order. Raises UserError if none is mixed.
    """
    if params.get("grpo_counts"):
        return _counted(list(questions), params, path)
    count, samples = params["grpo_filter_prompts"], params["grpo_filter_samples"]
    if not count:
        jsonl.write(path, [])
        return list(questions)
    questions, reward = list(questions)[:count], guard(reward)
    with jsonl.Appender(path, key="question_id") as tried:
        todo = [q for q in questions if q.id not in tried.done]
        if todo:
            model, tokenizer = models.load(model_spec, **(load or models.for_answers(params) or {}))
            _try(todo, Sampler(model, tokenizer), params, reward, tried)
    kept = _taught(questions, tried.rows, params)
    if not kept:
        raise UserError(
            f"grpo: none of {len(questions)} prompts has right and wrong answers among {samples} samples: "
            "train longer in SFT, or raise grpo_filter_prompts or grpo_filter_samples"
        )
    return kept


def _counted(questions: list, params: dict, path) -> list:
    """The questions to train on, by the counts of the file grpo_counts; those used are kept in `path`."""
    known = passes.of_file(params["grpo_counts"])
    rows = [known[q.id] for q in questions if q.id in known]
    jsonl.write(path, rows)
    kept = _taught(questions, rows, params)
    if not kept:
        raise UserError(f"grpo: {params['grpo_counts']} has counts of {len(rows)} of {len(questions)} "
                        "prompts, and none with right and wrong answers")
    return kept


def _taught(questions: list, rows: list[dict], params: dict) -> list:
    """The questions whose counts are mixed, in the order of grpo_order."""
    most = params.get("grpo_filter_most", 0)
    rates = {row["question_id"]: row["passes"] / row["samples"] for row in rows
             if mixed(row["passes"], row["samples"], most)}
    kept = [q for q in questions if q.id in rates]
    return passes.ordered(kept, rates, params.get("grpo_order", "random"), params["seed"])


def _try(questions, sampler: Sampler, params: dict, reward: Reward, tried: jsonl.Appender) -> None:
    samples, kept = params["grpo_filter_samples"], 0
    with Progress("grpo prompts", len(questions), "prompts") as progress:
        for begin in range(0, len(questions), CHUNK):
            chunk = questions[begin : begin + CHUNK]
            groups = sampler.sample(
                [q.prompt for q in chunk],
                n=samples,
                temperature=params["grpo_temperature"],
                max_new_tokens=params["grpo_max_new_tokens"],
                seed=params["seed"],
            )
            flat = [s for group in groups for s in group]
            asked = [q for q in chunk for _ in range(samples)]
            scored = reward(asked, [s.text for s in flat], [s.truncated for s in flat])
            right = [sum(one.correct >= 1 for one in scored[i * samples : (i + 1) * samples])
                     for i in range(len(chunk))]
            kept += sum(mixed(count, samples, params.get("grpo_filter_most", 0)) for count in right)
            tried.add_all({"question_id": question.id, "passes": count, "samples": samples}
                          for question, count in zip(chunk, right, strict=True))
            progress.update(begin + len(chunk), mixed=kept)


def check_arithmetic(save_every: int, accumulation: int, per_generation: int, iterations: int) -> None:
    """Raise UserError unless checkpoints fall on generations: off them a resumed run diverges silently."""
    if (save_every * accumulation) % (per_generation * iterations):
        raise UserError(
            f"grpo: checkpoints every {save_every} updates of {accumulation} batches do not fall on "
            f"generations of {per_generation} x {iterations} batches: make grpo_save_every a "
            "multiple of grpo_updates"
        )


def choose(candidates: list[dict], last: int) -> int:
    """Step of the best validation accuracy: the earliest of equals; `last` where nothing was validated."""
    if not candidates:
        return last
    return min(candidates, key=lambda c: (-c["val_accuracy"], c["step"]))["step"]


def train(
    questions: Sequence,
    model_spec: str,
    out_dir,
    params: dict,
    validate=None,
    reward: Reward = rewards.score,
    on_log=None,
    load: dict | None = None,
    engine: str = "auto",
) -> dict:
    """Train on `questions` (with .id and .prompt); writes model/, log.jsonl, rollouts.jsonl, selection.json
    to out_dir.

    reward(questions, completions, truncated) -> scores with total, correct, format, kind. validate(model,
    tokenizer) -> (accuracy, n), before training and at each checkpoint. params: the grpo_ keys and seed.
    engine: "fast", "hf" or "auto" (fast where Sampler supports the model and grpo_extra asks for no other
    generation). Returns steps, seconds, rollouts, rollouts_per_s, reward (last tenth), chosen, val_accuracy,
    val_n, start_accuracy.
    """
    out = Path(out_dir)
    distributed.start(params.get("launch"))
    load = models.for_training(params) if load is None else load
    model, tokenizer = models.load(model_spec, **(load or {}))
    with models.without_bitsandbytes():
        from cr_utils import grpo_trainer, training  # only now: they take seconds to import

    questions = grpo_trainer.fitting(questions, model, tokenizer)
    inputs = {
        "questions": [q.id for q in questions],
        "model": distributed.from_first(lambda: _fingerprint(model)),
        "load": load,
        "engine": engine,
    }
    inputs |= {k: v for k, v in params.items() if k.startswith("grpo_") or k == "seed"}
    checkpoints = training.Checkpoints(out, inputs)
    trainer, rows = grpo_trainer.build(questions, model, tokenizer, out, params, guard(reward), engine)
    keeper = grpo_trainer.Keeper(trainer, tokenizer, out, on_log)
    log = training.Log(out / "log.jsonl")
    watch = training.Watch("grpo", log, rows, validate, first=True, hook=keeper)
    training.run(trainer, watch, checkpoints)
    rows = distributed.from_first(log.rows)
    chosen = keeper.finish(rows, params["grpo_steps"])
    checkpoints.clear()
    return _summary(rows, params, chosen)


def _fingerprint(model) -> str:
    """A short hash of the weights, so that checkpoints are not resumed from another start."""
    import hashlib

    import torch

    digest = hashlib.sha256()
    for name, weight in model.state_dict().items():
        digest.update(name.encode())
        digest.update(weight.detach().flatten()[:64].to("cpu", torch.float32).numpy().tobytes())
    return digest.hexdigest()[:16]


def _summary(rows: list[dict], params: dict, chosen: int) -> dict:
    steps = [row for row in rows if "reward" in row]
    checked = {row["step"]: row for row in rows if "val_accuracy" in row}
    tail = steps[-max(1, len(steps) // 10) :]
    rollouts = (
        params["grpo_prompts"] * params["grpo_group"] * params["grpo_steps"] // params.get("grpo_updates", 1)
    )
    seconds = steps[-1]["seconds"]
    best, start = checked.get(chosen, {}), checked.get(0, {})
    return {
        "steps": params["grpo_steps"],
        "seconds": seconds,
        "rollouts": rollouts,
        "rollouts_per_s": round(rollouts / max(seconds, 1e-9), 1),
        "reward": round(sum(row["reward"] for row in tail) / len(tail), 5),
        "chosen": chosen,
        "val_accuracy": best.get("val_accuracy"),
        "val_n": best.get("val_n"),
        "start_accuracy": start.get("val_accuracy"),
    }


def write_selection(path: Path, candidates: list[dict], chosen: int) -> None:
    """selection.json: every validated step and the one that was taken."""
    jsonl.write_text(path, json.dumps({"candidates": candidates, "chosen": chosen}, indent=1) + "\n")
