"""Parameters: every profile loads; every mistake is one line that names the key and what to write instead."""

import json

import pytest
import yaml

from cr_utils import params, paths
from cr_utils.errors import UserError
from cr_utils.schema import REQUIRED, SCHEMA, STAGE_KEYS


def message(overrides=None, profile="tiny"):
    with pytest.raises(UserError) as caught:
        params.load(profile, overrides)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of params/tiny.yaml as profile `mine`, in a folder that stands in for params/."""
    values = yaml.safe_load((paths.params_dir() / "tiny.yaml").read_text(encoding="utf-8"))
    made = tmp_path / "params"
    made.mkdir()
    monkeypatch.setattr(paths, "params_dir", lambda: made)

    def write(text=None, without=(), **changes):
        merged = values | {"profile": "mine"} | changes
        kept = {key: value for key, value in merged.items() if key not in without}
        (made / "mine.yaml").write_text(text or yaml.safe_dump(kept), encoding="utf-8")
    write()
    return write


@pytest.mark.parametrize("profile", params.profiles())
def test_every_profile_loads_with_every_key_of_the_right_type(profile):
    values = params.load(profile)
    assert list(values) == list(SCHEMA)
    assert values["profile"] == profile
    assert {key for key, value in values.items() if type(value) is not SCHEMA[key].type} == set()


def test_smoke_and_tiny_exist_and_other_files_are_no_profiles():
    assert {"smoke", "tiny"} <= set(params.profiles())
    assert not {"base", "constraints"} & set(params.profiles())


def test_every_key_has_a_sentence_and_a_default_of_its_type():
    for key, spec in SCHEMA.items():
        assert spec.help and len(spec.help) < 90, key
        assert spec.default is REQUIRED or type(spec.default) is spec.type, key


def test_every_key_belongs_to_a_stage():
    reached = {key for stage in STAGE_KEYS for key in params.stage_keys(stage)}
    assert reached == set(SCHEMA)


def test_overrides_win_and_ints_become_floats():
    values = params.load("tiny", {"sft_lr": 1, "seed": 7})
    assert values["seed"] == 7 and values["sft_lr"] == 1.0 and type(values["sft_lr"]) is float


def test_loaded_values_are_nobody_elses():
    params.load("tiny")["grpo_extra"]["x"] = 1
    assert params.load("tiny")["grpo_extra"] == {}


@pytest.mark.parametrize(("overrides", "words"), [
    ({"sft_lrr": 0.1}, ["sft_lrr", "did you mean sft_lr?"]),
    ({"sft_lr": "1e-6"}, ["sft_lr", "'1e-6'", "write 1.0e-6"]),
    ({"sft_lr": "2e3"}, ["sft_lr", "write 2.0e+3"]),
    ({"sft_lr": "fast"}, ["sft_lr", "'fast'", "expected float"]),
    ({"sft_steps": 2.5}, ["sft_steps", "expected int"]),
    ({"sft_steps": True}, ["sft_steps", "expected int"]),
    ({"data_mutation": 1}, ["data_mutation", "expected bool"]),
    ({"sft_steps": 0}, ["sft_steps", "at least 1"]),
    ({"eval_cruxeval": 801}, ["eval_cruxeval", "between 0 and 800"]),
    ({"sft_lr": float("nan")}, ["sft_lr", "between"]),
    ({"benchmarks": "autto"}, ["benchmarks", "did you mean auto?"]),
    ({"grpo_tasks": ["output", "imput"]}, ["grpo_tasks", "did you mean input?"]),
    ({"grpo_tasks": []}, ["grpo_tasks", "empty"]),
    ({"grpo_tasks": ["output", "output"]}, ["grpo_tasks", "twice"]),
    ({"distill_mix": {"output": 0.5}}, ["distill_mix", "sum to 1"]),
    ({"distill_mix": {"output": 2, "input": -1}}, ["distill_mix", "at least 0"]),
    ({"distill_mix": {"output": "all"}}, ["distill_mix"]),
    ({"distill_mix": {"outptu": 1.0}}, ["distill_mix", "did you mean output?"]),
    ({"distill_styles": {"facts": 0.5}}, ["distill_styles", "sum to 1"]),
    ({"distill_styles": {"fact": 1.0}}, ["distill_styles", "did you mean facts?"]),
    ({"grpo_prompts": 16, "grpo_group": 8, "grpo_batch_size": 96}, ["grpo_prompts * grpo_group = 128", "96"]),
    ({"grpo_prompts": 16, "grpo_group": 8, "grpo_batch_size": 64, "grpo_updates": 4, "grpo_save_every": 4},
     ["multiple", "256"]),
    ({"grpo_batch_size": 16, "grpo_updates": 2, "grpo_save_every": 5}, ["grpo_save_every", "grpo_updates"]),
    ({"grpo_steps": 5, "grpo_save_every": 10}, ["grpo_save_every", "grpo_steps"]),
])
def test_a_bad_value_is_one_line_that_says_what_to_do(overrides, words):
    text = message(overrides)
    for word in words:
        assert word in text


def test_unknown_profile_names_the_nearest():
    assert "did you mean tiny?" in message(profile="tinny")
    assert "known:" in message(profile="zzzzzz")


def test_a_profile_cannot_reach_outside_its_folder():
    assert "no profile" in message(profile="../params/tiny")


def test_yaml_reads_1e_6_as_text_and_the_message_says_so(folder):
    folder(sft_lr="1e-6")
    assert "write 1.0e-6" in message(profile="mine")


def test_damaged_files_are_one_line(folder):
    folder(text="sft_lr: [1,\nx")
    assert "not YAML" in message(profile="mine")
    folder(text="- a\n- b\n")
    assert "key: value" in message(profile="mine")


def test_a_missing_required_key_is_named(folder):
    folder(without=["sft_steps"])
    assert "sft_steps" in message(profile="mine")


def test_a_profile_that_names_itself_otherwise_is_refused(folder):
    folder(profile="tiny")
    assert "profile: mine" in message(profile="mine")


@pytest.mark.parametrize(("key", "text", "value"), [
    ("sft_lr", "1e-6", 1e-6), ("sft_steps", "5", 5), ("data_mutation", "false", False),
    ("model", "123", "123"),
    ("grpo_tasks", "[output]", ["output"]), ("distill_mix", "{output: 1.0}", {"output": 1.0}),
])
def test_command_line_values_are_read_by_the_type_of_their_key(key, text, value):
    assert params.parse_value(key, text) == value


def test_command_line_values_that_cannot_be_read():
    for key, text in (("sft_lr", "fast"), ("grpo_tasks", "[output"), ("nokey", "1")):
        with pytest.raises(UserError, match=key):
            params.parse_value(key, text)


def test_stage_keys_are_common_ones_and_own_ones():
    keys = params.stage_keys("03_sft")
    assert {"profile", "seed", "force", "model", "sft_lr"} <= set(keys)
    assert not any(key.startswith(("data_", "grpo_", "eval_")) for key in keys)
    with pytest.raises(UserError, match="did you mean 03_sft"):
        params.stage_keys("03_stf")


def notebook(tmp_path, source, tags=("parameters",)):
    cells = [{"cell_type": "code", "metadata": {"tags": list(tags)}, "source": [source]}]
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    return path


@pytest.mark.parametrize("stage", STAGE_KEYS)
def test_the_generated_cell_agrees_with_itself(tmp_path, stage):
    path = notebook(tmp_path, params.cell(stage))
    assert params.validate_notebook_defaults(path, stage) == []
    assert params.notebook_keys(path) == params.stage_keys(stage)


def test_a_cell_that_differs_from_the_profile_is_described(tmp_path):
    text = params.cell("03_sft").replace("sft_lr: float", "sft_rl: float")
    text = text.replace("seed: int = 0", "seed: int = 1").replace("force: bool = False", "force: int = 0")
    faults = "\n".join(params.validate_notebook_defaults(notebook(tmp_path, text), "03_sft"))
    for words in ("sft_lr is not declared", "sft_rl does not belong", "seed is 1", "force is 0"):
        assert words in faults


@pytest.mark.parametrize("source", ["import os", "x = compute()", "x: int", "a, b = 1, 2", "x ="])
def test_a_parameters_cell_holds_literals_only(tmp_path, source):
    with pytest.raises(UserError, match="literal"):
        params.notebook_values(notebook(tmp_path, source))


def test_a_notebook_needs_one_parameters_cell(tmp_path):
    with pytest.raises(UserError, match="exactly one"):
        params.notebook_values(notebook(tmp_path, "x = 1", tags=()))
    with pytest.raises(UserError, match="no readable notebook"):
        params.notebook_values(tmp_path / "none.ipynb")


def test_collect_takes_a_notebooks_values_over_the_profiles():
    values = params.collect({"profile": "smoke", "sft_steps": 3, "unrelated": object()})
    assert values["profile"] == "smoke" and values["sft_steps"] == 3
    assert values["data_train"] == params.load("smoke")["data_train"]


def test_collect_takes_what_the_driver_was_told_for_keys_that_a_cell_leaves_out(monkeypatch):
    told = params.load("smoke", {"sft_lr": 0.5, "grpo_lr": 0.25})
    monkeypatch.setenv("CR_PARAMETERS", json.dumps(told))
    values = params.collect({"profile": "smoke", "sft_lr": 0.1})
    assert values["sft_lr"] == 0.1 and values["grpo_lr"] == 0.25
    assert params.collect({"profile": "tiny"}) == params.load("tiny")


def test_another_profile_in_the_cell_is_meant_as_a_whole(monkeypatch):
    cell = {key: params.load("tiny")[key] for key in params.stage_keys("03_sft")}
    assert params.collect(cell | {"profile": "colab"}) == params.load("colab")
    changed = params.collect(cell | {"profile": "colab", "sft_lr": 0.1})
    assert changed == params.load("colab", {"sft_lr": 0.1})
    told = params.load("smoke", {"sft_lr": 0.002, "sft_batch_size": 32})  # tiny's, and meant
    monkeypatch.setenv("CR_PARAMETERS", json.dumps(told))
    assert params.collect({key: told[key] for key in cell}) == told


def test_what_decides_a_stage_is_what_it_declares_and_for_the_ablations_the_earlier_stages():
    assert params.deciding_keys("03_sft") == [
        key for key in params.stage_keys("03_sft") if key not in ("profile", "force")]
    keys = set(params.deciding_keys("06_ablations"))
    assert {"sft_lr", "grpo_lr", "data_train", "eval_max_new_tokens"} <= keys
    assert "eval_cruxeval" not in keys


def test_writing_cells_into_notebooks_changes_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setenv("CR_NOTEBOOKS", str(tmp_path))
    other = {"cell_type": "markdown", "id": "é", "metadata": {}, "source": ["# é\n", "text"]}
    old = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": ["seed: int = 9"]}
    path = paths.notebook("03_sft")
    path.write_text(json.dumps({"cells": [other, old], "nbformat": 4}, indent=1, ensure_ascii=False) + "\n")
    assert params.main(["--write"]) == 0
    text = path.read_text(encoding="utf-8")
    assert params.validate_notebook_defaults(path, "03_sft") == []
    assert json.loads(text)["cells"][0] == other and '"é"' in text
    assert params.main(["--write"]) == 0 and path.read_text(encoding="utf-8") == text


def test_the_command_prints_knobs_and_cells(capsys):
    assert params.main([]) == 0
    assert "grpo_lr" in capsys.readouterr().out
    assert params.main(["--cell", "03_sft"]) == 0
    assert capsys.readouterr().out.strip() == params.cell("03_sft")


def test_one_key_asks_all_rows_of_the_real_benchmarks():
    whole = params.load("tiny", {"eval_whole": True, "eval_livecodebench": 0})
    assert [whole[key] for key in ("eval_cruxeval", "eval_reval", "eval_livecodebench")] == [800, 3152, 0]
    few = params.load("tiny")
    assert {key for key in whole if whole[key] != few[key]} == {"eval_whole", "eval_cruxeval", "eval_reval",
                                                                "eval_livecodebench"}


def test_a_word_like_none_of_the_known_suggests_none():
    assert params.nearest("frobnicate", ["crate", "run"]) == "known: crate, run"
    assert params.nearest("crat", ["crate", "run"]) == "did you mean crate?"
