"""TRL's SFTTrainer as this project sets it up. Imported when a training starts: TRL takes seconds to load."""

from __future__ import annotations

from pathlib import Path

import datasets
from trl import SFTConfig, SFTTrainer

from cr_utils import models, training
from cr_utils.sft import Collator, order


class Trainer(SFTTrainer):
    """SFTTrainer that takes rows in the order it is given and counts the tokens it saw."""

    rows: list[int]
    tokens = 0

    def _get_train_sampler(self, *_):
        return self.rows

    def compute_loss(self, model, inputs, *args, **how):
        if model.training:
            self.tokens += int((inputs["input_ids"] != self.processing_class.pad_token_id).sum())
        return super().compute_loss(model, inputs, *args, **how)


def build(encoded: list[dict], model, tokenizer, out: Path, params: dict) -> Trainer:
    """A trainer for `encoded` rows (of sft.encode), its order of rows drawn."""
    steps, batch = params["sft_steps"], params["sft_batch_size"]
    defaults = training.settings(model, out, params["seed"], steps) | {
        "learning_rate": params["sft_lr"],
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.05,
        "adam_beta2": 0.98,
        "per_device_train_batch_size": batch,
        "gradient_accumulation_steps": params["sft_grad_accum"],
        "save_steps": params["sft_eval_every"],
        "logging_steps": max(1, steps // 100),
        "max_length": None,
        "remove_unused_columns": False,
        "dataset_kwargs": {"skip_prepare_dataset": True},
    }
    config = training.configure(SFTConfig, defaults, params.get("sft_extra") or {}, "sft_extra")
    with models.quiet():
        trainer = Trainer(
            model=model,
            args=config,
            train_dataset=datasets.Dataset.from_list(encoded),
            processing_class=tokenizer,
            data_collator=Collator(tokenizer.pad_token_id),
        )
    lengths = [len(row["input_ids"]) for row in encoded]
    batch = config.per_device_train_batch_size * max(1, trainer.accelerator.num_processes)
    total = batch * config.gradient_accumulation_steps * config.max_steps
    trainer.rows = order(lengths, batch, total, config.seed)
    return trainer


class Rows:
    """Log rows of what SFTTrainer logs; counts go on where a resumed log stopped."""

    def __init__(self, trainer: Trainer, log: training.Log):
        self.trainer, self.log, self.last = trainer, log, None

    def __call__(self, logs: dict, seconds: float) -> dict | None:
        if "loss" not in logs:
            return None
        if self.last is None:
            before = [row for row in self.log.rows() if "tokens" in row]
            self.last = (before[-1]["tokens"], before[-1]["seconds"]) if before else (0, 0.0)
            self.base = self.last[0]
        tokens = self.base + self.trainer.tokens
        rate = (tokens - self.last[0]) / max(seconds - self.last[1], 1e-9)
        self.last = tokens, seconds
        return {
            "loss": round(logs["loss"], 5),
            "lr": logs.get("learning_rate"),
            "tokens": tokens,
            "tokens_per_s": round(rate),
            "seconds": round(seconds, 2),
        }
