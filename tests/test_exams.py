"""The question sheets: sizes, forms, and which problems they may use."""

import pytest

from cr_utils import exams, schema
from cr_utils.arms import ARMS, REFERENCES

SPLITS = ("train", "validation", "heldout", "heldout_ood")


@pytest.fixture
def problems():
    code = "def f(s):\n    t = s + 'x'\n    if t == 'ax':\n        t = 'b'\n    return t"
    return [{"id": f"{split}{n}", "code": code, "entry_point": "f", "input": f"'{'a' * n}'",
             "output": "'b'" if n == 1 else f"'{'a' * n}x'", "split": split} for split in SPLITS for n in range(1, 6)]


def test_a_sheet_uses_its_own_split_only(problems):
    sheet = exams.of_split(problems, "heldout", 4, 2)
    assert {q.problem_id[:-1] for q in sheet} == {"heldout"}
    assert [sum(q.task == task for q in sheet) for task in ("output", "input", "coverage", "path", "state")] == [
        4, 2, 2, 2, 2]


def test_a_smaller_sheet_begins_a_larger_one(problems):
    small, large = (exams.of_split(problems, "heldout", n, 0) for n in (2, 4))
    assert [q.id for q in large][:2] == [q.id for q in small]


def test_both_forms_ask_the_same_questions_in_other_words(problems):
    chain, direct = (exams.of_split(problems, "heldout", 3, 3, form) for form in (False, True))
    assert [q.id for q in chain] == [q.id for q in direct]
    assert all(a.prompt != b.prompt for a, b in zip(chain, direct, strict=True))


def test_validation_never_touches_a_held_out_split(problems):
    assert {q.problem_id[:-1] for q in exams.validation(problems, 99)} == {"validation"}


def test_sheets_leave_out_a_benchmark_that_is_not_wanted(problems):
    params = {"eval_heldout": 2, "eval_heldout_ood": 1, "eval_other": 1, "eval_cruxeval": 5, "seed": 0,
              "benchmarks": "never"}
    made = exams.sheets(problems, params)
    assert sorted(made) == ["heldout", "heldout_ood"]
    assert [len(made["heldout"]), len(made["heldout_ood"])] == [6, 5]


def test_every_arm_is_a_parameter_and_has_a_reference_that_exists():
    assert tuple(ARMS) == schema.ARMS
    assert set(REFERENCES.values()) <= set(ARMS)
    assert all(ARMS[other].train is None or ARMS[other].train == ARMS[arm].train for arm, other in REFERENCES.items())
