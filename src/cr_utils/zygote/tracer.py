"""Line events of a program's own frames: which lines ran, in which frame, and what each line changed.

Strict mode: every call of a function is a frame of its own; comprehensions, generator expressions and
lambdas count for coverage only, so that Python versions agree.  Values are read without running the
program's code. A record is [frame, line, changes]: `changes` maps each local that the line changed to [type
name, canonical text], [type name, None] where the value has no literal, or None where it is gone.  Line 0
begins a frame (its changes are the arguments, a fourth item the function's name), line -1 ends it.
"""

import sys
from opcode import opmap

from . import canon, values

_settrace, _gettrace = sys.settrace, sys.gettrace
_YIELD, _RESUME = opmap["YIELD_VALUE"], opmap["RESUME"]
_SUSPENDS = 0x20 | 0x80 | 0x200  # generators and coroutines
_type, _len, _id = type, len, id
_look, _unchanged = canon.look, canon.unchanged
_type_name = type.__dict__["__name__"].__get__


class Cut(BaseException):
    """The event budget is spent and the caller wants the run to stop."""


class Frame:
    """What is known of one running frame: its number, the line being run, and the locals before it."""

    __slots__ = ("number", "changes", "known", "frame", "suspended")

    def __init__(self, number, frame):
        self.number, self.changes, self.known, self.frame, self.suspended = number, None, {}, frame, False


class Recorder:
    """Records the events of the code objects inside `module`; `install` starts, `finish` ends and checks."""

    def __init__(self, module, events=2000, nodes=200, chars=400_000, stop=False):
        self.records, self.hidden, self.complete = [], set(), True
        self._left, self._nodes, self._chars, self._stop = events, nodes, chars, stop
        self._codes = {}
        self._frames = {}
        self._count = 0
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
        if current != self._function or any(not state.suspended for state in self._frames.values()):
            self.complete = False

    def told(self):
        """Tagged JSON of the records and of the lines inside comprehensions; too many of them count as a
        cut.
        """
        try:
            records = values.encode(self.records, nodes=1_000_000, chars=2_000_000)
        except values.TooBig:
            records, self.complete = '["l"]', False
        return '{"records":' + records + ',"hidden":' + values.encode(self.hidden) + "}"

    def _call(self, frame, event, _):
        code = frame.f_code
        if _id(code) not in self._codes:
            return None
        if code.co_name[0] == "<":
            return self._hidden_line
        key = _id(frame)
        state = self._frames.get(key)
        if state is None:
            state = self._frames[key] = Frame(self._count, frame)
            self._count += 1
            arguments = {}
            self._compare(state, frame, arguments)
            self.records.append([state.number, 0, arguments, code.co_name])
        state.suspended = False  # a resumed generator goes on where it was
        return self._local

    def _hidden_line(self, frame, event, _):
        if event == "line":
            self.hidden.add(frame.f_lineno)
            self._spend()
        return self._hidden_line

    def _local(self, frame, event, _):
        state = self._frames.get(_id(frame))
        if state is None or event == "exception":
            return self._local
        if state.changes is not None:
            self._compare(state, frame, state.changes)
        if event == "line":
            state.changes = {}
            self.records.append([state.number, frame.f_lineno, state.changes])
            self._spend()
            return self._local
        if not frame.f_trace_lines:
            self.complete = False
        if frame.f_code.co_flags & _SUSPENDS and _yields(frame.f_code.co_code, frame.f_lasti):
            state.suspended = True
        else:
            self.records.append([state.number, -1, {}])
            del self._frames[_id(frame)]
        return self._local

    def _spend(self):
        self._left -= 1
        if self._left < 0 or self._chars < 0:
            self.complete = False
            _settrace(None)
            self._left = 1 << 60
            if self._stop:
                raise Cut

    def _compare(self, state, frame, changes):
        """Note what differs from the locals as they were at the frame's last event."""
        known, local = state.known, frame.f_locals
        for name, value in local.items():
            before = known.get(name)
            if before is not None and before[0] is value:
                if before[3] is True or before[3] is not None and _unchanged(value, before[3]):
                    continue
            shown, taken = _look(value, self._nodes, 4000)
            name_of_type = _type_name(_type(value))
            if before is None or before[1] != shown or before[2] != name_of_type:
                changes[name] = [name_of_type, shown]
                self._chars -= _len(shown or "")
            # Nothing is kept alive but values whose end no program can see.
            known[name] = (None if taken is None else value, shown, name_of_type, taken)
        if _len(known) > _len(local):
            for name in [name for name in known if name not in local]:
                del known[name]
                changes[name] = None


def _yields(code, at):
    """Whether a frame that is left at this instruction will go on: since Python 3.13 it stands behind its
    yield.
    """
    return code[at] == _YIELD or code[at] == _RESUME and code[at - 2] == _YIELD
