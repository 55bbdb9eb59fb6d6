"""Records: the manifest means done, hashes decide, and nothing that was finished is ever lost."""

import json
from collections import namedtuple

import pytest

from cr_utils import jsonl, machine, params, paths, record
from cr_utils.errors import UserError


@pytest.fixture
def values():
    return params.load("smoke")


def finish(values, stage="01_data", rows=({"id": 1},), name="rows.jsonl", needs=()):
    """Run a stage that writes some rows, reading what it needs."""
    run = record.start(stage, values)
    if not run.done:
        for need in needs:
            run.need(*need)
        jsonl.write(run.path(name), list(rows))
    return run.finish([name], {"n": len(rows)})


def kind(values, stage="01_data"):
    return record.state(stage, values).kind


def test_a_manifest_says_all_that_a_reader_asks_for(values):
    made = finish(values)
    assert made == record.manifest("smoke", "01_data")
    assert made["params"] == {key: values[key] for key in params.deciding_keys("01_data")}
    assert made["outputs"]["rows.jsonl"] == machine.sha256(paths.stage_dir("smoke", "01_data") / "rows.jsonl")
    assert made["metrics"] == {"n": 1} and made["seed"] == 0 and made["attempts"] == 1
    assert set(made["code"]) == {"commit", "dirty"} and "python" in made["versions"]
    assert made["hardware"]["cores"] >= 1 and made["peak_memory"] > 2**20
    assert made["wall_seconds"] >= 0 and made["cpu_seconds"] >= 0


def test_states_from_nothing_to_done(values):
    assert kind(values) == "missing"
    run = record.start("01_data", values)
    assert not run.done and kind(values) == "partial"
    finish(values)
    assert record.state("01_data", values).done
    assert record.start("01_data", values).done


def test_a_record_that_is_done_writes_nothing(values):
    finish(values)
    folder = paths.stage_dir("smoke", "01_data")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    run = record.start("01_data", values)
    run.finish(["never.txt"])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_other_stages_parameters_do_not_matter(values):
    finish(values)
    assert kind(values | {"grpo_lr": 0.5}) == "done"
    assert kind(values | {"data_train": 7}) == "params"


def test_changed_parameters_are_refused_and_named(values):
    finish(values)
    with pytest.raises(UserError, match="data_train 200 -> 7.*force"):
        record.start("01_data", values | {"data_train": 7})
    assert kind(values) == "done"


def test_force_moves_the_finished_result_aside(values, capsys):
    finish(values, rows=[{"id": "old"}])
    run = record.start("01_data", values | {"force": True})
    assert not run.done and "earlier" in capsys.readouterr().out
    assert jsonl.read(paths.results("smoke") / "earlier" / "01_data-1" / "rows.jsonl") == [{"id": "old"}]
    finish(values)
    record.start("01_data", values | {"force": True})
    assert (paths.results("smoke") / "earlier" / "01_data-2" / "manifest.json").is_file()


def test_unfinished_work_is_taken_up(values, capsys):
    with jsonl.Appender(record.start("01_data", values).path("rows.jsonl")) as file:
        file.add({"id": 1})
    run = record.start("01_data", values)
    assert "taking up" in capsys.readouterr().out
    with jsonl.Appender(run.path("rows.jsonl")) as file:
        assert file.done == {1}
    assert run.finish(["rows.jsonl"])["attempts"] == 2
    assert not (paths.stage_dir("smoke", "01_data") / "started.json").exists()


def test_unfinished_work_with_other_parameters_is_moved_aside(values):
    jsonl.write(record.start("01_data", values).path("rows.jsonl"), [{"id": 1}])
    other = values | {"data_train": 7}
    assert kind(other) == "abandoned"
    assert not record.start("01_data", other).path("rows.jsonl").exists()
    assert (paths.results("smoke") / "earlier" / "01_data-1" / "rows.jsonl").is_file()


def test_need_verifies_and_notes_its_input(values):
    finish(values)
    run = record.start("02_distill", values)
    path = run.need("01_data", "rows.jsonl")
    assert jsonl.read(path) == [{"id": 1}]
    jsonl.write(run.path("chains.jsonl"), [])
    assert run.finish(["chains.jsonl"])["inputs"] == {"01_data/rows.jsonl": machine.sha256(path)}


def test_need_takes_a_folder_and_checks_every_file(values):
    run = record.start("01_data", values)
    for name in ("model/a.bin", "model/deep/b.bin", "model2/c.bin"):
        run.path(name).write_bytes(name.encode())
    run.finish(["model", "model2"])
    later = record.start("02_distill", values)
    assert later.need("01_data", "model") == paths.stage_dir("smoke", "01_data") / "model"
    assert set(later.inputs) == {"01_data/model/a.bin", "01_data/model/deep/b.bin"}
    (paths.stage_dir("smoke", "01_data") / "model" / "deep" / "b.bin").write_bytes(b"x")
    with pytest.raises(UserError, match="b.bin is changed"):
        later.need("01_data", "model")


@pytest.mark.parametrize(("harm", "words"), [
    (lambda folder: (folder / "manifest.json").unlink(), "01_data is not done"),
    (lambda folder: (folder / "rows.jsonl").unlink(), "rows.jsonl is missing"),
    (lambda folder: (folder / "rows.jsonl").write_text("{}"), "rows.jsonl is changed"),
    (lambda folder: (folder / "manifest.json").write_text("{"), "damaged"),
    (lambda folder: (folder / "manifest.json").write_text("[]"), "damaged"),
])
def test_need_says_what_is_wrong_upstream_and_what_to_run(values, harm, words):
    finish(values)
    harm(paths.stage_dir("smoke", "01_data"))
    with pytest.raises(UserError, match=words) as caught:
        record.start("02_distill", values).need("01_data", "rows.jsonl")
    assert "run" in str(caught.value) and "\n" not in str(caught.value)


def test_all_stages_that_have_to_run_before_are_named(values):
    with pytest.raises(UserError, match="03_sft needs 02_distill/chains.jsonl, but 01_data and 02_distill "
                                        "are not done: run `python -m cr_utils run 01_data 02_distill "
                                        "--profile smoke`"):
        record.start("03_sft", values).need("02_distill", "chains.jsonl")
    finish(values)
    with pytest.raises(UserError, match="but 02_distill and 03_sft and 04_grpo and 05_eval are not done"):
        record.start("06_ablations", values).upstream("03_sft")


def test_need_refuses_what_no_manifest_lists(values):
    finish(values)
    (paths.stage_dir("smoke", "01_data") / "stray.jsonl").write_text("")
    with pytest.raises(UserError, match="did not make"):
        record.start("02_distill", values).need("01_data", "stray.jsonl")


def test_content_decides_whether_a_later_stage_is_out_of_date(values):
    finish(values)
    finish(values, "02_distill", needs=[("01_data", "rows.jsonl")])
    finish_again = values | {"force": True}
    run = record.start("01_data", finish_again)
    jsonl.write(run.path("rows.jsonl"), [{"id": 1}])
    assert kind(values, "02_distill") == "inputs"  # not there while 01 is at work
    run.finish(["rows.jsonl"])
    assert kind(values, "02_distill") == "done"    # the same content again
    run = record.start("01_data", finish_again)
    jsonl.write(run.path("rows.jsonl"), [{"id": 2}])
    run.finish(["rows.jsonl"])
    assert kind(values, "02_distill") == "inputs"
    assert "01_data/rows.jsonl was made again" in record.state("02_distill", values).reason


def test_unfinished_work_on_other_inputs_is_abandoned(values):
    finish(values)
    record.start("02_distill", values).need("01_data", "rows.jsonl")
    assert kind(values, "02_distill") == "partial"
    run = record.start("01_data", values | {"force": True})
    jsonl.write(run.path("rows.jsonl"), [{"id": 2}])
    run.finish(["rows.jsonl"])
    assert kind(values, "02_distill") == "abandoned"


def test_a_changed_output_is_noticed(values):
    finish(values)
    (paths.stage_dir("smoke", "01_data") / "rows.jsonl").write_text("{}\n")
    assert kind(values) == "damaged"


def test_a_damaged_manifest_can_be_forced_away(values):
    finish(values)
    (paths.stage_dir("smoke", "01_data") / "manifest.json").write_text("{")
    assert kind(values) == "damaged"
    assert not record.start("01_data", values | {"force": True}).done
    assert kind(values) == "partial"


def test_a_missing_output_fails_the_finish_and_leaves_no_manifest(values):
    run = record.start("01_data", values)
    with pytest.raises(UserError, match="never.txt"):
        run.finish(["never.txt"])
    assert record.manifest("smoke", "01_data") is None


def test_metrics_that_are_no_json_leave_no_manifest(values):
    run = record.start("01_data", values)
    run.path("x").write_text("x")
    with pytest.raises(ValueError):
        run.finish(["x"], {"loss": float("nan")})
    assert record.manifest("smoke", "01_data") is None


def test_a_full_disk_is_noticed_before_anything_starts(values, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(record.shutil, "disk_usage", lambda path: usage(100, 99, 1))
    with pytest.raises(UserError, match="free some space"):
        record.start("01_data", values)
    assert not paths.stage_dir("smoke", "01_data").exists()


def test_what_is_said_is_kept_unless_the_driver_keeps_it(values, monkeypatch, capsys):
    run = record.start("01_data", values)
    run.say("hello")
    monkeypatch.setenv("CR_DRIVER", "1")
    run.say("again")
    assert capsys.readouterr().out == "hello\nagain\n"
    assert run.path("log.txt").read_text() == "hello\n"


def test_upstream_gives_an_earlier_stages_manifest(values):
    with pytest.raises(UserError, match="01_data"):
        record.start("02_distill", values).upstream("01_data")
    finish(values)
    assert record.start("02_distill", values).upstream("01_data")["metrics"] == {"n": 1}


def test_a_damaged_mark_of_unfinished_work_is_no_obstacle(values):
    record.start("01_data", values)
    (paths.stage_dir("smoke", "01_data") / "started.json").write_text("{")
    assert kind(values) == "missing"
    assert json.loads(json.dumps(finish(values)))["outputs"]


def test_without_git_the_commit_is_unknown(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert machine.git() == {"commit": None, "dirty": None}
