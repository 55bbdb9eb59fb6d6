"""`python -m cr_utils merge`: an adapter and its base made one model; how much of an adapter has moved."""

from __future__ import annotations

import argparse
from pathlib import Path

from cr_utils import models, training
from cr_utils.errors import UserError


def merge(adapter: str, out: Path, dtype: str = "float32") -> Path:
    """Write base plus adapter to `out` as a whole model that anything loads; returns `out`.

    adapter: a folder that 03_sft or 04_grpo wrote with model_lora. The base is read unquantised, in
    `dtype`: against 4-bit weights, which the adapter was trained on, answers may differ in rounding.
    UserError for any other folder.
    """
    if not models.is_adapter(adapter):
        raise UserError(f"{adapter} holds no adapter (no adapter_config.json)")
    import torch

    model, tokenizer = models.load(str(adapter), device="cpu", dtype=getattr(torch, dtype))
    training.save(model.merge_and_unload(), tokenizer, Path(out))
    return Path(out)


def moved(before: dict, after: dict) -> float:
    """Share of the adapter's entries (of tensors named lora_*) that differ between two state dicts."""
    changed = total = 0
    for name, value in before.items():
        if "lora_" in name:
            changed += int((value != after[name]).sum())
            total += value.numel()
    return changed / max(1, total)


def main(words: list[str]) -> int:
    """Merge an adapter into its base."""
    asked = argparse.ArgumentParser(prog="python -m cr_utils merge", description=main.__doc__)
    asked.add_argument("adapter", help="folder with adapter_config.json, e.g. results/colab/04_grpo/model")
    asked.add_argument("out", type=Path, help="folder for the whole model")
    asked.add_argument("--dtype", default="bfloat16", choices=("float32", "bfloat16", "float16"))
    given = asked.parse_args(words)
    print(merge(given.adapter, given.out, given.dtype))
    return 0
