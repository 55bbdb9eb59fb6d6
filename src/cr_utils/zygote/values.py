"""Values as data: tagged JSON text between the process that ran a program and the one that judges it.

None, booleans, small integers, floats and strings are themselves.  Everything else is a list whose first
item is a tag: l list, t tuple, s set, f frozenset, d dict (keys and values in turn), i big integer (hex), w
text that JSON would change (its code points), b bytes, y bytearray, c complex, r range, e Ellipsis, u [type
name, base value] for subclasses of builtin types and dict views, o [type name, attributes or nothing] for any
other object, which equals nothing.

Writing never runs a program's code and does not trust the process: types are told by identity (a metaclass
may bend hash and comparison), and every function and method is bound here before any program starts, because
even the dictionaries of builtin types can be changed.  For the same reason there is no class here that
writes. Budgets on nodes, depth and characters bound the cost.
"""

from _json import encode_basestring_ascii as _quote
from _json import scanstring as _read

MAX_NODES = 100_000
MAX_DEPTH = 80
MAX_CHARS = 1_000_000
MAX_BITS = 14_000  # about 4,200 decimal digits
MAX_COLLISIONS = 1000  # keys of one hash: looking each up costs the square of their number

_type, _str, _bool, _ord, _surrogate = type, str, bool, ord, "\\ud"
int, float, dict, complex, range = int, float, dict, complex, range  # ours, whatever becomes of builtins
bytes, bytearray = bytes, bytearray
_int_text, _float_text, _hex, _bits = int.__repr__, float.__repr__, hex, int.bit_length
_append, _join, _length = list.append, str.join, str.__len__
_mro, _type_name = type.__dict__["__mro__"].__get__, type.__dict__["__name__"].__get__
_dict_keys, _dict_items = type({}.keys()), type({}.items())
_infinity = float("inf")
_raw_attribute, _AttributeError = object.__getattribute__, AttributeError
_real, _imaginary = complex.__dict__["real"].__get__, complex.__dict__["imag"].__get__
_range_parts = tuple(range.__dict__[name].__get__ for name in ("start", "stop", "step"))
_latin = {bytes: bytes.decode, bytearray: bytearray.decode}
_size = {bytes: bytes.__len__, bytearray: bytearray.__len__}
_bytes_item, _bytearray_item, _whole = bytes.__getitem__, bytearray.__getitem__, slice(None)
_exact = {
    int: int.__int__,
    float: float.__float__,
    str: str.__str__,
    bytes: lambda value: _bytes_item(value, _whole) + b"",
    bytearray: lambda value: _bytearray_item(value, _whole),
    complex: complex.__pos__,
}
_iterate = {
    list: list.__iter__, tuple: tuple.__iter__, set: set.__iter__, frozenset: frozenset.__iter__,
    dict: dict.items, _dict_keys: _dict_keys.__iter__, _dict_items: _dict_items.__iter__,
}  # fmt: skip
_tags = {list: '["l"', tuple: '["t"', set: '["s"', frozenset: '["f"'}
_bases = frozenset((int, str, float, list, tuple, dict, set, frozenset, bytes, bytearray, complex))
_name_part = slice(0, 100)
_str_item = str.__getitem__


class TooBig(Exception):
    """The value is larger, deeper or longer than the budgets allow."""


def encode(value, nodes=MAX_NODES, depth=MAX_DEPTH, chars=MAX_CHARS, attributes=False):
    """The tagged JSON text of a value; raises TooBig.  `attributes` adds those of plain objects."""
    parts = []
    _write(parts, [nodes, chars, depth, attributes], value, 0)
    return _join("", parts)


def _write(parts, budget, value, depth):
    """Append the text of one value; `budget` is [nodes left, characters left, depth allowed, attributes]."""
    budget[0] -= 1
    if budget[0] < 0 or depth > budget[2]:
        raise TooBig
    kind = _type(value)
    if kind is _str:
        _string(parts, budget, value)
    elif kind is int and _bits(value) < 54:
        _append(parts, _int_text(value))
    elif value is None:
        _append(parts, "null")
    elif kind is _bool:
        _append(parts, "true" if value is True else "false")
    elif kind is float:
        _append(parts, _number(value))
    elif _type(kind) is not _type:
        _other(parts, budget, kind, value, depth)
    elif kind in _tags:
        _sequence(parts, budget, kind, value, depth)
    elif kind is dict:
        _dict(parts, budget, value, depth)
    else:
        _rare(parts, budget, kind, value, depth)


def _string(parts, budget, value):
    budget[1] -= _length(value)
    if budget[1] < 0:
        raise TooBig
    _append(parts, text(value))


def text(value):
    """JSON of an exact str.  Two halves of a surrogate pair that stand side by side read back as one
    character, so they go as code points.
    """
    written = _quote(value)
    if _surrogate in written and _read(written, 1)[0] != value:
        return '["w",' + _join(",", [_int_text(_ord(char)) for char in value]) + "]"
    return written


def _sequence(parts, budget, kind, value, depth):
    _append(parts, _tags[kind])
    for item in _iterate[kind](value):
        _append(parts, ",")
        _write(parts, budget, item, depth + 1)
    _append(parts, "]")


def _dict(parts, budget, value, depth):
    _append(parts, '["d"')
    for key, item in _iterate[dict](value):
        _append(parts, ",")
        _write(parts, budget, key, depth + 1)
        _append(parts, ",")
        _write(parts, budget, item, depth + 1)
    _append(parts, "]")


def _rare(parts, budget, kind, value, depth):
    if kind is int:
        budget[1] -= _bits(value) >> 2
        if _bits(value) > MAX_BITS or budget[1] < 0:
            raise TooBig
        _append(parts, '["i","' + _hex(value) + '"]')
    elif kind is bytes or kind is bytearray:
        if _size[kind](value) > budget[1]:
            raise TooBig
        _append(parts, '["b",' if kind is bytes else '["y",')
        _string(parts, budget, _latin[kind](value, "latin-1"))
        _append(parts, "]")
    elif kind is complex:
        _append(parts, '["c",' + _number(_real(value)) + "," + _number(_imaginary(value)) + "]")
    elif kind is range:
        _append(parts, '["r"')
        for part in _range_parts:
            _append(parts, ",")
            _write(parts, budget, part(value), depth + 1)
        _append(parts, "]")
    elif value is ...:
        _append(parts, '["e"]')
    else:
        _other(parts, budget, kind, value, depth)


def _other(parts, budget, kind, value, depth):
    """A subclass by its builtin base, a dict view as a set, anything else by its type's name."""
    name = _quote(_str_item(_type_name(kind), _name_part))
    if kind is _dict_keys or kind is _dict_items:
        _append(parts, '["u",' + name + ',["s"')
        for item in _iterate[kind](value):
            _append(parts, ",")
            _write(parts, budget, item, depth + 2)
        _append(parts, "]]")
        return
    for base in _mro(kind):
        if _type(base) is _type and base in _bases:
            _append(parts, '["u",' + name + ",")
            if base in _exact:
                _write(parts, budget, _exact[base](value), depth + 1)
            elif base is dict:
                _dict(parts, budget, value, depth + 1)
            else:
                _sequence(parts, budget, base, value, depth + 1)
            _append(parts, "]")
            return
    _opaque(parts, budget, name, value, depth)


def _opaque(parts, budget, name, value, depth):
    _append(parts, '["o",' + name)
    if budget[3]:
        try:
            held = _raw_attribute(value, "__dict__")
        except _AttributeError:
            held = None
        if _type(held) is dict:
            _append(parts, ",")
            _dict(parts, budget, held, depth + 1)
    _append(parts, "]")


def _number(value):
    if value != value:
        return "NaN"
    if value == _infinity:
        return "Infinity"
    if value == -_infinity:
        return "-Infinity"
    return _float_text(value)


class Opaque:
    """A value that is not data: it has a type's name, perhaps attributes, and equals nothing."""

    __slots__ = ("name", "attributes")

    def __init__(self, name, attributes=None):
        self.name, self.attributes = name, attributes

    def __eq__(self, other):
        return False

    def __hash__(self):
        return id(self)

    def __repr__(self):
        return f"<{self.name}>"


class Derived(Opaque):
    """A value of a subclass of a builtin type: `base` holds the content as the builtin type."""

    __slots__ = ("base",)

    def __init__(self, name, base):
        super().__init__(name)
        self.base = base


def decode(tree, derived=False):
    """The Python value of parsed tagged JSON; raises ValueError for anything that `encode` does not write.

    Subclasses become their builtin base, or a Derived with `derived=True`.  Objects become an Opaque.
    Keys that a program made with a hash of their own may all have one hash as builtin values: more than a
    thousand of them are a ValueError too.
    """
    if type(tree) is not list:
        if type(tree) is dict:
            raise ValueError("not a value")
        return tree
    tag, rest = tree[0], tree[1:]
    if tag in ("l", "t", "s", "f"):
        return _collection(tag, [decode(item, derived) for item in rest])
    if tag == "d":
        items = [decode(item, derived) for item in rest]
        _sparse(items[::2])
        result = dict(zip(items[::2], items[1::2], strict=True))
        return result if len(result) * 2 == len(items) else Opaque("dict")
    if tag == "i":
        return int(rest[0], 16)
    if tag == "w":
        return "".join(map(chr, rest))
    if tag == "b" or tag == "y":
        content = rest[0].encode("latin-1")
        return content if tag == "b" else bytearray(content)
    if tag == "c":
        return complex(*rest)
    if tag == "r":
        return range(*[decode(item) for item in rest])
    if tag == "e":
        return ...
    if tag == "u":
        try:
            base = decode(rest[1], derived)
        except TypeError:  # items of a dict view need not be hashable
            return Opaque(rest[0])
        return Derived(rest[0], base) if derived else base
    if tag == "o":
        return Opaque(rest[0], decode(rest[1], derived) if len(rest) > 1 else None)
    raise ValueError(f"unknown tag {tag!r}")


def _collection(tag, items):
    if tag == "l":
        return items
    if tag == "t":
        return tuple(items)
    _sparse(items)
    result = set(items) if tag == "s" else frozenset(items)
    return result if len(result) == len(items) else Opaque("set")  # elements that only pretended to differ


def _sparse(keys):
    """Raise ValueError where too many keys share a hash."""
    if len(keys) > MAX_COLLISIONS and len(keys) - len(set(map(hash, keys))) > MAX_COLLISIONS:
        raise ValueError("too many keys of one hash")
