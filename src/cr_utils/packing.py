"""Documents packed into full rows: no padding to speak of, and one shape for every batch.

Scope: which documents share a row (best fit, longest first), the batch that results, and attention that stays
within a document. A row holds whole documents one after the other; positions begin anew in each, no token
looks beyond its own document, and a document's first token is not predicted from the one before. The loss is
the one that padding gives. On a CPU padding is faster (short rows, small products); on a GPU this is.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from cr_utils import attention

NAME = "packed"
FULL = "full_attention"  # transformers' name for this kind of layer

Document = tuple[np.ndarray, np.ndarray]  # token ids [n], weight of each as a prediction [n]


@dataclass(frozen=True)
class Batch:
    """Rows of tokens for one pass. All [rows, columns].

    positions: of each token in its document; segments: number of its document in the row from 1, 0 where the
    row is empty; None for both where each row is one document, padded on the right. weights: of each token as
    a prediction, 0 where there is none to make, and `weight` their sum. squares: sum over the documents of
    their squared lengths.
    """

    ids: torch.Tensor
    weights: torch.Tensor
    positions: torch.Tensor | None
    segments: torch.Tensor | None
    tokens: int
    squares: int
    weight: float

    def to(self, device: torch.device) -> Batch:
        """The batch on a device; from pinned memory the copy does not wait."""
        moved = [None if one is None else one.to(device, non_blocking=True)
                 for one in (self.ids, self.weights, self.positions, self.segments)]
        return Batch(*moved, self.tokens, self.squares, self.weight)

    def pinned(self) -> Batch:
        """The batch in pinned memory."""
        kept = [None if one is None else one.pin_memory()
                for one in (self.ids, self.weights, self.positions, self.segments)]
        return Batch(*kept, self.tokens, self.squares, self.weight)


def best_fit(lengths: Sequence[int], room: int) -> list[list[int]]:
    """Numbers of documents by row: longest first, each into the fullest row that still has room for it.

    Raises ValueError for a document longer than a row.
    """
    if max(lengths, default=0) > room:
        raise ValueError(f"a document of {max(lengths)} tokens does not fit a row of {room}")
    rows: list[list[int]] = []
    free: list[list[int]] = [[] for _ in range(room + 1)]  # rows by the tokens that they have room for
    some = 0  # bit n: there is a row with room for exactly n tokens
    for number in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        length = lengths[number]
        fitting = some >> length
        if fitting:
            left = length + (fitting & -fitting).bit_length() - 1
            row = free[left].pop()
            if not free[left]:
                some &= ~(1 << left)
        else:
            left, row = room, len(rows)
            rows.append([])
        rows[row].append(number)
        if left > length:
            free[left - length].append(row)
            some |= 1 << (left - length)
    return rows


class Packer:
    """Turns pools of documents into batches of `rows` full rows of `columns` tokens, a multiple of `group`
    each time.

    What does not fill a group waits in `carry` for the next pool; `carry` is part of a training's state.
    """

    def __init__(self, rows: int, columns: int, carry: Sequence[Document] = (), group: int = 1):
        self.rows, self.columns, self.carry, self.group = rows, columns, list(carry), group

    def feed(self, documents: Sequence[Document], key: str) -> list[Batch]:
        """The batches that these documents and those carried over fill; in an order drawn by `key`."""
        have = [*self.carry, *documents]
        rows = best_fit([len(ids) for ids, _ in have], self.columns)
        rows.sort(key=lambda row: -sum(len(have[i][0]) for i in row))
        count = len(rows) // (self.rows * self.group) * self.rows * self.group
        self.carry = [have[i] for i in sorted(i for row in rows[count:] for i in row)]
        full = rows[:count]
        random.Random(key).shuffle(full)
        return [packed([[have[i] for i in row] for row in full[begin:begin + self.rows]], self.columns)
                for begin in range(0, count, self.rows)]


def packed(rows: Sequence[Sequence[Document]], columns: int) -> Batch:
    """One batch of rows of documents, filled up with nothing at the right."""
    shape = len(rows), columns
    ids, positions, segments = (np.zeros(shape, np.int64) for _ in range(3))
    weights, squares = np.zeros(shape, np.float32), 0
    for row, documents in enumerate(rows):
        begin = 0
        for number, (tokens, weight) in enumerate(documents, 1):
            end = begin + len(tokens)
            ids[row, begin:end], weights[row, begin:end] = tokens, weight
            weights[row, begin] = 0.0
            positions[row, begin:end] = np.arange(len(tokens))
            segments[row, begin:end] = number
            begin, squares = end, squares + len(tokens) ** 2
    made = (torch.from_numpy(one) for one in (ids, weights, positions, segments))
    return Batch(*made, int((segments > 0).sum()), squares, float(weights[:, 1:].sum()))


def padded(ids: torch.Tensor, weights: torch.Tensor, lengths: Sequence[int]) -> Batch:
    """A batch of one document a row, padded on the right; ids and weights [rows, columns]."""
    weights = weights.clone()
    weights[:, 0] = 0.0
    squares = sum(n * n for n in lengths)
    return Batch(ids, weights, None, None, sum(lengths), squares, float(weights[:, 1:].sum()))


def probe(count: int, columns: int, vocabulary: int) -> Batch:
    """A batch of `count` rows of random tokens in documents of many lengths, to try a device's attention
    on."""
    dice, rows = np.random.default_rng(0), []
    for _ in range(count):
        cuts = [0, *sorted(dice.choice(np.arange(1, columns), 7, replace=False)), columns]
        rows.append([(dice.integers(0, vocabulary, end - begin), np.ones(end - begin, np.float32))
                     for begin, end in zip(cuts, cuts[1:], strict=False)])
    return packed(rows, columns)


def mask(segments: torch.Tensor) -> torch.Tensor:
    """Where a token may look, [rows, 1, columns, columns]: itself and what precedes it in its document."""
    same = segments[:, :, None] == segments[:, None, :]
    return same.tril()[:, None]


def blocks(segments: torch.Tensor):
    """The same as a BlockMask of flex attention, which skips what is hidden instead of computing it."""
    from torch.nn.attention.flex_attention import create_block_mask

    def looks(row, head, query, key):
        return (query >= key) & (segments[row, query] == segments[row, key])

    rows, columns = segments.shape
    return create_block_mask(looks, rows, None, columns, columns, device=segments.device)


def attend(module, query, key, value, attention_mask, scaling=None, dropout: float = 0.0, **_):
    """transformers' attention contract, for a boolean mask, a BlockMask, or None (plain causal rows)."""
    if query.device.type == "cpu" and (attention_mask is None or torch.is_tensor(attention_mask)):
        return attention.attend(module, query, key, value, attention_mask, scaling)
    device = query.device.type
    kind = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else query.dtype
    query, key, value = query.to(kind), key.to(kind), value.to(kind)
    return fused(query, key, value, attention_mask, scaling).transpose(1, 2), None


def fused(query, key, value, looks, scaling) -> torch.Tensor:
    """The same by torch's kernels: [batch, heads, length, size]; looks as `attend`'s mask."""
    share = query.shape[1] // key.shape[1]
    if looks is None or torch.is_tensor(looks):
        if share > 1:  # the kernels that take a mask and build no square of scores take no groups
            key, value = key.repeat_interleave(share, 1), value.repeat_interleave(share, 1)
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=looks, scale=scaling,
                                                       is_causal=looks is None)
    from torch.nn.attention.flex_attention import flex_attention

    return flex_attention(query, key, value, block_mask=looks, scale=scaling, enable_gqa=share > 1)


def register() -> str:
    """Make the name ``packed`` known to transformers; returns it."""
    attention.register()
    attention.AttentionInterface.register(NAME, attend)
    attention.AttentionMaskInterface.register(NAME, attention.sdpa_mask)
    return NAME


def loss_sum(model, batch: Batch, masked: Callable = mask) -> torch.Tensor:
    """Sum of the weighted next-token cross entropies of a batch on the model's device.

    masked: from segments to what the attention takes as mask. All tokens' logits are computed: the shapes are
    then the same in every batch, and the vocabularies of models trained from scratch here are small.
    """
    looks = None if batch.segments is None else masked(batch.segments)
    hidden = model.model(input_ids=batch.ids, position_ids=batch.positions, attention_mask={FULL: looks},
                         use_cache=False).last_hidden_state
    logits = functional.linear(hidden[:, :-1].flatten(0, 1), model.lm_head.weight)
    losses = functional.cross_entropy(logits.float(), batch.ids[:, 1:].flatten(), reduction="none")
    return (losses * batch.weights[:, 1:].flatten()).sum()
