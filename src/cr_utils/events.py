"""What a run did, as data: the narrator's events in their order, loops as turns.

Scope: the programs that the narrator evaluates. An event is one statement, or what a statement shows on its
way: the call of a function, a test, a loop's items, a turn, the end of a loop, a return. It carries the
operations with their values and the variables after it. The styles of prose and of states are written from
these (voices, monologue); nothing here words anything. Limits: those of the narrator, at most MOST events.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

from .narrator import Narrator, show
from .wording import TooLong

MOST = 600
PLAIN = (ast.Assign, ast.AugAssign, ast.Delete, ast.Expr)


class Line(str):
    """A line of the program that knows its number (1-based)."""

    number = 0

    @classmethod
    def numbered(cls, number: int, text: str) -> Line:
        line = cls(text)
        line.number = number
        return line


@dataclass(frozen=True)
class Event:
    """kind: call, calling, step, test, items, turn, end, break, continue, pass or return.

    line, text: the statement; function, frame: the call that it belongs to. facts: (operation, value) texts,
    with an empty value for a change in place; changes: (variable, value) of what was given a value or was
    changed in place; value: of a test, a loop's items or a return; note: the call that is made, or the number
    of the turn; state: the variables of the frame afterwards.
    """

    kind: str
    line: int
    text: str
    function: str
    frame: int
    facts: tuple[tuple[str, str], ...] = ()
    changes: tuple[tuple[str, str], ...] = ()
    value: str | None = None
    note: str = ""
    state: dict[str, str] = field(default_factory=dict)


@dataclass
class Loop:
    """The turns of a loop: each a list of events and loops. A while's turn begins with its test."""

    line: int
    frame: int
    names: tuple[str, ...]  # the loop's variables; none for while
    outer: list = field(repr=False)  # the block that it stands in
    turns: list[list] = field(default_factory=list)


@dataclass
class _Frame:
    number: int
    function: str
    env: dict
    fresh: bool = True  # its call was not told yet
    node: ast.stmt | None = None
    changes: list[str] = field(default_factory=list)


class Recorder(Narrator):
    """Evaluates one call of a program; `top` holds what happened: events, and loops in place of theirs."""

    def __init__(self, code: str):
        super().__init__(code)
        self.source = [Line.numbered(n, text) for n, text in enumerate(self.source, 1)]
        self.top: list = []
        self.block = self.top  # where the next event goes
        self.frames: list[_Frame] = []
        self.loops: list[Loop] = []
        self.told: list[tuple[str, str]] = []  # operations since the last event
        self.numbers, self.count = itertools.count(), 0

    def fact(self, left, value):
        self.told.append((left, show(value)))

    def put(self, kind: str, value: str | None = None, note: str = "", changes: Iterable[str] = ()) -> None:
        """Add an event with what was gathered since the last one; changes: further names that have values."""
        self.count += 1
        if self.count > MOST:
            raise TooLong("more events than the limit")
        frame = self.frames[-1]
        state = {name: show(held) for name, held in frame.env.items()}
        given = tuple((name, state[name]) for name in dict.fromkeys([*frame.changes, *changes])
                      if name in state)
        self.block.append(Event(kind, self.here.number, self.here, frame.function, frame.number,
                                tuple(self.told), given, value, note, state))
        self.told, frame.changes = [], []

    def say(self, text):
        frame = self.frames[-1]
        if frame.fresh:
            frame.fresh = False
            self.put("call", changes=frame.env)
        elif text.startswith("["):
            self._turn(text[1:text.index("]")])
        elif text == "end":
            self.block = self.loops[-1].outer
            self.put("end")
        elif text:
            self.put("calling", note=text.removeprefix("call "))
        elif not isinstance(frame.node, PLAIN):
            self.put(type(frame.node).__name__.lower())

    def say_value(self, name, value):
        frame, text = self.frames[-1], show(value)
        if name:
            frame.changes.append(name)
        elif isinstance(frame.node, ast.Return):
            self.put("return", text)
        elif self.loops and (self.loops[-1].frame, self.loops[-1].line) == (frame.number, self.here.number):
            if not self.loops[-1].names:
                self._begin(self.loops[-1])
            self.put("items" if self.loops[-1].names else "test", text)
        else:
            self.put("test", text)

    def after_change(self, node, holder, how):
        self.told.append((how, ""))
        while isinstance(node, ast.Subscript | ast.Attribute | ast.Call):
            node = node.func if isinstance(node, ast.Call) else node.value
        if isinstance(node, ast.Name):  # the variable that holds what was changed
            self.frames[-1].changes.append(node.id)

    def call(self, name, args, depth=0):
        node = self.functions.get(name)
        given = [one.arg for one in node.args.args] if node else []
        self.frames.append(_Frame(next(self.numbers), name, dict(zip(given, args, strict=False))))
        value = super().call(name, args, depth)
        if not isinstance(self.frames[-1].node, ast.Return):
            self.put("return", show(value))
        self.frames.pop()
        return value

    def body(self, statements, env, depth):
        frame = self.frames[-1]
        frame.env = env
        for node in statements:
            frame.node = node
            super().body([node], env, depth)
            if isinstance(node, PLAIN) and not (isinstance(node, ast.Expr)
                                                and isinstance(node.value, ast.Constant)):
                self.put("step")
        frame.node = None

    def _begin(self, loop: Loop) -> None:
        """Begin a turn; the first puts the loop in its place, behind its items."""
        if not loop.turns:
            loop.outer.append(loop)
        loop.turns.append([])
        self.block = loop.turns[-1]

    def _turn(self, number: str) -> None:
        self._begin(self.loops[-1])
        self.put("turn", note=number, changes=self.loops[-1].names)

    def do_For(self, node, env, depth):
        names = [part.id for part in ast.walk(node.target) if isinstance(part, ast.Name)]
        self._loop(super().do_For, tuple(names), node, env, depth)

    def do_While(self, node, env, depth):
        self._loop(super().do_While, (), node, env, depth)

    def _loop(self, run, names, node, env, depth):
        """Run a loop; its items stand before it, the end of a for and what its else holds behind it."""
        outer = self.block
        self.loops.append(Loop(node.lineno, self.frames[-1].number, names, outer))
        try:
            run(node, env, depth)
        finally:
            self.loops.pop()
            self.block = outer


def record(code: str, entry_point: str, args: list) -> tuple[list, str]:
    """What a call did (events and loops), and the text of its value. Raises as the narrator does."""
    recorder = Recorder(code)
    return recorder.top, show(recorder.call(entry_point, args))
