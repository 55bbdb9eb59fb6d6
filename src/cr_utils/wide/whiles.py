"""Loops with `while`: each makes progress in a line of its own, so that it ends."""

from __future__ import annotations

from collections.abc import Callable

from .draft import Draft, Var
from .heads import ITEMS, Loop, enter, named, variable


def _while_index(w: Draft) -> Loop:
    over = w.have(w.rng.choice(("str", "ints", "strs")))
    i, xs = w.local("int", {"int": "i idx pos i"}), w.read(over)
    w.unread.discard(i.name)
    w.add(f"{i.name} = 0")
    enter(w, f"while {i.name} < len({xs}):")
    item = Var(f"{xs}[{i.name}]", ITEMS[over.kind])
    w.scope.append(item)
    return Loop([item, i], [f"{i.name} += {w.rng.choice('1112')}"])


def _while_pop(w: Draft) -> Loop:
    over = w.have(w.rng.choice(("ints", "strs")))
    xs = w.read(over)
    least = w.rng.choice(("", "", f"len({xs}) > 1"))
    enter(w, f"while {least or xs}:")
    item = variable(w, ITEMS[over.kind])
    w.unread.add(item.name)
    w.add(f"{item.name} = {xs}.pop({w.rng.choice(('', '', '0'))})")
    return Loop([item])


def _while_digits(w: Draft) -> Loop:
    n = w.have("int")
    base = w.rng.choice(("10", "10", "2", "3"))
    enter(w, f"while {w.read(n)} > 0:")
    digit = named(w, "int", "digit d r rem")
    w.unread.add(digit.name)
    w.add(f"{digit.name} = {n.name} % {base}")
    return Loop([digit], [f"{n.name} //= {base}"])


def _while_ends(w: Draft) -> Loop:
    over = w.have(w.rng.choice(("str", "ints")))
    xs = w.read(over)
    one, two = w.local("int", {"int": "left lo i start"}), w.local("int", {"int": "right hi j end"})
    w.unread -= {one.name, two.name}
    w.add(f"{one.name}, {two.name} = 0, len({xs}) - 1")
    enter(w, f"while {one.name} < {two.name}:")
    items = [Var(f"{xs}[{one.name}]", ITEMS[over.kind]), Var(f"{xs}[{two.name}]", ITEMS[over.kind])]
    w.scope += items
    w.unread |= {item.name for item in items}
    return Loop(items, [f"{one.name} += 1", f"{two.name} -= 1"])


def _while_shrink(w: Draft) -> Loop:
    over = w.have(w.rng.choice(("str", "str", "ints")))
    xs = w.read(over)
    front = w.maybe(0.6)
    longer = f"len({xs}) > {w.role('num')[0]}"
    enter(w, f"while {w.rng.choice((longer, xs))}:")
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
