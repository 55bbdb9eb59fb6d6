"""From records to tidy frames: one row per thing, one column per fact, ready for a table, a figure or a
browser.

Covers problems, shapes of benchmark programs, chains, training logs, evaluation outcomes. Runs nothing; a
benchmark's trace length is known only where it was recorded. Unknown facts are missing values, not zeros.
"""

import ast

import pandas as pd

STEP_BINS = (("1-5", 5), ("6-10", 10), ("11-20", 20), ("21-40", 40), ("over 40", float("inf")))
PROBLEMS = ["id", "split", "source", "type", "method", "setting", "depth", "lines", "steps", "bin",
            "output_type"]
SHAPES = ["source", "lines", "steps", "output_type"]


def problems(rows: list[dict]) -> pd.DataFrame:
    """One row per problem: id, split, source, constraint, lines, trace steps and their bin, output type."""
    made = [{"id": row["id"], "split": row["split"], "source": row["source"],
             "type": _constraint(row, "type"), "method": _constraint(row, "method"),
             "setting": setting(row.get("constraint")), "depth": _constraint(row, "depth"),
             "lines": row["lines"] if "lines" in row else lines(row["code"]),
             "steps": row.get("difficulty"), "bin": step_bin(row.get("difficulty")),
             "output_type": row.get("output_type") or type_name(row["output"])} for row in rows]
    return pd.DataFrame(made, columns=PROBLEMS)


def _constraint(row: dict, key: str):
    return (row.get("constraint") or {}).get(key)


def setting(constraint: dict | None) -> str | None:
    """A cell's setting in words: nested, methods, control 1-3, helper; None without a constraint."""
    if not constraint:
        return None
    name = constraint["setting"]
    return f"{name} {constraint['depth']}" if name == "control" else name


def step_bin(steps: int | None) -> str | None:
    """The bin of a trace length."""
    return None if steps is None else next(name for name, most in STEP_BINS if steps <= most)


def lines(code: str) -> int:
    """Lines of a program that are not blank."""
    return sum(bool(line.strip()) for line in code.splitlines())


def type_name(text: str) -> str:
    """The type of a literal's text; "other" for what is no plain literal."""
    try:
        return type(ast.literal_eval(text)).__name__ if text != "set()" else "set"
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return "other"


def shapes(frame: pd.DataFrame, extra: list[dict] | None = None) -> pd.DataFrame:
    """What `figures.distributions` draws: source (split or benchmark), lines, steps, output_type.

    frame: from `problems`. extra: rows of the same keys about benchmark programs, as `shape` makes them.
    """
    ours = frame[frame["split"].isin(["train", "heldout", "heldout_ood"])]
    ours = ours.assign(source=ours["split"])[SHAPES]
    return pd.concat([ours, pd.DataFrame(extra, columns=SHAPES)], ignore_index=True) if extra else ours


def shape(source: str, code: str, output: str, steps: int | None = None) -> dict:
    """Numbers about one program, without its text: what may be recorded of a benchmark."""
    return {"source": source, "lines": lines(code), "steps": steps, "output_type": type_name(output)}


def chains(rows: list[dict]) -> pd.DataFrame:
    """One row per accepted chain: task, characters, tokens where recorded, trace steps."""
    made = [{"task": row["task"], "tokens": row.get("tokens"),
             "characters": row["characters"] if "characters" in row else len(row["completion"]),
             "steps": row.get("steps")} for row in rows if row["verdict"]]
    return pd.DataFrame(made, columns=["task", "characters", "tokens", "steps"])


def log(rows: list[dict]) -> pd.DataFrame:
    """A training log, one row per step: its metrics and, where there was one, the validation accuracy."""
    if not rows:
        return pd.DataFrame(columns=["step"])
    merged: dict[int, dict] = {}
    for row in rows:
        merged.setdefault(row["step"], {}).update(row)
    return pd.DataFrame([merged[step] for step in sorted(merged)])


def outcomes(items: list[dict], problem_frame: pd.DataFrame | None = None,
             name: str = "model") -> pd.DataFrame:
    """One row per item, with the facts of its problem where it is one of ours."""
    columns = ["benchmark", "question_id", "task", "verdict", "kind", "tokens", "truncated"]
    frame = pd.DataFrame([{"model": item.get(name) or item["model"],
                           **{key: item.get(key) for key in columns}}
                          for item in items], columns=["model", *columns])
    frame["problem_id"] = frame["question_id"].astype(str).str.split("/").str[0]
    if problem_frame is None or problem_frame.empty:
        return frame
    facts = problem_frame.drop(columns=["split", "source"]).rename(columns={"id": "problem_id"})
    return frame.merge(facts, on="problem_id", how="left")
