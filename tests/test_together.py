"""Two processes train as one would: the same losses, the same gradient, and nothing written twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from test_grpo import base  # noqa: F401 - a fixture

from cr_utils import distributed, models
from cr_utils.errors import UserError

SCRIPT = str(Path(__file__).with_name("together.py"))


def torchrun(count, *words):
    """Run together.py in `count` processes (one: without a launcher); its output."""
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={count}"]
    start = start if count > 1 else [sys.executable]
    env = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [*start, SCRIPT, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def rows(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one(base, tmp_path):  # noqa: F811
    for count in (1, 2):
        torchrun(count, "sft", base, tmp_path / str(count))
    one, two = rows(tmp_path / "1"), rows(tmp_path / "2")
    losses = [[row["loss"] for row in log if "loss" in row] for log in (one, two)]
    assert len(losses[0]) == 4 and losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert [row["step"] for row in one] == [row["step"] for row in two]
    a, b = (models.load(str(tmp_path / name / "model"))[0].state_dict() for name in "12")
    assert all(torch.allclose(a[name], b[name], atol=1e-5) for name in a)


@pytest.mark.slow
def test_two_processes_have_the_gradient_of_one(base, tmp_path):  # noqa: F811
    for count in (1, 2):
        torchrun(count, "grpo", base, tmp_path / str(count))
    start, one, two = (models.load(str(folder))[0].state_dict() for folder in
                       (base, tmp_path / "1" / "model", tmp_path / "2" / "model"))
    assert any(not torch.equal(start[name], one[name]) for name in start)
    for name in start:
        moved = float((one[name] - start[name]).abs().max())
        assert torch.allclose(one[name], two[name], atol=max(1e-6, 1e-3 * moved)), name
    whole, parts = (sorted(p for file in sorted((tmp_path / name).glob("asked-*.json"))
                           for p in json.loads(file.read_text())) for name in "12")
    assert len(list((tmp_path / "2").glob("asked-*.json"))) == 2
    assert whole == parts and len(whole) == 16  # every rollout made once, by one of the two
    assert rows(tmp_path / "1")[0]["reward"] == pytest.approx(rows(tmp_path / "2")[0]["reward"])


def test_the_number_of_processes_must_be_the_profiles(monkeypatch):
    distributed.start({})
    with pytest.raises(UserError, match="asks for 8 processes and 1 started"):
        distributed.start({"gpus": 4, "nodes": 2})
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="asks for 1 processes and 2 started"):
        distributed.start(None)


def test_sharding_must_be_the_profiles(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(UserError, match="with it"):
        distributed.start({})
    monkeypatch.delenv("ACCELERATE_USE_FSDP")
    with pytest.raises(UserError, match="fsdp2.*without it"):
        distributed.start({"sharding": "fsdp2"})


def test_one_process_hands_results_to_itself():
    assert distributed.from_first(lambda: 3) == 3 and distributed.first()
    with pytest.raises(KeyError):
        distributed.from_first(lambda: {}["x"])
