"""On Colab: versions are exact, what Colab has stays, notebooks open there, results go to Drive.

speed/colab_environment.sh runs the notebooks' first cell in a fresh environment that looks like Colab's.
"""

import ast
import json
import re
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import pytest

from cr_utils import colab, paths

ROOT = paths.root()


def lock():
    """Name to version in requirements.lock."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if "==" in line and not line.startswith("#")]
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pairs}


def test_the_extra_is_exact_and_as_locked():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    pins = [pin.split("==") for pin in tomllib.loads(text)["project"]["optional-dependencies"]["colab"]]
    assert {"transformers", "trl", "peft", "bitsandbytes"} <= {name for name, _ in pins}
    assert [(name, lock()[name]) for name, _ in pins] == [tuple(pin) for pin in pins]
    assert not {name for name, _ in pins} & set(colab.KEPT)


@pytest.mark.parametrize("stage", paths.STAGES)
def test_every_notebook_has_the_badge_and_the_cell(stage):
    book = json.loads(paths.notebook(stage).read_text(encoding="utf-8"))
    tagged = [c for c in book["cells"] if "colab" in c["metadata"].get("tags", [])]
    assert ["".join(c["source"]) for c in tagged] == [colab.cell()], "python src/cr_utils/colab.py --cells"
    title = "".join(book["cells"][0]["source"])
    assert title.count(colab.badge(stage)) == 1 and title.count("Open in Colab") == 1


def test_writing_the_cells_again_changes_nothing(tmp_path):
    before = paths.notebook("03_sft").read_text(encoding="utf-8")
    path = tmp_path / "03_sft.ipynb"
    path.write_text(before.replace(colab.repository(), "https://github.com/x/y").replace("OWNER", "x"),
                    encoding="utf-8")
    colab.write_cells(path, "03_sft")
    assert path.read_text(encoding="utf-8") == before


def test_the_cell_does_nothing_elsewhere():
    plain = re.sub(r"^( *)[%!].*", r"\1raise SystemExit", colab.cell(), flags=re.MULTILINE)
    ast.parse(plain)
    for env in ({}, {"COLAB_RELEASE_TAG": "x", "CR_DRIVER": "1"}):
        done = subprocess.run([sys.executable, "-c", plain], env=env, capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_installing_holds_fast_what_is_here(monkeypatch, tmp_path):
    seen = {}

    def pip(command, check):
        held = Path(command[command.index("-c") + 1]).read_text(encoding="utf-8")
        seen.update(line.split("==") for line in held.splitlines())
        return types.SimpleNamespace(returncode=len(seen) == 0)

    monkeypatch.setattr(colab.subprocess, "run", pip)
    assert colab.install(tmp_path) == seen == colab.kept() and {"torch", "numpy", "pillow"} <= set(seen)


def test_a_failure_or_a_changed_package_stops_the_cell(monkeypatch, tmp_path):
    monkeypatch.setattr(colab.subprocess, "run", lambda *_, **__: types.SimpleNamespace(returncode=1))
    with pytest.raises(SystemExit, match="could not be installed"):
        colab.install(tmp_path)
    monkeypatch.setattr(colab.subprocess, "run", lambda *_, **__: types.SimpleNamespace(returncode=0))
    versions = [{"numpy": "1"}, {"numpy": "2"}]
    monkeypatch.setattr(colab, "kept", lambda: versions.pop(0))
    with pytest.raises(SystemExit, match="numpy.*restart"):
        colab.install(tmp_path)


def test_results_go_to_drive_where_it_is(monkeypatch, tmp_path, capsys):
    """google.colab exists on Colab only; what stands for it makes the folder that mounting would show."""
    files = types.SimpleNamespace(mount=lambda where: (tmp_path / "MyDrive").mkdir())
    monkeypatch.setitem(sys.modules, "google.colab", types.SimpleNamespace(drive=files))
    monkeypatch.setenv("CR_RESULTS", "")
    colab.start(str(tmp_path))
    assert paths.results_root() == tmp_path / "MyDrive" / "codereasoner" / "results"
    assert f"results: {tmp_path}" in capsys.readouterr().out


def test_without_drive_it_is_said_that_results_are_lost(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "google.colab", None)
    monkeypatch.setenv("CR_RESULTS", "")
    colab.start(str(tmp_path))
    assert "will be lost" in capsys.readouterr().out
    monkeypatch.setenv("CR_RESULTS", str(tmp_path / "mine"))
    colab.start(str(tmp_path))
    out = capsys.readouterr().out
    assert "lost" not in out and str(tmp_path / "mine") in out and "GPU: " in out
