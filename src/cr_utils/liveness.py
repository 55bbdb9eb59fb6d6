"""Which values of a program nothing reads: live variables, backwards through the syntax tree.

Scope: locals and parameters of plain functions (assignments, if, for, while, break, continue, return); every
path counts as possible. A value counts as read only where what reads it counts itself, so a chain of values
that ends nowhere is found as a whole. Loop variables need not be read. In statements of other kinds
(nested functions, try, with) every name counts as read: nothing in them is reported.
"""

from __future__ import annotations

import ast
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from .syntax import nodes

MUTATORS = frozenset(("append", "extend", "insert", "pop", "remove", "reverse", "sort", "clear", "add",
                      "discard", "update", "setdefault"))
COPIES = frozenset(("list", "dict", "set", "tuple", "sorted"))
FRESH = (ast.List, ast.Dict, ast.Set, ast.Constant, ast.BinOp, ast.Compare)
Names = frozenset[str]
NOTHING: Names = frozenset()


class Unread(NamedTuple):
    """What nothing in a function reads."""

    parameters: Names  # not named at all, overwritten first, or read in vain
    lines: list[int]  # those that give a variable a value, or change one


def unread(function: ast.FunctionDef) -> Unread:
    """The parameters of a function, and the lines of it, whose values nothing reads afterwards."""
    scan = _Scan(function)
    arguments = (*function.args.posonlyargs, *function.args.args)
    return Unread(frozenset(a.arg for a in arguments) - scan.entry, sorted(scan.dead))


class _Scan:
    """One backward pass over a function; `entry` holds what is live where it begins, `dead` the lines."""

    def __init__(self, function: ast.FunctionDef):
        self.dead: set[int] = set()
        self._recording = True
        self._loops: list[tuple[Names, Names]] = []  # what is live after a `break` and a `continue`
        self._function = function
        self.entry = self._body(function.body, NOTHING)

    @cached_property
    def _shared(self) -> Names:
        return _shared(self._function)

    def _body(self, body: list[ast.stmt], live: Names) -> Names:
        for statement in reversed(body):
            live = self._statement(statement, live)
        self.dead.update(one.lineno for one, other in pairwise(body) if _replaced(one, other))
        return live

    def _statement(self, node: ast.stmt, live: Names) -> Names:
        """What is live before a statement, given what is live after it."""
        if isinstance(node, ast.Return):
            return read(node)
        if isinstance(node, ast.If):
            return read(node.test) | self._body(node.body, live) | self._body(node.orelse, live)
        if isinstance(node, ast.For | ast.While):
            return self._loop(node, live)
        if isinstance(node, ast.Break | ast.Continue):
            return self._loops[-1][isinstance(node, ast.Continue)]
        name, in_place = changed(node)
        if name is None:
            return live | read(node)
        if name not in live:
            if in_place and name in self._shared:
                return live | read(node)
            if self._recording:
                self.dead.add(node.lineno)
            return live
        overwrites = isinstance(node, ast.Assign) and not in_place
        return (live - {name} if overwrites else live) | read(node)

    def _loop(self, node: ast.For | ast.While, live: Names) -> Names:
        """Goes around the body until nothing new is live, then once more to record what is dead."""
        bound = frozenset(n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)) \
            if isinstance(node, ast.For) else NOTHING
        test = read(node.test) if isinstance(node, ast.While) else NOTHING
        after = self._body(node.orelse, live)
        recording, self._recording = self._recording, False
        head, previous = after | test, None
        while head != previous:
            previous = head
            head |= self._around(node.body, live, head) - bound
        self._recording = recording
        self._around(node.body, live, head)
        return head | read(node.iter) if isinstance(node, ast.For) else head

    def _around(self, body: list[ast.stmt], after: Names, head: Names) -> Names:
        self._loops.append((after, head))
        live = self._body(body, head)
        self._loops.pop()
        return live


def _replaced(one: ast.stmt, other: ast.stmt) -> bool:
    """Whether a statement sets an item (`xs[0] = 1`) that the next one sets anew without a look at it."""
    if not (isinstance(one, ast.Assign) and isinstance(other, ast.Assign)):
        return False
    item, again = one.targets[0], other.targets[0]
    return isinstance(item, ast.Subscript) and isinstance(item.slice, ast.Constant | ast.Name) \
        and ast.dump(item) == ast.dump(again) and not read(item.value) & read(other.value)


def read(node: ast.AST) -> Names:
    """Names that a piece of the tree reads (the target of `x += 1` is read too, if anything reads x)."""
    return frozenset(n.id for n in nodes(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))


def changed(node: ast.stmt) -> tuple[str | None, bool]:
    """The variable that a simple statement sets or changes, and whether it changes the object in place.

    (None, False) where it is no variable, or several.
    """
    target: ast.expr | None = None
    if isinstance(node, ast.Assign | ast.Delete) and len(node.targets) == 1:
        target = node.targets[0]
    elif isinstance(node, ast.AugAssign):
        target = node.target
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        method = node.value.func
        mutates = isinstance(method, ast.Attribute) and method.attr in MUTATORS
        return (method.value.id, True) if mutates and isinstance(method.value, ast.Name) else (None, False)
    in_place = isinstance(target, ast.Subscript)
    target = target.value if in_place else target
    return (target.id, in_place) if isinstance(target, ast.Name) else (None, False)


def _shared(function: ast.FunctionDef) -> Names:
    """Names whose value something else may share, so that a change in place can be seen without the name.

    Also names that belong to an outer function or to the module.
    """
    found: set[str] = set()
    for node in nodes(function):
        if isinstance(node, ast.Global | ast.Nonlocal):
            found.update(node.names)
        elif isinstance(node, ast.Assign) and not _fresh(node.value):
            found.update(n.id for n in (*node.targets, node.value) if isinstance(n, ast.Name))
        elif isinstance(node, ast.List | ast.Tuple | ast.Set):
            found.update(item.id for item in node.elts if isinstance(item, ast.Name))
    return frozenset(found)


def _fresh(value: ast.expr) -> bool:
    """Whether an expression certainly gives a new object."""
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id in COPIES
    return isinstance(value, FRESH) or isinstance(value, ast.Subscript) and isinstance(value.slice, ast.Slice)
