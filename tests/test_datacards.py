"""Data sets load as `datasets` loads them, and the card says what the records say."""

import pytest

from cr_utils import cards, datacards, distill, jsonl, machine, params, record, synthesis, yields
from cr_utils.errors import UserError

SIZES = {"train": 40, "validation": 4, "heldout": 5, "heldout_ood": 3}
OPTIONS = {"seed": 3, "constraints": True, "mutation": True, "max_steps": 24}


@pytest.fixture(scope="module")
def made():
    return synthesis.synthesize(SIZES, OPTIONS, workers=0)


@pytest.fixture
def finished(made):
    """Both data stages of the smoke profile, finished: (01's record, 02's record, chains)."""
    problems, rejected = made
    values = params.load("smoke")
    first = record.start("01_data", values)
    jsonl.write(first.path("problems.jsonl"), problems)
    jsonl.write_json(first.path("data.json"), synthesis.funnel(rejected))
    first.finish(["problems.jsonl", "data.json", *datacards.write(first, problems)])
    second = record.start("02_distill", values)
    pairs = distill.plan(problems[:40], values["distill_mix"], 50, 0)
    chains = distill.chains(pairs, distill.interpreter(), second.path("chains.jsonl"),
                            teacher_name="interpreter")
    second.finish(["chains.jsonl", *datacards.write(second, chains)])
    return first, second, chains


def test_the_folders_load_with_datasets(finished, made, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets
    first, second, chains = finished
    loaded = datasets.load_dataset(str(first.dir), cache_dir=str(tmp_path))
    assert {split: loaded[split].num_rows for split in loaded} == SIZES
    assert [dict(row) for row in loaded["train"]] == [one for one in made[0] if one["split"] == "train"]
    assert list(loaded["train"].features) == list(datacards.PROBLEMS)
    loaded = datasets.load_dataset(str(second.dir), cache_dir=str(tmp_path))["train"]
    assert [dict(row) for row in loaded] == [row for row in chains if row["verdict"]]
    assert list(loaded.features) == list(datacards.CHAINS)
    lines = datasets.load_dataset("json", data_files=str(second.dir / "chains.jsonl"),
                                  cache_dir=str(tmp_path))
    assert [dict(row) for row in lines["train"]] == chains


def test_the_card_has_counts_hashes_seeds_and_what_the_filters_took(finished, made):
    first, second, chains = finished
    text = (first.dir / "README.md").read_text()
    assert "license: mit" in text and "| train | 40 |" in text and "`data_train: 200`" in text
    assert machine.sha256(first.dir / "problems.jsonl") in text
    assert machine.sha256(first.dir / "data" / "train.parquet") in text
    steps = synthesis.funnel(made[1])
    assert all(f"| {step['step']} | {step['n']} |" in text for step in steps)
    assert "fingerprints" in text and "were dropped" in text and "result type: " in text
    told = (second.dir / "README.md").read_text()
    assert f"accepted: {sum(row['verdict'] for row in chains)} of {len(chains)}" in told
    manifest = record.manifest("smoke", "01_data")["outputs"]
    assert {"README.md", "data/train.parquet", "data/heldout_ood.parquet"} <= set(manifest)


def test_the_same_problems_give_the_same_parquet(finished, made, tmp_path):
    first = finished[0]
    before = machine.sha256(first.dir / "data" / "train.parquet")
    again = record.start("01_data", params.load("smoke") | {"force": True})
    jsonl.write(again.path("problems.jsonl"), made[0])
    jsonl.write_json(again.path("data.json"), [])
    datacards.write(again, made[0])
    assert machine.sha256(again.dir / "data" / "train.parquet") == before


def test_a_models_data_name_its_terms(finished):
    first = finished[0]
    first.params = first.params | {"data_source": "llm", "data_model": "some-model"}
    assert "written by `some-model`" in datacards.card(first, jsonl.read(first.dir / "problems.jsonl"), [])


def test_data_are_pushed_with_their_card_only_when_finished(finished, monkeypatch, capsys):
    import huggingface_hub
    seen = []

    class Api:
        def create_repo(self, name, private, exist_ok, repo_type):
            seen.append((name, private, repo_type))

        def upload_folder(self, repo_id, folder_path, repo_type, allow_patterns):
            seen.append(sorted(allow_patterns))
            return f"hub/{repo_id}"

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    assert cards.main(["02_distill", "--profile", "smoke", "--to", "me/chains"]) == 0
    assert seen == [("me/chains", True, "dataset"), ["README.md", "chains.jsonl", "data/train.parquet"]]
    with pytest.raises(UserError, match="no data to push"):
        cards.main(["01_data", "--profile", "tiny", "--to", "me/it"])


def test_the_yield_counts_every_chain_once_by_task_and_cell(finished, made):
    chains = [row | {"verdict": i % 4 != 0, "tries": 2} for i, row in enumerate(finished[2])]
    rows = yields.by_cell(chains, made[0])
    assert sum(row["asked"]
               for row in rows) == len(chains) and sum(r["tries"] for r in rows) == 2 * len(chains)
    assert sum(row["accepted"] for row in rows) == sum(row["verdict"] for row in chains)
    shares = yields.shares(rows)
    assert sum(row["asked"] for row in shares) == len(chains)
    assert all(row["share"] == row["accepted"] / row["asked"] for row in shares)
    assert all(row["type"] == "" for row in yields.by_cell(chains, []))
