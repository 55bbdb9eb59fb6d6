"""Supervised fine-tuning on prompts with completions, by TRL's SFTTrainer.

Covers any causal model (adapters and 4-bit included): the loss is on the completion and its end token only,
batches hold rows of like length, the log has a row every few steps and one per validation, and a killed run
goes on from its last checkpoint. Does not pack rows, and leaves out rows that are longer than the limit.
"""

from __future__ import annotations

from pathlib import Path

from cr_utils import models  # isort: skip  (first: sets the environment that torch reads)

import torch

from cr_utils import distributed, shapes
from cr_utils.errors import UserError

POOL = 16  # batches whose rows are sorted by length together
IGNORED = -100


def encode(rows: list[dict], tokenizer, longest: int) -> list[dict]:
    """Rows {"prompt", "completion"} as {"input_ids", "labels"}; those of more than `longest` tokens are left
    out.

    The prompt is a user message; the labels are the completion's tokens and the end token, -100 before them.
    """
    prompts = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": row["prompt"]}], add_generation_prompt=True, tokenize=False
        )
        for row in rows
    ]
    answers = [row["completion"] for row in rows]
    heads = tokenizer(prompts, add_special_tokens=False)["input_ids"] if rows else []
    tails = tokenizer(answers, add_special_tokens=False)["input_ids"] if rows else []
    encoded = []
    for head, tail in zip(heads, tails, strict=True):
        tail = tail + [tokenizer.eos_token_id]
        if len(head) + len(tail) <= longest:
            encoded.append({"input_ids": head + tail, "labels": [IGNORED] * len(head) + tail})
    return encoded


def order(lengths: list[int], batch: int, total: int, seed: int) -> list[int]:
    """`total` row numbers, pass after pass over all rows, such that each `batch` of them is of like length.

    Rows are shuffled, sorted within pools of some batches, and the batches shuffled again: the order of
    lengths stays random from step to step.
    """
    generator = torch.Generator().manual_seed(seed)
    out: list[int] = []
    while len(out) < total:
        rows: list[int] = []
        while len(rows) < batch * POOL:
            rows += torch.randperm(len(lengths), generator=generator).tolist()
        batches = []
        for begin in range(0, len(rows) - batch + 1, batch * POOL):
            pool = sorted(rows[begin : begin + batch * POOL], key=lambda i: lengths[i])
            batches += [pool[i : i + batch] for i in range(0, len(pool) - batch + 1, batch)]
        for i in torch.randperm(len(batches), generator=generator).tolist():
            out += batches[i]
    return out[:total]


def completion_tokens(encoded: list[dict]) -> list[int]:
    """Trained tokens of each encoded row: its completion and the end token."""
    return [sum(label != IGNORED for label in row["labels"]) for row in encoded]


def updates_for(tokens: int, encoded: list[dict], params: dict) -> tuple[int, int]:
    """(updates, tokens): how many updates on these rows, in the order of training, take at least `tokens`
    completion tokens, and how many they take.

    params: sft_batch_size, sft_grad_accum, seed. For a training in one process.
    """
    counts, sizes = completion_tokens(encoded), [len(row["input_ids"]) for row in encoded]
    batch, update = params["sft_batch_size"], params["sft_batch_size"] * params["sft_grad_accum"]
    most = update * (1 + tokens // (update * min(counts)))
    seen = 0
    for number, row in enumerate(order(sizes, batch, most, params["seed"]), start=1):
        seen += counts[row]
        if seen >= tokens and number % update == 0:
            return number // update, seen
    raise AssertionError("each row has a completion token at least")


class Collator:
    """Pads rows at the right. No attention mask: a causal model never looks at what comes after."""

    def __init__(self, pad: int):
        self.pad = pad

    def __call__(self, rows: list[dict]) -> dict[str, torch.Tensor]:
        width = shapes.up(max(len(row["input_ids"]) for row in rows), shapes.COLUMNS)
        ids = torch.full((len(rows), width), self.pad)
        labels = torch.full((len(rows), width), IGNORED)
        for i, row in enumerate(rows):
            ids[i, : len(row["input_ids"])] = torch.tensor(row["input_ids"])
            labels[i, : len(row["labels"])] = torch.tensor(row["labels"])
        return {"input_ids": ids, "labels": labels, "position_ids": torch.arange(width)[None]}


def train(
    rows, model_spec, out_dir, params: dict, validate=None, on_log=None, load: dict | None = None
) -> dict:
    """Fine-tune; writes out_dir/model and out_dir/log.jsonl. Returns a summary.

    rows: {"prompt", "completion"} dicts. model_spec: as models.load takes it, with `load` its further
    arguments. params: sft_steps, sft_lr, sft_batch_size, sft_grad_accum, sft_max_length, sft_eval_every,
    sft_extra, seed, and, if given, launch, report_to, model_four_bit and model_lora. validate(model, tokenizer) -> (accuracy, n) every sft_eval_every steps and at the end.
    on_log(row): each log row. Summary: steps, tokens, seconds, tokens_per_s, loss (mean of the last tenth),
    val_accuracy, val_n, left_out, rows.
    """
    out, steps = Path(out_dir), params["sft_steps"]
    distributed.start(params.get("launch"))
    load = models.for_training(params) if load is None else load
    model, tokenizer = models.load(model_spec, **(load or {}))
    encoded = encode(rows, tokenizer, params["sft_max_length"])
    if not encoded:
        raise UserError(
            f"sft: none of {len(rows)} rows has at most sft_max_length = {params['sft_max_length']} tokens"
        )
    with models.without_bitsandbytes():
        from cr_utils import sft_trainer, training  # only now: they take seconds to import

    trainer = sft_trainer.build(encoded, model, tokenizer, out, params)
    log = training.Log(out / "log.jsonl")
    watch = training.Watch("sft", log, sft_trainer.Rows(trainer, log), validate, hook=on_log)
    inputs = {"rows": rows, "model": model_spec, "load": load}
    inputs |= {k: v for k, v in params.items() if k.startswith("sft_") or k == "seed"}
    checkpoints = training.Checkpoints(out, inputs)
    training.run(trainer, watch, checkpoints)
    training.store(trainer, tokenizer, out / "model")
    checkpoints.clear()
    return _summary(distributed.from_first(log.rows), steps) | {"rows": len(encoded), "left_out": len(rows) - len(encoded)}


def _summary(rows: list[dict], steps: int) -> dict:
    losses = [row for row in rows if "loss" in row]
    tail = losses[-max(1, len(losses) // 10) :]
    checked = [row for row in rows if "val_accuracy" in row]
    seconds = losses[-1]["seconds"]
    return {
        "steps": steps,
        "tokens": losses[-1]["tokens"],
        "seconds": seconds,
        "tokens_per_s": round(losses[-1]["tokens"] / max(seconds, 1e-9)),
        "loss": round(sum(row["loss"] for row in tail) / len(tail), 5),
        "val_accuracy": checked[-1]["val_accuracy"] if checked else None,
        "val_n": checked[-1]["val_n"] if checked else None,
    }
