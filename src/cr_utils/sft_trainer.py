"""TRL's SFTTrainer as this project sets it up. Imported when a training starts: TRL takes seconds to load."""

from __future__ import annotations

from pathlib import Path

import datasets
import torch
from trl import SFTConfig, SFTTrainer

from cr_utils import models, shapes, training
from cr_utils.decoder import Decoder
from cr_utils.sft import IGNORED, Collator, order

TOKENS = 4096


class Trainer(SFTTrainer):
    """SFTTrainer that takes rows in the order it is given and counts the tokens it saw."""

    rows: list[int]
    tokens = 0

    def _get_train_sampler(self, *_):
        return self.rows

    def training_step(self, model, inputs, num_items_in_batch=None):
        """The gradient of one batch, on a CPU in pieces, whose activations stay small."""
        pieces = [inputs]
        if num_items_in_batch is not None and self.args.use_cpu and self.plain(model):
            pieces = cut(inputs, TOKENS)
        return sum(super(Trainer, self).training_step(model, piece, num_items_in_batch) for piece in pieces)

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        if model.training:
            self.tokens += int(lengths(inputs).sum())
        if return_outputs or not self.plain(model):
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        # TRL's head goes over all tokens, tile by tile, for metrics nobody reads: on a CPU two thirds of the
        # time.
        with self.accelerator.autocast():
            loss = completion_loss(model, inputs)
        count = (
            (inputs["labels"][:, 1:] != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
        )
        return loss / torch.as_tensor(count).clamp(min=1)

    def plain(self, model) -> bool:
        """Whether the loss may be computed here: one process, a model of known form, TRL's standard loss."""
        usual = self.args.loss_type == "nll" and not self.args.label_smoothing_factor
        return (
            usual and model is self.model and Decoder.supports(model) and not self.args.gradient_checkpointing
        )


def lengths(inputs: dict) -> torch.Tensor:
    """Tokens of each row [rows]: up to its last label, the end token, which may be the padding token too."""
    labelled = inputs["labels"] != IGNORED
    return (labelled * torch.arange(1, labelled.shape[1] + 1, device=labelled.device)).amax(1)


def cut(inputs: dict, tokens: int) -> list[dict]:
    """A batch halved until pieces have at most `tokens` tokens or one row; rows of like length together."""
    length = lengths(inputs)
    rows, width = torch.argsort(length, stable=True), int(length.max())
    size = len(rows)
    while size > 1 and size * width > tokens:
        size = -(-size // 2)
    pieces = []
    for part in rows.split(size):
        wide = shapes.up(int(length[part].max()), shapes.COLUMNS)
        piece = {k: (v if k == "position_ids" else v[part])[:, :wide] for k, v in inputs.items()}
        pieces.append(piece)
    return pieces


def completion_loss(model, inputs) -> torch.Tensor:
    """Sum of the cross entropy over the labelled tokens, whose logits are the only ones computed."""
    hidden = model.base_model(
        input_ids=inputs["input_ids"], position_ids=inputs["position_ids"], use_cache=False
    ).last_hidden_state[:, :-1]
    labels = inputs["labels"][:, 1:].flatten()
    index, count = shapes.selected(labels != IGNORED)
    wanted = labels[index]
    wanted[count:] = IGNORED
    logits = model.get_output_embeddings()(hidden.flatten(0, 1)[index])
    return torch.nn.functional.cross_entropy(logits.float(), wanted, ignore_index=IGNORED, reduction="sum")


def build(encoded: list[dict], model, tokenizer, out: Path, params: dict) -> Trainer:
    """A trainer for `encoded` rows (of sft.encode), its order of rows drawn."""
    steps, batch = params["sft_steps"], params["sft_batch_size"]
    defaults = training.settings(model, out, params["seed"], steps, params.get("report_to", "none")) | {
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
    sizes = [len(row["input_ids"]) for row in encoded]
    batch = config.per_device_train_batch_size * max(1, trainer.accelerator.num_processes)
    total = batch * config.gradient_accumulation_steps * config.max_steps
    trainer.rows = order(sizes, batch, total, config.seed)
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
