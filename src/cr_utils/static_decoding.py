"""Sampling at fixed shapes: every token of a batch is the same sequence of kernels on the same memory.

Scope: the same as `flight`, for devices on which starting kernels takes longer than running them. On CUDA one
token of all rows (choice, bookkeeping, forward pass) is captured as a graph and replayed; nothing in it waits
for the host, which looks every few tokens whether rows have ended. On other devices the same code runs
directly, which is how it is tested. Memory is kept from batch to batch; weights are refreshed in place, since
graphs know addresses.
"""

from __future__ import annotations

import torch

from cr_utils import shapes
from cr_utils.decoder import Cache, Decoder
from cr_utils.flight import choose

ROOM = 128  # columns of a cache come in multiples of this
SMALLEST = 16  # rows below which a batch is not made smaller
EVERY = 8  # tokens between two looks at which rows have ended
WARM = 2  # tokens of a shape before it is captured
KEPT = 2  # shapes of batches whose memory is kept


def step(decoder: Decoder, tokens: torch.Tensor, cache: Cache, end: torch.Tensor) -> torch.Tensor:
    """As Decoder.step, with the column to write, end [1], on the device: logits [rows, vocabulary]."""
    rows, batch = cache.rows, cache.rows * decoder.kv
    position = (end - cache.start[:rows]).clamp(max=decoder.context - 1)
    cos, sin = decoder.cos[position][:, None, None], decoder.sin[position][:, None, None]
    mask = cache.mask[:batch].index_fill_(2, end, 0)
    x = decoder.embedding[tokens]
    for layer, keys, values in zip(decoder.layers, cache.keys, cache.values, strict=True):
        turned, value = decoder._project(layer, x, cos, sin)
        turned = turned.view(batch, decoder.share + 1, decoder.dim)
        keys = keys[:batch].index_copy_(2, end, turned[:, -1, :, None])
        values = values[:batch].index_copy_(1, end, value.reshape(batch, 1, decoder.dim))
        score = torch.baddbmm(mask, turned[:, :-1], keys)
        x = decoder._mix(layer, x, torch.bmm(score.softmax(-1), values).view(rows, -1))
    return decoder._logits(x)


def refresh(decoder: Decoder) -> None:
    """Read the model's weights afresh, into the memory that the decoder has: graphs stay valid."""
    before = _tensors(decoder)
    decoder.refresh()
    for (_, _, old), (owner, name, new) in zip(before, _tensors(decoder), strict=True):
        old.copy_(new)
        setattr(owner, name, old)


def _tensors(decoder: Decoder) -> list[tuple[object, str, torch.Tensor]]:
    """Every tensor that a step reads, with who holds it under which name."""
    return [(owner, name, one) for owner in (decoder, *decoder.layers)
            for name, one in sorted(vars(owner).items()) if torch.is_tensor(one)]


class Buffers:
    """The memory of a batch of `rows` rows with `columns` columns and `ends` end tokens, and its graphs."""

    def __init__(self, decoder: Decoder, rows: int, columns: int, ends: int):
        where, kv, dim, kind = decoder.device, decoder.kv, decoder.dim, decoder.dtype
        keys = [torch.zeros(rows * kv, dim, columns, dtype=kind, device=where) for _ in decoder.layers]
        values = [torch.zeros(rows * kv, columns, dim, dtype=kind, device=where) for _ in decoder.layers]
        mask = torch.zeros(rows * kv, 1, columns, dtype=kind, device=where)
        self.cache = Cache(keys, values, mask, torch.zeros(rows, dtype=torch.long, device=where), 0, rows)
        self.decoder, self.graphs, self.warm = decoder, {}, {}
        self.tokens, self.row, self.room = (torch.zeros(shape, dtype=torch.long, device=where)
                                            for shape in ((rows, columns), (rows,), (rows,)))
        self.scores, self.draws = (torch.zeros(rows, columns, device=where) for _ in range(2))
        self.logits = torch.zeros(rows, len(decoder.head), device=where)
        self.alive = torch.zeros(rows, dtype=torch.bool, device=where)
        self.end, self.at = (torch.zeros(1, dtype=torch.long, device=where) for _ in range(2))
        self.ends = torch.full((ends,), -1, device=where)

    def load(self, cache: Cache, logits: torch.Tensor, room: list[int], draws: torch.Tensor | None) -> None:
        """Take up the prefilled prompts; rows beyond them are dead from the start."""
        count, width, total = cache.rows, cache.end, len(self.room)
        batch, every = count * self.decoder.kv, slice(0, width)
        for own, other in zip(self.cache.keys, cache.keys, strict=True):
            own.zero_()
            own[:batch, :, every] = other[:batch, :, every]
        for own, other in zip(self.cache.values, cache.values, strict=True):
            own.zero_()
            own[:batch, every] = other[:batch, every]
        self.cache.mask.fill_(-torch.inf)
        self.cache.mask[:batch, :, every] = cache.mask[:batch, :, every]
        self.cache.mask[batch:, :, :1] = 0  # a dead row looks at something: no softmax over nothing
        self.cache.start.zero_()
        self.cache.start[:count] = cache.start
        self.cache.rows = total
        self.tokens.zero_()
        self.scores.zero_()
        self.logits.zero_()
        self.logits[:count] = logits
        self.room.zero_()
        self.room[:count] = torch.tensor(room, device=self.room.device)
        self.alive.copy_(self.room > 0)
        self.row.copy_(torch.arange(total, device=self.row.device))
        self.end.fill_(width)
        self.at.zero_()
        if draws is not None:
            self.draws[:count, : draws.shape[1]] = draws

    def tick(self, temperature: float, top_p: float) -> None:
        """One token of every row in flight. Reads and writes the buffers only, and never waits."""
        rows = self.cache.rows
        row, at = self.row[:rows], self.at.expand(rows)
        draw = self.draws[row, at] if temperature > 0 else None
        token, score = choose(self.logits[:rows], temperature, top_p, draw)
        self.tokens.index_put_((row, at), token)
        self.scores.index_put_((row, at), score)
        ended = (token[:, None] == self.ends).any(1)
        self.alive[:rows] &= ~ended & (self.room[:rows] > self.at + 1)
        self.logits[:rows] = step(self.decoder, token, self.cache, self.end)
        self.end += 1
        self.at += 1

    def advance(self, temperature: float, top_p: float) -> None:
        """One tick: replayed where it was captured, else run, and captured once the shape is warm."""
        key = self.cache.rows, temperature, top_p
        if self.end.device.type != "cuda" or self.graphs.get(key, self) is None:
            self.tick(temperature, top_p)
        elif key in self.graphs:
            self.graphs[key].replay()
        elif self.warm.get(key, 0) < WARM:
            self.warm[key] = self.warm.get(key, 0) + 1
            self.tick(temperature, top_p)
        else:
            self.graphs[key] = self.capture(temperature, top_p)
            self.advance(temperature, top_p)

    def capture(self, temperature: float, top_p: float) -> torch.cuda.CUDAGraph | None:
        """The graph of a tick, which is recorded and not run; None where it cannot be."""
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        try:
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # others may pin memory
                self.tick(temperature, top_p)
        except RuntimeError as error:
            print(f"sampling: no CUDA graph ({str(error).splitlines()[0]}); slower without", flush=True)
            return None
        return graph

    def shrink(self) -> int:
        """Put the rows alive into the first half of the batch as often as they fit there; how many are
        alive."""
        rows, left = self.cache.rows, int(self.alive[: self.cache.rows].sum())
        size = rows
        while size // 2 >= max(left, SMALLEST):
            size //= 2
        if size == rows or not left:
            return left
        order = torch.argsort(~self.alive[:rows], stable=True)[:size]
        for own in (self.cache.start, self.row, self.room, self.alive, self.logits):
            own[:size] = own[order]
        for own in (*self.cache.keys, *self.cache.values, self.cache.mask):
            shaped = own[: rows * self.decoder.kv].view(rows, self.decoder.kv, *own.shape[1:])
            own[: size * self.decoder.kv] = shaped[order].flatten(0, 1)
        self.cache.rows = size
        return left


class Flight:
    """The rows of one batch while they grow, as flight.Flight: tokens, scores [rows, columns], in job
    order."""

    def __init__(self, decoder: Decoder, cache: Cache, room: list[int], ends: frozenset[int]):
        self.decoder, self.prefilled, self.room = decoder, cache, room
        self.ends = torch.tensor(sorted(ends), device=decoder.device)
        self.draws: torch.Tensor | None = None

    @torch.inference_mode()
    def run(self, logits: torch.Tensor, temperature: float, top_p: float) -> None:
        """Sample until every row has ended or used its room."""
        longest = max(self.room)
        buffers = buffers_of(self.decoder, len(self.room), self.prefilled.end + longest, len(self.ends))
        buffers.load(self.prefilled, logits, self.room, self.draws)
        buffers.ends.copy_(self.ends)
        for number in range(longest):
            buffers.advance(temperature, top_p)
            if number % EVERY == EVERY - 1 and not buffers.shrink():
                break
        self.tokens, self.scores = buffers.tokens[: len(self.room)], buffers.scores[: len(self.room)]


def buffers_of(decoder: Decoder, rows: int, columns: int, ends: int) -> Buffers:
    """Memory for a batch: that of an earlier one of the same shape, else new; the oldest is let go."""
    height = SMALLEST
    while height < rows:
        height *= 2
    key = height, shapes.up(columns, ROOM), ends
    kept = decoder.__dict__.setdefault("buffers", {})
    if key not in kept:
        while len(kept) >= KEPT:
            kept.pop(next(iter(kept)))
        kept[key] = Buffers(decoder, *key)
    return kept[key]
