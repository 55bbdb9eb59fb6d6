"""The filters on one candidate: each rejects its planted example and passes what it should."""

import random
from collections import Counter

import pytest

from cr_utils import candidates, constraints
from cr_utils.constraints import Cell, space
from cr_utils.fingerprints import committed, fingerprint

CELL = Cell(space().operations["str.upper"], "nested", 0)
OPTIONS = {"seed": 0, "constraints": True, "mutation": True, "max_steps": 24}
GOOD = "def f(s, n):\n    out = s.upper()\n    for i in range(n):\n        out += 'x'\n    return out"


def run(code, arguments="3", max_steps=24):
    return candidates.execute(code, arguments, CELL, max_steps)


def outcomes(split, n, **options):
    for i in range(n):
        yield from candidates.candidates(random.Random(f"0:{split}:{i}"), split, OPTIONS | options)


def test_a_good_program_passes_every_filter():
    assert not candidates.unused_argument(GOOD) and not candidates.dead_code(GOOD)
    found = run(GOOD, "'ab', 2")
    assert found.problem["output"] == "'ABxx'" and found.problem["difficulty"] == len(found.trace.lines) == 7
    assert found.problem["constraint"] == {"type": "str", "method": "upper", "setting": "nested", "depth": 0}


@pytest.mark.parametrize("code, unused", [
    ("def f(s, n):\n    return s", True),
    ("def f(s, sn):\n    return sn", True),  # a name inside another is no use of it
    ("def g(n):\n    return n\n\ndef f(n, s):\n    return g(n)", True),
    ("def f(s, n):\n    return s * n", False),
    ("def f():\n    return 1", False),
])
def test_an_unused_argument_is_found(code, unused):
    assert candidates.unused_argument(code) is unused


@pytest.mark.parametrize("body, dead", [
    ("x = n\n    y = 2\n    return x", True),
    ("x = n\n    x += 1\n    return n", True),
    ("for i in range(n):\n        x = i\n    return n", True),
    ("x = 0\n    for i in range(n):\n        x = i\n    return x", False),
    ("x = 0\n    while n > 0:\n        y = x\n        n -= 1\n        x = n\n    return y", False),
    ("for i in range(n):\n        n += 1\n    return n", False),  # a loop variable need not be read
    ("if n:\n        x = 1\n    else:\n        x = 2\n    return x", False),
])
def test_a_value_that_nothing_reads_is_found(body, dead):
    assert candidates.dead_code(f"def f(n):\n    {body}") is dead


def test_dead_code_is_found_in_a_helper_too():
    assert candidates.dead_code("def g(n):\n    x = n\n    return n\n\ndef f(n):\n    return g(n)")


def test_a_program_that_raises_is_rejected():
    assert run("def f(n):\n    return [1][n]") == "raises"
    assert run("def f(n):\n    return undefined") == "raises"


@pytest.mark.parametrize("code", [
    "def f(n):\n    for i in range(n * 10):\n        n += 1\n    return n",
    "def f(n):\n    while n > 0:\n        n += 1\n    return n",
])
def test_too_many_steps_are_rejected_even_without_an_end(code):
    assert run(code) == "too many steps"


def test_the_limit_of_steps_is_the_number_of_lines_run():
    assert run(GOOD, "'ab', 2", max_steps=7).problem and run(GOOD, "'ab', 2", max_steps=6) == "too many steps"


@pytest.mark.parametrize("value", ["'a' * 61", "list(range(40))", "99999", "set()", "float('inf')",
                                   "float('nan')", "range(3)", "frozenset([1])", "print", "10 ** 20"])
def test_outputs_that_are_no_small_literals_are_rejected(value):
    assert run(f"def f(n):\n    return ({value}, n)[0]") == "output not a small literal"


def test_a_program_of_another_split_is_rejected():
    code_of = {candidates.share(fingerprint(code)): code
               for code in (f"def f(s):\n    return s.upper(){'.lower()' * i}" for i in range(60))}
    assert set(code_of) == {"train", "validation", "heldout"}
    for split, code in code_of.items():
        for asked in ("train", "validation", "heldout"):
            reason = candidates.static_reason(code, fingerprint(code), asked, CELL)
            assert reason == (None if asked == split else "other split")


def test_the_shares_are_80_8_and_12_percent():
    counts = Counter(candidates.share(f"{i:016x}") for i in range(20_000))
    shares = {split: round(n / 20_000, 2) for split, n in counts.items()}
    assert shares == {"train": 0.8, "validation": 0.08, "heldout": 0.12}


def test_a_benchmark_program_is_rejected():
    known = next(p for p in sorted(committed()) if candidates.share(p) == "train")
    assert candidates.static_reason(GOOD, known, "train", CELL) == "benchmark program"
    unknown = next(f"{i:016x}" for i in range(99) if candidates.share(f"{i:016x}") == "train")
    assert candidates.static_reason(GOOD, unknown, "train", CELL) is None


def test_a_held_out_program_must_use_its_operation():
    print_ = next(f"{i:016x}" for i in range(99) if candidates.share(f"{i:016x}") == "heldout")
    cell = Cell(space().operations["str.swapcase"], "control", 1)
    assert candidates.static_reason(GOOD, print_, "heldout_ood", cell) == "operation missing"
    assert candidates.static_reason(GOOD.replace("upper", "swapcase"), print_, "heldout_ood", cell) is None


def test_problems_that_differ_in_names_only_have_one_key():
    def key(code, arguments="'ab'"):
        return candidates.normal_key({"code": code, "input": arguments}, fingerprint(code))
    assert key("def f(s):\n    return s + 'x'") == key("def f(word):\n    return word + 'x'")
    assert key("def f(s):\n    return s + 'x'") != key("def f(s):\n    return s + 'y'")
    assert key("def f(s):\n    return s + 'x'") != key("def f(s):\n    return s + 'x'", "'ac'")


@pytest.mark.parametrize("split", candidates.SPLITS)
def test_what_is_accepted_is_what_the_split_stands_for(split):
    made = [outcome for outcome in outcomes(split, 400) if not isinstance(outcome, str)]
    assert len(made) > 20
    ood = space().ood
    for problem in made:
        cell = problem["constraint"]
        held_out = f"{cell['type']}.{cell['method']}" in ood or cell["depth"] == constraints.MAX_DEPTH
        assert held_out is (split == "heldout_ood")
        assert candidates.share(problem["print"]) == split.removesuffix("_ood")
        assert problem["difficulty"] <= 24 and problem["split"] == split


def test_mutation_adds_a_second_input_in_training_and_is_always_on_elsewhere():
    def inputs(split, **options):
        made = [o["code"] for o in outcomes(split, 300, **options) if not isinstance(o, str)]
        return max(Counter(made).values())
    assert inputs("train") == 2 and inputs("train", mutation=False) == 1
    assert inputs("heldout", mutation=False) == 2
