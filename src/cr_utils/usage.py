"""Which operations of the constraint space a program writes out, read off its syntax tree with types.

Scope: programs made of the space's operations, `for`, `while`, `if` and plain assignments, whose parameter
types are known. Types of variables are inferred from what they are first given; where that says nothing (an
accumulator `[]` that only ever is reversed) the variable passes for any type. `x += y` is no `x + y`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import cache

from .constraints import CONSTANTS, HOLE, Operation, space

PREFIX = "hole_"
ITEMS = {"str": "str", "list": "int", "slist": "str", "tuple": "int", "set": "int", "dict": "str"}
LISTS = {"int": "list", "str": "slist"}  # by the type of the items
CALLS = {"len": "int", "ord": "int"}  # of other functions the type has the function's name
RANGES = {"idx": range(3), "n": range(1, 5), "w": range(3, 9)}
LENGTHS = {"chr": (1,), "pre": (1, 2)}
SKIPPED = ("ctx", "kind", "type_comment")
ANY = None  # the type of what is not known


def uses(tree: ast.Module, types: Sequence[str], op: Operation) -> bool:
    """Whether a program with entry point `f` and these parameter types writes the operation out."""
    pattern = _pattern(op)
    likely = _nodes(tree).get(_head(pattern), [])
    program = Program(tree, types) if likely else None
    return any(program.matches(pattern, node, where, loosely=True) for node, where in likely)


def operations(tree: ast.Module, types: Sequence[str]) -> set[str]:
    """Keys of all operations that a program writes out."""
    program, nodes = Program(tree, types), _nodes(tree)
    return {key for key, op in space().operations.items()
            if any(program.matches(_pattern(op), node, where, loosely=True)
                   for node, where in nodes.get(_head(_pattern(op)), ()))}


def _nodes(tree: ast.Module) -> dict[tuple, list[tuple[ast.AST, ast.FunctionDef]]]:
    """The nodes of a program, but for what is assigned to or deleted, by head; each with its function."""
    found: dict[tuple, list] = {}
    for where in tree.body:
        for node in ast.walk(where):
            if not isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
                found.setdefault(_head(node), []).append((node, where))
    return found


@cache
def _pattern(op: Operation) -> ast.AST:
    """The operation's template as a tree, with names for its holes."""
    statement = ast.parse(HOLE.sub(lambda hole: PREFIX + hole.group(1), op.template)).body[0]
    return statement.value if isinstance(statement, ast.Expr) else statement


@cache
def _by_head() -> dict[tuple, list[tuple[ast.AST, Operation]]]:
    """The operations that have a value, by what the root of their tree looks like; fixed forms first."""
    found: dict[tuple, list] = {}
    for op in sorted(space().operations.values(), key=lambda op: len(op.holes)):
        if op.result:
            found.setdefault(_head(_pattern(op)), []).append((_pattern(op), op))
    return found


def _head(node: ast.AST) -> tuple:
    """What two trees must share for one to match the other, found without looking further down."""
    kind = type(node)
    if kind is ast.Call:
        return kind, node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if kind is ast.BinOp or kind is ast.BoolOp or kind is ast.UnaryOp:
        return kind, type(node.op)
    if kind is ast.Compare:
        return kind, type(node.ops[0])
    return kind, kind is ast.Subscript and isinstance(node.slice, ast.Slice)


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a block and of the blocks in it, in the order of the lines."""
    for node in body:
        yield node
        for inner in (getattr(node, "body", ()), getattr(node, "orelse", ())):
            yield from statements(inner)


class Program:
    """The functions of a program and the types of their variables."""

    def __init__(self, tree: ast.Module, types: Sequence[str]):
        self.functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        self._named = {function.name: function for function in self.functions}
        self._types: dict[ast.FunctionDef, dict[str, str]] = {function: {} for function in self.functions}
        self._results: dict[str, str | None] = {}
        if "f" in self._named:
            self._enter(self._named["f"], types)

    def _enter(self, function: ast.FunctionDef, types: Sequence[str | None]) -> None:
        """Infer the types of a function's variables: twice where a later line says what a name is."""
        names = self._types[function]
        names.update({a.arg: t for a, t in zip(function.args.args, types, strict=False) if t is not ANY})
        lines = list(statements(function.body))
        for _ in range(2):
            unknown = False
            for node in lines:
                for name, type_ in self._bound(node, function):
                    if name not in names and type_ is not ANY:
                        names[name] = type_
                    unknown |= name not in names
            if not unknown:
                break
        returned = [node.value for node in lines if isinstance(node, ast.Return) and node.value]
        self._results[function.name] = self.type_of(returned[0], function) if returned else ANY

    def _bound(self, node: ast.stmt, where: ast.FunctionDef) -> list[tuple[str, str | None]]:
        """Names that a statement says something about, with the type that it gives them."""
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            return [(node.targets[0].id, self.type_of(node.value, where))]
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            return [(node.target.id, self.type_of(node.value, where))]
        if isinstance(node, ast.For):
            names = node.target.elts if isinstance(node.target, ast.Tuple) else [node.target]
            return [(n.id, t) for n, t in zip(names, self._items(node.iter, where), strict=False)
                    if isinstance(n, ast.Name)]
        call = node.value if isinstance(node, ast.Expr) else None
        if isinstance(call, ast.Call) and _head(call)[1] in ("append", "insert") and call.args:
            to = LISTS.get(self.type_of(call.args[-1], where), ANY)
            return [(n.id, to) for n in [getattr(call.func, "value", None)] if isinstance(n, ast.Name)]
        return []

    def _items(self, over: ast.expr, where: ast.FunctionDef) -> list[str | None]:
        """Types of the loop variables of a loop over an expression."""
        name = _head(over)[1] if isinstance(over, ast.Call) else ""
        if name == "range":
            return ["int"]
        if name == "items":
            return ["str", "int"]
        if name == "enumerate":
            return ["int", *self._items(over.args[0], where)]
        return [ITEMS.get(self.type_of(over, where), ANY)]

    def type_of(self, node: ast.expr, where: ast.FunctionDef) -> str | None:
        """The type of an expression in a function, or ANY."""
        if isinstance(node, ast.Name):
            return self._types[where].get(node.id, ANY)
        if isinstance(node, ast.Constant):
            return type(node.value).__name__
        if isinstance(node, ast.List):
            return LISTS.get(self.type_of(node.elts[0], where), ANY) if node.elts else ANY
        if isinstance(node, ast.Dict | ast.Set | ast.Tuple):
            return type(node).__name__.lower()
        for pattern, op in _by_head().get(_head(node), ()):
            if self.matches(pattern, node, where):
                return op.result
        return self._other(node, where)

    def _other(self, node: ast.expr, where: ast.FunctionDef) -> str | None:
        """The type of an expression that is no operation of the space: a copy, a sum with odd operands."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            name = node.func.id
            if name in self._named:
                if name not in self._results:
                    self._results[name] = ANY  # a helper that calls itself says nothing
                    self._enter(self._named[name], [self.type_of(a, where) for a in node.args])
                return self._results[name]
            if name == "list" and node.args:
                return self.type_of(node.args[0], where)  # a copy
            return CALLS.get(name, name)
        if isinstance(node, ast.BinOp):
            return self.type_of(node.left, where) or self.type_of(node.right, where)
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            return self.type_of(node.value, where)
        if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not):
            return self.type_of(node.operand, where)
        if isinstance(node, ast.Call):
            return _head(node)[1]  # such as the values() of a dict: nothing that a hole names
        return "bool" if isinstance(node, ast.Compare | ast.BoolOp | ast.UnaryOp) else ANY

    def matches(self, pattern: ast.AST, node: object, where: ast.FunctionDef, loosely: bool = False) -> bool:
        """Whether a tree is the pattern with every hole filled by what may fill it.

        `loosely`: an operand of unknown type passes for any type.
        """
        if isinstance(pattern, ast.Name) and pattern.id.startswith(PREFIX):
            return self._fills(pattern.id.removeprefix(PREFIX), node, where, loosely)
        if not isinstance(pattern, ast.AST):
            return pattern == node and type(pattern) is type(node)
        if type(pattern) is not type(node):
            return False
        for field in pattern._fields:
            mine, its = getattr(pattern, field, None), getattr(node, field, None)
            if isinstance(mine, list):
                if len(mine) != len(its) or not all(
                        self.matches(m, i, where, loosely) for m, i in zip(mine, its, strict=True)):
                    return False
            elif field not in SKIPPED and not self.matches(mine, its, where, loosely):
                return False
        return True

    def _fills(self, hole: str, node: object, where: ast.FunctionDef, loosely: bool) -> bool:
        if hole in CONSTANTS:
            if not isinstance(node, ast.Constant):
                return False
            if hole in LENGTHS:
                return isinstance(node.value, str) and len(node.value) in LENGTHS[hole]
            return type(node.value) is int and node.value in RANGES[hole]
        if not isinstance(node, ast.expr):
            return False
        found = self.type_of(node, where)
        return found == hole or loosely and found is ANY
