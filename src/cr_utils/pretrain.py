"""Pre-trains a model from scratch on the corpus, on whatever device there is: the start model of `model:
scratch`.

Scope: the loop, its checkpoints and its log. Worker processes make and encode documents ahead of the device,
a thread puts them into batches (packed rows on a GPU, padded ones on a CPU) and into pinned memory; the
device is waited for once a pool. Needs torch and transformers only. One process, one device. A killed
training goes on from its last checkpoint and ends with the same weights; model, loss and corpus are those of
cr_utils.base.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from cr_utils import models  # isort: skip  (first: sets the environment that torch reads)

import torch

from cr_utils import base, jsonl, packing, paths, throughput
from cr_utils.errors import UserError
from cr_utils.feed import Feed, Passed
from cr_utils.packing import Batch
from cr_utils.progress import Progress

STEPS = 8  # updates of a pool, about: between two rows of the log
SHORT = 128  # tokens of a document, about
SAVE_SECONDS = 60.0  # between two checkpoints
FREE = ("workers", "micro_tokens")  # what a training may go on with changed: the gradient is the same
CLIP = 1.0


def settings(values: dict, workers: int) -> dict:
    """The settings of a training (names without `base_`) from a profile's values."""
    found = {key.removeprefix("base_"): one for key, one in values.items() if key.startswith("base_")}
    return found | {"seed": values["seed"], "workers": workers}


def form(params: dict) -> dict:
    """The model's measures as base.build_model takes them."""
    return {"hidden": params["width"], "intermediate": params["inner"], "layers": params["layers"],
            "heads": params["heads"], "kv_heads": params["kv_heads"], "context": params["context"]}


def pool_of(params: dict) -> int:
    """Documents of a pool."""
    return max(64, STEPS * params["batch_tokens"] // SHORT)


def fresh(params: dict):
    """The model before its first step, the same for the same settings."""
    torch.manual_seed(params["seed"])
    return base.build_model(len(base._tokenizer()), form(params))


def packs(params: dict, device: torch.device) -> bool:
    """Whether documents are packed: as the settings say, or where it is faster."""
    return device.type == "cuda" if params["packing"] == "auto" else params["packing"] == "packed"


class Pretraining:
    """The state of a training: model, optimizer, what it has seen; one update; saving and restoring."""

    def __init__(self, params: dict, device: torch.device):
        self.params, self.device = params, device
        self.model = fresh(params).to(device)
        self.model.set_attn_implementation(packing.register())
        matrices = [one for one in self.model.parameters() if one.dim() > 1]
        vectors = [one for one in self.model.parameters() if one.dim() <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
            lr=params["lr"], betas=(0.9, 0.95), fused=device.type == "cuda")
        self.bf16 = models.native_bf16(device)
        self.masked, self.attention = packing.mask, "padded rows"
        if params["compile"]:
            for layer in self.model.model.layers:  # one graph serves all layers
                layer.compile(dynamic=False if packs(params, device) else None)
        if packs(params, device):
            self.masked, self.attention = kernel(self.model, params, device)
        self.weights = throughput.parameters(self.model)
        self.tokens, self.step, self.seconds, self.passed = 0, 0, 0.0, Passed()
        self.queued: list[torch.cuda.Event] = []

    def renew(self, params: dict) -> None:
        """Begin anew with settings of the same form: what was compiled is kept, what was learnt is not."""
        self.params = params
        self.model.load_state_dict(fresh(params).state_dict())
        self.optimizer.state.clear()
        self.tokens, self.step, self.seconds, self.passed = 0, 0, 0.0, Passed()

    def update(self, batches: list[Batch]) -> torch.Tensor:
        """One optimizer step on the batches of a step; its loss, on the device: nothing is waited for."""
        rate = base.learning_rate(self.tokens / self.params["tokens"], self.params)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        weight = sum(batch.weight for batch in batches)
        total = torch.zeros((), device=self.device)
        for batch in batches:
            total += self.backward(batch.to(self.device), weight)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.tokens += sum(batch.tokens for batch in batches)
        self.step += 1
        self.keep_pace()
        return total

    def keep_pace(self) -> None:
        """Let a GPU fall at most two updates behind: waiting for data is then seen soon after it begins."""
        if self.device.type == "cuda":
            self.queued.append(torch.cuda.Event())
            self.queued[-1].record()
            if len(self.queued) > 2:
                self.queued.pop(0).synchronize()

    def backward(self, batch: Batch, weight: float) -> torch.Tensor:
        """The gradient of one batch's part in the mean over `weight`; that part of the loss."""
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16):
            loss = packing.loss_sum(self.model, batch, self.masked) / weight
        loss.backward()
        return loss.detach()

    def operations(self, batches: list[Batch]) -> float:
        """Floating-point operations that these batches ask of the model, see `throughput`."""
        tokens, squares = (sum(getattr(one, name) for one in batches) for name in ("tokens", "squares"))
        layers, width = self.params["layers"], self.params["width"]
        return throughput.operations(self.weights, layers, width, tokens, squares)

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
                 "tokens": self.tokens, "step": self.step, "seconds": self.seconds,
                 "passed": self.passed.state(), "params": self.params}
        torch.save(state, path.with_suffix(".tmp"))
        os.replace(path.with_suffix(".tmp"), path)

    def restore(self, path: Path) -> bool:
        """Take up a checkpoint where there is one. Raises UserError for one of other settings."""
        if not path.exists():
            return False
        state = torch.load(path, map_location=self.device, weights_only=True)
        changed = [key for key, one in self.params.items()
                   if key not in FREE and state["params"].get(key, one) != one]
        if changed:
            raise UserError(f"{paths.shown(path)} was trained with other {', '.join(changed)}: delete it to "
                            "begin anew")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.tokens, self.step, self.seconds = state["tokens"], state["step"], state["seconds"]
        self.passed = Passed.of(state["passed"])
        return True


def kernel(model, params: dict, device: torch.device) -> tuple[Callable, str]:
    """How attention stays inside documents on this device: (from segments to a mask, its name).

    On a GPU flex attention, which skips what is hidden, if the layers are compiled and it computes there what
    the plain mask does; else the mask. Tried on a batch of the training's size, since not every device and
    version of torch has it, and both directions have to be compiled anyway.
    """
    if device.type != "cuda" or not params["compile"]:
        return packing.mask, "mask"
    blocks = torch.compile(packing.blocks, dynamic=False)
    rows, half = params["micro_tokens"] // params["context"], models.native_bf16(device)
    batch = packing.probe(rows, params["context"], model.config.vocab_size).to(device)
    try:
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
            with torch.no_grad(), torch.compiler.set_stance("force_eager"):
                plain = float(packing.loss_sum(model, batch))
            loss = packing.loss_sum(model, batch, blocks)
        loss.backward()
        model.zero_grad(set_to_none=True)
    except Exception as error:  # whatever a compiler or a kernel raises: the other way computes the same
        return packing.mask, f"mask (flex attention: {type(error).__name__})"
    if abs(float(loss) - plain) > 5e-3 * plain:
        return packing.mask, f"mask (flex attention gave {float(loss):.2f}, the mask {plain:.2f})"
    return blocks, "flex"


def train(params: dict, out: Path, device: torch.device | None = None, pool: int | None = None,
          save_seconds: float = SAVE_SECONDS, run: Pretraining | None = None) -> dict:
    """Train to params["tokens"] tokens; writes checkpoint.pt, log.jsonl and model/ under `out`.

    params: as `settings` gives them; run: one of the same form to begin anew, already compiled. Resumes where
    a checkpoint of the same settings lies; raises UserError for one of others, and where the loss is no
    number any more. Returns tokens, steps, seconds, loss (of the last pool), tokens_per_s, mfu and wait_share
    (means over the run), parameters, attention.
    """
    out.mkdir(parents=True, exist_ok=True)
    if run is None:
        run = Pretraining(params, device or models.device())
    else:
        run.renew(params)
    run.restore(out / "checkpoint.pt")
    print(f"base: {run.weights / 1e6:.1f} M parameters on {run.device}, attention: {run.attention}",
          flush=True)
    with (Feed(run, pool or pool_of(params)) as feed, jsonl.Appender(out / "log.jsonl", key="step") as log,
          Progress("base", params["tokens"], unit="tok") as progress):
        saved = time.monotonic()
        while run.tokens < params["tokens"]:
            row = take(run, feed)
            if row is None:
                continue
            if row["loss"] != row["loss"]:
                raise UserError(f"base: the loss is no number from step {row['step']} on: lower base_lr; the "
                                "last checkpoint is from before")
            log.add(row)  # a row that an interruption left behind stays as it is
            progress.update(run.tokens, loss=row["loss"], tokens_per_s=row["tokens_per_s"])
            if time.monotonic() - saved >= save_seconds or run.tokens >= params["tokens"]:
                run.save(out / "checkpoint.pt")
                saved = time.monotonic()
    base.save_model(run.model, out / "model")
    return summary(jsonl.read(out / "log.jsonl"), run)


def take(run: Pretraining, feed: Feed) -> dict | None:
    """Train on one pool of documents; the row for the log, None where the pool filled no step. Waits for
    the device."""
    began, before, waited = time.perf_counter(), run.tokens, feed.waited
    losses, done, positions = [], 0.0, 0
    for batches in feed.pool():
        losses.append(run.update(batches))
        done += run.operations(batches)
        positions += sum(batch.ids.numel() for batch in batches)
        if run.tokens >= run.params["tokens"]:
            break
    if not losses:
        return None
    loss = float(torch.stack(losses).mean())
    spent = time.perf_counter() - began
    run.seconds += spent
    return {"step": run.step, "tokens": run.tokens, "loss": round(loss, 4),
            "lr": run.optimizer.param_groups[0]["lr"], "seconds": round(run.seconds, 2),
            "tokens_per_s": round((run.tokens - before) / spent), "operations": done,
            "mfu": throughput.share(done, spent, throughput.peak(run.device)),
            "wait_share": round((feed.waited - waited) / spent, 4),
            "fill": round((run.tokens - before) / max(1, positions), 4),
            "memory": throughput.memory(run.device)}


def summary(rows: list[dict], run: Pretraining) -> dict:
    """What a finished training tells of itself."""
    spent = [now["seconds"] - (before["seconds"] if before else 0.0)
             for before, now in zip([None, *rows], rows, strict=False)]
    waits = sum(row["wait_share"] * one for row, one in zip(rows, spent, strict=True))
    seconds = max(run.seconds, 1e-9)
    done, most = sum(row["operations"] for row in rows), throughput.peak(run.device)
    return {"tokens": run.tokens, "steps": run.step, "seconds": round(run.seconds, 2),
            "loss": rows[-1]["loss"], "tokens_per_s": round(run.tokens / seconds),
            "wait_share": round(waits / seconds, 4), "mfu": throughput.share(done, seconds, most),
            "parameters": run.weights, "attention": run.attention}
