"""Heads of loops and what ends them: for over every kind of container, range, enumerate, zip, reversed, and while.

Scope: loops that end by construction: no `for` runs over what its body lengthens (accumulators are never looped
over), and each `while` makes progress in a line of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from . import names
from .draft import Draft, Dropped, Var

ITEMS = {
    "str": "char",
    "ints": "int",
    "strs": "str",
    "floats": "float",
    "rows": "ints",
    "pairs": "pair",
    "tup": "int",
    "stup": "str",
    "set": "int",
    "sset": "str",
}
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


@dataclass
class Loop:
    """A loop whose head has been written: its variables (the one to work with first), and closing lines."""

    vars: list[Var]
    tail: list[str] = field(default_factory=list)
    mark: int = 0


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


def _enter(w: Draft, head: str) -> None:
    w.add(head)
    w.level += 1


def _var(w: Draft, kind: str, table: str | None = None) -> Var:
    var = Var(names.pick(w.rng, names.LOOPS, table or kind, w.taken), kind)
    w.taken.add(var.name)
    w.scope.append(var)
    return var


def _focus_loop(w: Draft) -> Loop:
    """The loop that is itself under test: range, enumerate, zip or reversed."""
    over = [w.have(w.variant.holes[0])]
    key = w.variant.key
    w.placed = True
    w.used.append(key)
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
        one, two = _named(w, "str", "name key word label k"), _named(w, "int", "value n count v score num")
        _enter(w, f"for {one.name}, {two.name} in {w.read(over)}:")
        return Loop([w.rng.choice((one, two)), one, two])
    sort = kind in ("set", "sset")
    text = f"sorted({w.read(over)})" if sort else w.read(over) + _part(w, kind)
    var = _var(w, ITEMS[kind])
    _enter(w, f"for {var.name} in {text}:")
    return Loop([var])


def _part(w: Draft, kind: str) -> str:
    """A slice of what is looped over, at times."""
    return w.rng.choice(("[1:]", "[::-1]", "[:-1]", "[::2]")) if kind in SEQUENCES and w.maybe(0.08) else ""


def _named(w: Draft, kind: str, words: str) -> Var:
    var = Var(names.pick(w.rng, {kind: words}, kind, w.taken), kind)
    w.taken.add(var.name)
    w.scope.append(var)
    return var


def _range(w: Draft, over: Var) -> Loop:
    var = _var(w, "int", "index")
    n = w.read(over)
    _enter(
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
    index, xs = _var(w, "int", "index"), w.read(over)
    head = w.rng.choice(
        (f"range(len({xs}))",) * 4
        + (f"range(1, len({xs}))", f"range(len({xs}) - 1, -1, -1)", f"range(0, len({xs}), 2)")
    )
    _enter(w, f"for {index.name} in {head}:")
    item = Var(f"{xs}[{index.name}]", ITEMS[over.kind])
    w.scope.append(item)
    return Loop([item, index])


def _enumerate(w: Draft, over: Var) -> Loop:
    index, item = _var(w, "int", "index"), _var(w, ITEMS[over.kind])
    _enter(w, f"for {index.name}, {item.name} in enumerate({w.read(over)}{', 1' if w.maybe(0.1) else ''}):")
    w.unread |= {index.name, item.name}
    return Loop([item, index])


def _reversed(w: Draft, over: Var) -> Loop:
    var = _var(w, ITEMS[over.kind])
    _enter(w, f"for {var.name} in reversed({w.read(over)}):")
    return Loop([var])


def _zip(w: Draft, over: Var) -> Loop:
    other = w.find(over.kind, frozenset((over.name,)))
    if other is None and w.maybe(0.4) and over.kind != "str":
        second = f"{over.name}[1:]"
    else:
        other = other or w.parameter(over.kind)
        second = w.read(other)
    kind = ITEMS[over.kind]
    one, two = _named(w, kind, "a x prev left c1 first"), _named(w, kind, "b y cur right c2 second")
    _enter(w, f"for {one.name}, {two.name} in zip({w.read(over)}, {second}):")
    w.unread |= {one.name, two.name}
    return Loop([one, two])


def _items(w: Draft, over: Var) -> Loop:
    value_kind = {"dict": "int", "groups": "ints", "sdict": "str"}[over.kind]
    how, name = w.rng.random(), w.read(over)
    if how < 0.15:
        key = _named(w, "str", "key k name")
        _enter(w, f"for {key.name} in {w.rng.choice((name, f'sorted({name})'))}:")
        item = Var(f"{name}[{key.name}]", value_kind)
        w.scope.append(item)
        return Loop([item, key])
    if how < 0.25:
        value = _named(w, value_kind, "value v val")
        _enter(w, f"for {value.name} in {name}.values():")
        return Loop([value])
    key, value = _named(w, "str", "key k key name"), _named(w, value_kind, "value v val value")
    _enter(
        w,
        f"for {key.name}, {value.name} in {w.rng.choice((f'{name}.items()',) * 4 + (f'sorted({name}.items())',))}:",
    )
    w.unread |= {key.name, value.name}
    return Loop([value, key])


def _while_index(w: Draft) -> Loop:
    over = w.have(w.rng.choice(("str", "ints", "strs")))
    i, xs = w.local("int", {"int": "i idx pos i"}), w.read(over)
    w.unread.discard(i.name)
    w.add(f"{i.name} = 0")
    _enter(w, f"while {i.name} < len({xs}):")
    item = Var(f"{xs}[{i.name}]", ITEMS[over.kind])
    w.scope.append(item)
    return Loop([item, i], [f"{i.name} += {w.rng.choice('1112')}"])


def _while_pop(w: Draft) -> Loop:
    over = w.have(w.rng.choice(("ints", "strs")))
    xs = w.read(over)
    least = w.rng.choice(("", "", f"len({xs}) > 1"))
    _enter(w, f"while {least or xs}:")
    item = _var(w, ITEMS[over.kind])
    w.unread.add(item.name)
    w.add(f"{item.name} = {xs}.pop({w.rng.choice(('', '', '0'))})")
    return Loop([item])


def _while_digits(w: Draft) -> Loop:
    n = w.have("int")
    base = w.rng.choice(("10", "10", "2", "3"))
    _enter(w, f"while {w.read(n)} > 0:")
    digit = _named(w, "int", "digit d r rem")
    w.unread.add(digit.name)
    w.add(f"{digit.name} = {n.name} % {base}")
    return Loop([digit], [f"{n.name} //= {base}"])


def _while_ends(w: Draft) -> Loop:
    over = w.have(w.rng.choice(("str", "ints")))
    xs = w.read(over)
    one, two = w.local("int", {"int": "left lo i start"}), w.local("int", {"int": "right hi j end"})
    w.unread -= {one.name, two.name}
    w.add(f"{one.name}, {two.name} = 0, len({xs}) - 1")
    _enter(w, f"while {one.name} < {two.name}:")
    items = [Var(f"{xs}[{one.name}]", ITEMS[over.kind]), Var(f"{xs}[{two.name}]", ITEMS[over.kind])]
    w.scope += items
    w.unread |= {item.name for item in items}
    return Loop(items, [f"{one.name} += 1", f"{two.name} -= 1"])


def _while_shrink(w: Draft) -> Loop:
    over = w.have(w.rng.choice(("str", "str", "ints")))
    xs = w.read(over)
    front = w.maybe(0.6)
    longer = f"len({xs}) > {w.role('num')[0]}"
    _enter(w, f"while {w.rng.choice((longer, xs))}:")
    item = Var(f"{xs}[{0 if front else -1}]", ITEMS[over.kind])
    w.scope.append(item)
    return Loop(
        [item], [f"{xs} = {xs}[{w.rng.choice('112')}:]" if front else f"{xs} = {xs}[:-{w.rng.choice('112')}]"]
    )


WHILES: tuple[Callable[[Draft], Loop], ...] = (
    _while_index,
    _while_index,
    _while_pop,
    _while_digits,
    _while_ends,
    _while_shrink,
)
__all__ = ["Dropped", "Loop", "begin", "end", "source"]
