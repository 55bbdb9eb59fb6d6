"""Statements and control-flow blocks of generated programs, written around one accumulator variable.

Scope: updates of the accumulator, conditions, and if/for/while blocks of a given nesting depth. Loops end by
construction: `for` never runs over what its body lengthens, `while` counts down a variable of its own, and
inside a loop no statement multiplies the accumulator's size. Every update reads the accumulator, so that no
earlier value of it is lost; only a lone statement of a branch may replace it.
"""

from __future__ import annotations

import re

from .constraints import Operation
from .writer import TRIES, UNQUOTED, WORD, Writer, literal, words

SELF_TEST = re.compile(r"\b(\w+) (?:==|!=|<|>|<=|>=|-|%|//|and|or) \1\b")
EMPTY = {"str": "''", "int": "0", "list": "[]", "slist": "[]", "float": "0.0"}
ITEMS = {"str": ("str", "c"), "list": ("int", "x"), "tuple": ("int", "x"), "slist": ("str", "w")}
SELDOM = ("str.differs", "list.equals", "dict.equals")  # tests that nearly always come out the same
LOOPS = ("str", "list", "slist", "dict", "tuple")
# How an accumulator of a type takes up a value of another, the usual first. {r}: accumulator, {v}: value,
# {k}: key.
TAKES = {
    "str": {"str": ("{r} += {v}",)},
    "int": {"int": ("{r} += {v}", "{r} += {v}", "{r} += {v}", "{r} -= {v}")},
    "float": {"float": ("{r} += {v}",), "int": ("{r} += {v}",)},
    "list": {"int": ("{r}.append({v})",), "list": ("{r} += {v}",)},
    "slist": {"str": ("{r}.append({v})",), "slist": ("{r} += {v}",)},
    "tuple": {"tuple": ("{r} += {v}",)},
    "set": {"int": ("{r}.add({v})",)},
    "dict": {"int": ("{r}[{k}] = {v}",)},
    "bool": {"bool": ("{r} = {r} and {v}", "{r} = {r} or {v}")},
}


def update(w: Writer, res: str, type_: str, op: Operation | None = None) -> None:
    """One statement that changes the accumulator `res`, through `op` where its type allows.

    Inside a loop a statement that could multiply the accumulator's size is drawn anew, and after some tries
    replaced by one that takes up a literal. The same goes for a statement that says nothing.
    """
    unread = set(w.unused)
    for _ in range(TRIES):
        w.unused, w.idle = set(unread), False
        line = _statement(w, res, type_, op)
        if not w.idle and not line.endswith("= 0") and not (w.in_loop and multiplies(line, res)):
            return w.add(line)
    w.unused = unread
    if type_ == "bool":
        return w.add(f"{res} = not {res}")
    return w.add(taken(w, res, type_, literal(w.rng, next(iter(TAKES[type_]))), next(iter(TAKES[type_]))))


def _statement(w: Writer, res: str, type_: str, op: Operation | None) -> str:
    if op and op.result is None and op.subject == type_:
        return w.apply(op, 0, first=res)[0]
    if op and op.result == type_ and op.operands[:1] == (type_,) and w.rng.random() < 0.5:
        return f"{res} = {w.apply(op, 0, first=res)[0]}"
    scope = w.hide(res) if w.in_loop or type_ in ("int", "float", "bool") or w.rng.random() < 0.8 else w.scope
    try:
        text, kind = through(w, op, type_) if op and op.result and op.result != "bool" else ("", "")
        if not text:
            kind = w.rng.choice([k for k in TAKES[type_] if w.scope.get(k)] or list(TAKES[type_]))
            text = w.expression(kind)
        return taken(w, res, type_, text, kind)
    finally:
        w.scope = scope


def through(w: Writer, op: Operation, type_: str) -> tuple[str, str]:
    """An expression with the operation in it that an accumulator of the type can take up, and its type.

    ("", "") where nothing leads from the operation's type to one that fits.
    """
    text, tight = w.apply(op, 0)
    if op.result in TAKES[type_]:
        return text, op.result
    around = [o for o in w.pool if o.result in TAKES[type_] and o.operands[:1] == (op.result,)]
    if not around:
        return "", ""
    outer = w.rng.choice(around)
    return w.apply(outer, 0, first=text if tight else f"({text})")[0], outer.result


def taken(w: Writer, res: str, type_: str, text: str, kind: str) -> str:
    """The statement by which the accumulator takes up an expression of a type that it can take."""
    form = w.rng.choice(TAKES[type_][kind])
    key = w.expression("str", 0) if "{k}" in form else ""
    return form.format(r=res, v=text, k=key)


def absorb(w: Writer, res: str, type_: str) -> None:
    """Statements by which the accumulator takes up, where types allow, what nothing has read."""
    waiting = [(name, kind) for kind, names in w.scope.items() for name in names if name in w.unused - {res}]
    for name, kind in waiting:
        text = name
        if kind not in TAKES[type_] or w.rng.random() < 0.4:
            text, kind = led(w, name, kind, type_)
        if text:
            w.add(taken(w, res, type_, text, kind))
            w.unused.discard(name)


def led(w: Writer, name: str, kind: str, type_: str) -> tuple[str, str]:
    """One or two operations that lead from a variable to what the accumulator can take up: (text, type).

    ("", "") where there are none.
    """
    last = [o for o in w.pool if o.result in TAKES[type_]]
    outer = [o for o in last if o.operands[:1] == (kind,)]
    if outer:
        op = w.rng.choice(outer)
        return w.apply(op, 0, first=name)[0], op.result
    starts = {o.operands[0] for o in last if o.operands}
    inner_ = [o for o in w.pool if o.operands[:1] == (kind,) and o.result in starts]
    if not inner_:
        return "", ""
    first = w.rng.choice(inner_)
    text, tight = w.apply(first, 0, first=name)
    op = w.rng.choice([o for o in last if o.operands[:1] == (first.result,)])
    return w.apply(op, 0, first=text if tight else f"({text})")[0], op.result


def multiplies(line: str, res: str) -> bool:
    """Whether a statement could multiply the variable it changes: it reads it twice, or repeats it."""
    named = WORD.findall(UNQUOTED.sub("", line)).count(res)
    return named > (2 if f"{res} = " in line else 1) or " * " in line and named > 1


def copied(text: str, type_: str) -> str:
    """A bare variable of a mutable type is copied: a loop over an alias that grows would not end."""
    mutable = type_ in ("list", "slist", "dict")
    return f"{type_.removeprefix('s')}({text})" if mutable and text.isidentifier() else text


def condition(w: Writer, op: Operation | None, res: str = "") -> str:
    """A condition on at least one variable: the operation under test where it fits, else a comparison.

    Before a loop the accumulator `res` holds what a reader knows already, so it is no part of a condition.
    """
    scope = w.hide(res) if res and not w.in_loop and res not in w.params else w.scope
    text, unread = "", set(w.unused)
    for _ in range(TRIES):
        w.unused, w.idle = set(unread), False
        text = _condition(w, op)
        if not w.idle and w.visible() & words(text) and not SELF_TEST.search(text):
            break
    w.scope = scope
    return text


def _condition(w: Writer, op: Operation | None) -> str:
    if op and op.result == "bool":
        return w.apply(op, 0)[0]
    if op and op.result == "int" and w.rng.random() < 0.5:
        return compared(w, op)
    tests = [o for o in w.pool if o.result == "bool" and w.reads(o)]
    usual = [o for o in tests if o.type not in ("bool", "set", "tuple", "float") and o.key not in SELDOM]
    counts = [o for o in w.pool if o.result == "int" and o.operands and w.reads(o) and o.type != "int"]
    if counts and (not usual or w.rng.random() < 0.4):
        return compared(w, w.rng.choice(counts))
    return w.apply(w.rng.choice(usual or tests), 0)[0] if tests else w.expression("bool")


def compared(w: Writer, op: Operation) -> str:
    """A comparison of what an operation gives, an int, with a small number."""
    return f"{w.apply(op, 0)[0]} {w.rng.choice(('>', '<', '==', '>=', '!='))} {w.rng.randint(0, 6)}"


def loop_header(w: Writer, res: str) -> list[tuple[str, str]]:
    """Write a loop's first line; returns the loop variables it binds, as (type, name).

    Never loops over `res`, which the body may lengthen.
    """
    kinds = [kind for kind in LOOPS if set(w.scope.get(kind, ())) - {res}]
    kind = w.rng.choice([*kinds, "range"])
    if kind == "range":
        name = w.fresh_loop("i")
        bounded = not w.in_loop and w.rng.random() < 0.4
        upto = next((v for v in w.scope.get("int", ()) if v != res), None) if bounded else None
        w.unused.discard(upto)
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
    """A control-flow block of exactly `depth` nested levels that updates `res`.

    An operation that gives a truth value is the condition of the innermost level.
    """
    kind = w.rng.choice(("for", "for", "if", "if", "while") if not w.in_loop else ("if", "if", "if", "for"))
    if kind == "if" or depth == 1 and op.result == "bool":
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
    saved, shape = {k: list(v) for k, v in w.scope.items()}, w.rng.random()
    w.add(f"if {condition(w, op, res)}:")
    start = len(w.lines)
    w.indent += 1
    if w.in_loop and depth == 1 and w.rng.random() < 0.2:
        # A `continue` in a while loop would skip its countdown.
        w.add("break" if w.in_loop == "while" else w.rng.choice(("continue", "break")))
        w.indent -= 1
        return update(w, res, type_, op)
    if depth == 1 and shape > 0.85 and op.result == "bool":
        overwrite(w, res, type_)
    else:
        inner(w, depth, res, type_, op)
    w.indent, w.scope = w.indent - 1, saved
    if shape < 0.6:
        otherwise(w, start, res, type_, op, chained=shape < 0.25)


def otherwise(w: Writer, start: int, res: str, type_: str, op: Operation, chained: bool) -> None:
    """The rest of the `if` whose body is the lines from `start`: mostly a test and an update of their own."""
    if chained:
        for _ in range(TRIES):
            test = condition(w, None, res)
            if not w.lines[start - 1].endswith(f"if {test}:"):
                w.add(f"elif {test}:")
                _indented_update(w, res, type_, None)
                break
    body, here = w.lines[start:], len(w.lines)
    for _ in range(TRIES):
        del w.lines[here:]
        w.add("else:")
        _indented_update(w, res, type_, op if op.result == type_ else None)
        if w.lines[here + 1:] != body:
            break


def overwrite(w: Writer, res: str, type_: str) -> None:
    """A statement that gives the accumulator a new value, a copy where it would share a mutable one."""
    scope = w.hide(res)
    text = copied(w.expression(type_), type_)
    w.scope = scope
    w.add(f"{res} = {text}")


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
