"""Cases of one value: early returns, or one variable set in each case."""

from __future__ import annotations

from .blocks import TRIES, condition
from .draft import Draft, Dropped, Var
from .fits import hole_for
from .space import ROLES
from .values import literal


def branch(w: Draft, var: Var) -> None:
    """Cases of one value: early returns, or one variable set in each."""
    kind = w.rng.choice((var.kind, "str", "int"))
    v = w.variant
    if not w.placed and v.result and v.result not in ("bool", "char") and w.maybe(0.6):
        kind = v.result
    kind = kind if kind not in ROLES else "int"
    if not w.placed and v.result is None and hole_for(v, var.kind) is not None:
        w.add(f"if {condition(w, [var])}:")
        w.add(f"    {w.apply(v, 0, first=var)[0]}")
        w.add(f"return {w.read(var) if w.maybe(0.7) else w.via(var, 'int', 1)[0]}")
        return
    if w.maybe(0.25):
        made = w.local("int" if w.maybe(0.5) else var.kind)
        text, _ = w.via(var, made.kind, 0)
        if text != var.name:
            w.add(f"{made.name} = {text}")
            given = [made, var]
        else:
            w.scope.remove(made)
            given = [var]
    else:
        given = [var]
    returns, target = w.maybe(0.7), None
    seen: set[str] = set()
    if not returns:
        target = w.local(kind).name
    cases = w.rng.choice((1, 1, 1, 2))
    for i in range(cases + 1):
        last = i == cases
        text = _value(w, given, kind, seen)
        head = "el" if i and (not returns or w.maybe(0.3)) else ""
        if last and returns and w.maybe(0.75):
            w.add(f"return {text}")
            return
        w.add("else:" if last else f"{head}if {condition(w, given)}:")
        w.add(f"    return {text}" if returns else f"    {target} = {text}")
    if not returns:
        w.unread.discard(target or "")
        w.add(f"return {target}")


def _value(w: Draft, given: list[Var], kind: str, seen: set[str]) -> str:
    for _ in range(TRIES):
        if kind in ("str", "int") and w.placed and w.maybe(0.2):
            text = literal(w.rng, kind)
        else:
            text, _ = w.via(w.rng.choice(given), kind, 1)
        if text not in seen:
            seen.add(text)
            return text
    raise Dropped
