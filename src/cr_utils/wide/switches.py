"""The strict test of dead code: a program is run with single statements switched off.

Scope: a statement, or a test of an `if`, without which every input gives the same output has no part in the
program. One compilation serves all: each statement stands behind a switch, and each turn of a loop counts, so
that a loop ends which lost its line of progress.
"""

from __future__ import annotations

import ast

from .runs import Endless, given, text, ticking

SWITCH, TICK = "_off", "_tick"
PLACE = {"lineno": 1, "col_offset": 0, "end_lineno": 1, "end_col_offset": 0}
LOAD = ast.Load()


def idle_statement(tree: ast.Module, inputs: list[str], outputs: list[str]) -> int:
    """The line of a statement (or test of an if) that changes no output of these inputs, or 0."""
    lines: list[int] = []
    module = ast.Module([_function(node, lines) for node in tree.body], [])
    tick, restart = ticking()
    space: dict = {SWITCH: -1, TICK: tick}
    exec(compile(module, "<switched>", "exec", dont_inherit=True), space)  # noqa: S102
    function, cases = space["f"], list(zip(inputs, outputs, strict=True))
    for number, line in enumerate(lines):
        space[SWITCH] = number
        if all(_gives(function, arguments, output, restart) for arguments, output in cases):
            return line
    return 0


def _gives(function, arguments: str, output: str, restart) -> bool:
    restart()
    try:
        return text(function(*given(arguments))) == output
    except (Exception, Endless):  # noqa: BLE001 - without the statement anything may happen
        return False


def _function(node: ast.stmt, lines: list[int]) -> ast.stmt:
    return _copied(node, body=_block(node.body, lines)) if isinstance(node, ast.FunctionDef) else node


def _block(body: list[ast.stmt], lines: list[int]) -> list[ast.stmt]:
    return [_behind(node, lines) for node in body]


def _behind(node: ast.stmt, lines: list[int]) -> ast.stmt:
    """The statement behind its switch; expressions are shared with the tree, which stays as it was."""
    on = _switch(ast.NotEq(), node.lineno, lines)
    if isinstance(node, ast.If):
        test = ast.BoolOp(ast.Or(), [_switch(ast.Eq(), node.lineno, lines), node.test], **PLACE)
        node = _copied(node, test=test, body=_block(node.body, lines), orelse=_block(node.orelse, lines))
    elif isinstance(node, ast.While):
        test = ast.BoolOp(ast.And(), [_call(), node.test], **PLACE)
        node = _copied(node, test=test, body=_block(node.body, lines), orelse=_block(node.orelse, lines))
    elif isinstance(node, ast.For):
        body = [ast.Expr(_call(), **PLACE), *_block(node.body, lines)]
        node = _copied(node, body=body, orelse=_block(node.orelse, lines))
    return ast.If(on, [node], [], **PLACE)


def _switch(op: ast.cmpop, line: int, lines: list[int]) -> ast.Compare:
    lines.append(line)
    number = ast.Constant(len(lines) - 1, **PLACE)
    return ast.Compare(ast.Name(SWITCH, LOAD, **PLACE), [op], [number], **PLACE)


def _call() -> ast.Call:
    return ast.Call(ast.Name(TICK, LOAD, **PLACE), [], [], **PLACE)


def _copied(node: ast.stmt, **changes) -> ast.stmt:
    made = type(node)(**{**node.__dict__, **changes})
    return made
