"""Paths: the same from every working directory, moved by the environment and by nothing else."""

import os
import subprocess
import sys

import pytest

from cr_utils import paths
from cr_utils.errors import UserError


def test_the_root_does_not_depend_on_the_working_directory(tmp_path, monkeypatch):
    before = paths.root()
    monkeypatch.chdir(tmp_path)
    assert paths.root() == before
    assert (before / "params" / "tiny.yaml").is_file()


def test_an_installed_package_finds_the_checkout_that_it_came_from(tmp_path, monkeypatch):
    checkout = paths.root()
    monkeypatch.setattr(paths, "package", lambda: tmp_path / "site-packages" / "cr_utils")
    monkeypatch.setattr(paths, "_installed_from", lambda: checkout)
    monkeypatch.chdir(tmp_path)
    assert paths.root() == checkout
    monkeypatch.setattr(paths, "_installed_from", lambda: None)
    with pytest.raises(UserError, match="clone the repository"):
        paths.root()
    monkeypatch.chdir(checkout / "params")
    assert paths.root() == checkout


def test_results_go_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("CR_RESULTS", str(tmp_path))
    assert paths.stage_dir("tiny", "01_data") == tmp_path / "tiny" / "01_data"
    monkeypatch.delenv("CR_RESULTS")
    assert paths.results("tiny") == paths.root() / "results" / "tiny"


def test_benchmarks_are_where_the_environment_says_or_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CR_BENCHMARKS", str(tmp_path))
    assert paths.benchmarks() == tmp_path
    monkeypatch.setenv("CR_BENCHMARKS", str(tmp_path / "none"))
    with pytest.raises(UserError, match="not a folder"):
        paths.benchmarks()
    monkeypatch.delenv("CR_BENCHMARKS")
    assert paths.benchmarks().is_relative_to(paths.root() / ".cache")


def test_missing_package_data_is_a_users_error():
    with pytest.raises(UserError, match="restore it"):
        paths.asset("no such thing")


def test_shown_paths_are_short_inside_the_checkout_and_whole_outside(tmp_path):
    assert paths.shown(paths.root() / "params" / "tiny.yaml") == os.path.join("params", "tiny.yaml")
    assert paths.shown(tmp_path / "x") == str(tmp_path / "x")


def test_commands_work_from_any_directory(tmp_path):
    done = subprocess.run([sys.executable, "-m", "cr_utils", "params"], cwd=tmp_path, text=True,
                          capture_output=True)
    assert done.returncode == 0 and "sft_lr" in done.stdout
    assert list(tmp_path.iterdir()) == []
