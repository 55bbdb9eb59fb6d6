"""Canonical text of builtin values: what `repr` writes, with set elements sorted; exact types only.

No code of a program ever runs here: types are compared by identity, because a metaclass may define how its
classes hash and compare, and `repr` is only asked of values that hold nothing but builtin atoms.
"""

from itertools import chain
from operator import is_

_type, _len, _sorted, _str, _all, _map, _repr, _tuple = type, len, sorted, str, all, map, repr, tuple
_is, _list, _chain = is_, list, chain.from_iterable
_list_text, _tuple_text, _dict_text = list.__repr__, tuple.__repr__, dict.__repr__
_ATOMS = frozenset((str, int, float, bool, type(None), complex, bytes, bytearray, range, type(...)))
_HOLDERS = frozenset((list, tuple, dict, set))
# By id, because a type's hash may be code of the program; these types live as long as the process.
_are_atoms = frozenset(map(id, _ATOMS)).issuperset
_are_steady = frozenset(map(id, _ATOMS - {bytearray})).issuperset
_are_nests = frozenset(map(id, (list, tuple))).issuperset
_id = id
_type_name = type.__dict__["__name__"].__get__
MAX_DEPTH = 80
_SHORT = 1 << 60  # integers below it have at most 19 digits


class NoText(ValueError):
    """The value has no literal: another type, too deep, too large, or an integer of too many digits."""


def text(value, nodes=1_000_000, chars=10_000_000):
    """The canonical text; raises NoText beyond `nodes` values, `chars` characters, or 80 levels."""
    return _write(value, [nodes, chars], 0)


def _write(value, budget, depth):
    kind = _type(value)
    budget[0] -= 1
    if _type(kind) is not _type:
        raise NoText("a type with a metaclass")
    if kind in _ATOMS:
        return _spend(_repr, value, budget)
    if budget[0] < 0 or depth > MAX_DEPTH:
        raise NoText("too large or too deep")
    if kind is list or kind is tuple:
        return _sequence(kind, value, budget, depth + 1)
    if kind is dict:
        return _dict(value, budget, depth + 1)
    if kind is set or kind is frozenset:
        return _set(kind, value, budget, depth + 1)
    raise NoText(f"a {_type_name(kind)} has no literal")


def _spend(function, value, budget):
    """The text that `function` writes, counted; an integer beyond Python's digit limit has none."""
    if _type(value) is str and _len(value) > budget[1]:
        raise NoText("too long")
    try:
        written = function(value)
    except ValueError as error:
        raise NoText(_str(error)) from None
    budget[1] -= _len(written)
    if budget[1] < 0:
        raise NoText("too long")
    return written


def _afford(count, budget):
    if count > budget[0]:
        raise NoText("too large")


def steady(kinds):
    """Whether all of these types are those of atoms that cannot change."""
    return _are_steady(_map(_id, kinds))


# The same, faster, where no type can have a hash of its own: in a program without classes.
steady_builtins = frozenset(_ATOMS - {bytearray}).issuperset


def look(value, nodes, chars, steady=steady):
    """(text or None, what `unchanged` needs to recognise the value): one pass over it for both.

    The second is True for a value that cannot change, else a copy of its items where they are atoms, or lists
    or tuples of atoms, else None.
    """
    kind = _type(value)
    if kind is int and -_SHORT < value < _SHORT or kind is str and _len(value) <= 100:
        return _repr(value), True
    try:
        if kind is list and _len(value) > nodes:
            return None, None
        if kind is list and steady(_map(_type, value)):
            written = _list_text(value)
            return written if _len(written) <= chars else None, _tuple(value)
        if (kind is list or kind is dict) and _len(value) <= nodes:
            written, taken = _usual(kind, value, nodes, chars, steady)
            if taken is not None:
                return written, taken
        if _type(kind) is not _type:
            return None, None
        if kind in _ATOMS:
            return _spend(_repr, value, [0, chars]), kind is not bytearray
        if kind in _HOLDERS and _len(value) <= nodes and _atoms(value):
            return _holder(kind, value, nodes, chars)
        return text(value, nodes, chars), None
    except ValueError:  # NoText, or an integer beyond Python's digit limit
        return None, None


def _usual(kind, value, nodes, chars, steady):
    """As `look`, of a list or dict of atoms that cannot change, or of lists and tuples of those; (None, None)
    for others.
    """
    items = value
    if kind is dict:
        if not steady(_map(_type, value)):
            return None, None
        items = value.values()
    if steady(_map(_type, items)):
        written = _list_text(value) if kind is list else _dict_text(value)
        taken = _tuple(value) if kind is list else (_tuple(value), _tuple(items))
        return written if _len(written) <= chars else None, taken
    if not _are_nests(_map(_id, _map(_type, items))):
        return None, None
    sizes, inner = _list(_map(_len, items)), _tuple(_chain(items))
    if 1 + 2 * _len(sizes) + _len(inner) > nodes or not steady(_map(_type, inner)):
        return None, None
    written = _list_text(value) if kind is list else _dict_text(value)
    if _len(written) > chars:  # the budget of `text` does not count every character
        return None, None
    return written, [_tuple(value), _tuple(items), sizes, inner]


def _holder(kind, value, nodes, chars):
    """As `look`, of a container of atoms, keys of a dict."""
    if kind is not dict:
        taken = True if kind is tuple else _tuple(value)
        written = _set(kind, value, [nodes, chars], 0) if kind is set else _repr(value)
    elif _atoms(value.values()):
        taken, written = (_tuple(value), _tuple(value.values())), _repr(value)
    else:
        return text(value, nodes, chars), None
    changes = bytearray in _map(_type, value.values() if kind is dict else value)
    return written if _len(written) <= chars else None, None if changes else taken


def unchanged(value, taken):
    """Whether an object still holds the very same atoms, given what `look` took."""
    if _type(taken) is list:
        return _unchanged_nest(value, *taken)
    if _type(value) is dict:
        keys, held = taken
        return _len(value) == _len(keys) and _all(_map(_is, value, keys)) and (
            _all(_map(_is, value.values(), held))
        )
    return _len(value) == _len(taken) and _all(_map(_is, value, taken))


def _unchanged_nest(value, keys, held, sizes, inner):
    """The same of lists and tuples in a list or dict."""
    if _len(value) != _len(keys) or not _all(_map(_is, value, keys)):
        return False
    items = value
    if _type(value) is dict:
        items = value.values()
        if not _all(_map(_is, items, held)):
            return False
    return _list(_map(_len, items)) == sizes and _all(_map(_is, _chain(items), inner))


def _atoms(items):
    """Whether a container (or view) holds nothing but atoms."""
    return _are_atoms(_map(_id, _map(_type, items)))


def _sequence(kind, value, budget, depth):
    _afford(_len(value), budget)
    if _atoms(value):
        budget[0] -= _len(value)
        return _spend(_list_text if kind is list else _tuple_text, value, budget)
    items = [_write(item, budget, depth) for item in value]
    if kind is list:
        return "[" + ", ".join(items) + "]"
    return "(" + ", ".join(items) + ("," if _len(items) == 1 else "") + ")"


def _dict(value, budget, depth):
    _afford(2 * _len(value), budget)
    if _atoms(value) and _atoms(value.values()):
        budget[0] -= 2 * _len(value)
        return _spend(_dict_text, value, budget)
    pairs = [_write(key, budget, depth) + ": " + _write(item, budget, depth) for key, item in value.items()]
    return "{" + ", ".join(pairs) + "}"


def _set(kind, value, budget, depth):
    _afford(_len(value), budget)
    if not value:
        return "set()" if kind is set else "frozenset()"
    items = "{" + ", ".join(_sorted([_write(item, budget, depth) for item in value])) + "}"
    return items if kind is set else "frozenset(" + items + ")"
