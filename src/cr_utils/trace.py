"""What a call did, line by line: lines run, next lines, values after each line.

Strict mode, for our own questions: each call of a function is a frame of its own; the next line and the
values after a line are those of the same frame; comprehensions and lambdas count for coverage only, so that
Python versions agree.  `trace` runs untrusted programs in the sandbox; `trace_call` runs trusted ones in
this process, faster. Values are read as data, never through a program's own methods; bounds: 2,000 lines,
200 nodes for each value. `complete` is False when a trace was cut, evaded or tampered with.  Line numbers
are 1-based. Flat mode (`flat_many`) reproduces the trace that the REval benchmark's truths were made with,
over all frames.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import starmap
from types import CodeType
from typing import NamedTuple

from cr_utils.zygote import canon, tracer

__all__ = ["Event", "FlatTrace", "Trace", "flat_many", "trace", "trace_call", "trace_many"]


class Event(NamedTuple):
    """One line of one frame.  `changes`: name -> [type name, canonical text], [type name, None] for a
    value that has no literal, None for a name that is gone.  Line 0 begins a frame (changes: its
    arguments), -1 ends it.
    """

    frame: int
    line: int
    changes: dict
    function: str | None = None


@dataclass
class Trace:
    """The line events of one call.  output: canonical text of its value, or None; error: "Type: message"
    or None.
    """

    events: list[Event]
    hidden: set[int] = field(default_factory=set)
    complete: bool = True
    output: str | None = None
    error: str | None = None
    kind: str = "ok"

    @cached_property
    def lines(self) -> list[int]:
        """Lines in the order in which they were run, frames interleaved."""
        return [event.line for event in self.events if event.line > 0]

    @cached_property
    def coverage(self) -> set[int]:
        """Every line that ran, those inside comprehensions and lambdas included."""
        return set(self.lines) | self.hidden

    @cached_property
    def next_lines(self) -> dict[int, list[int]]:
        """For each line the lines that followed it in the same frame, in order of first sight; -1 for its
        end.
        """
        following: dict[int, list[int]] = {}
        last: dict[int, int] = {}
        for event in self.events:
            before = last.get(event.frame, 0)
            if before > 0:
                seen = following.setdefault(before, [])
                if event.line not in seen:
                    seen.append(event.line)
            last[event.frame] = event.line
        return following

    @cached_property
    def states(self) -> dict[tuple[int, str], list[tuple[str, str]]]:
        """(line, name) -> (type name, canonical text) after each run of the line, for names that were
        bound then.
        """
        states: dict[tuple[int, str], list[tuple[str, str]]] = {}
        bound: dict[int, dict] = {}
        for event in self.events:
            if event.line == 0:
                bound[event.frame] = dict(event.changes)
                continue
            if event.line < 0:
                continue
            known = bound.setdefault(event.frame, {})
            known.update(event.changes)
            for name, value in known.items():
                if value is not None and value[1] is not None:
                    states.setdefault((event.line, name), []).append(tuple(value))
        return states


def trace_call(
    code: str, entry_point: str, args_text: str, max_events: int = 2000, nodes: int = 200
) -> Trace:
    """Trace a call of a TRUSTED program in this process; the run ends at `max_events` lines.

    Not for programs or arguments that a model wrote: nothing is isolated here.  Raises what the program's
    module level raises; an exception of the call itself is reported in the trace.

    >>> trace_call("def f(x):\\n    y = x + 1\\n    return y", "f", "2").output
    '3'
    """
    module = _compiled(code)
    space: dict = {"__name__": "program"}
    exec(module, space)
    called = eval(f"lambda: {entry_point}({args_text})", space)
    recorder = tracer.Recorder(module, max_events, nodes, stop=True)
    before = sys.gettrace()
    result, error = None, None
    try:
        recorder.install()
        result = called()
    except tracer.Cut:
        error = "Cut: too many events"
    except Exception as caught:
        error = f"{type(caught).__name__}: {caught}"
    finally:
        recorder.finish(sys.gettrace())
        sys.settrace(before)
    output = None if error else _text(result)
    return Trace(
        _events(recorder.records),
        recorder.hidden,
        recorder.complete,
        output,
        error,
        "error" if error else "ok",
    )


@lru_cache(16)  # one program is often traced on several inputs in turn
def _compiled(code: str) -> CodeType:
    return compile(code, "<program>", "exec", dont_inherit=True)


def _text(value: object) -> str | None:
    try:
        return canon.text(value)
    except canon.NoText:
        return None


def _events(records: list) -> list[Event]:
    return list(starmap(Event, records))


def trace(code: str, call: str, sandbox=None, **options: object) -> Trace:
    """Trace a call of an untrusted program in the sandbox; see `trace_many`."""
    return trace_many([(code, call)], sandbox, **options)[0]


def trace_many(
    pairs, sandbox=None, *, events: int = 2000, nodes: int = 200, profile: str = "pure",
    untrusted: bool = False,
) -> list[Trace]:  # fmt: skip
    """Trace (program, call) pairs in the sandbox, one Trace each, in order; without one, a sandbox is
    started.

    A run that gave no trace (a time-out, say) has no events, `complete` False, and the sandbox's kind.
    untrusted: a model wrote the programs; raises UserError where Landlock or seccomp is missing.

    >>> trace_many([("def f(x):\\n    y = x + 1\\n    return y", "f(2)")])[0].states[2, "y"]
    [('int', '3')]
    """
    if sandbox is None:
        from cr_utils.sandbox import Sandbox

        with Sandbox() as own:
            return trace_many(
                pairs, own, events=events, nodes=nodes, profile=profile, untrusted=untrusted
            )
    runs = sandbox.trace(pairs, dict(events=events, nodes=nodes), profile=profile, untrusted=untrusted)
    return [_from_run(run) for run in runs]


def _from_run(run) -> Trace:
    if run.trace is None or "records" not in run.trace:
        return Trace([], set(), False, run.value_text, run.error, run.kind)
    told = run.trace
    return Trace(
        _events(told["records"]), told["hidden"], told["complete"], run.value_text, run.error, run.kind
    )


@dataclass
class FlatTrace:
    """REval's view of a run: one list of lines over all frames, and watched expressions by their question.

    watched[i]: the distinct (type name, value) pairs of the i-th watched expression over the visits of its
    line, None for Nil.
    Objects that are not builtin values arrive as `zygote.values.Opaque`, subclasses by their builtin base.
    """

    lines: list[int]
    watched: list[list[tuple[str, object]] | None]
    complete: bool
    kind: str = "ok"
    error: str | None = None

    def covered(self, line: int) -> bool:
        """Whether the line ran."""
        return line in self.lines

    def following(self, line: int) -> set[int]:
        """The lines of the states right after each visit, -1 after the last state and for a line that
        never ran.
        """
        after = [*self.lines[1:], -1]
        return {after[at] for at, item in enumerate(self.lines) if item == line} or {-1}


def flat_many(items, sandbox, *, profile: str = "bench", untrusted: bool = False) -> list[FlatTrace]:
    """Flat traces of (code, setup, call, watch) in the sandbox, one each, in order.

    setup: text run untraced in the program's namespace before the call (a test class and its instance, say),
    or None.  watch: [(line, expression)].  A run that gave no trace has no lines and None for every
    expression.
    """
    items = list(items)
    pairs = [(code, call) for code, _, call, _ in items]
    options = [
        dict(flat=True, setup=setup, watch=[list(pair) for pair in watch]) for _, setup, _, watch in items
    ]
    runs = sandbox.trace(pairs, options, profile=profile, untrusted=untrusted)
    return [_flat(run, len(item[3])) for run, item in zip(runs, items, strict=True)]


def _flat(run, questions: int) -> FlatTrace:
    told = run.trace
    if told is None or "lines" not in told:
        return FlatTrace([], [None] * questions, False, run.kind, run.error)
    return FlatTrace(told["lines"], told["watch"], told["complete"], run.kind, run.error)
