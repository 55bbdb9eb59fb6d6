"""Evaluates the expressions of a small program one operation at a time and states each as a fact.

Scope: operators, comparisons, calls of builtin functions and methods, indexing, f-strings, and comprehensions
(one step each). A fact reads ``'ab'.upper() == 'AB'``: for plain results its text is Python and true. Raises
Unsupported for what it does not know. Nothing is isolated: programs must be trusted; names with a leading
underscore are refused.
"""

from __future__ import annotations

import ast
import operator

from .wording import Unsupported, bound_names, settle, show, show_index, substituted

BINARY = {
    ast.Add: (operator.add, "+"), ast.Sub: (operator.sub, "-"), ast.Mult: (operator.mul, "*"),
    ast.Div: (operator.truediv, "/"), ast.FloorDiv: (operator.floordiv, "//"), ast.Mod: (operator.mod, "%"),
    ast.Pow: (operator.pow, "**"), ast.BitOr: (operator.or_, "|"), ast.BitAnd: (operator.and_, "&"),
    ast.BitXor: (operator.xor, "^"), ast.LShift: (operator.lshift, "<<"), ast.RShift: (operator.rshift, ">>"),
}
UNARY = {ast.USub: (operator.neg, "-"), ast.UAdd: (operator.pos, "+"), ast.Invert: (operator.invert, "~")}
COMPARE = {
    ast.Eq: (operator.eq, "=="), ast.NotEq: (operator.ne, "!="), ast.Lt: (operator.lt, "<"),
    ast.LtE: (operator.le, "<="), ast.Gt: (operator.gt, ">"), ast.GtE: (operator.ge, ">="),
    ast.In: (lambda a, b: a in b, "in"), ast.NotIn: (lambda a, b: a not in b, "not in"),
    ast.Is: (operator.is_, "is"), ast.IsNot: (operator.is_not, "is not"),
}
BUILTINS = {f.__name__: f for f in (
    abs, all, any, bool, chr, dict, divmod, enumerate, filter, float, int, len, list, map, max, min, ord,
    range, reversed, round, set, sorted, str, sum, tuple, zip, isinstance, frozenset, bin, hex, oct, pow)}
MUTATORS = frozenset(
    "append extend insert pop remove reverse sort clear update setdefault popitem add discard "
    "intersection_update difference_update symmetric_difference_update".split())
UNSTEADY = (ast.NamedExpr, ast.Lambda, ast.Await, ast.Yield, ast.YieldFrom)  # not to be part of one step


class Expressions:
    """The values of expressions; every operation adds to `facts` and to `pending`, the next line's beginning.

    Methods take a node, the variables in scope and the depth of calls. Subclasses say how the functions of
    the program are called (`call_own`) and how a variable is changed in place (`mutate`).
    """

    functions: dict[str, ast.FunctionDef]
    pending: list[str]
    facts: list[tuple[str, str]]

    def fact(self, left: str, value) -> None:
        """State that an operation gave a value."""
        text = show(value)
        self.facts.append((left, text))
        self.pending.append(f"{left} == {text}")

    def value(self, node: ast.expr, env: dict, depth: int):
        """The value of an expression; every operation in it becomes a fact."""
        method = getattr(self, "get_" + type(node).__name__, None)
        if method is None:
            raise Unsupported(type(node).__name__)
        return method(node, env, depth)

    def get_Constant(self, node, env, depth):
        return node.value

    def get_Name(self, node, env, depth):
        if node.id not in env and node.id in BUILTINS and node.id not in self.functions:
            return BUILTINS[node.id]  # a function handed on, such as key=len
        if node.id not in env:
            raise Unsupported(f"name {node.id}")
        return env[node.id]

    def get_Attribute(self, node, env, depth):
        """A method that is handed on, such as str.isalpha or key=counts.get."""
        holder = self.value(node.value, env, depth)
        method = getattr(holder, node.attr, None)
        if node.attr.startswith("_") or not callable(method):
            raise Unsupported("Attribute")
        return method

    def get_List(self, node, env, depth):
        return [self.value(e, env, depth) for e in node.elts]

    def get_Tuple(self, node, env, depth):
        return tuple(self.value(e, env, depth) for e in node.elts)

    def get_Set(self, node, env, depth):
        return {self.value(e, env, depth) for e in node.elts}

    def get_Dict(self, node, env, depth):
        if None in node.keys:  # {**counts, 'a': 1}
            made: dict = {}
            for key, value in zip(node.keys, node.values, strict=True):
                given = self.value(value, env, depth)
                made.update(given if key is None else {self.value(key, env, depth): given})
            return made
        return {self.value(k, env, depth): self.value(v, env, depth)
                for k, v in zip(node.keys, node.values, strict=True)}

    def get_JoinedStr(self, node, env, depth):
        return self._whole(node, node, env)

    def get_BinOp(self, node, env, depth):
        left, right = self.value(node.left, env, depth), self.value(node.right, env, depth)
        function, sign = _known(BINARY, node.op)
        value = function(left, right)
        self.fact(f"{show(left)} {sign} {show(right)}", value)
        return value

    def get_UnaryOp(self, node, env, depth):
        value = self.value(node.operand, env, depth)
        if isinstance(node.op, ast.Not):
            self.fact(f"(not {show(value)})", not value)
            return not value
        function, sign = UNARY[type(node.op)]
        result = function(value)
        if not isinstance(node.operand, ast.Constant) or sign == "~":
            self.fact(f"{sign}({show(value)})", result)
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

    def index(self, node: ast.expr, env: dict, depth: int):
        """The value between brackets; a slice object for a slice."""
        if isinstance(node, ast.Slice):
            parts = [self.value(p, env, depth) if p else None for p in (node.lower, node.upper, node.step)]
            return slice(*parts)
        return self.value(node, env, depth)

    def get_Call(self, node, env, depth):
        if isinstance(node.func, ast.Attribute):
            return self._method_call(node, env, depth)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in env:
            raise Unsupported("call of a variable")
        if name in self.functions:
            return self.call_own(node, env, depth)
        if name not in BUILTINS:
            raise Unsupported("call of " + ast.unparse(node.func))
        return self._apply(BUILTINS[name], name, node, env, depth)

    def _method_call(self, node, env, depth):
        name = node.func.attr
        if name.startswith("_"):
            raise Unsupported(f"attribute {name}")
        if name in MUTATORS and isinstance(node.func.value, ast.Name):
            return self.mutate(node, env, depth)
        holder = self.value(node.func.value, env, depth)
        if not hasattr(holder, name):
            raise Unsupported(f"attribute {name}")
        shown = f"{_named(holder, node.func.value)}.{name}"
        return self._apply(getattr(holder, name), shown, node, env, depth)

    def _apply(self, function, shown: str, node, env, depth):
        """Call a builtin function or method; a lazy result counts as the list of its items."""
        args, kwargs, text = self.arguments(node, env, depth)
        value = settle(function(*args, **kwargs))
        self.fact(f"{shown}({text})", value)
        return value

    def arguments(self, node: ast.Call, env: dict, depth: int) -> tuple[list, dict, str]:
        """Values of a call's arguments, positional and by keyword, and their text."""
        args = [self.value(a, env, depth) for a in node.args]
        if any(k.arg is None for k in node.keywords):
            raise Unsupported("arguments from a dict")
        kwargs = {k.arg: self.value(k.value, env, depth) for k in node.keywords}
        shown = [_named(value, part) for value, part in zip(args, node.args, strict=True)]
        named = [f"{k.arg}={_named(kwargs[k.arg], k.value)}" for k in node.keywords]
        return args, kwargs, ", ".join([*shown, *named])

    def get_ListComp(self, node, env, depth):
        return self._whole(node, node, env)

    get_SetComp = get_DictComp = get_ListComp

    def get_GeneratorExp(self, node, env, depth):
        """A generator expression counts as the list that it yields."""
        return self._whole(ast.copy_location(ast.ListComp(node.elt, node.generators), node), node, env)

    def _whole(self, node: ast.expr, source: ast.expr, env: dict):
        """Evaluate an expression in one step, by Python itself; it may use variables and builtins only."""
        bound = bound_names(node)
        for part in ast.walk(source):
            if isinstance(part, ast.Name) and part.id not in env.keys() | bound | BUILTINS.keys():
                raise Unsupported(f"name {part.id} inside {type(source).__name__}")
            if isinstance(part, ast.Attribute) and part.attr.startswith("_") or isinstance(part, UNSTEADY):
                raise Unsupported(f"{type(part).__name__} inside {type(source).__name__}")
        text = substituted(node, env)
        code = compile(ast.Expression(node), "<expression>", "eval")
        value = eval(code, {"__builtins__": BUILTINS, **env})  # noqa: S307 - a trusted program, builtins only
        self.fact(text, value)
        return value

    def call_own(self, node: ast.Call, env: dict, depth: int):
        """Call a function of the program."""
        raise NotImplementedError

    def mutate(self, call: ast.Call, env: dict, depth: int):
        """Call a method that changes a variable in place."""
        raise NotImplementedError


def _named(value, node: ast.expr) -> str:
    """The text of an operand: a value's literal, a function as it is written."""
    return ast.unparse(node) if callable(value) else show(value)


def _known(table: dict, op: ast.AST) -> tuple:
    """The entry of an operator, or Unsupported."""
    if type(op) not in table:
        raise Unsupported(f"operator {type(op).__name__}")
    return table[type(op)]
