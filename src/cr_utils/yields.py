"""How many chains of each kind a teacher got through the verification: by task and by constraint cell.

Scope: counting recorded chains; `tries` counts what was sampled for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


def by_cell(chains: Iterable[dict], problems: Iterable[dict]) -> list[dict]:
    """One row for each task and cell: {"task", "type", "method", "setting", "depth", "asked", "accepted",
    "tries"}.

    chains and problems: records of 02_distill and 01_data; chains of unknown problems count under empty
    cells.
    """
    cells = {one["id"]: one["constraint"] for one in problems}
    unknown = {"type": "", "method": "", "setting": "", "depth": 0}
    found: dict[tuple, Counter] = {}
    for row in chains:
        cell = cells.get(row["problem_id"], unknown)
        key = (row["task"], cell["type"], cell["method"], cell["setting"], cell["depth"])
        found.setdefault(key, Counter()).update(asked=1, accepted=int(row["verdict"]), tries=row["tries"])
    names = ("task", "type", "method", "setting", "depth")
    counted = ("asked", "accepted", "tries")
    return [{**dict(zip(names, key, strict=True)), **{name: n[name] for name in counted}}
            for key, n in sorted(found.items())]


def shares(rows: list[dict], column: str = "type") -> list[dict]:
    """The same summed over all but the task and one column: with "share", accepted of asked."""
    found: dict[tuple, Counter] = {}
    for row in rows:
        found.setdefault((row["task"], row[column]), Counter()).update(
            asked=row["asked"], accepted=row["accepted"], tries=row["tries"])
    return [{"task": task, column: value, **n, "share": n["accepted"] / n["asked"]}
            for (task, value), n in sorted(found.items())]
