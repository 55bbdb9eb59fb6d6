"""Whole programs: straight-line code, branches, loops around an accumulator, searches, helpers.

Scope: one program for one cell, or None where the draft leads nowhere. What a program is worth is judged
elsewhere (`make`), by running it.
"""

from __future__ import annotations

import random

from . import loops, names
from .blocks import begin_result, condition, finish, leaf, nest, result_kind
from .branches import branch
from .draft import Draft, Dropped, Var
from .endings import Program, combined, done, last, main_kind
from .fits import hole_for
from .helpers import with_helper
from .rewriting import rewrite
from .space import ROLES, Cell, space
from .values import literal

TRIES = 8


def program(rng: random.Random, cell: Cell) -> Program | None:
    """A program for a cell; None where no draft of several held the operation."""
    write = {"nested": _straight, "methods": _straight, "control": _control, "helper": with_helper}[
        cell.setting
    ]
    for _ in range(TRIES):
        try:
            made = write(rng, cell)
        except Dropped:
            continue
        if made:
            return made
    return None


def _straight(rng: random.Random, cell: Cell) -> Program | None:
    w = Draft(rng, cell.operation)
    if w.variant.loop:
        return _loop(w, 1) if cell.setting != "nested" else None
    var = w.parameter(main_kind(w))
    if w.variant.result is None:
        return _mutating(w, var)
    form = rng.choices((_chain, _two, _unpacked, _choice), (6, 2, 1, 1 if cell.setting == "methods" else 0))[
        0
    ]
    form(w, var)
    return done(w)


def _chain(w: Draft, var: Var) -> None:
    """One value through several steps."""
    for _ in range(w.rng.choice((0, 1, 1, 2))):
        kind = (
            w.variant.result
            if not w.placed and w.maybe(0.5) and w.variant.result != "bool"
            else w.rng.choice((var.kind, var.kind, "int", "str", "strs" if var.kind == "str" else "ints"))
        )
        kind = "str" if kind == "char" else kind
        text, _ = w.via(var, kind)
        if text == var.name:
            continue
        if kind == var.kind and w.maybe(0.6):
            w.add(f"{var.name} = {text}")
            w.unread.add(var.name)
        else:
            var = w.local(kind)
            w.add(f"{var.name} = {text}")
    last(w, var)


def _two(w: Draft, var: Var) -> None:
    """Two values of it, put together."""
    kinds = [
        k if k != "char" else "str"
        for k in (w.variant.result, w.rng.choice(("int", "str", var.kind, "bool")))
    ]
    found = []
    for kind in kinds:
        text, _ = w.via(var, kind, 1)
        if text == var.name:
            found.append(var)
            continue
        made = w.local(kind)
        w.add(f"{made.name} = {text}")
        found.append(made)
    w.add("return " + combined(w, *found))


def _unpacked(w: Draft, var: Var) -> None:
    """Parts of a sequence, unpacked into names of their own."""
    if var.kind == "str":
        a, b = (
            w.local("str", {"str": "first head left name"}),
            w.local("str", {"str": "second rest right value"}),
        )
        sep = w.role("sub")[0]
        w.add(
            w.rng.choice(
                (
                    f"{a.name}, _, {b.name} = {w.read(var)}.partition({sep})",
                    f"{a.name}, {b.name} = {w.read(var)}[:{w.role('n')[0]}], {var.name}[{w.role('n')[0]}:]",
                )
            )
        )
    elif var.kind in ("ints", "strs"):
        item = "int" if var.kind == "ints" else "str"
        a, b = w.local(item, {item: "first head a"}), w.local(var.kind, {var.kind: "rest tail others"})
        w.add(f"{a.name}, *{b.name} = {w.read(var)}")
    else:
        raise Dropped
    text, _ = w.via(a, a.kind)
    other, _ = w.via(b, b.kind)
    if b.kind in ("ints", "strs"):
        w.add(f"return {w.rng.choice((f'{other} + [{text}]', f'[{text}] + {other}', f'{text}, {other}'))}")
    else:
        w.add(f"return {w.rng.choice((f'{other} + {text}', f'{text}, {other}', f'[{other}, {text}]'))}")


def _choice(w: Draft, var: Var) -> None:
    """A conditional expression."""
    kind = w.variant.result if w.variant.result not in ("bool", "char") else w.rng.choice(("str", "int"))
    test = condition(w, [var])
    one, _ = w.via(var, kind, 1)
    two, _ = w.via(var, kind, 0) if w.maybe(0.6) else (literal(w.rng, kind), True)
    if one == two:
        raise Dropped
    w.add(f"return {one} if {test} else {two}")


def _mutating(w: Draft, var: Var) -> Program | None:
    """A container changed in place; sometimes seen through an alias, or compared with a copy."""
    if hole_for(w.variant, var.kind) is None:
        raise Dropped
    alias = None
    if w.maybe(0.15) and var.kind in ("ints", "strs", "dict"):
        alias = w.local(var.kind, {var.kind: "result other alias saved original new_list"})
        copied = {"ints": "[:]", "strs": "[:]", "dict": ".copy()"}[var.kind] if w.maybe(0.4) else ""
        w.add(f"{alias.name} = {w.read(var)}{copied}")
    steps = w.rng.choice((1, 2, 2))
    at = w.rng.randrange(steps)
    for i in range(steps):
        if i == at:
            w.add(w.apply(w.variant, 1, first=var)[0])
        else:
            w.add(mutation(w, var))
    if alias:
        text = w.rng.choice(
            (f"{w.read(alias)}, {var.name}", alias.name if not copied else f"{alias.name}, len({var.name})")
        )
        w.unread.discard(alias.name)
    else:
        text = var.name if w.maybe(0.65) else w.via(var, w.rng.choice(("int", "str", var.kind)), 1)[0]
    if var.kind in ("set", "sset") and not alias:
        text = f"sorted({var.name})"
    w.add(f"return {text}")
    return done(w)


def mutation(w: Draft, var: Var) -> str:
    """Another statement that changes the container."""
    fitting = [
        v
        for op in loops_free(w)
        for v in op.variants
        if v.result is None and not v.loop and v.holes[0] == var.kind
    ]
    if not fitting:
        raise Dropped
    return w.apply(w.rng.choice(fitting), 1, first=var)[0]


def loops_free(w: Draft):
    """Operations that are statements."""
    return [op for op in space().pool if op.variants[0].result is None and op.weight >= 1]


def _control(rng: random.Random, cell: Cell) -> Program | None:
    w = Draft(rng, cell.operation)
    depth = cell.depth
    forms = {
        1: ((_loop, 10), (_branch, 5), (rewrite, 2)),
        2: ((_loop, 9), (_search, 5), (_branch_loop, 2), (rewrite, 3)),
        3: ((_loop, 8), (_branch_loop, 3), (_search, 2)),
    }[depth]
    form = rng.choices([f for f, _ in forms], [n for _, n in forms])[0]
    return form(w, depth)


def _loop(w: Draft, depth: int) -> Program | None:
    """An accumulator, a loop that fills it, what is left of it."""
    focus = w.variant
    main = None
    if focus.holes and not focus.loop and focus.holes[0] not in ROLES and w.maybe(0.35):
        main = w.parameter(main_kind(w))
    if main and focus.result and w.maybe(0.35):
        kind = "str" if focus.result == "char" else focus.result
        text, _ = w.apply(focus, 1, first=main)
        var = main if kind == main.kind and w.maybe(0.5) else w.local(kind)
        w.add(f"{var.name} = {text}")
    acc_kind = result_kind(w)
    acc = w.local(acc_kind, names.RESULTS)
    w.scope.remove(acc)
    w.unread.discard(acc.name)
    w.add(f"{acc.name} = {begin_result(acc_kind)}")
    loop = loops.begin(w)
    nest(w, depth - 1, acc, loop.vars)
    loops.end(w, loop)
    w.scope.append(acc)
    w.unread.add(acc.name)
    finish(w, acc)
    return done(w)


def _branch(w: Draft, depth: int) -> Program | None:
    """Cases with a return each, or with one value each."""
    if w.variant.loop:
        raise Dropped
    branch(w, w.parameter(main_kind(w)))
    return done(w)


def _search(w: Draft, depth: int) -> Program | None:
    """A loop that returns as soon as it has found something, and what is returned otherwise."""
    loop = loops.begin(w, only_for=True)
    kind = w.rng.choice((loop.vars[0].kind, "int", "str", "bool"))
    kind = kind if kind in ("int", "str", "bool", "char") else "int"
    for _ in range(depth - 2):
        w.add(f"if {condition(w, loop.vars)}:")
        w.level += 1
    w.add(f"if {condition(w, loop.vars)}:")
    if kind == "bool":
        text = w.rng.choice(("True", "False"))
    else:
        text = w.via(w.rng.choice(loop.vars), "str" if kind == "char" else kind, 1)[0]
    w.add(f"    return {text}")
    w.level -= depth - 2
    loops.end(w, loop)
    if kind == "bool":
        w.add(f"return {'False' if text == 'True' else 'True'}")
    elif kind == "int":
        w.add(f"return {w.rng.choice(('-1', '-1', '0', 'None'))}")
    else:
        w.add(f"return {w.rng.choice((repr(''), repr('none'), repr('-'), 'None'))}")
    return done(w)


def _branch_loop(w: Draft, depth: int) -> Program | None:
    """An early return for a special case, then a loop one level shallower within a branch."""
    main = w.parameter(
        w.rng.choice(("str", "ints", "strs"))
        if w.variant.loop or main_kind(w) not in loops.ITEMS
        else main_kind(w)
    )
    acc_kind = result_kind(w)
    acc = w.local(acc_kind, names.RESULTS)
    w.scope.remove(acc)
    w.add(f"{acc.name} = {begin_result(acc_kind)}")
    w.add(f"if {condition(w, [main])}:")
    w.level += 1
    loop = loops.begin(w)
    nest(w, depth - 2, acc, loop.vars)
    loops.end(w, loop)
    w.level -= 1
    if w.maybe(0.7):
        w.add("else:")
        w.level += 1
        leaf(w, acc, [main])
        w.level -= 1
    w.scope.append(acc)
    finish(w, acc)
    return done(w)


__all__ = ["Program", "program"]
