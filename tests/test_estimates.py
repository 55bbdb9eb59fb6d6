"""Estimates: from the nearest earlier run, in proportion to what there is to do, and never without saying
whose.
"""

import json

import pytest

from cr_utils import estimates, params, paths


def note(folder, seconds=100.0, **more):
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(
        {"wall_seconds": seconds, "params": {"sft_steps": 6}, "inputs": {}, "outputs": {}} | more))


def test_nothing_is_made_up():
    values = params.load("smoke")
    assert estimates.cost("03_sft", values) is None
    assert "unknown" in estimates.of("03_sft", values)
    assert estimates.total(["03_sft"], values) == ["cost unknown; nothing was run"]
    assert estimates.total([], values) == []


def test_the_last_run_counts_first_and_grows_with_its_steps():
    values = params.load("smoke")
    note(paths.results("smoke") / "earlier" / "03_sft-1", 50.0)
    assert estimates.cost("03_sft", values) == (50.0, None, "an earlier run")
    note(paths.stage_dir("smoke", "03_sft"), 100.0, bytes=2_000_000)
    assert estimates.cost("03_sft", values) == (100.0, 2_000_000, "the last run")
    assert estimates.of("03_sft", values | {"sft_steps": 12}) == "; about 3:20 and 4.0 MB, by the last run"
    assert estimates.total(["03_sft"], values) == ["in all about 1:40 and 2.0 MB on disk; nothing was run"]


def test_the_reference_run_serves_a_clone():
    seconds, _, whose = estimates.cost("03_sft", params.load("tiny"))
    assert whose == "the reference run" and seconds > 60


def test_a_damaged_manifest_is_no_estimate():
    note(paths.stage_dir("smoke", "03_sft"))
    (paths.stage_dir("smoke", "03_sft") / "manifest.json").write_text("{")
    assert estimates.cost("03_sft", params.load("smoke")) is None


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2.5e9, "2.5 GB")])
def test_sizes(count, text):
    assert estimates.size(count) == text
