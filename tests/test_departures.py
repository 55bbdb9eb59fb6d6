"""Departures: one wrong step of every kind, put into right chains of generated programs."""

import pytest
import simulated

from cr_utils import departures, operations, questions, steps, synthesis, teacher

CODE = "def f(s, n):\n    t = s.upper()\n    for i in range(n):\n        t += 'x'\n    return t[1]"
PROBLEM = {
    "id": "p",
    "code": CODE,
    "entry_point": "f",
    "input": "'ab', 2",
    "output": "'B'",
    "source": "grammar",
}
RIGHT = teacher.narrate(questions.build(PROBLEM, "output"))


def changed(old, new):
    assert RIGHT.count(old) == 1, RIGHT
    return departures.departure(RIGHT.replace(old, new), RIGHT, CODE)


def test_a_right_chain_departs_nowhere():
    found = departures.departure(RIGHT, RIGHT, CODE)
    assert (found.step, found.kind, found.given, found.needed) == (None, "none", 9, 9)


@pytest.mark.parametrize("old, new, step, kind", [
    ("'ab'.upper() == 'AB'", "'ab'.upper() == 'Ab'", 2, "wrong_value"),
    ("'ab'.upper() == 'AB'", "'ac'.upper() == 'AC'", 2, "lost_state"),
    ("'ab'.upper() == 'AB'", "'ab'.lower() == 'ab'", 2, "misread"),
    ("'ab'.upper() == 'AB'", "'ab'.upper(", 2, "misread"),
    ("t = s.upper()  # ", "t = s.uper()  # ", 2, "misquoted"),
    ("range(2) == [0, 1]", "range(2) == [0, 1, 2]", 3, "wrong_value"),
    ("[1] i = 1", "[1] i = 2", 6, "wrong_value"),
    ("[1] i = 1", "end", 6, "wrong_line"),
    ("# end", "# [2] i = 2", 8, "wrong_line"),
    ("'AB' + 'x' == 'ABx'\n", "'A' + 'x' == 'Ax'\n", 5, "lost_state"),
    ("return t[1]  # ", "t += 'x'  # ", 9, "wrong_line"),
    ("[1] == 'B'", "[1] == 'A'", 9, "wrong_value"),
])
def test_each_kind_of_wrong_step(old, new, step, kind):
    assert changed(old, new)[:2] == (step, kind)


def test_too_few_and_too_many_steps():
    short = "\n".join(RIGHT.split("\n")[:4])
    assert departures.departure(short, RIGHT, CODE)[:2] == (4, "stopped")
    assert departures.departure(short + "\nfor i in ran", RIGHT, CODE)[:2] == (
        4,
        "stopped",
    )  # cut inside a step
    more = RIGHT.replace("\n</reasoning>", "\nt += 'x'  # 'ABxx' + 'x' == 'ABxxx'\n</reasoning>")
    assert departures.departure(more, RIGHT, CODE)[:3] == (10, "went_on", 10)
    assert departures.departure("<answer>'B'</answer>", RIGHT, CODE) is None


def test_the_kinds_are_the_two_families_and_none():
    assert set(departures.KINDS) == {"none", *departures.COMPREHENSION, *departures.SIMULATION}


def test_the_teacher_s_own_chains_never_depart():
    sizes = {split: 30 if split == "train" else 0 for split in synthesis.SPLITS}
    rows, _ = synthesis.synthesize(
        sizes, {"seed": 3, "constraints": True, "mutation": True, "max_steps": 16}, 1
    )
    items = [{"task": "output", "question_id": f"{row['id']}/output", "verdict": True,
              "completion": teacher.narrate(questions.build(row, "output"))} for row in rows]
    found = steps.annotate(items, rows)
    assert {item["departure"] for item in found} == {"none"} and len(found) == 30
    assert all(
        item["steps"] == item["steps_needed"] > 0 and item["first_wrong_step"] is None for item in found
    )


def test_annotated_items_have_what_the_tables_need():
    rows = simulated.problems(8)
    found = steps.annotate(simulated.items(rows, {"sft": 0.5}, cruxeval=2), rows)
    told = [item for item in found if item["benchmark"] == "heldout" and item["task"] == "output"]
    assert {item["departure"] for item in told} <= set(departures.KINDS) and told
    assert not any("departure" in item for item in found if item["task"] != "output")


@pytest.mark.parametrize("fact, name", [
    ("'ab'.upper() == 'AB'", "str.upper"), ("len([1, 2]) == 2", "len()"), ("1 + 2 == 3", "int +"),
    ("[1, 2][0:1] == [1]", "list[i:j]"), ("'abc'[::-1] == 'cba'", "str[i:j:k]"),
    ("(1, 2)[0] == 1", "tuple[i]"),
    ("1 in [1] == True", "in, not in"), ("1 < 2 == True", "comparison"), ("[0] c = 'a'", "loop item"),
    ("end", "loop item"), ("t = 'AB'", "value of a variable"), ("d['a'] = 1", "value of a variable"),
    ("call g('a', 2)", "g()"), ("out.append(3)", ".append"), ("'a == b'", "value of a line"),
])
def test_operations_have_the_names_of_their_kind(fact, name):
    assert operations.name(fact) == name


def test_a_right_chain_reaches_everything_and_fails_nowhere():
    reached, failed = operations.tally(RIGHT, RIGHT)
    assert failed is None
    assert reached[operations.LINE] == 9 and reached["str.upper"] == 1 and reached["str +"] == 2


@pytest.mark.parametrize("old, new, failed", [
    ("'ab'.upper() == 'AB'", "'ab'.upper() == 'Ab'", "str.upper"),
    ("range(2) == [0, 1]", "range(2) == [0, 1, 2]", "range()"),
    ("[1] i = 1", "end", "loop item"),
    ("return t[1]  # ", "t += 'x'  # ", operations.LINE),
    ("[1] == 'B'", "[1] == 'B'; 1 + 1 == 2", operations.LINE),
])
def test_counting_ends_at_the_operation_that_fails(old, new, failed):
    reached, found = operations.tally(RIGHT.replace(old, new), RIGHT)
    whole, _ = operations.tally(RIGHT, RIGHT)
    assert found == failed and reached[failed] >= 1
    assert sum(reached.values()) <= sum(whole.values()) + 1


def test_a_chain_fails_somewhere_exactly_if_it_departs():
    sizes = {split: 30 if split == "train" else 0 for split in synthesis.SPLITS}
    problems, _ = synthesis.synthesize(
        sizes, {"seed": 4, "constraints": True, "mutation": True, "max_steps": 16}, 1)
    for problem in problems:
        right = teacher.narrate(questions.build(problem, "output"))
        cut = "\n".join(right.split("\n")[:-3])
        assert operations.tally(right, right)[1] is None
        assert operations.tally(cut, right)[1] == operations.LINE


def styled(style):
    return teacher.narrate(questions.build(PROBLEM, "output"), style=style)


@pytest.mark.parametrize("style, old, new, step, kind", [
    ("numbered", "gives 'AB', so t = 'AB'", "gives 'Ab', so t = 'Ab'", 2, "wrong_value"),
    ("numbered", "'ab'.upper()", "'ac'.upper()", 2, "lost_state"),
    ("numbered", "'ab'.upper()", "'ab'.lower()", 2, "misread"),
    ("numbered", "`t = s.upper()`", "`t = s.uper()`", 2, "misquoted"),
    ("numbered", "`t = s.upper()`", "`t += 'x'`", 2, "wrong_line"),
    ("numbered", "Turn 2: i = 1", "Turn 2: i = 2", 6, "wrong_value"),
    ("numbered", "Turn 2: i = 1", "The loop ends", 6, "wrong_line"),
    ("numbered", "Turn 2: i = 1", "No idea", 6, "misquoted"),
    ("scratchpad", "n = 2, t = 'AB'\n", "n = 2, t = 'Ab'\n", 2, "wrong_value"),
    ("scratchpad", "n = 2, t = 'AB'\n", "n = 3, t = 'AB'\n", 2, "lost_state"),
    ("scratchpad", "n = 2, t = 'AB'\n", "n = 2, u = 'AB'\n", 2, "misread"),
    ("scratchpad", "line 2:", "line 4:", 2, "wrong_line"),
    ("scratchpad", "line 2:", "line 40:", 2, "misquoted"),
    ("scratchpad", "line 5: return 'B'", "line 5: return 'A'", 7, "wrong_value"),
])
def test_words_and_states_are_compared_in_their_own_style(style, old, new, step, kind):
    right = styled(style)
    assert right.count(old) == 1, right
    assert annotated(right.replace(old, new))[1:] == (step, kind, style)
    assert annotated(right)[1:] == (None, "none", style)


def annotated(text):
    item = {"task": "output", "question_id": "p/output", "verdict": True, "completion": text}
    found, = steps.annotate([item], [PROBLEM])
    return found, found["first_wrong_step"], found["departure"], found["style"]


def test_the_numbers_of_steps_are_no_claims_about_the_run():
    assert annotated(styled("numbered").replace("\n4. ", "\n5. "))[2] == "none"


def test_a_monologue_is_not_compared():
    item, *found = annotated(styled("monologue"))
    assert found == [None, None, None] and item["steps"] is None
