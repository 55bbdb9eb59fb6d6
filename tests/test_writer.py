"""Names, expressions and their parentheses."""

import ast
import random

import pytest

from cr_utils import writer
from cr_utils.constraints import TYPES, Operation, space

PYTHON = {"str": str, "int": int, "list": list, "slist": list, "dict": dict, "tuple": tuple, "set": set,
          "float": float, "bool": bool}
VALUES = {"str": "abcdefgh", "int": 3, "list": [1, 2, 3, 4, 5, 6, 7, 8], "slist": ["a", "b", "c"],
          "dict": dict.fromkeys("abcdefghij,- 12AB", 1), "tuple": (1, 2, 3, 4), "set": {1, 2}, "float": 1.5,
          "bool": True}


def with_variables(seed):
    w = writer.Writer(random.Random(seed), space().pool())
    env = {w.fresh(type_): VALUES[type_] for type_ in TYPES for _ in range(2)}
    return w, env


@pytest.mark.parametrize("type_", TYPES)
def test_an_expression_has_the_type_asked_for(type_):
    ran = 0
    for seed in range(150):
        w, env = with_variables(seed)
        try:
            value = eval(w.expression(type_, 2), dict(env))
        except (ValueError, LookupError):  # such as xs.index(9)
            continue
        assert type(value) is PYTHON[type_] or (type_, type(value)) == ("int", float)
        ran += 1
    assert ran > 75


def test_a_nested_operation_keeps_its_meaning():
    """What fills a hole is one operand of the tree that is read back."""
    product = Operation("int", "mul", "{int} * {n}", "int")
    for seed in range(200):
        w = writer.Writer(random.Random(seed), [Operation("int", "add", "{int} + {int}", "int")])
        w.fresh("int")
        tree = ast.parse(w.apply(product, 1)[0], mode="eval").body
        assert isinstance(tree.op, ast.Mult) and isinstance(tree.right, ast.Constant)


@pytest.mark.parametrize("template, tight", [
    ("{str}.upper()", True), ("len({str})", True), ("{str}[{idx}]", True), ("{str} + {str}", False),
    ("not {bool}", False), ("{pre} in {str}", False), ("sorted({set} | {set})", True),
    ("{int} % 2 == 0", False),
])
def test_only_calls_and_indices_bind_as_tightly_as_names(template, tight):
    assert writer.is_tight(template) is tight


def test_names_are_never_given_twice():
    w = writer.Writer(random.Random(0), space().pool())
    names = [w.fresh(type_) for type_ in TYPES for _ in range(12)] + [w.fresh_loop("i") for _ in range(5)]
    assert len(set(names)) == len(names)


def test_what_nothing_has_read_is_read_first():
    for seed in range(50):
        w = writer.Writer(random.Random(seed), space().pool())
        names = w.parameters(["int", "int", "int"])
        assert {w.variable("int") for _ in range(3)} == set(names)
        assert w.variable("str") is None
