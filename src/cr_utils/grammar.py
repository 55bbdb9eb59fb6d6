"""Typed, constraint-driven generation of small Python programs.

Scope: one function `f` (and sometimes a helper `g`) of 2-12 lines around one constraint cell, from a seeded
generator; nothing is executed here. Limits: the types of params/constraints.yaml; loops end by construction.
In the setting `control` an operation whose type fits no accumulator may be left out (a few in a hundred
programs).
"""

from __future__ import annotations

import random

from .blocks import EMPTY, block, update
from .constraints import Cell, Operation, space
from .literals_random import value
from .writer import Writer, literal

ITERABLE = frozenset(("str", "list", "slist", "dict", "tuple"))


def program(rng: random.Random, cell: Cell, *, common_only: bool = False) -> tuple[str, list[str]]:
    """Write one program for a cell: (source with entry point `f`, parameter types).

    Operations outside the cell come from the training pool, so a held-out operation appears only when the
    cell asks for it.
    """
    op = cell.operation
    w = Writer(rng, space().pool(common_only=common_only))
    types = argument_types(rng, op, cell.setting)
    params = w.parameters(types)
    helper = ""
    if cell.setting == "helper":
        helper, call_type = write_helper(rng, op)
        result = helper_call(w, call_type)
    elif cell.setting == "control":
        result = control(w, cell)
    else:
        result = straight(w, cell)
    w.add(f"return {result}")
    return f"{helper}def f({', '.join(params)}):\n" + "\n".join(w.lines) + "\n", types


def arguments(rng: random.Random, types: list[str], varied: bool) -> str:
    """Argument text for the parameters: typical example values, or varied (mutated) ones."""
    return ", ".join(repr(value(rng, t, varied)) for t in types)


def argument_types(rng: random.Random, op: Operation, setting: str) -> list[str]:
    """Types of the parameters: what the operation needs first, then up to two more."""
    needed = list(op.operands) or [rng.choice(("str", "list", "int"))]
    types = needed[:2] if rng.random() < 0.4 else needed[:1]
    if setting == "control" and not ITERABLE & set(types) and rng.random() < 0.6:
        types.append(rng.choice(("str", "list")))
    if len(types) < 3 and rng.random() < 0.35:
        types.append(rng.choice(("int", "str", "int", "list")))
    return types


def straight(w: Writer, cell: Cell) -> str:
    """Body of the settings without control flow; returns the text of the returned expression."""
    op, nested = cell.operation, cell.setting == "nested"
    if op.result is None:
        return _in_place(w, op)
    text, _ = w.apply(op, 1 if nested else 0)
    if nested and w.rng.random() >= 0.6:
        return text
    name = w.fresh(op.result, result=True)
    w.add(f"{name} = {text}")
    for _ in range(w.rng.randint(0 if nested else 1, 2)):
        update(w, name, op.result, op if nested else None)
    return name if w.rng.random() < 0.5 else outer(w, name, op.result, op if nested else None)


def _in_place(w: Writer, op: Operation) -> str:
    """Straight-line body around an operation that changes its operand; returns the returned expression."""
    name = w.variable(op.subject) or w.fresh(op.subject)
    if name not in w.params:
        w.add(f"{name} = {literal(w.rng, op.subject)}")
    w.add(w.apply(op, 1, first=name)[0])
    for _ in range(w.rng.randint(0, 2)):
        update(w, name, op.subject, op if w.rng.random() < 0.5 else None)
    return name if w.rng.random() < 0.6 else outer(w, name, op.subject)


def outer(w: Writer, name: str, type_: str, op: Operation | None = None) -> str:
    """An expression around a variable: the operation under test again, or another that takes its type."""
    if op and type_ in op.holes and op.result:
        return w.apply(op, 0, first=name)[0]
    fitting = [o for o in w.pool if o.result and o.operands and o.operands[0] == type_]
    return w.apply(w.rng.choice(fitting), 0, first=name)[0] if fitting else name


def control(w: Writer, cell: Cell) -> str:
    """Body with a control-flow block of the cell's depth; returns the text of the returned expression."""
    op = cell.operation
    if op.result is None:
        type_ = op.subject
    elif op.result in ("str", "int", "list", "slist") and w.rng.random() < 0.8:
        type_ = op.result
    else:
        type_ = w.rng.choice(("str", "int", "list"))
    existing = w.variable(type_) if (op.result is None or w.rng.random() < 0.25) else None
    res = existing or w.fresh(type_, result=True)
    if not existing:
        start = EMPTY[type_] if type_ in EMPTY and w.rng.random() < 0.7 else literal(w.rng, type_)
        w.add(f"{res} = {start}")
    block(w, cell.depth, res, type_, op)
    if w.unused and type_ in ("str", "int", "list"):
        update(w, res, type_)
    return res if w.rng.random() < 0.75 else outer(w, res, type_)


def write_helper(rng: random.Random, op: Operation) -> tuple[str, tuple[str, str]]:
    """A helper `g` around the operation; returns its source and (argument type, result type)."""
    arg_type = op.operands[0] if op.operands else "str"
    w = Writer(rng, space().pool())
    name, = w.parameters([arg_type])
    if op.result is None:
        w.add(w.apply(op, 0, first=name)[0])
        result, body = op.subject, name
    else:
        result, body = op.result, w.apply(op, 0, first=name)[0]
    w.add(f"return {body}")
    return f"def g({name}):\n" + "\n".join(w.lines) + "\n\n", (arg_type, result)


def helper_call(w: Writer, call_type: tuple[str, str]) -> str:
    """Body that calls the helper, once or on its own result; returns the text of the returned expression."""
    arg_type, result = call_type
    argument = w.expression(arg_type, 1)
    name = w.fresh(result, result=True)
    w.add(f"{name} = g({argument})")
    if w.rng.random() < 0.5:
        if result == arg_type and w.rng.random() < 0.5:
            w.add(f"{name} = g({name})")
        else:
            update(w, name, result)
    return name if w.rng.random() < 0.6 else outer(w, name, result)
