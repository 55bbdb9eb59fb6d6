"""Canonical text of builtin values: what `repr` writes, with set elements sorted; exact types only, no
user code.
"""

_int_text, _float_text, _str_text = int.__repr__, float.__repr__, str.__repr__
_type, _len, _sorted, _str = type, len, sorted, str
_ATOMS = {
    str: str.__repr__, int: int.__repr__, float: float.__repr__, bool: bool.__repr__, type(None): repr,
    complex: complex.__repr__, bytes: bytes.__repr__, bytearray: bytearray.__repr__, range: range.__repr__,
    type(...): repr,
}  # fmt: skip
MAX_DEPTH = 80


class NoText(ValueError):
    """The value has no literal: another type, too deep, too large, or an integer of too many digits."""


def text(value, nodes=1_000_000, chars=10_000_000):
    """The canonical text; raises NoText beyond `nodes` values, `chars` characters of strings, or 80
    levels.
    """
    return _write(value, [nodes, chars], 0)


def _write(value, budget, depth):
    kind = _type(value)
    budget[0] -= 1
    if kind in _ATOMS:
        return _atom(kind, value, budget)
    if budget[0] < 0 or depth > MAX_DEPTH:
        raise NoText("too large or too deep")
    depth += 1
    if kind is list:
        return "[" + ", ".join([_write(item, budget, depth) for item in value]) + "]"
    if kind is tuple:
        items = [_write(item, budget, depth) for item in value]
        return "(" + ", ".join(items) + ("," if _len(items) == 1 else "") + ")"
    if kind is dict:
        pairs = [
            _write(key, budget, depth) + ": " + _write(item, budget, depth) for key, item in value.items()
        ]
        return "{" + ", ".join(pairs) + "}"
    if kind is set or kind is frozenset:
        return _set(kind, value, budget, depth)
    raise NoText(f"a {type.__dict__['__name__'].__get__(kind)} has no literal")


def _atom(kind, value, budget):
    if kind is str or kind is bytes or kind is bytearray:
        budget[1] -= _len(value)
        if budget[1] < 0:
            raise NoText("too long")
    try:
        return _ATOMS[kind](value)
    except ValueError as error:  # an integer beyond Python's digit limit
        raise NoText(_str(error)) from None


def _set(kind, value, budget, depth):
    if not value:
        return "set()" if kind is set else "frozenset()"
    items = "{" + ", ".join(_sorted([_write(item, budget, depth) for item in value])) + "}"
    return items if kind is set else "frozenset(" + items + ")"
