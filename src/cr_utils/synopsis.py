"""What a function does on the whole, and what a wanted value says about its run: read off the syntax tree.

Scope: the top-level statements of one function. `outline` names them in their order, so it is true whatever
the input; `demands` follows one step back from a wanted value, and only where that step has one answer.
Limits: nothing is run, no claim is made about the insides of loops and branches.
"""

from __future__ import annotations

import ast

from . import literals
from .wording import Unsupported, show

SHORT = 26  # characters of source that are quoted
MOST = 4  # statements that are named before plain ones are left out
WEIGHTY = (ast.If, ast.For, ast.While, ast.Return)
SIZED = {str: "characters", list: "items", tuple: "items", set: "items", dict: "keys"}


def outline(code: str, entry_point: str) -> str:
    """One clause: ``f takes s and n; it sets t to s.upper(), loops over range(n), and returns t``."""
    node = _function(code, entry_point)
    names = [one.arg for one in node.args.args]
    body = node.body[ast.get_docstring(node) is not None:]
    if len(body) > MOST:
        body = [one for one in body if isinstance(one, WEIGHTY)] or body[:MOST]
    clauses = [_clause(one) for one in body]
    return f"{entry_point} takes {_joined(names) or 'nothing'}; it {_joined(clauses)}"


def demands(code: str, entry_point: str, output: str) -> list[str]:
    """Sentences about what must hold for a call to give `output`: its type and size, and one step back."""
    value = literals.parse(output)
    unit, kind = SIZED.get(type(value)), type(value).__name__
    article = "an" if kind[0] in "aeiou" else "a"
    size = f" of {len(value)} {unit}" if unit else ""
    if value is None or isinstance(value, bool):
        found = [f"The result must be {output}."]
    else:
        found = [f"The result must be {output}, {article} {kind}{size}."]
    node = _only_return(_function(code, entry_point))
    own = {part.id for part in ast.walk(ast.parse(code)) if isinstance(part, ast.Name)
           and isinstance(part.ctx, ast.Store)} | {one.name for one in ast.parse(code).body
                                                   if isinstance(one, ast.FunctionDef)}
    try:
        back = _back(node, value, own) if node else ""
    except Unsupported:
        back = ""
    return [*found, back] if back else found


def _function(code: str, name: str) -> ast.FunctionDef:
    return next(one for one in ast.parse(code).body if isinstance(one, ast.FunctionDef) and one.name == name)


def _clause(node: ast.stmt) -> str:
    """A statement as the rest of "it ..."."""
    if isinstance(node, ast.Assign):
        names = _joined([ast.unparse(target) for target in node.targets])
        return f"sets {names}" + _quoted(" to", node.value)
    if isinstance(node, ast.AugAssign):
        return f"updates {ast.unparse(node.target)}"
    if isinstance(node, ast.For):
        return _quoted("loops over", node.iter) or "has a loop"
    if isinstance(node, ast.While):
        return _quoted("loops while", node.test) or "has a while loop"
    if isinstance(node, ast.If):
        return _quoted("branches on", node.test) or "branches"
    if isinstance(node, ast.Return):
        return (_quoted("returns", node.value) or "returns a value") if node.value else "returns None"
    if isinstance(node, ast.Delete):
        return "deletes an item"
    return isinstance(node, ast.Expr) and _quoted("calls", node.value) or "does a step"


def _quoted(word: str, node: ast.expr) -> str:
    text = ast.unparse(node)
    return f"{word} {text}" if len(text) <= SHORT else ""


def _joined(parts: list[str]) -> str:
    """``a``, ``a and b``, ``a, b, and c``."""
    if len(parts) < 3:
        return " and ".join(parts)
    return ", ".join(parts[:-1]) + f", and {parts[-1]}"


def _only_return(node: ast.FunctionDef) -> ast.expr | None:
    """The returned expression of a function that has one return, as its last statement."""
    returns = [part for part in ast.walk(node) if isinstance(part, ast.Return)]
    return returns[0].value if len(returns) == 1 and node.body[-1] is returns[0] else None


def _back(node: ast.expr, value, own: set[str]) -> str:
    """What a returned expression demands of the variable in it; "" where that is not the one answer.

    own: names that the program binds itself; a builtin among them is not the builtin.
    """
    if isinstance(node, ast.Name):
        return f"It returns {node.id}, so {node.id} must end as {show(value)}."
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and isinstance(
            value, str | list | tuple) and ast.unparse(node.slice) == "::-1":
        return f"It returns {node.value.id} reversed, so {node.value.id} must end as {show(value[::-1])}."
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and isinstance(value, str):
        return _added(node, value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords and len(
            node.args) == 1 and isinstance(node.args[0], ast.Name) and node.func.id not in own:
        name = node.args[0].id
        if node.func.id == "len":
            return f"It returns the length of {name}, so {name} must end with {value} in it."
        if node.func.id == "sorted":
            return f"It returns {name} sorted, so {name} must end with the items of {show(value)}."
    return ""


def _added(node: ast.BinOp, value: str) -> str:
    """A variable with a literal text before or behind it."""
    left, right = node.left, node.right
    if isinstance(left, ast.Name) and isinstance(right, ast.Constant) and right.value:
        name, rest = left.id, value.removesuffix(right.value)
    elif isinstance(right, ast.Name) and isinstance(left, ast.Constant) and left.value:
        name, rest = right.id, value.removeprefix(left.value)
    else:
        return ""
    return f"It returns {ast.unparse(node)}, so {name} must end as {show(rest)}." if rest != value else ""
