"""Where a chain of reasoning goes wrong: a model's steps against the interpreter's, line by line.

Only for the task `output`, whose right chains are known: the interpreter teacher's narrations of the same
run, one in each style that its first line allows (forms); a chain is compared with the one that it follows
longest. A right answer may follow from wrong steps, and this sees it; a chain that is right in other words
counts as wrong at its first different line. A monologue has words of its own and is compared with nothing.
Runs our own generated programs in this process; never a benchmark's.
"""

from cr_utils import departures, forms, operations, questions, teacher
from cr_utils.departures import Departure, departure
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
    `steps_needed`, and the `style` (schema.STYLES) that the chain follows longest; all None where the run
    has no narration to compare with, or the chain is a monologue. Chains that state every operation also get
    `reached` and `failed_at` (what `operations.tally` gives).
    """
    known = {row["id"]: row for row in problems if row.get("source") == "grammar"}
    references: dict[tuple[str, str], str | None] = {}
    return [{**item, **_annotated(item, known, references)} if _has_steps(item, known) else item
            for item in items]


def _annotated(item: dict, known: dict, references: dict) -> dict:
    problem = known[item["question_id"].split("/")[0]]
    found, style = _compared(item["completion"], problem, references)
    step, kind, given, needed = found or (None, None, None, None)
    facts = {"first_wrong_step": step, "departure": kind, "steps": given, "steps_needed": needed,
             "style": style}
    if style == "facts":
        reached, failed = operations.tally(item["completion"], references[problem["id"], style])
        facts |= {"reached": reached, "failed_at": failed}
    return facts


def _has_steps(item: dict, known: dict) -> bool:
    return (item["task"] == "output" and "first_wrong_step" not in item
            and "<reasoning>" in (item.get("completion") or "")
            and item["question_id"].split("/")[0] in known)


def _compared(completion: str, problem: dict, references: dict) -> tuple[Departure | None, str | None]:
    """Where a chain leaves the run, in the style that it follows longest; (None, None): not comparable."""
    styles = forms.candidates(departures.lines(completion) or [])
    right = {style: reference for style in styles if (reference := _reference(problem, style, references))}
    found = [(departure(completion, reference, problem["code"], style), style)
             for style, reference in right.items()]
    # A chain without any departure holds for ever; of equals the first style counts.
    return max((one for one in found if one[0]), key=lambda one: (one[0].step is None, one[0].step or 0),
               default=(None, None))


def _reference(problem: dict, style: str, references: dict) -> str | None:
    """The right chain of a problem in a style; None where the interpreter has no words for its run."""
    key = problem["id"], style
    if key not in references:
        try:
            references[key] = teacher.narrate(questions.build(problem, "output"), style=style)
        except (Unsupported, TooLong):
            references[key] = None
    return references[key]
