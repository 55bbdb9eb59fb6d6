"""The profile gpu at a small size on a CPU: the same code path as on a GPU, from scratch to answers."""

import json
import os
import subprocess
import sys
import time

import pytest

from cr_utils import (
    base_cli,
    base_stage,
    budget,
    fits,
    fits_base,
    jsonl,
    params,
    paths,
    pretrain,
    record,
    run,
    sources,
)
from cr_utils.errors import UserError

SMALL = {"base_width": 32, "base_inner": 48, "base_layers": 2, "base_heads": 4, "base_kv_heads": 2,
         "base_batch_tokens": 2048, "base_micro_tokens": 1024, "base_tokens": 12_000, "base_compile": False,
         "base_packing": "packed", "data_train": 150, "data_validation": 20, "data_heldout": 20,
         "data_heldout_ood": 20, "data_workers": 1, "data_grammar": "core", "distill_items": 120,
         "sft_steps": 6, "sft_batch_size": 8, "sft_eval_every": 3, "sft_eval_items": 8, "grpo_steps": 2,
         "grpo_group": 4, "grpo_prompts": 4, "grpo_batch_size": 8, "grpo_save_every": 1, "grpo_eval_items": 8,
         "grpo_max_new_tokens": 32, "grpo_filter_prompts": 0, "eval_heldout": 16, "eval_heldout_ood": 16,
         "eval_other": 2, "eval_cruxeval": 4, "eval_reval": 2, "eval_livecodebench": 2,
         "eval_max_new_tokens": 32, "eval_batch_size": 16, "ablation_sft_steps": 2,
         "ablation_more_sft_steps": 2, "ablation_grpo_steps": 1, "ablation_items": 8,
         "ablation_arms": ["full", "no_grpo", "more_sft", "no_sft"], "benchmarks": "auto"}


@pytest.fixture(scope="module")
def values():
    return params.load("gpu", SMALL | {"time_budget": 4.0})


@pytest.fixture(scope="module")
def folder(tmp_path_factory, values):
    """Results with a finished 00_base, trained in this process within a budget."""
    made = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CR_RESULTS", str(made))
        patch.setattr(base_stage, "workers", lambda values: 0)
        base_stage.run(values)
    return made


@pytest.fixture(autouse=True)
def results(folder, monkeypatch):
    monkeypatch.setenv("CR_RESULTS", str(folder))


def test_the_base_is_trained_measured_and_recorded(values):
    manifest = record.manifest("gpu", paths.BASE)
    made, fitted = manifest["metrics"], manifest["budget"]
    assert fitted["seconds"] == pytest.approx(240 * values["base_share"], abs=0.1)
    assert 1 <= fitted["values"]["base_tokens"] <= made["tokens"] and made["parameters"] > 10_000
    assert min(fitted["measured"].values()) > 0
    assert {"model/model.safetensors", "log.jsonl", budget.FILE} <= set(manifest["outputs"])
    assert manifest["sources"] == sources.of_stage(paths.BASE) and "corpus.py" in manifest["sources"]
    assert manifest["device_seconds"] > 0 and made["attention"] == "mask"
    assert not (paths.stage_dir("gpu", paths.BASE) / "checkpoint.pt").exists()
    told = base_stage.line(manifest)
    assert "unknown for this device" in told and f"{made['tokens']} tokens" in told


def test_tokens_are_those_that_the_slower_of_device_and_workers_can_do(values):
    share = budget.Share(30.0, time.monotonic())
    fit, tried = fits_base.pretraining(values | {"base_tokens": 10**9}, 0, share)
    rate = min(fit.measured["device_tokens_per_s"], fit.measured["document_tokens_per_s"])
    assert 1 <= fit.values["base_tokens"] < 10**9
    assert fit.values["base_tokens"] <= max(1, rate * budget.SPENT * 30.0) and tried.tokens > 0


def test_a_finished_base_is_opened_not_trained(values, monkeypatch):
    monkeypatch.setattr(pretrain, "train", lambda *_: 1 / 0)
    assert base_stage.run(values) == record.manifest("gpu", paths.BASE)
    assert run.plan([paths.BASE], values)[0].act == "skip"
    changed = run.plan([paths.BASE], values | {"base_lr": 0.5})[0]
    assert changed.act == "refuse" and "base_lr" in changed.why


def test_later_stages_start_from_it_and_note_it_as_an_input(values):
    stage = record.start("03_sft", values)
    model = stage.start_model()
    assert model == str(paths.stage_dir("gpu", paths.BASE) / "model")
    assert "00_base/model/model.safetensors" in stage.inputs
    assert record.start("03_sft", params.load("smoke")).start_model() == "shipped"


def test_sft_fits_its_share_and_learns_from_the_new_base(values, tmp_path):
    from cr_utils import distill, exams, sft, synthesis

    sizes = {split: 0 for split in synthesis.SPLITS} | {"train": 40, "validation": 8}
    options = {"seed": 0, "constraints": True, "mutation": True, "max_steps": 16, "grammar": "core"}
    problems = synthesis.synthesize(sizes, options, 0)[0]
    training = [one for one in problems if one["split"] == "train"]
    pairs = distill.plan(training, {"output": 1.0}, 40, 0)
    rows = distill.accepted(distill.chains(pairs, distill.interpreter(), tmp_path / "chains.jsonl",
                                           teacher_name="interpreter"))
    asked = exams.validation(problems, 8)
    stage = record.start("03_sft", values)
    fitted = fits.sft(stage, values, rows, asked, stage.start_model())
    assert 1 <= fitted["sft_steps"] <= 6 and fitted["sft_eval_every"] <= fitted["sft_steps"]
    assert fits.sft(stage, values, None, None, None) == fitted  # found again, not measured again
    summary = sft.train(rows, stage.start_model(), tmp_path / "sft", fitted)
    assert summary["steps"] == fitted["sft_steps"] and summary["rows"] == len(rows)


def test_updates_leave_time_for_validations():
    asked = {"sft_steps": 100, "sft_eval_every": 25, "sft_eval_items": 200}
    found = fits._updates(asked, "sft", "sft_eval_every", 100.0, 1.0, 5.0)
    assert found == {"sft_steps": 80, "sft_eval_every": 20, "sft_eval_items": 200}
    scarce = fits._updates(asked, "sft", "sft_eval_every", 100.0, 1.0, 50.0)
    assert scarce == {"sft_steps": 70, "sft_eval_every": 18, "sft_eval_items": 32}
    grpo = {"grpo_steps": 100, "grpo_save_every": 50, "grpo_eval_items": 10}
    assert fits._updates(grpo, "grpo", "grpo_save_every", 33.0, 1.0, 0.0, 4) == {
        "grpo_steps": 32, "grpo_save_every": 16, "grpo_eval_items": 10}


def test_arms_cost_their_updates_and_their_questions():
    sizes = dict(zip(fits.ARM_SIZES, (10, 100, 5, 50), strict=True))
    pace = {"03_sft": 2.0, "04_grpo": 3.0}
    assert fits.needed(["full"], sizes, pace, 0.1) == pytest.approx(10.0)
    assert fits.needed(["more_sft", "no_sft", "short_sft"], sizes, pace, 0.0) == pytest.approx(200 + 15 + 20)


def test_the_base_belongs_to_profiles_that_train_one(values):
    assert run.select([], "scratch") == [paths.BASE, *paths.STAGES] and run.select([]) == list(paths.STAGES)
    assert run.select(["base", "sft"], "scratch") == [paths.BASE, "03_sft"]
    with pytest.raises(UserError, match="no stage 'base'"):
        run.select(["base"])
    with pytest.raises(UserError, match="starts from shipped"):
        base_stage.run(params.load("smoke"))
    with pytest.raises(UserError, match="-p base_tokens N"):
        base_cli.main(["--profile", "gpu", "--tokens", "5"])
    with pytest.raises(UserError, match="-p goes with --profile"):
        base_cli.main(["-p", "seed", "1"])


@pytest.mark.slow
def test_all_stages_of_the_profile_run_within_the_driver(tmp_path):
    """Pre-training to ablations and the report, by the command that a GPU would get, with small sizes."""
    given = [word for key, one in (SMALL | {"time_budget": 15.0}).items()
             for word in ("-p", key, one if isinstance(one, str) else json.dumps(one))]
    command = [sys.executable, "-m", "cr_utils", "run", "--profile", "gpu", *given]
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          env=os.environ | {"CR_RESULTS": str(tmp_path)})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for stage in (paths.BASE, *paths.STAGES):
        manifest = json.loads((tmp_path / "gpu" / stage / "manifest.json").read_text(encoding="utf-8"))
        assert manifest["budget"]["values"] and manifest["device_seconds"] > 0, stage
    plan = subprocess.run([*command, "--plan"], capture_output=True, text=True, check=True,
                          env=os.environ | {"CR_RESULTS": str(tmp_path)})
    assert plan.stdout.count(" skip ") == 7
    items = jsonl.read(tmp_path / "gpu" / "05_eval" / "items.jsonl")
    assert {item["model"] for item in items} == {"trivial", "base_direct", "base", "sft", "grpo"}
