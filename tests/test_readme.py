"""README.md says what the committed records say."""

import pytest

from cr_utils import paths, readme


def test_readme_is_what_its_records_make_of_it():
    text = (paths.root() / "README.md").read_text(encoding="utf-8")
    assert readme.filled(text, readme.reference()) == text, "run `python -m cr_utils readme`"


def test_pictures_and_files_that_readme_names_exist():
    text = (paths.root() / "README.md").read_text(encoding="utf-8")
    names = [part.split(")")[0] for part in text.split("](")[1:] if not part.startswith("http")]
    assert names and [name for name in names if not (paths.root() / name).exists()] == []


@pytest.mark.parametrize("row, text", [
    ({"n": 200, "accuracy": 0.5, "low": 0.431, "high": 0.569}, "50.0 [43.1, 56.9]"),
    ({"n": 0, "accuracy": float("nan"), "low": None, "high": None}, "—"), (None, "—")])
def test_percent(row, text):
    assert readme.percent(row) == text


def test_a_block_is_replaced_and_the_rest_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(readme, "files", lambda: "list\n")
    text = "a\n<!-- files:begin -->\nold\n<!-- files:end -->\nb\n<!-- results:begin -->\nkept\n<!-- results:end -->\n"
    made = readme.filled(text, tmp_path)
    assert made.startswith("a\n<!-- files:begin -->\nlist\n<!-- files:end -->\nb\n") and "kept" in made
