"""The question sheets: sizes, forms, and which problems they may use."""

from pathlib import Path

import pytest

from cr_utils import exams, schema
from cr_utils.arms import ARMS, REFERENCES
from cr_utils.errors import UserError

FIXTURES = Path(__file__).parent / "fixtures"
PARAMS = {"eval_heldout": 2, "eval_heldout_ood": 1, "eval_other": 1, "eval_cruxeval": 4, "eval_reval": 3,
          "eval_livecodebench": 2, "seed": 0, "benchmarks": "auto"}
SPLITS = ("train", "validation", "heldout", "heldout_ood")


@pytest.fixture
def problems():
    code = "def f(s):\n    t = s + 'x'\n    if t == 'ax':\n        t = 'b'\n    return t"
    return [
        {
            "id": f"{split}{n}",
            "code": code,
            "entry_point": "f",
            "input": f"'{'a' * n}'",
            "output": "'b'" if n == 1 else f"'{'a' * n}x'",
            "split": split,
        }
        for split in SPLITS
        for n in range(1, 6)
    ]


def test_a_sheet_uses_its_own_split_only(problems):
    sheet = exams.of_split(problems, "heldout", 4, 2)
    assert {q.problem_id[:-1] for q in sheet} == {"heldout"}
    assert [
        sum(q.task == task for q in sheet) for task in ("output", "input", "coverage", "path", "state")
    ] == [4, 2, 2, 2, 2]


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
    params = PARAMS | {"benchmarks": "never"}
    made = exams.sheets(problems, params)
    assert sorted(made) == ["heldout", "heldout_ood"]
    assert [len(made["heldout"]), len(made["heldout_ood"])] == [6, 5]
    assert exams.absent(params)["reval"] == "benchmarks is set to never"


def test_sheets_sample_every_real_benchmark_at_hand(problems, monkeypatch):
    monkeypatch.setenv("CR_BENCHMARKS", str(FIXTURES))
    real = exams.published(PARAMS)
    made = exams.sheets(problems, PARAMS, real=real)
    assert sorted(made) == ["cruxeval", "heldout", "heldout_ood", "livecodebench", "reval"]
    assert [sum(q.task == task for q in made["reval"]) for task in ("coverage", "path", "state")] == [3, 3, 3]
    assert 0 < sum(q.task == "output" for q in made["reval"]) <= 3
    assert [len(made["cruxeval"]), len(made["livecodebench"])] == [8, 4]
    direct = exams.sheets(problems, PARAMS, direct=True, real=real)
    assert [[q.id for q in sheet] for sheet in direct.values()] == [
        [q.id for q in sheet] for sheet in made.values()
    ]
    assert direct["reval"][0].prompt != made["reval"][0].prompt


def test_a_benchmark_that_is_not_asked_for_is_not_looked_for(problems, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("CR_BENCHMARKS", str(tmp_path))
    params = PARAMS | {"eval_livecodebench": 0}
    assert exams.published(params) == {}
    said = capsys.readouterr().err
    assert "livecodebench" not in said and said.count("reval: DREval_data.jsonl is not in") == 1
    assert exams.absent(params) == {
        "cruxeval": "no benchmark file was at hand",
        "reval": "no benchmark file was at hand",
        "cruxeval_test": "no benchmark file was at hand",
        "livecodebench": "eval_livecodebench is 0",
    }
    with pytest.raises(UserError, match="cruxeval: cruxeval.jsonl is not in"):
        exams.published(params | {"benchmarks": "require"})


def forms(problems, **changes):
    return exams.Sheets(
        problems,
        PARAMS
        | {
            "benchmarks": "never",
            "eval_templates": {},
            "eval_shard": "",
            "eval_limit": 0,
            "eval_samples": 1,
            "eval_temperature": 0.0,
        }
        | changes,
    )


def test_each_model_is_asked_in_its_form(problems, tmp_path):
    (tmp_path / "mine.txt").write_text("{code}\nmine {query}")
    made = forms(problems, eval_templates={"output": str(tmp_path / "mine.txt")})
    first = {
        name: made.of(name)["heldout"][0] for name in ("base", "base_direct", "grpo", "gpt", "gpt_direct")
    }
    assert first["base"] == first["grpo"] and first["base_direct"] == first["gpt_direct"] != first["base"]
    assert first["gpt"].prompt.endswith("\nmine assert f('a') == ?") and first["gpt"].id == first["base"].id
    assert forms(problems).of("gpt") == forms(problems).of("base")


def test_a_share_and_a_limit_leave_the_same_questions_in_every_form(problems):
    made = forms(problems, eval_shard="1/2", eval_limit=1)
    assert [q.id for q in made.of("base")["heldout"]] == [q.id for q in made.of("base_direct")["heldout"]]
    whole = forms(problems, eval_limit=1).of("base")["heldout"]
    assert [q.task for q in whole] == ["output", "input", "coverage", "path", "state"]


def test_an_arm_is_asked_for_outputs_only_and_of_cruxeval_where_that_is_wanted(problems, monkeypatch):
    monkeypatch.setenv("CR_BENCHMARKS", str(FIXTURES))
    params = {"ablation_items": 2, "ablation_cruxeval": 3, "benchmarks": "auto", "seed": 0}
    made = exams.of_arm(problems, params)
    assert list(made) == ["heldout", "heldout_ood", "cruxeval"]
    assert [len(made["heldout"]), len(made["cruxeval"])] == [2, 3]
    assert {q.task for sheet in made.values() for q in sheet} == {"output"}
    again = exams.of_arm(problems, params, direct=True)["cruxeval"]
    assert [q.id for q in again] == [q.id for q in made["cruxeval"]]
    assert again[0].prompt != made["cruxeval"][0].prompt
    assert list(exams.of_arm(problems, params | {"ablation_cruxeval": 0})) == ["heldout", "heldout_ood"]
    assert list(exams.of_arm(problems, params | {"benchmarks": "never"})) == ["heldout", "heldout_ood"]


def test_several_greedy_answers_are_refused(problems):
    with pytest.raises(UserError, match="would all be alike: set eval_temperature"):
        forms(problems, eval_samples=5)
    assert forms(problems, eval_samples=5, eval_temperature=0.8).of("base")


def test_a_run_that_did_not_know_a_benchmark_says_so():
    assert exams.absent({"benchmarks": "auto", "eval_cruxeval": 8})["reval"] == "not part of this run"


def test_every_arm_is_a_parameter_and_has_a_reference_that_exists():
    assert tuple(ARMS) == schema.ARMS
    assert set(REFERENCES.values()) <= set(ARMS)
    assert all(
        ARMS[other].train is None or ARMS[other].train == ARMS[arm].train for arm, other in REFERENCES.items()
    )
