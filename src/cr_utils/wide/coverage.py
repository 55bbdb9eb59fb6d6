"""How many accepted programs and problems each cell of the wide space has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from cr_utils import constraints

from .space import cells, place, place_of


def core_cells() -> list:
    """The cells of the core space that a training program may have."""
    core = constraints.space()
    return [cell for cell in core.cells()
            if cell.operation.key not in core.ood and cell.depth < constraints.MAX_DEPTH]


def of_core(problems: Iterable[dict]) -> bool:
    """Whether problems are of the core grammar: more of them lie in its space than in the wide one."""
    core, wide = ({place(cell) for cell in some} for some in (constraints.space().cells(), cells()))
    places = [place_of(problem) for problem in problems]
    return sum(one in core for one in places) > sum(one in wide for one in places)


def table(problems: Iterable[dict], space: list | None = None) -> list[dict]:
    """A row per cell of training: type, method, setting, depth, programs, problems; the thinnest first.

    space: the cells to count (default: those of the wide space).
    """
    counted, programs = Counter(), {}
    for problem in problems:
        key = place_of(problem)
        counted[key] += 1
        programs.setdefault(key, set()).add(problem["code"])
    rows = []
    for cell in cells() if space is None else space:
        key = place(cell)
        rows.append({**cell.record(), "programs": len(programs.get(key, ())), "problems": counted[key]})
    return sorted(
        rows, key=lambda row: (row["problems"], row["type"], row["method"], row["setting"], row["depth"])
    )


def summary(rows: list[dict]) -> dict:
    """Cells, cells without a program, operations, operations without a program, the median per cell."""
    problems = sorted(row["problems"] for row in rows)
    operations = Counter()
    for row in rows:
        operations[row["type"], row["method"]] += row["programs"]
    return {
        "cells": len(rows),
        "empty_cells": sum(n == 0 for n in problems),
        "operations": len(operations),
        "empty_operations": sum(n == 0 for n in operations.values()),
        "median_problems": problems[len(problems) // 2] if problems else 0,
    }
