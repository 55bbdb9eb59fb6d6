"""The programs that the page lets a reader browse: which they are, and all that is known of each, as plain
data.

Chosen by a rule that knows nothing of how they look: in every benchmark of ours and task, patterns of
verdicts take turns, and within a pattern the first question by id is next. Only programs of our own generator
are traced and narrated here, and no benchmark text is ever shown. The choice is kept as
results/<profile>/samples.jsonl, so that the page can be made again where the problems themselves were left
out.
"""

from collections.abc import Iterable
from itertools import zip_longest

from cr_utils import jsonl, questions, teacher, trace
from cr_utils.results import Results
from cr_utils.wording import TooLong, Unsupported

FILE = "samples.jsonl"
BENCHMARKS = ("heldout", "heldout_ood")
EACH = {"output": 36, "input": 18}
OTHERS = 12  # questions of every other task
STEPS = 120  # steps of a run at most
ANSWER = {"answer": "answer", "kind": "kind", "detail": "detail", "tokens": "tokens", "text": "completion",
          "first_wrong": "first_wrong_step", "departure": "departure"}


def choose(items: Iterable[dict], known: Iterable[str]) -> list[dict[str, dict]]:
    """model -> item of every chosen question, in the order of benchmarks, tasks and turns.

    items: evaluation items. known: ids of the problems that can be shown. The first answer to each question
    counts.
    """
    known, groups = set(known), {}
    for item in items:
        if item["benchmark"] in BENCHMARKS and item["question_id"].split("/")[0] in known:
            place = groups.setdefault((BENCHMARKS.index(item["benchmark"]), item["task"]), {})
            place.setdefault(item["question_id"], {}).setdefault(item["model"], item)
    chosen = []
    for (_, task), found in sorted(groups.items(),
                                   key=lambda one: (one[0][0], questions.TASKS.index(one[0][1]))):
        chosen += _in_turns(found, EACH.get(task, OTHERS))
    return chosen


def _in_turns(found: dict[str, dict[str, dict]], most: int) -> list[dict[str, dict]]:
    """At most `most` questions, the patterns of verdicts taking turns."""
    patterns: dict[tuple, list] = {}
    for question in sorted(found):
        answers = found[question]
        pattern = tuple(sorted((m, bool(i["verdict"])) for m, i in answers.items()))
        patterns.setdefault(pattern, []).append(answers)
    turns = zip_longest(*(patterns[key] for key in sorted(patterns)))
    return [answers for turn in turns for answers in turn if answers is not None][:most]


def walk(problem: dict, most: int = STEPS) -> list[dict]:
    """The run as rows {"line", "frame", "set": {name: value text}}, line 0 being a call; empty for a foreign
    program.

    A name that is gone is set to None; a value without a literal is its type's name in angle brackets.
    """
    if problem.get("source") != "grammar":
        return []
    found = trace.trace_call(problem["code"], problem["entry_point"], problem["input"])
    steps = [{"line": event.line, "frame": event.frame,
              "set": {name: None if change is None else change[1] if change[1] is not None
                      else f"<{change[0]}>"
                      for name, change in event.changes.items()}}
             for event in found.events if event.line >= 0]
    return steps[:most]


def exhibit(problem: dict, answers: dict[str, dict]) -> dict:
    """One question with its program, run, right answers, the interpreter's chain and every model's answer."""
    first = next(iter(answers.values()))
    _, task, *place = first["question_id"].split("/")
    place = [int(place[0]), *place[1:]] if place else []
    ours = problem.get("source") == "grammar"
    run = trace.trace_call(problem["code"], problem["entry_point"],
                           problem["input"]) if ours and place else None
    asked = questions.at(problem, task, run, *place) if ours or not place else None
    return {"id": first["question_id"], "benchmark": first["benchmark"], "task": task,
            "code": problem["code"],
            "query": questions.query(task, problem, *place),
            "call": f"{problem['entry_point']}({problem['input']})",
            "output": problem["output"], "truth": list(asked.truth) if asked else [],
            "line": place[0] if place else None, "constraint": problem.get("constraint"),
            "steps": walk(problem), "chain": _narrated(asked) if ours else None,
            "answers": {model: {"right": bool(item["verdict"]), **{k: item.get(v) for k, v in ANSWER.items()}}
                        for model, item in answers.items()}}


def _narrated(asked: questions.Question) -> str | None:
    """The interpreter's chain; None where it has no words for the run."""
    try:
        return teacher.narrate(asked)
    except (Unsupported, TooLong):
        return None


def collect(results: Results) -> list[dict]:
    """What there is to browse: from the problems and answers, or as an earlier report kept it."""
    if "05_eval" not in results.manifests:
        return []
    known = results.texts
    kept = results.folder / FILE
    if not known and kept.is_file():
        return jsonl.read(kept)
    return [exhibit(known[next(iter(answers.values()))["question_id"].split("/")[0]], answers)
            for answers in choose(results.items, known)]
