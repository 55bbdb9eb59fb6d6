"""Values that claim to be what they are not, and builtins bent so that a comparison might believe them."""


def _class(base, body, value="A(3)"):
    return f"class A{base}:\n{body}\ndef f(x):\n    return {value}"


_TRUE = "    def __eq__(self, other):\n        return True\n    def __ne__(self, other):\n        return False\n    __hash__ = None"
_CALL = "f(1)"

ENTRIES = {
    "equal to everything": (_class("", _TRUE, "A()"), _CALL, "4"),
    "equal to everything, with a hash": (_class("", _TRUE.replace("None", "lambda self: hash(4)"), "A()"), _CALL, "4"),
    "integer equal to everything": (_class("(int)", _TRUE), _CALL, "4"),
    "string equal to everything": (_class("(str)", _TRUE, "A('3')"), _CALL, "'4'"),
    "float equal to everything": (_class("(float)", _TRUE), _CALL, "4.0"),
    "list equal to everything": (_class("(list)", _TRUE, "A([3])"), _CALL, "[4]"),
    "tuple equal to everything": (_class("(tuple)", _TRUE, "A((3,))"), _CALL, "(4,)"),
    "dict equal to everything": (_class("(dict)", _TRUE, "A({3: 3})"), _CALL, "{4: 4}"),
    "set equal to everything": (_class("(set)", _TRUE, "A({3})"), _CALL, "{4}"),
    "bytes equal to everything": (_class("(bytes)", _TRUE, "A(b'3')"), _CALL, "b'4'"),
    "liar inside a list": (_class("(int)", _TRUE, "[A(3)]"), _CALL, "[4]"),
    "liar inside a dict": (_class("(int)", _TRUE, "{'a': A(3)}"), _CALL, "{'a': 4}"),
    "liar as a key": (
        _class("(int)", _TRUE.replace("None", "lambda self: hash(4)"), "{A(3): 1}"),
        _CALL,
        "{4: 1}",
    ),
    "reflected comparison": (_class("", "    def __eq__(self, other):\n        return other == other", "A()"), _CALL, "4"),
    "lying repr": (_class("(int)", "    def __repr__(self):\n        return '4'\n    __str__ = __repr__"), _CALL, "4"),
    "object with a lying repr": (_class("", "    def __repr__(self):\n        return '4'", "A()"), _CALL, "4"),
    "string with a lying repr": (
        _class("(str)", "    def __repr__(self):\n        return \"'4'\"\n    __str__ = __repr__", "A('3')"),
        _CALL,
        "'4'",
    ),
    "list that iterates as another": (
        _class("(list)", "    def __iter__(self):\n        return iter([4])\n    def __len__(self):\n        return 1", "A()"),
        _CALL,
        "[4]",
    ),
    "dict that shows other items": (
        _class("(dict)", "    def items(self):\n        return [(4, 4)]\n    def keys(self):\n        return [4]", "A({})"),
        _CALL,
        "{4: 4}",
    ),
    "integer that converts to another": (
        _class("(int)", "    def __int__(self):\n        return 4\n    __index__ = __trunc__ = __int__"),
        _CALL,
        "4",
    ),
    "float that converts to another": (_class("(float)", "    def __float__(self):\n        return 4.0"), _CALL, "4.0"),
    "lying class": (_class("", "    @property\n    def __class__(self):\n        return int", "A()"), _CALL, "4"),
    "lying metaclass": (
        """
class M(type):
    __mro__ = property(lambda cls: (int, object))
    def mro(cls):
        return [cls, object]
    def __instancecheck__(cls, other):
        return True
class A(metaclass=M):
    pass
def f(x):
    return A()
""",
        _CALL,
        "4",
    ),
    "pickled as another": (_class("", "    def __reduce__(self):\n        return (int, (4,))\n    __reduce_ex__ = lambda self, p: (int, (4,))", "A()"), _CALL, "4"),
    "copied as another": (_class("", "    def __deepcopy__(self, memo):\n        return 4\n    def __copy__(self):\n        return 4", "A()"), _CALL, "4"),
    "encoded as another": (_class("", "    def __json__(self):\n        return 4\n    def __getstate__(self):\n        return 4", "A()"), _CALL, "4"),
    "mock of anything": ("from unittest import mock\ndef f(x):\n    return mock.ANY", _CALL, "4"),
    "magic mock": ("from unittest import mock\ndef f(x):\n    m = mock.MagicMock()\n    m.__eq__.return_value = True\n    return m", _CALL, "4"),
    "enumeration equal to everything": (
        "import enum\nclass E(enum.IntEnum):\n    A = 3\n    def __eq__(self, other):\n        return True\n    __hash__ = None\n"
        "def f(x):\n    return E.A",
        _CALL,
        "4",
    ),
    "enumeration with another value": (
        "import enum\nclass E(int, enum.Enum):\n    A = 3\nE.A._value_ = 4\ndef f(x):\n    return E.A",
        _CALL,
        "4",
    ),
    "enumeration by name": ("import enum\nclass E(enum.Enum):\n    A = 4\ndef f(x):\n    return E.A", _CALL, "4"),
    "not a number": ("def f(x):\n    return float('nan')", _CALL, "float('nan')"),
    "not a number in a list": ("def f(x):\n    return [float('nan')]", _CALL, "[nan]"),
    "text of a number": ("def f(x):\n    return '4'", _CALL, "4"),
    "list for a tuple": ("def f(x):\n    return [4]", _CALL, "(4,)"),
    "order of a list": ("def f(x):\n    return [1, 2]", _CALL, "[2, 1]"),
    "function": ("def f(x):\n    return f", _CALL, "4"),
    "generator": ("def f(x):\n    yield 4", _CALL, "4"),
    "generator for a list": ("def f(x):\n    yield 4", _CALL, "[4]"),
    "coroutine": ("async def f(x):\n    return 4", _CALL, "4"),
    "type": ("def f(x):\n    return int", _CALL, "4"),
    "NotImplemented": ("def f(x):\n    return NotImplemented", _CALL, "True"),
    "set with a pretender": (
        "class A(int):\n    def __hash__(self):\n        return id(self)\n    def __eq__(self, other):\n        return self is other\n"
        "def f(x):\n    return {A(4), A(4)}",
        _CALL,
        "{4}",
    ),
    "patched len": ("import builtins\ndef f(x):\n    builtins.len = lambda y: 1\n    return [3, 3]", _CALL, "[3]"),
    "patched comparison functions": (
        "import operator, builtins\ndef f(x):\n    operator.eq = lambda a, b: True\n    builtins.all = builtins.any = lambda y: True\n    return 3",
        _CALL,
        "4",
    ),
    "patched repr and str": ("import builtins\ndef f(x):\n    builtins.repr = builtins.str = builtins.format = lambda *a: '4'\n    return 3", _CALL, "4"),
    "patched type and isinstance": (
        "import builtins\ndef f(x):\n    builtins.isinstance = lambda *a: True\n    builtins.type = lambda *a: int\n    return 3",
        _CALL,
        "4",
    ),
    "patched int": ("import builtins\ndef f(x):\n    builtins.int = lambda *a: 4\n    return 3", _CALL, "4"),
    "patched json": (
        "import json\ndef f(x):\n    json.dumps = json.dump = lambda *a, **k: '4'\n    json.JSONEncoder.encode = lambda *a: '4'\n    return 3",
        _CALL,
        "4",
    ),
    "patched json encoder internals": (
        "import json.encoder, _json\ndef f(x):\n    json.encoder.encode_basestring_ascii = _json.encode_basestring_ascii = lambda s: '\"4\"'\n"
        "    json.encoder.c_make_encoder = None\n    return '3'",
        _CALL,
        "'4'",
    ),
    "patched marshal and pickle": (
        "import marshal, pickle\ndef f(x):\n    marshal.dumps = pickle.dumps = lambda *a, **k: b'4'\n    return 3",
        _CALL,
        "4",
    ),
    "patched write": ("import os\ndef f(x):\n    os.write = lambda d, b: len(b)\n    return 4", _CALL, "5"),
    "patched type dictionary": (
        "import gc\ndef f(x):\n    gc.get_referents(int.__dict__)[0]['__eq__'] = lambda a, b: True\n"
        "    gc.get_referents(int.__dict__)[0]['__repr__'] = lambda a: '4'\n    return 3",
        _CALL,
        "4",
    ),
    "patched modules": (
        "import sys, types\ndef f(x):\n    for name in list(sys.modules):\n        sys.modules[name] = types.ModuleType(name)\n    return 3",
        _CALL,
        "4",
    ),
    "no builtins left": ("import builtins\ndef f(x):\n    builtins.__dict__.clear()\n    return 3", _CALL, "4"),
}
