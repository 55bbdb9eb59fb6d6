"""Tracking beside log.jsonl: off by default, a clear message where the package is missing."""

import importlib.util

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
