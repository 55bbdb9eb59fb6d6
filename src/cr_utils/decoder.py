"""A plain decoder: the forward pass of a small Qwen model on its bare weights, with a preallocated cache.

Covers Qwen2 and Qwen3 causal language models with default rotary embeddings, full attention and plain linear
layers. It exists because on a CPU most of `generate` goes into copying the cache and into call overhead; here
a prompt is read once, one fused matrix gives query, key and value, and finished rows leave the batch. It does
not cover adapters, quantised layers, sliding windows or gradients: `Decoder.supports` tells.

Layout. Rows are aligned at their right end: every row writes its next key and value at the same column
`Cache.end`, and a row that is shorter than the longest starts later (`Cache.start`). Keys are kept
transposed, which is what the CPU's batched matrix product is fastest with, and the products run over whole
columns, written or not (the mask hides the rest): a slice would be copied first.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

SUPPORTED = ("Qwen2ForCausalLM", "Qwen3ForCausalLM")


@dataclass
class Cache:
    """Keys and values of the rows in flight.

    keys: per layer [capacity_rows * kv_heads, head_dim, columns]; values: per layer [.., columns, head_dim];
    mask: [.., 1, columns], 0 where a row may look, else -inf; start: [rows] first column of each row; end:
    next column to write; rows: rows in flight. Columns are added by `Decoder.widen` when `end` has reached
    them.
    """

    keys: list[torch.Tensor]
    values: list[torch.Tensor]
    mask: torch.Tensor
    start: torch.Tensor
    end: int
    rows: int


@dataclass
class Layer:
    """Weights of one block, norms folded into the matrices that follow them."""

    qkv: torch.Tensor
    qkv_bias: torch.Tensor | None
    head_norm: torch.Tensor | None
    out: torch.Tensor
    gate_up: torch.Tensor
    down: torch.Tensor


class Decoder:
    """The forward pass of `model` from copies of its weights in `dtype`; `refresh` reads them again."""

    def __init__(self, model, dtype: torch.dtype = torch.float32):
        if not self.supports(model):
            raise ValueError(f"{type(model).__name__} is not a plain {' or '.join(SUPPORTED)}")
        self.model, self.dtype, config = model, dtype, model.config
        self.heads, self.kv = config.num_attention_heads, config.num_key_value_heads
        self.dim = getattr(config, "head_dim", None) or config.hidden_size // self.heads
        self.share = self.heads // self.kv
        self.eps, self.context = config.rms_norm_eps, config.max_position_embeddings
        self.refresh()

    @staticmethod
    def supports(model) -> bool:
        """Whether this forward pass computes what the model's own would."""
        config = getattr(model, "config", None)
        if type(model).__name__ not in SUPPORTED or config.hidden_act != "silu":
            return False
        if config.rope_parameters.get("rope_type") != "default":
            return False
        if any(kind != "full_attention" for kind in config.layer_types):
            return False
        linears = [m for name, m in model.named_modules() if name.endswith(("_proj", "lm_head"))]
        return all(type(module) is torch.nn.Linear for module in linears)

    @torch.no_grad()
    def refresh(self) -> None:
        """Read the weights afresh: call it after every change of the model."""
        model = self.model
        self.device = model.lm_head.weight.device
        self.embedding = model.model.embed_tokens.weight.detach().float()
        norm = model.model.norm.weight.detach().float()
        # The head stays in single precision: rounding logits to bfloat16 would shift probabilities by some
        # per cent.
        self.head = model.lm_head.weight.detach().float() * norm
        self.layers = [self._fuse(block) for block in model.model.layers]
        position = torch.arange(self.context, device=self.device).float()
        angle = torch.outer(position, model.model.rotary_emb.inv_freq.to(self.device).float())
        self.cos = torch.cat((angle.cos(), angle.cos()), -1).to(self.dtype)
        self.sin = torch.cat((-angle.sin(), angle.sin()), -1).to(self.dtype)

    def _fuse(self, block) -> Layer:
        """One layer's matrices: per key head the queries that share it, the key, the value, stacked."""
        attention, mlp, scale = block.self_attn, block.mlp, self.dim**-0.5
        normed = hasattr(attention, "q_norm")
        before, between = block.input_layernorm.weight.float(), block.post_attention_layernorm.weight.float()

        def stack(parts):
            shaped = [p.detach().float().view(self.kv, -1, self.dim, *p.shape[1:]) for p in parts]
            if not normed:
                shaped[0] = shaped[0] * scale
            return torch.cat(shaped, 1).flatten(0, 2)

        projections = (attention.q_proj, attention.k_proj, attention.v_proj)
        bias = None if attention.q_proj.bias is None else stack([p.bias for p in projections]).to(self.dtype)
        norm = None
        if normed:
            query, key = attention.q_norm.weight.float() * scale, attention.k_norm.weight.float()
            norm = torch.stack([query] * self.share + [key])
        gate_up = torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight]).float() * between
        return Layer(
            qkv=(stack([p.weight for p in projections]) * before).to(self.dtype),
            qkv_bias=bias,
            head_norm=norm,
            out=attention.o_proj.weight.detach().to(self.dtype),
            gate_up=gate_up.to(self.dtype),
            down=mlp.down_proj.weight.detach().to(self.dtype),
        )

    def _norm(self, x: torch.Tensor) -> torch.Tensor:
        """Root-mean-square normalisation, without its weight (that is folded into the next matrix)."""
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps)

    def _project(self, layer: Layer, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor):
        """Of hidden x [.., hidden]: rotated queries, last their key [.., kv, share + 1, dim]; the value."""
        fused = F.linear(self._norm(x).to(self.dtype), layer.qkv, layer.qkv_bias)
        fused = fused.view(*x.shape[:-1], self.kv, self.share + 2, self.dim)
        turning, value = fused[..., :-1, :], fused[..., -1, :]
        if layer.head_norm is not None:
            turning = (self._norm(turning.float()) * layer.head_norm).to(self.dtype)
        return torch.addcmul(turning * cos, turning.roll(self.dim // 2, -1), sin), value

    def _mix(self, layer: Layer, x: torch.Tensor, attended: torch.Tensor) -> torch.Tensor:
        """Residual stream x after the attention's output and the feed-forward part."""
        x = x + F.linear(attended, layer.out)
        gate, up = F.linear(self._norm(x).to(self.dtype), layer.gate_up).chunk(2, -1)
        return x + F.linear(F.silu(gate) * up, layer.down)

    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(self._norm(x), self.head)

    @torch.inference_mode()
    def prefill(self, prompts: list[list[int]]) -> tuple[torch.Tensor, list, list, torch.Tensor]:
        """Read prompts once each.

        Returns logits [prompts, vocabulary] after the last token; per layer keys [prompts, kv, dim, columns]
        and values [prompts, kv, columns, dim], right-aligned; and start [prompts], the first column in use.
        """
        width = max(map(len, prompts))
        padded = torch.tensor([[0] * (width - len(p)) + list(p) for p in prompts], device=self.device)
        start = torch.tensor([width - len(p) for p in prompts], device=self.device)
        column = torch.arange(width, device=self.device)
        position = (column - start[:, None]).clamp(min=0)
        cos, sin = self.cos[position][:, :, None, None], self.sin[position][:, :, None, None]
        seen = (column[None, :] <= column[:, None]) & (column[None, None, :] >= start[:, None, None])
        # A padding column sees itself, or its softmax would be over nothing.
        seen = (seen | torch.eye(width, dtype=torch.bool, device=self.device))[:, None]
        x, keys, values = self.embedding[padded], [], []
        for layer in self.layers:
            turned, value = self._project(layer, x, cos, sin)
            query = turned[..., :-1, :].flatten(2, 3).transpose(1, 2)
            key, value = turned[..., -1, :].transpose(1, 2), value.transpose(1, 2)
            full = [t.repeat_interleave(self.share, 1) for t in (key, value)]
            attended = F.scaled_dot_product_attention(query, *full, attn_mask=seen, scale=1.0)
            x = self._mix(layer, x, attended.transpose(1, 2).flatten(2))
            keys.append(key.transpose(2, 3))
            values.append(value)
        return self._logits(x[:, -1]), keys, values, start

    @torch.inference_mode()
    def step(self, tokens: torch.Tensor, cache: Cache) -> torch.Tensor:
        """Logits [rows, vocabulary] after one more token per row; the cache grows by one column."""
        rows, end = cache.rows, cache.end
        batch = rows * self.kv
        # A row that has ended, but is kept, may run past the context.
        position = (end - cache.start).clamp(max=self.context - 1)
        cos, sin = self.cos[position][:, None, None], self.sin[position][:, None, None]
        cache.mask[:batch, :, end] = 0
        x = self.embedding[tokens]
        for layer, keys, values in zip(self.layers, cache.keys, cache.values, strict=True):
            turned, value = self._project(layer, x, cos, sin)
            turned = turned.view(batch, self.share + 1, self.dim)
            keys[:batch, :, end] = turned[:, -1]
            values[:batch, end] = value.view(batch, self.dim)
            score = torch.baddbmm(cache.mask[:batch], turned[:, :-1], keys[:batch])
            attended = torch.bmm(score.softmax(-1), values[:batch])
            x = self._mix(layer, x, attended.view(rows, -1))
        cache.end = end + 1
        return self._logits(x)

    def cache(self, prefilled: list, rows: torch.Tensor, room: int) -> Cache:
        """A cache for `rows` (indices [rows] into the prefilled prompts) with `room` further columns.

        prefilled: the pieces that `prefill` returned for consecutive chunks of prompts, without their logits.
        """
        width = max(keys[0].shape[-1] for keys, _, _ in prefilled)
        count, columns = len(rows), width + room
        start = torch.cat([begin + (width - keys[0].shape[-1]) for keys, _, begin in prefilled])[rows]
        keys, values = [], []
        for index in range(len(self.layers)):
            key = torch.cat([F.pad(k[index], (width - k[index].shape[-1], 0)) for k, _, _ in prefilled])
            value = torch.cat(
                [F.pad(v[index], (0, 0, width - v[index].shape[-2], 0)) for _, v, _ in prefilled]
            )
            keys.append(key.new_zeros(count, self.kv, self.dim, columns))
            values.append(key.new_zeros(count, self.kv, columns, self.dim))
            keys[-1][..., :width], values[-1][:, :, :width] = key[rows], value[rows]
        column = torch.arange(columns, device=self.device)
        hidden = (column < start[:, None]) | (column >= width)
        mask = torch.zeros(hidden.shape, dtype=self.dtype, device=self.device).masked_fill(hidden, -torch.inf)
        flat = [t.flatten(0, 1) for t in keys], [t.flatten(0, 1) for t in values]
        return Cache(*flat, mask.repeat_interleave(self.kv, 0)[:, None], start=start, end=width, rows=count)

    @torch.inference_mode()
    def widen(self, cache: Cache, room: int) -> None:
        """Give the cache `room` further columns, and back the memory of rows that were dropped."""
        batch = cache.rows * self.kv
        for index in range(len(self.layers)):
            cache.keys[index] = F.pad(cache.keys[index][:batch], (0, room))
            cache.values[index] = F.pad(cache.values[index][:batch], (0, 0, 0, room))
        cache.mask = F.pad(cache.mask[:batch], (0, room), value=-torch.inf)

    @torch.inference_mode()
    def drop(self, cache: Cache, alive: torch.Tensor) -> torch.Tensor:
        """Forget the rows that are not alive ([rows] bool), filling their places from the tail.

        Returns the old index of each row that is left [rows left]: move everything kept beside the cache
        likewise.
        """
        left = int(alive.sum())
        if not left:
            cache.rows = 0
            return alive.nonzero()[:, 0]
        order = torch.arange(left, device=self.device)
        holes = (~alive[:left]).nonzero()[:, 0]
        order[holes] = alive[left:].nonzero()[:, 0] + left
        heads = torch.arange(self.kv, device=self.device)
        into = (holes[:, None] * self.kv + heads).flatten()
        source = (order[holes][:, None] * self.kv + heads).flatten()
        for keys, values in zip(cache.keys, cache.values, strict=True):
            keys[into, :, : cache.end] = keys[source, :, : cache.end]
            values[into, : cache.end] = values[source, : cache.end]
        cache.mask[into] = cache.mask[source]
        cache.start, cache.rows = cache.start[order], left
        return order
