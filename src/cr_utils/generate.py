"""Sampling completions: fast on a CPU for small Qwen models, through `generate` of transformers for the rest.

Covers batching by prompt length, greedy and temperature / nucleus sampling, log-probabilities of what was
sampled, and seeds: a completion depends on the seed, its prompt and its number among that prompt's samples,
not on what else is in the batch (up to rounding: the shape of a matrix product moves its last bits). Does not
cover beam search, penalties, tools or constrained decoding.
"""

from __future__ import annotations

import contextlib
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from cr_utils import static_decoding
from cr_utils.decoder import Cache, Decoder
from cr_utils.flight import COLUMNS, Flight, choose
from cr_utils.models import native_bf16

__all__ = ["Sample", "Sampler", "choose", "encode", "end_tokens"]

PREFILL_TOKENS = 6144  # prompt tokens read at once: enough for full speed, small beside the cache
CACHE_BYTES = 1 << 30  # a batch holds fewer rows where its cache would be larger
LARGE = 500_000_000  # parameters from which a fused copy of the weights is not worth its memory


@dataclass(frozen=True)
class Sample:
    """One completion: text without special tokens, ids with the end token if it ended, log-probabilities.

    truncated: stopped by a limit rather than by the model. logprobs (same length as ids) are those of the
    distribution sampled from: after temperature, before nucleus truncation; empty where the engine gives
    none.
    """

    text: str
    ids: tuple[int, ...]
    truncated: bool
    logprobs: tuple[float, ...] = ()


class Sampler:
    """Samples from `model`, whose weights are read again at each call.

    dtype: compute type of the fast engine; None takes bfloat16 where the processor has it, else float32.
    batch_size: rows in flight; None: 256 on a CPU, 512 on a GPU (16 with the "hf" engine on a CPU, 64 on a
    GPU). engine: "fast", "hf" (`model.generate`) or "auto" (fast where the architecture allows it).
    """

    def __init__(self, model, tokenizer, dtype=None, batch_size: int | None = None, engine: str = "auto"):
        self.model, self.tokenizer = model, tokenizer
        self.device = next(model.parameters()).device
        if engine == "auto":
            small = sum(p.numel() for p in model.parameters()) < LARGE
            engine = "fast" if small and Decoder.supports(model) else "hf"
        self.engine = engine
        self.dtype = dtype or (torch.bfloat16 if native_bf16(self.device) else torch.float32)
        gpu = self.device.type != "cpu"
        self.batch_size = batch_size or ((512 if gpu else 256) if engine == "fast" else (64 if gpu else 16))
        self.context = model.config.get_text_config().max_position_embeddings
        self.ends = end_tokens(model, tokenizer)
        self.static = gpu  # fixed shapes, which a GPU replays as one graph
        self._decoder: Decoder | None = None

    def sample(
        self,
        prompts: Sequence[str | Sequence[int]],
        n: int = 1,
        temperature: float = 1.0,
        max_new_tokens: int = 512,
        seed: int = 0,
        top_p: float = 1.0,
        progress: Callable[[int], None] | None = None,
    ) -> list[list[Sample]]:
        """n completions of each prompt: a list per prompt.

        prompts: token ids, or user messages (the chat template is applied). temperature 0 is greedy. A prompt
        that fills the context gives an empty, truncated sample. progress is called with the number of
        finished completions so far. The same prompt given k times gets k different series of samples.
        """
        ids = [self.encode(p) if isinstance(p, str) else tuple(p) for p in prompts]
        seen, jobs = Counter(), []
        for index, prompt in enumerate(ids):
            jobs += [_Job(prompt, seen[prompt] + k, (index, k)) for k in range(n)]
            seen[prompt] += n
        jobs.sort(key=lambda job: (len(job.prompt), job.prompt, job.number))
        found, done = {}, 0
        settings = (temperature, top_p, max_new_tokens, seed)
        if self.engine == "fast":
            self._refresh()
        for batch in self._batches(jobs, max_new_tokens):
            run = self._fast if self.engine == "fast" else self._hf
            for job, (tokens, logprobs) in zip(batch, run(batch, *settings), strict=True):
                found[job.place] = self._finish(tokens, logprobs)
            done += len(batch)
            if progress:
                progress(done)
        return [[found[index, k] for k in range(n)] for index in range(len(ids))]

    def encode(self, message: str) -> tuple[int, ...]:
        """Token ids of a user message, as `encode`."""
        return encode(self.tokenizer, message)

    def _refresh(self) -> None:
        if self._decoder is None:
            self._decoder = Decoder(self.model, self.dtype)
        elif self.static:
            static_decoding.refresh(self._decoder)
        else:
            self._decoder.refresh()

    def _room(self, job: _Job, max_new_tokens: int) -> int:
        return max(0, min(max_new_tokens, self.context - len(job.prompt)))

    def _memory(self) -> int:
        """Bytes that a batch's cache may take."""
        if self.device.type != "cuda":
            return CACHE_BYTES
        return max(CACHE_BYTES, torch.cuda.get_device_properties(self.device).total_memory // 8)

    def _batches(self, jobs: list[_Job], max_new_tokens: int):
        """Jobs in pieces whose cache stays in bounds; longest prompts first, so that memory peaks early."""
        config = self.model.config.get_text_config()
        dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        token = 2 * config.num_hidden_layers * config.num_key_value_heads * dim * self.dtype.itemsize
        end = len(jobs)
        while end:
            row = token * (len(jobs[end - 1].prompt) + max_new_tokens)
            begin = max(0, end - max(1, min(self.batch_size, self._memory() // row)))
            yield jobs[begin:end]
            end = begin

    def _finish(self, tokens: list[int], logprobs: list[float]) -> Sample:
        """A Sample of raw tokens, cut after the first end token."""
        end = next((i for i, token in enumerate(tokens) if token in self.ends), None)
        stop = len(tokens) if end is None else end + 1
        text = self.tokenizer.decode(tokens[:stop], skip_special_tokens=True)
        return Sample(text, tuple(tokens[:stop]), end is None, tuple(logprobs[:stop]))

    def _fast(self, jobs, temperature, top_p, max_new_tokens, seed):
        """Tokens and log-probabilities of each job, from the plain decoder."""
        room = [self._room(job, max_new_tokens) for job in jobs]
        live = [i for i, r in enumerate(room) if r > 0]
        if not live:
            return [([], [])] * len(jobs)
        decoder = self._decoder
        logits, cache = self._prefill([jobs[i].prompt for i in live])
        kind = static_decoding.Flight if self.static else Flight
        state = kind(decoder, cache, [room[i] for i in live], self.ends)
        if temperature > 0:
            state.draws = _uniforms([jobs[i] for i in live], seed, max(room)).to(decoder.device)
        state.run(logits, temperature, top_p)
        tokens, scores, out = state.tokens.tolist(), state.scores.tolist(), [([], [])] * len(jobs)
        for row, i in enumerate(live):
            out[i] = tokens[row][: room[i]], scores[row][: room[i]]
        return out

    def _prefill(self, prompts: list[tuple[int, ...]]) -> tuple[torch.Tensor, Cache]:
        """First logits [rows, vocabulary] and the cache of all rows; each distinct prompt is read once."""
        unique = list(dict.fromkeys(prompts))
        number = {prompt: i for i, prompt in enumerate(unique)}
        rows = torch.tensor([number[p] for p in prompts], device=self._decoder.device)
        pieces, logits, begin = [], [], 0
        while begin < len(unique):
            count = max(1, PREFILL_TOKENS // len(unique[-1]))
            first, *piece = self._decoder.prefill(unique[begin : begin + count])
            logits.append(first)
            pieces.append(piece)
            begin += count
        with torch.inference_mode():
            return torch.cat(logits)[rows], self._decoder.cache(pieces, rows, COLUMNS)

    @torch.inference_mode()
    def _hf(self, jobs, temperature, top_p, max_new_tokens, seed):
        """Tokens of each job from `model.generate`; jobs whose prompt fills the context get none."""
        live = [job for job in jobs if self._room(job, max_new_tokens) > 0]
        if not live:
            return [([], [])] * len(jobs)
        width = max(len(job.prompt) for job in live)
        pad = self.tokenizer.pad_token_id
        padded = [[pad] * (width - len(j.prompt)) + list(j.prompt) for j in live]
        mask = [[0] * (width - len(j.prompt)) + [1] * len(j.prompt) for j in live]
        how = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        if temperature > 0:
            how = {"do_sample": True, "temperature": temperature, "top_p": top_p, "top_k": 0}
        training = self.model.training
        self.model.eval()
        with _seeded(self.device, (seed, *_key(live[0]))):
            out = self.model.generate(
                torch.tensor(padded, device=self.device),
                attention_mask=torch.tensor(mask, device=self.device),
                max_new_tokens=min(max_new_tokens, self.context - width),
                eos_token_id=sorted(self.ends),
                pad_token_id=pad,
                **how,
            )
        self.model.train(training)
        tokens = iter(out[:, width:].tolist())
        return [(next(tokens) if self._room(job, max_new_tokens) > 0 else [], []) for job in jobs]


@dataclass(frozen=True)
class _Job:
    prompt: tuple[int, ...]
    number: int  # among this prompt's samples
    place: tuple[int, int]  # where the caller wants it


def encode(tokenizer, message: str) -> tuple[int, ...]:
    """Token ids of a user message in the chat template, up to where the assistant answers; of a tokenizer
    without a template those of the bare message, its own start token before it and a new line after."""
    if not tokenizer.chat_template:
        return tuple(tokenizer(message + "\n", verbose=False)["input_ids"])
    turns = [{"role": "user", "content": message}]
    text = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    return tuple(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def end_tokens(model, tokenizer) -> frozenset[int]:
    """Every token that ends a completion: the tokenizer's and those of the model's generation settings."""
    declared = getattr(model.generation_config, "eos_token_id", None)
    declared = declared if isinstance(declared, list) else [declared]
    return frozenset(token for token in (tokenizer.eos_token_id, *declared) if token is not None)


def _key(job: _Job) -> tuple[int, int]:
    return zlib.crc32(np.asarray(job.prompt, np.int64).tobytes()), job.number


def _uniforms(jobs: list[_Job], seed: int, length: int) -> torch.Tensor:
    """Uniform numbers [jobs, length], each row from its own stream."""
    rows = [np.random.default_rng((seed, *_key(job))).random(length, dtype=np.float32) for job in jobs]
    return torch.from_numpy(np.stack(rows))


@contextlib.contextmanager
def _seeded(device: torch.device, key: tuple[int, ...]):
    """Torch's global generators seeded inside, as they were outside."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))
        yield
