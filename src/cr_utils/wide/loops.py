"""Loops over every kind of container, range, enumerate, zip and reversed, and how they end.

Scope: loops that end by construction: no `for` runs over what its body lengthens (accumulators are never
looped over), and each `while` makes progress in a line of its own.
"""

from __future__ import annotations

from .draft import Draft, Dropped, Var
from .heads import ITEMS, Loop, enter, named, variable
from .whiles import WHILES

SOURCES = (
    "str",
    "ints",
    "strs",
    "dict",
    "pairs",
    "rows",
    "tup",
    "stup",
    "groups",
    "sdict",
    "int",
    "floats",
    "set",
    "sset",
)
WEIGHTS = (32, 24, 14, 8, 4, 3, 1.5, 1, 2, 1.5, 5, 1.5, 0.7, 0.5)
SEQUENCES = frozenset(("str", "ints", "strs", "tup", "stup"))
CONTAINER = {item: kind for kind, item in reversed(ITEMS.items())} | {"char": "str"}


def begin(w: Draft, inner: tuple[Var, ...] = (), only_for: bool = False) -> Loop:
    """Write the head of a loop and enter it."""
    mark = len(w.scope)
    focus = w.variant if not w.placed else None
    if focus and focus.loop:
        loop = _focus_loop(w)
    elif not only_for and w.maybe(0.13):
        loop = w.rng.choice(WHILES)(w)
    else:
        loop = _for(w, source(w, inner))
    loop.mark = mark
    w.tails.append(bool(loop.tail))
    return loop


def end(w: Draft, loop: Loop) -> None:
    """Leave a loop: its closing lines; its variables go out of scope."""
    for line in loop.tail:
        w.add(line)
    w.level -= 1
    w.tails.pop()
    kept = [v for v in w.scope[loop.mark :] if v in w.params]
    for var in w.scope[loop.mark :]:
        if var not in kept:
            w.unread.discard(var.name)
    w.scope[loop.mark :] = kept


def source(w: Draft, inner: tuple[Var, ...] = ()) -> Var:
    """What to loop over: a variable in scope, or a new parameter."""
    looped = [v for v in (inner or w.scope) if v.kind in ITEMS or v.kind in ("dict", "groups", "sdict")]
    focus = w.variant if not w.placed else None
    if looped and (inner or w.maybe(0.75)):
        return w.rng.choice(looped)
    if focus and focus.holes and w.maybe(0.8):
        hole = focus.holes[0]
        kind = CONTAINER[hole] if hole in CONTAINER and w.maybe(0.75) else hole
        if kind in SOURCES:
            return w.have(kind)
    return w.have(w.rng.choices(SOURCES, WEIGHTS)[0])


def _focus_loop(w: Draft) -> Loop:
    """The loop that is itself under test: range, enumerate, zip or reversed."""
    over = [w.have(w.variant.holes[0])]
    key = w.variant.key
    w.placed = True
    w.used.append(key)
    w.shown.append(key.partition(".")[0] + "(")
    if key.startswith("range"):
        return _range(w, over[0])
    if key.startswith("zip"):
        return _zip(w, over[0])
    return _enumerate(w, over[0]) if key.startswith("enum") else _reversed(w, over[0])


def _for(w: Draft, over: Var) -> Loop:
    kind = over.kind
    if kind == "int":
        return _range(w, over)
    if kind in ("dict", "groups", "sdict"):
        return _items(w, over)
    how = w.rng.random()
    if kind in SEQUENCES:
        if how < 0.16:
            return _enumerate(w, over)
        if how < 0.36:
            return _indexed(w, over)
        if how < 0.41:
            return _reversed(w, over)
        if how < 0.47:
            return _zip(w, over)
    if kind == "pairs" and how < 0.75:
        w.taken |= {"name"}
        one, two = named(w, "str", "name key word label k"), named(w, "int", "value n count v score num")
        enter(w, f"for {one.name}, {two.name} in {w.read(over)}:")
        return Loop([w.rng.choice((one, two)), one, two])
    sort = kind in ("set", "sset")
    text = f"sorted({w.read(over)})" if sort else w.read(over) + _part(w, kind)
    var = variable(w, ITEMS[kind])
    enter(w, f"for {var.name} in {text}:")
    return Loop([var])


def _part(w: Draft, kind: str) -> str:
    """A slice of what is looped over, at times."""
    return w.rng.choice(("[1:]", "[::-1]", "[:-1]", "[::2]")) if kind in SEQUENCES and w.maybe(0.08) else ""


def _range(w: Draft, over: Var) -> Loop:
    var = variable(w, "int", "index")
    n = w.read(over)
    enter(
        w,
        f"for {var.name} in "
        + w.rng.choice(
            (
                f"range({n}):",
                f"range({n}):",
                f"range(1, {n} + 1):",
                f"range(1, {n}):",
                f"range({n}, 0, -1):",
                f"range(0, {n}, 2):",
            )
        ),
    )
    return Loop([var])


def _indexed(w: Draft, over: Var) -> Loop:
    """`for i in range(len(xs))`, the item by its index."""
    index, xs = variable(w, "int", "index"), w.read(over)
    head = w.rng.choice(
        (f"range(len({xs}))",) * 4
        + (f"range(1, len({xs}))", f"range(len({xs}) - 1, -1, -1)", f"range(0, len({xs}), 2)")
    )
    enter(w, f"for {index.name} in {head}:")
    item = Var(f"{xs}[{index.name}]", ITEMS[over.kind])
    w.scope.append(item)
    return Loop([item, index])


def _enumerate(w: Draft, over: Var) -> Loop:
    index, item = variable(w, "int", "index"), variable(w, ITEMS[over.kind])
    enter(w, f"for {index.name}, {item.name} in enumerate({w.read(over)}{', 1' if w.maybe(0.1) else ''}):")
    w.unread |= {index.name, item.name}
    return Loop([item, index])


def _reversed(w: Draft, over: Var) -> Loop:
    var = variable(w, ITEMS[over.kind])
    enter(w, f"for {var.name} in reversed({w.read(over)}):")
    return Loop([var])


def _zip(w: Draft, over: Var) -> Loop:
    other = w.find(over.kind, frozenset((over.name,)))
    if other is None and w.maybe(0.4) and over.kind != "str":
        second = f"{over.name}[1:]"
    else:
        other = other or w.parameter(over.kind)
        second = w.read(other)
    kind = ITEMS[over.kind]
    one, two = named(w, kind, "a x prev left c1 first"), named(w, kind, "b y cur right c2 second")
    enter(w, f"for {one.name}, {two.name} in zip({w.read(over)}, {second}):")
    w.unread |= {one.name, two.name}
    return Loop([one, two])


def _items(w: Draft, over: Var) -> Loop:
    value_kind = {"dict": "int", "groups": "ints", "sdict": "str"}[over.kind]
    how, name = w.rng.random(), w.read(over)
    if how < 0.15:
        key = named(w, "str", "key k name")
        enter(w, f"for {key.name} in {w.rng.choice((name, f'sorted({name})'))}:")
        item = Var(f"{name}[{key.name}]", value_kind)
        w.scope.append(item)
        return Loop([item, key])
    if how < 0.25:
        value = named(w, value_kind, "value v val")
        enter(w, f"for {value.name} in {name}.values():")
        return Loop([value])
    key, value = named(w, "str", "key k key name"), named(w, value_kind, "value v val value")
    items = w.rng.choice((f"{name}.items()",) * 4 + (f"sorted({name}.items())",))
    enter(w, f"for {key.name}, {value.name} in {items}:")
    w.unread |= {key.name, value.name}
    return Loop([value, key])


__all__ = ["Dropped", "Loop", "begin", "end", "source"]
