"""The interpreter teacher: chains for all five tasks that the judge of models accepts."""

import random

import pytest

from cr_utils import answers, candidates, questions, teacher
from cr_utils.narrator import Unsupported
from cr_utils.sandbox import Sandbox
from cr_utils.trace import trace_call

OPTIONS = {"constraints": True, "mutation": True, "max_steps": 24}
CODE = "def f(s, n):\n    t = s * n\n    if n > 1:\n        t += '!'\n    return t"
PROBLEM = {"id": "p1", "code": CODE, "entry_point": "f", "input": "'ab', 2", "output": "'abab!'"}
SETS = {"id": "p2", "code": "def f(xs):\n    return set(xs)", "entry_point": "f", "input": "[10, 9, 2]",
        "output": "{10, 2, 9}"}


def ask(problem, task, **options):
    trace = trace_call(problem["code"], problem["entry_point"], problem["input"])
    return questions.build(problem, task, trace, **options)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as open_one:
        yield open_one


@pytest.fixture(scope="module")
def problems():
    found = (outcome for i in range(250) for outcome in
             candidates.candidates(random.Random(f"teach:{i}"), "train", OPTIONS))
    return [problem for problem in found if not isinstance(problem, str)]


@pytest.mark.parametrize("task", questions.TASKS)
def test_every_chain_is_judged_right_and_in_the_strict_format(task, problems, sandbox):
    asked = [q for q in (ask(problem, task, seed=1) for problem in problems) if q]
    told = [teacher.narrate(q) for q in asked]
    assert len(asked) > 100
    for judged, text in zip(answers.judge_many(asked, told, sandbox=sandbox), told, strict=True):
        assert judged.passed, (judged, text)
        assert answers.extract(text).strict


@pytest.mark.parametrize("task", questions.TASKS)
def test_every_direct_answer_is_judged_right(task, problems, sandbox):
    asked = [q for q in (ask(problem, task, direct=True, seed=2) for problem in problems[:100]) if q]
    told = [teacher.direct(q) for q in asked]
    assert all(judged.passed for judged in answers.judge_many(asked, told, sandbox=sandbox))
    assert all(answers.extract(text, direct=True).strict for text in told)


def test_walking_gives_the_lines_and_the_value():
    lines, value = teacher.walk(CODE, "f", "'ab', 2")
    assert value == "'abab!'" and len(lines) >= 4 and any("'ab' * 2 == 'abab'" in line for line in lines)


def test_a_failed_input_is_told_before_the_right_one():
    text = teacher.narrate(ask(PROBLEM, "input"), ("'ab', 1",))
    first, second = text.index("try f('ab', 1)"), text.index("try f('ab', 2)")
    assert first < text.index("no match") < second < text.rindex(": match")
    assert text.endswith("<answer>f('ab', 2)</answer>")


def test_sets_match_in_any_order():
    question = questions.at(SETS, "input")
    assert "no match" not in teacher.narrate(question) and "{2, 9, 10}" in teacher.narrate(question)
    assert "no match" in teacher.narrate(question, ("[1]",))


@pytest.mark.parametrize("value, output, same", [
    ("{2, 10}", "{10, 2}", True), ("[1, 2]", "[1, 2]", True), ("1", "1.0", False), ("True", "1", False),
    ("'a'", "'b'", False), ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}", True),
])
def test_values_agree_by_value_and_type(value, output, same):
    assert teacher.agrees(value, output) is same


@pytest.mark.parametrize("task", questions.TASKS)
def test_steps_that_arrive_elsewhere_are_no_chain_whatever_the_answer(task, monkeypatch):
    question = ask(PROBLEM, task)
    walk = teacher.walk
    monkeypatch.setattr(teacher, "walk", lambda *args: (walk(*args)[0], "'abab?'"))
    with pytest.raises(Unsupported, match="another value"):
        teacher.narrate(question)


def test_keyword_arguments_are_unsupported():
    with pytest.raises(Unsupported):
        teacher.walk("def f(n):\n    return n", "f", "n=1")


def test_the_exception_of_a_program_passes():
    with pytest.raises(IndexError):
        teacher.walk("def f(xs):\n    return xs[3]", "f", "[1]")


def test_results_are_the_shorter_style_of_the_same_lines():
    code = ("def f(s, xs):\n    t = s.upper() + 'x'\n    for x in xs:\n        t += str(x)\n"
            "    xs.append(len(t))\n    return t, xs")
    question = questions.build({**PROBLEM, "code": code, "input": "'ab', [1]", "output": "('ABx1', [1, 4])"},
                               "output")
    facts, results = teacher.narrations(question)
    assert results == teacher.narrate(question, style="results")
    assert results == """<reasoning>
def f(s, xs):  # s = 'ab', xs = [1]
t = s.upper() + 'x'  # t = 'ABx'
for x in xs:  # [1]
for x in xs:  # [0] x = 1
t += str(x)  # t = 'ABx1'
for x in xs:  # end
xs.append(len(t))  # xs = [1, 4]
return t, xs  # ('ABx1', [1, 4])
</reasoning>
<answer>('ABx1', [1, 4])</answer>"""
    shown = [[line.split("  # ")[0] for line in text.split("\n")[1:-2]] for text in (facts, results)]
    assert shown[0] == shown[1] and "'ab'.upper() == 'AB'; 'AB' + 'x' == 'ABx'" in facts
