"""Where a chain of reasoning goes wrong: a model's steps against the interpreter's, line by line.

Only for the task `output`, whose right chain is one and known: the interpreter teacher's narration of the same
run. A right answer may follow from wrong steps, and this sees it; a chain that is right in other words counts as
wrong at its first different line. Runs our own generated programs in this process; never a benchmark's.
"""

from cr_utils import questions, teacher
from cr_utils.departures import Departure, departure
from cr_utils.wording import TooLong, Unsupported


def first_wrong(completion: str, reference: str) -> int | None:
    """1-based number of the first step that differs from the reference; None where none does or none was given.

    Steps that are missing at the end count as wrong at the first of them, and so do steps beyond the end.
    """
    found = departure(completion, reference, "")
    return found.step if found else None


def annotate(items: list[dict], problems: list[dict]) -> list[dict]:
    """Items with facts about their steps where they answer `output` about one of our generated programs in steps.

    Added: `first_wrong_step`, its `departure` (kinds of `departures`), the numbers of `steps` given and
    `steps_needed`; all None where the run has no narration to compare with.
    """
    known = {row["id"]: row for row in problems if row.get("source") == "grammar"}
    references: dict[str, str] = {}
    return [{**item, **_facts(_compared(item, known, references))} if _has_steps(item, known) else item
            for item in items]


def _facts(found: Departure | None) -> dict:
    step, kind, given, needed = found or (None, None, None, None)
    return {"first_wrong_step": step, "departure": kind, "steps": given, "steps_needed": needed}


def _has_steps(item: dict, known: dict) -> bool:
    return (item["task"] == "output" and "first_wrong_step" not in item
            and "<reasoning>" in (item.get("completion") or "") and item["question_id"].split("/")[0] in known)


def _compared(item: dict, known: dict, references: dict) -> Departure | None:
    problem = known[item["question_id"].split("/")[0]]
    if problem["id"] not in references:
        try:
            references[problem["id"]] = teacher.narrate(questions.build(problem, "output"))
        except (Unsupported, TooLong):  # the interpreter has no words for this run: nothing to compare with
            references[problem["id"]] = None
    reference = references[problem["id"]]
    return None if reference is None else departure(item["completion"], reference, problem["code"])
