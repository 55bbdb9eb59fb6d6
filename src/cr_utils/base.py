"""Builds and trains the small base model.

Scope: a Qwen2-architecture causal language model of 2-5 million parameters, trained from scratch on the
corpus (facts and direct answers). Needs torch and transformers only, so that it also runs where trl is not
installed. Documents are sorted by length into padded batches; prompts, programs and values count a quarter in
the loss, since they are mostly random choices. Resumes from its last checkpoint. One process, one device.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import itertools
import os
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch  # noqa: E402
from torch.nn import functional  # noqa: E402
from transformers import Qwen2Config, Qwen2ForCausalLM  # noqa: E402

from . import attention, corpus, jsonl, paths, shapes, tokenizer  # noqa: E402
from .errors import UserError  # noqa: E402
from .progress import Progress  # noqa: E402
from .workers import executor, in_order  # noqa: E402

POOL = 2048  # documents sorted by length together, and between two checkpoints
QUIET = 0.25  # weight in the loss of text that is mostly random choices: prompts, programs, values
LATER = ("second", "third", "fourth")  # further phases, in turn
STREAM = ("mix", "wide", "most_steps")  # what the documents depend on, beside the seed
FREE = ("workers",)  # parameters that a resumed training may change


def build_model(vocab_size: int, params: dict) -> Qwen2ForCausalLM:
    """A freshly initialised model (tied embeddings), seeded by the caller."""
    config = Qwen2Config(
        vocab_size=vocab_size, hidden_size=params["hidden"], intermediate_size=params["intermediate"],
        num_hidden_layers=params["layers"], num_attention_heads=params["heads"],
        num_key_value_heads=params["kv_heads"], max_position_embeddings=params["context"],
        rope_theta=10_000.0, tie_word_embeddings=True, use_cache=True)
    return Qwen2ForCausalLM(config)


def native_bf16(device: torch.device) -> bool:
    """Whether bf16 arithmetic is done by the hardware rather than emulated."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


@functools.cache
def _tokenizer():
    return tokenizer.build()


def chat_prompt(prompt: str) -> str:
    """The chat template applied to one user message, with the assistant's turn opened."""
    return f"{tokenizer.START}user\n{prompt}{tokenizer.END}\n{tokenizer.START}assistant\n"


def encoded_pool(seed: int, start: int, stream: dict, context: int, n: int) -> list[tuple[list[int], list[float]]]:
    """`n` documents from number `start` as (token ids, weight of each token in the loss); drops those beyond the context.

    `stream`: the keyword arguments of `corpus.document`. Runs in a worker process.
    """
    made = (encoded(corpus.document(seed, i, **stream)) for i in range(start, start + n))
    return [one for one in made if len(one[0]) <= context]


def encoded(doc: corpus.Document) -> tuple[list[int], list[float]]:
    """Token ids of a document, its end token included, and their weights: QUIET for a prompt and quiet spans."""
    head = chat_prompt(doc.prompt) if doc.prompt else ""
    spans = [(0, len(head)), *((len(head) + start, len(head) + end) for start, end in doc.quiet)]
    got = _tokenizer()(f"{head}{doc.completion}{tokenizer.END}", add_special_tokens=False, return_offsets_mapping=True,
                       verbose=False)
    weights = [QUIET if any(low <= at < high for low, high in spans) else 1.0 for at, _ in got["offset_mapping"]]
    return got["input_ids"], weights


def batches(pool: list[tuple[list[int], list[float]]], tokens: int, rng: random.Random
            ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Padded batches of at most about `tokens` tokens, documents of like length together, in random order.

    Yields (ids, weights of the predicted tokens), both (rows, length); padding weighs nothing.
    """
    groups, group = [], []
    for doc in sorted(pool, key=lambda doc: len(doc[0])):
        if group and len(doc[0]) * (len(group) + 1) > tokens:
            groups.append(group)
            group = []
        group.append(doc)
    if group:
        groups.append(group)
    rng.shuffle(groups)
    yield from map(padded, groups)


def padded(group: list[tuple[list[int], list[float]]]) -> tuple[torch.Tensor, torch.Tensor]:
    """One batch of documents: (ids, weights), both (rows, length of the longest), padded on the right."""
    width = max(len(ids) for ids, _ in group)
    ids = torch.zeros(len(group), width, dtype=torch.long)
    weights = torch.zeros(len(group), width)
    for row, (doc, weight) in enumerate(group):
        ids[row, :len(doc)] = torch.tensor(doc)
        weights[row, :len(doc)] = torch.tensor(weight)
    return ids, weights


def weighted_loss(model, ids: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean next-token cross entropy over the weighted tokens.

    Padding (right side) needs no attention mask.
    """
    hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
    index, count = shapes.selected(weights[:, 1:] > 0)
    weight = weights[:, 1:].flatten()[index]
    weight[count:] = 0.0
    logits = functional.linear(hidden.flatten(0, 1)[index], model.lm_head.weight)
    losses = functional.cross_entropy(logits.float(), ids[:, 1:].flatten()[index], reduction="none")
    return (losses * weight).sum() / weight.sum()


def on_grid(ids: torch.Tensor, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The same batch with rows and columns of padding up to a few sizes, see `shapes`."""
    rows, columns = ids.shape
    more = (0, shapes.up(columns, shapes.COLUMNS) - columns, 0, shapes.up(rows, shapes.ROWS) - rows)
    return functional.pad(ids, more), functional.pad(weights, more)


def learning_rate(done: float, params: dict) -> float:
    """Warm-up over 2 %, constant, then a linear fall over the last `decay` share to 5 % of the peak."""
    peak, decay = params["lr"], params["decay"]
    if done < 0.02:
        return peak * done / 0.02
    return peak if done < 1 - decay else peak * max(0.05, (1 - done) / decay)


class Trainer:
    """Training state: model, optimizer, tokens seen, next document; saves and restores itself."""

    def __init__(self, params: dict, out: Path, device: torch.device):
        torch.manual_seed(params["seed"])
        self.params, self.out, self.device = params, out, device
        self.model = build_model(len(_tokenizer()), params).to(device)
        matrices = [p for p in self.model.parameters() if p.dim() > 1]
        vectors = [p for p in self.model.parameters() if p.dim() <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
            lr=params["lr"], betas=(0.9, 0.95), fused=device.type == "cuda")
        self.tokens, self.next_doc, self.step, self.seconds = 0, 0, 0, 0.0
        self.bf16 = native_bf16(device)
        if device.type == "cpu":
            self.model.set_attn_implementation(attention.register())

    def save(self) -> None:
        """Write checkpoint.pt, whole or not at all."""
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
                 "tokens": self.tokens, "next_doc": self.next_doc, "step": self.step, "seconds": self.seconds,
                 "params": self.params}
        torch.save(state, self.out / "checkpoint.tmp")
        os.replace(self.out / "checkpoint.tmp", self.out / "checkpoint.pt")

    def restore(self) -> bool:
        """Take up checkpoint.pt where there is one. Raises UserError for one of other parameters."""
        path = self.out / "checkpoint.pt"
        if not path.exists():
            return False
        state = torch.load(path, map_location=self.device, weights_only=True)
        changed = [key for key, value in self.params.items()
                   if key not in FREE and state["params"].get(key) != value]
        if changed:
            raise UserError(f"{paths.shown(path)} was trained with other {', '.join(changed)}: "
                            "delete it or choose another folder")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.tokens, self.next_doc = state["tokens"], state["next_doc"]
        self.step, self.seconds = state["step"], state["seconds"]
        return True

    @property
    def finished(self) -> bool:
        """Whether all tokens were seen."""
        return self.tokens >= self.params["tokens"]

    def update(self, ids: torch.Tensor, weights: torch.Tensor) -> float:
        """One optimizer step on one batch; returns its loss."""
        rate = learning_rate(self.tokens / self.params["tokens"], self.params)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        ids, weights = on_grid(ids, weights)
        ids, weights = ids.to(self.device), weights.to(self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16):
            loss = weighted_loss(self.model, ids, weights)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.tokens += int((weights > 0).sum())
        self.step += 1
        return float(loss.detach())


    def take(self, documents: list[tuple[list[int], list[float]]], n: int) -> dict:
        """Train on one pool of `n` documents; returns the row for the log."""
        began, before, losses = time.perf_counter(), self.tokens, []
        rng = random.Random(f"{self.params['seed']}:{self.next_doc}")
        for ids, weights in batches(documents, self.params["batch_tokens"], rng):
            losses.append(self.update(ids, weights))
            if self.finished:
                break
        self.next_doc += n
        spent = time.perf_counter() - began
        self.seconds += spent
        return {"step": self.step, "tokens": self.tokens, "loss": round(sum(losses) / max(1, len(losses)), 4),
                "tokens_per_s": round((self.tokens - before) / spent), "seconds": round(self.seconds, 1)}


def train_all(params: dict, out: Path, device: torch.device | None = None, pool: int = POOL) -> dict:
    """All phases of params/base.yaml: `params`, then the same with what each phase of LATER changes.

    Each begins from the weights of the one before. Writes out/first, out/second and so on, and out/model; returns
    what the last phase returned, with the tokens and seconds of all.
    """
    common = {key: value for key, value in params.items() if key not in LATER}
    done = train(common, out / "first", device, pool)
    last = "first"
    for phase in (name for name in LATER if params.get(name)):
        later = train(common | params[phase], out / phase, device, pool, start=out / last / "checkpoint.pt")
        done = later | {key: done[key] + later[key] for key in ("tokens", "seconds")}
        last = phase
    shutil.copytree(out / last / "model", out / "model", dirs_exist_ok=True)
    return done


def train(params: dict, out: Path, device: torch.device | None = None, pool: int = POOL,
          start: Path | None = None) -> dict:
    """Train to params["tokens"] tokens; writes checkpoint.pt, log.jsonl and model/ under `out`.

    `params` has the keys of params/base.yaml without the later phases; `pool` is the number of documents between
    checkpoints; `start` is a checkpoint whose weights (not its optimizer) to begin from. Resumes
    where a checkpoint of the same parameters lies; raises UserError for one of others. Returns {"tokens",
    "seconds", "loss"}, the loss being that of the last pool.
    """
    out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(params, out, device or torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    if not trainer.restore() and start:
        state = torch.load(start, map_location=trainer.device, weights_only=True)
        trainer.model.load_state_dict(state["model"])
    stream = {key: params[key] for key in STREAM if key in params}
    jobs = ((params["seed"], number, stream, params["context"], pool)
            for number in itertools.count(trainer.next_doc, pool))
    with (executor(params["workers"]) as processes,
          contextlib.closing(in_order(processes, encoded_pool, jobs, 2 * params["workers"])) as pools,
          jsonl.Appender(out / "log.jsonl", key="step") as log,
          Progress("base", params["tokens"], unit="tok") as progress):
        while not trainer.finished:
            row = trainer.take(next(pools), pool)
            log.add(row)  # a row that an interruption left behind stays as it is
            progress.update(trainer.tokens, loss=row["loss"])
            trainer.save()
    save_model(trainer.model, out / "model")
    return {"tokens": trainer.tokens, "seconds": trainer.seconds, "loss": log.rows[-1]["loss"]}


def save_model(model: Qwen2ForCausalLM, folder: Path) -> None:
    """Half-precision safetensors with the tokenizer beside it, as `from_pretrained` reads them."""
    half = copy.deepcopy(model).to(torch.bfloat16)
    half.generation_config.eos_token_id = half.config.eos_token_id = _tokenizer().eos_token_id
    half.generation_config.pad_token_id = half.config.pad_token_id = _tokenizer().pad_token_id
    half.save_pretrained(folder)
    _tokenizer().save_pretrained(folder)
