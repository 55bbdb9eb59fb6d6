"""What a language model replied when asked for a program or for inputs: parsed, checked, never run.

Scope: finds the code, refuses what the rules of the prompt refuse (a white list of syntax and of names), and
brings it into one layout. Whether the program runs, and what it gives, is found out in the sandbox.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from . import literals

FENCE = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
MAX_REPLY, MAX_LINES, MAX_FUNCTIONS, MAX_INPUT = 65_536, 40, 4, 200
BUILTINS = frozenset("""abs all any bin bool chr dict divmod enumerate filter float frozenset hex int
    isinstance len list map max min oct ord pow range repr reversed round set sorted str sum tuple
    zip""".split())
STATEMENTS = (ast.Return, ast.Assign, ast.AugAssign, ast.For, ast.While, ast.If, ast.Expr, ast.Break,
              ast.Continue, ast.Delete, ast.Pass)
EXPRESSIONS = (ast.Constant, ast.Name, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.UnaryOp, ast.BinOp,
               ast.BoolOp, ast.Compare, ast.Call, ast.Attribute, ast.Subscript, ast.Slice, ast.IfExp,
               ast.ListComp,
               ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.JoinedStr, ast.FormattedValue, ast.Starred)
OTHERS = (ast.comprehension, ast.keyword, ast.arguments, ast.arg, ast.expr_context, ast.operator, ast.unaryop,
          ast.boolop, ast.cmpop)


class Unusable(ValueError):
    """The reply cannot be used; `reason` is "no program" or "breaks a rule", the message says more."""

    def __init__(self, reason: str, detail: str):
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True)
class Submission:
    """A program whose entry point is `f`, the argument text of its call, and the types of its arguments as
    the constraint space names them (None for a type that it does not name)."""

    code: str
    input: str
    types: tuple[str | None, ...]


def program(reply: str) -> Submission:
    """The program of a reply. Raises Unusable."""
    tree = _parsed(_block(reply))
    if len(tree.body) < 2:
        raise Unusable("no program", "no function with a call after it")
    *functions, last = tree.body
    call = _call(last)
    if not all(isinstance(node, ast.FunctionDef) for node in functions) or len(functions) > MAX_FUNCTIONS:
        raise Unusable("breaks a rule", "something else than a few functions stands outside functions")
    names = {node.name for node in functions}
    if len(names) < len(functions) or "f" not in names:
        raise Unusable("breaks a rule", "there is not one function f")
    for node in functions:
        _check(node, names)
    code = "\n\n".join(map(ast.unparse, functions))
    if code.count("\n") >= MAX_LINES:
        raise Unusable("breaks a rule", f"more than {MAX_LINES} lines")
    values = _arguments(call, "f")
    entry = next(node for node in functions if node.name == "f")
    if not values or len(values) != len(entry.args.args):
        raise Unusable("breaks a rule", "the call does not give every parameter one argument")
    return Submission(code, _text(values), tuple(map(type_of, values)))


def inputs(reply: str, types: tuple[str | None, ...]) -> list[str]:
    """The argument texts of a reply with calls, those only that fit the types, without repetition.

    What is no call on literals is left out; a reply without any gives [].
    """
    try:
        tree = _parsed(_block(reply))
    except Unusable:
        return []
    found = []
    for node in tree.body:
        try:
            values = _arguments(_call(node), "f")
        except Unusable:
            continue
        if tuple(map(type_of, values)) == types:
            found.append(_text(values))
    return list(dict.fromkeys(found))


def type_of(value: object) -> str | None:
    """The constraint space's name for a value's type, or None where its elements are not those it means."""
    kind = type(value)
    if kind in (int, float, str, bool):
        return kind.__name__
    if kind is dict:
        return "dict" if all(type(k) is str and type(v) is int for k, v in value.items()) else None
    if kind in (list, tuple, set) and all(type(one) is int for one in value):
        return kind.__name__
    return "slist" if kind is list and all(type(one) is str for one in value) else None


def literal_text(node: ast.expr) -> str:
    """The canonical text of a literal's tree. Raises ValueError where it is none."""
    return literals.canonical(literals.value_of(node))


def _block(reply: str) -> str:
    """The last code block of a reply (after a reasoning model's thoughts), or all of it where it has none."""
    if len(reply) > MAX_REPLY:
        raise Unusable("no program", f"more than {MAX_REPLY} characters")
    said = reply.rpartition("</think>")[2]
    blocks = FENCE.findall(said)
    return (blocks[-1] if blocks else said).strip("\n")


def _parsed(text: str) -> ast.Module:
    try:
        return literals.parse_program(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Unusable("no program", "not Python") from None


def _call(node: ast.stmt) -> ast.Call:
    """The call of a line `f(...)` or `print(f(...))`. Raises Unusable."""
    call = node.value if isinstance(node, ast.Expr) else None
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "print" \
            and len(call.args) == 1 and not call.keywords:
        call = call.args[0]
    if not isinstance(call, ast.Call):
        raise Unusable("breaks a rule", "the last line is no call")
    return call


def _arguments(call: ast.Call, name: str) -> list:
    """The values of a call's arguments, which must be literals. Raises Unusable."""
    if not isinstance(call.func, ast.Name) or call.func.id != name or call.keywords:
        raise Unusable("breaks a rule", f"the call is not {name}(...) with positional arguments")
    try:
        return [literals.value_of(node) for node in call.args]
    except literals.LiteralError as error:
        raise Unusable("breaks a rule", f"an argument is no literal ({error})") from None


def _text(values: list) -> str:
    """Argument text: canonical, so that equal inputs look alike."""
    try:
        text = ", ".join(map(literals.canonical, values))
    except literals.LiteralError as error:
        raise Unusable("breaks a rule", str(error)) from None
    if len(text) > MAX_INPUT:
        raise Unusable("breaks a rule", f"arguments of more than {MAX_INPUT} characters")
    return text


def _check(function: ast.FunctionDef, functions: set[str]) -> None:
    """Refuse what the rules refuse, and drop docstring, annotations and type comments. Raises Unusable."""
    args = function.args
    if function.decorator_list or getattr(function, "type_params", None):
        raise Unusable("breaks a rule", "a decorator or type parameter")
    if args.defaults or args.kw_defaults or args.vararg or args.kwarg or args.kwonlyargs or args.posonlyargs:
        raise Unusable("breaks a rule", "parameters other than plain ones")
    function.returns = None
    for one in args.args:
        one.annotation = None
    if ast.get_docstring(function, clean=False) is not None:
        function.body = function.body[1:] or [ast.Pass()]
    bound = {one.arg for one in args.args} | functions | BUILTINS
    inside = [node for part in (args, *function.body) for node in ast.walk(part)]
    bound |= {node.id for node in inside if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    for node in inside:
        _check_node(node, bound, functions)


def _check_node(node: ast.AST, bound: set[str], functions: set[str]) -> None:
    if not isinstance(node, (*STATEMENTS, *EXPRESSIONS, *OTHERS)):
        raise Unusable("breaks a rule", f"{type(node).__name__} is not allowed")
    if isinstance(node, ast.Name):
        if node.id not in bound or node.id.startswith("__"):
            raise Unusable("breaks a rule", f"the name {node.id[:40]} is not allowed")
        if not isinstance(node.ctx, ast.Load) and node.id in functions | BUILTINS:
            raise Unusable("breaks a rule", f"{node.id[:40]} is given another meaning")
    if isinstance(node, ast.arg) and node.arg in functions | BUILTINS:
        raise Unusable("breaks a rule", f"{node.arg[:40]} is given another meaning")
    if isinstance(node, ast.Attribute) and (node.attr.startswith("_") or not isinstance(node.ctx, ast.Load)):
        raise Unusable("breaks a rule", f"the attribute {node.attr[:40]} is not allowed")
