"""Where and how a chain of steps first departs from the run, against the interpreter's narration of the same
run.

A step reads ``line of the program  # operation == value; …``, or as the styles `numbered` and `scratchpad`
have it (forms). Errors of comprehension misread the program:
the step quotes a line that the program does not have (`misquoted`), or states another operation than the
line's (`misread`). Errors of execution simulation lose the run: the line is not the one that runs there
(`wrong_line`), an operation has other values in it than the variables hold (`lost_state`), its result is
wrong (`wrong_value`), the chain ends before the run (`stopped`) or goes on after it (`went_on`). `none`:
every step agrees. In states without operations a variable that the step leaves alone has `lost_state`, one
that it sets `wrong_value`.
"""

import ast
import re
from typing import NamedTuple

from . import forms

COMPREHENSION = ("misquoted", "misread")
SIMULATION = ("wrong_line", "lost_state", "wrong_value", "stopped", "went_on")
ENDS = (["end"], ["the loop ends"])
KINDS = ("none", *COMPREHENSION, *SIMULATION)
REASONING = re.compile(r"<reasoning>(.*?)(?:</reasoning>|<answer>|$)", re.DOTALL)


class Departure(NamedTuple):
    """step: 1-based, None where every step agrees. kind: of KINDS. given, needed: numbers of steps."""

    step: int | None
    kind: str
    given: int
    needed: int


def lines(completion: str) -> list[str] | None:
    """The steps of a completion, one a line; None where it has no reasoning."""
    found = REASONING.search(completion)
    return [line.strip() for line in found.group(1).splitlines() if line.strip()] if found else None


def departure(completion: str, reference: str, code: str, style: str = "facts") -> Departure | None:
    """The first step that differs from the reference's; None where the completion gives no steps.

    style: of the reference, one of those that can be compared (forms); numbers of steps are not. A step that
    is missing at the end counts as the first wrong one, and so does one beyond the end.
    """
    given, right = lines(completion), lines(reference) or []
    if not given:
        return None
    for number, (mine, its) in enumerate(zip(given, right, strict=False), 1):
        if mine != its and (style != "numbered" or forms.comparable(mine) != forms.comparable(its)):
            last = number == len(given) and "</reasoning>" not in completion and its.startswith(mine)
            before = right[number - 2] if number > 1 else ""
            return Departure(number, "stopped" if last else kind(mine, its, code, style, before), len(given),
                             len(right))
    if len(given) == len(right):
        return Departure(None, "none", len(given), len(right))
    return Departure(min(len(given), len(right)) + 1, "stopped" if len(given) < len(right) else "went_on",
                     len(given), len(right))


def kind(mine: str, its: str, code: str, style: str = "facts", before: str = "") -> str:
    """How one step differs from the one that belongs in its place; before: the right step before it."""
    given, right = (forms.said(line, style, code) for line in (mine, its))
    if given.place != right.place:
        return "wrong_line" if given.known else "misquoted"
    if (given.facts in ENDS) != (right.facts in ENDS):
        return "wrong_line"  # a loop that goes on or ends where the run does not
    for fact, its_fact in zip(given.facts, right.facts, strict=False):
        if fact != its_fact:
            kept = style == "scratchpad" and its_fact in forms.said(before, style, code).facts
            found = _fact_kind(fact, its_fact)
            return "lost_state" if kept and found == "wrong_value" else found
    return "misread"  # a fact too few or too many


def _fact_kind(fact: str, right: str) -> str:
    """The same for one fact ``operation == value`` (or ``name = value``, or a bare value)."""
    left, value, right_left, _ = (*_halves(fact), *_halves(right))
    if left == right_left:
        return "wrong_value"
    return "lost_state" if value is not None and _shape(left) == _shape(right_left) else "misread"


def _halves(fact: str) -> tuple[str, str | None]:
    """Operation and value of a fact. A bare value has an empty operation; a call without a value has None."""
    for sign in (" == ", " = "):
        left, found, value = fact.rpartition(sign)
        if found:
            return left, value
    return ("", fact) if _tree(fact) is None or _is_literal(_tree(fact)) else (fact, "")


def _shape(text: str) -> str | None:
    """An expression's structure with every literal blanked; None where it cannot be read."""
    tree = _tree(text)
    return None if tree is None else ast.dump(_Blank().visit(tree))


class _Blank(ast.NodeTransformer):
    def visit(self, node):
        if isinstance(node, ast.expr) and _is_literal(node):
            return ast.Constant(None)
        return self.generic_visit(node)


def _is_literal(node: ast.AST) -> bool:
    return all(
        isinstance(
            part,
            ast.Constant
            | ast.List
            | ast.Tuple
            | ast.Dict
            | ast.Set
            | ast.UnaryOp
            | ast.unaryop
            | ast.expr_context
            | ast.Expression,
        )
        for part in ast.walk(node)
    )


def _tree(text: str) -> ast.expr | None:
    try:
        return ast.parse(re.sub(r"^\[\d+\] ", "", text), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
