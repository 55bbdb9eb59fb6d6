"""Tracking beside log.jsonl: off by default, a clear message where the package is missing, else its curves.

The trackers are no part of the environment: what needs one is skipped without it, here or for the interpreter
that CR_TRACKING_PYTHON names (a virtual environment with them; docs/real_models.md has the commands).
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_models import write

from cr_utils import sft, training
from cr_utils.errors import UserError


def test_nothing_is_tracked_by_default(tmp_path):
    assert training.tracker("none", tmp_path) == "none"


@pytest.mark.parametrize("name", ["tensorboard", "trackio", "wandb"])
def test_a_missing_package_is_named_before_anything_trains(tmp_path, monkeypatch, name):
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None)
    with pytest.raises(UserError, match=f"report_to {name}.*pip install {name}"):
        training.tracker(name, tmp_path)


def test_tensorboard_curves_survive_the_checkpoints(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    from test_sft import PARAMS, ROWS

    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", "")
    base = write(tmp_path / "base", spread=0.1)
    sft.train(ROWS, base, tmp_path / "out", PARAMS | {"sft_steps": 2, "report_to": "tensorboard"})
    assert list((tmp_path / "out" / "tensorboard").rglob("events.out.tfevents*"))


PYTHON = os.environ.get("CR_TRACKING_PYTHON", sys.executable)
TRAIN = """
import sys
sys.path.insert(0, sys.argv[3])
from test_grpo import PARAMS as G, QUESTIONS, reward
from test_sft import PARAMS as S, ROWS
from cr_utils import grpo, sft
from tiny_models import write
name, out = sys.argv[1:3]
base = write(out + "/base", spread=0.1)
wanted = {"report_to": name}
sft.train(ROWS, base, out + "/sft", S | wanted | {"sft_steps": 2})
grpo.train(QUESTIONS, base, out + "/grpo", G | wanted | {"grpo_steps": 1, "grpo_save_every": 1}, None, reward)
"""
WRITTEN = {"tensorboard": "*/tensorboard/**/events.out.tfevents*", "trackio": "trackio/*.db",
           "wandb": "wandb/**/run-*.wandb"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tensorboard", "trackio", "wandb"])
def test_each_tracker_gets_the_curves_of_both_trainings(tmp_path, name):
    """Each writes on this machine: nothing is sent anywhere."""
    if subprocess.run([PYTHON, "-c", f"import {name}"], capture_output=True, timeout=300).returncode:
        pytest.skip(f"{PYTHON} has no {name}: pip install it, or set CR_TRACKING_PYTHON")
    here = {"WANDB_MODE": "offline", "WANDB_DIR": str(tmp_path), "TRACKIO_DIR": str(tmp_path / "trackio"),
            "HF_HUB_OFFLINE": "1", "TENSORBOARD_LOGGING_DIR": "", "OMP_NUM_THREADS": "1"}
    words = [PYTHON, "-c", TRAIN, name, str(tmp_path), str(Path(__file__).parent)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=280, env=os.environ | here)
    assert done.returncode == 0, done.stderr[-3000:]
    found = list(tmp_path.glob(WRITTEN[name]))
    assert found and all(file.stat().st_size > 0 for file in found)
    if name == "tensorboard":
        assert {file.relative_to(tmp_path).parts[0] for file in found} == {"sft", "grpo"}
