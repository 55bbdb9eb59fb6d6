"""Worker processes that make data ahead of its use, in order.

Scope: starting processes of bounded memory, and taking their results in the order of the jobs, so that what
is made does not depend on how many there are. Workers are started afresh (spawned), never forked from a
process that holds threads or a GPU.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor

from . import machine


class Here(Executor):
    """An executor that works in this process, at once: for tests and for machines without processes."""

    def submit(self, function: Callable, /, *args, **kwargs) -> Future:
        """A future that is done already."""
        future: Future = Future()
        future.set_result(function(*args, **kwargs))
        return future


def executor(workers: int, start: Callable[..., None] | None = None, *given: object) -> Executor:
    """`workers` processes of bounded memory; 0 for this process. To be used as a context manager.

    start: what each process does first, after `prepare`: it is called with what is `given`.
    """
    if not workers:
        return Here()
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=prepare, initargs=(start, *given))


def prepare(start: Callable[..., None] | None = None, *given: object) -> None:
    """What a worker does first: bound its memory, and see to it that it does not outlive who asked for it."""
    machine.limit_memory()
    machine.end_with_parent()
    if start:
        start(*given)


def in_order(pool: Executor, function: Callable, jobs: Iterable[tuple], ahead: int) -> Iterator:
    """The results of function(*job) for each job, in order; at most `ahead` jobs are under way at a time.

    `jobs` may be endless. Closing the iterator cancels what has not begun. Raises what the function raises.
    """
    waiting: deque[Future] = deque()
    jobs = iter(jobs)
    try:
        while True:
            while len(waiting) < max(1, ahead) and (job := next(jobs, None)) is not None:
                waiting.append(pool.submit(function, *job))
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
