"""What the syntax tree of a program shows without running it: nesting depth, operations that change nothing.

Scope: for, while and if are control flow; comprehensions and conditional expressions are not. `idle` looks
for the plain cases (an operand compared with itself, a factor of 1, an operation on literals alone, the same
clean-up twice); it proves nothing about a program in which it finds none.
"""

from __future__ import annotations

import ast

from .syntax import nodes

CASES = frozenset(("upper", "lower", "swapcase", "title", "capitalize"))
TWICE = frozenset(("strip", "lstrip", "rstrip", "sorted", "abs"))  # the second time changes nothing
SELF = (ast.Sub, ast.FloorDiv, ast.Mod, ast.Div, ast.BitAnd, ast.BitOr)  # say nothing on equal operands
CONSTANT_CALLS = frozenset(("ord", "range", "list"))  # forms that take literals only


def depth(tree: ast.Module) -> int:
    """How deeply control flow nests in the deepest function; an elif stands at the level of its if."""
    return max((_depth(node.body) for node in tree.body if isinstance(node, ast.FunctionDef)), default=0)


def _depth(body: list[ast.stmt]) -> int:
    deepest = 0
    for node in body:
        if isinstance(node, ast.For | ast.While | ast.If):
            otherwise = node.orelse
            chained = isinstance(node, ast.If) and [type(n) for n in otherwise] == [ast.If]
            below = _depth(otherwise) + (not chained) if otherwise else 0
            deepest = max(deepest, _depth(node.body) + 1, below)
    return deepest


def idle(tree: ast.Module) -> bool:
    """Whether some operation of a program changes nothing, or works on literals alone."""
    return any(_idle(node) for node in nodes(tree))


def _idle(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign):
        return ast.dump(node.value) == ast.dump(node.targets[0]).replace("Store()", "Load()")
    if isinstance(node, ast.AugAssign):
        if isinstance(node.value, ast.Constant):
            return node.value.value in (0, "")
        target = ast.Name(getattr(node.target, "id", ""), ast.Load())
        return isinstance(node.op, SELF) and _same(node.value, target)
    if isinstance(node, ast.If | ast.While):
        return not _named(node.test)
    if isinstance(node, ast.BinOp):
        return _idle_sides(node.op, node.left, node.right) or not _named(node)
    if isinstance(node, ast.Compare):
        return _same(node.left, node.comparators[0]) or not _named(node)
    if isinstance(node, ast.BoolOp):
        return _same(*node.values[:2]) or any(isinstance(value, ast.Constant) for value in node.values)
    if isinstance(node, ast.Call):
        return _idle_call(node)
    if isinstance(node, ast.Subscript):
        return not _named(node.value) or _reversed(node) and _reversed(node.value)
    return False


def _idle_sides(op: ast.operator, left: ast.expr, right: ast.expr) -> bool:
    """Whether an arithmetic operation has sides that cancel, or a side that leaves the other as it is."""
    if isinstance(op, SELF) and _same(left, right):
        return True
    sides = [side.value for side in (left, right) if isinstance(side, ast.Constant)]
    if isinstance(op, ast.Add | ast.Sub):
        return any(value in (0, "") for value in sides)
    return isinstance(op, ast.Mult | ast.FloorDiv) and 1 in sides


def _idle_call(node: ast.Call) -> bool:
    """Whether a call has only literals to work on, compares a value with itself, or repeats its operand."""
    name, operand = _called(node)
    if name not in CONSTANT_CALLS and not _named(node) and isinstance(node.func, ast.Attribute | ast.Name):
        return bool(node.args or isinstance(node.func, ast.Attribute))
    if name in ("max", "min", "replace") and len(node.args) == 2:
        return _same(*node.args)
    inside, _ = _called(operand)
    if name in CASES and isinstance(node.func, ast.Attribute):
        return inside in CASES
    return name in TWICE and inside == name and (name in ("sorted", "abs") or _same(node.args, operand.args))


def _called(node: ast.AST | None) -> tuple[str, ast.AST | None]:
    """The name of what a call calls, and what it works on; ("", None) for anything but a call."""
    if not isinstance(node, ast.Call):
        return "", None
    if isinstance(node.func, ast.Attribute):
        return node.func.attr, node.func.value
    return getattr(node.func, "id", ""), node.args[0] if node.args else None


def _reversed(node: ast.AST) -> bool:
    return isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice) \
        and node.slice.step is not None and ast.unparse(node.slice) == "::-1"


def _named(node: ast.AST) -> bool:
    """Whether a variable stands in an expression (what is called does not count)."""
    if isinstance(node, ast.Name):
        return True
    if isinstance(node, ast.Call):
        parts = [*node.args, *([] if isinstance(node.func, ast.Name) else [node.func])]
        return any(map(_named, parts))
    return any(map(_named, ast.iter_child_nodes(node)))


def _same(one: ast.AST | list, other: ast.AST | list) -> bool:
    """Whether two expressions, or two lists of them, are written alike."""
    if isinstance(one, list) or isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and ast.dump(one) == ast.dump(other)
