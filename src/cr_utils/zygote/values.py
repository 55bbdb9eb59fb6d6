"""Values as data: tagged JSON text between the process that ran a program and the one that judges it.

None, booleans, small integers, floats and strings are themselves.  Everything else is a list whose first
item is a tag: l list, t tuple, s set, f frozenset, d dict (keys and values in turn), i big integer (hex), b
bytes, y bytearray, c complex, r range, e Ellipsis, u [type name, base value] for subclasses of builtin types
and dict views, o [type name, attributes or nothing] for any other object, which equals nothing.

Writing never runs a program's code: types are read exactly, content through the builtin types' own methods,
all of them bound here before any program starts.  Budgets on nodes, depth and characters bound the cost.
"""

from _json import encode_basestring_ascii as _quote

MAX_NODES = 100_000
MAX_DEPTH = 80
MAX_CHARS = 1_000_000
MAX_BITS = 14_000  # about 4,200 decimal digits

_int_text, _float_text, _hex = int.__repr__, float.__repr__, hex
_bits = int.bit_length
_mro = type.__dict__["__mro__"].__get__
_type_name = type.__dict__["__name__"].__get__
_type, _len, _str, _bool, _tuple, _object = type, len, str, bool, tuple, object
_len_list, _len_tuple, _len_dict = list.__len__, tuple.__len__, dict.__len__
_dict_keys, _dict_items = type({}.keys()), type({}.items())
_infinity = float("inf")
_raw_attribute = object.__getattribute__
_exact = {
    int: int.__int__,
    float: float.__float__,
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)) + b"",
    bytearray: lambda value: bytearray.__getitem__(value, slice(None)),
    complex: complex.__complex__ if hasattr(complex, "__complex__") else complex.__pos__,
}
_items = {
    list: list.__iter__,
    tuple: tuple.__iter__,
    set: set.__iter__,
    frozenset: frozenset.__iter__,
    dict: dict.items,
}
_NAMES = {list: '["l"', tuple: '["t"', set: '["s"', frozenset: '["f"'}
_BASES = (int, str, float, list, tuple, dict, set, frozenset, bytes, bytearray, complex)


class TooBig(Exception):
    """The value is larger, deeper or longer than the budgets allow."""


class Writer:
    """Writes values into one text under a shared budget.  `attributes` adds the attributes of plain
    objects.
    """

    __slots__ = ("parts", "nodes", "chars", "depth", "attributes")

    def __init__(self, nodes=MAX_NODES, depth=MAX_DEPTH, chars=MAX_CHARS, attributes=False):
        self.parts = []
        self.nodes, self.depth, self.chars, self.attributes = nodes, depth, chars, attributes

    def text(self):
        return "".join(self.parts)

    def write(self, value, depth=0):
        """Append the text of one value; raises TooBig when a budget is spent."""
        self.nodes -= 1
        if self.nodes < 0 or depth > self.depth:
            raise TooBig
        kind = _type(value)
        if kind is _str:
            self._string(value)
        elif kind is int and _bits(value) < 54:
            self.parts.append(_int_text(value))
        elif value is None:
            self.parts.append("null")
        elif kind is _bool:
            self.parts.append("true" if value is True else "false")
        elif kind is float:
            self.parts.append(_number(value))
        elif _type(kind) is not _type:  # a metaclass may bend how its classes hash and compare
            self._other(kind, value, depth)
        elif kind in _NAMES:
            self._sequence(kind, value, depth)
        elif kind is dict:
            self._dict(value, depth)
        else:
            self._rare(kind, value, depth)

    def _string(self, value):
        self.chars -= _str.__len__(value)
        if self.chars < 0:
            raise TooBig
        self.parts.append(_quote(value))

    def _sequence(self, kind, value, depth):
        self.parts.append(_NAMES[kind])
        for item in _items[kind](value):
            self.parts.append(",")
            self.write(item, depth + 1)
        self.parts.append("]")

    def _dict(self, value, depth):
        self.parts.append('["d"')
        for key, item in _items[dict](value):
            self.parts.append(",")
            self.write(key, depth + 1)
            self.parts.append(",")
            self.write(item, depth + 1)
        self.parts.append("]")

    def _rare(self, kind, value, depth):
        add = self.parts.append
        if kind is int:
            if _bits(value) > MAX_BITS:
                raise TooBig
            add('["i","' + _hex(value) + '"]')
        elif kind is bytes or kind is bytearray:
            if kind.__len__(value) > self.chars:
                raise TooBig
            add('["b",' if kind is bytes else '["y",')
            self._string(kind.decode(value, "latin-1"))
            add("]")
        elif kind is complex:
            add('["c",' + _number(value.real) + "," + _number(value.imag) + "]")
        elif kind is range:
            add('["r"')
            for item in (value.start, value.stop, value.step):
                add(",")
                self.write(item, depth + 1)
            add("]")
        elif value is ...:
            add('["e"]')
        else:
            self._other(kind, value, depth)

    def _other(self, kind, value, depth):
        """A subclass by its builtin base, a dict view as a set, anything else by its type's name."""
        add = self.parts.append
        name = _quote(_str.__getitem__(_type_name(kind), slice(0, 100)))
        if kind is _dict_keys or kind is _dict_items:
            add('["u",' + name + ',["s"')
            for item in kind.__iter__(value):
                add(",")
                self.write(item, depth + 2)
            add("]]")
            return
        for base in _mro(kind):
            if _type(base) is _type and base in _BASES:
                add('["u",' + name + ",")
                if base in _exact:
                    self.write(_exact[base](value), depth + 1)
                elif base is dict:
                    self._dict(value, depth + 1)
                else:
                    self._sequence(base, value, depth + 1)
                add("]")
                return
        self._opaque(name, value, depth)

    def _opaque(self, name, value, depth):
        self.parts.append('["o",' + name)
        if self.attributes:
            try:
                held = _raw_attribute(value, "__dict__")
            except AttributeError:
                held = None
            if _type(held) is dict:
                self.parts.append(",")
                self._dict(held, depth + 1)
        self.parts.append("]")


def _number(value):
    if value != value:
        return "NaN"
    if value == _infinity:
        return "Infinity"
    if value == -_infinity:
        return "-Infinity"
    return _float_text(value)


def encode(value, nodes=MAX_NODES, depth=MAX_DEPTH, chars=MAX_CHARS, attributes=False):
    """The tagged JSON text of a value; raises TooBig."""
    writer = Writer(nodes, depth, chars, attributes)
    writer.write(value)
    return writer.text()


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
        result = dict(zip(items[::2], items[1::2], strict=True))
        return result if len(result) * 2 == len(items) else Opaque("dict")
    if tag == "i":
        return int(rest[0], 16)
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
    result = set(items) if tag == "s" else frozenset(items)
    return result if len(result) == len(items) else Opaque("set")  # elements that only pretended to differ
