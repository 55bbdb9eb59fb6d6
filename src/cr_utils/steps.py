"""Where a chain of reasoning goes wrong: a model's steps against the interpreter's, line by line.

Only for the task `output`, whose right chains are known: the interpreter teacher's narrations of the same
run, one in each style; a chain is compared with the one that it follows longest. A right answer may follow
from wrong steps, and this sees it; a chain that is right in other words counts as wrong at its first
different line. Runs our own generated programs in this process; never a benchmark's.
"""

from cr_utils import operations, questions, teacher
from cr_utils.departures import Departure, departure
from cr_utils.narrator import STYLES
from cr_utils.wording import TooLong, Unsupported


def first_wrong(completion: str, reference: str) -> int | None:
    """1-based number of the first step that differs from the reference; None where none does.

    Steps that are missing at the end count as wrong at the first of them, and so do steps beyond the end.
    """
    found = departure(completion, reference, "")
    return found.step if found else None


def annotate(items: list[dict], problems: list[dict]) -> list[dict]:
    """Items, with facts about their steps where they answer `output` about one of our own programs.

    Added: `first_wrong_step`, its `departure` (kinds of `departures`), the numbers of `steps` given and
    `steps_needed`, and the `style` (narrator.STYLES) that the chain follows longest; all None where the run
    has no narration to compare with. Chains that state every operation also get `reached` and `failed_at`
    (what `operations.tally` gives).
    """
    known = {row["id"]: row for row in problems if row.get("source") == "grammar"}
    references: dict[str, list[str]] = {}
    return [{**item, **_annotated(item, known, references)} if _has_steps(item, known) else item
            for item in items]


def _annotated(item: dict, known: dict, references: dict[str, list[str]]) -> dict:
    found = _compared(item, known, references)
    return _facts(found, item["completion"], references[item["question_id"].split("/")[0]])


def _facts(found: tuple[Departure | None, str | None], completion: str, references: list[str]) -> dict:
    step, kind, given, needed = found[0] or (None, None, None, None)
    facts = {"first_wrong_step": step, "departure": kind, "steps": given, "steps_needed": needed,
             "style": found[1]}
    if found[1] == "facts":
        reached, failed = operations.tally(completion, references[STYLES.index("facts")])
        facts |= {"reached": reached, "failed_at": failed}
    return facts


def _has_steps(item: dict, known: dict) -> bool:
    return (item["task"] == "output" and "first_wrong_step" not in item
            and "<reasoning>" in (item.get("completion") or "")
            and item["question_id"].split("/")[0] in known)


def _compared(item: dict, known: dict,
              references: dict[str, list[str]]) -> tuple[Departure | None, str | None]:
    problem = known[item["question_id"].split("/")[0]]
    if problem["id"] not in references:
        try:
            references[problem["id"]] = teacher.narrations(questions.build(problem, "output"))
        except (Unsupported, TooLong):  # the interpreter has no words for this run: nothing to compare with
            references[problem["id"]] = []
    found = [(departure(item["completion"], reference, problem["code"]), style)
             for reference, style in zip(references[problem["id"]], STYLES, strict=False)]
    # A chain without any departure holds for ever; of equals the first style counts.
    return max((one for one in found if one[0]), key=lambda one: (one[0].step is None, one[0].step or 0),
               default=(None, None))
