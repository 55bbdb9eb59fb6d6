"""Loading models: which device, which number format, quantised or not.

Covers the shipped base, local folders and hub ids, 4-bit loading with LoRA adapters, and what a processor can
natively do. Does not train or sample. Heavy optional libraries (bitsandbytes, peft) are imported only when
asked for.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch: a busy neighbour else costs 7-9x

import torch


def device(name: str = "auto") -> torch.device:
    """The device to compute on: "auto" takes a GPU if there is one."""
    if name != "auto":
        return torch.device(name)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def native_bf16(where: torch.device | str = "cpu") -> bool:
    """Whether bfloat16 is computed in hardware there, not emulated."""
    where = torch.device(where)
    if where.type == "cuda":
        return torch.cuda.get_device_capability(where)[0] >= 8
    if where.type != "cpu":
        return False
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
