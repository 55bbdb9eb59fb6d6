"""Line events of a program's own frames: which lines ran, in which frame, and what each line changed.

Strict mode: every call of a function is a frame of its own; comprehensions, generator expressions and
lambdas count for coverage only, so that Python versions agree.  Values are read without running the
program's code. A record is [frame, line, changes]: `changes` maps each local that the line changed to [type
name, canonical text], [type name, None] where the value has no literal, or None where it is gone.  Line 0
begins a frame (its changes are the arguments, a fourth item the function's name), line -1 ends it.
"""

import sys
from _json import make_encoder
from opcode import opmap
from types import MethodType as _Method

from . import canon, values

_settrace, _gettrace = sys.settrace, sys.gettrace
_YIELD, _RESUME = opmap["YIELD_VALUE"], opmap["RESUME"]
_SUSPENDS = 0x20 | 0x80 | 0x200  # generators and coroutines
_type, _len, _id = type, len, id
_int, _str, _repr = int, str, repr
_look, _unchanged, _SHORT = canon.look, canon.unchanged, canon._SHORT
_type_name = type.__dict__["__name__"].__get__
_join, _ROOM = str.join, 2_000_000  # characters of all records


def _refuse(item):
    raise values.TooBig  # somebody has changed the records


_json = make_encoder(None, _refuse, values._quote, None, ":", ",", False, False, True)


class Cut(BaseException):
    """The event budget is spent and the caller wants the run to stop."""


class Recorder:
    """Records the events of the code objects inside `module`; `install` starts, `finish` ends and checks."""

    def __init__(self, module, events=2000, nodes=200, chars=400_000, stop=False):
        self.records, self.hidden, self.complete = [], set(), True
        self.left, self.nodes, self.chars, self._stop = events, nodes, chars, stop
        self.running, self._count = 0, 0  # frames that are neither over nor suspended, and all of them
        self._codes = {}
        self._collect(module)
        self._function = self._call

    def _collect(self, code):
        for item in code.co_consts:
            if _type(item) is _type(code):
                if item.co_name == "__del__":  # it may run while the hook does, and then unseen
                    self.complete = False
                self._codes[_id(item)] = item
                self._collect(item)

    def install(self):
        _settrace(self._function)

    def finish(self, current):
        """Close the books; `current` is the trace function found at the end of the run."""
        _settrace(None)
        if current != self._function or self.running:
            self.complete = False

    def told(self):
        """JSON of the records as they are, tagged JSON of the lines inside comprehensions; too many of them
        count as a cut.
        """
        records = _join("", _json(self.records, 0))
        if _len(records) > _ROOM:
            self.complete = False
            parts, left = [], _ROOM
            for record in self.records:
                parts.append(_join("", _json(record, 0)))
                left -= _len(parts[-1])
                if left < 0:
                    parts.pop()
                    break
            records = "[" + _join(",", parts) + "]"
        return '{"records":' + records + ',"hidden":' + values.encode(self.hidden) + "}"

    def _call(self, frame, event, _):
        code = frame.f_code
        if _id(code) not in self._codes:
            return None
        if code.co_name[0] == "<":
            return self._hidden_line
        self.running += 1
        follow = frame.f_trace
        if _type(follow) is _Method and _type(follow.__self__) is Frame:
            return follow  # a resumed generator goes on where it was
        state = Frame(self, self._count)
        self._count += 1
        arguments = {}
        state.compare(frame, arguments)
        self.records.append([state.number, 0, arguments, code.co_name])
        return state.follow

    def _hidden_line(self, frame, event, _):
        if event == "line":
            self.hidden.add(frame.f_lineno)
            self.left -= 1
            if self.left < 0:
                self.cut()
        return self._hidden_line

    def cut(self):
        """End the recording, and the run where the caller wants that."""
        self.complete = False
        _settrace(None)
        self.left = self.chars = 1 << 60
        if self._stop:
            raise Cut


class Frame:
    """What is known of one running frame: its number, what its line changes, the locals before that line.

    It hangs on the frame as its trace function and holds nothing that would keep the frame alive.
    """

    __slots__ = ("recorder", "number", "changes", "known")

    def __init__(self, recorder, number):
        self.recorder, self.number, self.changes, self.known = recorder, number, None, {}

    def follow(self, frame, event, _):
        """The frame's trace function."""
        if event == "line":
            if self.changes is not None:
                self.compare(frame, self.changes)
            self.changes = changes = {}
            recorder = self.recorder
            recorder.records.append([self.number, frame.f_lineno, changes])
            recorder.left -= 1
            if recorder.left < 0:
                recorder.cut()
        elif event == "return":
            self._leave(frame)
        return self.follow

    def _leave(self, frame):
        """The frame is over, or suspended at a yield."""
        recorder = self.recorder
        if self.changes is not None:
            self.compare(frame, self.changes)
        if not frame.f_trace_lines:
            recorder.complete = False
        recorder.running -= 1
        if not (frame.f_code.co_flags & _SUSPENDS and _yields(frame.f_code.co_code, frame.f_lasti)):
            recorder.records.append([self.number, -1, {}])

    def compare(self, frame, changes):
        """Note what differs from the locals as they were at the frame's last event."""
        known, local, written = self.known, frame.f_locals, 0
        for name, value in local.items():
            entry = known.get(name)
            if entry is not None:
                before, shown, type_name, taken = entry
                if before is value and (taken is True or taken is not None and _unchanged(value, taken)):
                    continue
            kind = _type(value)
            if kind is _int and -_SHORT < value < _SHORT:  # the two most frequent kinds, as `look` has them
                now, taken, kind_name = _repr(value), True, "int"
            elif kind is _str and _len(value) <= 100:
                now, taken, kind_name = _repr(value), True, "str"
            else:
                now, taken = _look(value, self.recorder.nodes, 4000)
                kind_name = _type_name(kind)
            # Nothing is kept alive but values whose end no program can see.
            known[name] = (None if taken is None else value, now, kind_name, taken)
            if entry is None or now != shown or kind_name != type_name:
                changes[name] = [kind_name, now]
                if now is not None:
                    written += _len(now)
        if _len(known) > _len(local):
            for name in [name for name in known if name not in local]:
                del known[name]
                changes[name] = None
        recorder = self.recorder
        recorder.chars -= written
        if recorder.chars < 0:  # texts beyond the budget end the recording at the next line
            recorder.left = 0


def _yields(code, at):
    """Whether a frame that is left at this instruction will go on: since Python 3.13 it stands behind its
    yield.
    """
    return code[at] == _YIELD or code[at] == _RESUME and code[at - 2] == _YIELD
