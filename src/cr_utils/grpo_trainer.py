"""TRL's GRPOTrainer as this project sets it up. Imported when a training starts: TRL takes seconds to load.

What is ours: rollouts through the fast sampler, seeded by the step so that a resumed run draws the same; the
bookkeeping of rewards and of the best weights; the update itself is in cr_utils.grpo_update.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import datasets
import torch
from trl import GRPOConfig

from cr_utils import distributed, grpo, models, training
from cr_utils.errors import UserError
from cr_utils.generate import Sampler, end_tokens
from cr_utils.grpo_update import Trainer

SHOWN = 4  # rollouts recorded per generation


class Judge:
    """The reward function in TRL's form: keeps what the log and rollouts.jsonl need."""

    __name__ = "verdict"

    def __init__(self, questions, reward, ends, log: training.Log):
        self.questions = questions
        self.reward, self.ends, self.log, self.generations = reward, ends, log, 0

    def __call__(self, prompts, completions, completion_ids, question, trainer_state, log_metric, **_):
        asked = [self.questions[i] for i in question]
        truncated = [not ids or ids[-1] not in self.ends for ids in completion_ids]
        scored = self.reward(asked, completions, truncated)
        n = len(scored)
        log_metric("accuracy", sum(s.correct for s in scored) / n)
        log_metric("format", sum(s.format for s in scored) / n)
        log_metric("reward_errors", sum(s.kind == "reward_error" for s in scored) / n)
        step = trainer_state.global_step + 1
        for k in range(min(SHOWN, n)):
            i = (k * n // SHOWN + step) % n
            self.log.add(
                {
                    "step": step,
                    "question_id": asked[i].id,
                    "prompt": asked[i].prompt,
                    "completion": completions[i],
                    "reward": round(float(scored[i].total), 5),
                    "kind": scored[i].kind,
                }
            )
        return [float(s.total) for s in scored]


class Rollouts:
    """rollout_func: answers from the sampler, one per prompt (TRL repeats each prompt for its group)."""

    def __init__(self, sampler: Sampler, prompts: dict[str, tuple[int, ...]], config: GRPOConfig):
        self.sampler, self.prompts, self.config = sampler, prompts, config

    def __call__(self, prompts: list[str], trainer) -> dict:
        ids = [self.prompts[text] for text in prompts]
        groups = self.sampler.sample(
            ids,
            temperature=self.config.temperature,
            top_p=self.config.top_p,
            max_new_tokens=self.config.max_completion_length,
            # Drawn from the step, not from a running state: a resumed run answers as the first would have.
            seed=(self.config.seed * 100_003 + trainer.state.global_step) * 64
            + trainer.accelerator.process_index,
        )
        answers = [group[0] for group in groups]
        return {
            "prompt_ids": [list(i) for i in ids],
            "completion_ids": [list(a.ids) for a in answers],
            "logprobs": [list(a.logprobs) for a in answers],
        }


class Rows:
    """Log rows of what GRPOTrainer logs."""

    NAMES = {
        "reward": "reward",
        "reward_std": "reward_std",
        "zero_std_share": "frac_reward_zero_std",
        "length_mean": "completions/mean_length",
        "truncated_share": "completions/clipped_ratio",
        "entropy": "entropy",
        "accuracy": "accuracy",
        "format": "format",
        "reward_errors": "reward_errors",
        "lr": "learning_rate",
        "loss": "loss",
    }

    def __init__(self, rollouts: float, log: training.Log):
        self.rollouts, self.log, self.last = rollouts, log, None

    def __call__(self, logs: dict, seconds: float) -> dict | None:
        if "loss" not in logs:
            return None
        if self.last is None:
            self.last = max((row.get("seconds", 0.0) for row in self.log.rows()), default=0.0)
        # An update on rollouts that an earlier one was made on already has no reward of its own.
        row = {name: logs[key] for name, key in self.NAMES.items() if logs.get(key) is not None}
        row = {
            k: round(v, 6) if isinstance(v, float) and k not in ("lr", "loss") else v for k, v in row.items()
        }
        rate = self.rollouts / max(seconds - self.last, 1e-9)
        self.last = seconds
        return row | {"rollouts_per_s": round(rate, 2), "seconds": round(seconds, 2)}


class Keeper:
    """Keeps the weights of the best validated step, and hands every log row on."""

    def __init__(self, trainer, tokenizer, out: Path, hook=None):
        self.trainer, self.tokenizer, self.out, self.hook = trainer, tokenizer, out, hook

    def folder(self, step: int) -> Path:
        return self.out / f"best-{step}"

    def __call__(self, row: dict) -> None:
        if self.hook:
            self.hook(row)
        if "val_accuracy" not in row:
            return
        rows = self.trainer.watch.log.rows()
        candidates = candidates_of(rows)
        chosen = grpo.choose(candidates, row["step"])
        if chosen == row["step"]:
            self.save(chosen)
        grpo.write_selection(self.out / "selection.json", candidates, chosen)

    def save(self, step: int) -> None:
        """Save the weights as they are; called in the first process, which has them whole."""
        model = self.trainer.accelerator.unwrap_model(self.trainer.model)
        training.save(model, self.tokenizer, self.folder(step))
        for old in self.out.glob("best-*"):
            if old != self.folder(step):
                shutil.rmtree(old)

    def finish(self, rows: list[dict], last: int) -> int:
        """Put the chosen model in its place; returns its step. All processes call it."""
        candidates = candidates_of(rows)
        chosen = grpo.choose(candidates, last)
        if not candidates:
            training.store(self.trainer, self.tokenizer, self.folder(chosen))
        if not distributed.first():
            return chosen
        if self.folder(chosen).is_dir():  # else an earlier process was killed right after it had done this
            shutil.rmtree(self.out / "model", ignore_errors=True)
            self.folder(chosen).rename(self.out / "model")
        grpo.write_selection(self.out / "selection.json", candidates, chosen)
        return chosen


def candidates_of(rows: list[dict]) -> list[dict]:
    """The validated steps in a log."""
    return [
        {"step": row["step"], "val_accuracy": row["val_accuracy"], "n": row["val_n"]}
        for row in rows
        if "val_accuracy" in row
    ]


def fitting(questions, model, tokenizer) -> list:
    """The questions whose prompt leaves room for an answer; UserError if there are none."""
    context = model.config.get_text_config().max_position_embeddings
    sampler = Sampler(model, tokenizer, engine="hf")
    kept = [q for q in questions if len(sampler.encode(q.prompt)) < context]
    if not kept:
        raise UserError(f"grpo: none of {len(questions)} prompts fits the context of {context} tokens")
    return kept


def config_of(model, out: Path, params: dict) -> GRPOConfig:
    """GRPOConfig of the parameters, with grpo_extra on top; checks the arithmetic of resuming."""
    rollouts = params["grpo_prompts"] * params["grpo_group"]
    batch, updates = params["grpo_batch_size"] * distributed.size(), params.get("grpo_updates", 1)
    if rollouts % (batch * updates):
        raise UserError(
            f"grpo: {rollouts} rollouts do not divide into {updates} updates of batches of {batch}: change "
            "grpo_prompts, grpo_group, grpo_batch_size or grpo_updates"
        )
    extra = params.get("grpo_extra") or {}
    defaults = training.settings(
        model, out, params["seed"], params["grpo_steps"], params.get("report_to", "none")
    ) | {
        "learning_rate": params["grpo_lr"],
        "lr_scheduler_type": "constant",  # a warm-up would spend its first update at a rate of 0
        "loss_type": params["grpo_loss"],
        "beta": params["grpo_beta"],
        "scale_rewards": "none",
        "mask_truncated_completions": True,
        "num_generations": params["grpo_group"],
        "per_device_train_batch_size": params["grpo_batch_size"],
        "gradient_accumulation_steps": rollouts // batch // updates,
        "steps_per_generation": rollouts // batch,
        "temperature": params["grpo_temperature"],
        "max_completion_length": params["grpo_max_new_tokens"],
        "save_steps": params["grpo_save_every"],
        "logging_steps": 1,
        "shuffle_dataset": False,  # `schedule` does that
    }
    if params.get("grpo_literal"):
        defaults |= {"loss_type": "grpo", "scale_rewards": "group", "mask_truncated_completions": False}
        defaults |= {"use_bias_correction_kl": False}
    defaults |= vllm_settings((params.get("launch") or {}).get("vllm", "none"), extra)
    config = training.configure(GRPOConfig, defaults, extra, "grpo_extra")
    iterations = config.num_iterations
    grpo.check_arithmetic(
        int(config.save_steps), config.gradient_accumulation_steps, config.steps_per_generation, iterations
    )
    return config


def vllm_settings(mode: str, extra: dict) -> dict:
    """TRL's settings for rollouts by vLLM: none, colocate, or server (its host in CR_VLLM_HOST)."""
    if mode == "none" and not extra.get("use_vllm"):
        return {}
    found = {"vllm_importance_sampling_mode": "token_truncate"}  # the default drops long answers from the loss
    if mode == "colocate":
        found |= {"use_vllm": True, "vllm_mode": "colocate", "vllm_enable_sleep_mode": True}
    if mode == "server":
        found |= {"use_vllm": True, "vllm_mode": "server"}
        found["vllm_server_host"] = os.environ.get("CR_VLLM_HOST", "localhost")
    return found


def schedule(count: int, config: GRPOConfig, as_given: bool = False) -> list[int]:
    """Numbers of the prompts in the order in which they are asked, pass after pass, each in a random order
    (as_given: in the order of the numbers; a run shorter than a pass asks the same prompts in either order).

    It is as long as the run, so that the trainer sees a single epoch: it drops incomplete generations and
    draws from torch's generator at the end of each epoch, which a resumed run would not repeat.
    """
    every = config.steps_per_generation * config.num_iterations
    generations = -(-config.max_steps * config.gradient_accumulation_steps // every)
    wanted = generations * (config.generation_batch_size // config.num_generations)
    dice, order = torch.Generator().manual_seed(config.seed), []
    while len(order) < wanted:
        drawn = torch.randperm(count, generator=dice).tolist()[: wanted - len(order)]
        order += sorted(drawn) if as_given else drawn
    return order


def fast_enough(config: GRPOConfig, sampler: Sampler, engine: str) -> bool:
    """Whether rollouts come from the fast sampler. UserError where that was asked for and cannot be."""
    other = config.use_vllm or config.top_k or config.min_p or config.repetition_penalty != 1
    other = other or config.generation_kwargs or config.use_transformers_continuous_batching
    able = sampler.engine == "fast" and not other
    if engine == "fast" and not able:
        raise UserError(
            "grpo: the fast sampler does not cover this model or the generation set in grpo_extra"
        )
    return able and engine != "hf"


def build(questions, model, tokenizer, out: Path, params: dict, reward, engine: str) -> tuple[Trainer, Rows]:
    """A trainer on the questions, and what makes its log rows."""
    config = config_of(model, out, params)
    sampler = Sampler(model, tokenizer)
    texts = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": q.prompt}], add_generation_prompt=True, tokenize=False
        )
        for q in questions
    ]
    ids = tokenizer(texts, add_special_tokens=False)["input_ids"]
    rollouts = None
    if fast_enough(config, sampler, engine):
        rollouts = Rollouts(sampler, {t: tuple(i) for t, i in zip(texts, ids, strict=True)}, config)
    ranked = params.get("grpo_order") == "curriculum"
    data = [{"prompt": texts[i], "question": i} for i in schedule(len(texts), config, ranked)]
    shown = training.Log(out / "rollouts.jsonl")
    with models.quiet():
        trainer = Trainer(
            model=model,
            args=config,
            reward_funcs=Judge(questions, reward, end_tokens(model, tokenizer), shown),
            train_dataset=datasets.Dataset.from_list(data),
            processing_class=tokenizer,
            rollout_func=rollouts,
        )
    trainer.logs = (shown,)
    per_update = config.generation_batch_size / max(1, config.steps_per_generation)
    return trainer, Rows(per_update * config.gradient_accumulation_steps, training.Log(out / "log.jsonl"))
