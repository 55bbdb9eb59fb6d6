"""Depth and idle operations, read off the syntax tree."""

import ast

import pytest

from cr_utils import structure


@pytest.mark.parametrize("body, depth", [
    ("return n", 0),
    ("if n:\n        n += 1\n    return n", 1),
    ("if n:\n        n += 1\n    elif n > 2:\n        n += 2\n    else:\n        n += 3\n    return n", 1),
    ("if n:\n        n += 1\n    else:\n        for i in range(n):\n            n += i\n    return n", 2),
    ("if n:\n        n += 1\n    elif n > 2:\n        if n:\n            n += 2\n    return n", 2),
    ("for i in range(n):\n        while n > 0:\n            if i:\n                n -= 1\n    return n", 3),
    ("for i in range(n):\n        n += 1\n    for i in range(n):\n        n += 1\n    return n", 1),
    ("for i in range(n):\n        n += 1\n    else:\n        if n:\n            n = 2\n    return n", 2),
    ("return [x for x in range(n) if x]", 0),
])
def test_depth_is_that_of_the_deepest_block(body, depth):
    assert structure.depth(ast.parse(f"def f(n):\n    {body}")) == depth


def test_a_helper_counts_too():
    helper = "def g(n):\n    if n:\n        n = 1\n    return n\n\n"
    assert structure.depth(ast.parse(helper + "def f(n):\n    return g(n)")) == 1


@pytest.mark.parametrize("line", [
    "x = x", "x -= x", "x += 0", "s += ''", "x = x * 1", "x = x // 1", "x = x + 0", "ok = x == x",
    "ok = x < x",
    "ok = ok and ok", "ok = ok or True", "x = max(x, x)", "s = s.replace('a', 'a')", "x = abs(abs(x))",
    "s = s.upper().upper()", "s = s.lower().title()", "xs = sorted(sorted(xs))", "s = s[::-1][::-1]",
    "s = s.strip('a').strip('a')", "x = 2 + 3", "x = len('abc')", "x = [1, 2][0]", "s = 'ab'.upper()",
    "ok = 3 in [1, 3]", "if 2 > 1:\n    x = 1", "while True:\n    break", "x = sum([1, 2])",
])
def test_an_operation_that_changes_nothing_is_found(line):
    assert structure.idle(ast.parse(line))


@pytest.mark.parametrize("line", [
    "x = y", "x -= y", "x += 10", "x = x * 10", "x = x + x", "ok = x == y", "ok = ok and y", "x = max(x, 3)",
    "s = s.replace('a', 'b')", "s = s.strip('a').strip('b')", "s = s[::-1][::2]", "x = ord('h')",
    "xs = list(range(4))", "xs = [1, 2]", "x = s.count('a')", "for i in range(3):\n    x += i",
    "ok = x in [1, 3]", "x = -1", "s = s.upper().strip('A')", "n = g(x)[0] + x",
])
def test_ordinary_operations_are_not_idle(line):
    assert not structure.idle(ast.parse(line))
