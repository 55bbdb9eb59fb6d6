"""Expressions, one operation at a time: the value is Python's, every fact is true."""

import warnings

import pytest

from cr_utils.narrator import Narrator, Unsupported
from cr_utils.wording import settle

ENV = "s = 'abc'; xs = [3, 1, 2]; d = {'a': 1, 'b': 2}; t = (4, 5); u = {1, 2}; n = 3; z = 1.5"
EXPRESSIONS = [
    # arithmetic, comparison, logic
    "n + 1",
    "n - 4",
    "n * z",
    "n / 2",
    "n // 2",
    "n % 2",
    "n ** 2",
    "n | 4",
    "n & 1",
    "n ^ 1",
    "-n",
    "+n",
    "~n",
    "not n",
    "n < 4",
    "0 < n < 2 < 9",
    "1 < n <= 3",
    "n == 3 != 4",
    "'a' in s",
    "4 not in xs",
    "n is None",
    "n is not None",
    "n and s",
    "n > 5 and s[9]",
    "0 or s",
    "n or s[9]",
    "n > 1 and s == 'abc' or xs",
    "s if n > 2 else s[9]",
    "(1 if not n else 2) + 3",
    "s < 'b'",
    "xs == [3, 1, 2]",
    "u <= {1, 2, 3}",
    # containers, indexing, slices
    "[n, s, [n]]",
    "(n,)",
    "{n, 1}",
    "{s: n, 'k': [n]}",
    "xs[0]",
    "xs[-1]",
    "d['a']",
    "t[1]",
    "s[1:]",
    "s[:2]",
    "s[::-1]",
    "s[n - 2:n]",
    "xs[::2]",
    "xs[:]",
    "xs[n - 3]",
    "[[1, 2], [3]][1][0]",
    "u | {9}",
    "u & {1}",
    "u - {1}",
    # calls
    "len(s)",
    "sorted(xs)",
    "sorted(xs, reverse=True)",
    "max(xs)",
    "max(1, n)",
    "sum(xs)",
    "abs(-n)",
    "str(n) + s",
    "int('3')",
    "list(s)",
    "tuple(xs)",
    "set(xs)",
    "dict(d)",
    "range(n)",
    "list(range(1, n))",
    "enumerate(s)",
    "list(zip(s, xs))",
    "divmod(n, 2)",
    "round(z)",
    "bool(xs)",
    "reversed(xs)",
    "ord('a')",
    "chr(97)",
    "all(xs)",
    "s.upper()",
    "s.upper().lower().title()",
    "s.replace('a', 'b')",
    "'-'.join(list(s))",
    "s.split('b')",
    "d.get('z', 0)",
    "d.items()",
    "list(d.keys())",
    "sum(d.values())",
    "xs.count(1)",
    "xs.index(2)",
    "s.center(7, '*')",
    "s.startswith(('a', 'x'))",
    "u.union({7})",
    "frozenset(xs)",
    "g(n) + g(g(1))",
    "g(len(s))",
    "h()",
    # one step each
    "f'{s}{n:03d}{z!r}'",
    "[x * 2 for x in xs if x > 1]",
    "{c: n for c in s}",
    "{x % 2 for x in xs}",
    "sum(x for x in xs)",
    "any(x > 2 for x in xs)",
    "[n for n in xs]",
    "[[i * j for j in xs] for i in range(2)]",
    "''.join(c.upper() for c in s)",
    "sorted((c for c in s), reverse=True)",
    "[len(w) for w in s.split('b')]",
]
PROGRAM = f"def g(k):\n    return k + 1\n\ndef h():\n    return 'h'\n\ndef f():\n    {ENV}\n    return {{}}"


def told(expression):
    code = PROGRAM.replace("{}", expression)
    space = {}
    exec(code, space)
    narrator = Narrator(code)
    return narrator, narrator.call("f", []), space


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_value_is_pythons_and_every_fact_is_true(expression):
    narrator, value, space = told(expression)
    real = settle(space["f"]())
    assert value == real and type(value) is type(real)
    for left, right in narrator.facts:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `3 is None`
            assert settle(eval(left, dict(space))) == eval(right), (left, right)


def test_what_is_not_a_literal_is_stated():
    assert told("s.upper().lower()")[0].facts == [("'abc'.upper()", "'ABC'"), ("'ABC'.lower()", "'abc'")]
    assert told("n > 1 and n < 2")[0].facts == [("(3 > 1)", "True"), ("(3 < 2)", "False")]
    assert told("n")[0].facts == []


def test_what_is_not_evaluated_is_not_stated():
    assert told("n or s[9]")[0].facts == []
    assert len(told("9 < n < s[9]")[0].facts) == 1


@pytest.mark.parametrize(
    "expression",
    [
        "lambda: n",
        "(m := n)",
        "print(n)",
        "open('x')",
        "n.__class__",
        "s.__len__()",
        "().__class__.__bases__",
        "[*xs]",
        "sorted(*[xs])",
        "dict(**d)",
        "n @ n",
        "unknown",
        "s.format_nothing()",
        "[g(x) for x in xs]",
        "[unknown for x in xs]",
        "[x.__class__ for x in xs]",
        "g(k=n)",
        "[(y := x) for x in xs]",
        "eval('n')",
        "__import__('os')",
        "(lambda: 1)()",
        "s.real",
        "f(*t)",
        "g",
    ],
)
def test_what_it_does_not_know_is_unsupported_never_guessed(expression):
    with pytest.raises(Unsupported):
        told(expression)


@pytest.mark.parametrize(
    "expression, error",
    [
        ("xs[9]", IndexError),
        ("d['z']", KeyError),
        ("n / 0", ZeroDivisionError),
        ("n + s", TypeError),
        ("xs.index(9)", ValueError),
    ],
)
def test_the_programs_own_exceptions_pass(expression, error):
    with pytest.raises(error):
        told(expression)
