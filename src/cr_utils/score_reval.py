"""Scores of answers to REval: the published verdict and our strict one for every question.

The published scorer evaluates and executes a model's text. Here its text rules are followed first, what is
plain data is compared in this process, and only what is neither goes to the sandbox. Strict verdicts take
literals only, use the strict truth, and demand the asked assertions. Responses may hold their answer in
[ANSWER]…[/ANSWER], as published, or in <answer>…</answer>, as ours do.
"""

import ast
import re

from cr_utils import answers, literals, reval, reval_output
from cr_utils.errors import UserError
from cr_utils.questions import Question, line_text

TASKS = ("coverage", "path", "state", "output")
_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})


def score(task: str, data: list[dict], tasks: list[dict], rows: list[dict], sandbox, thought: bool = False
          ) -> list[dict]:
    """Judge answers: rows {idx, input_idx, lineno, var, response} (output: without lineno and var) -> the
    same rows with `passed` (published), `strict` and `expected`; None for both where there is no truth.

    thought: the published chain-of-thought form, in which a response without [/THOUGHT] gives no answer.
    Raises UserError for a task or a question that does not exist.
    """
    return score_pairs(task, {pair.key: pair for pair in reval.pairs(data, tasks)}, rows, sandbox, thought)


def score_pairs(task: str, pairs: dict[tuple[int, int], reval.Pair], rows: list[dict], sandbox,
                thought: bool = False) -> list[dict]:
    """As `score`, for pairs by their key; truth that they have already is not computed again."""
    if task not in TASKS:
        raise UserError(f"unknown REval task {task!r}: one of {', '.join(TASKS)}")
    asked = [_pair(pairs, row) for row in rows]
    texts = [unwrapped(thought_out(task, row["response"]) if thought else row["response"]) for row in rows]
    if task == "output":
        verdicts = reval_output.judge(asked, [cut(text) for text in texts], sandbox)
    else:
        reval.add_truth(list({pair.key: pair for pair in asked}.values()), sandbox)
        places = [_place(pair, row) for pair, row in zip(asked, rows, strict=True)]
        verdicts = _TASKS[task](asked, places, texts, sandbox)
    return [{**row, "passed": passed, "strict": strict, "expected": expected}
            for row, (passed, strict, expected) in zip(rows, verdicts, strict=True)]


def metrics(task: str, scored: list[dict]) -> dict:
    """The published metrics (fractions; None for a ratio of nothing) with n, and the strict accuracy."""
    known = [row for row in scored if row["passed"] is not None]
    n = len(known)
    result = {"n": n, "without_truth": len(scored) - n,
              "acc": sum(row["passed"] for row in known) / n if n else None}
    if task == "coverage":
        result |= _precision_recall(known)
    result["strict_acc"] = sum(row["strict"] for row in known) / n if n else None
    result["judged_differently"] = sum(row["passed"] != row["strict"] for row in known)
    return result


def consistency(files: dict[str, list[dict]]) -> dict:
    """The published consistency score of four scored files, and the strict one, in percent.

    Questions are aligned by position; the output verdict of a pair counts for each of its questions.
    """
    lengths = {task: len(files[task]) for task in ("coverage", "path", "state")}
    if len(set(lengths.values())) != 1:
        raise UserError(f"the files are not aligned: {lengths}")
    outputs = {(row["idx"], row["input_idx"]): row for row in files["output"]}
    missing = [row for row in files["coverage"] if (row["idx"], row["input_idx"]) not in outputs]
    if missing:
        raise UserError(f"the output file has no answer for program {missing[0]['idx']}, "
                        f"input {missing[0]['input_idx']}")
    result = {}
    for name, key in (("consistency", "passed"), ("strict_consistency", "strict")):
        total = n = 0
        for cover, path, state in zip(files["coverage"], files["path"], files["state"], strict=True):
            row = [cover[key], state[key], path[key], outputs[cover["idx"], cover["input_idx"]][key]]
            if None not in row:
                n += 1
                total += consistent(*row)
        result |= {name: 100 * total / n if n else None, "n": n}
    return result


def consistent(coverage: bool, state: bool, path: bool, output: bool) -> float:
    """The published score (0-1) of one place whose four questions were answered right or wrong."""
    return _CONSISTENT.get((coverage, state, path, output), 0)


_CONSISTENT = {(True, True, True, True): 1, (True, True, True, False): 0.5,
               (True, True, False, False): 0.25, (True, False, False, False): 0.125}


def unwrapped(response: str) -> str:
    """A response without our own tags; the published ones, in either case, stay for the published rule."""
    if "<answer>" in response and "[ANSWER]" not in response.upper():
        return response.rpartition("<answer>")[2].partition("</answer>")[0].strip()
    return response


def thought_out(task: str, response: str) -> str:
    """A response as it is, or one that is wrong by its form, where its chain of thought did not end."""
    ended = "[/THOUGHT]" in (response.upper() if task == "coverage" else response)
    return response if ended else "assert False" if task == "output" else ""


def cut(text: str) -> str:
    """What stands between the published marks, as published."""
    return _cut(text)[0]


def _cut(text: str) -> tuple[str, int]:
    """What stands between the published marks, and where the last search for one ended."""
    at = text.find("[ANSWER]")
    if at != -1:
        text = text[at + 8:].strip()
    for mark in ("[/ANSWER]", "[/ANSWER"):
        at = text.find(mark)
        if at != -1:
            text = text[:at].strip()
    return text, at


def _precision_recall(known: list[dict]) -> dict:
    said = sum(row["passed"] == row["expected"] for row in known)  # YES was said
    actual = sum(row["expected"] for row in known)
    both = sum(row["passed"] and row["expected"] for row in known)
    precision = both / said if said else None
    recall = both / actual if actual else None
    if precision is None or recall is None:
        f1 = None
    else:
        f1 = 2 * (precision * recall) / (precision + recall) if precision + recall else 0
    return {"prec": precision, "rec": recall, "f1": f1}


# ---- one function per task: (pairs, places, response texts, sandbox) -> [(passed, strict, expected)] ----


def _coverage(pairs, places, texts, sandbox) -> list[tuple]:
    found = []
    for (pair, at), text in zip(_located(pairs, places), texts, strict=True):
        if at is None:
            found.append((None, None, pair.error))
            continue
        said = cut(text.upper().strip())[:3]
        yes = "YES" in said and "NO" not in said
        truth = pair.truths[at]
        strict = _strict("coverage", pair, at, ("YES" if truth.strict_covered else "NO",), text)
        found.append((yes == truth.covered, strict, truth.covered))
    return found


def _path(pairs, places, texts, sandbox) -> list[tuple]:
    found = []
    for (pair, at), text in zip(_located(pairs, places), texts, strict=True):
        if at is None:
            found.append((None, None, pair.error))
            continue
        said = cut(text).split("\n")[0].strip()
        code, truth = pair.program["code"], pair.truths[at]
        lines = [-1] if said == "-1" else \
            [number for number, line in enumerate(code.split("\n"), 1) if said and line.strip() == said]
        accepted = tuple("-1" if line == -1 else line_text(code, line) for line in truth.strict_next_lines)
        found.append((any(line in truth.next_lines for line in lines),
                      _strict("path", pair, at, accepted, text), list(truth.next_lines)))
    return found


def _state(pairs, places, texts, sandbox) -> list[tuple]:
    found, calls, waiting = [], [], []
    for index, ((pair, at), text) in enumerate(zip(_located(pairs, places), texts, strict=True)):
        if at is None:
            found.append((None, None, pair.error))
            continue
        truth = pair.truths[at]
        passed = state_verdict(state_answer(text), truth.values)
        if passed is None:
            waiting.append(index)
            calls.append(_state_call(pair, at, text))
        accepted = ("Nil",) if truth.strict_values is None else \
            tuple(f"{literals.canonical(one.value)}; {one.type}" for one in truth.strict_values if one.plain)
        found.append((passed, _strict("state", pair, at, accepted, text), reval.told(truth.values)))
    for index, run in zip(waiting, reval.run_calls(calls, sandbox), strict=True):
        found[index] = (reval.decoded(run) is True, *found[index][1:])
    return found


_TASKS = {"coverage": _coverage, "path": _path, "state": _state}


def state_answer(text: str) -> tuple[str, str] | str:
    """The published reading of a state answer: (value text, type text), "Nil", or "ERROR"."""
    text = cut(text.translate(_QUOTES).strip())
    if text.capitalize() == "Nil" or text == "[Nil]":
        return "Nil"
    value, semicolon, kind = text.rpartition(";")
    if not semicolon:
        return "ERROR"
    value, kind = value.strip(), kind.strip().lower()
    if value.capitalize() == "Nil":
        return "Nil"
    for pattern in (r"<class '(.*)'>", r"(.*)\[.*\]"):
        match = re.match(pattern, kind)
        kind = match.group(1) if match else kind
    kind = {"string": "str", "integer": "int"}.get(kind, kind)
    return value, "tuple" if "," in kind or "tuple" in kind else kind


_SIMPLE = {"int": int, "float": float, "bool": bool, "list": list, "tuple": tuple, "dict": dict, "set": set,
           "str": str, "bytes": bytes, "complex": complex}


def state_verdict(answer: tuple[str, str] | str, observed: tuple[reval.Observed, ...] | None) -> bool | None:
    """The published comparison where plain data decide it; None where the text has to be evaluated."""
    if answer == "ERROR" or (answer == "Nil") != (observed is None):
        return False
    if answer == "Nil":
        return True
    value_text, kind = answer
    if kind not in _SIMPLE or value_text == "None" or not all(one.plain for one in observed):
        return None
    try:
        node = literals.expression(value_text)
        if any(isinstance(part, ast.Name | ast.Call) for part in ast.walk(node)):
            return None
        value = literals.value_of(node)
    except literals.LiteralError:
        return None
    if type(value) is not _SIMPLE[kind] or kind not in {one.type for one in observed}:
        return False
    if kind == "float":
        return any(_close(value, one.value) for one in observed)
    return any(literals.equal(value, one.value, "python") for one in observed)


def _close(value: float, other: object) -> bool:
    try:
        return abs(value - other) < 1e-6
    except (TypeError, OverflowError):
        return False


def _state_call(pair: reval.Pair, at: int, text: str) -> str:
    """The call that judges an answer inside the sandbox; the text can see what it stood in, as published."""
    observed = pair.truths[at].values
    value_text, kind = state_answer(text)
    answer = f"{value_text!r}, {kind!r}, {_cut(text.translate(_QUOTES).strip())!r}"
    if all(one.plain for one in observed):
        return f"judge_state({answer}, {[one.value for one in observed]!r})"
    line, var = pair.places[at]
    return f"judge_traced_state({reval.source(pair)}, {pair.job!r}, {line!r}, {var!r}, {answer})"


def _strict(task: str, pair: reval.Pair, at: int, truth: tuple[str, ...], text: str) -> bool:
    line, var = pair.places[at]
    question = Question("", task, "", "", "", "", "", line, var, truth, "")
    return answers.judge_answers([question], [cut(text).strip()])[0].passed


def _located(pairs: list[reval.Pair], places: list[tuple]):
    """(pair, number of the place among the pair's), or (pair, None) where the pair has no truth."""
    return [(pair, None if pair.truths is None else pair.places.index(place))
            for pair, place in zip(pairs, places, strict=True)]


def _pair(pairs: dict, row: dict) -> reval.Pair:
    key = (row.get("idx"), row.get("input_idx"))
    if key not in pairs or not isinstance(row.get("response"), str):
        raise UserError(f"answer {str(row)[:80]}: needs a pair's idx and input_idx, and a response text")
    return pairs[key]


def _place(pair: reval.Pair, row: dict) -> tuple[int, str]:
    place = (row.get("lineno"), row.get("var"))
    if place not in pair.places:
        raise UserError(f"REval program {pair.idx}, input {pair.input_idx} has no question about line "
                        f"{place[0]} and {place[1]!r}")
    return place
