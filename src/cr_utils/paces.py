"""What a training took, from its folder: parameters, tokens or rollouts, seconds; for the manifest's metrics.

Reads the log and the header of the weights; loads no torch. What the folder does not tell is left out.
"""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

from cr_utils import jsonl


def parameters(model: Path) -> int | None:
    """Weights in a folder's safetensors files, by their headers; None where there is none (or one is
    damaged)."""
    total = 0
    try:
        for path in sorted(model.glob("*.safetensors")):
            with path.open("rb") as file:
                head = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
            total += sum(math.prod(one["shape"]) for name, one in head.items() if name != "__metadata__")
    except (OSError, ValueError, KeyError, struct.error):
        return None
    return total or None


def of(folder: Path) -> dict:
    """parameters, train_seconds, tokens and tokens_per_s of SFT, rollouts and rollouts_per_s of GRPO."""
    found = {"parameters": parameters(folder / "model")}
    log = folder / "log.jsonl"
    rows = [row for row in jsonl.read(log) if "loss" in row] if log.is_file() else []
    if rows:
        last, seconds = rows[-1], max(rows[-1].get("seconds", 0.0), 1e-9)
        found["train_seconds"] = last.get("seconds")
        if "tokens" in last:
            found |= {"tokens": last["tokens"], "tokens_per_s": round(last["tokens"] / seconds)}
        before = [0.0, *(row["seconds"] for row in rows if "seconds" in row)]
        made = [row["rollouts_per_s"] * (row["seconds"] - begun)
                for row, begun in zip(rows, before, strict=False) if "rollouts_per_s" in row]
        if made:
            found |= {"rollouts": round(sum(made)), "rollouts_per_s": round(sum(made) / seconds, 1)}
    return {key: value for key, value in found.items() if value is not None}
