"""Kept runs of 06 with other arms: small, quoting nobody, and what the docs say of them is what they say."""

import pytest

from cr_utils import armruns, jsonl, tables
from cr_utils.arms import REFERENCES
from cr_utils.errors import UserError
from cr_utils.tablefile import read_table, write_table

KEPT = sorted(folder.name for folder in armruns.root().glob("*/"))


def item(arm, question, verdict):
    return {"model": arm, "arm": arm, "benchmark": "heldout", "task": "output", "question_id": f"q{question}",
            "verdict": verdict, "kind": "pass" if verdict else "wrong", "tokens": 9, "truncated": False,
            "completion": "<answer>secret</answer>"}


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("CR_RESULTS", str(tmp_path))
    folder = tmp_path / "tiny" / armruns.STAGE
    rights = {"short_grpo": 4, "bilevel": 10}
    items = [item(arm, n, n < right) for arm, right in rights.items() for n in range(20)]
    jsonl.write(folder / "items.jsonl", items)
    jsonl.write(folder / "arms.jsonl", [{"arm": "bilevel", "steps": 8}])
    write_table(tables.ablations(items), folder / "tables", "ablations")
    write_table(tables.paired(items, REFERENCES.items(), "arm"), folder / "tables", "ablations_paired")
    jsonl.write_json(folder / "manifest.json", {"seed": 3, "wall_seconds": 120.0,
                                                "hardware": {"cores": 1, "processor": "a chip"}})
    return tmp_path


def test_what_is_kept_quotes_no_answer_and_its_block_says_what_was_found(run):
    folder = armruns.keep("tiny", "x", run / "kept")
    assert "secret" not in (folder / "items.jsonl").read_text()
    text = armruns.block(folder)
    assert "| `short_grpo` | 20.0 [8.1, 41.6] (n=20) |" in text
    assert "| `bilevel` | 50.0 [29.9, 70.1] (n=20), +30.0, p = 0.031 |" in text
    assert "Seed 3, 2 minutes on 1 core of a chip." in text


def test_an_unfinished_run_is_refused(run):
    (run / "tiny" / armruns.STAGE / "manifest.json").unlink()
    with pytest.raises(UserError, match="manifest.json is missing"):
        armruns.keep("tiny", "x", run / "kept")


@pytest.mark.parametrize("name", KEPT)
def test_the_tables_of_a_kept_run_come_out_of_its_records(name, tmp_path):
    folder = armruns.root() / name
    items = jsonl.read(folder / "items.jsonl")
    assert not any("completion" in item or "answer" in item for item in items)
    for table, made in (("ablations", tables.ablations(items)),
                        ("ablations_paired", tables.paired(items, REFERENCES.items(), "arm"))):
        write_table(made, tmp_path, table)
        assert read_table(tmp_path, table).equals(read_table(folder / "tables", table))
