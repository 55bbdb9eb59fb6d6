"""REval's output task: is a completed test right? As published, and strictly.

Published: the answer is executed as a test and must not fail; text rules reject a few vacuous forms, but
nothing checks that the asked call is still there. Strict: the answer must be the asked test with a literal
(or the name of a builtin type inside one) in every ``??``, each equal to the value of the original test.
Answers that are the asked test with literals share a process; all others run alone.
"""

import ast
from dataclasses import dataclass

from cr_utils import literals, reval

_VACUOUS = ("assertTrue(True)", "assertFalse(False)", "assert True", "assert False")
_HOLE = "_hole_"
_TYPES = frozenset("int str float bool list dict tuple set bytes complex object".split())


@dataclass(frozen=True)
class Filled:
    """The texts that stand in the ``??`` of an answer which is otherwise the asked test."""

    texts: tuple[str, ...]


def judge(pairs: list[reval.Pair], texts: list[str], sandbox) -> list[tuple]:
    """[(passed, strict, expected)] of answers, aligned with their pairs; None where a program cannot run."""
    completed = [padded(text, pair.output_pred) for pair, text in zip(pairs, texts, strict=True)]
    filled = [holes(pair.output_pred, text) for pair, text in zip(pairs, completed, strict=True)]
    truth = truths(list({pair.key: pair for pair in pairs}.values()), sandbox)
    passed: list[bool | None] = [None] * len(pairs)
    alone, together = [], []
    for index, (pair, text) in enumerate(zip(pairs, completed, strict=True)):
        if isinstance(truth[pair.key], str):
            continue
        if _is_refused(text, pair.output_pred):
            passed[index] = False
        else:
            (alone if filled[index] is None else together).append(index)
    calls = [f"judge_output({reval.source(pairs[index])}, {pairs[index].input_idx!r}, {completed[index]!r}, "
             f"{pairs[index].output_pred!r})" for index in (*together, *alone)]
    for index, (value, _) in zip(together, reval.run_grouped(calls[:len(together)], sandbox), strict=True):
        passed[index] = value is True
    for index, verdict in zip(alone, _alone(calls[len(together):], [pairs[at] for at in alone], sandbox),
                              strict=True):
        passed[index] = verdict
    return [(verdict, None if verdict is None else _strictly(filled[index], truth[pair.key], verdict),
             truth[pair.key] if isinstance(truth[pair.key], str) else pair.given.strip())
            for index, (pair, verdict) in enumerate(zip(pairs, passed, strict=True))]


def _alone(calls: list[str], pairs: list[reval.Pair], sandbox) -> list[bool]:
    """Verdicts of answers that do as they like: each in a process of its own.

    The published scorer keeps every program in one namespace. An answer that misses a name is tried again
    with the earlier programs that define it.
    """
    values = [reval.decoded(run) for run in reval.run_calls(calls, sandbox)]
    again = [index for index, value in enumerate(values)
             if isinstance(value, str) and pairs[index].earlier(value)]
    second = [f"{calls[index][:-1]}, {pairs[index].earlier(values[index])!r})" for index in again]
    for index, run in zip(again, reval.run_calls(second, sandbox), strict=True):
        values[index] = reval.decoded(run)
    return [value is True for value in values]


def padded(text: str, asked: str) -> str:
    """An answer with fewer lines than the question gets the question's first lines, as published."""
    given, lines = asked.strip().split("\n"), text.strip().split("\n")
    short = len(given) - len(lines)
    return "\n".join(given[:short] + lines) if short > 0 else text


def holes(asked: str, text: str) -> Filled | None:
    """What an answer puts into each ``??`` of the question; None where it is not the asked test with
    literals in them."""
    try:
        question, answer = ast.parse(asked.replace("??", _HOLE)), ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    found: list[ast.AST] = []
    if not _same(question, answer, found) or not all(_is_literal(node) for node in found):
        return None
    return Filled(tuple(ast.unparse(node) for node in found))


def _same(question, answer, found: list) -> bool:
    """Are two trees equal but for the holes? Collects what stands in the holes."""
    if isinstance(question, ast.Name) and question.id == _HOLE:
        found.append(answer)
        return isinstance(answer, ast.expr)
    if type(question) is not type(answer):
        return False
    if isinstance(question, list):
        return len(question) == len(answer) and all(map(_same, question, answer, [found] * len(question)))
    if isinstance(question, ast.AST):
        return all(_same(getattr(question, name, None), getattr(answer, name, None), found)
                   for name in question._fields if name != "kind")
    return question == answer


def _is_literal(node: ast.AST) -> bool:
    try:
        literals.value_of(_without_types(node))
    except literals.LiteralError:
        return False
    return True


def _without_types(node: ast.AST) -> ast.AST:
    """A tree whose names of builtin types are replaced by texts that stand for them."""
    class Replace(ast.NodeTransformer):
        def visit_Name(self, name):  # noqa: N802
            return ast.Constant(f"<type {name.id}>") if name.id in _TYPES else name
    return Replace().visit(ast.parse(ast.unparse(node), mode="eval").body)


def _is_refused(text: str, asked: str) -> bool:
    return any(part in text for part in _VACUOUS) or text.count("assert") < asked.count("assert")


def truths(many: list[reval.Pair], sandbox) -> dict[tuple, list | str]:
    """For each pair the values of its holes, [(value, tolerance or None)], or why there are none."""
    calls = [_truth_call(pair) for pair in many]
    found = {}
    for pair, (value, reason) in zip(many, reval.run_grouped(calls, sandbox), strict=True):
        found[pair.key] = _hole_values(pair, value) if value is not None else reason
    return found


def _truth_call(pair: reval.Pair) -> str:
    body, _ = marked(pair)
    if pair.test is None:
        return f"function_holes({reval.source(pair)}, {body!r})"
    return f"holes({reval.source(pair)}, {pair.input_idx!r}, {body!r})"


def marked(pair: reval.Pair) -> tuple[str, list[float | None]]:
    """The original test with ``hole(number, …)`` around what the question replaced, and the tolerances."""
    asked = ast.parse(pair.output_pred.replace("??", _HOLE))
    if pair.test is None:
        return ast.unparse(asked.body[-1].test.left), [None]
    marker = _Marker()
    original = ast.parse(_dedented(pair.given))
    marker.mark(asked, original)
    return ast.unparse(original), marker.tolerances


class _Marker:
    """Walks a question and its original test side by side and wraps what stands in the holes."""

    def __init__(self):
        self.tolerances: list[float | None] = []

    def mark(self, asked, original) -> None:
        for name in getattr(asked, "_fields", ()):
            one, other = getattr(asked, name, None), getattr(original, name, None)
            if isinstance(one, list):
                for at, (part, twin) in enumerate(zip(one, other, strict=True)):
                    if isinstance(part, ast.Name) and part.id == _HOLE:
                        other[at] = self._wrapped(asked, twin)
                    else:
                        self.mark(part, twin)
            elif isinstance(one, ast.AST):
                self.mark(one, other)

    def _wrapped(self, call: ast.Call, node: ast.expr) -> ast.Call:
        number = len(self.tolerances)
        self.tolerances.append(_tolerance(call))
        return ast.Call(ast.Name("hole", ast.Load()), [ast.Constant(number), node], [])


def _tolerance(call: ast.Call) -> float | None:
    """What an assertion allows a number to be off by."""
    if "AlmostEqual" not in ast.unparse(call.func):
        return None
    options = {keyword.arg: keyword.value for keyword in call.keywords}
    if "delta" in options:
        return float(ast.literal_eval(options["delta"]))
    places = options.get("places") or (call.args[2] if len(call.args) > 2 else ast.Constant(7))
    return 0.5 * 10.0 ** -ast.literal_eval(places)


def _dedented(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").split("\n"))


def _hole_values(pair: reval.Pair, value: list) -> list | str:
    """[(told value, tolerance)] in the order of the holes, each with the value of its first execution."""
    passed, seen = value
    if not passed:
        return "the original test fails here"
    first = {}
    for number, told in seen:
        first.setdefault(number, reval.Observed(*told))
    _, tolerances = marked(pair)
    return [(first.get(number), tolerance) for number, tolerance in enumerate(tolerances)]


def _strictly(filled: Filled | None, truth: list, passed: bool) -> bool:
    """Is every hole filled with the value that the original test has there?"""
    if filled is None or len(filled.texts) != len(truth):
        return False
    return all(_is_right(text, observed, tolerance, passed)
               for text, (observed, tolerance) in zip(filled.texts, truth, strict=True))


def _is_right(text: str, observed: reval.Observed | None, tolerance: float | None, passed: bool) -> bool:
    if observed is None:
        return False
    node = ast.parse(text, mode="eval").body
    value = literals.value_of(_without_types(node))
    if not observed.plain:
        # No literal can equal it. True will do where the test asks for no more; containers of types are
        # compared by executing the test.
        return value is True or passed and type(value).__name__ == observed.type
    if tolerance is not None and isinstance(value, int | float) and isinstance(observed.value, int | float):
        return type(value) is not bool and abs(value - observed.value) <= tolerance
    return literals.equal(value, observed.value, "strict")
