"""Gains against numbers worked out by hand."""

import math

import pytest

from cr_utils import comparisons, stats


def items(both, a_only, b_only, neither, a="sft", b="grpo"):
    made = []
    for n, (first, second) in enumerate(
        [(1, 1)] * both + [(1, 0)] * a_only + [(0, 1)] * b_only + [(0, 0)] * neither
    ):
        for model, verdict in ((a, first), (b, second)):
            made.append({"model": model, "benchmark": "heldout", "task": "output", "question_id": str(n),
                         "verdict": bool(verdict)})
    return made


def row(made, **options):
    frame = comparisons.gains(made, **options)
    assert list(frame.columns) == comparisons.GAINS and len(frame) == 1
    return frame.iloc[0]


def test_a_gain_in_points_and_in_percent():
    found = row(items(40, 10, 30, 20))
    assert (found.n, found.accuracy_a, found.accuracy_b) == (100, 0.5, 0.7)
    assert found.difference == pytest.approx(0.2) and found.low < 0.2 < found.high
    assert found.relative_gain == pytest.approx(0.4)
    half = 1.959964 * math.sqrt(42 / (51 * 71))
    assert found.relative_low == pytest.approx(1.4 * math.exp(-half) - 1, abs=1e-6)
    assert found.relative_high == pytest.approx(1.4 * math.exp(half) - 1, abs=1e-6)
    assert found.not_worse


@pytest.mark.parametrize("n, worse, margin, verdict", [
    (1000, 0, 0.05, True), (1000, 10, 0.05, True), (20, 0, 0.05, False), (1000, 60, 0.05, False),
    (1000, 10, 0.005, False)])
def test_no_worse_needs_a_small_loss_and_enough_questions(n, worse, margin, verdict):
    assert bool(row(items(n // 2, worse, 0, n // 2 - worse), margin=margin).not_worse) is verdict


def test_equal_verdicts_do_not_make_a_gain_certain():
    found = row(items(10, 0, 0, 10))
    assert found.relative_low < -0.1 < found.relative_gain == 0 < 0.1 < found.relative_high


def test_nothing_right_has_no_relative_gain():
    assert row(items(0, 0, 3, 7)).isna()["relative_gain"]
    for counts in ((0, 3, 3), (5, 9, 2), (1, 1, 9)):
        with pytest.raises(ValueError, match="no relative gain"):
            stats.relative_gain(*counts)


def test_other_models_are_compared_with_the_final_one():
    made = items(5, 1, 2, 2) + [
        {**one, "model": "gpt-4o"} for one in items(5, 1, 2, 2) if one["model"] == "sft"
    ]
    frame = comparisons.gains(made)
    assert list(zip(frame.a, frame.b, strict=True)) == [("sft", "grpo"), ("gpt-4o", "grpo")]
    assert comparisons.gains([]).attrs["notes"] == ["no two models were evaluated on the same questions"]


def test_further_samples_do_not_count():
    again = [{**one, "sample": 1, "verdict": False} for one in items(5, 0, 5, 0)]
    assert row(items(5, 0, 5, 0) + again).accuracy_b == 1.0


def chain(arm, question, verdict, departure, step=None, **more):
    return {"model": arm, "arm": arm, "benchmark": "heldout", "task": "output", "question_id": question,
            "verdict": verdict, "departure": departure, "first_wrong_step": step, "steps_needed": 4, **more}


def test_steps_of_arms_stand_beside_their_answers():
    made = [chain("short_grpo", "a", True, "none"), chain("short_grpo", "b", True, "wrong_value", 3),
            chain("short_grpo", "c", False, "lost_state", 1), chain("short_grpo", "d", False, None),
            chain("bilevel", "a", True, "none"), chain("bilevel", "b", True, "none"),
            chain("bilevel", "c", False, "went_on", 5), chain("bilevel", "e", True, "none"),
            chain("bilevel", "a", False, "misread", 1, sample=1)]
    frame = comparisons.steps(made, {"bilevel": "short_grpo"}).set_index("arm")
    assert list(frame.reset_index()[comparisons.STEPS].columns) == comparisons.STEPS
    one, two = frame.loc["short_grpo"], frame.loc["bilevel"]
    assert (one.n, two.n, two.n_both) == (3, 4, 3)
    assert (one.answers, one.steps, one.right_with_wrong_steps) == pytest.approx((2 / 3, 1 / 3, 1 / 3))
    assert one.steps_before_departure == pytest.approx((1 + 2 / 4 + 0) / 3)
    assert (two.steps, two.steps_before_departure) == (0.75, 1.0)
    assert (two.steps_low, two.steps_high) == stats.wilson(3, 4)
    assert two.difference == pytest.approx(1 / 3) and two.low < two.difference < two.high
    assert two.p_value == 1.0
    assert one.isna()["difference"] and two.against == "short_grpo"


def test_arms_without_chains_are_said_to_have_none():
    frame = comparisons.steps([chain("no_chains", "a", True, None)], {"no_chains": "short_sft"})
    assert frame.empty and frame.attrs["notes"] == ["no arm has chains that can be compared with a run"]
