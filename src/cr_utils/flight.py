"""The rows of one batch while their completions grow, and how a token is chosen from logits.

Rows that have ended leave the batch, and the cache gains columns as it needs them: what a CPU is fast with.
For fixed shapes see `static_decoding`.
"""

from __future__ import annotations

import torch

from cr_utils import shapes
from cr_utils.decoder import Cache, Decoder

COLUMNS = 32  # columns a cache grows by


class Flight:
    """The rows of one batch while they grow. tokens, scores: [rows, longest], in job order."""

    def __init__(self, decoder: Decoder, cache: Cache, room: list[int], ends: frozenset[int]):
        self.decoder, self.cache, device = decoder, cache, decoder.device
        self.tokens = torch.zeros(len(room), max(room), dtype=torch.long, device=device)
        self.scores = torch.zeros(len(room), max(room), device=device)
        self.row = torch.arange(len(room), device=device)
        self.room = torch.tensor(room, device=device)
        self.alive = torch.ones(len(room), dtype=torch.bool, device=device)
        self.ends = torch.tensor(sorted(ends), device=device)
        self.draws: torch.Tensor | None = None
        self.every = 1 if device.type == "cpu" else 8  # looking whether rows ended waits for a GPU

    @torch.inference_mode()
    def run(self, logits: torch.Tensor, temperature: float, top_p: float) -> None:
        """Sample until every row has ended or used its room."""
        for step in range(self.tokens.shape[1]):
            draw = None if self.draws is None else self.draws[self.row, step]
            token, score = choose(logits, temperature, top_p, draw)
            self.tokens[self.row, step], self.scores[self.row, step] = token, score
            self.alive &= ~torch.isin(token, self.ends) & (self.room > step + 1)
            if step % self.every == self.every - 1:
                token = self._shrink(token)
                if not self.cache.rows:
                    return
            if self.cache.end == self.cache.values[0].shape[1]:
                self.decoder.widen(self.cache, COLUMNS)
            logits = self.decoder.step(token, self.cache)

    def _shrink(self, token: torch.Tensor) -> torch.Tensor:
        """Leave ended rows out once there are enough of them, some excepted that keep the count on a grid."""
        rows, left = self.cache.rows, int(self.alive.sum())
        size = min(rows, shapes.up(left, 16 if left > 16 else 4))
        if size > 0.94 * rows:
            return token
        kept = self.alive | (~self.alive).cumsum(0).le(size - left) & ~self.alive
        order = self.decoder.drop(self.cache, kept)
        self.row, self.room, self.alive = self.row[order], self.room[order], self.alive[order]
        return token[order]


def choose(logits: torch.Tensor, temperature: float, top_p: float, draw: torch.Tensor | None):
    """Tokens [rows] and their log-probabilities [rows] from logits [rows, vocabulary].

    draw: [rows] uniform numbers in [0, 1); a token is the point where the cumulative distribution passes its
    number.
    """
    if temperature <= 0:
        token = logits.argmax(-1)
        return token, logits.log_softmax(-1).gather(-1, token[:, None])[:, 0]
    scores = (logits / temperature).log_softmax(-1)
    weights = scores.exp()
    if top_p < 1:
        ranked, order = weights.sort(-1, descending=True)
        ranked = ranked.masked_fill(ranked.cumsum(-1) - ranked >= top_p, 0)
        weights = torch.zeros_like(weights).scatter(-1, order, ranked)
    total = weights.cumsum(-1)
    token = torch.searchsorted(total, draw[:, None] * total[:, -1:], right=True).clamp(
        max=logits.shape[-1] - 1
    )
    return token[:, 0], scores.gather(-1, token)[:, 0]
