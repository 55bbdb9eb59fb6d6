"""What a pre-training reads: documents made by worker processes, in batches, ahead of the device.

Scope: the order of the documents, their phases, the thread that packs (or pads) them, and where in the stream
a training stands. Batches depend on the settings alone: not on the number of workers, on how far ahead they
are, or on how often the training was stopped. `waited` tells how long the training waited for its data.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from cr_utils import base, packing, workers
from cr_utils.packing import Batch, Document

CHUNK = 512  # documents that a worker makes at a time
AHEAD = 16  # steps that lie ready
STREAM = {"wide": "wide", "most_steps": "most_steps"}  # settings that the documents depend on, beside the mix

Encoded = tuple[np.ndarray, np.ndarray, np.ndarray]  # ids and weights of documents in a row, their lengths


@dataclass
class Passed:
    """Where in the stream a training stands, between two pools."""

    phase: int = 0
    next_doc: int = 0
    carry: list[Document] = field(default_factory=list)

    def state(self) -> dict:
        """Tensors and numbers for a checkpoint."""
        ids, weights, lengths = (torch.from_numpy(one) for one in flat(self.carry))
        found = {"ids": ids, "weights": weights, "lengths": lengths}
        return {"phase": self.phase, "next_doc": self.next_doc} | found

    @classmethod
    def of(cls, state: dict) -> Passed:
        """What `state` gave."""
        parts = (state[name].cpu().numpy() for name in ("ids", "weights", "lengths"))
        return cls(state["phase"], state["next_doc"], documents(*parts))


def flat(docs: list[Document]) -> Encoded:
    """Documents as three arrays, which a process hands on quickly: ids int32, weights float32, lengths
    int32."""
    ids = [np.zeros(0, np.int32), *(np.asarray(one, np.int32) for one, _ in docs)]
    weights = [np.zeros(0, np.float32), *(np.asarray(one, np.float32) for _, one in docs)]
    lengths = np.array([len(one) for one, _ in docs], np.int32)
    return np.concatenate(ids), np.concatenate(weights), lengths


def documents(ids: np.ndarray, weights: np.ndarray, lengths: np.ndarray) -> list[Document]:
    """The documents of three such arrays."""
    cuts = np.cumsum(lengths)[:-1]
    return list(zip(np.split(ids, cuts), np.split(weights, cuts), strict=True)) if len(lengths) else []


def made(seed: int, start: int, stream: dict, context: int, n: int) -> Encoded:
    """`n` documents from number `start`, encoded. Runs in a worker process."""
    return flat(base.encoded_pool(seed, start, stream, context, n))


class Feed:
    """The batches of a pre-training (`pretrain.Pretraining`), from where it stands. A context manager."""

    def __init__(self, run, pool: int, executor=None):
        self.run, self.params, self.size = run, run.params, pool
        self.own, self.waited = executor is None, 0.0
        self.executor = executor or workers.executor(self.params["workers"])
        self.packs = run.attention != "padded rows"
        self._begin(run.passed)

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *_) -> None:
        self._end()
        if self.own:
            self.executor.shutdown(wait=True, cancel_futures=True)

    def pool(self) -> Iterator[list[Batch]]:
        """The steps of the next pool, each the batches of one update; then the run's `passed` is moved on."""
        phase = int(self.run.tokens >= (1 - self.params["late"]) * self.params["tokens"])
        if phase != self.phase:
            self._end()
            self._begin(Passed(phase))
        while True:
            began = time.perf_counter()
            found = self.ready.get()
            self.waited += time.perf_counter() - began
            if isinstance(found, Exception):
                raise found
            if isinstance(found, Passed):
                self.run.passed = found
                return
            yield found

    def _begin(self, passed: Passed) -> None:
        self.phase, self.stop, self.ready = passed.phase, threading.Event(), queue.Queue(AHEAD)
        self.thread = threading.Thread(target=self._work, args=(passed, self.ready, self.stop), daemon=True)
        self.thread.start()

    def _end(self) -> None:
        self.stop.set()
        while self.thread.is_alive():
            with contextlib.suppress(queue.Empty):
                self.ready.get(timeout=0.05)
        self.thread.join()

    def _work(self, passed: Passed, ready: queue.Queue, stop: threading.Event) -> None:
        try:
            for one in self._steps(passed):
                ready.put(one)
                if stop.is_set():
                    return
        except Exception as error:  # raised again where the training reads
            ready.put(error)

    def _steps(self, passed: Passed) -> Iterator[list[Batch] | Passed]:
        """Steps and, after each pool, where the stream then stands."""
        params, carry = self.params, passed.carry
        with contextlib.closing(self._pools(passed)) as pools:
            for next_doc, docs in pools:
                for turn in range(params["repeats"]):
                    key = f"{params['seed']}:{passed.phase}:{next_doc}:{turn}"
                    batches, carry = self._batches(docs, carry, key)
                    group = params["batch_tokens"] // params["micro_tokens"]
                    for begin in range(0, len(batches), group):
                        step = batches[begin:begin + group]
                        yield [one.pinned() for one in step] if self.run.device.type == "cuda" else step
                yield Passed(passed.phase, next_doc, carry)

    def _pools(self, passed: Passed) -> Iterator[tuple[int, list[Document]]]:
        """(number of the document after it, documents) of each pool, endlessly."""
        params, chunk = self.params, min(CHUNK, self.size)
        stream = {name: params[key] for name, key in STREAM.items()}
        stream["mix"] = params["late_mix"] if passed.phase else params["mix"]
        seed, chunks = 2 * params["seed"] + passed.phase, -(-self.size // chunk)
        jobs = ((seed, number, stream, params["context"], chunk)
                for number in itertools.count(passed.next_doc, chunk))
        ahead = 3 * max(1, params["workers"])
        with contextlib.closing(workers.in_order(self.executor, made, jobs, ahead)) as results:
            for number in itertools.count(passed.next_doc + chunks * chunk, chunks * chunk):
                yield number, [doc for _ in range(chunks) for doc in documents(*next(results))]

    def _batches(self, docs: list[Document], carry: list[Document], key: str
                 ) -> tuple[list[Batch], list[Document]]:
        """The batches of a pool's documents, and those documents that wait for the next pool."""
        params = self.params
        if not self.packs:
            found = base.batches(docs, params["micro_tokens"], random.Random(key))
            return [packing.padded(ids, weights, (weights > 0).sum(1).tolist()) for ids, weights in found], []
        packer = packing.Packer(params["micro_tokens"] // params["context"], params["context"], carry,
                                params["batch_tokens"] // params["micro_tokens"])
        return packer.feed(docs, key), packer.carry
