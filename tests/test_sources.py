"""What code decides a stage: an edit of it is noticed by the stages that it reaches, and by no other."""

import shutil

import pytest

from cr_utils import params, paths, record, sources

STAGES = paths.STAGES


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A copy of the package, notebooks and params that tests may edit, and its hashes before any edit."""
    folder = tmp_path_factory.mktemp("house")
    package = folder / "src" / "cr_utils"
    shutil.copytree(paths.package(), package, ignore=shutil.ignore_patterns("__pycache__", "base"))
    (package / "assets" / "base").mkdir()
    (package / "assets" / "base" / "config.json").write_text("{}")
    for name in ("params", "notebooks"):
        shutil.copytree(paths.root() / name, folder / name)
    (folder / "pyproject.toml").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "package", lambda: package)
        patch.setattr(paths, "root", lambda: folder)
        yield folder, {stage: sources.of_stage(stage) for stage in STAGES}


def touched(house, name, old, new):
    """The stages that an edit makes stale, with the files they name; the edit is taken back."""
    folder, before = house
    path = next(path for path in (folder / "src" / "cr_utils" / name, folder / name) if path.exists())
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    found = {stage: sources.changes(before[stage], stage) for stage in STAGES}
    path.write_text(text, encoding="utf-8")
    return {stage: names for stage, names in found.items() if names}


@pytest.mark.parametrize(("change", "stages"), [
    (("synthesis.py", "PATIENCE = 100_000", "PATIENCE = 99_999"), {"01_data", "06_ablations"}),
    (("distill.py", "FAILED_TRY_SHARE = 0.25", "FAILED_TRY_SHARE = 0.26"), {"02_distill", "06_ablations"}),
    (("sft.py", "POOL = 16", "POOL = 17"), {"03_sft", "06_ablations"}),
    (("grpo_trainer.py", "SHOWN = 4", "SHOWN = 5"), {"04_grpo", "06_ablations"}),
    (("workshop.py", 'params["sft_lr"] / 5', 'params["sft_lr"] / 6'), {"06_ablations"}),
    (("zygote/canon.py", "def ", "def extra():\n    return 1\n\n\ndef "), set(STAGES)),
    (("params/constraints.yaml", "\n", "\n# more\n"), {"01_data", "06_ablations"}),
    (("assets/base/config.json", "{}", "{ }"), {"03_sft", "04_grpo", "05_eval", "06_ablations"}),
    (("notebooks/02_distill.ipynb", "p[\\\"distill_items\\\"]", "9"), {"02_distill"}),
])
def test_an_edit_reaches_exactly_the_stages_that_it_decides(house, change, stages):
    assert set(touched(house, *change)) == stages


@pytest.mark.parametrize("change", [
    ("figures.py", "import", "COLOUR = 1\nimport"),
    ("report.py", "BOX = ", "BOX_ = 1\nBOX = "),
    ("tables.py", "TASKS = (", "MORE = 1\nTASKS = ("),
    ("record.py", "MIN_FREE = 500", "MIN_FREE = 501"),
    ("sft.py", '"""Supervised', '"""More words. Supervised'),
    ("sft.py", "IGNORED = -100", "# a comment\n\nIGNORED = (-100)"),
    ("sft.py", '    """Pads rows', '    """Fills rows'),
    ("base.py", "import", "UNUSED = 1\nimport"),
    ("notebooks/03_sft.ipynb", "curves.sft_curves(", "curves.sft_curves( "),
])
def test_figures_the_page_comments_docstrings_and_layout_reach_no_stage(house, change):
    assert touched(house, *change) == {}


def test_what_a_definition_does_not_reach_does_not_count(house):
    """exams holds the sheets of the evaluation too; SFT reaches only its validation questions."""
    stale = touched(house, "exams.py", "class Sheets", "EXTRA = 1\n\n\nclass Sheets")
    assert stale == {}
    text = (house[0] / "src" / "cr_utils" / "exams.py").read_text()
    body = text[text.index("class Sheets"):]
    line = next(row for row in body.splitlines() if row.strip().startswith("self."))
    assert "03_sft" not in touched(house, "exams.py", line, line + "\n        self.more = 1")
    assert "exams.py" in sources.of_stage("05_eval")


def test_every_module_is_classified_and_exists():
    modules = {path.stem for path in paths.package().glob("*.py")}
    assert not (sources.SHOWS | sources.CARRIES) - modules and not sources.SHOWS & sources.CARRIES


def test_a_record_without_sources_stays_valid_and_a_changed_one_is_named(monkeypatch):
    values = params.load("smoke")
    run = record.start("01_data", values)
    run.path("x").write_text("x")
    made = run.finish(["x"])
    assert made["sources"]["synthesis.py"] and made["bytes"] > 0
    assert record.state("01_data", values).done
    monkeypatch.setattr(sources, "of_stage", lambda stage: made["sources"] | {"synthesis.py": "other"})
    found = record.state("01_data", values)
    assert (found.kind, found.reason) == ("code", "code changed: synthesis.py")
    path = paths.stage_dir("smoke", "01_data") / "manifest.json"
    path.write_text(path.read_text().replace('"sources"', '"of old"'))
    assert record.state("01_data", values).done
