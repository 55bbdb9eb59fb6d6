"""Programs of two functions: a helper around the operation under test, and `f`, which calls it.

Scope: called once or twice, in a loop, or in a comprehension.
"""

from __future__ import annotations

import random

from . import loops, names
from .blocks import begin_result, condition
from .draft import Draft, Dropped, Var
from .endings import Program, done, last, main_kind
from .space import Cell


def with_helper(rng: random.Random, cell: Cell) -> Program | None:
    """A function of its own for the operation under test, called once, in a loop, or in a comprehension."""
    if cell.operation.variants[0].loop:
        raise Dropped
    g = Draft(rng, cell.operation, room=1)
    var = g.parameter(main_kind(g))
    if g.variant.result is None:
        kind = var.kind
        g.add(g.apply(g.variant, 0, first=var)[0])
        g.add(f"return {var.name}")
    else:
        kind = "str" if g.variant.result == "char" else g.variant.result
        if rng.random() < 0.3 and kind != "bool":
            g.add(f"if {condition(g, [var])}:")
            g.add(f"    return {g.via(var, kind, 0)[0]}")
        elif rng.random() < 0.3 and kind in ("str", "int", "ints", "strs"):
            made = g.local(kind)
            g.add(f"{made.name} = {g.apply(g.variant, 0, first=var)[0]}")
            g.add(f"return {g.via(made, kind, 0)[0]}")
        if not g.placed or not g.lines or "return" not in g.lines[-1] or g.lines[-1].startswith("        "):
            g.add(f"return {g.apply(g.variant, 1, first=var)[0]}")
    if len(g.params) > 1 or not any(text in line for text in g.shown for line in g.lines):
        return None
    name = rng.choice(names.HELPERS.get(kind, names.HELPERS["other"]).split())
    lines = [f"def {name}({var.name}):", *g.lines, ""]
    return _calling(rng, cell, name, var.kind, kind, lines, g)


def _calling(
    rng: random.Random, cell: Cell, name: str, takes: str, kind: str, lines: list[str], g: Draft
) -> Program | None:
    w = Draft(rng, None, taken={"f", name})
    w.used += g.used
    item = loops.CONTAINER.get(takes)
    if item and rng.random() < 0.65:
        over = w.parameter(item)
        x = names.pick(rng, names.LOOPS, takes, w.taken)
        call = f"{name}({x})"
        if kind == "bool":
            forms = (f"[{x} for {x} in {over.name} if {call}]", f"sum(1 for {x} in {over.name} if {call})")
        elif kind == "str":
            forms = (f"''.join({call} for {x} in {over.name})", f"[{call} for {x} in {over.name}]")
        else:
            forms = (f"[{call} for {x} in {over.name}]",) + (
                (f"sum({call} for {x} in {over.name})",) if kind == "int" else ()
            )
        if rng.random() < 0.75:
            _loop_calling(w, name, over, kind)
        else:
            w.unread.clear()
            w.add(f"return {rng.choice(forms)}")
        return done(w, lines)
    var = w.parameter(takes)
    made = w.local(kind)
    w.add(f"{made.name} = {name}({w.read(var)})")
    if kind == takes and rng.random() < 0.4 and kind != "bool":
        w.add(f"return {name}({w.via(made, kind, 0)[0]})")
    elif kind == "bool":
        w.lines.pop()
        one, two = (
            w.via(var, "str" if takes == "str" else "int", 0)[0],
            w.rng.choice(("0", "-1", "None", "'no'")),
        )
        w.add(f"if {name}({var.name}):")
        w.add(f"    return {one}")
        w.add(f"return {two}")
    else:
        last(w, made)
    return done(w, lines)


def _loop_calling(w: Draft, name: str, over: Var, kind: str) -> None:
    """A loop that calls the helper on every item."""
    var = Var(names.pick(w.rng, names.LOOPS, loops.ITEMS[over.kind], w.taken), loops.ITEMS[over.kind])
    w.taken.add(var.name)
    acc_kind = {
        "int": "int",
        "str": "str",
        "bool": w.rng.choice(("int", "ints" if var.kind == "int" else "strs")),
    }.get(kind, "list")
    acc = w.local(acc_kind if acc_kind != "list" else "ints", names.RESULTS)
    w.add(f"{acc.name} = {begin_result(acc_kind)}")
    w.add(f"for {var.name} in {w.read(over)}:")
    call = f"{name}({var.name})"
    if kind == "bool":
        w.add(f"    if {call}:")
        w.add(f"        {acc.name} += 1" if acc_kind == "int" else f"        {acc.name}.append({var.name})")
    else:
        w.add(f"    {acc.name} += {call}" if acc_kind != "list" else f"    {acc.name}.append({call})")
    w.add(f"return {w.read(acc)}")
