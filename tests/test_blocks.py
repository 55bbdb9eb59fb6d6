"""Statements and blocks: loops end, accumulators grow slowly, conditions depend on something."""

import random

import pytest

from cr_utils import blocks
from cr_utils.constraints import space
from cr_utils.writer import Writer


def writer(seed, *types):
    w = Writer(random.Random(seed), space().pool())
    w.parameters(list(types))
    return w


@pytest.mark.parametrize("line, explodes", [
    ("s += s", True), ("s = s + s + s", True), ("s *= 2", False), ("xs += xs * 2", True), ("n = n * 3", True),
    ("s += 'a'", False), ("s = s + 'a'", False), ("xs.append(1)", False), ("xs.append(xs[0])", True),
])
def test_a_statement_that_multiplies_is_recognised(line, explodes):
    assert blocks.multiplies(line, "n" if line.startswith("n") else line[:2].strip(" .")) is explodes


@pytest.mark.parametrize("type_", ["str", "list", "slist", "int"])
def test_inside_a_loop_no_update_multiplies(type_):
    for seed in range(400):
        w = writer(seed, type_, "int", "str")
        w.in_loop = "for"
        name = w.scope[type_][0]
        blocks.update(w, name, type_, w.rng.choice(space().pool()))
        for line in w.lines:
            assert f"{name} = {name}[:3]" in line or not blocks.multiplies(line, name)


def test_a_condition_reads_a_variable_and_never_compares_one_with_itself():
    constant = same = 0
    for seed in range(500):
        w = writer(seed, "int", "str", "list")
        text = blocks.condition(w, None)
        constant += not w.visible() & set(blocks.WORD.findall(text))
        same += bool(blocks.SELF_TEST.search(text))
    assert constant <= 5 and same <= 5  # each is drawn anew up to five times


def test_a_loop_never_runs_over_its_accumulator():
    for seed in range(300):
        w = writer(seed, "list", "list")
        res = w.scope["list"][0]
        blocks.loop_header(w, res)
        assert f"in {res}:" not in w.lines[-1] and f"({res})" not in w.lines[-1]


def test_a_bare_variable_of_a_mutable_type_is_copied():
    assert blocks.copied("xs", "list") == "list(xs)"
    assert blocks.copied("ws", "slist") == "list(ws)"
    assert blocks.copied("xs[1:]", "list") == "xs[1:]"
    assert blocks.copied("s", "str") == "s"
