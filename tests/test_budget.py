"""The time budget: from seconds to sizes, resolved once, kept in the record, and found again."""

import time

import pytest

from cr_utils import budget, jsonl, params, paths, record
from cr_utils.budget import Fit, Share
from cr_utils.errors import UserError


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    monkeypatch.setenv("CR_RESULTS", str(tmp_path))


def values(**changes):
    return params.load("smoke", {"time_budget": 10.0} | changes)


def never(share):
    raise AssertionError("measured again")


def test_shares_of_all_profiles_leave_nobody_out():
    for profile in params.profiles():
        found = params.load(profile)
        shares = [budget.share(stage, found | {"time_budget": 1.0}) for stage in (paths.BASE, *paths.STAGES)]
        assert min(shares) > 0 and sum(shares) <= 60.0 + 1e-6
    assert {params.load(name)["time_budget"] for name in ("gpu", "gpu-10min")} == {60.0, 10.0}


def test_without_a_budget_nothing_is_measured():
    asked = values(time_budget=0.0)
    assert budget.once(record.start("03_sft", asked), asked, never) is asked


def test_what_was_resolved_is_kept_and_found_by_a_run_that_goes_on():
    asked = values()
    stage = record.start("03_sft", asked)
    first = budget.once(stage, asked, lambda share: Fit({"sft_steps": 4}, {"seconds_per_step": 0.5}))
    assert first == asked | {"sft_steps": 4}
    assert jsonl.read_json(stage.dir / budget.FILE) == {
        "seconds": 84.0, "values": {"sft_steps": 4}, "measured": {"seconds_per_step": 0.5}}
    again = record.start("03_sft", asked)  # as another process would
    assert budget.once(again, asked, never) == first
    (again.dir / "log.jsonl").write_text("")
    manifest = again.finish(["log.jsonl"])
    assert manifest["budget"]["values"] == {"sft_steps": 4} and budget.FILE in manifest["outputs"]
    assert manifest["params"]["sft_steps"] == 6 and manifest["params"]["time_budget"] == 10.0
    assert budget.once(record.start("03_sft", asked), asked, never) == first


def test_another_budget_is_resolved_anew():
    stage = record.start("03_sft", values())
    budget.once(stage, values(), lambda share: Fit({"sft_steps": 4}, {}))
    other = values(time_budget=20.0)
    found = budget.once(record.start("03_sft", other), other, lambda share: Fit({"sft_steps": 5}, {}))
    assert found["sft_steps"] == 5


def test_a_size_never_passes_the_profiles_or_falls_below_the_least():
    asked = values()
    beyond = Fit({"sft_steps": 99, "seed": -3}, {})
    found = budget.once(record.start("03_sft", asked), asked, lambda share: beyond)
    assert found["sft_steps"] == 6 and found["seed"] == 0
    found = budget.once(record.start("04_grpo", asked), asked, lambda share: Fit({"grpo_steps": 0}, {}))
    assert found["grpo_steps"] == 1


def test_a_stage_without_a_share_says_what_to_do():
    asked = values(sft_share=0.0)
    with pytest.raises(UserError, match="03_sft has no part of time_budget: raise sft_share"):
        budget.once(record.start("03_sft", asked), asked, never)


def test_time_that_has_passed_is_no_longer_there():
    share = Share(100.0, time.monotonic() - 30.0)
    assert share.left() == pytest.approx(60.0, abs=1.0)
    assert Share(10.0, time.monotonic() - 30.0).left() == 0.0


def test_steps_and_scales():
    assert budget.steps(10.0, 0.5, 100) == 20 and budget.steps(10.0, 0.5, 12) == 12
    assert budget.steps(10.0, 0.5, 100, 8) == 16 and budget.steps(0.0, 0.5, 100, 4) == 4
    sizes = {"a": 1000, "b": 10, "c": 0}
    assert budget.scaled(sizes, sizes, 0.1, least=16) == {"a": 100, "b": 10, "c": 0}
    assert budget.scaled(sizes, sizes, 3.0) == sizes


def test_the_marginal_cost_leaves_the_start_out():
    each = budget.marginal(lambda n: time.sleep(0.2 + 0.02 * n), 1, 11)
    assert each == pytest.approx(0.02, rel=0.5)
    assert budget.marginal(lambda n: None, 1, 2) >= 0


@pytest.mark.parametrize(("changes", "words"), [
    ({"base_heads": 7}, "base_width = 640 must be a multiple of base_heads = 7"),
    ({"base_kv_heads": 4}, "base_heads = 10 must be a multiple of base_kv_heads = 4"),
    ({"base_batch_tokens": 100_000}, "must be a multiple of base_micro_tokens"),
    ({"base_width": 650}, "650 must be a multiple of|must be even"),
    ({"base_mix": {"facts": 0.5}}, "base_mix"), ({"base_late_mix": {"stepps": 1.0}}, "did you mean steps"),
    ({"base_share": 0.9}, "sum to 1.50, more than 1"),
    ({"time_budget": 5.0, "launch": {"gpus": 2}}, "time_budget is for one process"),
])
def test_what_does_not_fit_together_is_one_line(changes, words):
    with pytest.raises(UserError, match=words):
        params.load("smoke", changes)
