"""The narrator against real runs: thousands of generated programs, and every statement by hand."""

import random
import textwrap
from pathlib import Path

import pytest

from cr_utils import candidates, constraints, grammar, literals
from cr_utils.narrator import Narrator, TooLong, Unsupported, show
from cr_utils.teacher import arguments
from cr_utils.trace import trace_call
from cr_utils.wording import settle

BODIES = {}
for part in (Path(__file__).parent / "fixtures" / "statements.txt").read_text().split("\n## ")[1:]:
    title, _, lines = part.strip().partition("\n")
    BODIES[title] = textwrap.indent(lines, "    ")
HELPERS = """def g(k):
    return k * 2

def h(ys, v):
    ys.append(v)

def r(k):
    if k <= 0:
        return 'end'
    return 'x' + r(k - 1)

"""


def generated(n, seed):
    """(code, argument text, trace) of grammar programs of all kinds that run."""
    for i in range(n):
        rng = random.Random(f"{seed}:{i}")
        cell = constraints.sample_cell(rng, ood=i % 4 == 0)
        code, types = grammar.program(rng, cell)
        text = grammar.arguments(rng, types, i % 2 == 0)
        found = candidates.execute(code.rstrip("\n"), text, cell, 60)
        if not isinstance(found, str):
            yield found.problem["code"], text, found.trace


def test_thousands_of_generated_programs_give_the_real_value():
    checked = 0
    for code, text, trace in generated(3000, "narrator"):
        try:
            value = Narrator(code).call("f", arguments(text))
        except TooLong:
            continue
        assert literals.equal(value, literals.parse(trace.output), "strict"), code
        checked += 1
    assert checked > 2000


def test_the_facts_of_generated_programs_are_true():
    facts = 0
    for code, text, _ in generated(400, "facts"):
        narrator, space = Narrator(code), {}
        exec(code, space)
        narrator.call("f", arguments(text))
        for left, right in narrator.facts:
            assert settle(eval(left, dict(space))) == eval(right), (left, right)
            facts += 1
    assert facts > 1000


def without_repeats(lines):
    return [line for at, line in enumerate(lines) if at == 0 or line != lines[at - 1]]


def test_the_steps_are_the_lines_that_ran_in_their_order():
    checked = 0
    for code, text, trace in generated(500, "steps"):
        if "def g" in code:
            continue
        narrator = Narrator(code)
        narrator.call("f", arguments(text))
        source = [line.strip() for line in code.split("\n")]
        told = [line.split("  # ")[0] for line in narrator.lines]
        assert told[0] == source[0]
        assert without_repeats(told[1:]) == without_repeats([source[n - 1] for n in trace.lines]), code
        checked += 1
    assert checked > 250


@pytest.mark.parametrize("name", BODIES)
def test_a_program_by_hand_gives_the_real_value(name):
    code = f"{HELPERS}def f(s, n, xs):\n{BODIES[name]}"
    text = "'abc', 3, [1, 2, 3]"
    value = Narrator(code).call("f", arguments(text))
    assert show(value) == trace_call(code, "f", text).output


@pytest.mark.parametrize(
    "body",
    [
        "import math\n    return n",
        "class A:\n        pass\n    return n",
        "def inner():\n        return 1\n    return inner()",
        "try:\n        return n\n    except ValueError:\n        return 1",
        "with n:\n        return 1",
        "assert n\n    return n",
        "raise ValueError",
        "global k\n    k = 1\n    return k",
        "yield n",
        "return math.sqrt(n)",
        "n: int = 3\n    return n",
        "del n\n    return 1",
        "xs.name = 3\n    return n",
        "return await_(n)",
        "for xs[0] in [1, 2]:\n        n += 1\n    return n",
        "return lambda: n",
        "match n:\n        case 3:\n            return 1",
        "return g(k=n)",
        "return d2(n)",
        "return star(n)",
        "return deco(n)",
    ],
)
def test_what_it_does_not_know_is_unsupported(body):
    helpers = "def d2(a, b=2):\n    return b\n\ndef star(*a):\n    return a\n\n"
    helpers += "@list\ndef deco(a):\n    return a\n\n"
    with pytest.raises(Unsupported):
        Narrator(f"{HELPERS}{helpers}def f(s, n, xs):\n    {body}").call("f", ["abc", 3, [1, 2, 3]])


@pytest.mark.parametrize(
    "body",
    [
        "while True:\n        n += 1",
        "for x in xs:\n        xs.append(x)",
        "return r(99)",
        "while True:\n        pass",
        "while n:\n        continue",
    ],
)
def test_a_program_without_end_is_too_long(body):
    with pytest.raises(TooLong):
        Narrator(f"{HELPERS}def f(s, n, xs):\n    {body}").call("f", ["abc", 3, [1, 2, 3]])


def test_the_limit_of_lines_is_kept():
    code = "def f(n):\n    n += 1\n    return n"
    narrator = Narrator(code, max_lines=3)
    assert narrator.call("f", [1]) == 2 and len(narrator.lines) == 3
    with pytest.raises(TooLong):
        Narrator(code, max_lines=2).call("f", [1])


def test_a_call_of_what_is_not_there_is_unsupported():
    with pytest.raises(Unsupported):
        Narrator("def f(n):\n    return n").call("g", [1])
    with pytest.raises(Unsupported):
        Narrator("def f(n):\n    return n").call("f", [1, 2])


def test_the_same_call_is_told_in_the_same_words():
    code, text, _ = next(generated(50, "same"))
    first, second = Narrator(code), Narrator(code)
    first.call("f", arguments(text))
    second.call("f", arguments(text))
    assert first.lines == second.lines and first.lines


@pytest.mark.parametrize(("body", "value"), [
    ("a, *b = xs\n    return b", [2, 3]),
    ("*a, b = xs\n    return a, b", ([1, 2], 3)),
    ("n <<= 2\n    return n", 12),
    ("return n << 2, n >> 1", (12, 1)),
    ("return list(map(str, xs))", ["1", "2", "3"]),
    ("return {**{'a': n}, 'b': 2}", {"a": 3, "b": 2}),
    ("return sorted([s, ''], key=len)", ["", "abc"]),
    ("ys = [s, '']\n    ys.sort(key=len)\n    return ys", ["", "abc"]),
    ("d = {'x': 1, 'y': 5}\n    return max(d, key=d.get)", "y"),
    ("return ''.join(filter(str.isalpha, s)), bin(n), pow(n, 2)", ("abc", "0b11", 9)),
])
def test_functions_handed_on_shifts_and_starred_targets_give_what_python_gives(body, value):
    code = f"def f(s, n, xs):\n    {body}"
    narrator = Narrator(code)
    assert narrator.call("f", ["abc", 3, [1, 2, 3]]) == value
    assert all(settle(eval(left)) == eval(right) for left, right in narrator.facts if "d.get" not in left)


def test_too_few_values_for_a_starred_target_are_the_programs_own_error():
    with pytest.raises(ValueError, match="not enough values"):
        Narrator("def f(xs):\n    a, b, *c = xs\n    return c").call("f", [[1]])
