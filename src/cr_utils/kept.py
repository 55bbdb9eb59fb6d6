"""What is kept of a run without its texts: facts per problem, per chain and per answer, enough for every
table and figure.

`X.facts.jsonl.gz` stands in for a stage's `X.jsonl` in results/reference. No text of a program, a chain or an
answer is in it: only numbers about them, and the names of constraints.
"""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path

from cr_utils import constructs, frames, steps
from cr_utils.answer_tables import repeats
from cr_utils.errors import UserError

VERDICT = ("model", "arm", "benchmark", "question_id", "task", "verdict", "parity", "kind", "detail",
           "sample", "tokens", "truncated", "first_wrong_step", "departure", "steps", "steps_needed", "style",
           "reached", "failed_at", "repeats")


def problem(row: dict) -> dict:
    """A problem without its text: what figures and tables ask of it.

    Constructs only where models are asked.
    """
    facts = {key: row.get(key) for key in ("id", "split", "source", "constraint", "difficulty")}
    facts |= {"lines": frames.lines(row["code"]), "output_type": frames.type_name(row["output"])}
    return facts | ({"program": constructs.of_program(row["code"], row["output"])}
                    if row["split"].startswith("heldout") else {})


def chain(row: dict) -> dict:
    """A chain without its text."""
    return {"task": row["task"], "verdict": row["verdict"], "steps": row.get("steps"),
            "tokens": row.get("tokens"), "characters": len(row["completion"])}


def items(rows: list[dict], problems: list[dict]) -> list[dict]:
    """Answers without their texts: verdicts, where their steps first went wrong, whether they loop."""
    told = steps.annotate(rows, problems) if problems else rows
    looped = [{**row, "repeats": repeats(row["completion"])} if "task" in row
              and row.get("completion") is not None
              else row for row in told]
    return [{key: row[key] for key in VERDICT if key in row} for row in looped]


FACTS = {"problems.jsonl": problem, "chains.jsonl": chain}


def beside(path: Path) -> Path:
    """Where the facts of a file of records lie."""
    return path.with_name(path.name.replace(".jsonl", ".facts.jsonl.gz"))


def at_hand(folder: Path, name: str) -> str | None:
    """What lies in a folder of a record: the file of that name, else the facts kept of it, else None."""
    return next((one for one in (name, beside(Path(name)).as_posix()) if (folder / one).is_file()), None)


def write(path: Path, rows: Iterable[dict]) -> None:
    """Write rows, compressed; the same bytes for the same rows."""
    text = "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def read(path: Path) -> list[dict]:
    """The rows that `write` wrote. Raises UserError on a damaged file."""
    try:
        return [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
    except (OSError, EOFError, ValueError) as error:
        fault = type(error).__name__
        raise UserError(f"{path} is damaged ({fault}): restore it from the repository") from None
