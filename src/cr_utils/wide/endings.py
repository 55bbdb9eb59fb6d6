"""What all shapes of programs share: the kind of the first parameter, the last line, the finished program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .blocks import begin_result
from .draft import Draft, Dropped, Var
from .space import ROLES
from .values import literal

MAINS = ("str", "ints", "strs", "dict", "int", "pairs", "rows", "tup", "float", "set", "sdict", "groups")
MAIN_WEIGHTS = (28, 20, 9, 8, 5, 3, 2, 2, 2, 1, 2, 1)


@dataclass(frozen=True)
class Program:
    """Source with entry point `f`, the kinds of f's parameters, and the operations that it was made of."""

    code: str
    kinds: tuple[str, ...]
    used: tuple[str, ...]


def done(w: Draft, helper: Sequence[str] = (), room: int = 3) -> Program | None:
    """The draft as a program, where it holds the operation under test and has parameters."""
    if not w.placed or not w.params or len(w.params) > room + 1:
        return None
    params = list(w.params)
    code = "\n".join([*helper, f"def f({', '.join(v.name for v in params)}):", *w.lines])
    if w.focus and not any(text in code for text in w.shown):
        return None  # it was written, and then written over
    return Program(code, tuple(v.kind for v in params), tuple(w.used))


def main_kind(w: Draft) -> str:
    """The kind of the first parameter: what the operation under test works on, or a usual one."""
    for hole in w.variant.holes if w.variant else ():
        if hole not in ROLES:
            return "str" if hole == "char" else hole
    return w.rng.choices(MAINS, MAIN_WEIGHTS)[0]


def last(w: Draft, var: Var) -> None:
    """Return something made of the variable, and of every other one that is not read yet."""
    rest = [v for v in w.scope if v.name in w.unread and v.name != var.name]
    kind = (
        w.variant.result
        if not w.placed
        else w.rng.choice((var.kind, "str", "str", "int", "bool", "strs" if var.kind == "str" else "ints"))
    )
    if kind is None:
        raise Dropped
    for _ in range(4):
        text, tight = w.via(var, "str" if kind == "char" else kind, 1)
        if text != var.name or not w.placed:
            break
    if kind == "int" and w.maybe(0.15):
        other, _ = w.expr("int", 1)
        text = f"{text} + {other}"
    if rest:
        text = f"{text}, {w.read(rest[0])}"
    elif w.maybe(0.06):
        text = f"{text}, {w.expr('int', 1)[0]}"
    if text in (v.name for v in w.params):
        raise Dropped
    w.add(f"return {text}")


def combined(w: Draft, one: Var, two: Var) -> str:
    """Two variables in one expression."""
    a, b = w.read(one), w.read(two)
    kinds = {one.kind, two.kind}
    forms = [f"{a}, {b}", f"[{a}, {b}]" if len(kinds) == 1 else f"({a}, {b})"]
    if kinds == {"int"}:
        forms = [f"{a} + {b}", f"{a} * {b}", f"{a} - {b}", f"max({a}, {b})", *forms[:1]]
    elif kinds == {"str"}:
        forms = [
            f"{a} + {b}",
            f"f'{{{a}}}-{{{b}}}'",
            f"{a} + {literal(w.rng, 'sub')} + {b}",
            f"'{{}} {{}}'.format({a}, {b})",
        ]
    elif kinds == {"str", "int"}:
        n, s = (a, b) if one.kind == "int" else (b, a)
        forms = [f"f'{{{s}}}:{{{n}}}'", f"{s} + str({n})", f"{s} * {n}", f"{s}[:{n}]", *forms[:1]]
    elif one.kind == two.kind and one.kind in ("ints", "strs", "tup", "stup"):
        forms = [f"{a} + {b}", f"{b} + {a}"]
    elif "bool" in kinds and w.maybe(0.6):
        flag, other = (a, b) if one.kind == "bool" else (b, a)
        if {one.kind, two.kind} != {"bool"}:
            empty = begin_result(
                {"int": "int", "str": "str"}.get(two.kind if one.kind == "bool" else one.kind, "none")
            )
            forms = [f"{other} if {flag} else {empty}"]
    return w.rng.choice(forms)
