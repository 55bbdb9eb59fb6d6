"""Questions: prompts, truth from a trace, seeded and balanced choice of places."""

import json
from types import SimpleNamespace

import pytest

from cr_utils import questions, trace

CODE = """def f(s, n):
    t = ''
    for i in range(n):
        if i > 5:
            t += 'x'
        t += s[i]
    return t"""
PROBLEM = {"id": "p1", "code": CODE, "entry_point": "f", "input": "'abc', 2", "output": "'ab'"}
TRACE = SimpleNamespace(
    complete=True, coverage={2, 3, 4, 6, 7}, output="'ab'", events=[],
    next_lines={2: [3], 3: [4, 4, 7], 4: [6, 6], 6: [3, 3], 7: [-1]},
    states={(2, "t"): [("str", "''")], (3, "i"): [("int", "0"), ("int", "1"), ("int", "1")],
            (6, "t"): [("str", "'a'"), ("str", "'ab'")]})


def tracer(code, entry_point, args):
    assert (code, entry_point, args) == (CODE, "f", "'abc', 2")
    return TRACE


@pytest.mark.parametrize("prompts", [questions.PROMPTS, questions.DIRECT_PROMPTS])
def test_an_instruction_is_one_sentence_per_task(prompts):
    assert tuple(prompts) == questions.TASKS
    assert len(set(prompts.values())) == len(prompts)
    for text in prompts.values():
        assert "\n" not in text and text.endswith(".") and text.count(". ") == 0
        assert "<answer></answer>" in text


def test_only_the_reasoning_form_asks_for_reasoning():
    assert all("<reasoning></reasoning>" in text for text in questions.PROMPTS.values())
    assert not any("reasoning" in text for text in questions.DIRECT_PROMPTS.values())


@pytest.mark.parametrize("task, line, var, asked", [
    ("output", None, None, "assert f('abc', 2) == ?"),
    ("input", None, None, "assert f(?) == 'ab'"),
    ("coverage", 5, None, "f('abc', 2)  # line 5: t += 'x'"),
    ("path", 4, None, "f('abc', 2)  # line 4: if i > 5:"),
    ("state", 6, "t", "f('abc', 2)  # t after line 6: t += s[i]"),
])
def test_a_prompt_is_code_then_query_then_instruction(task, line, var, asked):
    question = questions.at(PROBLEM, task, TRACE, line, var)
    assert question.prompt == f"{CODE}\n\n{asked}\n{questions.PROMPTS[task]}"
    direct = questions.at(PROBLEM, task, TRACE, line, var, direct=True)
    assert direct.prompt == f"{CODE}\n\n{asked}\n{questions.DIRECT_PROMPTS[task]}"


@pytest.mark.parametrize("task, line, var, truth", [
    ("output", None, None, ("'ab'",)),
    ("input", None, None, ()),
    ("coverage", 5, None, ("NO",)),
    ("coverage", 6, None, ("YES",)),
    ("path", 3, None, ("if i > 5:", "return t")),
    ("path", 7, None, ("-1",)),
    ("path", 5, None, ("-1",)),
    ("state", 6, "t", ("'a'; str", "'ab'; str")),
    ("state", 3, "i", ("0; int", "1; int")),
    ("state", 5, "t", ("Nil",)),
    ("state", 2, "i", ("Nil",)),
])
def test_truth(task, line, var, truth):
    assert questions.at(PROBLEM, task, TRACE, line, var).truth == truth


def test_ids_name_problem_task_line_and_variable():
    assert questions.at(PROBLEM, "output").id == "p1/output"
    assert questions.at(PROBLEM, "path", TRACE, 3).id == "p1/path/3"
    assert questions.at(PROBLEM, "state", TRACE, 6, "t").id == "p1/state/6/t"


def test_a_question_survives_json():
    question = questions.at(PROBLEM, "state", TRACE, 6, "t")
    assert questions.Question.from_dict(json.loads(json.dumps(question.to_dict()))) == question


def test_the_draw_depends_on_the_seed_alone():
    drawn = {seed: questions.build(PROBLEM, "state", TRACE, seed=seed) for seed in range(20)}
    assert all(questions.build(PROBLEM, "state", TRACE, seed=seed) == drawn[seed] for seed in drawn)
    assert len({question.id for question in drawn.values()}) > 3


@pytest.mark.parametrize("task", questions.TRACED)
@pytest.mark.parametrize("empty", [True, False])
def test_the_kind_of_answer_can_be_asked_for(task, empty):
    for seed in range(10):
        truth = questions.build(PROBLEM, task, TRACE, seed=seed, empty=empty).truth
        assert (truth == (questions.EMPTY_ANSWER[task],)) is empty


def test_a_program_without_the_kind_asked_for_gives_the_other_one():
    everything = SimpleNamespace(**{**vars(TRACE), "coverage": {2, 3, 4, 5, 6, 7}})
    assert questions.build(PROBLEM, "coverage", everything, empty=True).truth == ("YES",)


def test_a_covered_line_is_asked_where_a_condition_guards_it():
    asked = [questions.build(PROBLEM, "coverage", TRACE, seed=seed, empty=False) for seed in range(30)]
    assert {question.line for question in asked} == {4, 6}


def test_an_incomplete_trace_gives_no_question():
    cut = SimpleNamespace(**{**vars(TRACE), "complete": False})
    assert [questions.build(PROBLEM, task, cut) for task in questions.TRACED] == [None] * 3
    assert questions.build(PROBLEM, "output", cut) is not None


def test_values_that_are_no_short_literal_are_not_asked_about():
    odd = {key: [("generator", "<generator>")] for key in TRACE.states}
    long = {key: [("str", repr("x" * 500))] for key in TRACE.states}
    for states in (odd, long):
        trace = SimpleNamespace(**{**vars(TRACE), "states": states})
        assert questions.build(PROBLEM, "state", trace, empty=False).truth == ("Nil",)


def test_misuse_is_an_error():
    with pytest.raises(ValueError, match="unknown task"):
        questions.build(PROBLEM, "guess")
    with pytest.raises(ValueError, match="need a trace"):
        questions.build(PROBLEM, "path")


def test_lines_without_a_line_event_are_left_out():
    code = """import math
def g(a):
    'doc'
    global G
    while True:
        if a:
            pass
        elif a > 1:
            a -= 1
        else:
            return a
    x: int
    return 0
class C:
    def m(self):
        return 1
"""
    assert questions.statement_lines(code) == {6: True, 8: True, 9: True, 11: True, 13: False, 16: False}


def test_a_comprehension_variable_is_not_asked_about():
    code = "def f(a):\n    b = [c for c in a]\n    return b"
    assert questions._names(code) == {2: {"a": False, "b": True}, 3: {"a": False, "b": False}}


def test_many_balances_the_answers():
    problems = [{**PROBLEM, "id": f"p{number}"} for number in range(200)]
    for task in questions.TRACED:
        made = questions.many(problems, task, tracer=tracer)
        empty = sum(question.truth == (questions.EMPTY_ANSWER[task],) for question in made)
        assert abs(empty / 200 - questions.EMPTY_SHARE[task]) < 0.02


def test_many_stops_at_n_and_skips_the_impossible():
    problems = [{**PROBLEM, "id": f"p{number}"} for number in range(10)]
    cut = SimpleNamespace(**{**vars(TRACE), "complete": False})
    assert [one.problem_id for one in questions.many(problems, "output", n=3)] == ["p0", "p1", "p2"]
    assert questions.many(problems, "path", tracer=lambda *_: cut) == []


@pytest.mark.parametrize("task, line, var", [
    *(("coverage", line, None) for line in range(2, 8)), *(("path", line, None) for line in range(2, 8)),
    ("state", 2, "t"), ("state", 3, "i"), ("state", 6, "t"), ("state", 5, "t"),
])
def test_the_truth_of_a_real_trace(task, line, var):
    run = trace.trace_call(CODE, "f", PROBLEM["input"])
    assert questions.truth(task, PROBLEM, run, line, var) == questions.truth(task, PROBLEM, TRACE, line, var)


def test_a_variable_without_a_literal_is_never_taken_for_an_unset_one():
    code = "def f(a):\n    g = iter(a)\n    b = next(g)\n    return b"
    problem = {"id": "p2", "code": code, "entry_point": "f", "input": "[4]", "output": "4"}
    run = trace.trace_call(code, "f", "[4]")
    asked = [questions.build(problem, "state", run, seed=seed, empty=empty)
             for seed in range(20) for empty in (True, False)]
    assert {one.var for one in asked} == {"a", "b"}


def test_many_traces_by_itself():
    assert [one.problem_id for one in questions.many([PROBLEM], "path")] == ["p1"]
