"""Causal attention as two matrix products, for small models on a CPU.

Scope: an attention function registered with transformers under the name ``causal``; exact, any mask. On a CPU
the library's fused kernel is 2-3 times slower at the lengths (50-300 tokens) and head sizes used here, and
rotary embeddings leave queries in fp32, so it also misses bf16. Memory grows with the square of the length:
not for long contexts.
"""

from __future__ import annotations

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

NAME = "causal"


def attend(module, query, key, value, attention_mask, scaling=None, dropout: float = 0.0, **_):
    """transformers' attention contract.

    query (batch, heads, length, size); key and value (batch, kv heads, past + length, size); the mask, if
    any, (batch or 1, 1, length, past + length), boolean (True: may look) or additive. Returns (batch, length,
    heads, size) and None.
    """
    batch, heads, length, size = query.shape
    total, kv = key.shape[2], key.shape[1]
    device = query.device.type
    kind = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else query.dtype
    if kv != heads:
        key = key[:, :, None].expand(batch, kv, heads // kv, total, size)
        value = value[:, :, None].expand(batch, kv, heads // kv, total, size)
    rows = batch * heads
    query = query.reshape(rows, length, size).to(kind)
    key, value = (t.reshape(rows, total, size).to(kind) for t in (key, value))
    if attention_mask is None:
        hidden = torch.full((length, total), float("-inf"), dtype=kind, device=query.device)
        bias = hidden.triu(1 + total - length).expand(rows, length, total)
    else:
        bias = as_bias(attention_mask, kind).expand(batch, heads, length, total).reshape(rows, length, total)
    scores = torch.baddbmm(bias, query, key.transpose(1, 2), alpha=scaling or size ** -0.5)
    mixed = scores.softmax(-1, dtype=kind) @ value
    return mixed.view(batch, heads, length, size).transpose(1, 2), None


def as_bias(mask: torch.Tensor, kind: torch.dtype) -> torch.Tensor:
    """A boolean or additive mask as additive; a finite floor, so that a row that sees nothing has no NaN."""
    if mask.dtype == torch.bool:
        bias = torch.zeros(mask.shape, dtype=kind, device=mask.device)
        return bias.masked_fill_(~mask, torch.finfo(kind).min)
    return mask.to(kind).clamp_min(torch.finfo(kind).min)


def register() -> str:
    """Make the name ``causal`` known to transformers; returns it."""
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    return NAME
