"""Typed, constraint-driven generation of small Python programs.

Scope: one function `f` (and sometimes a helper `g`) of 2-12 lines around one constraint cell, from a seeded
generator; nothing is executed here. Limits: the types of params/constraints.yaml; loops end by construction.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

from .constraints import HOLE, Cell, Operation, space
from .literals_random import CONSTANTS, constant, value

NAMES = {
    "str": ("s", "text", "word", "a", "b", "line", "key"), "int": ("n", "k", "m", "x", "y", "num", "size"),
    "list": ("nums", "xs", "items", "arr", "values", "data"), "slist": ("words", "parts", "names", "tokens"),
    "dict": ("d", "counts", "table", "scores"), "tuple": ("pair", "t", "point", "tup"),
    "set": ("seen", "group", "pool", "uniq"), "float": ("rate", "z", "price"), "bool": ("flag", "ok", "done"),
}
RESULTS = {
    "str": ("out", "res", "result"), "int": ("total", "count", "acc"), "list": ("out", "res", "result"),
    "slist": ("res", "found", "out"), "dict": ("res", "out"), "tuple": ("res", "out"), "set": ("res", "out"),
    "float": ("total", "acc"), "bool": ("ok", "res"),
}
WORD = re.compile(r"\b[a-z]\w*\b")
SELF_TEST = re.compile(r"\b(\w+) (?:==|!=|<|>|<=|>=|-|%|//|and|or) \1\b")
EMPTY = {"str": "''", "int": "0", "list": "[]", "slist": "[]", "float": "0.0"}


@dataclass
class Writer:
    """Writes one function body line by line, remembering which variables of which type are in scope."""

    rng: random.Random
    pool: list[Operation]
    names: set[str] = field(default_factory=set)
    scope: dict[str, list[str]] = field(default_factory=dict)
    unused: set[str] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)
    indent: int = 1
    in_loop: str = ""
    params: frozenset[str] = frozenset()

    def add(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def fresh(self, type_: str, result: bool = False) -> str:
        """A new variable name that fits the type, declared in scope."""
        options = [n for n in (RESULTS if result else NAMES)[type_] if n not in self.names]
        name = self.rng.choice(options) if options else next(f"v{i}" for i in range(99) if f"v{i}" not in self.names)
        self.names.add(name)
        self.scope.setdefault(type_, []).append(name)
        return name

    def fresh_loop(self, stem: str) -> str:
        """A new loop variable: the customary letter, or a variation of it."""
        options = (stem, stem * 2, *(f"{stem}{i}" for i in range(1, 20)))
        name = next(n for n in options if n not in self.names)
        self.names.add(name)
        return name

    def variable(self, type_: str) -> str | None:
        """A variable of the type, one that nothing has read yet if there is one."""
        options = self.scope.get(type_, [])
        waiting = [v for v in options if v in self.unused]
        if not options:
            return None
        name = self.rng.choice(waiting or options)
        self.unused.discard(name)
        return name

    def operand(self, type_: str, depth: int) -> tuple[str, bool]:
        """Text of an expression of the type and whether it binds as tightly as a name."""
        if type_ in CONSTANTS:
            return repr(constant(self.rng, type_)), True
        fitting = [op for op in self.pool if op.result == type_ and self.reads(op)] if depth > 0 else []
        if fitting and self.rng.random() < 0.55:
            return self.apply(self.rng.choice(fitting), depth - 1)
        if self.rng.random() < (0.85 if type_ != "int" else 0.65) and (name := self.variable(type_)):
            return name, True
        return literal(self.rng, type_), True

    def reads(self, op: Operation) -> bool:
        """Whether the operation has a variable to work on, so that no literal is taken apart on the spot."""
        kinds = [h for h in op.holes if h not in CONSTANTS]
        return not kinds or bool(self.scope.get(kinds[0]))

    def apply(self, op: Operation, depth: int, first: str | None = None) -> tuple[str, bool]:
        """Fill the holes of an operation; `first` fixes its first hole that takes an expression."""
        template, start, out, used = op.template, 0, [], {first}
        for hole in HOLE.finditer(template):
            out.append(template[start:hole.start()])
            kind = hole.group(1)
            if first is not None and kind not in CONSTANTS:
                text, tight, first = first, True, None
            elif kind not in CONSTANTS and self.rng.random() < 0.7 and (name := self.variable(kind)) not in (*used, None):
                text, tight = name, True
                used.add(name)
            else:
                text, tight = self.operand(kind, depth)
            enclosed = template[hole.start() - 1:hole.start()] == "(" and template[hole.end():][:1] in (")", ",")
            out.append(text if tight or enclosed else f"({text})")
            start = hole.end()
        out.append(template[start:])
        return "".join(out), is_tight(template)

    def expression(self, type_: str, depth: int = 1) -> str:
        return self.operand(type_, depth)[0]


def is_tight(template: str) -> bool:
    """Whether a template is a call, index or name (needs no parentheses as an operand)."""
    bare = template.split("(")[0] if template[:1] != "{" else HOLE.sub("v", template)
    return not any(f" {o} " in bare.split("(")[0] for o in
                   ("+", "-", "*", "/", "//", "%", "|", "&", "==", "!=", "<", ">", ">=", "<=", "in", "and", "or")
                   ) and not template.startswith("not ")


def literal(rng: random.Random, type_: str) -> str:
    """A literal inside a program: small, and never the empty set."""
    if type_ == "int":
        return repr(rng.randint(0, 9))
    if type_ == "str":
        return repr("".join(rng.choice("abcde") for _ in range(rng.randint(1, 3))))
    return repr(value(rng, type_))


def update(w: Writer, res: str, type_: str, op: Operation | None = None) -> None:
    """One statement that changes the accumulator `res`, through `op` where its type allows.

    Inside a loop a statement that could multiply the accumulator's size is replaced by one that cannot.
    """
    before = len(w.lines)
    write_update(w, res, type_, op)
    if w.in_loop and any(multiplies(line, res) for line in w.lines[before:]):
        del w.lines[before:]
        w.add(f"{res} = {f'{res}[:3]' if type_ in ('str', 'list', 'slist', 'tuple') else literal(w.rng, type_)}")


def multiplies(line: str, res: str) -> bool:
    """Whether a statement uses the variable it changes twice, or repeats it: run in a loop, its size explodes."""
    return WORD.findall(line).count(res) > (2 if f"{res} = " in line else 1) or " * " in line


def write_update(w: Writer, res: str, type_: str, op: Operation | None) -> None:
    r = w.rng.random()
    if op and op.result is None and op.subject == type_:
        w.add(w.apply(op, 0, first=res)[0])
    elif op and op.result == type_ and r < 0.5:
        w.add(f"{res} = {w.apply(op, 0, first=res if type_ in op.holes else None)[0]}")
    elif op and op.result == type_ and type_ in EMPTY:
        text = w.apply(op, 0)[0]
        w.add(f"{res} {'' if w.in_loop and res in WORD.findall(text) else '+'}= {text}")
    elif type_ == "list" and (r < 0.6 or not op):
        w.add(f"{res}.append({w.apply(op, 0)[0] if op and op.result == 'int' else w.expression('int')})")
    elif type_ == "slist":
        w.add(f"{res}.append({w.apply(op, 0)[0] if op and op.result == 'str' else w.expression('str')})")
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
        text = w.expression(type_)
        w.add(f"{res} = {copied(text, type_)}")


def copied(text: str, type_: str) -> str:
    """A bare variable of a mutable type is copied: a loop over an alias that grows would not end."""
    return f"{type_.removeprefix('s')}({text})" if text.isidentifier() and type_ in ("list", "slist", "dict") else text


def condition(w: Writer, op: Operation | None) -> str:
    """A condition on at least one variable: the operation under test where it fits, else a comparison."""
    text = ""
    for _ in range(5):
        text = _condition(w, op)
        names = {v for vs in w.scope.values() for v in vs}
        if names & set(WORD.findall(text)) and not SELF_TEST.search(text):
            break
    return text


def _condition(w: Writer, op: Operation | None) -> str:
    if op and op.result == "bool":
        return w.apply(op, 0)[0]
    if op and op.result == "int" and w.rng.random() < 0.5:
        return f"{w.apply(op, 0)[0]} {w.rng.choice(('>', '<', '==', '>=', '!='))} {w.rng.randint(0, 6)}"
    tests = [o for o in w.pool if o.result == "bool" and o.type not in ("bool", "set", "tuple", "float") and w.reads(o)]
    return w.apply(w.rng.choice(tests), 0)[0] if tests else w.expression("bool")


def loop_header(w: Writer, res: str) -> list[tuple[str, str]]:
    """Write a loop's first line; returns the loop variables it binds, as (type, name).

    Never loops over `res`, which the body may lengthen.
    """
    kinds = [k for k in ("str", "list", "slist", "dict", "tuple") if set(w.scope.get(k, ())) - {res}]
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
    item = {"str": ("str", "c"), "list": ("int", "x"), "tuple": ("int", "x"), "slist": ("str", "w")}[kind]
    name = w.fresh_loop(item[1])
    if w.rng.random() < 0.25:
        i = w.fresh_loop("i")
        w.add(f"for {i}, {name} in enumerate({over}):")
        return [("int", i), (item[0], name)]
    w.add(f"for {name} in {over}:")
    return [(item[0], name)]


def block(w: Writer, depth: int, res: str, type_: str, op: Operation) -> None:
    """A control-flow block of exactly `depth` nested levels that updates `res`."""
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
    for t, name in bound:
        w.scope.setdefault(t, []).append(name)
        w.unused.add(name)
    inner(w, depth, res, type_, op)
    if kind == "while":
        w.add(f"{name} -= 1")
    w.indent, w.in_loop = w.indent - 1, was
    w.scope = saved
    w.unused -= {name for _, name in bound}


def branch(w: Writer, depth: int, res: str, type_: str, op: Operation) -> None:
    """if / if-else / if-elif-else around the next level; names bound inside stay inside."""
    saved = {k: list(v) for k, v in w.scope.items()}
    w.add(f"if {condition(w, op)}:")
    w.indent += 1
    if w.in_loop and depth == 1 and w.rng.random() < 0.2:
        w.add("break" if w.in_loop == "while" else w.rng.choice(("continue", "break")))
        w.indent -= 1
        return update(w, res, type_, op)
    inner(w, depth, res, type_, op)
    w.indent, w.scope = w.indent - 1, saved
    shape = w.rng.random()
    if shape < 0.25:
        w.add(f"elif {condition(w, None)}:")
        indented_update(w, res, type_, None)
    if shape < 0.6:
        w.add("else:")
        indented_update(w, res, type_, op if op.result == type_ else None)


def indented_update(w: Writer, res: str, type_: str, op: Operation | None) -> None:
    w.indent += 1
    update(w, res, type_, op)
    w.indent -= 1


def inner(w: Writer, depth: int, res: str, type_: str, op: Operation) -> None:
    if depth > 1:
        if w.rng.random() < 0.3:
            update(w, res, type_)
        block(w, depth - 1, res, type_, op)
    else:
        update(w, res, type_, op)
        if w.rng.random() < 0.15:
            update(w, res, type_)


def straight(w: Writer, cell: Cell) -> str:
    """Body of the settings without control flow; returns the text of the returned expression."""
    op, nested = cell.operation, cell.setting == "nested"
    if op.result is None:
        name = w.variable(op.subject) or w.fresh(op.subject)
        if name not in w.params:
            w.add(f"{name} = {literal(w.rng, op.subject)}")
        w.add(w.apply(op, 1, first=name)[0])
        for _ in range(w.rng.randint(0, 2)):
            update(w, name, op.subject, op if w.rng.random() < 0.5 else None)
        return name if w.rng.random() < 0.6 else outer(w, name, op.subject)
    value_text, _ = w.apply(op, 1 if nested else 0)
    if not nested or w.rng.random() < 0.6:
        name = w.fresh(op.result, result=True)
        w.add(f"{name} = {value_text}")
        for _ in range(w.rng.randint(0 if nested else 1, 2)):
            update(w, name, op.result, op if nested else None)
        return name if w.rng.random() < 0.5 else outer(w, name, op.result, op if nested else None)
    return value_text


def outer(w: Writer, name: str, type_: str, op: Operation | None = None) -> str:
    """An expression around a variable: the operation under test again, or another that takes its type."""
    if op and type_ in op.holes and op.result:
        return w.apply(op, 0, first=name)[0]
    fitting = [o for o in w.pool if o.result and next((h for h in o.holes if h not in CONSTANTS), None) == type_]
    return w.apply(w.rng.choice(fitting), 0, first=name)[0] if fitting else name


def argument_types(rng: random.Random, op: Operation, setting: str) -> list[str]:
    """Types of the parameters: what the operation needs first, then up to two more."""
    needed = [h for h in op.holes if h not in CONSTANTS] or [rng.choice(("str", "list", "int"))]
    types = needed[:2] if rng.random() < 0.4 else needed[:1]
    if setting == "control" and not {"str", "list", "slist", "dict", "tuple"} & set(types) and rng.random() < 0.6:
        types.append(rng.choice(("str", "list")))
    if len(types) < 3 and rng.random() < 0.35:
        types.append(rng.choice(("int", "str", "int", "list")))
    return types


def program(rng: random.Random, cell: Cell, *, with_ood: bool = False,
            common_only: bool = False) -> tuple[str, list[str]]:
    """Write one program for a cell: (source with entry point `f`, parameter types).

    Operations outside the cell come from the training pool, so a held-out operation appears only when the
    cell asks for it.
    """
    op = cell.operation
    w = Writer(rng, space().pool(common_only=common_only, with_ood=False))
    types = argument_types(rng, op, cell.setting)
    params = [w.fresh(t) for t in types]
    w.unused, w.params = set(params), frozenset(params)
    helper = ""
    if cell.setting == "helper":
        helper, call_type = write_helper(rng, op)
        body_result = helper_call(w, call_type, types)
    elif cell.setting == "control":
        body_result = control(w, cell)
    else:
        body_result = straight(w, cell)
    w.add(f"return {body_result}")
    source = f"def f({', '.join(params)}):\n" + "\n".join(w.lines) + "\n"
    return helper + source, types


def control(w: Writer, cell: Cell) -> str:
    op = cell.operation
    if op.result is None:
        rtype = op.subject
    elif op.result in ("str", "int", "list", "slist") and w.rng.random() < 0.8:
        rtype = op.result
    else:
        rtype = w.rng.choice(("str", "int", "list"))
    existing = w.variable(rtype) if (op.result is None or w.rng.random() < 0.25) else None
    res = existing or w.fresh(rtype, result=True)
    if not existing:
        w.add(f"{res} = {EMPTY[rtype] if rtype in EMPTY and w.rng.random() < 0.7 else literal(w.rng, rtype)}")
    block(w, cell.depth, res, rtype, op)
    if w.unused and rtype in ("str", "int", "list"):
        update(w, res, rtype)
    return res if w.rng.random() < 0.75 else outer(w, res, rtype)


def write_helper(rng: random.Random, op: Operation) -> tuple[str, tuple[str, str]]:
    """A helper `g` around the operation; returns its source and (argument type, result type)."""
    arg_type = next((h for h in op.holes if h not in CONSTANTS), "str")
    w = Writer(rng, space().pool())
    name = w.fresh(arg_type)
    w.unused, w.params = {name}, frozenset({name})
    if op.result is None:
        w.add(w.apply(op, 0, first=name)[0])
        result, body = op.subject, name
    else:
        result, body = op.result, w.apply(op, 0, first=name)[0]
    w.add(f"return {body}")
    return f"def g({name}):\n" + "\n".join(w.lines) + "\n\n", (arg_type, result)


def helper_call(w: Writer, call_type: tuple[str, str], types: list[str]) -> str:
    arg_type, result = call_type
    argument = w.expression(arg_type, 1)
    name = w.fresh(result, result=True)
    w.add(f"{name} = g({argument})")
    if w.rng.random() < 0.5:
        if result == arg_type and w.rng.random() < 0.5:
            w.add(f"{name} = g({name})")
        else:
            update(w, name, result)
    return name if w.rng.random() < 0.6 else outer(w, name, result)


def arguments(rng: random.Random, types: list[str], varied: bool) -> str:
    """Argument text for the parameters: typical example values, or varied (mutated) ones."""
    return ", ".join(repr(value(rng, t, varied)) for t in types)
