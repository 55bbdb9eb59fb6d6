"""What nothing in a program reads: values overwritten first, read in vain, or changed for nobody."""

import ast

import pytest

from cr_utils import liveness


def unread(code):
    return liveness.unread(ast.parse(code).body[0])


@pytest.mark.parametrize("code, unused", [
    ("def f(s, n):\n    return s", {"n"}),
    ("def f(s, n):\n    return s * n", set()),
    ("def f(s, sn):\n    return sn", {"s"}),  # a name inside another is no use of it
    ("def f(n):\n    n = 2\n    return n", {"n"}),
    ("def f(n):\n    if n:\n        n = 2\n    return n", set()),
    ("def f(n):\n    for n in range(3):\n        pass\n    return n", set()),  # the loop may not run
    ("def f(n, s):\n    s += n\n    return n", {"s"}),
    ("def f(n, xs):\n    xs.append(n)\n    return n", {"xs"}),
    ("def f():\n    return 1", set()),
])
def test_a_parameter_that_nothing_reads_is_found(code, unused):
    assert unread(code).parameters == unused


@pytest.mark.parametrize("body, lines", [
    ("x = n\n    y = 2\n    return x", [3]),
    ("x = n\n    x += 1\n    return n", [2, 3]),
    ("x = 1\n    x = n\n    return x", [2]),
    ("x = n\n    y = x\n    z = y\n    return n", [2, 3, 4]),
    ("for i in range(n):\n        x = i\n    return n", [3]),
    ("x = 0\n    for i in range(n):\n        x += i\n    return n", [2, 4]),
    ("x = []\n    for i in range(n):\n        x.append(i)\n    return n", [2, 4]),
    ("x = {}\n    x['a'] = n\n    return n", [2, 3]),
    ("x = [1]\n    del x[0]\n    return n", [2, 3]),
    ("x = 1\n    if n:\n        x = 1\n    else:\n        x = 2\n    return x", [2]),
    ("x = 0\n    while n > 0:\n        x = 3\n        x = 2\n        n -= 1\n    return x", [4]),
    ("x = 1\n    for i in range(n):\n        x = 3\n        if i:\n            continue\n        break\n"
     "    else:\n        x = 4\n    return x", [2]),
    ("x = 1\n    if n:\n        return n\n    return 2", [2]),
    ("x = [n]\n    x[0] = 1\n    x[0] = n\n    return x", [3]),
])
def test_a_value_that_nothing_reads_is_found(body, lines):
    assert unread(f"def f(n):\n    {body}").lines == lines


@pytest.mark.parametrize("body", [
    "x = 0\n    for i in range(n):\n        x = i\n    return x",
    "x = 0\n    while n > 0:\n        y = x\n        n -= 1\n        x = n\n    return y",
    "for i in range(n):\n        n += 1\n    return n",  # a loop variable need not be read
    "if n:\n        x = 1\n    else:\n        x = 2\n    return x",
    "x = 1\n    if n:\n        x = 2\n    return x",
    "x = 1\n    for i in range(n):\n        if i:\n            continue\n        x = 2\n    return x",
    "x = 1\n    for i in range(n):\n        x = 3\n        if i:\n            break\n"
    "        x = 2\n    return x",
    "x = [n]\n    y = x\n    y.append(1)\n    return x",  # seen through the other name
    "x = [n]\n    x[0] = 1\n    x[0] = x[0] + 2\n    return x",
    "x = [n, n]\n    x[0] = 1\n    x[1] = 2\n    return x",
    "x = [n]\n    y = [x]\n    x.append(1)\n    return y",
    "x = n\n    try:\n        y = x\n    finally:\n        pass\n    return n",  # nothing is said of these
])
def test_a_value_that_something_may_read_is_left_alone(body):
    assert unread(f"def f(n):\n    {body}") == (frozenset(), [])


def test_loops_within_loops_come_to_an_end():
    body, indent = "", "    "
    for level in range(6):
        body += f"{indent}for v{level} in range(n):\n"
        indent += "    "
        body += f"{indent}x{level} = x{(level + 1) % 6}\n"
    start = "".join(f"    x{level} = {level}\n" for level in range(6))
    assert unread(f"def f(n):\n{start}{body}    return x0").lines == []
