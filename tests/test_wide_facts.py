"""Facts about the operations of the wide space: right, of every kind, repeatable."""

import ast
import random

import pytest

from cr_utils import narrator
from cr_utils.wide import facts
from cr_utils.wide.space import space


def holds(text):
    """Whether a page of facts is true when it is run."""
    names: dict = {}
    for line in text.split("\n"):
        before, marked, after = line.partition("; ")
        if marked and " = " in after and "==" not in line.split("'")[0]:
            exec(before, {}, names)
            name, _, value = after.partition(" = ")
            assert narrator.show(names[name]) == value, line
        elif isinstance(ast.parse(line).body[0], ast.Assign):
            exec(line, {}, names)
        else:
            assert eval(line.removeprefix("assert ")), line
    return True


def test_facts_hold():
    assert all(holds(facts.page(random.Random(i), 30)) for i in range(20))
    assert holds("xs = [1]\nxs.append(2); xs = [1, 2]")
    with pytest.raises(AssertionError):
        holds("xs = [1]\nxs.append(2); xs = [1, 3]")
    with pytest.raises(AssertionError):
        holds("'a-b'.partition('-') == ('a', 'b')")


def test_nearly_every_operation_has_facts_the_held_out_ones_too():
    rng = random.Random(0)
    told = {op.key for op in space().operations.values()
            if any(facts.fact(rng, variant) for variant in op.variants if not variant.loop
                   for _ in range(25))}
    values = {op.key for op in space().operations.values()
              if any(not variant.loop for variant in op.variants)}
    assert len(told) > 0.95 * len(values) and space().ood & told


def test_a_page_depends_on_its_generator_alone():
    first, again, other = (facts.page(random.Random(seed), 12) for seed in (3, 3, 4))
    assert first == again != other
