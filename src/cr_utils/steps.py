"""Where a chain of reasoning goes wrong: a model's steps against the interpreter's, line by line.

Only for the task `output`, whose right chain is one and known: the interpreter teacher's narration of the same
run. A right answer may follow from wrong steps, and this sees it; a chain that is right in other words counts as
wrong at its first different line. Runs our own generated programs in this process; never a benchmark's.
"""

import re

from cr_utils import questions, teacher
from cr_utils.wording import TooLong, Unsupported

REASONING = re.compile(r"<reasoning>(.*?)(?:</reasoning>|<answer>|$)", re.DOTALL)


def lines(completion: str) -> list[str] | None:
    """The steps of a completion, one a line; None where it has no reasoning."""
    found = REASONING.search(completion)
    return [line.strip() for line in found.group(1).splitlines() if line.strip()] if found else None


def first_wrong(completion: str, reference: str) -> int | None:
    """1-based number of the first step that differs from the reference; None where none does or none was given.

    Steps that are missing at the end count as wrong at the first of them, and so do steps beyond the end.
    """
    given, right = lines(completion), lines(reference) or []
    if not given:
        return None
    for number, (mine, its) in enumerate(zip(given, right, strict=False), 1):
        if mine != its:
            return number
    return min(len(given), len(right)) + 1 if len(given) != len(right) else None


def annotate(items: list[dict], problems: list[dict]) -> list[dict]:
    """Items with `first_wrong_step` where they answer `output` about one of our generated programs in steps."""
    known = {row["id"]: row for row in problems if row.get("source") == "grammar"}
    references: dict[str, str] = {}
    return [{**item, "first_wrong_step": _step(item, known, references)} if _has_steps(item, known) else item
            for item in items]


def _has_steps(item: dict, known: dict) -> bool:
    return (item["task"] == "output" and "first_wrong_step" not in item
            and "<reasoning>" in (item.get("completion") or "") and item["question_id"].split("/")[0] in known)


def _step(item: dict, known: dict, references: dict) -> int | None:
    problem = known[item["question_id"].split("/")[0]]
    if problem["id"] not in references:
        try:
            references[problem["id"]] = teacher.narrate(questions.build(problem, "output"))
        except (Unsupported, TooLong):  # the interpreter has no words for this run: nothing to compare with
            references[problem["id"]] = None
    reference = references[problem["id"]]
    return None if reference is None else first_wrong(item["completion"], reference)
