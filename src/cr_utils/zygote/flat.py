"""The flat trace of the REval benchmark: one list of states over all frames of the program's own code.

Reproduces that benchmark's rules, quirks included: consecutive events on one line are one state; a line
event stores a deep copy of the locals (which runs the program's own copying code, and an exception there
ends the trace); return and exception events open a state without locals when their line is new.  A watched
expression is evaluated over the states after every visit of its line: names, attributes, subscripts, tuples
and constants; anything else, an unvisited line or an unbound name gives nothing (Nil).  Line numbers are
1-based.
"""

import ast
import itertools
import sys
from collections.abc import Iterator
from copy import deepcopy

from . import values

_settrace, _type, _deepcopy, _Iterator = sys.settrace, type, deepcopy, Iterator
_LEFT_OUT = ("module", "function", "builtin_function_or_method")
_NIL = object()


class Flat:
    """Records states of every frame whose code has the module's file name; see `told` for what comes out."""

    def __init__(self, module, watch=(), events=200_000):
        self.states, self.complete = [], True  # a state is [line, locals]
        self._file, self._watch, self._left = module.co_filename, watch, events
        self._function = self._call

    def install(self):
        _settrace(self._function)

    def finish(self, current):
        """Close the books; `current` is the trace function found at the end of the run."""
        _settrace(None)
        if current != self._function:
            self.complete = False

    def _call(self, frame, event, _):
        return self._local if frame.f_code.co_filename == self._file else None

    def _local(self, frame, event, _):
        kept = None
        if event == "line":
            kept = {
                name: _deepcopy(value)
                for name, value in frame.f_locals.items()
                if value.__class__.__name__ not in _LEFT_OUT and not isinstance(value, _Iterator)
            }
        line = frame.f_lineno
        if not self.states or self.states[-1][0] != line:
            self.states.append([line, {}])
            self._left -= 1
            if self._left < 0:
                self.complete = False
                _settrace(None)
        if kept is not None:
            self.states[-1][1] = kept
        return None if self._left < 0 else self._local

    def told(self):
        """Tagged JSON: the lines of the states; for every watched expression its distinct (type, value)
        pairs, null for Nil.
        """
        answers = [self._answer(line, text) for line, text in self._watch]
        lines = values.encode([state[0] for state in self.states], nodes=1_000_000)
        return '{"lines":' + lines + ',"watch":[' + ",".join(answers) + "]}"

    def _answer(self, line, text):
        try:
            found = self._observed(line, ast.parse(text, mode="eval").body)
            pairs = dict.fromkeys(values.encode((value.__class__.__name__, value)) for value in found)
            return '["l",' + ",".join(pairs) + "]" if pairs else "null"
        except Exception:
            return "null"

    def _observed(self, line, node):
        """Every value the expression had after a visit of the line; empty for Nil.  Raises for other
        expressions.
        """
        kind = _type(node)
        if kind is ast.Name:
            return self._after(line, node.id)
        if kind is ast.Constant:
            return [node.value]
        if kind is ast.Attribute:
            held = self._observed(line, node.value)
            return [getattr(item, node.attr) for item in held if hasattr(item, node.attr)]
        if kind is ast.Subscript:
            pairs = itertools.product(self._observed(line, node.value), self._observed(line, node.slice))
            return [found for found in itertools.starmap(_item, pairs) if found is not _NIL]
        if kind is ast.Tuple:
            return list(itertools.product(*[self._observed(line, item) for item in node.elts]))
        raise ValueError(kind)

    def _after(self, line, name):
        last = len(self.states) - 1
        visits = [min(at + 1, last) for at, state in enumerate(self.states) if state[0] == line]
        return [self.states[at][1][name] for at in visits if name in self.states[at][1]]


def _item(container, key):
    try:
        return container[key]
    except (TypeError, KeyError, IndexError):
        return _NIL
