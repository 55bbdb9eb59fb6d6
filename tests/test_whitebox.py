"""Rewards for steps: right chains earn all of it, wrong steps cost their share, no short cut pays."""

import pytest

from cr_utils import params, rewards, teacher, whitebox
from cr_utils.questions import build

CODE = ("def g(data):\n    del data[1]\n    return data\n\ndef f(items):\n    total = g(items)\n"
        "    total = g(total)\n    return total + [2, 5]")
PROBLEM = {"id": "p", "code": CODE, "entry_point": "f", "input": "[1, 3, 6]", "output": "[1, 2, 5]"}
QUESTION = build(PROBLEM, "output")
CHAIN = teacher.narrate(QUESTION)


def total(kind, completion, question=QUESTION, cut=False):
    made = whitebox.reward({"grpo_format_weight": 0.1, "grpo_reward": kind})
    return made([question], [completion], [cut])[0].total


def test_the_terminal_reward_is_the_default():
    made = whitebox.reward(params.load("tiny"))
    plain = rewards.score([QUESTION] * 2, [CHAIN, "x"], [False] * 2, format_weight=0.1)
    assert made([QUESTION] * 2, [CHAIN, "x"], [False] * 2) == plain


@pytest.mark.parametrize(("kind", "full"), [("whitebox", 1.1), ("bilevel", 1.4)])
def test_a_right_chain_earns_everything(kind, full):
    assert total(kind, CHAIN) == pytest.approx(full)


def test_the_values_that_lines_state_are_read():
    steps = whitebox.stated(CHAIN)
    assert steps[0][1:] == ("def f(items):", {"items": "[1, 3, 6]"})
    assert ("del data[1]", {"data": "[1, 6]"}) in [step[1:] for step in steps]
    two = whitebox.stated("<reasoning>\ndef f(z, xs):  # z = 5.5, xs = [1, 2, 3]\n</reasoning>")
    assert two[0][2] == {"z": "5.5", "xs": "[1, 2, 3]"}


@pytest.mark.parametrize("kind", ["whitebox", "bilevel"])
def test_a_right_answer_after_wrong_steps_earns_less(kind):
    wrong = CHAIN.replace("data = [1, 6]", "data = [3, 6]")
    assert total("terminal", wrong) == pytest.approx(1.1)
    bare = "<reasoning>\nno idea\n</reasoning>\n<answer>[1, 2, 5]</answer>"
    assert total(kind, bare) < total(kind, wrong) < total(kind, CHAIN)


@pytest.mark.parametrize("kind", ["whitebox", "bilevel"])
def test_right_steps_with_a_wrong_answer_earn_less_than_all(kind):
    wrong = CHAIN.replace("<answer>[1, 2, 5]", "<answer>[1, 2, 6]")
    assert 0.1 < total(kind, wrong) < total(kind, CHAIN)


@pytest.mark.parametrize("kind", ["whitebox", "bilevel"])
def test_padding_a_chain_never_pays(kind):
    lines = CHAIN.split("\n")
    twice = [lines[0], *lines[1:-2] * 2, *lines[-2:]]
    for padded in (lines[:2] + lines[1:], lines[:-2] + lines[1:-2] + lines[-2:], twice):
        assert total(kind, "\n".join(padded)) <= total(kind, CHAIN)


@pytest.mark.parametrize("kind", ["whitebox", "bilevel"])
def test_a_cut_answer_earns_nothing(kind):
    assert total(kind, CHAIN, cut=True) == 0


def test_other_tasks_keep_the_terminal_reward():
    question = build(PROBLEM, "input")
    text = "<reasoning>\nx\n</reasoning>\n<answer>f([1, 3, 6])</answer>"
    assert total("whitebox", text, question) == total("terminal", text, question) == pytest.approx(1.1)


def test_every_completion_of_a_group_is_asked_the_same():
    steps = whitebox.reference(QUESTION)
    asked = whitebox.places("p", steps)
    assert asked == whitebox.places("p", steps) and len(asked) == whitebox.PLACES
    assert {name is None for _, name in asked} == {True, False}


def test_bilevel_credits_a_right_step_by_the_right_steps_after_it():
    steps = tuple((f"s{k}", f"s{k}", {}) for k in range(4))
    assert whitebox.following(steps, steps) == 1
    first_wrong = (("x", "x", {}), *steps[1:])
    last_wrong = (*steps[:3], ("x", "x", {}))
    assert whitebox.following(steps, first_wrong) == pytest.approx(3 / 4)
    assert whitebox.following(steps, last_wrong) == pytest.approx((2 / 3 + 1 / 2 + 0) / 4)
    assert whitebox.following(steps, ()) == 0


@pytest.mark.parametrize("style", ["numbered", "monologue", "scratchpad"])
def test_other_styles_earn_the_answer_s_part_alone(style):
    chain = teacher.narrate(QUESTION, style=style)
    assert total("whitebox", chain) == pytest.approx(0.6) and total("bilevel", chain) == pytest.approx(1.1)
