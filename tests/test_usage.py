"""Operations found in programs: by their tree and the types of what they work on, never by text."""

import ast
import random

import pytest

from cr_utils import constraints, grammar, usage, writer
from cr_utils.constraints import space


def found(body, *types, key):
    names = "stu"[:len(types)]
    return usage.uses(ast.parse(f"def f({', '.join(names)}):\n    {body}"), types, space().operations[key])


@pytest.mark.parametrize("body, type_, key", [
    ("return s.upper()", "str", "str.upper"),
    ("return s.replace('a', 'b')", "str", "str.replace"),
    ("s.pop(1)\n    return s", "list", "list.pop_at"),
    ("del s['a']\n    return s", "dict", "dict.delitem"),
    ("return s[1:3]", "str", "str.slice_mid"),
    ("return s[::2]", "str", "str.slice_step"),
    ("return s[::2]", "list", "list.slice_step"),
    ("return 'a' in s", "dict", "dict.contains"),
    ("return 'a' in s", "str", "str.contains"),
    ("return 3 in s", "list", "list.contains"),
    ("x = len(s)\n    return x % 2 == 1", "str", "int.odd"),
    ("for k, v in s.items():\n        v = v + 1\n    return v", "dict", "int.add"),
    ("for i, c in enumerate(s):\n        s = s.replace('a', c + 'b')\n    return s", "str", "str.concat"),
    ("x = []\n    for c in s:\n        x.append(c)\n    return x[::-1]", "str", "list.words_reversed"),
    ("x = []\n    x.reverse()\n    return x", "str", "list.reverse"),  # an empty list may be of any type
    ("del s[2]\n    return s", "list", "list.delitem"),
    ("s['a'] = 1\n    return s", "dict", "dict.setitem"),
    ("return sorted(s | {1, 2})", "set", "set.union"),
    ("return -s // 2", "int", "int.floordiv"),
    ("return list(range(1, 6, 2))", "int", "list.from_range_step"),
])
def test_an_operation_is_found(body, type_, key):
    assert found(body, type_, key=key)


@pytest.mark.parametrize("body, type_, key", [
    ("return '.upper()' + s", "str", "str.upper"),
    ("upper = s\n    return upper", "str", "str.upper"),
    ("s += 'a'\n    return s", "str", "str.concat"),
    ("return s + 1", "int", "str.concat"),
    ("return s[::2]", "str", "list.slice_step"),
    ("return 'a' in s", "str", "dict.contains"),
    ("return 'abc' in s", "str", "str.contains"),  # its hole takes one or two characters
    ("return s[-1]", "tuple", "list.last"),
    ("s.pop()\n    return s", "list", "list.pop_at"),
    ("return s.strip('a')", "str", "str.replace"),
    ("return s[5]", "list", "list.getitem"),
    ("s[1] = 2\n    return s", "list", "list.getitem"),
    ("del s[1]\n    return s", "list", "list.getitem"),
    ("return sum(s.values())", "dict", "list.sum"),
])
def test_what_only_looks_like_an_operation_is_not_found(body, type_, key):
    assert not found(body, type_, key=key)


def test_types_pass_through_a_helper():
    code = "def g(x):\n    return x.split('a')\n\ndef f(s):\n    w = g(s[1:])\n    return w[0] + 'a'"
    tree = ast.parse(code)
    assert usage.operations(tree, ["str"]) == {
        "str.split", "str.slice_from", "list.words_getitem", "str.concat"}


def test_what_the_writer_applied_is_what_is_found(monkeypatch):
    """Fewer only where a try was thrown away; more only where the grammar writes a form itself."""
    applied, whole = set(), writer.Writer.apply
    monkeypatch.setattr(writer.Writer, "apply",
                        lambda self, op, *a, **k: applied.add(op.key) or whole(self, op, *a, **k))
    own_forms = {"list.append", "list.words_append", "dict.setitem", "set.add",
                 "bool.not", "bool.and", "bool.or"}
    tests = {op.key for op in space().operations.values() if op.result == "bool" and op.type == "int"}
    for i in range(400):
        applied.clear()
        rng = random.Random(i)
        code, types = grammar.program(rng, constraints.sample_cell(rng, ood=i % 2 == 0))
        assert usage.operations(ast.parse(code), types) <= applied | own_forms | tests, code
