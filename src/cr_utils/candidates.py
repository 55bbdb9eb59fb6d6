"""One candidate at a time: a program of the grammar, its arguments, its run, and the filters between them.

Scope: what makes a problem acceptable by itself. Duplicates and the second run under another hash seed
concern many problems (synthesis). Programs run in this process: the grammar writes only bounded loops over
small values. Splits are disjoint by program because the split of a program is read off its fingerprint.
"""

from __future__ import annotations

import ast
import hashlib
import math
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from . import constraints, grammar, literals, liveness, structure, usage
from .constraints import Cell
from .fingerprints import committed, fingerprint
from .trace import Trace, trace_call
from .wide.near import resembling

SPLITS = ("train", "validation", "heldout", "heldout_ood")
SPARE = 8  # lines after which a run that is too long ends
MAX_OUTPUT = 60
MAX_NUMBER, MAX_DECIMALS = 9_999, 4  # of the numbers in an output, which one should compute by hand
OTHER_INPUTS = 3  # inputs drawn to see whether an output depends on the input at all
LITERAL = re.compile(r"'[^'\n]*'|\d+")
# Rejections in the order in which the filters apply; the last two are synthesis's.
REASONS = ("other split", "wrong depth", "operation missing", "benchmark program", "unused argument",
           "dead code", "idle operation", "near copy", "raises", "too many steps",
           "output not a small literal", "output ignores the input", "duplicate", "depends on hash order")


@dataclass(frozen=True)
class Found:
    """An accepted candidate: the problem record and the trace of its run."""

    problem: dict
    trace: Trace


def candidates(rng: random.Random, split: str, options: dict) -> Iterator[dict | str]:
    """The problems (or reasons for rejection) of one drawn program: its first input and, mutated, a second.

    A problem comes with its split and two keys of its own, `print` (the program's fingerprint) and `key`
    (equal for equal problems up to names); `options` holds constraints, mutation (both bool), max_steps and,
    where it is off, filters: training programs that do something in vain then pass.
    """
    plain = split == "train" and not options["constraints"]
    cell = constraints.sample_cell(rng, ood=split == "heldout_ood", constrained=not plain)
    code, types = grammar.program(rng, cell, common_only=plain)
    code = code.rstrip("\n")
    print_ = fingerprint(code)
    filtered = split != "train" or options.get("filters", True)
    reason = static_reason(code, print_, split, cell, types, filtered) or resembling(code)
    if reason:
        yield reason
        return
    both = (False, True) if options["mutation"] or split != "train" else (False,)
    inputs = [grammar.arguments(rng, types, varied) for varied in both]
    runs = [execute(code, text, cell, options["max_steps"]) for text in inputs]
    outputs = {run.problem["output"] for run in runs if isinstance(run, Found)}
    others = (grammar.arguments(rng, types, True) for _ in range(OTHER_INPUTS))
    constant = len(outputs) == 1 and not any(differs(code, text, outputs) for text in others)
    for run in runs:
        if isinstance(run, str):
            yield run
        elif constant:
            yield "output ignores the input"
        else:
            key = normal_key(run.problem, print_)
            yield {**run.problem, "split": split, "print": print_, "key": key}


def differs(code: str, arguments: str, outputs: set[str]) -> bool:
    """Whether a program gives, for these arguments, a value (an error is none) that is not in `outputs`."""
    output = trace_call(code, "f", arguments).output
    return output is not None and output not in outputs


def share(print_: str) -> str:
    """The split that a program's fingerprint belongs to: 80 % train, 8 % validation, 12 % heldout."""
    bucket = int(hashlib.sha256(print_.encode()).hexdigest()[:8], 16) % 100
    return "train" if bucket < 80 else "validation" if bucket < 88 else "heldout"


def static_reason(code: str, print_: str, split: str, cell: Cell, types: Sequence[str],
                  filtered: bool = True) -> str | None:
    """Why a program whose parameters have these types is rejected before it runs, or None.

    Unless `filtered`, programs that do something in vain pass.

    Out-of-distribution programs come from the heldout share too: fingerprints know no types, so a held-out
    operation (`t.index(3)` of a tuple) can look like one of training (of a list).
    """
    if share(print_) != ("heldout" if split == "heldout_ood" else split):
        return "other split"
    tree = ast.parse(code)
    if structure.depth(tree) != cell.depth:
        return "wrong depth"
    if not usage.uses(tree, types, cell.operation):
        return "operation missing"
    if print_ in committed():
        return "benchmark program"
    return wasteful(tree) if filtered else None


def wasteful(tree: ast.Module) -> str | None:
    """Why a program does something in vain, or None: an argument, a line or an operation without effect."""
    unread = {node.name: liveness.unread(node) for node in tree.body if isinstance(node, ast.FunctionDef)}
    if unread["f"].parameters:
        return "unused argument"
    if any(found.lines or found.parameters for found in unread.values()):
        return "dead code"
    return "idle operation" if structure.idle(tree) else None


def execute(code: str, arguments: str, cell: Cell, max_steps: int) -> Found | str:
    """Run and trace one program on one input: the problem, or the reason why it is rejected."""
    # Cut early: a loop that doubles a string fills the memory long before it has run 2,000 lines.
    trace = trace_call(code, "f", arguments, max_steps + SPARE)
    if not trace.complete and len(trace.lines) <= max_steps:  # the others were inside comprehensions
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
    """Whether an output is a literal short enough to be traced by hand: no long numbers, nan or infinities,
    and no value whose text is a call (`set()`, `range(3)`).
    """
    if len(text) > MAX_OUTPUT:
        return False
    try:
        return small_value(literals.parse(text))
    except literals.LiteralError:
        return False


def small_value(value: object) -> bool:
    """Whether an output's value is one that can be traced by hand; see `small_literal`."""
    if value is None or isinstance(value, str | bool):
        return True
    if isinstance(value, int):
        return abs(value) <= MAX_NUMBER
    if isinstance(value, float):
        return math.isfinite(value) and abs(value) <= MAX_NUMBER and round(value, MAX_DECIMALS) == value
    if isinstance(value, dict):
        return all(small_value(item) for pair in value.items() for item in pair)
    if isinstance(value, list | tuple):
        return all(map(small_value, value))
    return type(value) is set and len(value) > 0 and all(map(small_value, value))


def normal_key(problem: dict, print_: str) -> str:
    """Equal for problems that differ only in the names they use."""
    literals = " ".join(LITERAL.findall(problem["code"]))
    return f"{print_} {literals} | {problem['input']}"
