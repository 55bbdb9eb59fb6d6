"""A model's reply on its way to a problem: parsed, filtered as the grammar's programs are, its run recorded.

Scope: one draft at a time, without running anything; runs and what concerns many drafts are program_source's.
"""

from __future__ import annotations

import ast
import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from . import candidates, constraints, program_prompts, program_replies, structure, trace, usage
from .constraints import MAX_DEPTH, Cell
from .fingerprints import fingerprint
from .mutations import change_text
from .program_replies import Submission, Unusable
from .wide.near import copied


@dataclass
class Draft:
    """A reply on its way through the filters: `reason` once it is rejected, else `runs` as problems."""

    cell: Cell
    ood: bool
    program: Submission | None = None
    print: str = ""
    reason: str | None = None
    inputs: list[str] = field(default_factory=list)
    runs: list[dict | str] = field(default_factory=list)


def read(draft: Draft, reply: str) -> None:
    """Parse a reply into a draft and apply the filters that need no run; `reason` says what went wrong."""
    try:
        draft.program = program_replies.program(reply)
    except Unusable as error:
        draft.reason = error.reason
        return
    code = draft.program.code
    draft.print, draft.inputs = fingerprint(code), [draft.program.input]
    tree = ast.parse(code)
    depth, asked = structure.depth(tree), draft.cell
    draft.cell = replace(asked, setting="control", depth=depth) if depth else replace(asked, depth=0)
    most = MAX_DEPTH if draft.ood else MAX_DEPTH - 1
    wrong = depth > most or not depth and asked.setting == "control"
    draft.reason = "wrong depth" if wrong else static_reason(tree, draft)
    draft.cell = asked if draft.reason else draft.cell


def static_reason(tree: ast.Module, draft: Draft) -> str | None:
    """Why a program is rejected before it runs, or None: the grammar's filters."""
    types = draft.program.types
    if not holds(tree, types, draft.cell.operation):
        return "operation missing"
    space = constraints.space()
    if not draft.ood and any(holds(tree, types, space.operations[key]) for key in space.ood):
        return "held-out operation"
    return copied(draft.program.code, draft.print) or candidates.wasteful(tree)


def holds(tree: ast.Module, types: tuple, op: constraints.Operation) -> bool:
    """Whether a program writes an operation: as the grammar would, or, for a method, with other arguments."""
    try:
        if usage.uses(tree, types, op):
            return True
        program, pattern = usage.Program(tree, types), ast.parse(program_prompts.example(op)).body[0]
        call = getattr(pattern, "value", None)
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            return False
        calls = [(node, where) for where in tree.body for node in ast.walk(where)
                 if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
                 and node.func.attr == call.func.attr]
        subject = "str" if op.subject in ("chr", "pre") else op.subject
        return any(program.type_of(node.func.value, where) in (subject, None) for node, where in calls)
    except (IndexError, AttributeError, TypeError, ValueError, RecursionError):  # unknown to usage
        return False


def problem_of(draft: Draft, text: str, run: trace.Trace, max_steps: int) -> dict | str:
    """The problem record of one run, or why there is none."""
    if run.error or run.kind == "error":
        return "raises"
    if run.kind != "ok":
        return "stopped"
    if not run.complete or len(run.lines) > max_steps:
        return "too many steps"
    if run.output is None or not candidates.small_literal(run.output):
        return "output not a small literal"
    code = draft.program.code
    name = "m" + hashlib.sha256(f"{code}\0{text}".encode()).hexdigest()[:12]
    return {"id": name, "code": code, "entry_point": "f", "input": text, "output": run.output,
            "constraint": draft.cell.record(), "source": "llm", "difficulty": len(run.lines)}


def near(draft: Draft) -> Iterator[str]:
    """A few inputs near the first one, for a look at whether the output depends on the input."""
    rng = random.Random(f"changed:{draft.print}:{draft.inputs[0]}")
    for _ in range(candidates.OTHER_INPUTS):
        text = change_text(draft.inputs[0], rng)
        if text:
            yield text
