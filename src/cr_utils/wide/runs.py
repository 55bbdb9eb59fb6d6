"""Runs of one program on several inputs: compiled once; traced; and run with single statements switched off.

Scope: trusted programs of the wide grammar, in this process. Every run ends after a number of lines, whatever
the program does. `idle_statement` is the strict test of dead code: a statement, or a test of an `if`, without
which every input gives the same output has no part in the program.
"""

from __future__ import annotations

import ast
import copy
import sys
from collections.abc import Callable

from cr_utils.trace import Event as _Event
from cr_utils.trace import Trace
from cr_utils.zygote import canon, tracer

MAX_LINES = 300
SWITCH = "_off"


class Endless(BaseException):
    """A run took too many lines."""


class Runs:
    """One program: `outputs` runs it plainly, `trace` with its events."""

    def __init__(self, code: str):
        self.module = compile(code, "<program>", "exec", dont_inherit=True)
        self.space: dict = {"__name__": "program"}
        exec(self.module, self.space)  # noqa: S102 - a program of our own grammar

    def trace(self, arguments: str, max_lines: int) -> Trace:
        """The events and output of f(arguments), at most `max_lines` lines."""
        values = ast.literal_eval(f"({arguments},)")
        recorder = tracer.Recorder(self.module, max_lines, 200, stop=True)
        function, before, result, error = self.space["f"], sys.gettrace(), None, None
        try:
            recorder.install()
            result = function(*values)
        except tracer.Cut:
            error = "Cut: too many events"
        except Exception as caught:  # noqa: BLE001 - whatever the program raises is its result
            error = f"{type(caught).__name__}: {caught}"
        finally:
            recorder.finish(sys.gettrace())
            sys.settrace(before)
        output = None if error else text(result)
        return Trace(
            [_Event(*record) for record in recorder.records],
            recorder.hidden,
            recorder.complete,
            output,
            error,
            "error" if error else "ok",
        )


def text(value: object) -> str | None:
    """Canonical text of a value, or None where it has none."""
    try:
        return canon.text(value)
    except canon.NoText:
        return None


def bounded(function: Callable, values: tuple, limit: int = MAX_LINES) -> str | None:
    """Canonical text of a call's value; None where it raises, has no text, or takes too many lines."""
    left = limit

    def count(frame, event, arg):
        nonlocal left
        left -= 1
        if left < 0:
            raise Endless
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        result = function(*values)
    except (Exception, Endless):  # noqa: BLE001
        return None
    finally:
        sys.settrace(before)
    return text(result)


def idle_statement(tree: ast.Module, inputs: list[str], outputs: list[str]) -> int:
    """The line of a statement (or test of an if) that changes no output of these inputs, or 0.

    One compilation serves all: each statement stands behind a switch.
    """
    switched = _Switch()
    module = ast.fix_missing_locations(switched.visit(copy.deepcopy(tree)))
    space: dict = {SWITCH: -1}
    exec(compile(module, "<switched>", "exec", dont_inherit=True), space)  # noqa: S102
    values = [ast.literal_eval(f"({one},)") for one in inputs]
    for number, line in enumerate(switched.lines):
        space[SWITCH] = number
        if all(
            bounded(space["f"], copy.deepcopy(given)) == output
            for given, output in zip(values, outputs, strict=True)
        ):
            return line
    return 0


class _Switch(ast.NodeTransformer):
    """Puts every statement behind `if _off != number`, every test of an if behind `_off == number or`."""

    def __init__(self):
        self.lines: list[int] = []

    def _number(self, line: int, op: ast.cmpop) -> ast.Compare:
        self.lines.append(line)
        return ast.Compare(ast.Name(SWITCH, ast.Load()), [op], [ast.Constant(len(self.lines) - 1)])

    def visit_FunctionDef(self, node):
        node.body = [self._behind(one) for one in node.body]
        return node

    def _behind(self, node: ast.stmt) -> ast.stmt:
        line = node.lineno
        whole = ast.If(self._number(line, ast.NotEq()), [node], [])
        if isinstance(node, ast.If):
            node.test = ast.BoolOp(ast.Or(), [self._number(line, ast.Eq()), node.test])
        for field in ("body", "orelse"):
            if getattr(node, field, None):
                setattr(node, field, [self._behind(one) for one in getattr(node, field)])
        return whole
