"""Facts and single steps: all true, over the whole space, and never a chain."""

import random

import pytest

from cr_utils import facts
from cr_utils.constraints import space

STEPS = "def f(s, n):\n    t = s.upper()\n    for i in range(n):\n        t += 'x'\n    return t"


def holds(line):
    """Whether a fact is true, by running it; True also for what it leaves out (no `assert`)."""
    if line.startswith("assert "):
        exec(line)
        return True
    if "\n" in line:  # name = before / change; name = after
        before, change = line.split("\n")
        statement, _, after = change.rpartition("; ")
        env = {}
        exec(before, env)
        exec(statement, env)
        name, _, value = after.partition(" = ")
        return env[name] == eval(value)
    return eval(line) is True


@pytest.mark.parametrize("key", space().operations)
def test_facts_of_every_operation_are_true(key):
    op, rng = space().operations[key], random.Random(key)
    lines = [line for line in (facts.fact(rng, op) for _ in range(40)) if line]
    assert len(lines) >= 5
    for line in lines:
        assert len(line) <= facts.MAX_TEXT and holds(line), line


def test_a_false_fact_would_be_noticed():
    assert not holds("'a'.upper() == 'B'")
    assert not holds("xs = [1]\nxs.append(2); xs = [1, 3]")
    with pytest.raises(AssertionError):
        holds("assert 'a'.upper() == 'B'")


def test_a_page_holds_as_many_facts_as_asked_for():
    text = facts.page(random.Random(0), 12)
    assert text.count("==") + text.count(";") >= 12
    assert facts.page(random.Random(0), 12) == text != facts.page(random.Random(1), 12)


def test_the_held_out_operations_are_among_the_facts():
    text = "\n".join(facts.page(random.Random(i), 20) for i in range(40))
    for word in (".swapcase(", ".rfind(", ".setdefault(", ".extend("):
        assert word in text


def test_single_steps_stand_after_the_values_they_need_and_never_in_a_row():
    page = facts.single_steps(random.Random(0), STEPS, ["ab", 2], 2)
    code, *steps = page.split("\n\n")
    assert code == STEPS and len(steps) == 2
    for step in steps:
        values, line = step.split("\n")
        assert values.startswith("s = 'ab', n = 2")
        assert line.split("  # ")[0] in [text.strip() for text in STEPS.split("\n")]


def test_a_program_without_so_many_steps_gives_none():
    assert facts.single_steps(random.Random(0), "def f(n):\n    return n", [1], 2) is None
    assert facts.single_steps(random.Random(0), "def f(n):\n    return 1 // n", [0], 1) is None
    assert facts.single_steps(random.Random(0), "def f(n):\n    import os", [0], 1) is None
