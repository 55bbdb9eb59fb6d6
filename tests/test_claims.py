"""Verdicts on claims, on records made to deserve each of them; first wrong steps."""

import pandas as pd
import pytest
import simulated

from cr_utils import claims, published, stats, steps


def made(rates, name="model", n=200, benchmark="heldout", task="output"):
    """Items in which each model answers the first `rate * n` questions right."""
    return [{"model": model, name: model, "benchmark": benchmark, "task": task, "question_id": f"q{i}/output",
             "verdict": i < rate * n, "kind": "x"} for model, rate in rates.items() for i in range(n)]


def verdicts(items, arms=(), **how):
    frame = claims.details(list(items), list(arms), **how)
    return dict(zip(frame["claim"], frame["verdict"], strict=True))


def test_clear_gains_are_reproduced():
    items = made({"base": 0.1, "base_direct": 0.2, "sft": 0.5, "grpo": 0.6})
    arms = made({"full": 0.6, "no_sft": 0.1, "short_sft": 0.5, "no_chains": 0.3, "no_constraints": 0.4},
                "arm")
    found = verdicts(items, arms)
    assert [found[c] for c in ("C1", "C2", "C3", "C7")] == ["reproduced"] * 4
    assert [found[c] for c in ("C4", "C5", "C6")] == ["not run"] * 3  # too small to speak of 7B and 14B


def test_small_gains_are_a_direction_and_losses_are_not_reproduced():
    assert verdicts(made({"sft": 0.50, "grpo": 0.51}))["C3"] == "same direction"
    assert verdicts(made({"sft": 0.50, "grpo": 0.50}))["C3"] == "not reproduced"
    assert verdicts(made({"sft": 0.60, "grpo": 0.50}))["C3"] == "not reproduced"


@pytest.mark.parametrize("rates", [{"sft": 0.0, "grpo": 0.0}, {"sft": 0.5, "grpo": 0.0},
                                   {"sft": 0.0, "grpo": 1.0}])
def test_a_few_items_decide_nothing_for_or_against(rates):
    frame = claims.details(made(rates, n=8), []).set_index("claim")
    assert frame.loc["C3", "verdict"] == frame.loc["C7", "verdict"] == "too few items"
    assert f"n=8, least {claims.LEAST}" in frame.loc["C3",
                                                     "ours"] and str(claims.LEAST) in frame.loc["C3", "rule"]
    assert verdicts(made(rates, n=claims.LEAST))["C3"] in ("not reproduced", "reproduced")
    assert verdicts(made(rates, n=claims.LEAST - 1))["C3"] == "too few items"


def test_the_least_number_is_where_an_interval_gets_narrower_than_ten_points():
    least, fewer = (stats.paired_interval(n / 8, n / 8, n).high for n in (claims.LEAST, claims.LEAST - 1))
    assert least <= 0.1 < fewer  # where a quarter of the answers differ, as many each way


def test_sft_is_compared_with_the_better_form_of_the_base():
    assert claims.better_base(made({"base": 0.1, "base_direct": 0.5})) == "base_direct"
    assert verdicts(made({"base": 0.1, "base_direct": 0.5, "sft": 0.45}))["C2"] == "not reproduced"


def test_conjunctions():
    assert claims.joint(["reproduced", "reproduced"]) == "reproduced"
    assert claims.joint(["reproduced", "same direction"]) == "partly reproduced"
    assert claims.joint(["reproduced", "not reproduced"]) == "partly reproduced"
    assert claims.joint(["reproduced", "not run"]) == "partly reproduced"
    assert claims.joint(["same direction", "same direction"]) == "same direction"
    assert claims.joint(["same direction", "not run"]) == "same direction"
    assert claims.joint(["same direction", "not reproduced"]) == "not reproduced"
    assert claims.joint(["not reproduced", "not run"]) == "not reproduced"
    assert claims.joint(["not run", "not run"]) == "not run"
    assert claims.joint(["unknown"]) == "unknown"
    assert claims.joint(["reproduced", "too few items"]) == "partly reproduced"
    assert claims.joint(["not reproduced", "too few items"]) == "not reproduced"
    assert claims.joint(["too few items", "not run"]) == "too few items"


def test_a_gain_that_stays_on_familiar_programs_is_partly_reproduced():
    familiar = made({"sft": 0.4, "grpo": 0.5})
    assert verdicts(familiar)["C3"] == "reproduced"
    unseen = made({"sft": 0.3, "grpo": 0.3}, benchmark="heldout_ood")
    row = claims.details(familiar + unseen, []).set_index("claim").loc["C3"]
    assert row.verdict == "partly reproduced"
    assert "heldout: +10.0 points" in row.ours and "heldout_ood: +0.0 points" in row.ours
    assert "(better)" in row.ours and "(no clear difference)" in row.ours


def test_every_stage_helps_and_chains_do_not_is_partly_reproduced():
    items = made({"base": 0.1, "base_direct": 0.2, "sft": 0.5, "grpo": 0.6})
    arms = made({"full": 0.6, "no_sft": 0.1, "short_sft": 0.51, "no_chains": 0.50, "no_constraints": 0.4},
                "arm")
    assert verdicts(items, arms)["C7"] == "partly reproduced"


def test_cruxeval_counts_where_its_test_rows_are_enough():
    def crux(n):
        return [{**one, "question_id": f"sample_{i % n}/output"} for i, one in
                enumerate(made({"base": 0.0, "base_direct": 0.3, "sft": 0.1, "grpo": 0.1}, n=n,
                               benchmark="cruxeval"))]
    familiar = made({"base": 0.1, "base_direct": 0.2, "sft": 0.5, "grpo": 0.6})
    row = claims.details(familiar + crux(800), []).set_index("claim").loc["C2"]
    assert row.verdict == "partly reproduced" and "sft − base_direct, cruxeval_test: -" in row.ours
    assert "n=600" in row.ours and "(worse)" in row.ours
    row = claims.details(familiar + crux(80), []).set_index("claim").loc["C2"]
    assert row.verdict == "reproduced" and "cruxeval" not in row.ours + row.evidence


def test_every_verdict_has_its_meaning_in_words():
    given = {value for name, value in vars(claims).items()
             if name in ("REPRODUCED", "PARTLY", "SAME", "NOT", "TOO_FEW", "NOT_RUN", "UNKNOWN")}
    assert set(claims.VERDICTS) == given
    assert list(claims.meanings(["not run", "reproduced"])) == ["reproduced", "not run"]


def test_nothing_recorded_is_not_run():
    frame = claims.details([], [])
    assert set(frame["verdict"]) == {"not run"} and frame["ours"].isna().all()
    assert list(frame["claim"]) == list(published.CLAIMS)
    assert list(claims.claims([], []).columns) == ["claim", "evidence", "verdict"]


@pytest.mark.parametrize("name, size", [("Qwen/Qwen2.5-Coder-7B-Instruct", 7), ("x-0.5b", 0.5),
                                        ("shipped", None), ("Qwen2.5-Coder-14B", 14), ("3bears", None)])
def test_size_of_a_start_model(name, size):
    assert claims.size(name) == size


def test_large_models_against_gpt4o():
    def items(rate, n=800):
        return [{**one, "question_id": f"sample_{i % n}/{one['task']}"} for name in
                ("cruxeval", "livecodebench", "reval") for task in ("output", "input")
                for i, one in enumerate(made({"grpo": rate}, n=n, benchmark=name, task=task))]
    assert verdicts(items(0.95, n=40), model="x-14B")["C6"] == "too few items"
    assert verdicts(items(0.95, n=40), model="x-7B")["C5"] == "too few items"
    assert verdicts(items(0.95), model="x-14B")["C6"] == "reproduced"
    assert verdicts(items(0.86), model="x-14B")["C6"] == "same direction"
    assert verdicts(items(0.80), model="x-14B")["C6"] == "not reproduced"
    assert verdicts(items(0.95), model="x-7B")["C6"] == "not run"
    # GPT-4o's coverage number is unknown.
    assert verdicts(items(0.95), model="x-7B")["C5"] == "same direction"
    assert verdicts(items(0.95), model="x-7B")["C4"] == "unknown"


def test_evidence_names_table_and_counts():
    row = claims.details(made({"sft": 0.5, "grpo": 0.6}), []).set_index("claim").loc["C3"]
    assert "paired.csv: heldout, output, sft and grpo, McNemar 0 : 20" in row.evidence
    assert "+10.0 points" in row.ours and "n=200" in row.ours
    assert not pd.isna(row.command) and "05_eval" in row.command
    last = claims.details(made({"sft": 0.5, "grpo": 0.6}), []).set_index("claim").loc["C7"]
    assert "ablations_paired.csv: heldout" in last.evidence and "run 05_eval 06_ablations" in last.command


def test_first_wrong_step():
    right = "<reasoning>\na = 1\nb = 2\n</reasoning>\n<answer>3</answer>"
    assert steps.first_wrong(right, right) is None
    assert steps.first_wrong(right.replace("b = 2", "b = 5"), right) == 2
    assert steps.first_wrong("<reasoning>\na = 1", right) == 2
    assert steps.first_wrong(right.replace("b = 2", "b = 2\nc = 3"), right) == 3
    assert steps.first_wrong("<answer>3</answer>", right) is None


def test_annotate_traces_our_programs_only():
    rows = simulated.problems(8)
    items = [one for one in simulated.items(rows, {"sft": 0.5}, cruxeval=3)]
    found = steps.annotate(items, rows)
    assert all("first_wrong_step" in i for i in found if i["benchmark"] == "heldout"
               and i["task"] == "output")
    assert not any("first_wrong_step" in i for i in found if i["benchmark"] == "cruxeval"
                   or i["task"] == "input")
    assert {i["first_wrong_step"] for i in found if "first_wrong_step" in i} == {1}


def test_a_run_that_cannot_be_narrated_has_no_wrong_step():
    row = {**simulated.problems(4)[2], "output": "'another'"}
    item = next(i for i in simulated.items([row], {"sft": 0.0}, cruxeval=0) if i["task"] == "output")
    assert steps.annotate([item], [row])[0]["first_wrong_step"] is None
