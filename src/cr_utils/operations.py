"""Which operations a model's chain carries out right, and at which one it fails: the steps of a chain counted
by what they do.

Scope: chains that state every operation (style ``facts``), beside the interpreter's narration of the same
run. A step begins with the line that runs (`next line`), then states facts: an operation with its value
(named by type and method or operator: ``str.upper``, ``int +``, ``list[i:j]``), an item of a loop, or what a
variable holds. Counting ends at the first that differs, since what follows rests on it. Limits: an operation
is named by how the right chain writes it, so one on a variable that stands in the text by name has no type.
"""

import ast
import re
from collections import Counter
from itertools import zip_longest

from .departures import lines

LINE = "next line"
SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
         ast.Pow: "**", ast.BitOr: "|", ast.BitAnd: "&", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>"}
_MARK = "  # "
_TURN = re.compile(r"^\[\d+\] ")
_NAMED = re.compile(r"^[^\W\d]\w*(\[[^=]*\])? = ")


def tally(completion: str, reference: str) -> tuple[dict[str, int], str | None]:
    """(operations reached, counted by name; the one that went wrong, None where none did).

    The one that went wrong is among those reached. A chain that ends early, goes on too long, or quotes
    another line fails at `next line`.
    """
    reached: Counter[str] = Counter()
    for name, right in _told(lines(completion) or [], lines(reference) or []):
        reached[name] += 1
        if not right:
            return dict(reached), name
    return dict(reached), None


def _told(given: list[str], right: list[str]):
    """(name, whether it is right) of everything that a chain states, in its order."""
    for mine, its in zip_longest(given, right):
        line, _, told = (mine or "").partition(_MARK)
        right_line, _, right_told = (its or "").partition(_MARK)
        yield LINE, mine is not None and its is not None and line == right_line
        for fact, true in zip_longest(told.split("; "), right_told.split("; ")):
            yield (name(true) if true else LINE), fact == true


def name(fact: str) -> str:
    """What a fact of a right chain is about, e.g. ``'ab'.upper() == 'AB'``: ``str.upper``."""
    if fact == "end" or _TURN.match(fact):
        return "loop item"
    if _type_of(fact):
        return "value of a line"
    left, sign, _ = fact.rpartition(" == ")
    if not sign and _NAMED.match(fact):
        return "value of a variable"
    text = left if sign else fact.removeprefix("call ")
    try:
        return _operation(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "other"


def _operation(node: ast.expr) -> str:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return f"{_type(node.func.value)}.{node.func.attr}"
    if isinstance(node, ast.Call):
        return f"{ast.unparse(node.func)}()"
    if isinstance(node, ast.BinOp):
        return f"{_type(node.left)} {SIGNS.get(type(node.op), '?')}"
    if isinstance(node, ast.Compare):
        return "in, not in" if isinstance(node.ops[0], ast.In | ast.NotIn) else "comparison"
    if isinstance(node, ast.Subscript):
        return _type(node.value) + _index(node.slice)
    kinds = {ast.JoinedStr: "f-string", ast.UnaryOp: "sign or not", ast.BoolOp: "and, or",
             ast.ListComp: "comprehension", ast.SetComp: "comprehension", ast.DictComp: "comprehension",
             ast.GeneratorExp: "comprehension", ast.IfExp: "if expression"}
    return kinds.get(type(node), "value of a line")


def _index(node: ast.expr) -> str:
    if not isinstance(node, ast.Slice):
        return "[i]"
    return "[i:j:k]" if node.step else "[i:j]"


def _type(node: ast.expr) -> str:
    """The type that a literal shows; "" for a name."""
    return "str" if isinstance(node, ast.JoinedStr) else _type_of(node)


def _type_of(text: str | ast.expr) -> str:
    """The type of a literal; "" for anything else."""
    try:
        return type(ast.literal_eval(text)).__name__
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return ""
