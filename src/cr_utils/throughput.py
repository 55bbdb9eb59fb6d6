"""How well a training uses its device: floating-point operations of the model, the device's peak, the share
of both.

Scope: arithmetic and a table. Operations are those that the model needs (products with the weights and
between queries, keys and values inside each document, forward and backward), not what the kernels do beside
them: neither padding nor what attention computes and hides counts, so that the share (MFU) is a lower bound
of how busy the device is. A device that is not in the table has no share.
"""

from __future__ import annotations

import torch

# Dense bfloat16 tensor operations a second, as the makers state them; the first that a device's name holds.
PEAKS = (
    ("H200", 989e12), ("H100 PCIe", 756e12), ("H100 NVL", 835e12), ("H100", 989e12), ("GH200", 989e12),
    ("B200", 2250e12), ("A100", 312e12), ("L40S", 362e12), ("L4", 121e12),
)


def peak(device: torch.device) -> float | None:
    """Operations a second that the device can reach in bfloat16; None for one that the table does not
    know."""
    if device.type != "cuda":
        return None
    return named(torch.cuda.get_device_name(device))


def named(name: str) -> float | None:
    """The peak of a device by its name."""
    words = name.replace("-", " ").split()
    return next((value for short, value in PEAKS if set(short.split()) <= set(words)), None)


def parameters(model) -> int:
    """Weights of a model, tied ones once."""
    return sum(one.numel() for one in model.parameters())


def operations(weights: int, layers: int, width: int, tokens: int, squares: int) -> float:
    """Operations of training on documents of `tokens` in all and `squares` the sum of their squared lengths.

    Six for each weight and token (with tied embeddings the matrix counts once, as the head; looking up is
    free); attention looks at half of each document's square: two products of 2 operations, three times with
    the backward pass. width: heads times head size.
    """
    return 6.0 * weights * tokens + 6.0 * layers * width * squares


def share(done: float, seconds: float, most: float | None) -> float | None:
    """Operations over what the device could have done in that time; None where its peak is unknown."""
    return None if most is None or seconds <= 0 else round(done / seconds / most, 4)


def memory(device: torch.device) -> int | None:
    """Largest number of bytes allocated on a GPU so far; None on a CPU."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
