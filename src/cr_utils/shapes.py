"""Sizes on a grid.

On a CPU, oneDNN compiles a kernel for each new shape of a bfloat16 matrix product: about a millisecond, and
up to a megabyte that is kept. Rows, columns and token counts that vary from batch to batch are therefore
rounded up to a few sizes; what is added is masked, ignored or cut off.
"""

from __future__ import annotations

import torch

COLUMNS = 16  # width of training batches
ROWS = 4  # rows of training batches
TOKENS = 256  # tokens whose logits are computed


def up(number: int, step: int) -> int:
    """The number rounded up to a multiple of step."""
    return -(-number // step) * step


def selected(mask: torch.Tensor, step: int = TOKENS) -> tuple[torch.Tensor, int]:
    """Indices of the true entries of a flattened mask, filled up with index 0 to a multiple of step; and
    their count.

    The length is at least step, also where nothing is true.
    """
    index = mask.flatten().nonzero()[:, 0]
    count = len(index)
    return torch.cat([index, index.new_zeros(up(max(count, 1), step) - count)]), count
