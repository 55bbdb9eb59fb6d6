"""The filters on one candidate: each rejects its planted example and passes what it should."""

import random
import tracemalloc
from collections import Counter

import pytest

from cr_utils import candidates, constraints, literals
from cr_utils.constraints import Cell, space
from cr_utils.fingerprints import committed, fingerprint

CELL = Cell(space().operations["str.upper"], "nested", 0)
LOOP = Cell(CELL.operation, "control", 1)
TYPES = ["str", "int"]
OPTIONS = {"seed": 0, "constraints": True, "mutation": True, "max_steps": 24}
GOOD = "def f(s, n):\n    out = s.upper()\n    for i in range(n):\n        out += 'x'\n    return out"


def run(code, arguments="3", max_steps=24):
    return candidates.execute(code, arguments, CELL, max_steps)


def outcomes(split, n, **options):
    for i in range(n):
        yield from candidates.candidates(random.Random(f"0:{split}:{i}"), split, OPTIONS | options)


def unrelated(split):
    """A fingerprint of no program, of the split's share."""
    return next(f"{i:016x}" for i in range(999) if candidates.share(f"{i:016x}") == split)


def static(code, cell=LOOP, types=TYPES, split="train"):
    return candidates.static_reason(code, unrelated(split.removesuffix("_ood")), split, cell, types)


def test_a_good_program_passes_every_filter():
    assert static(GOOD) is None
    found = run(GOOD, "'ab', 2")
    assert found.problem["output"] == "'ABxx'" and found.problem["difficulty"] == len(found.trace.lines) == 7
    assert found.problem["constraint"] == {"type": "str", "method": "upper", "setting": "nested", "depth": 0}


@pytest.mark.parametrize("code, reason", [
    ("def f(s, n):\n    x = 0\n    for i in range(n):\n        x += 1\n    return s.upper()", "dead code"),
    ("def f(s, n):\n    x = 1\n    for i in range(n):\n        s = s.upper()\n    x = len(s)\n    return x",
     "dead code"),
    ("def f(s, n):\n    for c in s:\n        n += 1\n    return s.upper()", "unused argument"),
    ("def f(s, n):\n    for c in s:\n        s = c.upper()\n    return s", "unused argument"),
    ("def f(s, n):\n    n = 1\n    if s:\n        n = len(s.upper())\n    return n", "unused argument"),
    ("def f(s, n):\n    if n > 2:\n        s = s.upper()\n    s += s * 1\n    return s", "idle operation"),
    ("def f(s, n):\n    if n > 2:\n        if s:\n            s = s.upper()\n    return s", "wrong depth"),
    ("def f(s, n):\n    return s.upper() * n", "wrong depth"),
    ("def f(s, n):\n    if n > 2:\n        s += '.upper()'\n    return s", "operation missing"),
    ("def f(s, n):\n    upper = n\n    if n > 2:\n        upper += 1\n    return s * upper",
     "operation missing"),
    ("def g(s):\n    s = 'a'\n    return s\n\n"
     "def f(s, n):\n    if n > 2:\n        s = g(s.upper())\n    return s", "dead code"),
])
def test_each_static_filter_rejects_its_example(code, reason):
    assert static(code) == reason


@pytest.mark.parametrize("split", candidates.SPLITS)
def test_depth_and_operation_are_asked_of_every_split(split):
    assert static(GOOD, split=split) is None
    assert static(GOOD, CELL, split=split) == "wrong depth"
    assert static(GOOD.replace("upper", "lower"), split=split) == "operation missing"


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


@pytest.mark.parametrize("value", ["'12345678'", "'nan'", "'inf set( range( <'", "{1, 2}", "-9999", "0.5",
                                   "None", "[1.25, {'set(': ('<', True)}]"])
def test_small_values_pass_whatever_their_strings_say(value):
    assert candidates.small_literal(literals.canonical(literals.parse(value)))


@pytest.mark.parametrize("text", ["10000", "-10000", "0.33333", "1e+16", "nan", "[inf]", "[set()]",
                                  "{1: 12345}", "frozenset({1})", "range(3)", "b'a'", "1j", "...", "<object>",
                                  "[1"])
def test_what_is_no_small_value_is_told_by_its_value(text):
    assert not candidates.small_literal(text)


@pytest.mark.parametrize("body, ignored", [("return s.upper()[:0] + 'a'", True), ("return s.upper()", False)])
def test_an_output_that_is_the_same_for_every_input_is_rejected(monkeypatch, body, ignored):
    monkeypatch.setattr(candidates.grammar, "program", lambda *_, **__: (f"def f(s):\n    {body}\n", ["str"]))
    monkeypatch.setattr(candidates, "static_reason", lambda *_: None)
    for mutation in (True, False):
        made = list(outcomes("train", 5, mutation=mutation))
        assert len(made) == (10 if mutation else 5)
        assert all((outcome == "output ignores the input") is ignored for outcome in made)


def test_an_error_is_no_other_output():
    code = "def f(n):\n    return [7][n]"
    assert not candidates.differs(code, "3", {"7"}) and candidates.differs(code, "0", {"8"})
    assert not candidates.differs(code, "0", {"7"})


def test_a_program_of_another_split_is_rejected():
    code_of = {candidates.share(fingerprint(code)): code
               for code in (f"def f(s):\n    return s.upper(){' + s' * i}" for i in range(60))}
    assert set(code_of) == {"train", "validation", "heldout"}
    for split, code in code_of.items():
        for asked in ("train", "validation", "heldout"):
            reason = candidates.static_reason(code, fingerprint(code), asked, CELL, ["str"])
            assert reason == (None if asked == split else "other split")


def test_the_shares_are_80_8_and_12_percent():
    counts = Counter(candidates.share(f"{i:016x}") for i in range(20_000))
    shares = {split: round(n / 20_000, 2) for split, n in counts.items()}
    assert shares == {"train": 0.8, "validation": 0.08, "heldout": 0.12}


def test_a_benchmark_program_is_rejected():
    known = next(p for p in sorted(committed()) if candidates.share(p) == "train")
    assert candidates.static_reason(GOOD, known, "train", LOOP, TYPES) == "benchmark program"
    assert candidates.static_reason(GOOD, unrelated("train"), "train", LOOP, TYPES) is None


def test_a_held_out_program_must_use_its_operation():
    cell = Cell(space().operations["str.swapcase"], "control", 1)
    assert static(GOOD, cell, split="heldout_ood") == "operation missing"
    assert static(GOOD.replace("upper", "swapcase"), cell, split="heldout_ood") is None


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


DOUBLING = "def f(word, xs):\n    out = 'dab'\n    for x in xs:\n        for i in range(7):\n" \
           "            out = 'd'.join(out)\n            out += word\n    return out"
INSIDE = "def f(s, n):\n    out = s.upper()\n    return len([c for c in out * 40 for i in range(n)])"


def test_a_run_that_is_too_long_ends_before_it_fills_the_memory():
    tracemalloc.start()
    try:
        assert run(DOUBLING, "'w', [4, 5, 9]") == "too many steps"
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def test_lines_inside_comprehensions_are_no_steps():
    found = run(INSIDE, "'ab', 3", max_steps=16)
    assert found.problem["output"] == "240" and found.trace.complete and len(found.trace.lines) == 2
