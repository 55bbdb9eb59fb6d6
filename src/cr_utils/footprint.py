"""`python -m cr_utils estimate`: memory and time of the two trainings before they start, and what they took.

Time is that of the nearest earlier run, as the plan has it (`estimates`). Where there is none, it is
arithmetic on three rates measured on this device in a second: products of matrices, copies, small kernels.
Memory is arithmetic on the model's own configuration (no weights are read). An order of magnitude, not
compared with a run on a GPU. vLLM and the answers of 05 and 06 are not covered.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

from cr_utils import models  # isort: skip  (first: sets the environment that torch reads)

import torch
import transformers

from cr_utils import estimates, jsonl, noise, params
from cr_utils.errors import UserError
from cr_utils.progress import clock

STAGES = ("03_sft", "04_grpo")
FOUR_BIT = 0.516  # bytes of an nf4 weight with double quantisation: 4 + 8/64 + 32/(64*256) bits
SHARE = 0.3  # of the measured rate of large products that a training reaches; assumed
KERNELS = 40  # small kernels of one layer in one step of generation, adapter and 4-bit included; assumed
GIB = 2**30


@dataclass(frozen=True)
class Shape:
    """Counts of a model's weights. quantised: of linear layers, which 4-bit loading compresses; adapter:
    entries of an adapter per unit of its rank."""

    total: int
    quantised: int
    adapter: int
    layers: int
    hidden: int
    inner: int


def shape(spec: str) -> Shape:
    """The shape of a model (shipped, a folder, an adapter's folder, a hub id). UserError where it cannot be
    read.
    """
    path = models.locate(spec)
    if models.is_adapter(path):
        path = json.loads((Path(path) / "adapter_config.json").read_text(encoding="utf-8"))[
            "base_model_name_or_path"
        ]
    try:
        with noise.hub_hushed():
            config = transformers.AutoConfig.from_pretrained(path)
    except OSError as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"the configuration of model {spec!r} could not be read: {reason}") from error
    with models.quiet(), torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    head = model.get_output_embeddings()
    linear = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m is not head]
    text = config.get_text_config()
    return Shape(sum(p.numel() for p in model.parameters()), sum(m.weight.numel() for m in linear),
                 sum(m.in_features + m.out_features for m in linear), text.num_hidden_layers,
                 text.hidden_size, text.intermediate_size)


def memory(stage: str, values: dict, found: Shape) -> dict[str, float]:
    """Bytes in one process by what they hold: weights, adapter or gradients and optimizer, activations."""
    plain = found.total - found.quantised
    weights = 4.0 * found.total
    if values["model_four_bit"]:
        weights = FOUR_BIT * found.quantised + 4.0 * plain  # what is not quantised trains beside float32
    rank = values["model_lora"]
    learnt = rank * found.adapter if rank else found.total
    extra = values["sft_extra" if stage == "03_sft" else "grpo_extra"]
    states = 2.0 if "8bit" in str(extra.get("optim", "")) else 8.0
    shards = params.processes(values) if values["launch"].get("sharding", "none") != "none" else 1
    rows = values["sft_batch_size" if stage == "03_sft" else "grpo_batch_size"]
    tokens = rows * longest(stage, values)
    kept = 2 if extra.get("gradient_checkpointing") else found.layers  # layers whose insides are kept at once
    inside = tokens * (12 * found.hidden + 4 * found.inner) * 4.0
    held = {"weights": weights / shards,
            "gradients and optimizer": learnt * (4.0 + states + (4.0 if rank else 0.0)) / shards,
            "activations": kept * inside + found.layers * tokens * found.hidden * 4.0}
    return held


def longest(stage: str, values: dict) -> int:
    """Tokens of the longest sequence allowed for: real ones are shorter, so that memory is an upper bound."""
    return values["sft_max_length"] if stage == "03_sft" else values["grpo_max_new_tokens"] + 512


def rates(seconds: float = 0.3) -> dict[str, float]:
    """Measured here: products (floating-point operations), copies (bytes) and kernels, each a second."""
    where = models.device()
    kind = (torch.bfloat16 if models.native_bf16(where) else
            torch.float16 if where.type == "cuda" else torch.float32)
    size = 4096 if where.type == "cuda" else 512
    a, small = torch.ones(size, size, device=where, dtype=kind), torch.ones(8, device=where)
    big = torch.ones(2**26 if where.type == "cuda" else 2**22, device=where)
    return {"products": 2.0 * size**3 * _count(lambda: a @ a, where, seconds),
            "copies": 2.0 * big.numel() * 4 * _count(big.clone, where, seconds),
            "kernels": _count(lambda: small + 1, where, seconds)}


def _count(work, where: torch.device, seconds: float) -> float:
    """How often `work` is done in a second, warm."""
    done, began = 0, 0.0
    for wanted in (seconds / 10, seconds):
        done, began = 0, time.perf_counter()
        while time.perf_counter() - began < wanted:
            for _ in range(10):
                work()
            done += 10
            if where.type == "cuda":
                torch.cuda.synchronize(where)
    return done / (time.perf_counter() - began)


def seconds(stage: str, values: dict, found: Shape, speed: dict[str, float], mean: float = 0.4) -> float:
    """Expected duration. mean: length of a sequence as a share of the longest one (assumed)."""
    rank, count = values["model_lora"], params.processes(values)
    extra = values["sft_extra" if stage == "03_sft" else "grpo_extra"]
    passes = (4 if rank else 6) + (2 if extra.get("gradient_checkpointing") else 0)
    length = mean * longest(stage, values)
    if stage == "03_sft":
        tokens = values["sft_steps"] * values["sft_batch_size"] * values["sft_grad_accum"] * length
        return passes * found.total * tokens / (SHARE * speed["products"])
    rollouts = values["grpo_prompts"] * values["grpo_group"]
    generations = values["grpo_steps"] / values["grpo_updates"]
    filtered = values["grpo_filter_prompts"] * values["grpo_filter_samples"]
    update = passes * found.total * generations * rollouts / count * length / (SHARE * speed["products"])
    size = found.quantised * (FOUR_BIT if values["model_four_bit"] else 2.0)
    step = found.layers * KERNELS / speed["kernels"] + size / speed["copies"]
    drawn = (generations * rollouts / count + filtered)
    batches = generations + filtered / 256  # a batch ends with its longest answer
    product = 2.0 * found.total * drawn * length / (SHARE * speed["products"])
    return update + batches * values["grpo_max_new_tokens"] * step + product


def expected(stage: str, values: dict, spec: str | None = None, speed: dict | None = None) -> str:
    """A line about what a stage will need on this machine. spec: the start model (default: the profile's).

    speed: as `rates` (default: measured now, where no earlier run tells the time).
    """
    found, known = shape(spec or values["model"]), estimates.cost(stage, values)
    held = memory(stage, values, found)
    took = estimates.told(known) if known else \
        f"{clock(seconds(stage, values, found, speed or rates()))} here by arithmetic, not a measurement"
    parts = ", ".join(f"{name} {amount / GIB:.2f}" for name, amount in held.items())
    have = (f" of {torch.cuda.get_device_properties(0).total_memory / GIB:.1f}"
            if torch.cuda.is_available() else "")
    return (f"{stage}: about {took}; by arithmetic up to {sum(held.values()) / GIB:.2f} GiB{have} in each "
            f"process ({parts}); {found.total / 1e6:.1f} M weights")


def measured(folder: Path) -> str:
    """A line about what a training took, from its log.jsonl and this process: speed, time, GPU memory."""
    rows = [row for row in jsonl.read(folder / "log.jsonl") if "loss" in row]
    last, texts = rows[-1], []
    if "tokens" in last:
        texts.append(f"{last['tokens'] / max(last['seconds'], 1e-9):.0f} tokens/s")
    made = [row["rollouts_per_s"] * row["length_mean"] for row in rows if "length_mean" in row]
    if made:
        texts.append(f"{sum(made) / len(made):.0f} answer tokens/s, updates included")
    texts.append(f"{clock(last['seconds'])} of training")
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        texts.append(f"{torch.cuda.max_memory_allocated() / GIB:.2f} GiB of GPU memory at the peak, "
                     f"{torch.cuda.max_memory_reserved() / GIB:.2f} reserved, of {total / GIB:.2f}")
    return "measured: " + ", ".join(texts)


def main(words: list[str]) -> int:
    """Say what the trainings of a profile will need on this machine. Reads the model's configuration only."""
    asked = argparse.ArgumentParser(prog="python -m cr_utils estimate", description=main.__doc__)
    asked.add_argument("--profile", default="colab", help="name of a file in params/ (default: colab)")
    asked.add_argument("-p", nargs=2, action="append", default=[], metavar=("KEY", "VALUE"), dest="given",
                       help="set a parameter (repeatable)")
    chosen = asked.parse_args(words)
    values = params.load(chosen.profile, {key: params.parse_value(key, text) for key, text in chosen.given})
    speed = None if all(estimates.cost(stage, values) for stage in STAGES) else rates()
    for stage in STAGES:
        print(expected(stage, values, speed=speed))
    return 0
