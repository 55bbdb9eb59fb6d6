"""What runs inside the sandbox for REval: traces the benchmark's programs.

This file is shipped as text to a jailed process; the package itself calls nothing in it. It keeps two
accounts of a run. The flat one follows the benchmark's published tracer: one list of states over all
frames of the program's file, events on one line merged, values deep copies of the locals. The strict one
keeps frames apart, and sees the values after a line in the line's own frame.
"""

import ast
import copy
import itertools
import re
import sys
from collections.abc import Generator, Iterator
from opcode import opmap

FILE = "<traced>"  # unlike the name under which this file itself is compiled
NIL = None  # "never run or never bound"; anything else is a list of observed values
_PLAIN = (int, str, float, bool, type(None), bytes, complex)
_UNCOPIED = ("module", "function", "builtin_function_or_method")


class Recorder:
    """Line events of the frames of FILE. `states`: [line, locals] in flat order; `visits`: strict records
    [line, next line, locals after]; `lines`: every line that ran."""

    def __init__(self):
        self.states, self.visits, self.lines, self._pending = [], [], set(), {}

    def call(self, frame, event, _):
        return self.local if event == "call" and frame.f_code.co_filename == FILE else None

    def local(self, frame, event, _):
        line = frame.f_lineno
        if event == "line":
            values = _copied(frame.f_locals)
            if self.states and self.states[-1][0] == line:
                self.states[-1][1] = values
            else:
                self.states.append([line, values])
            self.lines.add(line)
            self._follow(frame, line, values)
        else:
            if not self.states or self.states[-1][0] != line:
                self.states.append([line, {}])
            if event == "return" and not _suspends(frame):
                self._follow(frame, -1, None)
        return self.local

    def _follow(self, frame, line, values):
        """In the strict account: `line` follows the frame's last one; -1 ends the frame."""
        if frame.f_code.co_name.startswith("<"):
            return
        visit = self._pending.pop(id(frame), None)
        if visit is not None:
            visit[1:] = [line, _copied(frame.f_locals) if values is None else values]
        if line != -1:
            self._pending[id(frame)] = visit = [line, -1, {}]
            self.visits.append(visit)


def _copied(values):
    """The published selection of locals, copied deeply."""
    return {name: copy.deepcopy(value) for name, value in values.items()
            if value.__class__.__name__ not in _UNCOPIED and not isinstance(value, (Iterator, Generator))}


def _suspends(frame):
    return frame.f_lasti >= 0 and frame.f_code.co_code[frame.f_lasti] == opmap["YIELD_VALUE"]


def record(run):
    """Run a function under the recorder."""
    recorder = Recorder()
    sys.settrace(recorder.call)
    try:
        run()
    finally:
        sys.settrace(None)
    return recorder


def prepare(code, entry, test):
    """The runs of a program: a function from a job (argument text, or number of the test) to a callable."""
    space = {"__name__": "program"}
    patch_numpy(code)
    exec(compile(code, FILE, "exec"), space)
    if test is None:
        function = space[entry]
        return lambda job: lambda: function(*eval(job, dict(space)))
    classes = test_classes(space, entry, test)

    def start(job):
        case, method = classes[job]
        instance = case()
        instance.setUp()
        return lambda: method(instance)
    return start


def test_classes(space, entry, test):
    """[(test class, its first test method)] in order of definition. As published, that method gets another
    name and all names that begin with `test` are taken away."""
    import unittest
    exec(compile(test, "<test>", "exec"), space)
    found = []
    for name, value in list(space.items()):
        if re.match(entry + "Test.*", name) and isinstance(value, type) \
                and issubclass(value, unittest.TestCase):
            names = [key for key in vars(value) if key.startswith("test")]
            found.append((value, getattr(value, names[0])))
            value.dreval_test = found[-1][1]
            for key in names:
                delattr(value, key)
    return found


def patch_numpy(code):
    if "np.mat(" in code:  # an alias that numpy 2 dropped
        import numpy
        numpy.mat = getattr(numpy, "mat", numpy.asmatrix)


def truths(code, entry, test, jobs):
    """For each job [what to run, [[line, expression], ...]]: an error text, or per question
    [covered, next lines, observed, strictly covered, strict next lines, strictly observed]."""
    try:
        start = prepare(code, entry, test)
    except Exception as error:
        return [f"{type(error).__name__}: {error}" for _ in jobs]
    found = []
    for job, places in jobs:
        try:
            run = record(start(job))
        except Exception as error:
            found.append(f"{type(error).__name__}: {error}")
            continue
        found.append([_answers(run, line, text) for line, text in places])
    return found


def _answers(run, line, text):
    following = flat_next(run, line)
    strict = sorted({visit[1] for visit in run.visits if visit[0] == line}) or [-1]
    return [any(state[0] == line for state in run.states), sorted(following),
            told(flat_values(run, line, text)),
            line in run.lines, strict, told(strict_values(run, line, text))]


def flat_next(run, line):
    """Lines of the states that follow each visit, whatever their frame; -1 after the last state."""
    at = [index for index, state in enumerate(run.states) if state[0] == line]
    return {run.states[index + 1][0] if index + 1 < len(run.states) else -1 for index in at} or {-1}


def flat_values(run, line, text):
    """Every value of an expression over the states after a line: NIL, or a list."""
    last = len(run.states) - 1
    after = [run.states[min(index + 1, last)][1]
             for index, state in enumerate(run.states) if state[0] == line]
    if not after:
        return NIL
    node = ast.parse(text).body[0].value
    if not isinstance(node, (ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Tuple)):
        return []  # the published scorer has no answer that would be right here
    try:
        return _observed(node, after)
    except Exception:
        return NIL


def _observed(node, after):
    """Observations are combined in all ways, as published."""
    if isinstance(node, ast.Constant):
        return [node.value]
    if isinstance(node, ast.Name):
        return [values[node.id] for values in after if node.id in values] or NIL
    if isinstance(node, ast.Attribute):
        owners = _observed(node.value, after)
        return owners and [getattr(one, node.attr) for one in owners if hasattr(one, node.attr)] or NIL
    if isinstance(node, ast.Subscript):
        owners, keys = _observed(node.value, after), _observed(node.slice, after)
        return NIL if owners is NIL or keys is NIL else _items(owners, keys) or NIL
    if isinstance(node, ast.Tuple):
        parts = [_observed(part, after) for part in node.elts]
        return NIL if any(part is NIL for part in parts) else list(itertools.product(*parts))
    raise ValueError("unsupported")


def _items(owners, keys):
    found = []
    for owner, key in itertools.product(owners, keys):
        try:
            found.append(owner[key])
        except (TypeError, KeyError, IndexError):
            pass
    return found


def strict_values(run, line, text):
    """The expression's value after each visit of the line, in the visit's own frame: NIL, or a list."""
    code = compile(ast.parse(text.strip(), mode="eval"), "<expression>", "eval")
    found = []
    for visit in run.visits:
        if visit[0] == line:
            try:
                found.append(eval(code, {"__builtins__": {}}, visit[2]))
            except Exception:
                pass
    return found or NIL


def told(values):
    """Observations as plain data: [[type name, is it plain, value or nothing], ...] without repetition."""
    if values is NIL:
        return None
    told, seen = [], set()
    for value in values:
        plain = _is_plain(value, 0)
        entry = [_type_name(type(value)), plain, value if plain else None]
        if repr(entry) not in seen:
            seen.add(repr(entry))
            told.append(entry)
    return told


def _is_plain(value, depth):
    kind = type(value)
    if kind in (list, tuple, set, frozenset):
        return depth < 60 and all(_is_plain(item, depth + 1) for item in value)
    if kind is dict:
        return depth < 60 and all(_is_plain(part, depth + 1) for pair in value.items() for part in pair)
    return kind in _PLAIN


def _type_name(kind):
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
