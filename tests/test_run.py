"""The driver, on made-up notebooks: real kernels where death, signals and output matter, else a stand-in."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time

import nbformat
import psutil
import pytest

from cr_utils import __main__ as command
from cr_utils import jsonl, noise, params, paths, record, run
from cr_utils.errors import UserError

START = "from cr_utils import jsonl, params, progress, record"
RECORD = "run = record.start({stage!r}, params.collect(globals()))"
SLOW = """
import os, time
run.path("kernel.pid").write_text(str(os.getpid()))
with jsonl.Appender(run.path("rows.jsonl")) as file, progress.Progress("rows", 6, "rows", seconds=0) as bar:
    for i in range(6):
        if file.add({"id": i, "pid": os.getpid()}):
            time.sleep(0.3)
        bar.update(len(file.rows), loss=0.5)
"""
FINISH = "run.finish(['rows.jsonl'])"


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Write a notebook for a stage: make(stage, *cells) in a folder that stands in for notebooks/."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    monkeypatch.setenv("CR_NOTEBOOKS", str(folder))
    monkeypatch.setenv("CR_PROGRESS_SECONDS", "0")

    def write(stage, *cells, parameters=None):
        text = params.cell(stage) if parameters is None else parameters
        tagged = nbformat.v4.new_code_cell(text, metadata={"tags": ["parameters"]})
        rest = [START, RECORD.format(stage=stage), *cells]
        made = nbformat.v4.new_notebook(cells=[tagged, *map(nbformat.v4.new_code_cell, rest)])
        made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(made, folder / f"{stage}.ipynb")
    return write


def start(*words):
    """The driver as a process of its own, its output in one stream."""
    return subprocess.Popen([sys.executable, "-m", "cr_utils", "run", "--profile", "smoke", *words],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def drive(*words):
    """Run the driver to its end: exit code and output lines."""
    with start(*words) as child:
        text, _ = child.communicate(timeout=280)
    return child.returncode, text.splitlines()


def stage(name="01_data"):
    return paths.stage_dir("smoke", name)


def gone(pid, seconds=15.0):
    """Whether a process ends within some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.1)
                continue
        return True
    return False


def interrupt(child, number):
    """Send a signal to a driver once its stage is half-way; the output lines, and the kernel's process id."""
    lines = []
    for line in child.stdout:
        lines.append(line.rstrip())
        if "rows 3/6" in line:
            child.send_signal(number)
            break
    lines += child.stdout.read().splitlines()
    child.wait(timeout=60)
    return lines, int((stage() / "kernel.pid").read_text())


def test_a_stage_runs_with_live_lines_and_leaves_its_record(make):
    make("01_data", SLOW, "print('a line\\n01_data: another'); import sys; print('a complaint', "
                          "file=sys.stderr)", FINISH)
    code, lines = drive("01_data")
    assert code == 0, lines
    assert all(line.startswith("[01_data] ") for line in lines)
    assert any("rows 3/6" in line and "ETA" in line and "loss 0.5" in line for line in lines)
    assert "[01_data] a line" in lines and "[01_data] a complaint" in lines and "[01_data] another" in lines
    assert not [line for line in lines if "TCP" in line or "WARNING" in line]
    assert sorted(path.name for path in stage().iterdir()) == [
        "01_data.ipynb", "kernel.pid", "log.txt", "manifest.json", "rows.jsonl"]
    assert "rows 6/6" in (stage() / "log.txt").read_text(encoding="utf-8")
    executed = nbformat.read(stage() / "01_data.ipynb", as_version=4)
    assert str(paths.root()) not in str(executed.metadata)
    assert any("profile = \"smoke\"" in cell.source for cell in executed.cells)
    code, lines = drive("01_data")
    assert (code, lines) == (0, ["[01_data] finished before, skipped"])


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_takes_its_kernel_along_and_continues_where_it_was(make, number, expected):
    make("01_data", SLOW, FINISH)
    with start("01") as child:
        lines, kernel = interrupt(child, number)
    assert child.returncode == expected, lines
    assert gone(kernel, 3)
    assert not (stage() / "manifest.json").exists()
    kept = len((stage() / "rows.jsonl").read_text().splitlines())
    assert kept >= 3
    code, lines = drive("01")
    assert code == 0 and any("taking up" in line for line in lines), lines
    rows = jsonl.read(stage() / "rows.jsonl")
    assert [row["id"] for row in rows] == list(range(6))
    assert len({row["pid"] for row in rows[:3]}) == 1 and rows[0]["pid"] != rows[-1]["pid"]
    assert record.manifest("smoke", "01_data")["attempts"] == 2


def test_a_killed_driver_leaves_no_kernel_behind(make):
    make("01_data", SLOW, "time.sleep(60)", FINISH)
    with start("01") as child:
        _, kernel = interrupt(child, signal.SIGKILL)
    assert gone(kernel)


@pytest.mark.parametrize(("cell", "code", "words"), [
    ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 1, ["kernel died", "log.txt", "memory"]),
    ("raise record.UserError('no data in X: get it')", 2, ["01_data: no data in X: get it"]),
    ("raise record.UserError('01_data needs X: get it')", 2, ["error: 01_data needs X: get it"]),
    ("1 / 0", 1, ["ZeroDivisionError: division by zero", "log.txt", "01_data.failed.ipynb"]),
    ("print('no finish')", 1, ["without finishing its record"]),
])
def test_a_failing_stage_says_what_and_what_to_do_and_stops_the_run(make, cell, code, words):
    make("01_data", cell)
    make("02_distill", "print('never')")
    got, lines = drive("01", "02")
    assert got == code
    said = [line for line in lines if not line.startswith("[")]
    assert len(said) == (1 if code == 2 else 2) and said[0].startswith("error: "), lines
    for word in words:
        assert word in "\n".join(said)
    assert not (stage() / "manifest.json").exists() and not stage("02_distill").exists()
    assert (stage() / "01_data.failed.ipynb").is_file() and not (stage() / "01_data.ipynb").exists()


def test_debug_shows_the_trace_of_the_cell(make):
    make("01_data", "numerator = 1\nnumerator / 0")
    code, lines = drive("01", "--debug")
    assert code == 1 and any("numerator / 0" in line for line in lines)


# From here on a stand-in for the child: it makes the record itself, and counts.

@pytest.fixture
def fake(make, monkeypatch):
    """Three stages without kernels: calls is what ran with which values; content the rows that 01 writes."""
    class Fake:
        calls, content = [], [{"id": 1}]
        needs = {"01_data": [], "02_distill": ["01_data"], "03_sft": ["02_distill"]}

    def execute(name, target, values, log):
        Fake.calls.append(name)
        log.write_text("log\n")
        job = record.start(name, values | {"force": False})
        for need in Fake.needs[name]:
            job.need(need, "rows.jsonl")
        jsonl.write(job.path("rows.jsonl"), Fake.content if name == "01_data" else [{"id": name}])
        job.finish(["rows.jsonl"])
        target.write_text('{"cells": [], "metadata": {}}')
        return {"kind": "ok", "message": "", "trace": ""}

    Fake.calls, Fake.content = [], [{"id": 1}]
    for name in Fake.needs:
        make(name)
    monkeypatch.setattr(run, "_execute", execute)
    monkeypatch.setattr(run.signal, "signal", lambda *_: None)
    return Fake


STAGES = ("01", "02", "03")


def again(fake, *words):
    """Run the driver in this process: names of the stages that ran."""
    fake.calls.clear()
    assert run.main([*STAGES, "--profile", "smoke", *words]) == 0
    return list(fake.calls)


def test_finished_stages_are_skipped(fake):
    assert again(fake) == ["01_data", "02_distill", "03_sft"]
    assert again(fake) == []


def test_only_declared_keys_are_handed_over_and_never_force(make):
    make("01_data", parameters="profile: str = 'tiny'\nseed: int = 0\nforce: bool = False\nother: int = 1")
    values = params.load("smoke", {"seed": 5, "force": True})
    assert run.handed("01_data", values) == {"profile": "smoke", "seed": 5}


def test_a_notebook_sees_what_the_driver_was_told_beside_what_it_declares(make):
    make("01_data", "seen = [run.params[key] for key in ('sft_steps', 'data_train', 'force')]",
         "run.path('rows.jsonl').write_text(repr(seen))", FINISH)
    code, lines = drive("01", "-p", "sft_steps", "3", "-p", "data_train", "4", "--force")
    assert code == 0, lines
    assert (stage() / "rows.jsonl").read_text() == "[3, 4, False]"


def test_a_changed_parameter_is_refused_until_update_and_costs_only_what_depends_on_it(fake):
    again(fake)
    by_make = "`make reproduce PROFILE=smoke ARGS='--update 01 02 03 -p sft_steps 4'`"
    with pytest.raises(UserError, match=f"03_sft.*sft_steps 6 -> 4.*--update.*{by_make}"):
        again(fake, "-p", "sft_steps", "4")
    assert fake.calls == []
    assert again(fake, "-p", "sft_steps", "4", "--update") == ["03_sft"]
    assert (paths.results("smoke") / "earlier" / "03_sft-1" / "manifest.json").is_file()


def test_a_stage_made_again_drags_later_ones_along_only_if_it_differs(fake):
    again(fake)
    fake.calls.clear()
    run.main(["01", "--profile", "smoke", "--force"])
    assert again(fake) == []
    fake.content = [{"id": 2}]
    run.main(["01", "--profile", "smoke", "--force"])
    assert again(fake) == ["02_distill"]  # which writes the same as before, so 03 stands


def test_a_damaged_result_is_refused_until_update(fake):
    again(fake)
    (stage() / "rows.jsonl").write_text("{}\n")
    with pytest.raises(UserError, match="01_data.*rows.jsonl is missing or changed"):
        again(fake)
    assert again(fake, "--update") == ["01_data"]
    (stage() / "manifest.json").write_text("{")
    with pytest.raises(UserError, match="01_data.*manifest.json is damaged"):
        again(fake)
    assert again(fake, "--update") == ["01_data"]


def test_the_plan_tells_what_and_why_and_runs_nothing(fake, capsys):
    def shown(*words):
        capsys.readouterr()
        assert again(fake, "--plan", *words) == []
        out, err = capsys.readouterr()
        lines = [line.split(None, 2) for line in out.splitlines()]
        stages = [line for line in lines if line[0] in paths.STAGES]
        # the total stands last, on standard output as all of the plan
        assert err == "" and lines[:len(stages)] == stages
        assert ("nothing was run" in out) == ("run" in {line[1] for line in stages})
        return stages
    assert [(line[0], line[1]) for line in shown()] == [
        ("01_data", "run"), ("02_distill", "run"), ("03_sft", "run")]
    assert not paths.results("smoke").exists()
    again(fake)
    assert {line[1] for line in shown()} == {"skip"}
    assert [line[1] for line in shown("--force")] == ["run"] * 3
    lines = shown("-p", "data_train", "7")
    assert lines[0][1:] == ["refuse", "parameters changed: data_train 200 -> 7"]
    lines = shown("-p", "data_train", "7", "--update")
    assert [line[1] for line in lines] == ["run", "skip", "skip"] and "01_data" in lines[1][2]


def test_the_remedy_keeps_the_users_words(fake, capsys):
    assert params.with_words("smoke", ("--update", "-p", "grpo_steps", "3")) == (
        "`make reproduce PROFILE=smoke ARGS='--update -p grpo_steps 3'`, or "
        "`python -m cr_utils run --profile smoke --update -p grpo_steps 3`")
    assert params.with_words("tiny", ("-p", "grpo_tasks", "[output, input]")) == (
        "`make reproduce ARGS='-p grpo_tasks \"[output, input]\"'`, or "
        "`python -m cr_utils run -p grpo_tasks '[output, input]'`")
    assert "make" not in params.with_words("tiny", ("-p", "sft_chains", "['a']"))
    again(fake)
    capsys.readouterr()
    assert again(fake, "--plan", "-p", "data_train", "7") == []
    assert capsys.readouterr().out.splitlines()[3].startswith("refused as it stands: add --update (`make rep")


@pytest.mark.parametrize("words", [[], ["--plan"]])
def test_benchmarks_that_are_not_there_are_refused_first(fake, words, tmp_path, monkeypatch):
    paths.notebook("05_eval").write_text(paths.notebook("03_sft").read_text())
    monkeypatch.setenv("CR_BENCHMARKS", str(tmp_path))
    with pytest.raises(UserError, match="cruxeval.jsonl is not in .*or set benchmarks to auto"):
        run.main(["01", "05", "--profile", "smoke", "-p", "benchmarks", "require", *words])
    monkeypatch.setenv("CR_BENCHMARKS", str(tmp_path / "none"))
    with pytest.raises(UserError, match="CR_BENCHMARKS=.* is not a folder"):
        run.main(["01", "05", "--profile", "smoke", *words])
    assert fake.calls == [] and again(fake, *words) == ([] if words else ["01_data", "02_distill", "03_sft"])


def test_a_kernel_that_did_not_start_is_tried_once_more(fake, monkeypatch):
    works, tries = run._execute, []

    def clash(*given):
        tries.append(given)
        return {"kind": "start", "message": "ZMQError: Address already in use", "trace": ""} \
            if len(tries) == 1 else works(*given)
    monkeypatch.setattr(run, "_execute", clash)
    assert run.main(["01", "--profile", "smoke"]) == 0 and len(tries) == 2
    monkeypatch.setattr(run, "_execute", lambda *given: {"kind": "start", "message": "no", "trace": ""})
    with pytest.raises(run.StageError, match="did not start"):
        run.main(["02", "--profile", "smoke"])


@pytest.mark.parametrize("text", [None, "", '{"kind": "o'])
def test_a_report_that_was_torn_off_is_that_of_a_process_that_was_killed(tmp_path, text):
    path = tmp_path / "report.json"
    path.write_text(text) if text is not None else None
    assert run._reported(path)["kind"] == "gone"


def test_a_second_driver_keeps_out(fake):
    with run.only_one("smoke"), pytest.raises(UserError, match="another run is at work"):
        again(fake)
    assert again(fake) == ["01_data", "02_distill", "03_sft"]


def test_a_missing_notebook_is_said_before_anything_runs(fake):
    paths.notebook("03_sft").unlink()
    with pytest.raises(UserError, match="03_sft.ipynb is missing"):
        again(fake)
    assert fake.calls == []


def test_a_full_disk_stops_before_the_stage(fake, monkeypatch):
    monkeypatch.setattr(record, "MIN_FREE", 2**62)
    with pytest.raises(UserError, match="free some space"):
        again(fake)
    assert fake.calls == []


@pytest.mark.parametrize(("names", "stages"), [
    ([], list(paths.STAGES)), (["sft", "01"], ["01_data", "03_sft"]), (["03_sft", "03"], ["03_sft"]),
])
def test_stages_may_be_named_in_short_and_run_in_order(names, stages):
    assert run.select(names) == stages


def test_an_unknown_stage_names_the_nearest():
    with pytest.raises(UserError, match="did you mean 03_sft"):
        run.select(["03_stf"])


@pytest.mark.parametrize(("words", "said"), [
    (["run", "--profile", "tinny"], "did you mean tiny?"),
    (["run", "-p", "sft_lrr", "1"], "did you mean sft_lr?"),
    (["run", "-p", "sft_lr", "fast"], "expected float"),
    (["run", "-p", "profile", "smoke"], "--profile"),
    (["run", "07_more"], "no stage"),
    (["rnu"], "did you mean run?"),
    *(([command, "--profile", "tiyn"], "did you mean tiny?")
      for command in ("report", "figures", "check", "verify-figures", "crate", "checklists", "estimate")),
])
def test_a_users_mistake_is_one_line_and_exit_code_2(words, said, capsys):
    assert command.main(words) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("error: ") and said in err


def test_anything_unexpected_is_two_lines_and_exit_code_1(monkeypatch, capsys):
    def fail(words):
        raise ValueError("a\nb")
    monkeypatch.setattr(run, "main", fail)
    assert command.main(["run"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: ValueError: a b\n") and err.count("\n") == 2 and ".cache/error.log" in err
    assert command.main(["run", "--debug"]) == 1
    assert "in fail" in capsys.readouterr().err


def test_interrupting_any_command_is_130(monkeypatch, capsys):
    def stop(words):
        raise KeyboardInterrupt
    monkeypatch.setattr(run, "main", stop)
    assert command.main(["run"]) == 130
    assert capsys.readouterr().err.count("\n") == 1


def test_help_lists_every_command(capsys):
    assert command.main([]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in command.COMMANDS)


@pytest.mark.parametrize("line", ["", "  ", " 10%|█         | 1/10 [00:00<00:01]",
                                  "[IPKernelApp] WARNING | Kernel is running over TCP without encryption."])
def test_noise_is_recognised(line):
    assert noise.is_noise(line)


@pytest.mark.parametrize("line", ["items 10/20 · 50%", "UserWarning: mind this", "loss 0.5 | lr 1e-3"])
def test_what_may_matter_is_no_noise(line):
    assert not noise.is_noise(line)


def test_the_hubs_retries_are_hushed_and_only_inside():
    logger = logging.getLogger(noise.HUB)
    before = logger.getEffectiveLevel()
    with noise.hub_hushed():
        assert not logger.isEnabledFor(logging.WARNING) and logger.isEnabledFor(logging.ERROR)
    assert logger.getEffectiveLevel() == before


def test_the_kinds_of_data_command_are_listed_and_work(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("CR_BENCHMARKS", str(tmp_path))
    assert {"data status", "data fetch", "data coverage"} <= set(command.COMMANDS)
    assert command.main(["data", "status"]) == 0 and "cruxeval" in capsys.readouterr().out
    assert command.main(["data", "fetch", "cruxeval"]) == 2 and "put it there" in capsys.readouterr().err


def test_kill_tree_ends_processes_that_ignore_kindness():
    code = ("import os, signal, subprocess, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "child = subprocess.Popen(['sleep', '60'], start_new_session=True)\n"
            "print(child.pid, flush=True)\ntime.sleep(60)\n")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        below = int(parent.stdout.readline())
        run.kill_tree(parent.pid, patience=0.5)
        assert gone(below, 1) and gone(parent.pid, 1)
    run.kill_tree(parent.pid)  # nothing there: nothing happens


def test_the_package_loads_without_torch_or_papermill():
    code = "import sys, cr_utils, cr_utils.__main__, cr_utils.run; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ).returncode == 0
