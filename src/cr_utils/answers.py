"""From a completion to a verdict: find the answer, compare it with the truth.

Model text is never executed as code. Answers to output, coverage, path and state questions are compared
as text or as parsed literals; a predicted call (input questions) goes to the sandbox, which parses it
and ships its arguments as data. This is the strict rule; the benchmarks' own rules live with their scorers.

Kinds of verdict: ``pass``; ``wrong``; ``no_answer`` (no single answer block); ``truncated`` (cut off
before a complete answer); ``format`` (an answer that is not of the shape asked for); and for
input questions the sandbox's kinds (``bad_call``, ``error``, ``timeout``, ``memory``, ...), where its
``fail`` is called ``wrong``.
"""

import ast
import atexit
import functools
from dataclasses import dataclass

from cr_utils import literals
from cr_utils.questions import Question
from cr_utils.sandbox import Sandbox

MAX_ANSWER = 65_536
_TAGS = ("<reasoning>", "</reasoning>", "<answer>", "</answer>")


@dataclass(frozen=True)
class Parsed:
    """What a completion holds: `answer` (None unless there is exactly one final answer), `reasoning`
    (None where there is none), and `strict`: is it exactly in the format asked for, nothing around it?"""

    answer: str | None
    reasoning: str | None
    strict: bool


@dataclass(frozen=True)
class Judged:
    """A verdict: `passed`, its `kind` (see the module) and the answer text that was judged."""

    passed: bool
    kind: str
    answer: str | None


def extract(completion: str, direct: bool = False) -> Parsed:
    """Split a completion into reasoning and answer.

    The answer is the content of the one <answer> block after the last </reasoning>; two blocks there
    are no answer. Strict format is ``<reasoning>R</reasoning>`` newline ``<answer>A</answer>`` with R and
    A non-empty and free of tags, nothing before and only white space after; `direct` has no reasoning.
    """
    head, closed, tail = completion.rpartition("</reasoning>")
    reasoning = head.partition("<reasoning>")[2] if closed and "<reasoning>" in head else None
    if not closed and "<reasoning>" in tail:
        return Parsed(None, tail.partition("<reasoning>")[2], False)  # never closed: all of it is reasoning
    if tail.count("<answer>") != 1 or tail.count("</answer>") != 1:
        return Parsed(None, reasoning, False)
    before, _, rest = tail.partition("<answer>")
    answer, closing, after = rest.partition("</answer>")
    if not closing:  # the closing tag came first
        return Parsed(None, reasoning, False)
    answer = answer.strip()
    bare = bool(answer) and not any(tag in answer for tag in _TAGS) and not after.strip()
    if direct:
        strict = bare and not closed and before == ""
    else:
        strict = (bare and closed != "" and before in ("", "\n") and head.startswith("<reasoning>")
                  and bool(reasoning and reasoning.strip()) and not any(tag in reasoning for tag in _TAGS))
    return Parsed(_unfenced(answer) or None, reasoning, strict)


def judge_many(questions: list[Question], completions: list[str], truncated: list[bool] | None = None,
               sandbox: Sandbox | None = None, compare: str = "strict") -> list[Judged]:
    """Judge one completion per question; the lists are aligned.

    `compare` is "strict" (types match) or "python" (`==`). `truncated` marks completions that hit the
    length limit: without a complete answer their kind is ``truncated``. Equal answers to the same
    question are judged once. The shared sandbox is used where none is given.
    """
    if len(questions) != len(completions):
        raise ValueError(f"{len(questions)} questions but {len(completions)} completions")
    judged = judge_answers(questions, [extract(text).answer for text in completions], sandbox, compare)
    for index, cut in enumerate(truncated or ()):
        if cut and judged[index].kind == "no_answer":
            judged[index] = Judged(False, "truncated", None)
    return judged


def judge_answers(questions: list[Question], answers: list[str | None], sandbox: Sandbox | None = None,
                  compare: str = "strict") -> list[Judged]:
    """Judge bare answer texts (what stands inside the tags); None is ``no_answer``. See `judge_many`."""
    verdicts: dict[tuple[Question, str], Judged] = {}
    calls: dict[tuple[Question, str], str] = {}
    for question, answer in zip(questions, answers, strict=True):
        key = (question, answer)
        if answer is None or key in verdicts or key in calls:
            continue
        if question.task == "input":
            call = _call_of(question, answer)
            if call is not None:
                calls[key] = call
                continue
        verdicts[key] = Judged(*_judge_text(question, answer, compare), answer)
    verdicts |= _judge_calls(calls, sandbox, compare)
    return [Judged(False, "no_answer", None) if answer is None else verdicts[question, answer]
            for question, answer in zip(questions, answers, strict=True)]


def judge(question: Question, completion: str, truncated: bool = False, sandbox: Sandbox | None = None,
          compare: str = "strict") -> Judged:
    """`judge_many` for one completion."""
    return judge_many([question], [completion], [truncated], sandbox, compare)[0]


@functools.lru_cache(maxsize=1)
def shared_sandbox() -> Sandbox:
    """The sandbox used where the caller has none: started at first use, lives as long as the process."""
    sandbox = Sandbox()
    atexit.register(sandbox.close)
    return sandbox


def _judge_text(question: Question, answer: str, compare: str) -> tuple[bool, str]:
    """Verdict and kind of an answer that needs no execution."""
    if len(answer) > MAX_ANSWER and question.task != "input":
        return False, "format"
    return _RULES[question.task](question, answer, compare)


def _judge_output(question: Question, answer: str, compare: str) -> tuple[bool, str]:
    if answer.startswith("assert"):
        call, value = split_assert(answer) or (None, None)
        if call is None or _dump(call) != _dump(f"{question.entry_point}({question.input})"):
            return False, "format"
        answer = value
    return _same(answer, question.truth[0], compare)


def _judge_coverage(question: Question, answer: str, compare: str) -> tuple[bool, str]:
    said = answer.upper()
    if said not in ("YES", "NO"):
        return False, "format"
    return _verdict(said in question.truth)


def _judge_path(question: Question, answer: str, compare: str) -> tuple[bool, str]:
    return _verdict(answer in question.truth)


def _judge_state(question: Question, answer: str, compare: str) -> tuple[bool, str]:
    if answer == "Nil":
        return _verdict("Nil" in question.truth)
    value, semicolon, kind = answer.rpartition(";")
    if not semicolon:
        return False, "format"
    found = "wrong"
    for accepted in question.truth:
        if accepted == "Nil":
            continue
        true_value, _, true_kind = accepted.rpartition(";")
        same, found = _same(value.strip(), true_value, compare)
        if same and kind.strip() == true_kind.strip():
            return True, "pass"
        found = "wrong" if same else found
    return False, found


def _judge_bad_input(question: Question, answer: str, compare: str) -> tuple[bool, str]:
    return False, "bad_call"  # reached only where the answer holds no call


_RULES = {"output": _judge_output, "input": _judge_bad_input, "coverage": _judge_coverage,
          "path": _judge_path, "state": _judge_state}


def _judge_calls(calls: dict, sandbox: Sandbox | None, compare: str) -> dict:
    """Execute predicted calls: {(question, answer): call text} -> {(question, answer): Judged}."""
    if not calls:
        return {}
    items = [(question.code, call, question.output, question.entry_point)
             for (question, _), call in calls.items()]
    verdicts = (sandbox or shared_sandbox()).check_many(items, compare)
    return {key: Judged(bool(verdict), "wrong" if verdict.kind == "fail" else verdict.kind, key[1])
            for key, verdict in zip(calls, verdicts, strict=True)}


def _call_of(question: Question, answer: str) -> str | None:
    """The text of the predicted call, or None where the answer has not that shape at all."""
    if len(answer) > MAX_ANSWER:
        return None
    if answer.startswith("assert"):
        call, value = split_assert(answer) or (None, None)
        if call is None or not _same(value, question.output, "strict")[0]:
            return None
        return call
    return answer


def _same(text: str, expected: str, compare: str) -> tuple[bool, str]:
    """Is `text` a literal equal to `expected`? With the kind of verdict."""
    try:
        value = literals.parse(text)
    except ValueError:
        return False, "format"
    return _verdict(literals.equal(value, literals.parse(expected), compare))


def split_assert(text: str) -> tuple[str, str] | None:
    """The two sides of ``assert call == value`` as texts; None for any other text."""
    tree = _tree(text, "exec")
    if tree is None or len(tree.body) != 1 or not isinstance(tree.body[0], ast.Assert):
        return None
    test = tree.body[0].test
    if tree.body[0].msg is not None or not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return None
    if not isinstance(test.ops[0], ast.Eq) or not isinstance(test.left, ast.Call):
        return None
    left = ast.get_source_segment(text, test.left)
    right = ast.get_source_segment(text, test.comparators[0])
    return (left, right) if left and right else None


def _dump(expression: str) -> str | None:
    tree = _tree(expression, "eval")
    return ast.dump(tree) if tree else None


def _tree(text: str, mode: str) -> ast.AST | None:
    """A guarded `ast.parse`: None for text that is too long, too deep or not Python."""
    if len(text) > MAX_ANSWER:
        return None
    try:
        return literals.parse_quietly(text, mode)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _unfenced(answer: str) -> str:
    """An answer without the Markdown fence that chat models put around code."""
    if answer.startswith("```") and answer.endswith("```") and len(answer) > 6:
        first, _, body = answer[3:-3].partition("\n")
        return (body if first.strip() in ("", "python", "py") else answer[3:-3]).strip()
    return answer


def _verdict(same: bool) -> tuple[bool, str]:
    return same, "pass" if same else "wrong"
