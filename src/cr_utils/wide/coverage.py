"""How many accepted programs and problems each cell of the wide space has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from .space import cells, place, place_of


def table(problems: Iterable[dict]) -> list[dict]:
    """A row per cell of training: type, method, setting, depth, programs, problems; the thinnest first."""
    counted, programs = Counter(), {}
    for problem in problems:
        key = place_of(problem)
        counted[key] += 1
        programs.setdefault(key, set()).add(problem["code"])
    rows = []
    for cell in cells():
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
