"""A predicted call, read as data: `f(<literals>)` or the harmless constructor expressions data sets use.

Model text is parsed, checked against a white list, and turned into a tree of tagged values (`zygote.values`)
and small expression nodes (`zygote.build`) that the jailed process evaluates itself.  No text is ever
compiled. Allowed beside literals: the constructors and pure functions in `FUNCTIONS`, arithmetic, slices and
subscripts, and methods of literals whose names do not start with an underscore.  Names, lambdas,
comprehensions, unpacking, f-strings and conditional expressions are refused.
"""

from __future__ import annotations

import ast
import re
from functools import lru_cache

from cr_utils import literals
from cr_utils.zygote import build

__all__ = ["CallError", "entry_point", "parse"]


class CallError(ValueError):
    """The text is not a call of the function on harmless arguments; the message says why."""


def parse(text: str, name: str) -> list:
    """[positional trees, keyword trees by name] of a call of `name`; raises CallError.

    >>> parse("f(1, b='x')", "f")
    [[1], {'b': 'x'}]
    """
    if type(text) is not str:
        raise CallError("not text")
    try:
        node = literals.expression(text)
    except literals.LiteralError as error:
        raise CallError(str(error)) from None
    if type(node) is not ast.Call or type(node.func) is not ast.Name:
        raise CallError("not a call")
    if node.func.id != name:
        raise CallError(f"a call of {node.func.id[:40]!r}, not of {name!r}")
    try:
        return [[_tree(item) for item in node.args], _keywords(node.keywords)]
    except (ValueError, OverflowError, RecursionError) as error:
        raise CallError(str(error) or type(error).__name__) from None


def _keywords(nodes: list[ast.keyword]) -> dict:
    if any(item.arg is None for item in nodes):
        raise CallError("unpacking")
    found = {item.arg: _tree(item.value) for item in nodes}
    if len(found) != len(nodes):
        raise CallError("a repeated keyword")
    return found


def _tree(node: ast.expr) -> object:
    """The tagged tree of one argument."""
    kind = type(node)
    if kind is ast.Constant:
        return _constant(node.value)
    if kind in _SEQUENCES:
        return [_SEQUENCES[kind], *[_tree(item) for item in node.elts]]
    if kind is ast.Dict:
        if None in node.keys:
            raise CallError("unpacking")
        return ["d", *[_tree(item) for pair in zip(node.keys, node.values, strict=True) for item in pair]]
    if kind is ast.UnaryOp:
        return _unary(node)
    if kind is ast.BinOp:
        return _node("op", _operator(node.op), [_tree(node.left), _tree(node.right)])
    if kind is ast.Call:
        return _call(node)
    if kind is ast.Subscript:
        return _node("op", "[]", [_tree(node.value), _index(node.slice)])
    if kind is ast.Name and node.id in ("nan", "inf"):
        return float(node.id)
    raise CallError(f"{kind.__name__} is not allowed in a predicted call")


_SEQUENCES = {ast.List: "l", ast.Tuple: "t", ast.Set: "s"}


# Two characters that JSON would read back as one; see `zygote.values`.
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def _constant(value: object) -> object:
    kind = type(value)
    if kind is int and abs(value) >= 2**53:
        return ["i", hex(value)]
    if kind is str and _PAIR.search(value):
        return ["w", *map(ord, value)]
    if kind is bytes:
        return ["b", value.decode("latin-1")]
    if kind is complex:
        return ["c", value.real, value.imag]
    return ["e"] if value is ... else value


def _node(kind: str, name: str, items: list, keywords: dict | None = None) -> dict:
    return {kind: name, "a": items, "k": keywords or {}}


def _operator(node: ast.AST) -> str:
    name = type(node).__name__
    if name not in build.OPERATORS:
        raise CallError(f"operator {name} is not allowed in a predicted call")
    return name


def _unary(node: ast.UnaryOp) -> object:
    value = _tree(node.operand)
    if type(node.op) is ast.USub and type(value) in (int, float):
        return -value
    return _node("op", _operator(node.op), [value])


def _index(node: ast.expr) -> object:
    if type(node) is not ast.Slice:
        return _tree(node)
    parts = [None if part is None else _tree(part) for part in (node.lower, node.upper, node.step)]
    return _node("op", "slice", parts)


def _call(node: ast.Call) -> dict:
    items = [_tree(item) for item in node.args]
    keywords = _keywords(node.keywords)
    target = node.func
    if type(target) is ast.Name and target.id in build.FUNCTIONS:
        return _node("call", target.id, items, keywords)
    if type(target) is ast.Attribute and target.attr in build.METHODS:
        return _node("method", target.attr, [_tree(target.value), *items], keywords)
    name = target.id if type(target) is ast.Name else getattr(target, "attr", "?")
    raise CallError(f"a call of {name[:40]!r} is not allowed in a predicted call")


def entry_point(code: str) -> str | None:
    """Name of the last function that the program defines at top level, else of its last lambda, say.

    None where it has neither, does not parse, or is longer than any program should be.
    """
    return (_short_entry_point if len(code) <= _SHORT else _entry_point)(code)


def _entry_point(code: str) -> str | None:
    try:
        body = literals.parse_program(code).body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    names = [node.name for node in body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    if not names:  # `f = lambda x: x`, or a function inside an `if`
        for node in ast.walk(ast.Module(body, [])):
            if isinstance(node, ast.FunctionDef):
                names.append(node.name)
            elif isinstance(node, ast.Assign) and isinstance(node.value, (ast.Lambda, ast.Call)):
                names += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return names[-1] if names else None


_SHORT = 16_384  # characters; longer programs are not worth the memory of remembering them
_short_entry_point = lru_cache(maxsize=4096)(_entry_point)
