"""Runs a small program statement by statement and writes down every step in words that are Python.

Scope: the programs of the grammar and others like them: assignments, if, for, while, calls of the program's
own functions. A step is a line of the program as it stands, then what it did: ``t = s.upper() # 'ab'.upper()
== 'AB'`` (style ``facts``: every operation with its value) or ``t = s.upper() # t = 'AB'`` (style
``results``: only what became of it); the lines come in the order in which they run, a loop's first line once
for every turn. It evaluates the syntax tree itself, so what is said of a step are facts, one for each
operation. Limits: what it does not know raises Unsupported; callers compare the value it arrives at with the
real run, so a mistake here is a rejected chain, never a wrong one. Only for trusted programs: they run in
this process.
"""

from __future__ import annotations

import ast
import copy
import operator

from .expressions import MUTATORS, Expressions
from .schema import STEPS
from .wording import TooLong, Unsupported, show, show_index

__all__ = ["STEPS", "Narrator", "TooLong", "Unsupported", "show"]

MAX_CALLS = 8  # functions that may be active at a time
IN_PLACE = {
    ast.Add: (operator.iadd, "+"), ast.Sub: (operator.isub, "-"), ast.Mult: (operator.imul, "*"),
    ast.Div: (operator.itruediv, "/"), ast.FloorDiv: (operator.ifloordiv, "//"),
    ast.Mod: (operator.imod, "%"), ast.Pow: (operator.ipow, "**"),
    ast.BitOr: (operator.ior, "|"), ast.BitAnd: (operator.iand, "&"),
    ast.BitXor: (operator.ixor, "^"), ast.LShift: (operator.ilshift, "<<"),
    ast.RShift: (operator.irshift, ">>"),
}


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class _Return(Exception):
    def __init__(self, value):
        self.value = value


class Narrator(Expressions):
    """Evaluates one call of a program.

    `lines` collects the narration in a style of STEPS, at most `max_lines`; `facts` every single step as
    (left, value) text. Statements are the methods named do_..., which take a node, the variables in scope and
    the depth of calls.
    """

    def __init__(self, code: str, max_lines: int = 200, style: str = "facts"):
        self.functions = {n.name: n for n in ast.parse(code).body if isinstance(n, ast.FunctionDef)}
        self.source = [line.strip() for line in code.split("\n")]
        self.here = ""  # the line of the program that is being run
        self.lines: list[str] = []
        self.moments: list[tuple[int, str]] = []  # (index in lines, variables as they are before that line)
        self.pending: list[str] = []
        self.facts: list[tuple[str, str]] = []
        self.max_lines = max_lines
        self.brief = style == "results"

    def say(self, text: str) -> None:
        """Close a step: the line being run, the facts gathered since the last step, then `text`."""
        told = [] if self.brief else self.pending
        notes = "; ".join([*told, text] if text else told)
        self.lines.append(f"{self.here}  # {notes}" if notes else self.here)
        self.pending = []
        if len(self.lines) > self.max_lines:
            raise TooLong("more lines than the limit")

    def say_value(self, name: str, value) -> None:
        """Close a step with the fact that gave its value; where none did, with the value (of `name`)."""
        text = show(value)
        if not self.brief and self.pending and self.pending[-1].endswith(f" == {text}"):
            return self.say("")
        return self.say(f"{name} = {text}" if name else text)

    def call(self, name: str, args: list, depth: int = 0):
        """Run a function of the program on values; narrates its body and returns its value."""
        if depth > MAX_CALLS:
            raise TooLong("calls nest too deeply")
        if name not in self.functions:
            raise Unsupported(f"no function {name}")
        node = self.functions[name]
        params = _parameters(node)
        if len(params) != len(args):
            raise Unsupported("default or keyword arguments")
        env = dict(zip(params, args, strict=True))
        self.here = self.source[node.lineno - 1]
        self.say(assignments(env))
        try:
            self.body(node.body, env, depth)
        except _Return as done:
            self.say_value("", done.value)
            return done.value
        return None

    def call_own(self, node, env, depth):
        args, kwargs, text = self.arguments(node, env, depth)
        if kwargs:
            raise Unsupported("keyword arguments")
        shown = f"{node.func.id}({text})"
        caller = self.here
        self.say(f"call {shown}")
        value = self.call(node.func.id, args, depth + 1)
        self.here = caller
        self.fact(shown, value)
        return value

    def body(self, statements: list[ast.stmt], env: dict, depth: int) -> None:
        """Run statements one after the other."""
        for node in statements:
            method = getattr(self, "do_" + type(node).__name__, None)
            if method is None:
                raise Unsupported(type(node).__name__)
            self.here = self.source[node.lineno - 1]
            self.moments.append((len(self.lines), assignments(env)))
            method(node, env, depth)

    def do_Return(self, node, env, depth):
        raise _Return(self.value(node.value, env, depth) if node.value else None)

    def do_Assign(self, node, env, depth):
        value = self.value(node.value, env, depth)
        for target in node.targets:
            self.assign(target, value, env, depth)

    def do_AugAssign(self, node, env, depth):
        current = self.value(_as_load(node.target), env, depth)
        right = self.value(node.value, env, depth)
        if type(node.op) not in IN_PLACE:
            raise Unsupported(f"operator {type(node.op).__name__}")
        function, sign = IN_PLACE[type(node.op)]
        left = f"{show(current)} {sign} {show(right)}"
        value = function(current, right)  # a list or set changes itself, as aliases will see
        self.fact(left, value)
        self.assign(node.target, value, env, depth)

    def assign(self, target: ast.expr, value, env: dict, depth: int) -> None:
        """Give a value to a name, an item or a tuple of these, and say so."""
        if isinstance(target, ast.Name):
            env[target.id] = value
            self.say_value(target.id, value)
        elif isinstance(target, ast.Tuple | ast.List):
            for part, item in zip(target.elts, _spread(target.elts, list(value)), strict=True):
                self.assign(part.value if isinstance(part, ast.Starred) else part, item, env, depth)
        elif isinstance(target, ast.Subscript):
            holder = self.value(target.value, env, depth)
            index = self.index(target.slice, env, depth)
            holder[index] = value
            how = f"{ast.unparse(target.value)}[{show_index(index)}] = {show(value)}"
            self.after_change(target.value, holder, how)
        else:
            raise Unsupported("assignment target")

    def after_change(self, node: ast.expr, holder, how: str) -> None:
        """Say what a variable holds after it was changed in place."""
        held = f"{ast.unparse(node)} = {show(holder)}"
        self.say(held if self.brief else f"{how}; {held}")

    def do_Delete(self, node, env, depth):
        for target in node.targets:
            if not isinstance(target, ast.Subscript):
                raise Unsupported("del of a name")
            holder = self.value(target.value, env, depth)
            index = self.index(target.slice, env, depth)
            del holder[index]
            self.after_change(target.value, holder, f"del {ast.unparse(target.value)}[{show_index(index)}]")

    def do_Expr(self, node, env, depth):
        call = node.value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in MUTATORS:
            self.mutate(call, env, depth)
        elif not isinstance(call, ast.Constant):  # a docstring does nothing
            self.value(call, env, depth)
            self.say("")

    def mutate(self, call, env, depth):
        holder = self.value(call.func.value, env, depth)
        args, kwargs, shown = self.arguments(call, env, depth)
        if not hasattr(holder, call.func.attr):
            raise Unsupported(f"attribute {call.func.attr}")
        value = getattr(holder, call.func.attr)(*args, **kwargs)
        self.after_change(call.func.value, holder, f"{ast.unparse(call.func)}({shown})")
        return value

    def do_If(self, node, env, depth):
        test = self.value(node.test, env, depth)
        self.say_value("", test)
        self.body(node.body if test else node.orelse, env, depth)

    def do_While(self, node, env, depth):
        while True:
            self.here = self.source[node.lineno - 1]
            test = self.value(node.test, env, depth)
            self.say_value("", test)
            if not test:
                return self.body(node.orelse, env, depth)
            try:
                self.body(node.body, env, depth)
            except _Break:
                return None
            except _Continue:
                continue

    def do_For(self, node, env, depth):
        items = self.value(node.iter, env, depth)
        items = items if isinstance(items, str | list | tuple) else list(items)  # a list may yet change
        head, names = self.here, ast.unparse(node.target).strip("()")
        self.say_value("", items)
        for i, item in enumerate(items):
            self.bind(node.target, item, env)
            text = show(item)
            self.here = head
            self.say(f"[{i}] {names} = {text[1:-1] if isinstance(item, tuple) else text}")
            try:
                self.body(node.body, env, depth)
            except _Break:
                return None
            except _Continue:
                continue
        self.here = head
        self.say("end")
        return self.body(node.orelse, env, depth)

    def bind(self, target: ast.expr, item, env: dict) -> None:
        """Give a loop's variables their values."""
        if isinstance(target, ast.Name):
            env[target.id] = item
        elif isinstance(target, ast.Tuple):
            for part, value in zip(target.elts, item, strict=True):
                self.bind(part, value, env)
        else:
            raise Unsupported("loop variable")

    def do_Break(self, node, env, depth):
        self.say("")
        raise _Break

    def do_Continue(self, node, env, depth):
        self.say("")
        raise _Continue

    def do_Pass(self, node, env, depth):
        self.say("")


def assignments(env: dict) -> str:
    """Variables and their values as one line: ``s = 'ab', n = 3``."""
    return ", ".join(f"{name} = {show(value)}" for name, value in env.items())


def _spread(targets: list[ast.expr], items: list) -> list:
    """The values that targets take: one each, a starred one the list of what the others leave."""
    at = next((i for i, part in enumerate(targets) if isinstance(part, ast.Starred)), None)
    if at is None:
        return items
    after = len(items) - (len(targets) - at - 1)
    if after < at:
        raise ValueError("not enough values to unpack")
    return [*items[:at], items[at:after], *items[after:]]


def _parameters(node: ast.FunctionDef) -> list[str]:
    """The names of a function's parameters; only plain ones are known."""
    given = node.args
    if node.decorator_list or given.vararg or given.kwarg or given.kwonlyargs or given.posonlyargs:
        raise Unsupported("decorators or special parameters")
    return [a.arg for a in given.args]


def _as_load(target: ast.expr) -> ast.expr:
    """The expression that reads an assignment target."""
    node = copy.deepcopy(target)
    node.ctx = ast.Load()
    return node
