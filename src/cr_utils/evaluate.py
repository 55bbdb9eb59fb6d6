"""Ask a model questions, judge the answers, keep every item: resumable, one JSONL line per answer.

A model reaches this module as a function, `respond(questions) -> list[Reply]`, so that an in-process sampler,
an endpoint or a constant can all be measured alike; one that is to be sampled several times takes the number
of the sample as well. Its attribute `chunk`, if any, says how many questions it wants at once. Judging is the
strict rule of `answers`.
"""

import hashlib
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from cr_utils import answers, jsonl, nearness, reval_questions, score_cruxeval, templates
from cr_utils.errors import UserError
from cr_utils.progress import Progress
from cr_utils.questions import Question

TOO_LONG = "prompt_too_long"
PUBLISHED = ("cruxeval", "livecodebench", "reval")  # items carry the published verdict too, as `parity`


@dataclass(frozen=True)
class Reply:
    """What a model said: text, number of generated tokens, whether it was cut off by the length limit.

    `kind` is None, or the reason why the model was never asked (``prompt_too_long``): counts as wrong.
    """

    text: str
    tokens: int = 0
    truncated: bool = False
    kind: str | None = None


Respond = Callable[..., list[Reply]]


def run(
    model_name: str,
    benchmark: str,
    questions: list[Question],
    respond: Respond,
    path: Path | str,
    sandbox=None,
    chunk: int = 256,
    arm: str | None = None,
    say: bool = True,
    samples: int = 1,
) -> list[dict]:
    """Ask, judge and record; returns one item per question, in the questions' order (then the next sample's).

    `path` is an append-only JSONL keyed by ``model|benchmark|question id``: items that are there already
    are not asked again, and several models and benchmarks can share one file. Questions go to `respond`
    in chunks of `chunk`, shortest prompt first, and a chunk is recorded before the next is asked. Of several
    samples all but the first carry their number in the key and as `sample`. Raises UserError where the file
    holds an item for another prompt under the same key.
    """
    return [
        item
        for number in range(samples)
        for item in _run(model_name, benchmark, questions, respond, path, sandbox, chunk, arm, say, number)
    ]


def _run(
    model_name: str,
    benchmark: str,
    questions: list[Question],
    respond: Respond,
    path: Path | str,
    sandbox,
    chunk: int,
    arm: str | None,
    say: bool,
    number: int,
) -> list[dict]:
    """One sample of every question."""
    chunk = getattr(respond, "chunk", chunk)
    with jsonl.Appender(path, key="key") as file:
        found = {row["key"]: row for row in file.rows}
        keys = [_key(model_name, benchmark, question, number) for question in questions]
        if len(set(keys)) != len(keys):
            raise ValueError(f"{benchmark}: two questions have the same id")
        for key, question in zip(keys, questions, strict=True):
            if key in found and found[key]["prompt_sha"] != _sha(question.prompt):
                raise UserError(f"{path}: {key} was asked with another prompt: delete the file or use force")
        todo = sorted((question for key, question in zip(keys, questions, strict=True) if key not in found),
                      key=lambda question: len(question.prompt))
        with Progress(f"{model_name} on {benchmark}", len(questions), start=len(questions) - len(todo)) \
                if say and todo else _Silent() as progress:
            right = done = 0
            for start in range(0, len(todo), chunk):
                part = todo[start:start + chunk]
                made = [item if arm is None else {**item, "arm": arm}
                        for item in _ask(model_name, benchmark, part, respond, sandbox, number)]
                # Whole chunks only: a model's answers may depend on what stands beside them in a batch, and a
                # run that was killed must ask in the batches that an undisturbed one would.
                file.add_all(made)
                found |= {item["key"]: item for item in made}
                right += sum(item["verdict"] for item in made)
                done += len(part)
                progress.update(len(questions) - len(todo) + done, right=right / done)
    return [found[key] for key in keys]


def adopt(model_name: str, benchmark: str, questions: list[Question], items: list[dict], source: str,
          path: Path | str, arm: str | None = None) -> int:
    """Record the answers that the same model gave earlier, under the name `source` in `items`; returns how
    many.

    Only answers to the very prompts of `questions`, of their first sample; `run` then asks the rest. For a
    model that another stage has asked already: greedy answers are the same but for what stands beside them in
    a batch.
    """
    wanted = {_key(source, benchmark, question, 0): question for question in questions}
    with jsonl.Appender(path, key="key") as file:
        known = {row["key"] for row in file.rows}
        made = [{**item, "key": _key(model_name, benchmark, wanted[item["key"]], 0), "model": model_name,
                 **({"arm": arm} if arm else {})}
                for item in items
                if item["key"] in wanted and item["prompt_sha"] == _sha(wanted[item["key"]].prompt)]
        made = [item for item in made if item["key"] not in known]
        file.add_all(made)
    return len(made)


def accuracy(items: list[dict]) -> dict[tuple[str, str, str], tuple[int, int]]:
    """(model, benchmark, task) -> (right, asked)."""
    asked = Counter((item["model"], item["benchmark"], item["task"]) for item in items)
    right = Counter((item["model"], item["benchmark"], item["task"]) for item in items if item["verdict"])
    return {key: (right[key], n) for key, n in asked.items()}


def trivial(training: list[dict] = ()) -> Respond:
    """A model that always says the same: YES, -1, Nil, and the training problems' commonest output and input.

    Without `training` problems the output is '' and the input empty.
    """
    output = _commonest([one["output"] for one in training], "''")
    arguments = _commonest([one["input"] for one in training], "")

    def respond(questions: list[Question], number: int = 0) -> list[Reply]:
        said = {"output": output, "coverage": "YES", "path": "-1", "state": "Nil"}
        return [Reply("<answer>" + said.get(one.task, f"{one.entry_point}({arguments})") + "</answer>")
                for one in questions]
    return respond


def _ask(model_name: str, benchmark: str, questions: list[Question], respond: Respond, sandbox,
         number: int) -> list[dict]:
    """Items for one chunk of questions."""
    replies = respond(questions, number) if number else respond(questions)
    if len(replies) != len(questions):
        raise ValueError(f"{model_name} gave {len(replies)} replies to {len(questions)} questions")
    # A lone surrogate (an endpoint's cut emoji) could not be written to the file.
    texts = [reply.text.encode("utf-8", "replace").decode() for reply in replies]
    tagged = [templates.tagged(text, question.prompt)
              for text, question in zip(texts, questions, strict=True)]
    judged = answers.judge_many(questions, tagged, [reply.truncated for reply in replies], sandbox)
    if benchmark == "reval":
        judged = _whole_tests(questions, judged, sandbox)
    items = [
        {
            "key": _key(model_name, benchmark, question, number),
            "model": model_name,
            "benchmark": benchmark,
            "question_id": question.id,
            "task": question.task,
            "prompt_sha": _sha(question.prompt),
            "completion": text,
            "answer": verdict.answer,
            "verdict": verdict.passed and not reply.kind,
            "kind": reply.kind or verdict.kind,
            "tokens": reply.tokens,
            "truncated": reply.truncated,
            **({"sample": number} if number else {}),
        }
        for question, reply, text, verdict in zip(questions, replies, texts, judged, strict=True)
    ]
    for item, question in zip(items, questions, strict=True):
        if item["task"] == "output" and item["kind"] == "wrong":
            item["detail"] = nearness.how_wrong(item["answer"], question.truth[0])
    if benchmark in PUBLISHED:
        _add_parity(benchmark, items, questions, sandbox)
    return items


def _whole_tests(questions: list[Question], judged: list[answers.Judged], sandbox) -> list[answers.Judged]:
    """Verdicts in which the asked test, completed, counts by the value in its place, as an assertion does."""
    exam = reval_questions.at_hand()
    found = list(judged)
    for index, (question, verdict) in enumerate(zip(questions, judged, strict=True)):
        value = exam.in_place(question, verdict.answer) if exam and verdict.kind == "format" else None
        if value is not None:
            one, = answers.judge_answers([question], [value], sandbox)
            found[index] = replace(one, answer=verdict.answer)
    return found


def _add_parity(benchmark: str, items: list[dict], questions: list[Question], sandbox) -> None:
    """Add the published verdict to items; they stay without where this machine cannot jail pasted text."""
    texts, said = ([item[key] for item in items] for key in ("answer", "completion"))
    try:
        if benchmark == "reval":
            official = reval_questions.at_hand("require").verdicts(questions, texts, sandbox, said)
        else:
            official = score_cruxeval.single_verdicts(benchmark, questions, texts, sandbox, said)
    except UserError as error:
        print(f"{benchmark}: no published verdicts: {error}", file=sys.stderr)
        return
    for item, verdict in zip(items, official, strict=True):
        item["parity"] = verdict and item["kind"] != TOO_LONG


def _key(model_name: str, benchmark: str, question: Question, number: int) -> str:
    return f"{model_name}|{benchmark}|{question.id}" + (f"|{number}" if number else "")


def _sha(prompt: str) -> str:
    return hashlib.sha256(prompt.encode()).hexdigest()[:12]


def _commonest(texts: list[str], default: str) -> str:
    """The most frequent text; of several equally frequent ones the first in the alphabet."""
    counts = Counter(texts)
    return min(counts, key=lambda text: (-counts[text], text)) if counts else default


class _Silent:
    """A Progress that says nothing."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def update(self, *_, **__):
        pass
