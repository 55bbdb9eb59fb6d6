"""Copies of one small model in processes of their own, a core each, that share out what is asked.

Scope: greedy answers of a small model on a CPU. The steps of a small decoder are too short for several cores
to share one: two processes with a core each answer about twice as fast as one with both. Who answers a
question, and beside which others, depends on the questions alone and not on the number of cores, so that a
resumed run gives the answers of an undisturbed one. Not for sampling (numbers among equal prompts are counted
in one process), adapters, 4-bit weights or a GPU.
"""

from __future__ import annotations

import signal
import weakref
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

from . import models, responders, workers
from .evaluate import Reply
from .lanes import processors
from .questions import Question

SHARES = 4  # of one call's questions, answered apart
LEAST = 128  # questions in one call that are worth the start of processes
LARGEST = 256 << 20  # bytes of weights

_ask: Callable[..., list[Reply]] | None = None  # of a worker process


class Replicas:
    """`respond(questions, number=0) -> replies` of the model `spec`; how: what `responders.load` takes.

    Processes are started at the first call that is worth them, at most one for each core, and end with this
    object; fewer questions are answered in this process. `chunk` questions at once fill the batches of all.
    """

    def __init__(self, spec: str, **how: object):
        self.spec, self.how = str(spec), how
        self.chunk = SHARES * int(how.get("batch_size") or LEAST)
        self._here: Callable[..., list[Reply]] | None = None
        self._pool: Executor | None = None

    def __call__(self, questions: list[Question], number: int = 0) -> list[Reply]:
        if len(questions) < LEAST:
            self._here = self._here or responders.load(self.spec, **self.how)
            return self._here(questions, number)
        # Alternately, so that every share has short and long prompts.
        shares = [questions[first::SHARES] for first in range(SHARES)]
        asked = [self._started().submit(_answer, share, number) for share in shares]
        replies: list[Reply] = [None] * len(questions)
        for first, one in enumerate(asked):
            replies[first::SHARES] = one.result()
        return replies

    def _started(self) -> Executor:
        if self._pool is None:
            self._pool = workers.executor(min(SHARES, processors()), _start, self.spec, self.how)
            weakref.finalize(self, self._pool.shutdown, wait=False, cancel_futures=True)
        return self._pool


def suit(spec: str, how: dict) -> bool:
    """Whether `Replicas` can stand for `responders.load(spec, **how)`."""
    if how.get("temperature") or set(how) - {"max_new_tokens", "batch_size", "temperature", "seed"}:
        return False
    folder = Path(models.locate(str(spec)))
    if models.device("auto").type != "cpu" or not folder.is_dir() or models.is_adapter(folder):
        return False
    return sum(file.stat().st_size for file in folder.glob("*.safetensors")) in range(1, LARGEST)


def _start(spec: str, how: dict) -> None:
    """In a new process: read the model, for one core."""
    global _ask
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for who asked: this process ends with that one
    import torch

    torch.set_num_threads(1)
    _ask = responders.load(spec, **how)


def _answer(questions: list[Question], number: int) -> list[Reply]:
    return _ask(questions, number)
