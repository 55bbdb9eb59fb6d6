"""Accuracy by what a program contains: loops, nesting, constraint, output type, length of code and of the
run.

Facts come from the recorded problems of our own splits and, for real benchmarks, from `programs.jsonl`, which
the evaluation writes: numbers about each program that was asked, never its text.
"""

import ast
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from cr_utils import frames, jsonl, stats
from cr_utils.tables import frame_of, is_first

CONSTRUCTS = ["model", "benchmark", "task", "construct", "group", "n", "correct", "accuracy", "low", "high"]
LEAST = 10  # answers from which a group is shown
LINE_BINS = (("1-5", 5), ("6-10", 10), ("11-20", 20), ("21-40", 40), ("over 40", float("inf")))
_LOOPS = (ast.For, ast.While, ast.AsyncFor)
_BLOCKS = (*_LOOPS, ast.If, ast.With, ast.Try, ast.Match)


def of_program(code: str, output: str) -> dict:
    """Loops, nesting depth of blocks, lines and output type of one program."""
    tree = ast.parse(code)
    loops = [node for node in ast.walk(tree) if isinstance(node, _LOOPS)]
    nested = any(isinstance(inner, _LOOPS) for loop in loops for inner in ast.walk(loop) if inner is not loop)
    kinds = {type(loop).__name__.removeprefix("Async").lower() for loop in loops}
    name = "nested loops" if nested else " and ".join(sorted(kinds)) or "no loop"
    lines = frames.lines(code)
    return {"loops": name, "nesting": min(4, _depth(tree)), "output_type": frames.type_name(output),
            "lines": next(label for label, most in LINE_BINS if lines <= most)}


def of_problems(rows: Iterable[dict]) -> dict[str, dict]:
    """Facts of our own problems, by id: those of the program, its constraint and the length of its run."""
    return {
        row["id"]: {
            **(row.get("program") or of_program(row["code"], row["output"])),
            "steps": frames.step_bin(row.get("difficulty")),
            "setting": frames.setting(row.get("constraint")),
            **{key: (row.get("constraint") or {}).get(key) for key in ("type", "method")},
        }
        for row in rows if "code" in row or "program" in row  # training problems: their facts lack it
    }


def of_questions(sheets: dict[str, list]) -> list[dict]:
    """Rows for `programs.jsonl` about the real benchmarks' programs in sheets: benchmark, problem, facts."""
    rows = {}
    for benchmark, asked in sheets.items():
        for one in asked if not benchmark.startswith("heldout") else ():
            # Imports that a program runs with are not its own; they hold no block and few lines matter.
            rows[benchmark, one.problem_id] = {"benchmark": benchmark, "problem_id": one.problem_id,
                                               **of_program(one.code, one.output or "None")}
            if not one.output:
                rows[benchmark, one.problem_id]["output_type"] = None
    return list(rows.values())


def recorded(path: Path | str) -> list[dict]:
    """The rows of a `programs.jsonl`; none where an earlier version of the stage wrote no such file."""
    return jsonl.read(path) if Path(path).is_file() else []


def table(items: Iterable[dict], problems: Iterable[dict], programs: Iterable[dict] = ()) -> pd.DataFrame:
    """Strict accuracy by construct and group; groups with fewer than ten answers are left out."""
    own = of_problems(problems)
    others = {(row["benchmark"], row["problem_id"]): row for row in programs}
    verdicts = defaultdict(list)
    for item in filter(is_first, items):
        problem = item["question_id"].split("/")[0]
        facts = others.get((item["benchmark"], problem)) or own.get(problem) or {}
        for construct, group in facts.items():
            if group is not None and construct not in ("benchmark", "problem_id"):
                verdicts[item["model"], item["benchmark"], item["task"], construct, str(group)].append(
                    item["verdict"]
                )
    rows = []
    for key, found in sorted(verdicts.items()):
        if len(found) >= LEAST:
            low, high = stats.wilson(sum(found), len(found))
            rows.append(
                dict(
                    zip(
                        CONSTRUCTS,
                        (*key, len(found), sum(found), sum(found) / len(found), low, high),
                        strict=True,
                    )
                )
            )
    return frame_of(rows, CONSTRUCTS)


def _depth(node: ast.AST) -> int:
    """How deep blocks are nested; an elif is no deeper than its if."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        elif_ = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deepest = max(deepest, _depth(child) + (isinstance(child, _BLOCKS) and not elif_))
    return deepest
