"""Teachers that are language models: sampled chains, and chains of the interpreter in a model's words.

Scope: asks, splits a reply into reasoning and answer, has `distill` verify every try by execution, tries
again up to a limit, and takes the shortest of the accepted. Every try is kept, with its verdict, in a log of
its own; prompts and replies in the endpoint's. Needs httpx, never torch.
"""

from __future__ import annotations

import re
from pathlib import Path

from cr_utils import answers, distill, jsonl, origins, rewriting, traced
from cr_utils.endpoint import Endpoint
from cr_utils.origins import Prompt
from cr_utils.questions import Question

CHARACTERS = 4  # a token of the answer limit; longer chains are not trained on
THOUGHT = re.compile(r"^\s*<think>(.*?)</think>", re.DOTALL)
ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)


def named(values: dict, folder: Path, problems: list[dict] = (), sandbox=None) -> distill.Teacher:
    """The teacher of the profile's keys. folder: of the stage, for requests.jsonl and tries.jsonl.

    problems: those that will be asked about (the rewriting teacher traces them). Raises UserError where the
    model is not named or not to be had.
    """
    if values["distill_teacher"] == "interpreter":
        return distill.teacher_named("interpreter", values["seed"], values["distill_styles"])
    model = origins.connect(
        values["distill_model"], "distill_model", values["distill_endpoint"], folder / "requests.jsonl",
        top_p=values["distill_top_p"], max_new_tokens=values["distill_max_new_tokens"],
        temperature=values["distill_temperature"], seed=values["seed"])
    settings = {"tries": values["distill_tries"], "wanted": values["distill_wanted"], "sandbox": sandbox}
    if values["distill_teacher"] == "rewrite":
        return Rewriting(model, folder / "tries.jsonl", problems, seed=values["seed"], **settings)
    return Sampling(model, folder / "tries.jsonl", **settings)


class Sampling:
    """A teacher that samples: a function from questions to completions, as distill.chains takes it.

    tries: samples per question at most; wanted: stop after so many accepted ones, of which the shortest is
    taken. Attribute `tried` says how many tries each question took, `limit` how long a chain may be. Where no
    try is accepted the last one is given, for the judge to reject.
    """

    name = "llm"

    def __init__(self, model: Endpoint, log: Path, tries: int = 4, wanted: int = 1, sandbox=None):
        self.model, self.log, self.tries, self.wanted, self.sandbox = model, log, tries, wanted, sandbox
        self.tried: dict[str, int] = {}
        self.limit = CHARACTERS * model.options["max_tokens"]

    def __call__(self, asked: list[Question]) -> list[str | None]:
        """A completion for each question."""
        good: dict[str, list[str]] = {question.id: [] for question in asked}
        last: dict[str, str | None] = {question.id: None for question in asked}
        prompts = dict(zip(good, self.prompts(asked), strict=True))
        with jsonl.Appender(self.log) as log:
            for number in range(self.tries):
                todo = [q for q in asked if prompts[q.id] is not None and len(good[q.id]) < self.wanted]
                if not todo:
                    break
                replies = self.model([Prompt(prompts[q.id]) for q in todo], number)
                texts = [self.completion(q, reply.text) for q, reply in zip(todo, replies, strict=True)]
                rows = distill.verified(todo, texts, self.name, sandbox=self.sandbox, limit=self.limit)
                for question, row, reply in zip(todo, rows, replies, strict=True):
                    row = self.checked(question, row) if row["verdict"] else row
                    log.add({**row, "id": f"{question.id}#{number}", "question_id": question.id,
                             "tries": number + 1, "tokens": reply.tokens, "truncated": reply.truncated})
                    self.tried[question.id] = number + 1
                    last[question.id] = row["completion"]
                    good[question.id] += [row["completion"]] if row["verdict"] else []
        return [self.best(good[q.id], last[q.id]) for q in asked]

    def prompts(self, asked: list[Question]) -> list[str | None]:
        """What the model is asked for each question; None where it is not."""
        return [question.prompt for question in asked]

    def completion(self, question: Question, reply: str) -> str:
        """A reply in the form that is trained on; as it came where it has no reasoning and answer."""
        return arranged(reply, question)

    def checked(self, question: Question, row: dict) -> dict:
        """The record of an accepted try, with what this teacher finds wrong beyond the answer."""
        return row

    def best(self, good: list[str], last: str | None) -> str | None:
        """The shortest of the accepted tries, else the last try."""
        return min(good, key=len) if good else last


class Rewriting(Sampling):
    """The interpreter's chains in a model's words, each checked against the run.

    What no try rewords faithfully has no chain: a right answer under wrong steps would pass the judge.
    problems: records of those asked about.
    """

    name = "rewrite"

    def __init__(self, model: Endpoint, log: Path, problems: list[dict], seed: int = 0, **settings):
        super().__init__(model, log, **settings)
        self.write = distill.interpreter(seed)
        self.problems = {problem["id"]: problem for problem in problems}
        self.chains: dict[str, str] = {}

    def prompts(self, asked: list[Question]) -> list[str | None]:
        """Requests to reword; None where the interpreter has no chain, or one with a failed try (another
        run).
        """
        for question, chain in zip(asked, self.write(asked), strict=True):
            if chain is not None and ": no match" not in chain:
                self.chains[question.id] = chain
        return [rewriting.prompt(q, self.chains[q.id]) if q.id in self.chains else None for q in asked]

    def checked(self, question: Question, row: dict) -> dict:
        """Rejected where the reasoning does not follow the run."""
        run = traced.of(self.problems[question.problem_id], self.sandbox)
        reasoning = answers.extract(row["completion"]).reasoning or ""
        fault = rewriting.fault(reasoning, self.chains[question.id], run)
        return row if fault is None else {**row, "verdict": False, "kind": fault}

    def best(self, good: list[str], last: str | None) -> str | None:
        """The shortest of the faithful tries, or none."""
        return min(good, key=len) if good else None


def arranged(reply: str, question: Question) -> str:
    """`<reasoning>…</reasoning>`, newline, `<answer>…</answer>` of a reply.

    What a reasoning model thought stands for the reasoning where the reply has none of its own; an answer
    that is a whole assertion, or fenced, is cut down to what was asked for. A reply without one answer stays
    as it is.
    """
    thought = THOUGHT.match(reply)
    said = reply[thought.end():] if thought else reply.rpartition("</think>")[2]
    parsed = answers.extract(said.strip())
    if parsed.answer is None:
        return reply.strip()
    before = ANSWER.split(said)[0].strip()
    reasoning = parsed.reasoning or (thought.group(1) if thought else reply.partition("</think>")[0]
                                     if "</think>" in reply else before)
    reasoning = re.sub(r"</?(?:reasoning|answer|think)>", "", reasoning).strip()
    if not reasoning:
        return reply.strip()
    answer = parsed.answer
    if answer.startswith("assert") and question.task in ("output", "input"):
        sides = answers.split_assert(answer)
        judged = sides and answers.judge_answers([question], [answer])[0].passed
        answer = sides[question.task == "output"] if judged else answer
    return f"<reasoning>\n{reasoning}\n</reasoning>\n<answer>{answer}</answer>"
