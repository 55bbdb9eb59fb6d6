"""Runs a small program statement by statement and writes down every step in words that are Python.

Scope: the programs of the grammar (assignments, if, for, while, calls of a helper function, comprehensions as
one step). It evaluates the syntax tree itself, one operation at a time, so each step states one fact:
``'ab'.upper() == 'AB'``. Limits: what it does not know raises Unsupported; callers compare the value it
arrives at with the real run, so a mistake here is a rejected chain, never a wrong one.
"""

from __future__ import annotations

import ast
import copy
import operator

BINARY = {
    ast.Add: (operator.add, "+"), ast.Sub: (operator.sub, "-"), ast.Mult: (operator.mul, "*"),
    ast.Div: (operator.truediv, "/"), ast.FloorDiv: (operator.floordiv, "//"), ast.Mod: (operator.mod, "%"),
    ast.Pow: (operator.pow, "**"), ast.BitOr: (operator.or_, "|"), ast.BitAnd: (operator.and_, "&"),
    ast.BitXor: (operator.xor, "^"),
}
COMPARE = {
    ast.Eq: (operator.eq, "=="), ast.NotEq: (operator.ne, "!="), ast.Lt: (operator.lt, "<"),
    ast.LtE: (operator.le, "<="), ast.Gt: (operator.gt, ">"), ast.GtE: (operator.ge, ">="),
    ast.In: (lambda a, b: a in b, "in"), ast.NotIn: (lambda a, b: a not in b, "not in"),
    ast.Is: (operator.is_, "is"), ast.IsNot: (operator.is_not, "is not"),
}
BUILTINS = {f.__name__: f for f in (
    abs, all, any, bool, chr, dict, divmod, enumerate, filter, float, int, len, list, map, max, min, ord, range,
    reversed, round, set, sorted, str, sum, tuple, zip, isinstance, frozenset)}
MUTATORS = frozenset(
    "append extend insert pop remove reverse sort clear update setdefault popitem add discard "
    "intersection_update difference_update symmetric_difference_update".split())
MAX_TEXT = 200


class Unsupported(Exception):
    """The program uses a construct that the narrator does not evaluate."""


class TooLong(Exception):
    """The narration grew past its limits."""


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class _Return(Exception):
    def __init__(self, value):
        self.value = value


class Narrator:
    """Evaluates one call. `lines` collects the narration, `facts` each single step as (left, value) text."""

    def __init__(self, code: str, max_lines: int = 200):
        self.functions = {n.name: n for n in ast.parse(code).body if isinstance(n, ast.FunctionDef)}
        self.lines: list[str] = []
        self.pending: list[str] = []
        self.facts: list[tuple[str, str]] = []
        self.max_lines = max_lines

    # --- writing -----------------------------------------------------------------------------------------
    def say(self, text: str) -> None:
        """Close a line: the facts gathered since the last one, then `text`."""
        self.lines.append("; ".join([*self.pending, text]))
        self.pending = []
        if len(self.lines) > self.max_lines:
            raise TooLong("more lines than the limit")

    def say_value(self, prefix: str, value) -> None:
        """Close a line with what becomes of a value, beside the fact that gave it where there is one."""
        text = show(value)
        if self.pending and self.pending[-1].endswith(f" == {text}"):
            text = self.pending.pop()
        self.say(prefix + text)

    def fact(self, left: str, value) -> None:
        text = show(value)
        self.facts.append((left, text))
        self.pending.append(f"{left} == {text}")

    # --- calls -------------------------------------------------------------------------------------------
    def call(self, name: str, args: list, depth: int = 0):
        """Run a function of the program on values; narrates its body."""
        if depth > 8:
            raise TooLong("calls nest too deeply")
        node = self.functions[name]
        params = [a.arg for a in node.args.args]
        if len(params) != len(args):
            raise Unsupported("default or keyword arguments")
        env = dict(zip(params, args, strict=True))
        if env:
            self.say(", ".join(f"{k} = {show(v)}" for k, v in env.items()))
        try:
            self.body(node.body, env, depth)
        except _Return as done:
            self.say_value("return ", done.value)
            return done.value
        self.say("return None")
        return None

    def body(self, statements: list[ast.stmt], env: dict, depth: int) -> None:
        for node in statements:
            method = getattr(self, "do_" + type(node).__name__, None)
            if method is None:
                raise Unsupported(type(node).__name__)
            method(node, env, depth)

    # --- statements --------------------------------------------------------------------------------------
    def do_Return(self, node, env, depth):
        raise _Return(self.value(node.value, env, depth) if node.value else None)

    def do_Assign(self, node, env, depth):
        value = self.value(node.value, env, depth)
        for target in node.targets:
            self.assign(target, value, env, depth)

    def do_AugAssign(self, node, env, depth):
        current = self.value(as_load(node.target), env, depth)
        right = self.value(node.value, env, depth)
        function, sign = BINARY[type(node.op)]
        left = f"{show(current)} {sign} {show(right)}"
        value = function(copy.copy(current), right)
        self.fact(left, value)
        if isinstance(current, list):  # += changes the list itself, as aliases will see
            current[:] = value
            value = current
        self.assign(node.target, value, env, depth)

    def assign(self, target, value, env, depth):
        if isinstance(target, ast.Name):
            env[target.id] = value
            self.say_value(f"{target.id} = ", value)
        elif isinstance(target, ast.Tuple):
            for part, item in zip(target.elts, list(value), strict=True):
                self.assign(part, item, env, depth)
        elif isinstance(target, ast.Subscript):
            holder = self.value(target.value, env, depth)
            index = self.index(target.slice, env, depth)
            holder[index] = value
            self.after_change(target.value, holder, f"{ast.unparse(target.value)}[{show_index(index)}] = {show(value)}")
        else:
            raise Unsupported("assignment target")

    def after_change(self, node, holder, how: str) -> None:
        """Say what a variable holds after it was changed in place."""
        name = ast.unparse(node)
        self.say(f"{how}; {name} = {show(holder)}")

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
        else:
            self.value(call, env, depth)

    def mutate(self, call, env, depth):
        """A call that changes its object in place; returns its value."""
        holder = self.value(call.func.value, env, depth)
        args = [self.value(a, env, depth) for a in call.args]
        kwargs = {k.arg: self.value(k.value, env, depth) for k in call.keywords}
        shown = ", ".join([*map(show, args), *(f"{k}={show(v)}" for k, v in kwargs.items())])
        value = getattr(holder, call.func.attr)(*args, **kwargs)
        name = ast.unparse(call.func.value)
        self.after_change(call.func.value, holder, f"{name}.{call.func.attr}({shown})")
        return value

    def do_If(self, node, env, depth):
        test = self.value(node.test, env, depth)
        self.say_value("if ", test)
        self.body(node.body if test else node.orelse, env, depth)

    def do_While(self, node, env, depth):
        while True:
            test = self.value(node.test, env, depth)
            self.say_value("while ", test)
            if not test:
                return self.body(node.orelse, env, depth)
            try:
                self.body(node.body, env, depth)
            except _Break:
                self.say("break")
                return None
            except _Continue:
                self.say("continue")

    def do_For(self, node, env, depth):
        items = self.value(node.iter, env, depth)
        items = items if isinstance(items, str) else list(items)
        names = ast.unparse(node.target).strip("()")
        self.say_value(f"for {names} in ", items)
        for i, item in enumerate(items):
            self.bind(node.target, item, env)
            self.say(f"[{i}] {names} = {show(item) if not isinstance(item, tuple) else show(item)[1:-1]}")
            try:
                self.body(node.body, env, depth)
            except _Break:
                return self.say("break")
            except _Continue:
                self.say("continue")
        self.say("end for")
        return self.body(node.orelse, env, depth)

    def bind(self, target, item, env) -> None:
        if isinstance(target, ast.Name):
            env[target.id] = item
        else:
            for part, value in zip(target.elts, item, strict=True):
                self.bind(part, value, env)

    def do_Break(self, node, env, depth):
        raise _Break

    def do_Continue(self, node, env, depth):
        raise _Continue

    def do_Pass(self, node, env, depth):
        pass

    # --- expressions -------------------------------------------------------------------------------------
    def value(self, node, env, depth):
        """The value of an expression; every operation in it becomes a fact."""
        method = getattr(self, "get_" + type(node).__name__, None)
        if method is None:
            raise Unsupported(type(node).__name__)
        return method(node, env, depth)

    def get_Constant(self, node, env, depth):
        return node.value

    def get_Name(self, node, env, depth):
        if node.id not in env:
            raise Unsupported(f"name {node.id}")
        return env[node.id]

    def get_List(self, node, env, depth):
        return [self.value(e, env, depth) for e in node.elts]

    def get_Tuple(self, node, env, depth):
        return tuple(self.value(e, env, depth) for e in node.elts)

    def get_Set(self, node, env, depth):
        return {self.value(e, env, depth) for e in node.elts}

    def get_Dict(self, node, env, depth):
        return {self.value(k, env, depth): self.value(v, env, depth)
                for k, v in zip(node.keys, node.values, strict=True)}

    def get_JoinedStr(self, node, env, depth):
        source = substituted(node, env)
        value = eval(compile(ast.Expression(node), "<f>", "eval"), {"__builtins__": BUILTINS}, dict(env))  # noqa: S307
        self.fact(source, value)
        return value

    def get_BinOp(self, node, env, depth):
        left, right = self.value(node.left, env, depth), self.value(node.right, env, depth)
        function, sign = BINARY[type(node.op)]
        value = function(left, right)
        self.fact(f"{show(left)} {sign} {show(right)}", value)
        return value

    def get_UnaryOp(self, node, env, depth):
        value = self.value(node.operand, env, depth)
        if isinstance(node.op, ast.Not):
            self.fact(f"(not {show(value)})", not value)
            return not value
        result = -value if isinstance(node.op, ast.USub) else +value
        if not isinstance(node.operand, ast.Constant):
            self.fact(f"-({show(value)})", result)
        return result

    def get_Compare(self, node, env, depth):
        left, value = self.value(node.left, env, depth), True
        for op, part in zip(node.ops, node.comparators, strict=True):
            right = self.value(part, env, depth)
            function, sign = COMPARE[type(op)]
            value = function(left, right)
            self.fact(f"({show(left)} {sign} {show(right)})", value)
            if not value:
                break
            left = right
        return value

    def get_BoolOp(self, node, env, depth):
        stop_at, value = isinstance(node.op, ast.Or), None
        for part in node.values:
            value = self.value(part, env, depth)
            if bool(value) is stop_at:
                break
        return value

    def get_IfExp(self, node, env, depth):
        return self.value(node.body if self.value(node.test, env, depth) else node.orelse, env, depth)

    def get_Subscript(self, node, env, depth):
        holder = self.value(node.value, env, depth)
        index = self.index(node.slice, env, depth)
        value = holder[index]
        self.fact(f"{show(holder)}[{show_index(index)}]", value)
        return value

    def index(self, node, env, depth):
        if isinstance(node, ast.Slice):
            parts = [self.value(p, env, depth) if p else None for p in (node.lower, node.upper, node.step)]
            return slice(*parts)
        return self.value(node, env, depth)

    def get_Call(self, node, env, depth):
        if isinstance(node.func, ast.Attribute):
            if node.func.attr in MUTATORS and isinstance(node.func.value, ast.Name):
                return self.mutate(node, env, depth)
            holder = self.value(node.func.value, env, depth)
            function, shown = getattr(holder, node.func.attr), f"{show(holder)}.{node.func.attr}"
        elif isinstance(node.func, ast.Name) and node.func.id in self.functions:
            args = [self.value(a, env, depth) for a in node.args]
            shown = f"{node.func.id}({', '.join(map(show, args))})"
            self.say(f"call {shown}")
            value = self.call(node.func.id, args, depth + 1)
            self.fact(shown, value)
            return value
        elif isinstance(node.func, ast.Name) and node.func.id in BUILTINS and node.func.id not in env:
            function, shown = BUILTINS[node.func.id], node.func.id
        else:
            raise Unsupported("call of " + ast.unparse(node.func))
        args = [self.value(a, env, depth) for a in node.args]
        kwargs = {k.arg: self.value(k.value, env, depth) for k in node.keywords}
        text = ", ".join([*map(show, args), *(f"{k}={show(v)}" for k, v in kwargs.items())])
        value = settle(function(*args, **kwargs))
        self.fact(f"{shown}({text})", value)
        return value

    def get_ListComp(self, node, env, depth):
        source = substituted(node, env)
        scope = {"__builtins__": BUILTINS, **env}
        value = eval(compile(ast.Expression(node), "<comprehension>", "eval"), scope)  # noqa: S307
        self.fact(source, value)
        return value

    get_SetComp = get_DictComp = get_GeneratorExp = get_ListComp


class _Substitute(ast.NodeTransformer):
    def __init__(self, env):
        self.env = env

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Load) and node.id in self.env:
            return ast.parse(show(self.env[node.id]), mode="eval").body
        return node


def substituted(node, env) -> str:
    """Source of an expression with the variables replaced by their values."""
    return ast.unparse(_Substitute(env).visit(copy.deepcopy(node)))


def as_load(target):
    """The expression that reads an assignment target."""
    node = copy.deepcopy(target)
    node.ctx = ast.Load()
    return node


def settle(value):
    """Iterators have no literal text: take their items."""
    if isinstance(value, (range, enumerate, zip, map, filter, type(reversed([])), type({}.keys()), type({}.values()),
                          type({}.items()), type(reversed(())))):
        return list(value)
    return value


def show(value) -> str:
    """Literal text of a value; sets in sorted order so that the text does not depend on hashing."""
    if isinstance(value, set) and value:
        try:
            text = "{" + ", ".join(show(v) for v in sorted(value)) + "}"
        except TypeError:
            raise Unsupported("a set that cannot be sorted") from None
    else:
        text = repr(value)
    if len(text) > MAX_TEXT:
        raise TooLong("a value's text is too long")
    return text


def show_index(index) -> str:
    if not isinstance(index, slice):
        return show(index)
    start, stop, step = (("" if p is None else show(p)) for p in (index.start, index.stop, index.step))
    return f"{start}:{stop}" + (f":{step}" if step else "")
