"""REval in our own question form: so that a model is asked in the format it was trained on.

Coverage, path and state questions carry the strict truth; output questions ask for the literal in the place
of ``??``, where a test has one such place and its value is a literal. The published verdict on the same
answers comes from `score_reval`. Prompts are the benchmark's program and test with our instructions.
"""

import functools
import random
from pathlib import Path

from cr_utils import benchmarks, extraction, jsonl, literals, reval, reval_output, score_reval
from cr_utils.questions import DIRECT_PROMPTS, PROMPTS, Question, line_text

TRACED = ("coverage", "path", "state")


class Exam:
    """The benchmark with its truth, which is computed once, when it is first needed."""

    def __init__(self, data: list[dict], tasks: list[dict]):
        self.pairs = {pair.key: pair for pair in reval.pairs(data, tasks)}

    def questions(
        self, n: int | None = None, seed: int = 0, direct: bool = False, sandbox=None
    ) -> list[Question]:
        """Questions about `n` places (program, input, line, expression) drawn with `seed`, three tasks each,
        and the output questions of the pairs they belong to. All places (3,152) where `n` is None.

        Pairs whose program cannot run here are left out of the draw.
        """
        sandbox = sandbox or _sandbox()
        many = [
            pair for pair in reval.add_truth(list(self.pairs.values()), sandbox) if pair.truths is not None
        ]
        places = [(pair, at) for pair in many for at in range(len(pair.places))]
        if n is not None and n < len(places):
            places = [
                places[at] for at in sorted(random.Random(f"{seed}/reval").sample(range(len(places)), n))
            ]
        asked = [_traced(task, pair, at, direct) for pair, at in places for task in TRACED]
        chosen = list({pair.key: pair for pair, _ in places}.values())
        asked += [one for pair, value in zip(chosen, _values(chosen, sandbox), strict=True)
                  if (one := _output(pair, value, direct)) is not None]
        return list({one.id: one for one in asked}.values())

    def verdicts(self, asked: list[Question], texts: list[str | None], sandbox=None,
                 completions: list[str] | None = None) -> list[bool]:
        """The published verdicts of one answer per question.

        texts: what stands inside the answer tags, or None; completions: the whole replies, which are judged
        as they are where the benchmark's own prompt was used.
        """
        verdicts = [False] * len(asked)
        whole = completions or [""] * len(asked)
        replies = [_whole(one, said) for one, said in zip(asked, whole, strict=True)]
        for task in score_reval.TASKS:
            chosen = [index for index, one in enumerate(asked) if one.task == task]
            rows = [_row(asked[index], texts[index] or "", self.pairs) if replies[index] is None else
                    _place(asked[index], replies[index]) for index in chosen]
            scored = score_reval.score_pairs(task, self.pairs, rows, sandbox or _sandbox())
            for index, row in zip(chosen, scored, strict=True):
                verdicts[index] = bool(row["passed"])
        return verdicts

    def in_place(self, asked: Question, text: str | None) -> str | None:
        """The literal that a whole completed test puts in the place of ``??``; None for any other answer.

        The rest must be the asked test; lines missing at its beginning are the question's, as published.
        """
        if asked.task != "output" or not text or not _is_test(text):
            return None
        test = self.pairs[tuple(map(int, asked.problem_id.split(".")))].output_pred
        filled = reval_output.holes(test, reval_output.padded(text, test))
        return filled.texts[0] if filled and len(filled.texts) == 1 else None


def at_hand(mode: str = "auto") -> Exam | None:
    """The benchmark where its two files can be had; else None, or UserError in mode "require"."""
    found = [benchmarks.find(name, mode=mode) for name in ("reval", "reval_tasks")]
    return None if None in found else _read(*found)


@functools.lru_cache(maxsize=2)
def _read(data: Path, tasks: Path) -> Exam:
    return Exam(jsonl.read(data), jsonl.read(tasks))


def questions(data: list[dict], tasks: list[dict], n: int | None = None, seed: int = 0, direct: bool = False,
              sandbox=None) -> list[Question]:
    """`Exam.questions` of given rows."""
    return Exam(data, tasks).questions(n, seed, direct, sandbox)


def single_verdicts(asked: list[Question], texts: list[str | None], data: list[dict], tasks: list[dict],
                    sandbox) -> list[bool]:
    """`Exam.verdicts` of given rows."""
    return Exam(data, tasks).verdicts(asked, texts, sandbox)


def _sandbox():
    from cr_utils.answers import shared_sandbox
    return shared_sandbox()


def _traced(task: str, pair: reval.Pair, at: int, direct: bool) -> Question:
    line, var = pair.places[at]
    truth = pair.truths[at]
    code = pair.program["code"]
    accepted = {
        "coverage": ("YES" if truth.strict_covered else "NO",),
        "path": tuple(dict.fromkeys("-1" if following == -1 else line_text(code, following)
                                    for following in truth.strict_next_lines)),
        "state": ("Nil",) if truth.strict_values is None else
        tuple(f"{literals.canonical(one.value)}; {one.type}" for one in truth.strict_values if one.plain),
    }[task]
    where = f"line {line}: {line_text(code, line)}"
    query = f"{_call(pair)}  # {var} after {where}" if task == "state" else f"{_call(pair)}  # {where}"
    name = f"{pair.idx}.{pair.input_idx}/{task}/{line}" + (f"/{var}" if task == "state" else "")
    return _question(pair, task, name, query, accepted, direct, line, var)


def _output(pair: reval.Pair, value: tuple | str | None, direct: bool) -> Question | None:
    if value is None or pair.output_pred.count("??") != 1:
        return None
    query = pair.output_pred.replace("??", "?")
    return _question(pair, "output", f"{pair.idx}.{pair.input_idx}/output", query, value, direct, None, None)


def _question(pair, task, name, query, truth, direct, line, var) -> Question:
    instruction = (DIRECT_PROMPTS if direct else PROMPTS)[task]
    code = pair.program["code"]
    return Question(id=name, task=task, problem_id=f"{pair.idx}.{pair.input_idx}", code=code,
                    entry_point=pair.program["entry_point"],
                    input=_arguments(pair) if task == "output" and pair.test is None else _call(pair),
                    output=truth[0] if task == "output" else "", line=line, var=var, truth=truth,
                    prompt=f"{code.rstrip()}\n\n{query}\n{instruction}")


def _call(pair: reval.Pair) -> str:
    """The call or the test that is run, as a model is to see it."""
    if pair.test is not None:
        return pair.given.strip()
    return f"{pair.program['entry_point']}({_arguments(pair)})"


def _arguments(pair: reval.Pair) -> str:
    """What stands in the brackets of a function's call."""
    return pair.given.strip()[1:-1].rstrip().removesuffix(",")


def _values(pairs: list[reval.Pair], sandbox) -> list[tuple[str] | None]:
    """The literal that belongs in each pair's only hole; None where there is no such literal."""
    truths = reval_output.truths(pairs, sandbox)
    found = []
    for pair in pairs:
        holes = truths[pair.key]
        plain = not isinstance(holes, str) and len(holes) == 1 and holes[0][0] is not None \
            and holes[0][0].plain and holes[0][1] is None
        found.append((literals.canonical(holes[0][0].value),) if plain else None)
    return found


def _whole(question: Question, completion: str) -> str | None:
    """What the published scorer judges where its own prompt was used; None for a prompt of another form."""
    if extraction.OPENING not in question.prompt or "<answer>" in completion:
        return None
    ends_open = extraction.is_opened(question.prompt) or "[THOUGHT]" not in question.prompt
    return completion if ends_open else score_reval.thought_out(question.task, completion)


def _row(question: Question, text: str, pairs: dict) -> dict:
    """An answer inside tags as the published scorer wants it: the whole test, not the value in its hole."""
    if question.task == "output" and not _is_test(text):
        idx, input_idx = map(int, question.problem_id.split("."))
        text = pairs[idx, input_idx].output_pred.replace("??", text)
    return _place(question, text)


def _place(question: Question, response: str) -> dict:
    idx, input_idx = map(int, question.problem_id.split("."))
    row = {"idx": idx, "input_idx": input_idx, "response": response}
    return row if question.task == "output" else {**row, "lineno": question.line, "var": question.var}


def _is_test(text: str) -> bool:
    """Is an answer the whole completed test, as the benchmark's prompt asks for it, and no single value?"""
    if "assert" not in text:
        return False
    try:
        literals.parse(text)
    except literals.LiteralError:
        return True
    return False
