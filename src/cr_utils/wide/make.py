"""Candidates of the wide grammar: a program, inputs that reach all of its lines, and the filters.

Scope: what makes a program and its inputs acceptable by themselves, in this process. Beside the filters of
the core grammar: every line is reached by some input, no statement and no test can be left out without a
change of some output, and no program is a near copy of a benchmark's.
"""

from __future__ import annotations

import ast
import hashlib
import random
from collections import Counter
from collections.abc import Iterator

from cr_utils import candidates, structure
from cr_utils.candidates import normal_key, share, wasteful
from cr_utils.fingerprints import fingerprint
from cr_utils.syntax import nodes
from cr_utils.trace import Trace

from . import difficulty
from .near import near_copy
from .runs import Runs, Seen, given
from .shapes import Program, program
from .space import Cell, sample_cell
from .switches import idle_statement
from .values import related, text_of

INPUTS, TRIED = 4, 7  # kept of a program at most, and tried
CHECKED = 5  # inputs on which a statement must matter
MAX_CHARS = 160  # of the arguments' text
# Rejections in the order in which the filters apply; named as in the core grammar where they mean the same.
REASONS = (
    "no program",
    "other split",
    "wrong depth",
    "unused argument",
    "dead code",
    "idle operation",
    "benchmark program",
    "near copy",
    "raises",
    "too many steps",
    "output not a small literal",
    "line never reached",
    "output ignores the input",
    "output is the input",
    "idle statement",
    "duplicate",
    "depends on hash order",
)


def candidates_of(
    rng: random.Random, split: str, options: dict, thin: Counter | None = None
) -> Iterator[dict | str]:
    """The problems of one drawn program, or the reason why there is none.

    `options` holds mutation, max_steps and, of training only and on where they are left out, constraints and
    filters (without these, programs that do something in vain pass); `thin` counts accepted problems by cell.
    Problems carry `print` and `key` as those of the core grammar do.
    """
    other = split != "train"
    filtered = other or options.get("filters", True)
    cell = sample_cell(rng, split, thin, other or options.get("constraints", True))
    made = program(rng, cell)
    if made is None:
        yield "no program"
        return
    try:
        tree = ast.parse(made.code)
    except SyntaxError:  # an f-string whose values need quotes, before Python 3.12
        yield "no program"
        return
    print_ = fingerprint(made.code, tree)
    reason = static_reason(tree, made.code, print_, split, cell, filtered)
    if reason:
        yield reason
        return
    program_, looks, reason = executed(rng, made, options)
    reason = reason or dynamic_reason(tree, looks, filtered)
    if reason:
        yield reason
        return
    for text in chosen(looks):
        problem = record(made, text, program_.trace(text, options["max_steps"]), cell)
        yield {**problem, "split": split, "print": print_, "key": normal_key(problem, print_)}


def static_reason(
    tree: ast.Module, code: str, print_: str, split: str, cell: Cell, filtered: bool = True
) -> str | None:
    """Why a program is rejected before it runs, or None."""
    if share(print_) != ("heldout" if split == "heldout_ood" else split):
        return "other split"
    if cell.setting == "control" and structure.depth(tree) != cell.depth:
        return "wrong depth"
    return filtered and wasteful(tree) or near_copy(code, print_)


def executed(
    rng: random.Random, made: Program, options: dict
) -> tuple[Runs | None, list[tuple[str, Seen]], str | None]:
    """The program, inputs that can be asked about with what each showed; the reason why there are none."""
    try:
        program_ = Runs(made.code)
    except (SyntaxError, ValueError):
        return None, [], "no program"
    found, reasons, tried = [], Counter(), set()
    for i in range(TRIED):
        values = related(rng, made.kinds, bool(options["mutation"]) and i % 3 == 2)
        text = text_of(values)
        if text in tried or len(text) > MAX_CHARS:
            continue
        tried.add(text)
        if any(isinstance(value, set) for value in values):
            values = given(text)  # in the order of the text
        seen = program_.look(values, options["max_steps"])
        if seen.reason:
            reasons[seen.reason] += 1
        else:
            found.append((text, seen))
        if i == 3 and not found:
            break
    if len(found) < 2:
        return None, [], reasons.most_common(1)[0][0] if reasons else "output ignores the input"
    return program_, found, None


def dynamic_reason(tree: ast.Module, looks: list[tuple[str, Seen]], filtered: bool = True) -> str | None:
    """Why a program is rejected for what its runs show, or None."""
    if filtered and not statements(tree) <= frozenset().union(*(seen.coverage for _, seen in looks)):
        return "line never reached"
    outputs = Counter(seen.output for _, seen in looks)
    if len(outputs) < 2 or outputs.most_common(1)[0][1] > 0.8 * len(looks):
        return "output ignores the input"
    if all(
        seen.output in text
        for text, seen in looks
        if seen.output not in ("True", "False") and len(seen.output) > 4
    ) and all(seen.output == text or f"{seen.output}, " in text for text, seen in looks):
        return "output is the input"
    if not filtered:
        return None
    some = spread(looks, CHECKED)
    idle = idle_statement(tree, [text for text, _ in some], [seen.output for _, seen in some])
    return "idle statement" if idle else None


def statements(tree: ast.Module) -> set[int]:
    """The lines that begin a statement inside a function."""
    return {
        node.lineno
        for function in tree.body
        for node in nodes(function)
        if isinstance(node, ast.stmt) and node is not function
    }


def spread(looks: list[tuple[str, Seen]], most: int) -> list[tuple[str, Seen]]:
    """Some of the runs: first those that reach new lines, then those with new outputs, then the rest."""
    left, picked, covered, outputs = list(looks), [], set(), set()
    while left and len(picked) < most:
        best = max(
            range(len(left)),
            key=lambda i: (len(left[i][1].coverage - covered), left[i][1].output not in outputs, -i),
        )
        picked.append(left.pop(best))
        covered |= picked[-1][1].coverage
        outputs.add(picked[-1][1].output)
    return picked


def chosen(looks: list[tuple[str, Seen]]) -> list[str]:
    """The inputs that become problems: at most INPUTS, with outputs of their own; new lines come first."""
    picked, outputs = [], set()
    for text, seen in spread(looks, len(looks)):
        if seen.output not in outputs and len(picked) < INPUTS:
            picked.append(text)
            outputs.add(seen.output)
    return picked


def record(made: Program, text: str, trace: Trace, cell: Cell) -> dict:
    """The problem's record."""
    name = "w" + hashlib.sha256(f"{made.code}\0{text}".encode()).hexdigest()[:12]
    return {
        "id": name,
        "code": made.code,
        "entry_point": "f",
        "input": text,
        "output": trace.output,
        "constraint": cell.record(),
        "source": "wide",
        "difficulty": len(trace.lines),
        "score": difficulty.score(made.code, trace),
    }


__all__ = ["REASONS", "candidates", "candidates_of"]
