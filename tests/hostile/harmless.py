"""Harmless entries whose texts are too long for the text file, or whose white space matters."""

_CALL = "f(1)"

ENTRIES = {
    "big integer": ("def f(x):\n    return 10 ** 4000", _CALL, "1" + "0" * 4000),
    "long list": ("def f(x):\n    return list(range(5000))", _CALL, str(list(range(5000)))),
    "deep but not too deep": (
        "def f(x):\n    a = 4\n    for _ in range(70):\n        a = [a]\n    return a",
        _CALL,
        "[" * 70 + "4" + "]" * 70,
    ),
    "long argument": ("def f(s):\n    return len(s)", "f(" + repr("ab" * 10000) + ")", "20000"),
    "spaces and newlines in the call": (
        "def f(a, b):\n    return a + b",
        " f( [1,\n 2],\n b = [3] )\n",
        "[1, 2, 3]",
    ),
    "spaces and newlines in the answer": (
        "def f(x):\n    return [1, {'a': 2}]",
        _CALL,
        "\n[ 1,\n  {'a' : 2,}, ]\n",
    ),
}
