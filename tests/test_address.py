"""The repository's address: the same in every file that repeats it, and set in all of them by one command."""

import json
import re
import shutil

import pytest

from cr_utils import __main__ as command
from cr_utils import address, colab, paths

ROOT = paths.root()
REPEATS = ["README.md", "CITATION.cff", "pyproject.toml",
           *(f"notebooks/{paths.notebook(stage).name}" for stage in paths.STAGES)]
# Without the repositories of others: benchmarks and the like.
OURS = re.compile(r"(?:github\.com|colab\.research\.google\.com/github)/([\w.-]+/codereasoner[\w.-]*)")


def named(root):
    """The addresses of ours in each file."""
    return {name: set(OURS.findall((root / name).read_text(encoding="utf-8"))) for name in REPEATS}


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A copy of the files that repeat the address."""
    (tmp_path / "notebooks").mkdir()
    for name in REPEATS:
        shutil.copyfile(ROOT / name, tmp_path / name)
    monkeypatch.setattr(paths, "root", lambda: tmp_path)
    monkeypatch.setattr(colab, "checkout", lambda: tmp_path)
    return tmp_path


def test_all_badges_cells_and_files_agree_with_pyproject():
    mine = colab.repository().removeprefix("https://github.com/")
    found = named(ROOT)
    assert found.pop("CITATION.cff") <= {mine}  # which has one once it is known
    assert found == {name: {mine} for name in found}


def test_one_command_sets_it_everywhere(checkout, capsys):
    assert command.main(["address", "--owner", "some-one", "--name", "codereasoner-2"]) == 0
    assert "https://github.com/some-one/codereasoner-2\n" in capsys.readouterr().out
    assert named(checkout) == {name: {"some-one/codereasoner-2"} for name in REPEATS}
    assert not [name for name in REPEATS if "OWNER" in (checkout / name).read_text(encoding="utf-8")]
    for stage in paths.STAGES:
        book = json.loads((checkout / "notebooks" / f"{stage}.ipynb").read_text(encoding="utf-8"))
        assert colab.badge(stage) in "".join(book["cells"][0]["source"])
    before = {name: (checkout / name).read_bytes() for name in REPEATS}
    address.write("some-one", "codereasoner-2")
    assert before == {name: (checkout / name).read_bytes() for name in REPEATS}
    assert command.main(["address", "--owner", colab.PLACEHOLDER]) == 0
    back = {name: (checkout / name).read_bytes() for name in REPEATS if name != "CITATION.cff"}
    assert back == {name: (ROOT / name).read_bytes() for name in back}


@pytest.mark.parametrize("owner", ["a/b", "", "https://x", "-a"])
def test_what_is_no_account_is_refused(checkout, owner, capsys):
    before = (checkout / "pyproject.toml").read_bytes()
    assert command.main(["address", f"--owner={owner}"]) == (2 if owner else 0)
    assert (checkout / "pyproject.toml").read_bytes() == before


def test_the_address_is_printed_and_a_placeholder_is_called_one(checkout, capsys):
    command.main(["address"])
    said = capsys.readouterr().out
    assert said.startswith(colab.repository()) and ("not known yet" in said) == ("/OWNER/" in said)
