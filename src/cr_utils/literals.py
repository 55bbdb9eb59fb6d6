"""Python literals: read model text as data, write values as canonical text, compare values.

Nothing here executes text.  A literal is what `repr` writes for a builtin value: numbers, strings, bytes,
None, True, False, Ellipsis, lists, tuples, dicts, sets, and the forms `set()`, `frozenset(...)`,
`range(...)`, `bytearray(...)`, `float('nan')`, `nan`, `inf`.  Size, nesting and digits are limited before
the parser sees the text.  Calls and constructor expressions are the business of `cr_utils.calls`.
"""

from __future__ import annotations

import ast
import re
import threading
import warnings

from cr_utils.zygote import canon

__all__ = ["LiteralError", "canonical", "equal", "expression", "parse", "value_of"]

MAX_CHARS = 65_536  # hash collisions in a set make the cost quadratic: 64 KiB cost 0.3 s at worst, 1 MiB 14 s
MAX_DEPTH = 80
MAX_DIGITS = 4_300  # what Python itself converts between int and text
MAX_PROGRAM = 262_144  # characters; 44,000 short statements take a second and 100 MiB to parse

_INT = re.compile(r"-?(?:0|[1-9][0-9]{0,15})\Z", re.ASCII)
_PLAIN_STRING = re.compile(r"""'[ !#-&(-\[\]-~]*'\Z|"[ !#-&(-\[\]-~]*"\Z""")
_LONG_DIGITS = re.compile(rf"(?<![0-9A-Fa-f_])[0-9A-Fa-f_]{{{MAX_DIGITS},}}")
_MAY_WARN = re.compile(r"\\|[0-9]\.?[A-Za-z]")
_WARNINGS = threading.Lock()
_WORDS = {"True": True, "False": False, "None": None}


class LiteralError(ValueError):
    """The text is not a literal within the limits; the message says why in a few words."""


def parse(text: str) -> object:
    """The value that a literal's text stands for.

    Raises LiteralError for anything else, for text of more than 65,536 characters, brackets deeper than 80
    and integers of more than 4,300 digits.  Every call builds a fresh value.

    >>> parse("[1, 'a', {2: None}]")
    [1, 'a', {2: None}]
    """
    if type(text) is not str:
        raise LiteralError("not text")
    if len(text) > MAX_CHARS:
        raise LiteralError(f"longer than {MAX_CHARS} characters")
    text = text.strip(" \t\r\n")
    if _INT.match(text):
        return int(text)
    if _PLAIN_STRING.match(text):
        return text[1:-1]
    if text in _WORDS:
        return _WORDS[text]
    return value_of(expression(text))


def expression(text: str) -> ast.expr:
    """The syntax tree of one expression, read under the limits; raises LiteralError."""
    if len(text) > MAX_CHARS:
        raise LiteralError(f"longer than {MAX_CHARS} characters")
    if "\0" in text or "\ufeff" in text[:1]:
        raise LiteralError("NUL or byte order mark")
    if _depth(text) > MAX_DEPTH:
        raise LiteralError(f"nested deeper than {MAX_DEPTH}")
    if _LONG_DIGITS.search(text) and _has_long_number(text):
        raise LiteralError(f"a number of more than {MAX_DIGITS} digits")
    try:
        return parse_quietly(text.strip(" \t\r\n")).body
    except (SyntaxError, ValueError, MemoryError, RecursionError, OverflowError) as error:
        raise LiteralError(f"not a Python expression ({type(error).__name__})") from None


def parse_program(code: str) -> ast.Module:
    """The syntax tree of a whole program, without warnings; raises what `ast.parse` raises, ValueError for
    one of more than 262,144 characters.
    """
    if len(code) > MAX_PROGRAM:
        raise ValueError(f"a program longer than {MAX_PROGRAM} characters")
    return parse_quietly(code, "exec")


def parse_quietly(text: str, mode: str = "eval") -> ast.AST:
    """Parse without the warnings that `"\\d"` or `1or` give: how a model writes is its own business."""
    if not _MAY_WARN.search(text):
        return ast.parse(text, "<literal>", mode)
    with _WARNINGS, warnings.catch_warnings():  # catch_warnings alone is not safe in threads
        warnings.simplefilter("ignore")
        return ast.parse(text, "<literal>", mode)


def _depth(text: str) -> int:
    """Bracket depth of the text, strings included: an upper bound that costs one pass."""
    if text.count("(") + text.count("[") + text.count("{") <= MAX_DEPTH:
        return min(MAX_DEPTH, _prefix_run(text))
    depth = deepest = 0
    for char in _strings_out(text):
        if char in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in ")]}":
            depth -= 1
    return max(deepest, _prefix_run(text))


# The closing quote is optional, so that an open string is read once and not from each of its quotes again.
_STRING = re.compile(r"""'(?:[^'\\\n]|\\.)*'?|"(?:[^"\\\n]|\\.)*"?""", re.DOTALL)
_RUN = re.compile(r"(?:[-+~]\s*|not\s+|await\s+){40,}")


def _strings_out(text: str) -> str:
    return _STRING.sub("''", text)


def _prefix_run(text: str) -> int:
    """A run of prefix operators nests like brackets do."""
    return MAX_DEPTH + 1 if _RUN.search(_strings_out(text)) else 0


def _has_long_number(text: str) -> bool:
    return bool(_LONG_DIGITS.search(_strings_out(text)))


def value_of(node: ast.expr) -> object:
    """The value of a syntax tree that holds nothing but literals; raises LiteralError."""
    try:
        return _value(node)
    except (TypeError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        if isinstance(error, LiteralError):
            raise
        raise LiteralError(f"no such value ({type(error).__name__})") from None


def _value(node: ast.expr) -> object:
    kind = type(node)
    if kind is ast.Constant:
        return node.value
    if kind is ast.List:
        return [_value(item) for item in node.elts]
    if kind is ast.Tuple:
        return tuple([_value(item) for item in node.elts])
    if kind is ast.Dict:
        if None in node.keys:
            raise LiteralError("unpacking in a dict")
        return {_value(key): _value(value) for key, value in zip(node.keys, node.values, strict=True)}
    if kind is ast.Set:
        return {_value(item) for item in node.elts}
    if kind is ast.UnaryOp:
        return _signed(node)
    if kind is ast.BinOp:
        return _complex(node)
    if kind is ast.Name and node.id in ("nan", "inf"):
        return float(node.id)
    if kind is ast.Name and node.id == "Ellipsis":
        return ...
    if kind is ast.Call:
        return _constructed(node)
    raise LiteralError(f"{kind.__name__} is not a literal")


def _signed(node: ast.UnaryOp) -> object:
    value = _value(node.operand)
    if type(value) not in (int, float, complex) or type(node.operand) is ast.UnaryOp:
        raise LiteralError("a sign before something that is not a number")
    if type(node.op) is ast.USub:
        return -value
    if type(node.op) is ast.UAdd:
        return +value
    raise LiteralError("an operator")


def _complex(node: ast.BinOp) -> complex:
    """`1+2j` and its like: the one operator in the repr of a value."""
    left, right = _value(node.left), _value(node.right)
    if type(left) in (int, float) and type(right) is complex and type(node.right) is ast.Constant:
        if type(node.op) is ast.Add:
            return left + right
        if type(node.op) is ast.Sub:
            return left - right
    raise LiteralError("an operator")


def _constructed(node: ast.Call) -> object:
    """The few values whose repr is a call: empty set, frozenset, range, bytearray, nan and infinities."""
    name = node.func.id if type(node.func) is ast.Name else None
    if node.keywords or name not in ("set", "frozenset", "range", "bytearray", "float"):
        raise LiteralError("a call is not a literal")
    arguments = [_value(item) for item in node.args]
    kinds = tuple(type(item) for item in arguments)
    if name == "set" and not arguments:
        return set()
    if name == "frozenset" and (not arguments or (len(arguments) == 1 and kinds[0] in (set, list, tuple))):
        return frozenset(*arguments)
    if name == "range" and 1 <= len(arguments) <= 3 and set(kinds) == {int}:
        return range(*arguments)
    if name == "bytearray" and kinds in ((), (bytes,)):
        return bytearray(*arguments)
    if (
        name == "float"
        and kinds == (str,)
        and arguments[0].lower().lstrip("+-") in ("nan", "inf", "infinity")
    ):
        return float(arguments[0])
    raise LiteralError("a call is not a literal")


def canonical(value: object) -> str:
    """`repr` of a builtin value, with set elements sorted so that the text does not depend on the hash seed.

    Raises LiteralError for a value of any other type (subclasses too) and beyond the depth limit.

    >>> canonical({'b', 'a'})
    "{'a', 'b'}"
    """
    try:
        return canon.text(value)
    except canon.NoText as error:
        raise LiteralError(str(error)) from None


def equal(a: object, b: object, compare: str = "python") -> bool:
    """Whether two builtin values are equal.

    `python` is the benchmarks' `==`: True == 1 == 1.0, and nan differs from itself.  `strict` asks for the
    same types all the way down, tells 0.0 from -0.0, and lets nan equal nan; dict and set order never
    matters.  Values of any other type equal nothing.  Raises ValueError for an unknown mode.
    """
    if compare == "python":
        return _python_equal(a, b)
    if compare != "strict":
        raise ValueError(f"compare={compare!r}: choose 'python' or 'strict'")
    try:
        return _form(a) == _form(b)
    except (LiteralError, RecursionError):
        return False


def _python_equal(a: object, b: object) -> bool:
    try:
        return bool(a == b)
    except Exception:  # e.g. comparing beyond the recursion limit
        return False


def _form(value: object) -> object:
    """A hashable stand-in that is equal exactly when type and content are."""
    kind = type(value)
    if kind is int or kind is str or kind is bool or kind is bytes or value is None or value is ...:
        return (kind, value)
    if kind is float:
        return (kind, repr(value))
    if kind is list or kind is tuple:
        return (kind, tuple([_form(item) for item in value]))
    if kind is dict:
        return (kind, frozenset([(_form(k), _form(v)) for k, v in value.items()]))
    if kind is set or kind is frozenset:
        return (kind, frozenset([_form(item) for item in value]))
    if kind is complex:
        return (kind, repr(value.real), repr(value.imag))
    if kind is range or kind is bytearray:
        return (kind, repr(value))
    raise LiteralError(f"a {kind.__name__} is no builtin value")
