"""README.md says what the committed records say."""

import pytest

from cr_utils import claims as verdicts
from cr_utils import paths, readme
from cr_utils.results import memory_of
from cr_utils.tablefile import write_table


@pytest.mark.parametrize("name", readme.FILLED)
def test_readme_is_what_its_records_make_of_it(name):
    text = (paths.root() / name).read_text(encoding="utf-8")
    assert readme.filled(text, readme.reference()) == text, "run `python -m cr_utils readme`"


def test_pictures_and_files_that_readme_names_exist():
    text = (paths.root() / "README.md").read_text(encoding="utf-8")
    names = [part.split(")")[0] for part in text.split("](")[1:] if not part.startswith("http")]
    assert names and [name for name in names if not (paths.root() / name).exists()] == []


def test_every_folder_is_in_the_tree_of_readme_and_every_module_in_the_list_of_files():
    text = (paths.root() / "README.md").read_text(encoding="utf-8")
    tree = text.split("## Files\n")[1].split("```")[1]
    named = [line.split()[0].rstrip("/") for line in tree.splitlines() if line.strip()]
    assert named and [name for name in named if not (paths.root() / name).exists()] == []
    assert set(named) >= {"notebooks", "params", "src/cr_utils", "tests", "speed", "docs",
                          "results/reference"}
    listed = (paths.root() / "docs" / "files.md").read_text(encoding="utf-8")
    modules = [path.name for path in paths.package().rglob("*.py") if path.name != "__init__.py"]
    assert [name for name in modules if f"`{name}`" not in listed] == []


def test_a_benchmark_without_items_gets_no_empty_rows(tmp_path):
    read = readme.read_table(readme.reference() / "tables", "main")
    gone = read["benchmark"].isin(["reval"])
    read.loc[gone, "n"] = read.loc[gone, "accuracy"] = float("nan")
    for name, frame in (("main", read), ("paired",
                                         readme.read_table(readme.reference() / "tables", "paired"))):
        write_table(frame, tmp_path / "tables", name)
    text = readme.results(tmp_path)
    assert "| heldout | output |" in text and "| reval" not in text and "reval (coverage, path, state" in text


def test_means_and_unseen_cells_stand_beside_what_was_gained():
    text = readme.results(readme.reference())
    for name in ("heldout", "heldout_ood"):
        assert f"| {name} | **mean** |" in text and f"| {name} | path |" in text


def test_each_verdict_is_explained_below_the_claims(tmp_path):
    frame = verdicts.details([], [])
    frame["verdict"] = ["reproduced", "partly reproduced", *frame["verdict"][2:]]
    frame["ours"] = "a; b"
    write_table(frame, tmp_path / "tables", "claims_detail")
    table, below = readme.claims(tmp_path).split("What the verdicts mean:")
    assert "| a<br>b | partly reproduced |" in table
    assert all(f"- **{name}**: {verdicts.VERDICTS[name]}" in below for name in set(frame["verdict"]))


def test_peak_memory_says_what_it_is_of():
    assert "workers and replicas beside it are not added up" in memory_of([{"peak_memory": 1}])
    assert memory_of([{"peak_memory_of": "all processes"}] * 2) == "all processes"


@pytest.mark.parametrize("row, text", [
    ({"n": 200, "accuracy": 0.5, "low": 0.431, "high": 0.569}, "50.0 [43.1, 56.9]"),
    ({"n": 0, "accuracy": float("nan"), "low": None, "high": None}, "—"), (None, "—")])
def test_percent(row, text):
    assert readme.percent(row) == text


def test_a_block_is_replaced_and_the_rest_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(readme, "files", lambda: "list\n")
    text = ("a\n<!-- files:begin -->\nold\n<!-- files:end -->\nb\n"
            "<!-- results:begin -->\nkept\n<!-- results:end -->\n")
    made = readme.filled(text, tmp_path)
    assert made.startswith("a\n<!-- files:begin -->\nlist\n<!-- files:end -->\nb\n") and "kept" in made
