"""The styles in words, prose and states: right answers in every task, and no claim that the run does not bear
out.
"""

import random
import re

import pytest
import stated

from cr_utils import (
    answers,
    candidates,
    distill,
    events,
    paths,
    questions,
    rewriting,
    synopsis,
    synthesis,
    teacher,
    turns,
    voices,
)
from cr_utils.narrator import TooLong, Unsupported
from cr_utils.sandbox import Sandbox
from cr_utils.schema import STEPS, STYLES
from cr_utils.trace import trace_call

NEW = [style for style in STYLES if style not in STEPS]
OPTIONS = {"constraints": True, "mutation": True, "max_steps": 40}
LOOP = ("def f(n, s):\n    total = 0\n    for i in range(n):\n        total += i\n        if i == 7:\n"
        "            s += '!'\n    while total > 30:\n        total -= 5\n    return s, total")


def made(code, text):
    trace = trace_call(code, "f", text)
    return {"id": "p", "code": code, "entry_point": "f", "input": text, "output": trace.output}, trace


@pytest.fixture(scope="module")
def problems():
    found = (outcome for i in range(320) for outcome in
             candidates.candidates(random.Random(f"voices:{i}"), "train", OPTIONS))
    return [(one, trace_call(one["code"], one["entry_point"], one["input"])) for one in found
            if not isinstance(one, str)]


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as open_one:
        yield open_one


def body(text):
    return text.partition("<reasoning>\n")[2].partition("\n</reasoning>")[0]


def outputs(problems, style, seed=0):
    """(chain, trace) of output questions."""
    for problem, trace in problems:
        try:
            yield teacher.narrate(questions.build(problem, "output"), style=style, seed=seed), trace
        except (TooLong, Unsupported):
            continue


def fault(text, trace, style):
    """What the checkers find in a chain's reasoning."""
    return stated.violation(body(text), trace, style == "monologue") or (
        style == "scratchpad" and stated.wrong_state(body(text), trace)) or None


@pytest.mark.parametrize("style", NEW)
@pytest.mark.parametrize("task", questions.TASKS)
def test_chains_of_every_task_are_judged_right_and_in_the_strict_format(task, style, problems, sandbox):
    asked = [q for q in (questions.build(problem, task, trace, seed=1) for problem, trace in problems[:150])
             if q]
    told = [teacher.narrate(q, style=style) for q in asked]
    assert len(asked) > 100
    for judged, text in zip(answers.judge_many(asked, told, sandbox=sandbox), told, strict=True):
        assert judged.passed and answers.extract(text).strict, (judged, text)


@pytest.mark.parametrize("style", NEW)
def test_every_value_that_is_stated_is_the_runs(style, problems):
    checked = claims = 0
    for text, trace in outputs(problems, style, seed=3):
        assert fault(text, trace, style) is None, (fault(text, trace, style), text)
        claims += len(stated.claims(body(text), style == "monologue"))
        checked += 1
    assert checked > 300 and claims > 5 * checked, (checked, claims)


@pytest.fixture(scope="module")
def natural():
    """Problems of the wide grammar with their traces."""
    sizes = {split: 250 if split == "train" else 0 for split in synthesis.SPLITS}
    rows, _ = synthesis.synthesize(sizes, OPTIONS | {"seed": 11, "grammar": "wide"}, 1)
    return [(one, trace_call(one["code"], one["entry_point"], one["input"])) for one in rows]


@pytest.mark.parametrize("style", NEW)
def test_every_value_that_is_stated_of_a_wide_program_is_the_runs(style, natural):
    found = [(fault(text, trace, style), text) for text, trace in outputs(natural, style, seed=5)]
    assert len(found) > 230 and [one for one in found if one[0]] == []


@pytest.mark.parametrize("style", NEW)
def test_a_variable_is_stated_as_it_is_after_the_whole_line(style):
    problem, trace = made("def f(d):\n    d.setdefault('a', []).append(1)\n    return d", "{}")
    text = teacher.narrate(questions.build(problem, "output"), style=style)
    assert "d = {'a': [1]}" in text and "d = {'a': []}" not in text and fault(text, trace, style) is None


@pytest.mark.parametrize("style", NEW)
def test_inputs_that_fail_are_told_as_truly_as_the_right_ones(style, problems):
    checked = 0
    for number, (problem, _) in enumerate(problems[:80]):
        question = questions.build(problem, "input")
        for wrong in distill.failing_input(question, random.Random(number)):
            lines = teacher.attempt(question, wrong, 200, style, random.Random(number))
            run = trace_call(problem["code"], problem["entry_point"], wrong)
            assert stated.violation("\n".join(lines[1:-1]), run, style == "monologue") is None
            assert re.search(r"no match$|another input is needed|not this one", lines[-1])
            checked += 1
    assert checked > 50


@pytest.mark.parametrize("style", NEW)
def test_a_changed_value_is_found(style, problems):
    """One stated value of each chain replaced by one that its variable never holds."""
    caught = 0
    for number, (text, trace) in enumerate(outputs(problems[:100], style)):
        told = [f"{name} = {value}" for name, value in stated.claims(body(text), style == "monologue")]
        claim = random.Random(number).choice([one for one in told if one in text])
        before, _, after = text.rpartition(claim)
        changed = f"{before}{claim.partition(' = ')[0]} = 987654{after}"
        caught += fault(changed, trace, style) is not None
    assert caught == number + 1 > 90


def test_states_in_another_order_are_found(problems):
    text, trace = next((text, trace) for text, trace in outputs(problems, "scratchpad")
                       if len(set(stated.STATE.findall(body(text)))) > 3)
    lines = body(text).split("\n")
    assert stated.wrong_state("\n".join(reversed(lines)), trace)


def test_the_checker_of_reworded_chains_finds_no_fault_in_a_monologue(problems):
    left_out = 0
    for (text, trace), (plain, _) in zip(outputs(problems, "monologue"), outputs(problems, "facts"),
                                         strict=True):
        found = rewriting.fault(body(text), plain, trace)
        assert found in (None, "leaves out steps"), (found, text)
        left_out += found is not None  # long loops in brief
    assert left_out < 0.1 * len(problems)


@pytest.mark.parametrize("style", NEW)
def test_long_loops_are_told_in_brief_but_for_the_turn_that_differs(style):
    problem, trace = made(LOOP, "12, 'a'")
    text = teacher.narrate(questions.build(problem, "output"), style=style, seed=2)
    assert re.search(r"(next|for) 5 turns", text) and "s = 'a!'" in text and "i = 2" in text
    assert stated.violation(body(text), trace, style == "monologue") is None
    corrupted = text.replace("total = 21", "total = 22")
    assert corrupted != text and stated.violation(body(corrupted), trace, style == "monologue")


def test_a_sum_has_the_first_and_the_last_turn_and_what_they_leave():
    top, value = events.record(LOOP, "f", [12, "a"])
    sums = [part for part in turns.told(top) if isinstance(part, turns.Sum)]
    assert value == "('a!', 26)" and sums[0] == turns.Sum(
        3, "f", 5, (("i", "2", "6"),), (("total", "21"),), {"n": "12", "s": "'a'", "total": "21", "i": "6"})
    assert "The next 5 turns go the same way: i = 2 ... 6; after them total = 21." in "\n".join(
        voices.numbered(top))


def test_turns_are_summed_up_only_where_they_run_the_same_lines_with_the_same_outcomes(problems):
    for problem, _ in problems:
        top, _ = events.record(problem["code"], "f", teacher.arguments(problem["input"]))
        told = [part for part in turns.told(top) if isinstance(part, events.Event)]
        ran = {(e.frame, e.kind, e.line, e.kind == "test" and turns.holds(e)) for e in turns.flat(top)}
        first = {(e.kind, e.line, e.kind == "test" and turns.holds(e)) for e in told}
        assert {one[1:] for one in ran} == first


def test_the_words_of_a_monologue_come_from_question_and_seed():
    problem, _ = made(LOOP, "3, 'a'")
    question = questions.build(problem, "output")
    texts = {seed: teacher.narrate(question, style="monologue", seed=seed) for seed in range(8)}
    assert len(set(texts.values())) > 4
    assert texts[1] == teacher.narrate(question, style="monologue", seed=1)


def test_what_a_wanted_value_demands_is_so_at_the_end_of_the_run(problems):
    checked = 0
    for problem, trace in problems:
        said = synopsis.demands(problem["code"], "f", problem["output"])
        ends = next(held for line, held in reversed(stated.states(trace)) if line == -1)
        for name, value in re.findall(r"so (\w+) must end as (.+)\.$", said[-1]):
            assert stated.same(ends[name], value), (problem, said)
            checked += 1
    assert checked > 50


@pytest.mark.parametrize(("body", "output", "said"), [
    ("return s[::-1]", "'cba'", "s must end as 'abc'"), ("return s + 'x'", "'abx'", "s must end as 'ab'"),
    ("return 'x' + s", "'xab'", "s must end as 'ab'"), ("return len(s)", "4", "s must end with 4 in it"),
    ("return sorted(s)", "['a', 'b']", "s must end with the items of ['a', 'b']"),
    ("len = max\n    return len(s)", "4", None), ("if s:\n        return s\n    return s", "'a'", None),
    ("return s + 'x'", "'ab'", None), ("return s.upper()", "'AB'", None),
])
def test_one_step_back_from_a_value_only_where_it_has_one_answer(body, output, said):
    found = synopsis.demands(f"def f(s):\n    {body}", "f", output)
    assert (len(found) == 1) if said is None else said in found[-1]


def test_the_outline_names_the_statements():
    assert synopsis.outline(LOOP, "f") == ("f takes n and s; it sets total to 0, loops over range(n), loops "
                                           "while total > 30, and returns (s, total)")
    code = "def f():\n    'Doc.'\n    x = []\n    x.append(1)\n    x[0] += 1\n    del x[0]\n    return"
    assert synopsis.outline(code, "f") == "f takes nothing; it returns None"
    short = code.replace("    x[0] += 1\n", "")
    assert synopsis.outline(short, "f") == ("f takes nothing; it sets x to [], calls x.append(1), deletes an "
                                            "item, and returns None")


def test_the_page_shows_one_program_in_all_styles_as_the_code_writes_it():
    page = (paths.root() / "docs" / "02_distill.md").read_text(encoding="utf-8")
    code, text, output = re.search(r"```python\n(def .*?)\n\nassert f\((.*?)\) == (.*?)\n```", page,
                                   re.DOTALL).groups()
    problem, trace = made(code, text)
    assert trace.output == output
    question = questions.build({**problem, "id": "example"}, "output")
    shown = dict(re.findall(r"^`(\w+)`:\n```text\n(.*?)\n```$", page, re.DOTALL | re.MULTILINE))
    assert shown == {style: teacher.narrate(question, style=style) for style in STYLES}
    backward = questions.build({**problem, "id": "example"}, "input")
    assert f"```text\n{teacher.narrate(backward, style='monologue')}\n```" in page
