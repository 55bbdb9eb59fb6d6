"""Turns problems into verified reasoning chains: asks a teacher, judges every try, keeps them all.

Scope: picks which task is asked about which problem, has the teacher write, and has the same code that judges
a model (answers) accept or reject. A teacher is a function from questions to completions; the interpreter
teacher stands ready here, a language model plugs in the same way. Training needs only the accepted chains.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from . import answers, jsonl, narrator, questions, teacher, traced
from .errors import UserError
from .progress import Progress
from .questions import Question
from .schema import STYLES

BATCH = 500
MAX_DRAWS = 20  # for each chain of a plan
FAILED_TRY_SHARE = 0.25
MAX_LINES = 60  # of one walk through a call
MAX_CHAIN_TEXT = 850  # characters; longer chains do not fit a small model's answer
FULL = {STYLES[0]: 1.0}
BRIEF = ("results", "scratchpad", "facts", "numbered", "monologue")  # shortest first, as a rule

Teacher = Callable[[list[Question]], list[str | None]]


def plan(problems: list[dict], mix: dict[str, float], n: int, seed: int) -> list[tuple[dict, str]]:
    """`n` (problem, task) pairs without repetition, tasks in the proportions of `mix`, problems in turn.

    Raises UserError where the problems do not suffice.
    """
    rng = random.Random(f"distill:{seed}")
    tasks = [t for t in mix if mix[t] > 0]
    if n > len(problems) * len(tasks):
        raise UserError(f"{n} chains asked, but only {len(problems)} problems in {len(tasks)} tasks: "
                        "lower distill_items or raise data_train")
    pairs: dict[tuple[str, str], tuple[dict, str]] = {}
    for turn in range(MAX_DRAWS * n):
        problem = problems[turn % len(problems)]
        task = rng.choices(tasks, [mix[t] for t in tasks])[0]
        pairs.setdefault((problem["id"], task), (problem, task))
        if len(pairs) == n:
            break
    for problem, task in itertools.product(problems, tasks):  # what is left of a plan of almost everything
        if len(pairs) < n:
            pairs.setdefault((problem["id"], task), (problem, task))
    return list(pairs.values())


def ask(problem: dict, task: str, seed: int, direct: bool = False) -> Question | None:
    """The question of a task about a problem, with a trace where the task needs one."""
    run = None
    if task in questions.TRACED:
        run = traced.of(problem)
    return questions.build(problem, task, run, direct=direct, seed=seed)


def interpreter(seed: int = 0, direct: bool = False, styles: dict[str, float] | None = None) -> Teacher:
    """The interpreter teacher; None where it cannot evaluate a program. `direct` leaves the reasoning out.

    `styles`: the share of each style of schema.STYLES among the chains (default: all in the first).
    """

    def write(asked: list[Question]) -> list[str | None]:
        return [teacher.direct(q) if direct else _narrate(q, seed, styles or FULL) for q in asked]

    return write


def teacher_named(name: str, seed: int, styles: dict[str, float] | None = None) -> Teacher:
    """The teacher of the parameter `distill_teacher`. Raises UserError for one that is not at hand."""
    if name == "interpreter":
        return interpreter(seed, styles=styles)
    raise UserError(f"distill_teacher {name!r} is a model: open it by llm_teacher.named, or use "
                    "distill_teacher: interpreter")


def _narrate(question: Question, seed: int, styles: dict[str, float]) -> str | None:
    """A chain in a drawn style; where that takes more text than a chain may have, in the shortest style
    that has a share.

    None where the interpreter has no words for the run.
    """
    rng = random.Random(f"tries:{seed}:{question.id}")
    wrong = ()
    if question.task == "input" and rng.random() < FAILED_TRY_SHARE:
        wrong = failing_input(question, rng)
    style, = random.Random(f"style:{seed}:{question.id}").choices(list(styles), list(styles.values()))
    try:
        text = teacher.narrate(question, wrong, MAX_LINES, style, seed)
        shortest = next(one for one in BRIEF if styles.get(one))
        if len(text) > MAX_CHAIN_TEXT and style != shortest:
            text = teacher.narrate(question, wrong, MAX_LINES, shortest, seed)
        return text
    except Exception:  # the program ran for real: whatever goes wrong here is the narrator's limit, no chain
        return None


def failing_input(question: Question, rng: random.Random) -> tuple[str, ...]:
    """Another input of the same shape that gives another value, as () or (argument text,)."""
    for _ in range(4):
        try:
            text = ", ".join(narrator.show(_changed(v, rng)) for v in teacher.arguments(question.input))
            value = teacher.walk(question.code, question.entry_point, text, MAX_LINES)[1]
            if not teacher.agrees(value, question.output):
                return (text,)
        except Exception:  # the changed input may raise anything, or take too long to tell
            continue
    return ()


def _changed(value, rng: random.Random):
    """A small change of a value that keeps its type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + rng.choice((-2, -1, 1, 2))
    if isinstance(value, float):
        return value + rng.choice((-0.5, 0.5))
    if isinstance(value, str):
        return value[1:] + rng.choice("abcde") if rng.random() < 0.5 else value + rng.choice("abc")
    if isinstance(value, dict):
        return {k: v + rng.choice((0, 1)) for k, v in value.items()}
    items = [_changed(v, rng) if rng.random() < 0.5 else v for v in value]
    return type(value)(items)


def chains(pairs: Iterable[tuple[dict, str]], write: Teacher, path: Path, *, teacher_name: str, seed: int = 0,
           direct: bool = False, sandbox=None, label: str = "chains") -> list[dict]:
    """Ask, judge and record one chain per (problem, task); returns all records (see DESIGN: Chain).

    Appends to `path` keyed by question; a rerun asks only what is missing. Questions that cannot be asked
    (no usable line) are left out.
    """
    pairs = list(pairs)
    with jsonl.Appender(path) as out, Progress(label, len(pairs), unit="chains") as progress:
        for start in range(0, len(pairs), BATCH):
            asked = [ask(p, t, seed, direct) for p, t in pairs[start:start + BATCH]]
            asked = [q for q in asked if q is not None and q.id not in out.done]
            texts, tried = write(asked) if asked else [], getattr(write, "tried", {})
            limit = getattr(write, "limit", MAX_CHAIN_TEXT)
            for row in verified(asked, texts, teacher_name, direct, sandbox, limit):
                out.add({**row, "tries": tried.get(row["id"], row["tries"])})
            progress.update(min(start + BATCH, len(pairs)))
        return out.rows


def verified(asked: list[Question], texts: list[str | None], teacher_name: str, direct: bool = False,
             sandbox=None, limit: int = 0) -> list[dict]:
    """The chain records of a teacher's texts, judged as a model's answers are; limit: characters (0:
    usual).
    """
    judged = answers.judge_many(asked, [text or "" for text in texts], sandbox=sandbox)
    return [record(question, text, *_accept(text, verdict, direct, limit), teacher_name)
            for question, text, verdict in zip(asked, texts, judged, strict=True)]


def _accept(text: str | None, verdict: answers.Judged, direct: bool, limit: int = 0) -> tuple[bool, str]:
    """Whether to train on a text, and the kind of verdict; a right answer in another format does not do."""
    if text is None:
        return False, "no_chain"
    if verdict.passed and not answers.extract(text, direct).strict:
        return False, "format"
    if verdict.passed and len(text) > (limit or MAX_CHAIN_TEXT):
        return False, "too_long"
    return verdict.passed, verdict.kind


def record(question: Question, text: str | None, passed: bool, kind: str, teacher_name: str) -> dict:
    """The chain record; what is not accepted is kept too."""
    return {"id": question.id, "problem_id": question.problem_id, "task": question.task,
            "prompt": question.prompt, "completion": text or "", "verdict": passed, "kind": kind,
            "teacher": teacher_name, "tries": 1, "steps": max(0, (text or "").count("\n") - 2)}


def accepted(rows: list[dict]) -> list[dict]:
    """The chains to train on, as {"prompt", "completion"} rows."""
    return [{"prompt": r["prompt"], "completion": r["completion"]} for r in rows if r["verdict"]]


def training_rows(own: Path, files: list[str]) -> list[dict]:
    """The chains to train on: those of `own`, or of other files in their place (`sft_chains`).

    Raises UserError for a file that is not there or holds no accepted chain.
    """
    found = []
    for path in map(Path, files):
        if not path.is_file():
            raise UserError(f"sft_chains: {path} is not there: `python -m cr_utils data chains --out {path}` "
                            "makes a file of released chains")
        rows = jsonl.read(path)
        if not rows or not all({"prompt", "completion", "verdict"} <= row.keys() for row in rows):
            raise UserError(f"sft_chains: {path} holds no chains (prompt, completion, verdict): name another "
                            "file")
        found += accepted(rows)
    if files and not found:
        raise UserError(f"sft_chains: no chain of {', '.join(files)} is accepted: name another file")
    return found if files else accepted(jsonl.read(own))


def counts(rows: list[dict]) -> list[dict]:
    """How many chains of each task met which verdict: [{"task", "kind", "n"}]."""
    table = Counter((r["task"], r["kind"]) for r in rows)
    return [{"task": task, "kind": kind, "n": n} for (task, kind), n in sorted(table.items())]
