"""Argument values from trees: tagged values, and the few harmless expressions a predicted call may hold.

A dict in the tree is an expression node: {"call"|"method"|"op": name, "a": operands, "k": keyword operands}.
Evaluated inside the jail, before any program has run, on builtin values only.
"""

import operator

from . import values

FUNCTIONS = {
    kind.__name__: kind
    for kind in (
        bool, int, float, complex, str, bytes, bytearray, list, tuple, set, frozenset, dict, range, abs,
        ascii, bin, chr, divmod, enumerate, filter, hex, len, max, min, oct, ord, pow, repr, reversed, round,
        slice, sorted, sum, zip,
    )
}  # fmt: skip
METHODS = frozenset(
    name
    for kind in (str, bytes, bytearray, list, tuple, dict, set, frozenset, int, float, complex, range)
    for name in dir(kind)
    if not name.startswith("_") and name not in ("format", "format_map")
)
OPERATORS = {
    "Add": operator.add, "Sub": operator.sub, "Mult": operator.mul, "Div": operator.truediv,
    "FloorDiv": operator.floordiv, "Mod": operator.mod, "Pow": operator.pow, "BitAnd": operator.and_,
    "BitOr": operator.or_, "BitXor": operator.xor, "LShift": operator.lshift, "RShift": operator.rshift,
    "USub": operator.neg, "UAdd": operator.pos, "Invert": operator.invert, "Not": operator.not_,
    "[]": operator.getitem, "slice": slice,
}  # fmt: skip


def build(tree):
    """The value of a tree; raises what Python raises for an argument that cannot exist, such as `{[]: 1}`."""
    kind = type(tree)
    if kind is not list and kind is not dict:
        return tree
    if kind is dict:
        return _evaluate(tree)
    tag = tree[0]
    if tag == "l":
        return [build(item) for item in tree[1:]]
    if tag == "t":
        return tuple([build(item) for item in tree[1:]])
    if tag == "s":
        return {build(item) for item in tree[1:]}
    if tag == "d":
        return {build(key): build(item) for key, item in zip(tree[1::2], tree[2::2], strict=True)}
    return values.decode(tree)


def _evaluate(node):
    operands = [build(item) for item in node["a"]]
    keywords = {name: build(item) for name, item in node["k"].items()}
    if "call" in node:
        return FUNCTIONS[node["call"]](*operands, **keywords)
    if "method" in node:
        name = node["method"]
        if name not in METHODS:
            raise ValueError(f"no method {name!r}")
        return getattr(operands[0], name)(*operands[1:], **keywords)
    return OPERATORS[node["op"]](*operands)
