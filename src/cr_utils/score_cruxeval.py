"""Official and strict scores of generations for CRUXEval and LiveCodeBench-execution.

The official rule pastes a generation into ``assert {output} == {generation}`` after the program and runs
that in a fresh process. Parity reproduces its verdicts: literals are compared here, plain calls are
executed as data, and only what is neither is pasted, inside the sandbox. Beside it stands the strict
rule of `answers`: literals only, the asked call must be there, and nothing is skipped.

LiveCodeBench differs by its imports, by what it skips, and by what becomes of skipped generations.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cr_utils import answers, benchmarks, extraction, pasted
from cr_utils.errors import UserError
from cr_utils.questions import Question

MODES = ("output", "input")


@dataclass(frozen=True)
class Scored:
    """All verdicts of a run: row id -> verdicts. `official` lists are those of the published scorer
    (skipped generations may be missing); `strict` has one verdict per generation."""

    official: dict[str, list[bool]]
    strict: dict[str, list[bool]]


def score(name: str, mode: str, rows: list[dict], generations: dict[str, list[str]], sandbox=None,
          own: dict[str, list[str | None]] | None = None) -> Scored:
    """Judge every generation of every row, officially and strictly.

    `name` is "cruxeval" or "livecodebench"; generations: row id -> texts. Every row needs an entry (an empty
    list is one); UserError otherwise. Equal generations of a row are judged once. own: the texts that the
    strict rule judges instead, aligned with the generations (None: no answer).
    """
    check(name, mode, rows, generations)
    sandbox = sandbox or answers.shared_sandbox()
    pairs = [(row, text) for row in rows for text in dict.fromkeys(generations[row["id"]])
             if not skipped(name, mode, row, text)]
    with ThreadPoolExecutor(1) as beside:  # what never ends takes 3 s: the strict rule need not wait for it
        strict = beside.submit(_strictly, name, mode, rows, own or generations, sandbox)
        verdicts = _official(name, mode, pairs, sandbox)
    passed = dict(zip([(row["id"], text) for row, text in pairs], verdicts, strict=True))
    official = {row["id"]: _as_published(name, mode, [passed.get((row["id"], text))
                                                      for text in generations[row["id"]]]) for row in rows}
    return Scored(official, strict.result())


def _strictly(name: str, mode: str, rows: list[dict], texts: dict[str, list[str | None]], sandbox
              ) -> dict[str, list[bool]]:
    """The strict verdict of every text of every row."""
    asked = {row["id"]: benchmarks.questions(name, [row], (mode,))[0] for row in rows}
    pairs = [(row["id"], text) for row in rows for text in dict.fromkeys(texts[row["id"]])]
    judged = answers.judge_answers([asked[row_id] for row_id, _ in pairs],
                                   [text and text.strip() for _, text in pairs], sandbox)
    right = dict(zip(pairs, (one.passed for one in judged), strict=True))
    return {row["id"]: [right[row["id"], text] for text in texts[row["id"]]] for row in rows}


def single_verdicts(name: str, questions: list[Question], texts: list[str | None],
                    sandbox=None, completions: list[str] | None = None) -> list[bool]:
    """The published verdicts of one answer per question, each as if its row had no other generation.

    texts: what stands inside the answer tags, or None; completions: the whole replies, which are read where
    they have the benchmarks' own marks. Of a whole assertion the asked side is taken, as the published
    `extraction` does. A skipped generation is wrong.
    """
    sandbox = sandbox or answers.shared_sandbox()
    rows = [_row(name, question) for question in questions]
    sides = [extraction.of_reply(name, question.task, question.prompt, text, said) for question, text, said
             in zip(questions, texts, completions or [None] * len(texts), strict=True)]
    verdicts = [False] * len(questions)
    for mode in MODES:
        kept = [index for index, question in enumerate(questions) if question.task == mode
                and not skipped(name, mode, rows[index], sides[index])]
        found = _official(name, mode, [(rows[index], sides[index]) for index in kept], sandbox)
        for index, verdict in zip(kept, found, strict=True):
            verdicts[index] = verdict
    return verdicts


def skipped(name: str, mode: str, row: dict, text: str) -> bool:
    """Does the official scorer refuse to run this generation?"""
    if mode == "input":
        return f"{benchmarks.problem(name, row)['entry_point']}(" not in text
    return (f"f({row['input']})" if name == "cruxeval" else row["input"]) in text


def pass_at_k(n: int, right: int, k: int) -> float:
    """The unbiased estimate as published: 1.0 wherever n - right < k, also for n < k."""
    if n - right < k:
        return 1.0
    missed = 1.0
    for count in range(n - right + 1, n + 1):
        missed *= 1.0 - k / count
    return 1.0 - missed


def percent(verdicts: dict[str, list[bool]], k: int, published: bool = True) -> float | None:
    """Mean pass@k over rows, in percent. Strictly (`published` False) it is None where some n < k."""
    if not verdicts or not published and any(len(one) < k for one in verdicts.values()):
        return None
    values = [pass_at_k(len(one), one.count(True), k) for one in verdicts.values()]
    return sum(values) / len(values) * 100


def differing(name: str, mode: str, rows: list[dict], generations: dict[str, list[str]],
              scored: Scored) -> int:
    """How many generations the two rules judge differently (a skipped one counts as officially wrong)."""
    count = 0
    for row in rows:
        texts = generations[row["id"]]
        run = iter(scored.official[row["id"]])
        shrunk = len(scored.official[row["id"]]) != len(texts)
        for text, strict in zip(texts, scored.strict[row["id"]], strict=True):
            left_out = shrunk and skipped(name, mode, row, text)
            count += strict != (False if left_out else next(run, False))
    return count


def _official(name: str, mode: str, pairs: list[tuple[dict, str]], sandbox) -> list[bool]:
    """Verdict of ``assert output == text`` after the program, for every pair."""
    verdicts: list[bool | None] = [None] * len(pairs)
    if mode == "output":
        sound = _sound_rows(name, [row for row, _ in pairs], sandbox)
        verdicts = [pasted.literal_verdict(row["output"], text) if row["id"] in sound else None
                    for row, text in pairs]
    left = _open(verdicts)
    items = [(_prelude(name, row, text), row["code"], row["output"], text)
             for row, text in (pairs[index] for index in left)]
    for index, verdict in zip(left, pasted.expression_verdicts(items, sandbox), strict=True):
        verdicts[index] = verdict
    left = _open(verdicts)
    programs = [f"{_prelude(name, row, text)}{row['code']}\nassert {row['output']} == {text}"
                for row, text in (pairs[index] for index in left)]
    for index, verdict in zip(left, pasted.run_all(programs, sandbox), strict=True):
        verdicts[index] = verdict
    return verdicts


def _row(name: str, question: Question) -> dict:
    """The row behind a question; its program may have its imports already, which does no harm."""
    call = f"{question.entry_point}({question.input})"
    return {"id": question.problem_id, "code": question.code, "output": question.output,
            "input": call if name == "livecodebench" else question.input,
            "function_name": question.entry_point}


def _prelude(name: str, row: dict, text: str) -> str:
    """The imports that the published scorer puts before a program; those that are not used may be missing."""
    return pasted.imports(name, f"{row['code']} {text}", every=pasted.looks_around(text))


def _sound_rows(name: str, rows: list[dict], sandbox) -> set[str]:
    """Rows whose program runs and leaves a literal comparison alone: ``output == output`` is true."""
    distinct = {row["id"]: row for row in rows}
    items = [(_prelude(name, row, row["output"]), row["code"], row["output"], row["output"])
             for row in distinct.values()]
    verdicts = pasted.expression_verdicts(items, sandbox)
    return {row_id for row_id, verdict in zip(distinct, verdicts, strict=True) if verdict}


def _open(verdicts: list[bool | None]) -> list[int]:
    return [index for index, verdict in enumerate(verdicts) if verdict is None]


def _as_published(name: str, mode: str, verdicts: list[bool | None]) -> list[bool]:
    """The published list of a row: None marks skipped generations, which leave no entry of their own."""
    run = [verdict for verdict in verdicts if verdict is not None]
    lost = not run if (name, mode) == ("livecodebench", "output") else True not in run
    return [False] * len(verdicts) if lost else run


def check(name: str, mode: str, rows: list[dict], generations: dict) -> None:
    """UserError for what cannot be scored: another benchmark or mode, a row without its list of texts."""
    if name not in ("cruxeval", "livecodebench") or mode not in MODES:
        raise UserError(f"cannot score {name} {mode}: use cruxeval or livecodebench, output or input")
    missing = [row["id"] for row in rows if row["id"] not in generations]
    if missing:
        raise UserError(f"the generations have no entry for {missing[0]} and {len(missing) - 1} other rows")
    for row in rows:
        texts = generations[row["id"]]
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise UserError(f"the generations of {row['id']} are no list of texts")
