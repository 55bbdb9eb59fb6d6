"""Wide problems in any number: to disk as they are made, in constant memory, resumable, in shards.

Scope: one split. Work comes in chunks of programs; a chunk depends on the seed, its number, and the counts by
cell of the chunks LAG and more before it, so the bytes are the same on any number of workers and after any
number of interruptions. Shards share no chunk; a problem that two shards both find is in both (drop repeats
by `id` where they are joined). Repeats within a shard are recognised by a filter of fixed size, which takes a
few new problems in a thousand for repeats.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from cr_utils import jsonl
from cr_utils.candidates import normal_key
from cr_utils.errors import UserError
from cr_utils.fingerprints import fingerprint
from cr_utils.workers import executor, in_order

from . import make
from .again import Again
from .space import place_of

CHUNK = 120  # programs drawn
EVERY, LAG = 8, 16  # chunks from one snapshot of the counts to the next, and before a snapshot is used
BITS = 1 << 27  # of the filter that knows problems again: 16 MiB
HIDDEN = ("print", "key")
_again = Again()


class Known:
    """A Bloom filter of problems' keys: constant memory, no repeat missed."""

    def __init__(self, bits: int = BITS):
        self.bits, self._held = bits, bytearray(bits // 8)

    def add(self, key: str) -> bool:
        """Note a key; False where it was (or seems to have been) noted before."""
        digest, fresh = hashlib.blake2b(key.encode(), digest_size=20).digest(), False
        for at in range(0, 20, 5):
            place = int.from_bytes(digest[at : at + 5], "big") % self.bits
            fresh |= not self._held[place >> 3] >> (place & 7) & 1
            self._held[place >> 3] |= 1 << (place & 7)
        return fresh


def make_chunk(seed: int, split: str, number: int, options: dict, thin: Counter | None) -> list[dict | str]:
    """The outcomes of one chunk, verified by a second run under another hash seed. Runs in a worker."""
    outcomes = [
        outcome
        for i in range(number * CHUNK, (number + 1) * CHUNK)
        for outcome in make.candidates_of(random.Random(f"wide:{seed}:{split}:{i}"), split, options, thin)
    ]
    problems = [one for one in outcomes if not isinstance(one, str)]
    outputs = iter(_again.outputs(problems))
    return [
        one if isinstance(one, str) or next(outputs) == one["output"] else "depends on hash order"
        for one in outcomes
    ]


class Stream:
    """One shard of one split, written to `path` beside its state, `path`.state.json."""

    def __init__(self, path: Path, seed: int, split: str, options: dict, shard: tuple[int, int] = (1, 1)):
        self.path, self.seed, self.split, self.options = Path(path), seed, split, options
        self.number, self.shards = shard
        self.known = Known()
        self.settings = {
            "seed": seed,
            "split": split,
            "options": options,
            "shard": list(shard),
            "chunk": CHUNK,
        }
        self.done, self.written, self.bytes = 0, 0, 0
        self.counts: Counter = Counter()
        self.cells: Counter = Counter()
        self.snapshots: list[tuple[int, Counter]] = [(0, Counter())]

    @property
    def state(self) -> Path:
        """Where the state is kept."""
        return self.path.with_name(self.path.name + ".state.json")

    def resume(self) -> None:
        """Take up what an earlier run left; UserError where it was made with other settings."""
        if not self.path.is_file():
            return
        if not self.state.is_file():
            raise UserError(
                f"{self.path} is there, but not its state {self.state.name}: name another file, or delete it"
            )
        held = jsonl.read_json(self.state)
        if held["settings"] != self.settings:
            raise UserError(f"{self.path} was begun with other settings: name another file, or delete it")
        self.done, self.written, self.bytes = held["done"], held["written"], held["bytes"]
        self.counts, self.cells = Counter(held["counts"]), _cells(held["cells"])
        self.snapshots = [(at, _cells(cells)) for at, cells in held["snapshots"]]
        os.truncate(self.path, self.bytes)
        with self.path.open(encoding="utf-8") as file:
            for line in file:
                problem = jsonl.json.loads(line)
                self.known.add(normal_key(problem, fingerprint(problem["code"])))

    def run(self, n: int, workers: int = 2, on_progress: Callable[[int], object] | None = None) -> int:
        """Write until there are n problems; returns how many there are."""
        if not self.done:
            self.resume()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._save()
        ahead = max(1, min(LAG - 1, 2 * workers))
        with (
            executor(workers) as pool,
            self.path.open("ab") as file,
            contextlib.closing(in_order(pool, make_chunk, self._jobs(), ahead)) as batches,
        ):
            while self.written < n:
                self._take(next(batches), file, n)
                if self.done % EVERY == 0 or self.written >= n:
                    file.flush()
                    self._save()
                if on_progress:
                    on_progress(self.written)
        return self.written

    def _jobs(self) -> Iterator[tuple]:
        number = self.done
        while True:
            yield (
                self.seed,
                self.split,
                number * self.shards + self.number - 1,
                self.options,
                self._thin(number),
            )
            number += 1

    def _thin(self, number: int) -> Counter:
        """The counts by cell that chunk `number` may know."""
        return max((one for one in self.snapshots if one[0] <= max(0, number - LAG)), key=lambda one: one[0])[
            1
        ]

    def _take(self, outcomes: list[dict | str], file, n: int) -> None:
        """Write a chunk; the last one is cut at n, and then counts as not done."""
        whole = True
        for outcome in outcomes:
            if isinstance(outcome, str):
                self.counts[outcome] += 1
            elif self.written >= n:
                whole = False
                break
            elif not self.known.add(outcome["key"]):
                self.counts["duplicate"] += 1
            else:
                line = jsonl.dumps({key: value for key, value in outcome.items() if key not in HIDDEN}) + "\n"
                file.write(line.encode())
                self.bytes += len(line.encode())
                self.written += 1
                self.cells[place_of(outcome)] += 1
        self.done += whole
        if self.done % EVERY == 0 and whole:
            self.snapshots = [*self.snapshots[-LAG // EVERY - 1 :], (self.done, Counter(self.cells))]

    def _save(self) -> None:
        if self.done % EVERY and self.done:
            return  # a finished run: what a longer one adds begins at the last snapshot
        jsonl.write_json(
            self.state,
            {
                "settings": self.settings,
                "done": self.done,
                "written": self.written,
                "bytes": self.bytes,
                "counts": dict(self.counts),
                "cells": _plain(self.cells),
                "snapshots": [[at, _plain(cells)] for at, cells in self.snapshots],
            },
        )


def _plain(cells: Counter) -> dict[str, int]:
    return {"|".join(map(str, cell)): n for cell, n in cells.items()}


def _cells(plain: dict[str, int]) -> Counter:
    return Counter(
        {
            (key, setting, int(depth)): n
            for (key, setting, depth), n in ((cell.split("|"), n) for cell, n in plain.items())
        }
    )
