"""A parameter rewritten in a loop: a list item by item, a text by replacement."""

from __future__ import annotations

from . import names
from .blocks import condition
from .draft import Draft, Dropped, Var
from .endings import Program, done


def rewrite(w: Draft, depth: int) -> Program | None:
    """A parameter rewritten in a loop: a list item by item, a text by replacement."""
    if w.variant.loop:
        raise Dropped
    kind = w.rng.choice(("ints", "ints", "strs", "str"))
    main = w.parameter(kind)
    if kind == "str":
        over = w.parameter(w.rng.choice(("chars", "strs")))
        item = Var(names.pick(w.rng, names.LOOPS, "char", w.taken), "char")
        w.add(f"for {item.name} in {w.read(over)}:")
        test, line = [item], f"{w.read(main)} = {main.name}.replace({item.name}, {{}})"
        value_kind = "str"
    else:
        index = Var(names.pick(w.rng, names.LOOPS, "index", w.taken), "int")
        w.add(f"for {index.name} in range(len({w.read(main)})):")
        item = Var(f"{main.name}[{index.name}]", "int" if kind == "ints" else "str")
        test, line, value_kind = [item, index], f"{item.name} = {{}}", item.kind
    w.taken.add(item.name)
    w.scope += test
    w.level += 1
    for _ in range(depth - 1):
        w.add(f"if {condition(w, test)}:")
        w.level += 1
    value, _ = w.via(w.rng.choice(test) if value_kind == "int" else item, value_kind, 1)
    if value == item.name:
        raise Dropped
    w.add(line.replace("{}", value))
    if depth == 2 and kind != "str" and w.maybe(0.4):
        w.level -= 1
        w.add("else:")
        w.level += 1
        w.add(line.replace("{}", w.via(item, value_kind, 0)[0]))
    w.level = 1
    w.scope = [v for v in w.scope if v not in test]
    w.add(f"return {main.name if w.placed or w.maybe(0.5) else w.via(main, kind, 1)[0]}")
    return done(w)
