"""How values and expressions read in a narration: short literals, and values in place of names.

Scope: text of plain values (numbers, strings, None and the builtin containers of these). Anything else raises
Unsupported, a text beyond MAX_TEXT characters TooLong.
"""

from __future__ import annotations

import ast
import copy

MAX_TEXT = 200
ATOMS = frozenset((int, float, bool, str, bytes, complex, type(None)))
# Iterators and views have no literal: their items are what a reader sees.
LAZY = (range, enumerate, zip, map, filter, reversed, type(reversed([])), type({}.keys()), type({}.values()),
        type({}.items()), type(reversed({})))


class Unsupported(Exception):
    """The program uses something that the narrator does not evaluate."""


class TooLong(Exception):
    """The narration grew past its limits."""


def show(value) -> str:
    """Literal text of a value; sets in sorted order so that the text does not depend on hashing."""
    text = _text(value)
    if len(text) > MAX_TEXT:
        raise TooLong("a value's text is too long")
    return text


def _text(value) -> str:
    kind = type(value)
    if kind in ATOMS:
        return repr(value)
    if kind is dict:
        return "{" + ", ".join(f"{_text(k)}: {_text(v)}" for k, v in value.items()) + "}"
    if kind in (set, frozenset) and value:
        try:
            value = sorted(value)
        except TypeError:
            raise Unsupported("a set that cannot be sorted") from None
        text = "{" + ", ".join(_text(item) for item in value) + "}"
        return text if kind is set else f"frozenset({text})"
    if kind in (set, frozenset):
        return repr(value)
    if kind is list:
        return "[" + ", ".join(_text(item) for item in value) + "]"
    if kind is tuple:
        return "(" + ", ".join(_text(item) for item in value) + ("," if len(value) == 1 else "") + ")"
    raise Unsupported(f"a value of type {kind.__name__}")


def show_index(index) -> str:
    """Text of an index or slice, as it stands between brackets."""
    if not isinstance(index, slice):
        return show(index)
    start, stop, step = ("" if part is None else show(part) for part in (index.start, index.stop, index.step))
    return f"{start}:{stop}" + (f":{step}" if step else "")


def settle(value):
    """The value, or the list of items of an iterator or view."""
    return list(value) if isinstance(value, LAZY) else value


class _Substitute(ast.NodeTransformer):
    """Puts literals in place of the names of `env`, other than those that the expression binds itself."""

    def __init__(self, env: dict, bound: set[str]):
        self.env, self.bound = env, bound

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if isinstance(node.ctx, ast.Load) and node.id in self.env and node.id not in self.bound:
            return ast.parse(show(self.env[node.id]), mode="eval").body
        return node


def bound_names(node: ast.AST) -> set[str]:
    """The names that an expression binds (loop variables of comprehensions)."""
    names = (part for part in ast.walk(node) if isinstance(part, ast.Name))
    return {name.id for name in names if isinstance(name.ctx, ast.Store)}


def substituted(node: ast.expr, env: dict) -> str:
    """Source of an expression with the variables replaced by their values."""
    try:
        return ast.unparse(_Substitute(env, bound_names(node)).visit(copy.deepcopy(node)))
    except ValueError as error:  # an f-string that cannot hold the quotes of its values
        raise Unsupported(str(error)) from None
