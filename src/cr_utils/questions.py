"""Questions about one run of one program: five tasks, one prompt each.

A question is what a model is asked (`prompt`) and what counts as right (`truth`). The tasks:

- ``output``: the value of a call. Truth: the stored value's text.
- ``input``: arguments that give a value. Truth is empty: the answer is judged by execution.
- ``coverage``: does the call execute a line? Truth: YES or NO.
- ``path``: a line that runs directly after a line. Truth: the stripped text of every next line, over
  all visits of the line; "-1" where it never runs or nothing follows it in its frame.
- ``state``: a variable right after a line. Truth: "value; type" of every visit, or "Nil".

The truth of the last three comes from a strict per-frame trace. Nothing here runs a program, except
`many` where it is given no tracer of its own. The wording is ours; it lives in this module only, one
constant sentence per task and form, which the small tokenizer holds as single tokens.
"""

import ast
import random
from dataclasses import asdict, dataclass

TASKS = ("output", "input", "coverage", "path", "state")
TRACED = ("coverage", "path", "state")

_REASON = "reasoning step by step inside <reasoning></reasoning>, then give "
_INSIDE = " inside <answer></answer>."
_ASK = {
    "output": ("Find the value that belongs in place of ?",
               "it as a Python literal"),
    "input": ("Find arguments for which the assertion holds",
              "the complete call of the function"),
    "coverage": ("Decide whether this call runs the line in the comment",
                 "YES or NO"),
    "path": ("Find a line that runs directly after the line in the comment during this call",
             "its text, or -1 if that line never runs or ends its function,"),
    "state": ("Find the value and type that the variable in the comment has directly after the line runs",
              "them as value; type, or Nil if the line never runs or the variable is not set,"),
}
PROMPTS = {task: f"{ask}, {_REASON}{form}{_INSIDE}" for task, (ask, form) in _ASK.items()}
DIRECT_PROMPTS = {task: f"{ask} and directly give {form}{_INSIDE}" for task, (ask, form) in _ASK.items()}

STATE_TYPES = frozenset("int float str bool list tuple dict set NoneType".split())
MAX_STATE_TEXT = 120
# Share of "empty" answers (NO, -1, Nil) aimed at, where the programs allow it.
EMPTY_SHARE = {"coverage": 0.5, "path": 0.25, "state": 0.2}
EMPTY_ANSWER = {"coverage": "NO", "path": "-1", "state": "Nil"}


@dataclass(frozen=True)
class Question:
    """One question; plain data (`to_dict`/`from_dict` round-trip through JSON).

    `line` is 1-based in `code`; `truth` holds every accepted answer text and is empty for ``input``.
    """

    id: str
    task: str
    problem_id: str
    code: str
    entry_point: str
    input: str
    output: str
    line: int | None
    var: str | None
    truth: tuple[str, ...]
    prompt: str

    def to_dict(self) -> dict:
        return {**asdict(self), "truth": list(self.truth)}

    @classmethod
    def from_dict(cls, row: dict) -> "Question":
        return cls(**{**row, "truth": tuple(row["truth"])})


def query(task: str, problem: dict, line: int | None = None, var: str | None = None) -> str:
    """The line of the prompt that states the question, e.g. ``assert f('ab', 3) == ?``."""
    call = f"{problem['entry_point']}({problem['input']})"
    if task == "output":
        return f"assert {call} == ?"
    if task == "input":
        return f"assert {problem['entry_point']}(?) == {problem['output']}"
    where = f"line {line}: {line_text(problem['code'], line)}"
    return f"{call}  # {var} after {where}" if task == "state" else f"{call}  # {where}"


def line_text(code: str, line: int) -> str:
    """The stripped text of a 1-based line."""
    return code.split("\n")[line - 1].strip()


def statement_lines(code: str) -> dict[int, bool]:
    """Lines one may ask about: first line of each statement in a function -> is it conditional?

    Conditional means under an if, a loop or a try. Statements for which the compiler emits no line of
    its own on some version (docstrings, constants, pass, global, `while True`) are left out.
    """
    found: dict[int, bool] = {}

    def visit(body: list, conditional: bool) -> None:
        for node in body:
            silent = (isinstance(node, ast.Pass | ast.Global | ast.Nonlocal)
                      or isinstance(node, ast.Expr | ast.AnnAssign) and _is_constant(node.value)
                      or isinstance(node, ast.While | ast.If) and _is_constant(node.test))
            if not silent:
                found.setdefault(node.lineno, conditional)
            inner = conditional or not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.With)
            for part in ("body", "orelse", "finalbody"):
                visit(getattr(node, part, None) or [], inner)
            for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
                visit(part.body, True)

    for node in ast.parse(code).body:
        if isinstance(node, ast.FunctionDef):
            visit(node.body, False)
        elif isinstance(node, ast.ClassDef):
            for method in node.body:
                visit(getattr(method, "body", []), False)
    return found


def truth(task: str, problem: dict, trace, line: int | None = None,
          var: str | None = None) -> tuple[str, ...]:
    """Every accepted answer text. `trace` is needed for coverage, path and state only."""
    if task == "output":
        return (problem["output"],)
    if task == "input":
        return ()
    if task == "coverage":
        return ("YES",) if line in trace.coverage else ("NO",)
    if task == "path":
        following = trace.next_lines.get(line) or [-1]
        return _distinct("-1" if n == -1 else line_text(problem["code"], n) for n in following)
    return _distinct(f"{text}; {kind}" for kind, text in trace.states.get((line, var)) or ()) or ("Nil",)


def build(problem: dict, task: str, trace=None, direct: bool = False, seed: int = 0,
          empty: bool | None = None) -> Question | None:
    """The question of one task about a problem's run.

    Coverage, path and state need the problem's `trace`; line and variable are drawn with `seed`.
    `empty` asks for an answer that is (True) or is not (False) NO, -1 or Nil; by default a draw decides.
    Where the program offers no such place the other kind is asked. Returns None where nothing can be
    asked at all (no usable line, or an incomplete trace).
    """
    if task not in TASKS:
        raise ValueError(f"unknown task {task!r}: one of {', '.join(TASKS)}")
    if task not in TRACED:
        return at(problem, task, direct=direct)
    if trace is None:
        raise ValueError(f"{task} questions need a trace")
    if not trace.complete:
        return None
    rng = random.Random(f"{seed}/{problem['id']}/{task}")
    drawn = rng.random() < EMPTY_SHARE[task]
    empty = drawn if empty is None else empty
    places = _PLACES[task](problem, trace)
    chosen = places[empty] or places[not empty]
    return at(problem, task, trace, *rng.choice(chosen), direct=direct) if chosen else None


def at(problem: dict, task: str, trace=None, line: int | None = None, var: str | None = None,
       direct: bool = False) -> Question:
    """The question about a given place of a problem's run."""
    instruction = (DIRECT_PROMPTS if direct else PROMPTS)[task]
    return Question(
        id="/".join(str(part) for part in (problem["id"], task, line, var) if part is not None),
        task=task, problem_id=problem["id"], code=problem["code"], entry_point=problem["entry_point"],
        input=problem["input"], output=problem["output"], line=line, var=var,
        truth=truth(task, problem, trace, line, var),
        prompt=f"{problem['code']}\n\n{query(task, problem, line, var)}\n{instruction}",
    )


def many(problems: list[dict], task: str, n: int | None = None, direct: bool = False, seed: int = 0,
         tracer=None) -> list[Question]:
    """Questions of one task about up to `n` problems, in order, with answers kept in balance.

    `tracer(code, entry_point, args_text)` returns the trace (default: the execution layer's). The
    share of NO, -1 and Nil follows EMPTY_SHARE over the whole list: each draw goes to the scarcer kind.
    """
    if tracer is None and task in TRACED:
        from cr_utils import traced
    made: list[Question] = []
    empties = 0
    for problem in problems:
        if n is not None and len(made) >= n:
            break
        if task not in TRACED:
            made.append(at(problem, task, direct=direct))
            continue
        where = problem["code"], problem["entry_point"], problem["input"]
        run = tracer(*where) if tracer else traced.of(problem)
        want = empties < EMPTY_SHARE[task] * (len(made) + 1) - 0.5
        question = build(problem, task, run, direct, seed, empty=want)
        if question is not None:
            made.append(question)
            empties += EMPTY_ANSWER[task] in question.truth
    return made


def _coverage_places(problem: dict, trace) -> dict[bool, list[tuple]]:
    lines = statement_lines(problem["code"])
    ran = [line for line in lines if line in trace.coverage]
    # A line that always runs is no question: prefer those under a condition.
    conditional = [line for line in ran if lines[line]]
    return {True: [(line,) for line in lines if line not in trace.coverage],
            False: [(line,) for line in conditional or ran]}


def _path_places(problem: dict, trace) -> dict[bool, list[tuple]]:
    places: dict[bool, list[tuple]] = {True: [], False: []}
    for line in statement_lines(problem["code"]):
        following = trace.next_lines.get(line) or [-1]
        places[set(following) == {-1}].append((line,))
        if len(set(following) - {-1}) and _branches(problem["code"], line):
            places[False] += [(line,)] * 2  # where control can go two ways, ask more often
    return places


def _state_places(problem: dict, trace) -> dict[bool, list[tuple]]:
    places: dict[bool, list[tuple]] = {True: [], False: []}
    # A name that ever held a value without a literal (a generator, say) could be taken for an unset one.
    opaque = {name for event in trace.events for name, change in event.changes.items()
              if change is not None and change[1] is None}
    for line, names in _names(problem["code"]).items():
        for name, assigned in names.items():
            if name in opaque:
                continue
            values = trace.states.get((line, name)) or ()
            if not values:
                places[True].append((line, name))
            elif all(kind in STATE_TYPES and len(text) <= MAX_STATE_TEXT for kind, text in values):
                places[False] += [(line, name)] * (3 if assigned else 1)
    return places


_PLACES = {"coverage": _coverage_places, "path": _path_places, "state": _state_places}


def _names(code: str) -> dict[int, dict[str, bool]]:
    """Statement line -> names local to its function -> is the name changed on that very line?"""
    lines = statement_lines(code)
    found: dict[int, dict[str, bool]] = {}
    for function in ast.parse(code).body:
        if not isinstance(function, ast.FunctionDef):
            continue
        stores = {node.id for node in ast.walk(function)
                  if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        nested = {node.id for inner in ast.walk(function) if isinstance(inner, _SCOPES)
                  and inner is not function for node in ast.walk(inner)
                  if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        names = sorted((stores - nested) | {arg.arg for arg in function.args.args})
        for line in range(function.lineno, (function.end_lineno or function.lineno) + 1):
            if line in lines:
                text = line_text(code, line)
                found[line] = {name: _changes(text, name) for name in names}
    return found


_SCOPES = (ast.FunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _changes(text: str, name: str) -> bool:
    head = text.removeprefix("for ").lstrip("(")
    return head.startswith(name) and not head[len(name):len(name) + 1].isalnum()


def _branches(code: str, line: int) -> bool:
    return line_text(code, line).startswith(("if ", "elif ", "while ", "for "))


def _is_constant(node) -> bool:
    return node is None or isinstance(node, ast.Constant)


def _distinct(texts) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
