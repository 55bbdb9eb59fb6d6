"""Typed, constraint-driven generation of small Python programs.

Scope: one function `f` (and sometimes a helper `g`) of 2-12 lines around one constraint cell, from a seeded
generator; nothing is executed here. Limits: the types of params/constraints.yaml; loops end by construction.
A few programs in a hundred lack the operation or leave a parameter unread: `candidates` rejects them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from .blocks import EMPTY, TAKES, absorb, block, update
from .constraints import Cell, Operation, space
from .literals_random import value
from .writer import TRIES, Writer, literal, words

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
        helper, call_type = write_helper(rng, op, w.pool)
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
    types = needed[:2] if rng.random() < 0.4 or op.name == "equals" else needed[:1]
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
    if nested and not w.unused and w.rng.random() < 0.4:
        return text
    name = w.fresh(op.result, result=True)
    w.add(f"{name} = {text}")
    for _ in range(w.rng.randint(0 if nested else 1, 2)):
        update(w, name, op.result, op if nested else None)
    absorb(w, name, op.result)
    return name if w.rng.random() < 0.5 else outer(w, name, op.result, op if nested else None)


def _in_place(w: Writer, op: Operation) -> str:
    """Straight-line body around an operation that changes its operand; returns the returned expression."""
    name = w.variable(op.subject) or w.fresh(op.subject)
    if name not in w.params:
        w.add(f"{name} = {literal(w.rng, op.subject)}")
    w.add(w.apply(op, 1, first=name)[0])
    for _ in range(w.rng.randint(0, 2)):
        update(w, name, op.subject, op if w.rng.random() < 0.5 else None)
    absorb(w, name, op.subject)
    return name if w.rng.random() < 0.6 else outer(w, name, op.subject)


def outer(w: Writer, name: str, type_: str, op: Operation | None = None) -> str:
    """An expression around a variable: the operation under test again, or another that takes its type."""
    if op and type_ in op.holes and op.result:
        return w.apply(op, 0, first=name)[0]
    fitting = [o for o in w.pool if o.result and o.operands and o.operands[0] == type_]
    w.idle = False
    text = w.apply(w.rng.choice(fitting), 0, first=name)[0] if fitting else name
    return name if w.idle else text


def control(w: Writer, cell: Cell) -> str:
    """Body with a control-flow block of the cell's depth; returns the text of the returned expression."""
    op = cell.operation
    type_ = accumulated(w, op)
    existing = w.variable(type_) if (op.result is None or w.rng.random() < 0.25) else None
    res = existing or w.fresh(type_, result=True)
    if not existing:
        itself = op.result == type_ and op.operands[:1] == (type_,)  # works on what it gives: not on nothing
        empty = type_ in EMPTY and not itself and w.rng.random() < 0.7
        start = EMPTY[type_] if empty else literal(w.rng, type_)
        w.add(f"{res} = {start}")
    block(w, cell.depth, res, type_, op)
    absorb(w, res, type_)
    return res if w.rng.random() < 0.75 else outer(w, res, type_)


def accumulated(w: Writer, op: Operation) -> str:
    """A type of accumulator that can take up what the operation gives, mostly that very type."""
    if op.result is None:
        return op.subject
    if op.result == "bool":
        return w.rng.choice(("str", "int", "list"))
    if op.result in EMPTY and w.rng.random() < 0.8:
        return op.result
    reached = {op.result} | {o.result for o in w.pool if o.operands[:1] == (op.result,)}
    return w.rng.choice([t for t in ("str", "int", "list") if reached & set(TAKES[t])] or [op.result])


def write_helper(rng: random.Random, op: Operation, pool: Sequence[Operation]) -> tuple[str, tuple[str, str]]:
    """A helper `g` around the operation; returns its source and (argument type, result type)."""
    arg_type = op.operands[0] if op.operands else "str"
    w = Writer(rng, pool)
    name, = w.parameters([arg_type])
    if not op.operands:
        result, body = op.result, w.fresh(op.result, result=True)
        w.add(f"{body} = {w.apply(op, 0)[0]}")
        absorb(w, body, result)
    elif op.result is None:
        w.add(w.apply(op, 0, first=name)[0])
        result, body = op.subject, name
    else:
        result, body = op.result, w.apply(op, 0, first=name)[0]
    w.add(f"return {body}")
    return f"def g({name}):\n" + "\n".join(w.lines) + "\n\n", (arg_type, result)


def helper_call(w: Writer, call_type: tuple[str, str]) -> str:
    """Body that calls the helper, once or on its own result; returns the text of the returned expression."""
    arg_type, result = call_type
    argument = ""
    for _ in range(TRIES):
        argument = w.expression(arg_type, 1)
        if w.params & words(argument):
            break
    name = w.fresh(result, result=True)
    w.add(f"{name} = g({argument})")
    if w.rng.random() < 0.5:
        if result == arg_type and w.rng.random() < 0.5:
            w.add(f"{name} = g({name})")
        else:
            update(w, name, result)
    absorb(w, name, result)
    return name if w.rng.random() < 0.6 else outer(w, name, result)
