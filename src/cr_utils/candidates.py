"""One candidate at a time: a program of the grammar, its arguments, its run, and the filters between them.

Scope: what makes a problem acceptable by itself. Duplicates and the second run under another hash seed
concern many problems (synthesis). Programs run in this process: the grammar writes only bounded loops over
small values. Splits are disjoint by program because the split of a program is read off its fingerprint.
"""

from __future__ import annotations

import ast
import hashlib
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from . import constraints, grammar
from .constraints import Cell
from .fingerprints import committed, fingerprint
from .trace import Trace, trace_call

SPLITS = ("train", "validation", "heldout", "heldout_ood")
MAX_OUTPUT = 60
NOT_SMALL = re.compile(r"\d{5}|nan|inf|set\(|range\(|<")  # long numbers, and values without a literal
LITERAL = re.compile(r"'[^'\n]*'|\d+")
# Rejections in the order in which the filters apply; the last two are synthesis's.
REASONS = ("other split", "operation missing", "benchmark program", "unused argument", "dead code", "raises",
           "too many steps", "output not a small literal", "duplicate", "depends on hash order")


@dataclass(frozen=True)
class Found:
    """An accepted candidate: the problem record and the trace of its run."""

    problem: dict
    trace: Trace


def candidates(rng: random.Random, split: str, options: dict) -> Iterator[dict | str]:
    """The problems (or reasons for rejection) of one drawn program: its first input and, mutated, a second.

    A problem comes with its split and two keys of its own, `print` (the program's fingerprint) and `key`
    (equal for equal problems up to names); `options` holds constraints, mutation (both bool) and max_steps.
    """
    plain = split == "train" and not options["constraints"]
    cell = constraints.sample_cell(rng, ood=split == "heldout_ood", constrained=not plain)
    code, types = grammar.program(rng, cell, common_only=plain)
    code = code.rstrip("\n")
    print_ = fingerprint(code)
    reason = static_reason(code, print_, split, cell)
    if reason:
        yield reason
        return
    for varied in (False, True) if options["mutation"] or split != "train" else (False,):
        found = execute(code, grammar.arguments(rng, types, varied), cell, options["max_steps"])
        if isinstance(found, str):
            yield found
        else:
            key = normal_key(found.problem, print_)
            yield {**found.problem, "split": split, "print": print_, "key": key}


def share(print_: str) -> str:
    """The split that a program's fingerprint belongs to: 80 % train, 8 % validation, 12 % heldout."""
    bucket = int(hashlib.sha256(print_.encode()).hexdigest()[:8], 16) % 100
    return "train" if bucket < 80 else "validation" if bucket < 88 else "heldout"


def static_reason(code: str, print_: str, split: str, cell: Cell) -> str | None:
    """Why a program is rejected before it runs, or None.

    Out-of-distribution programs come from the heldout share too: fingerprints know no types, so a held-out
    operation (`t.index(3)` of a tuple) can look like one of training (of a list).
    """
    if share(print_) != ("heldout" if split == "heldout_ood" else split):
        return "other split"
    if split == "heldout_ood" and not uses_operation(code, cell):
        return "operation missing"
    if print_ in committed():
        return "benchmark program"
    if unused_argument(code):
        return "unused argument"
    return "dead code" if dead_code(code) else None


def uses_operation(code: str, cell: Cell) -> bool:
    """Whether the text of the program holds the cell's operation."""
    return cell.operation.pattern.search(code) is not None


def unused_argument(code: str) -> bool:
    """Whether a parameter of `f` never appears in its body."""
    head, _, body = code[code.index("def f("):].partition("\n")
    names = head[len("def f("):head.index(")")].split(", ")
    return any(not re.search(rf"\b{name}\b", body) for name in names if name)


def dead_code(code: str) -> bool:
    """Whether a local is assigned but never read afterwards (inside a loop, the whole loop is afterwards).

    The grammar leaves none: every local it writes is returned, looped on or part of a later line. The check
    is for programs from elsewhere. A value that is overwritten before it is read is not noticed.
    """
    return any(_unread(function) for function in ast.parse(code).body)


def _unread(function: ast.AST) -> bool:
    """Whether one function assigns a name that no later line reads."""
    stores, last_read, loops = [], {}, []
    for node in ast.walk(function):
        if isinstance(node, ast.For | ast.While):
            loops.append((node.lineno, node.end_lineno))
        elif isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                last_read[node.id] = max(node.lineno, last_read.get(node.id, 0))
            elif isinstance(node.ctx, ast.Store):
                stores.append((node.id, node.lineno))
    heads = {first for first, _ in loops}  # loop variables need not be read
    for name, line in stores:
        around = [first for first, end in loops if first <= line <= end]
        after = min(around) - 1 if around else line
        if line not in heads and last_read.get(name, 0) <= after:
            return True
    return False


def execute(code: str, arguments: str, cell: Cell, max_steps: int) -> Found | str:
    """Run and trace one program on one input: the problem, or the reason why it is rejected."""
    trace = trace_call(code, "f", arguments)
    if not trace.complete or len(trace.lines) > max_steps:
        return "too many steps"
    if trace.error:
        return "raises"
    if trace.output is None or not small_literal(trace.output):
        return "output not a small literal"
    name = "p" + hashlib.sha256(f"{code}\0{arguments}".encode()).hexdigest()[:12]
    problem = {"id": name, "code": code, "entry_point": "f", "input": arguments, "output": trace.output,
               "constraint": cell.record(), "source": "grammar", "difficulty": len(trace.lines)}
    return Found(problem, trace)


def small_literal(text: str) -> bool:
    """Whether an output is a literal short enough to be traced by hand."""
    return len(text) <= MAX_OUTPUT and not NOT_SMALL.search(text)


def normal_key(problem: dict, print_: str) -> str:
    """Equal for problems that differ only in the names they use."""
    literals = " ".join(LITERAL.findall(problem["code"]))
    return f"{print_} {literals} | {problem['input']}"
