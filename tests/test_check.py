"""What is kept of a run gives all its tables and figures again; a changed number, a lost row and a worse run
are found.
"""

import json

import pandas as pd
import pytest
import simulated

from cr_utils import __main__ as command
from cr_utils import check, checklists, crate, gallery, jsonl, kept, machine, paths, reference, report
from cr_utils.errors import UserError
from cr_utils.results import Results


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished (simulated) run with its report, under a results folder."""
    folder = tmp_path_factory.mktemp("run") / "tiny"
    simulated.write_run(folder, n=120)
    report.build("tiny", folder)
    return folder


@pytest.fixture
def small(run, tmp_path, monkeypatch):
    """What is kept of it, where `check` looks for it."""
    monkeypatch.setenv("CR_RESULTS", str(run.parent))
    monkeypatch.setattr(paths, "root", lambda: tmp_path)
    return reference.keep("tiny", tmp_path / "results" / "reference" / "tiny")


def test_every_number_comes_out_again_from_what_is_kept(small):
    tables = check.recomputed("tiny", small)
    assert {"main", "departures", "constructs", "length", "failures", "claims"} <= set(tables["table"])
    assert tables["differing"].sum() == 0 and tables["not_kept"].sum() == 0
    assert (tables["equal"] == tables["cells"]).all() and tables["cells"].sum() > 1000


def test_every_figure_is_redrawn_to_the_same_bytes_from_what_is_kept(small, tmp_path):
    found = check.redrawn("tiny", small, tmp_path / "drawn")
    assert found == {one.name: "identical" for one in gallery.FIGURES}


def test_nothing_kept_quotes_a_program_a_chain_or_an_answer(small):
    texts = [json.dumps(row) for stage, name in (("01_data", "problems.jsonl"),
                                                 ("02_distill", "chains.jsonl"))
             for row in kept.read(kept.beside(small / stage / name))]
    texts += [json.dumps(row) for row in jsonl.read(small / "05_eval" / "items.jsonl")]
    assert texts and not [text for text in texts if "def f" in text or "reasoning" in text or "AB0" in text]


def test_an_edited_table_is_found_and_named(small, capsys):
    path = small / "tables" / "main.csv"
    rows = path.read_text().splitlines()
    number = next(i for i, row in enumerate(rows) if row.startswith("sft,heldout,output,strict"))
    cells = rows[number].split(",")
    cells[5] = str(int(cells[5]) + 1)
    path.write_text("\n".join([*rows[:number], ",".join(cells), *rows[number + 1:]]) + "\n")
    assert command.main(["check", "--profile", "tiny"]) == 1
    out, err = capsys.readouterr()
    assert "1 differing (" in out and f"kept {cells[5]}, recomputed" in out
    assert err.startswith("error: 1 tables") and "main" in err and err.count("\n") == 2


def test_the_same_run_agrees_and_the_claims_stand_side_by_side(small, capsys):
    assert command.main(["check", "--profile", "tiny"]) == 0
    out = capsys.readouterr().out
    assert "pass_at_k         no rows" in out and "0 of 0" not in out
    assert "0 equal" not in out and "outside" not in out and "tolerance: 2 points" in out
    for word in ("C1", "C7", "command", "published", "reference", "yours", "agrees"):
        assert word in out


def test_a_run_that_is_worse_is_out_of_tolerance():
    old = pd.DataFrame([{"model": "sft", "benchmark": "heldout", "task": "output", "mode": "strict", "n": n,
                         "accuracy": 0.36} for n in (2000,)])
    new = old.assign(accuracy=0.30)
    assert not check.agreement(old, new)["within"].any()
    assert check.agreement(old, old.assign(accuracy=0.37))["within"].all()
    small = check.agreement(old.assign(n=40), new.assign(n=40))
    assert small["within"].all() and small["allowed"][0] > 0.2


def test_claims_of_a_run_that_does_not_exist_are_not_run():
    old = pd.DataFrame([{"claim": "C2", "verdict": "reproduced", "ours": "x", "published": None,
                         "command": "c"}])
    assert check.claims(old, None)[0]["verdict"] == "not run"
    assert check.claims(old, old.assign(verdict="not reproduced"))[0]["verdict"] == "differs"
    assert check.claims(old, old.assign(verdict="too few items"))[0]["verdict"] == "too few items"


def test_a_profile_without_a_reference_run_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "root", lambda: tmp_path)
    with pytest.raises(UserError, match="no reference run of smoke"):
        check.reference("smoke")
    for name in ("base", "tiny/tables"):
        (tmp_path / "results" / "reference" / name).mkdir(parents=True)
    with pytest.raises(UserError, match="no reference run of base is kept: known: tiny$"):
        check.reference("base")


def test_damaged_facts_are_said(small):
    path = kept.beside(small / "01_data" / "problems.jsonl")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UserError, match="damaged"):
        kept.read(path)


def test_the_crate_names_every_file_with_its_hash_and_every_stage_with_its_time(run):
    graph = {one["@id"]: one for one in crate.document(Results("tiny", run))["@graph"]}
    assert graph["ro-crate-metadata.json"]["conformsTo"]["@id"].startswith("https://w3id.org/ro/crate/1.1")
    assert graph["05_eval/items.jsonl"]["sha256"] == machine.sha256(run / "05_eval" / "items.jsonl")
    for stage in paths.STAGES:
        action = graph[f"#run-{stage}"]
        assert action["startTime"] < action["endTime"] and action["result"]
        assert all(part["@id"] in graph for key in ("object", "result") for part in action[key])
        assert action["instrument"]["@id"] in graph
    assert all(part["@id"] in graph for part in graph["./"]["hasPart"])
    assert "index.html" in graph and "figures/accuracy.svg" in graph and "05_eval/manifest.json" in graph


def references(value):
    """Every identifier that a JSON-LD value refers to."""
    if isinstance(value, dict):
        if set(value) == {"@id"}:
            return [value["@id"]]
        return [r for one in value.values() for r in references(one)]
    return [r for one in value for r in references(one)] if isinstance(value, list) else []


def test_every_file_of_the_crate_exists_and_every_reference_leads_to_an_entity(run):
    path = crate.write("tiny", run)
    told = json.loads(path.read_text(encoding="utf-8"))
    assert told["@context"][0] == "https://w3id.org/ro/crate/1.1/context"
    known = [one["@id"] for one in told["@graph"]]
    assert len(known) == len(set(known)) and all(one["@type"] and one["@id"] for one in told["@graph"])
    files = [one for one in told["@graph"] if one["@type"] == "File"]
    assert files and [one["@id"] for one in files if not (run / one["@id"]).is_file()] == []
    assert all(one["sha256"] == machine.sha256(run / one["@id"]) for one in files)
    assert all(int(one["contentSize"]) == (run / one["@id"]).stat().st_size for one in files)
    root = next(one for one in told["@graph"] if one["@id"] == "./")
    assert {part["@id"] for part in root["hasPart"]} == {one["@id"] for one in files}
    assert set(references(told["@graph"])) - set(known) == {crate.SPECIFICATION}
    path.unlink()


def test_a_crate_of_nothing_is_refused(tmp_path):
    with pytest.raises(UserError, match="no finished stage"):
        crate.document(Results("tiny", tmp_path))


def test_checklists_answer_from_the_records(run, tmp_path):
    whole = checklists.table(Results("tiny", run))
    assert set(whole["answer"]) <= {"yes", "no", "in part", "by hand"} and len(whole) > 15
    row = whole.set_index("item").loc["run time and memory stated"]
    assert row["answer"] == "yes" and row["evidence"].startswith("6.2 minutes of wall time, 10.0 of CPU time")
    empty = checklists.table(Results("tiny", tmp_path)).set_index("item")
    assert empty.loc["seeds stated", "answer"] == "no" and empty.loc["several seeds", "answer"] == "no"
    assert "<table" in checklists.html(Results("tiny", run))


def test_an_output_that_was_changed_is_no_functional_artifact(tmp_path):
    folder = simulated.write_run(tmp_path / "tiny", n=40)
    with (folder / "02_distill" / "chains.jsonl").open("a") as file:
        file.write("\n")
    row = checklists.table(Results("tiny", folder)).query("item.str.contains('functional')").iloc[0]
    assert row["answer"] == "in part" and "02_distill/chains.jsonl" in row["evidence"]
