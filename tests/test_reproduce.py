"""The whole of it, in the smoke profile: from nothing to the page, twice, with the same results."""

import csv
import json
import os
import re
import subprocess
import sys
import time

import pytest

from cr_utils import machine, paths

pytestmark = pytest.mark.timeout(900)
DATA = ("01_data/problems.jsonl", "02_distill/chains.jsonl")


def command(folder, *words):
    """Run a command of the package with results in a folder: exit code, output lines, seconds."""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "cr_utils", *words, "--profile", "smoke"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=os.environ | {"CR_RESULTS": str(folder), "CR_PROGRESS_SECONDS": "1"})
    return done.returncode, done.stdout.splitlines(), time.monotonic() - began


def reproduce(folder):
    """What `make smoke` does; the lines of the run."""
    code, lines, _ = command(folder, "run")
    assert code == 0, "\n".join(lines[-30:])
    code, more, _ = command(folder, "report")
    assert code == 0, "\n".join(more[-30:])
    return lines + more


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """One finished run: its folder and its output."""
    folder = tmp_path_factory.mktemp("first")
    return folder / "smoke", reproduce(folder)


@pytest.fixture(scope="module")
def second(first, tmp_path_factory):
    """The same again, elsewhere."""
    folder = tmp_path_factory.mktemp("second")
    reproduce(folder)
    return folder / "smoke"


def tables(folder):
    """Name to content of every table of a finished run."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted((folder / "tables").glob("*.csv"))}


def test_every_stage_is_finished_and_recorded(first):
    for stage in paths.STAGES:
        made = json.loads((first[0] / stage / "manifest.json").read_text(encoding="utf-8"))
        assert made["profile"] == "smoke" and made["outputs"], stage
        assert (first[0] / stage / f"{stage}.ipynb").is_file() and (first[0] / stage / "log.txt").is_file()


def test_the_terminal_shows_progress_and_no_warnings(first):
    lines = first[1]
    assert any(re.match(r"\[03_sft\] .*\d+/\d+ · .*/s", line) for line in lines)
    assert not [line for line in lines if re.search(r"warning|traceback|deprecat", line, re.IGNORECASE)]


def test_every_stage_reads_only_what_earlier_manifests_name(first):
    outputs = set()
    for stage in paths.STAGES:
        made = json.loads((first[0] / stage / "manifest.json").read_text(encoding="utf-8"))
        assert set(made["inputs"]) <= outputs, stage
        assert made["inputs"] or stage == "01_data"
        outputs |= {f"{stage}/{name}" for name in made["outputs"]}


def test_the_tables_have_their_columns_and_sound_rates(first):
    with (first[0] / "tables" / "main.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    wanted = "model benchmark task mode n correct accuracy low high published source".split()
    assert list(rows[0]) == wanted
    assert {"base", "base_direct", "sft", "grpo", "trivial"} <= {row["model"] for row in rows}
    counted = [row for row in rows if row["accuracy"] not in ("", "—")]
    assert counted
    for row in counted:
        assert 0 <= float(row["low"]) <= float(row["accuracy"]) <= float(row["high"]) <= 1, row
    for name in ("paired", "ablations", "claims", "generalization", "length", "failures", "data"):
        assert (first[0] / "tables" / f"{name}.csv").is_file(), name
        assert (first[0] / "tables" / f"{name}.md").is_file(), name


def test_the_page_and_the_figures_are_there_and_load_nothing_from_elsewhere(first):
    page = (first[0] / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|srcset)\s*=\s*["']?(?:https?:)?//""", page)
    assert not re.search(r"<link[^>]+href\s*=\s*[\"']?(?:https?:)?//", page)
    drawn = {path.stem for path in (first[0] / "figures").glob("*.png")}
    assert drawn and drawn == {path.stem for path in (first[0] / "figures").glob("*.svg")}


def test_a_finished_run_is_skipped_quickly(first):
    code, lines, seconds = command(first[0].parent, "run")
    assert code == 0 and seconds < 30
    assert [line for line in lines if "skipped" not in line] == []


def test_figures_are_redrawn_without_training(first):
    before = {path.name: machine.sha256(path) for path in (first[0] / "04_grpo" / "model").iterdir()}
    for path in (first[0] / "figures").glob("*.png"):
        path.unlink()
    code, lines, _ = command(first[0].parent, "figures")
    assert code == 0, lines
    assert list((first[0] / "figures").glob("*.png"))
    assert {path.name: machine.sha256(path) for path in (first[0] / "04_grpo" / "model").iterdir()} == before


def test_the_same_seed_gives_the_same_data(first, second):
    for name in DATA:
        assert machine.sha256(first[0] / name) == machine.sha256(second / name), name


def test_the_same_seed_gives_the_same_tables(first, second):
    assert tables(first[0]) == tables(second)
    assert len(tables(first[0])) >= 8
