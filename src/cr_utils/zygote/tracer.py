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
from types import FunctionType as _Function

from . import canon, values

_settrace, _gettrace = sys.settrace, sys.gettrace
_YIELD, _RESUME = opmap["YIELD_VALUE"], opmap["RESUME"]
_SUSPENDS = 0x20 | 0x80 | 0x200  # generators and coroutines
_type, _len, _id, _all, _map, _is = type, len, id, all, map, canon._is
_list, _tuple = list, tuple
_int, _str, _repr = int, str, repr
_look, _unchanged, _SHORT = canon.look, canon.unchanged, canon._SHORT
_steady, _steady_builtins = canon.steady, canon.steady_builtins
_type_name = type.__dict__["__name__"].__get__
_join, _ROOM = str.join, 2_000_000  # characters of all records


def _refuse(item):
    raise values.TooBig  # somebody has changed the records


_json = make_encoder(None, _refuse, values._quote, None, ":", ",", False, False, True)


class Cut(BaseException):
    """The event budget is spent and the caller wants the run to stop."""


class Recorder:
    """Records the events of the code objects inside `module`; `install` starts, `finish` ends and checks.

    stop: beyond `events` lines the run ends, by Cut (in this process only: it takes `sys.unraisablehook`).
    clean: the program, and whoever calls it, passes `screen.shareable`: it has no classes of its own.
    """

    def __init__(self, module, events=2000, nodes=200, chars=400_000, stop=False, clean=False):
        self.records, self.hidden, self.complete = [], set(), True
        self.left, self.nodes, self.chars, self._stop = events, nodes, chars, stop
        self.running, self._count = 0, 0  # frames that are neither over nor suspended, and all of them
        self._kept, self._hook = None, None  # records at the first cut; the hook that was there before
        self._codes = {}
        self._collect(module)
        self.steady = _steady_builtins if clean else _steady
        self._function, self._hidden = self._call, self._hidden_line

    def _collect(self, code):
        for item in code.co_consts:
            if _type(item) is _type(code):
                if item.co_name == "__del__":  # it may run while the hook does, and then unseen
                    self.complete = False
                self._codes[_id(item)] = item
                self._collect(item)

    def install(self):
        if self._stop:
            self._hook, sys.unraisablehook = sys.unraisablehook, self._ignored
        _settrace(self._function)

    def finish(self, current):
        """Close the books; `current` is the trace function found at the end of the run."""
        _settrace(None)
        if self._hook:
            sys.unraisablehook, self._hook = self._hook, None
        if self._kept is not None:
            del self.records[self._kept :]
        if current is not self._function or self.running:
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
            return self._hidden
        self.running += 1
        follow = frame.f_trace
        if _type(follow) is _Function and follow.__code__ is _FOLLOW:
            return follow  # a resumed generator goes on where it was
        arguments = {}
        self.records.append([self._count, 0, arguments, code.co_name])
        self._count += 1
        return follower(self, self._count - 1, arguments)(frame, event, None)

    def _hidden_line(self, frame, event, _):
        if event == "line":
            self.hidden.add(frame.f_lineno)
            self.left -= 1
            if self.left < 0:
                self.cut()
        return self._hidden

    def spend(self, chars):
        """Count the characters of recorded texts: beyond the budget the recording ends at the next line."""
        self.chars -= chars
        if self.chars < 0:
            self.left = 0

    def cut(self):
        """End the recording, and the run where the caller wants that."""
        self.complete = False
        _settrace(None)
        self.left = self.chars = 1 << 60
        if self._stop:
            if self._kept is None:
                self._kept = _len(self.records)
            raise Cut

    def _ignored(self, told):
        """Python ignores what is raised while a generator is closed or a value is freed, and a Cut has
        switched tracing off: trace again, so that the next line outside ends the run.
        """
        if told.exc_type is not Cut:
            return self._hook(told)
        self.left = 0
        _settrace(self._function)


def follower(recorder, number, changes):
    """The trace function of one running frame, to be called at once with its event "call"; `changes` is the
    place for its arguments.

    `known` maps its locals, as they were at the last event, to (value, what `canon.unchanged` needs, type
    name, text).  It hangs on the frame and holds nothing that would keep the frame alive.  One function does
    it all, and the most frequent kinds by itself: it is called for every line.
    """
    known, begun = {}, True
    records, nodes, steady, seen = recorder.records, recorder.nodes, recorder.steady, known.get

    def follow(frame, event, _):
        nonlocal changes, begun
        if begun and event != "exception":
            written, local = 0, frame.f_locals
            for name, value in local.items():
                entry = seen(name)
                if entry is not None and entry[0] is value:
                    taken = entry[1]
                    if taken is True:
                        continue
                    if _type(value) is _list and _type(taken) is _tuple:  # as `unchanged` has it
                        if _len(value) == _len(taken) and _all(_map(_is, value, taken)):
                            continue
                    elif taken is not None and _unchanged(value, taken):
                        continue
                kind = _type(value)
                if kind is _int and -_SHORT < value < _SHORT:  # as `look` has them
                    kind_name, text, taken = "int", _repr(value), True
                elif kind is _str and _len(value) <= 100:
                    kind_name, text, taken = "str", _repr(value), True
                else:
                    kind_name = _type_name(kind)
                    text, taken = _look(value, nodes, 4000, steady)
                # Nothing is kept alive but values whose end no program can see.
                known[name] = (None if taken is None else value, taken, kind_name, text)
                if entry is None or entry[3] != text or entry[2] != kind_name:
                    changes[name] = [kind_name, text]
                    if text is not None:
                        written += _len(text)
            if _len(known) > _len(local):
                _drop(known, local, changes)
            if written:
                recorder.spend(written)
        if event == "line":
            begun, changes = True, {}
            records.append([number, frame.f_lineno, changes])
            recorder.left -= 1
            if recorder.left < 0:
                recorder.cut()
        elif event == "return":
            _leave(recorder, frame, number)
        elif event == "call":
            begun = False
        return follow

    return follow


_FOLLOW = [item for item in follower.__code__.co_consts if _type(item) is _type(follower.__code__)][0]


def _drop(known, local, changes):
    """Note the names that are gone."""
    for name in [name for name in known if name not in local]:
        del known[name]
        changes[name] = None


def _leave(recorder, frame, number):
    """The frame is over, or suspended at a yield."""
    if not frame.f_trace_lines:
        recorder.complete = False
    recorder.running -= 1
    if not (frame.f_code.co_flags & _SUSPENDS and _yields(frame.f_code.co_code, frame.f_lasti)):
        recorder.records.append([number, -1, {}])


def _yields(code, at):
    """Whether a frame that is left at this instruction will go on: since Python 3.13 it stands behind its
    yield.
    """
    return code[at] == _YIELD or code[at] == _RESUME and code[at - 2] == _YIELD
