"""Makes problems in bulk: candidates in worker processes, then the filters that concern many of them.

Scope: the `grammar` source. Each candidate has its own seeded generator and outcomes are taken in order, so
neither the data nor the counts depend on the number of workers or on the size of a chunk. A problem is
dropped where it repeats another up to names, where its program stands in an earlier split, or where a run in
the sandbox under another hash seed gives another value.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from . import jsonl
from .candidates import REASONS, SPLITS, candidates
from .errors import UserError
from .sandbox import Sandbox
from .wide import make as wide
from .wide.space import place_of
from .workers import executor, in_order

__all__ = ["REASONS", "SPLITS", "funnel", "synthesize"]

CHUNK, SMALL_CHUNK = 400, 40  # programs that a worker makes at a time, at most and at least
LAG = 16  # chunks of the wide grammar that pass before their problems count
PATIENCE = 100_000  # candidates without an accepted problem before giving up
HIDDEN = ("print", "key")  # what candidates carry besides the problem's record


def synthesize(sizes: dict[str, int], options: dict, workers: int = 2,
               on_progress: Callable[[int], object] | None = None, chunk: int = 0,
               keep: Path | None = None) -> tuple[list, list]:
    """Problems for every split and the counts through the filters.

    `sizes` maps split to number of problems; `options` holds seed, constraints, mutation, max_steps, and
    grammar where it is `wide`; `on_progress` is told the number of problems so far. `workers` 0 makes all in
    this process; `chunk` is the number of programs a worker makes at a time (0: by the size of the split).
    `keep` is a file for what is made, from which a run that was killed goes on. Returns (problems, [{"split",
    "step", "n"}]); raises UserError where no acceptable problem turns up.
    """
    problems, rows = [], []
    prints: set[str] = set()
    with executor(workers) as pool, Sandbox(hash_seed=1) as sandbox, Kept(keep) as kept:
        for split in SPLITS:
            filling = Filling(split, sizes[split], prints, functools.partial(same_in, sandbox),
                              reasons_of(options))
            size = chunk or max(SMALL_CHUNK, min(CHUNK, sizes[split] // 4))
            with contextlib.closing(kept.batches(pool, split, options, size, 2 * workers)) as batches:
                while not filling.full:
                    filling.take(next(batches))
                    if on_progress:
                        on_progress(len(problems) + len(filling.problems))
            problems += filling.problems
            prints |= filling.prints
            rows += filling.rows()
    return problems, rows


class Kept:
    """Outcomes of chunks, in a file if there is one; they are made once, however often a run is killed."""

    def __init__(self, path: Path | None):
        self.file = jsonl.Appender(path) if path else None

    def __enter__(self) -> Kept:
        if self.file:
            self.file.__enter__()
            self.found = {row["id"]: row["outcomes"] for row in self.file.rows}
        return self

    def __exit__(self, *_) -> None:
        if self.file:
            self.file.__exit__()

    def batches(self, pool, split: str, options: dict, size: int, ahead: int) -> Iterator[list]:
        """Outcomes of one chunk after another, without end: first those found, then new ones."""
        begin, name = 0, f"{split}:{size}:{options}"
        thin = Thin() if options.get("grammar") == "wide" else None
        while self.file and f"{name}:{begin}" in self.found:
            outcomes = self.found.pop(f"{name}:{begin}")
            if thin:
                thin.note(outcomes)
            yield outcomes
            begin += size
        jobs = ((options["seed"], split, options, start, size, *([thin.known(start // size)] if thin else []))
                for start in itertools.count(begin, size))
        ahead = min(ahead, LAG - 1) if thin else ahead  # what a chunk may know has then been taken
        with contextlib.closing(in_order(pool, make_chunk, jobs, ahead)) as made:
            for start in itertools.count(begin, size):
                outcomes = next(made)
                if self.file:
                    self.file.add({"id": f"{name}:{start}", "outcomes": outcomes})
                if thin:
                    thin.note(outcomes)
                yield outcomes


class Thin:
    """How many problems each cell of the wide space has, as a chunk may know it: up to LAG chunks before it,
    so that what a chunk makes does not depend on how many are under way.
    """

    def __init__(self):
        self.sums: list[Counter] = [Counter()]

    def note(self, outcomes: list[dict | str]) -> None:
        """Count the problems of the next chunk."""
        cells = Counter(place_of(one) for one in outcomes if not isinstance(one, str))
        self.sums.append(self.sums[-1] + cells)

    def known(self, number: int) -> Counter:
        """The counts that chunk `number` may know."""
        return self.sums[max(0, number - LAG)]


class Filling:
    """One split being filled: takes outcomes in order until `size` problems are accepted.

    `taken` holds the fingerprints of other splits; `stable` says of each of a list of problems whether its
    output is the same under another hash seed.
    """

    def __init__(self, split: str, size: int, taken: set[str], stable: Callable[[list[dict]], list[bool]],
                 reasons: tuple[str, ...] = REASONS):
        self.split, self.size, self.taken, self.stable = split, size, taken, stable
        self.reasons = reasons
        self.problems: list[dict] = []
        self.prints: set[str] = set()
        self.counts: Counter = Counter()
        self._keys: set[str] = set()
        self._since = 0

    @property
    def full(self) -> bool:
        """Whether the split has all its problems."""
        return len(self.problems) >= self.size

    def take(self, outcomes: list[dict | str]) -> None:
        """Take a batch: problems, or reasons for rejection.

        What comes after the last one needed is ignored.
        """
        outcomes = [self._checked(outcome) for outcome in outcomes]
        fresh = [outcome for outcome in outcomes if not isinstance(outcome, str)]
        agreed = iter(self.stable(fresh))
        for outcome in outcomes:
            if self.full:
                return
            self.counts["candidates"] += 1
            self._since += 1
            if isinstance(outcome, str):
                self.counts[outcome] += 1
            elif next(agreed):
                self._accept(outcome)
            else:
                self.counts["depends on hash order"] += 1
            if self._since > PATIENCE:
                raise UserError(f"data: no acceptable program for {self.split} in {PATIENCE} candidates:"
                                " raise data_max_steps or ask for fewer problems")

    def _checked(self, outcome: dict | str) -> dict | str:
        """The outcome, or the reason that what came before gives to reject it."""
        if isinstance(outcome, str):
            return outcome
        if outcome["print"] in self.taken:
            return "other split"
        if outcome["key"] in self._keys:
            return "duplicate"
        self._keys.add(outcome["key"])
        return outcome

    def _accept(self, outcome: dict) -> None:
        self.prints.add(outcome["print"])
        self.problems.append({key: value for key, value in outcome.items() if key not in HIDDEN})
        self._since = 0

    def rows(self) -> list[dict]:
        """The counts: candidates, each reason for rejection, accepted."""
        counts = [(step, self.counts[step]) for step in ("candidates", *self.reasons)]
        return [{"split": self.split, "step": step, "n": n}
                for step, n in (*counts, ("accepted", len(self.problems)))]


def make_chunk(seed: int, split: str, options: dict, start: int, chunk: int,
               thin: Counter | None = None) -> list[dict | str]:
    """The outcomes of the programs start .. start + chunk of a split, in order; `thin` counts the problems of
    the wide grammar's cells. Runs in a worker.
    """
    is_wide = options.get("grammar") == "wide"
    make = functools.partial(wide.candidates_of, thin=thin) if is_wide else candidates
    return [outcome for index in range(start, start + chunk)
            for outcome in make(random.Random(f"{seed}:{split}:{index}"), split, options)]


def reasons_of(options: dict) -> tuple[str, ...]:
    """The reasons for rejection that a grammar knows, in the order in which its filters apply."""
    return wide.REASONS if options.get("grammar") == "wide" else REASONS


def same_in(sandbox: Sandbox, problems: list[dict]) -> list[bool]:
    """Whether each problem gives the same output in the sandbox's processes, which have another hash seed."""
    runs = sandbox.map([(p["code"], f"{p['entry_point']}({p['input']})") for p in problems])
    return [run.value_text == p["output"] for run, p in zip(runs, problems, strict=True)]


def funnel(rows: Iterable[dict]) -> list[dict]:
    """Candidates left after each filter, over all splits: [{"step", "n"}].

    Those of other splits are not counted.
    """
    total: Counter = Counter()
    for row in rows:
        total[row["step"]] += row["n"]
    reasons = [step for step in total if step not in ("candidates", "accepted", "other split")] or REASONS[1:]
    left = total["candidates"] - total["other split"]
    steps = [{"step": "candidates", "n": left}]
    for reason in reasons:
        left -= total[reason]
        steps.append({"step": f"not: {reason}", "n": left})
    return steps
