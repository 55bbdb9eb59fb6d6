"""Statements and control-flow blocks of generated programs, written around one accumulator variable.

Scope: updates of the accumulator, conditions, and if/for/while blocks of a given nesting depth. Loops end by
construction: `for` never runs over what its body lengthens, `while` counts down a variable of its own, and
inside a loop no statement multiplies the accumulator's size.
"""

from __future__ import annotations

import re

from .constraints import Operation
from .writer import Writer, literal

WORD = re.compile(r"\b[a-z]\w*\b")
SELF_TEST = re.compile(r"\b(\w+) (?:==|!=|<|>|<=|>=|-|%|//|and|or) \1\b")
EMPTY = {"str": "''", "int": "0", "list": "[]", "slist": "[]", "float": "0.0"}
SEQUENCES = ("str", "list", "slist", "tuple")
ITEMS = {"str": ("str", "c"), "list": ("int", "x"), "tuple": ("int", "x"), "slist": ("str", "w")}
LOOPS = ("str", "list", "slist", "dict", "tuple")


def update(w: Writer, res: str, type_: str, op: Operation | None = None) -> None:
    """One statement that changes the accumulator `res`, through `op` where its type allows.

    Inside a loop a statement that could multiply the accumulator's size is replaced by one that cannot.
    """
    before = len(w.lines)
    _update(w, res, type_, op, w.rng.random())
    if w.in_loop and any(multiplies(line, res) for line in w.lines[before:]):
        del w.lines[before:]
        w.add(f"{res} = {f'{res}[:3]' if type_ in SEQUENCES else literal(w.rng, type_)}")


def _update(w: Writer, res: str, type_: str, op: Operation | None, draw: float) -> None:
    if op and op.result is None and op.subject == type_:
        w.add(w.apply(op, 0, first=res)[0])
    elif op and op.result == type_ and draw < 0.5:
        w.add(f"{res} = {w.apply(op, 0, first=res if type_ in op.holes else None)[0]}")
    elif op and op.result == type_ and type_ in EMPTY:
        text = w.apply(op, 0)[0]
        w.add(f"{res} {'' if w.in_loop and res in WORD.findall(text) else '+'}= {text}")
    elif type_ == "list" and (draw < 0.6 or not op):
        w.add(f"{res}.append({_by(w, op, 'int')})")
    elif type_ == "slist":
        w.add(f"{res}.append({_by(w, op, 'str')})")
    elif type_ == "int" and op and op.result == "bool":
        w.add(f"if {w.apply(op, 0)[0]}:")
        w.add(f"    {res} += {w.rng.choice(('1', '2', w.expression('int', 0)))}")
    elif type_ == "dict":
        w.add(f"{res}[{w.expression('str', 0)}] = {w.expression('int')}")
    elif type_ in ("str", "int", "float", "list"):
        sign = w.rng.choice("+++-") if type_ == "int" else "+"
        text = w.expression(type_)
        if w.in_loop and res in WORD.findall(text):  # would double at every turn
            text = literal(w.rng, type_)
        w.add(f"{res} {sign}= {text}")
    else:
        w.add(f"{res} = {copied(w.expression(type_), type_)}")


def _by(w: Writer, op: Operation | None, type_: str) -> str:
    """An expression of the type, through the operation where that is what it gives."""
    return w.apply(op, 0)[0] if op and op.result == type_ else w.expression(type_)


def multiplies(line: str, res: str) -> bool:
    """Whether a statement could multiply the variable it changes: it reads it twice, or repeats something."""
    return WORD.findall(line).count(res) > (2 if f"{res} = " in line else 1) or " * " in line


def copied(text: str, type_: str) -> str:
    """A bare variable of a mutable type is copied: a loop over an alias that grows would not end."""
    mutable = type_ in ("list", "slist", "dict")
    return f"{type_.removeprefix('s')}({text})" if mutable and text.isidentifier() else text


def condition(w: Writer, op: Operation | None) -> str:
    """A condition on at least one variable: the operation under test where it fits, else a comparison."""
    text = ""
    for _ in range(5):
        text = _condition(w, op)
        if w.visible() & set(WORD.findall(text)) and not SELF_TEST.search(text):
            break
    return text


def _condition(w: Writer, op: Operation | None) -> str:
    if op and op.result == "bool":
        return w.apply(op, 0)[0]
    if op and op.result == "int" and w.rng.random() < 0.5:
        return f"{w.apply(op, 0)[0]} {w.rng.choice(('>', '<', '==', '>=', '!='))} {w.rng.randint(0, 6)}"
    tests = [o for o in w.pool
             if o.result == "bool" and o.type not in ("bool", "set", "tuple", "float") and w.reads(o)]
    return w.apply(w.rng.choice(tests), 0)[0] if tests else w.expression("bool")


def loop_header(w: Writer, res: str) -> list[tuple[str, str]]:
    """Write a loop's first line; returns the loop variables it binds, as (type, name).

    Never loops over `res`, which the body may lengthen.
    """
    kinds = [kind for kind in LOOPS if set(w.scope.get(kind, ())) - {res}]
    kind = w.rng.choice(kinds + ["range", "range"])
    if kind == "range":
        name = w.fresh_loop("i")
        upto = next((v for v in w.scope.get("int", ()) if v != res), None) if w.rng.random() < 0.3 else None
        w.add(f"for {name} in range({upto or w.rng.randint(2, 4)}):")
        return [("int", name)]
    over = next(v for v in iter(lambda: w.variable(kind), None) if v != res)
    if kind == "dict":
        k, v = w.fresh_loop("k"), w.fresh_loop("v")
        w.add(f"for {k}, {v} in {over}.items():")
        return [("str", k), ("int", v)]
    item, stem = ITEMS[kind]
    name = w.fresh_loop(stem)
    if w.rng.random() < 0.25:
        i = w.fresh_loop("i")
        w.add(f"for {i}, {name} in enumerate({over}):")
        return [("int", i), (item, name)]
    w.add(f"for {name} in {over}:")
    return [(item, name)]


def block(w: Writer, depth: int, res: str, type_: str, op: Operation) -> None:
    """A control-flow block of at least `depth` nested levels that updates `res`."""
    kind = w.rng.choice(("for", "for", "if", "if", "while") if not w.in_loop else ("if", "if", "if", "for"))
    if kind == "if":
        return branch(w, depth, res, type_, op)
    saved, was = {k: list(v) for k, v in w.scope.items()}, w.in_loop
    if kind == "while":
        name = w.fresh("int")
        w.add(f"{name} = {w.rng.randint(2, 4)}")
        w.add(f"while {name} > 0:")
        bound = []
    else:
        bound = loop_header(w, res)
    w.indent, w.in_loop = w.indent + 1, kind
    for bound_type, loop_variable in bound:
        w.scope.setdefault(bound_type, []).append(loop_variable)
        w.unused.add(loop_variable)
    inner(w, depth, res, type_, op)
    if kind == "while":
        w.add(f"{name} -= 1")
    w.indent, w.in_loop = w.indent - 1, was
    w.scope = saved
    w.unused -= {loop_variable for _, loop_variable in bound}


def branch(w: Writer, depth: int, res: str, type_: str, op: Operation) -> None:
    """if / if-else / if-elif-else around the next level; names bound inside stay inside."""
    saved = {k: list(v) for k, v in w.scope.items()}
    w.add(f"if {condition(w, op)}:")
    w.indent += 1
    if w.in_loop and depth == 1 and w.rng.random() < 0.2:
        # A `continue` in a while loop would skip its countdown.
        w.add("break" if w.in_loop == "while" else w.rng.choice(("continue", "break")))
        w.indent -= 1
        return update(w, res, type_, op)
    inner(w, depth, res, type_, op)
    w.indent, w.scope = w.indent - 1, saved
    shape = w.rng.random()
    if shape < 0.25:
        w.add(f"elif {condition(w, None)}:")
        _indented_update(w, res, type_, None)
    if shape < 0.6:
        w.add("else:")
        _indented_update(w, res, type_, op if op.result == type_ else None)


def inner(w: Writer, depth: int, res: str, type_: str, op: Operation) -> None:
    """What stands inside a block: the next block, or at the innermost level an update by the operation."""
    if depth > 1:
        if w.rng.random() < 0.3:
            update(w, res, type_)
        block(w, depth - 1, res, type_, op)
    else:
        update(w, res, type_, op)
        if w.rng.random() < 0.15:
            update(w, res, type_)


def _indented_update(w: Writer, res: str, type_: str, op: Operation | None) -> None:
    w.indent += 1
    update(w, res, type_, op)
    w.indent -= 1
