"""Runs compared: what is read from their records, which runs count, and when the report shows them."""

import json
import struct

import pytest
import simulated

from cr_utils import jsonl, paces, paths, report, scaling


def finish(folder, stage, when="2026-01-02T03:04:05+0000", **changes):
    """Change the manifest of a simulated stage."""
    path = folder / stage / "manifest.json"
    made = json.loads(path.read_text()) if path.is_file() else simulated.manifest(stage, folder.name, {})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(made | {"finished": when} | changes))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A results folder with two runs, one from scratch on a GPU, and a smoke run."""
    made = tmp_path_factory.mktemp("results")
    for n, name in enumerate(("gpu", "tiny", "smoke")):
        folder = simulated.write_run(made / name, name, n=200)
        for stage in paths.STAGES:
            finish(folder, stage, f"2026-01-0{n + 1}T00:00:00+0000")
    gpu = made / "gpu"
    hardware = {"gpus": ["NVIDIA H200"], "processor": "p", "cores": 16}
    finish(gpu, paths.BASE, metrics={"tokens": 10**9, "parameters": 55 * 10**6}, device_seconds=1500.0,
           gpu_peak_memory=50 * 2**30, hardware=hardware)
    finish(gpu, "03_sft", metrics={"parameters": 55 * 10**6, "tokens": 10**7, "tokens_per_s": 4e5},
           device_seconds=300.0, hardware=hardware)
    finish(gpu, "04_grpo", metrics={"rollouts": 20_000}, device_seconds=400.0)
    finish(made / "tiny", "03_sft", metrics={"parameters": 2_100_000, "tokens": 4 * 10**6})
    return made


@pytest.fixture(autouse=True)
def no_reference(monkeypatch, tmp_path):
    """No reference runs beside the simulated ones."""
    monkeypatch.setattr(scaling.paths, "root", lambda: tmp_path)


@pytest.fixture(scope="module")
def frame(root):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scaling.paths, "root", lambda: root / "nowhere")
        return scaling.table(scaling.runs(root)).set_index("run")


def test_runs_that_learn_count_and_copies_count_once(root, tmp_path):
    assert list(scaling.runs(root)) == ["gpu", "tiny"]
    kept = tmp_path / "results" / "reference"
    simulated.write_run(kept / "tiny", "tiny", n=40)
    finish(kept / "tiny", "05_eval", "2026-01-02T00:00:00+0000")  # as the run at hand: its copy
    assert list(scaling.runs(root)) == ["gpu", "tiny"]
    finish(kept / "tiny", "05_eval", "2026-02-02T00:00:00+0000")
    assert list(scaling.runs(root)) == ["gpu", "tiny", "tiny (reference)"]
    (kept / "tiny" / "05_eval" / "manifest.json").unlink()
    assert list(scaling.runs(root)) == ["gpu", "tiny"]


def test_a_row_is_what_the_records_say(root, frame):
    gpu, items = frame.loc["gpu"], jsonl.read(root / "gpu" / "05_eval" / "items.jsonl")
    asked = [i for i in items if (i["model"], i["benchmark"], i["task"]) == ("grpo", "heldout", "output")]
    right = sum(i["verdict"] for i in asked)
    assert gpu["n"] == len(asked) and gpu["accuracy"] == pytest.approx(right / len(asked))
    assert gpu["low"] < gpu["accuracy"] < gpu["high"] and gpu["base"] < gpu["accuracy"]
    assert (gpu["parameters"], gpu["pretraining_tokens"], gpu["sft_tokens"]) == (55 * 10**6, 10**9, 10**7)
    assert gpu["device"] == "NVIDIA H200" and gpu["peak_memory"] == 50 * 2**30 and gpu["rollouts"] == 20_000
    # 01 and 02 recorded no device_seconds: their CPU time stands in, 100 s each.
    assert gpu["device_hours"] == pytest.approx((1500 + 300 + 400 + 200) / 3600)
    gained = 100 * (gpu["accuracy"] - gpu["base"])
    assert gpu["hours_per_point"] == pytest.approx(gpu["device_hours"] / gained)


def test_what_was_not_recorded_is_missing_not_nought(frame):
    tiny = frame.loc["tiny"]
    assert tiny["pretraining_tokens"] != tiny["pretraining_tokens"] and tiny["parameters"] == 2_100_000


def test_an_older_record_counts_cores_or_the_gpus_wall_time():
    old = {"wall_seconds": 50.0, "cpu_seconds": 90.0, "hardware": {"gpus": []}}
    assert scaling.device_seconds(old) == 90.0
    assert scaling.device_seconds(old | {"hardware": {"gpus": ["NVIDIA L4"]}}) == 50.0
    assert scaling.device_seconds(old | {"device_seconds": 7.0}) == 7.0


def test_accuracy_by_length_needs_enough_questions(root):
    results = scaling.runs(root)["gpu"]
    rows = scaling.by_length(results)
    needed = [i["steps_needed"] for i in results.items
              if scaling._asks(i, "grpo", "heldout") and i["steps_needed"]]
    assert 0 < rows["n"].sum() <= len(needed) and (rows["n"] >= scaling.LEAST).all()
    assert (rows["right"] <= rows["n"]).all()


def test_the_report_shows_them_from_two_runs_on(root, tmp_path):
    shown = scaling.section(root)
    assert 'id="figure-scaling"' in shown and "NVIDIA H200" in shown and "<svg" in shown
    assert shown == scaling.section(root)
    assert scaling.section(tmp_path) == ""
    assert scaling.section(simulated.write_run(tmp_path / "one" / "tiny", "tiny", n=8).parent) == ""


def test_the_table_shows_counts_whole_with_separators(root, frame):
    shown = scaling.section(root)
    assert ">1,000,000,000<" in shown and ">2,100,000<" in shown and "000.000" not in shown
    made = scaling.shown(frame.reset_index())
    assert made["pretraining_tokens"].map(type).isin([int, type(None)]).all()
    assert made["peak memory GB"].dropna().max() == 50 * 2**30 / 1e9


def test_the_page_says_what_was_trained_from_scratch(root):
    text = report.build("gpu", root / "gpu").read_text(encoding="utf-8")
    assert "Runs compared" in text and "55 million parameters, from scratch," in text
    assert 'id="run-00_base"' in text and "1000000000" in text


def test_a_training_folder_tells_its_size_and_pace(tmp_path):
    jsonl.write(tmp_path / "log.jsonl", simulated.sft_log(10))
    head = json.dumps({"__metadata__": {}, "a": {"shape": [3, 5]}, "b": {"shape": [7]}}).encode()
    (tmp_path / "model").mkdir()
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(struct.pack("<Q", len(head)) + head)
    told = {"parameters": 22, "train_seconds": 5.0, "tokens": 9000, "tokens_per_s": 1800}
    assert paces.of(tmp_path) == told
    weights.write_bytes(b"torn")
    jsonl.write(tmp_path / "log.jsonl", simulated.grpo_log(10))
    assert paces.of(tmp_path) == {"train_seconds": 20.0, "rollouts": 800, "rollouts_per_s": 40.0}
    assert paces.of(tmp_path / "none") == {}
