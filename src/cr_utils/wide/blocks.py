"""Control flow around an accumulator: conditions, nested blocks, and the statements that fill it."""

from __future__ import annotations

from . import loops
from .draft import Draft, Dropped, Var
from .fits import hole_for
from .values import literal

EMPTY = {
    "str": "''",
    "int": "0",
    "float": "0.0",
    "ints": "[]",
    "strs": "[]",
    "list": "[]",
    "pairs": "[]",
    "rows": "[]",
    "dict": "{}",
    "groups": "{}",
    "set": "set()",
    "sset": "set()",
    "bool": "False",
    "tup": "()",
    "stup": "()",
    "none": "None",
}
ACCUMULATORS = ("str", "ints", "strs", "int", "dict", "groups", "pairs", "sset", "set")
WEIGHTS = (34, 14, 22, 16, 10, 4, 3, 1, 1)
ITEM = {
    "ints": "int",
    "strs": "str",
    "set": "int",
    "sset": "str",
    "tup": "int",
    "stup": "str",
    "rows": "ints",
}
TRIES = 6


def begin_result(kind: str) -> str:
    """What an accumulator of a kind begins as."""
    return EMPTY.get(kind, "None")


def result_kind(w: Draft) -> str:
    """The kind of the accumulator: what the operation under test changes or gives, or a usual one."""
    v = w.variant
    if v is not None and not w.placed:
        subject = v.holes[0] if v.holes else ""
        if v.result is None and not v.loop and subject in ACCUMULATORS and w.maybe(0.6):
            return subject
        if v.result in ACCUMULATORS and w.maybe(0.3):
            return v.result
    return w.rng.choices(ACCUMULATORS, WEIGHTS)[0]


def condition(w: Draft, given: list[Var]) -> str:
    """A test of one of the variables."""
    unread = [v for v in given if v.name in w.unread]
    text, _ = w.via(w.rng.choice(unread or given[:2]), "bool", 1 if w.maybe(0.25) else 0)
    how = w.rng.random()
    if how < 0.10:
        other, _ = w.via(w.rng.choice(given), "bool", 0)
        if other != text:
            return f"{text} {w.rng.choice(('and', 'or', 'and'))} {other}"
    if how < 0.14 and " not in " not in text and "==" not in text:
        return f"not {text}" if " " not in text else f"not ({text})"
    return text


def leaf(w: Draft, acc: Var, given: list[Var]) -> None:
    """One statement that changes the accumulator."""
    v = w.variant
    if (
        not w.placed
        and v.result is None
        and not v.loop
        and hole_for(v, acc.kind) is not None
        and w.maybe(0.8)
    ):
        return w.add(w.apply(v, 0, first=acc)[0])
    unread = [one for one in given if one.name in w.unread]
    var = w.rng.choice(unread or given)
    made = STATEMENTS.get(acc.kind, _number)(w, acc.name, var, acc.kind)
    w.add(made)
    return None


def _text(w: Draft, acc: str, var: Var, kind: str) -> str:
    value, tight = w.via(var, "str", 1)
    how = w.rng.random()
    if how < 0.12:
        return f"{acc} = {value} + {acc}"
    if how < 0.2:
        return f"{acc} += {value if tight else '(' + value + ')'} + {literal(w.rng, 'sub')}"
    return f"{acc} += {value}"


def _list(w: Draft, acc: str, var: Var, kind: str) -> str:
    value, _ = w.via(var, ITEM[kind], 1)
    how = w.rng.random()
    if how < 0.08:
        return f"{acc}.insert(0, {value})"
    if how < 0.12:
        return f"{acc} = [{value}] + {acc}"
    if how < 0.15:
        return f"{acc} += [{value}]"
    return f"{acc}.append({value})"


def _number(w: Draft, acc: str, var: Var, kind: str) -> str:
    how = w.rng.random()
    if how < 0.3 and (w.placed or w.maybe(0.3)):
        w.read(var)
        return f"{acc} += 1"
    value, tight = w.via(var, "int", 1)
    if how < 0.36:
        return f"{acc} = max({acc}, {value})"
    if how < 0.42:
        return f"{acc} -= {value}"
    if how < 0.46:
        return f"{acc} = {acc} * 2 + {value if tight else '(' + value + ')'}"
    return f"{acc} += {value}"


def _dict(w: Draft, acc: str, var: Var, kind: str) -> str:
    key = _key(w, var)
    how = w.rng.random()
    if how < 0.45 and w.placed:
        return f"{acc}[{key}] = {acc}.get({key}, 0) + {w.rng.choice(('1', '1', '1', '2'))}"
    others = [v for v in w.scope[-3:] if v.kind in ("int", "char", "str", "ints", "strs") and v.name != key]
    value, tight = w.via(w.rng.choice(others) if others else var, "int", 1)
    if how < 0.7:
        return f"{acc}[{key}] = {acc}.get({key}, 0) + {value if tight else '(' + value + ')'}"
    return f"{acc}[{key}] = {value}"


def _key(w: Draft, var: Var) -> str:
    if var.kind in ("char", "str", "int") and w.maybe(0.7):
        return w.read(var)
    return w.via(var, w.rng.choice(("str", "int")), 0)[0]


def _groups(w: Draft, acc: str, var: Var, kind: str) -> str:
    key, _ = w.via(var, w.rng.choice(("int", "int", "str")), 0)
    if key == var.name and not w.maybe(0.3):
        raise Dropped
    return f"{acc}.setdefault({key}, []).append({w.read(var)})"


def _pairs(w: Draft, acc: str, var: Var, kind: str) -> str:
    value, _ = w.via(var, w.rng.choice(("int", "str")), 1)
    first = w.rng.choice([v for v in w.scope[-3:] if v.kind in ("int", "char", "str")] or [var])
    if first.name == value:
        value, _ = w.via(var, "int", 0)
    return f"{acc}.append(({w.read(first)}, {value}))"


def _set(w: Draft, acc: str, var: Var, kind: str) -> str:
    return f"{acc}.add({w.via(var, ITEM[kind], 1)[0]})"


STATEMENTS = {
    "str": _text,
    "ints": _list,
    "strs": _list,
    "int": _number,
    "float": _number,
    "dict": _dict,
    "groups": _groups,
    "pairs": _pairs,
    "set": _set,
    "sset": _set,
}


def nest(w: Draft, depth: int, acc: Var, given: list[Var]) -> None:
    """Control flow exactly `depth` deep, the accumulator's statements in it."""
    if w.maybe(0.15):
        given = _named_part(w, given)
    if depth <= 0:
        leaf(w, acc, given)
        if w.maybe(0.1):
            _second(w, acc, given)
        return
    how = w.rng.random()
    inner = tuple(v for v in given if v.kind in loops.ITEMS)
    if how < 0.16 and (inner or w.maybe(0.4)):
        loop = loops.begin(w, inner, only_for=True)
        nest(w, depth - 1, acc, [*loop.vars, *[v for v in given if v.kind in ("int", "char", "str")][:1]])
        return loops.end(w, loop)
    if how < 0.26 and depth == 1 and w.tails:
        w.add(f"if {condition(w, given)}:")
        w.add(f"    {w.jump()}")
        return leaf(w, acc, given)
    _cases(w, depth, acc, given, others=0 if how < 0.55 else 1 if how < 0.85 else 2)
    return None


def _cases(w: Draft, depth: int, acc: Var, given: list[Var], others: int) -> None:
    """if, with an else, or with elif (and else); the first holds what nests deeper."""
    seen: set[str] = set()
    for i in range(others + 1):
        last = i == others and others > 0 and (others == 1 or w.maybe(0.7))
        w.add("else:" if last else f"{'el' if i else ''}if {condition(w, given)}:")
        w.level += 1
        at, scope = len(w.lines), list(w.scope)
        for _ in range(TRIES):
            del w.lines[at:]
            if i == 0 and depth > 1:
                nest(w, depth - 1, acc, given)
            elif i and w.tails and not last and w.maybe(0.12):
                w.add(w.jump())
            else:
                leaf(w, acc, given)
            if "".join(w.lines[at:]) not in seen:
                break
        seen.add("".join(w.lines[at:]))
        w.scope = [v for v in w.scope if v in scope or v in w.params]
        w.level -= 1


def _named_part(w: Draft, given: list[Var]) -> list[Var]:
    """A local variable computed of a loop's variable."""
    kind = w.rng.choice(("int", "str"))
    text, _ = w.via(given[0], kind, 0)
    if text == given[0].name:
        return given
    var = w.local(kind, {"int": "val size pos code n num", "str": "new part t key cur"})
    w.add(f"{var.name} = {text}")
    return [var, *given]


def _second(w: Draft, acc: Var, given: list[Var]) -> None:
    """A second statement of a loop's body: the accumulator again."""
    leaf(w, acc, given)


def finish(w: Draft, acc: Var) -> None:
    """Return what was gathered, as it is or put into another form."""
    v, name = w.variant, acc.name
    rest = [one for one in w.scope if one.name in w.unread and one.name != name and one in w.params]
    if rest:
        raise Dropped
    w.read(acc)
    if not w.placed and v.result is None and not v.loop and hole_for(v, acc.kind) is not None:
        w.add(w.apply(v, 1, first=acc)[0])
    if not w.placed and v.result and hole_for(v, acc.kind) is not None:
        w.add(f"return {w.apply(v, 0, first=acc)[0]}")
        return
    how = w.rng.random()
    if acc.kind in ("set", "sset"):
        w.add(f"return {w.rng.choice((f'sorted({name})', f'len({name})', name))}")
    elif acc.kind == "strs" and how < 0.6:
        w.add(f"return {literal(w.rng, 'sub') if w.maybe(0.4) else repr('')}.join({name})")
    elif how < 0.78:
        w.add(f"return {name}")
    elif how < 0.84:
        other, _ = w.expr("int", 1)
        w.add(f"return {name}, {other}" if w.maybe(0.5) else f"return {other}, {name}")
    else:
        kind = w.rng.choice(
            {
                "int": ("str", "int"),
                "str": ("str", "str", "int"),
                "ints": ("ints", "int"),
                "strs": ("strs", "str"),
                "dict": ("strs", "ints", "pairs"),
                "pairs": ("pairs", "dict"),
            }.get(acc.kind, ("int",))
        )
        text, _ = w.via(acc, kind, 0)
        w.add(f"return {text}")
