"""Shares of an evaluation: a part of its questions for each machine, and one file of items from all of them.

A share is decided by the program that a question is about, so that all questions about it stay together and
every machine, whatever it knows of the others, takes the same ones.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from cr_utils import jsonl, paths
from cr_utils.errors import UserError
from cr_utils.questions import Question


def part(asked: list[Question], shard: str = "", limit: int = 0) -> list[Question]:
    """The questions of shard "i/n" (i from 1; "" for all), then the first `limit` of each task (0 for
    all).
    """
    kept = [one for one in asked if _mine(one, *shard_of(shard))] if shard else asked
    seen, chosen = Counter(), []
    for one in kept:
        seen[one.task] += 1
        if not limit or seen[one.task] <= limit:
            chosen.append(one)
    return chosen


def merge(rows: Iterable[dict]) -> list[dict]:
    """Items by key, each once, in order of first appearance.

    Raises UserError where one key has two different answers: then two shares overlap, or two runs were mixed.
    """
    merged: dict[str, dict] = {}
    for row in rows:
        if "key" not in row:
            raise UserError("a line without a key is no item of an evaluation")
        other = merged.setdefault(row["key"], row)
        differing = [name for name in ("prompt_sha", "completion") if other.get(name) != row.get(name)]
        if differing:
            raise UserError(
                f"{row['key']} has two different answers ({', '.join(differing)}): merge shares of one run"
            )
    return list(merged.values())


def merge_files(paths: list[str | Path], out: str | Path) -> int:
    """Write the items of several files into one; returns their number. `out` may be one of them."""
    rows = merge(row for path in paths for row in jsonl.read(path))
    jsonl.write(out, rows)
    return len(rows)


def take_in(path: str | Path, others: list[str | Path]) -> int:
    """Add the items of other files to a growing one, as if they had been asked here; returns how many were
    new.

    A relative path is one from the project's root.
    """
    if not others:
        return 0
    here = jsonl.read(path) if Path(path).is_file() else []
    rows = merge([*here, *(row for other in others for row in jsonl.read(paths.root() / other))])
    if len(rows) > len(here):
        jsonl.write(path, rows)
    return len(rows) - len(here)


def shard_of(text: str) -> tuple[int, int]:
    """(i, n) of a share "i/n"; UserError for anything else."""
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise UserError(f"shard {text!r}: write i/n with i from 1 to n, such as 1/4")
    return int(found[1]), int(found[2])


def _mine(question: Question, number: int, shards: int) -> bool:
    digest = hashlib.sha256(question.problem_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") % shards == number - 1
