"""Runs of one program on several inputs: compiled once; looked at, traced, or with single statements off.

Scope: trusted programs of the wide grammar, in this process. Every run ends after a number of lines (or turns
of loops), whatever the program does. `look` finds what selects an input at a fifth of the cost of a trace.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType

from cr_utils.candidates import MAX_OUTPUT, small_value
from cr_utils.syntax import nodes
from cr_utils.trace import Event as _Event
from cr_utils.trace import Trace
from cr_utils.zygote import canon, tracer

MAX_LINES = 300


class Endless(BaseException):
    """A run took too many lines."""


@dataclass(frozen=True)
class Seen:
    """What one run showed: canonical text of the value (or None), lines reached, why it is no problem."""

    output: str | None
    coverage: frozenset[int]
    reason: str | None


class Runs:
    """One program: `look` runs it and says which lines it reached, `trace` records every event."""

    def __init__(self, code: str, tree: ast.Module | None = None):
        self.module = compile(code if tree is None else tree, "<program>", "exec", dont_inherit=True)
        self.space: dict = {"__name__": "program"}
        exec(self.module, self.space)  # noqa: S102 - a program of our own grammar

    def look(self, values: Sequence, max_lines: int) -> Seen:
        """Run f(*values), at most `max_lines` lines (those inside comprehensions count too)."""
        lines: list[int] = []
        note = lines.append

        def follow(frame, event, arg):
            if event == "line":
                note(frame.f_lineno)
                # Not inside a generator: what one raises while it is closed is ignored, with tracing off.
                if len(lines) > max_lines and not frame.f_code.co_flags & inspect.CO_GENERATOR:
                    sys.settrace(None)
                    raise Endless
            return follow

        function, before, result, reason = self.space["f"], sys.gettrace(), None, None
        sys.settrace(follow)
        try:
            result = function(*values)
        except Endless:
            reason = "too many steps"
        except Exception:  # noqa: BLE001 - whatever the program raises is its result
            reason = "raises"
        finally:
            sys.settrace(before)
        output = None if reason else text(result)
        if reason is None and (output is None or len(output) > MAX_OUTPUT or not small_value(result)):
            reason = "output not a small literal"
        return Seen(output, frozenset(lines), reason)

    def trace(self, arguments: str, max_lines: int) -> Trace:
        """The events and output of f(arguments), at most `max_lines` lines."""
        recorder = tracer.Recorder(self.module, max_lines, 200, stop=True)
        function, values, before = self.space["f"], given(arguments), sys.gettrace()
        result, error = None, None
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


def given(arguments: str) -> tuple:
    """Fresh values of an argument text; it holds literals of our own making only.

    Sets get their items one by one in the order of the text. A call gives them at once, which can order them
    otherwise: where that makes a difference (`pop`), the second run (`called`) finds it.
    """
    return ast.literal_eval(f"({arguments},)") if holds_set(arguments) else called(arguments)


def called(arguments: str) -> tuple:
    """Fresh values of an argument text, as a call of the program has them."""
    return eval(_compiled(arguments))  # noqa: S307


@lru_cache(maxsize=64)
def _compiled(arguments: str) -> CodeType:
    return compile(f"({arguments},)", "<arguments>", "eval", dont_inherit=True)


@lru_cache(maxsize=64)
def holds_set(arguments: str) -> bool:
    """Whether an argument text holds a set."""
    if "{" not in arguments and "set(" not in arguments:
        return False
    return any(isinstance(node, ast.Set | ast.Call) for node in nodes(ast.parse(f"({arguments},)")))


def text(value: object) -> str | None:
    """Canonical text of a value, or None where it has none."""
    try:
        return canon.text(value)
    except canon.NoText:
        return None


def ticking(limit: int = MAX_LINES) -> tuple[Callable[[], bool], Callable[[], None]]:
    """(tick, restart): a function that is true and raises Endless at its `limit`-th call, and one that
    begins to count anew.
    """
    left = limit

    def tick() -> bool:
        nonlocal left
        left -= 1
        if left < 0:
            raise Endless
        return True

    def restart() -> None:
        nonlocal left
        left = limit

    return tick, restart
