"""What is kept of a run is small and quotes nobody."""

import re

import pytest

from cr_utils import jsonl, paths, readme, reference
from cr_utils.errors import UserError


def test_texts_of_answers_are_not_kept():
    item = {"key": "k", "model": "sft", "benchmark": "cruxeval", "question_id": "q", "task": "output", "verdict": True,
            "kind": "pass", "tokens": 3, "truncated": False, "completion": "def f(secret):", "answer": "secret",
            "prompt_sha": "0"}
    assert "secret" not in str(reference.verdict(item)) and reference.verdict(item)["verdict"] is True


def test_an_unfinished_run_is_refused_and_the_kept_one_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("CR_RESULTS", str(tmp_path / "results"))
    (tmp_path / "kept").mkdir()
    with pytest.raises(UserError, match="01_data/manifest.json is missing"):
        reference.keep("smoke", tmp_path / "kept")
    assert (tmp_path / "kept").is_dir()


def test_a_finished_run_is_kept_without_models(tmp_path, monkeypatch):
    monkeypatch.setenv("CR_RESULTS", str(tmp_path / "results"))
    source = tmp_path / "results" / "smoke"
    for stage in paths.STAGES:
        jsonl.write_json(source / stage / "manifest.json", {"stage": stage})
    jsonl.write(source / "05_eval" / "items.jsonl", [{"model": "sft", "verdict": True, "completion": "x"}])
    jsonl.write_json(source / "03_sft" / "model" / "config.json", {})
    for name in ("tables", "figures"):
        (source / name).mkdir()
    jsonl.write(source / "02_distill" / "chains.jsonl", [{"task": "output", "verdict": True, "completion": "x"}])
    (source / "index.html").write_text(
        'Record <a href="02_distill/chains.jsonl">02_distill/chains.jsonl</a> <a class="number" '
        'href="02_distill/chains.jsonl" title="metric">1</a> <a href="05_eval/items.jsonl">05_eval/items.jsonl</a> '
        '<a href="03_sft/model/config.json">weights</a> <a href="#claims">C1</a>')
    kept = reference.keep("smoke", tmp_path / "kept")
    assert jsonl.read(kept / "05_eval" / "items.jsonl") == [{"model": "sft", "verdict": True}]
    assert not (kept / "03_sft" / "model").exists() and (kept / "index.html").read_text() == (
        'Record <a href="02_distill/chains.facts.jsonl.gz">02_distill/chains.facts.jsonl.gz</a> (facts kept of '
        'chains.jsonl, which the command makes) <a class="number" href="02_distill/chains.facts.jsonl.gz" '
        'title="metric">1</a> <a href="05_eval/items.jsonl">05_eval/items.jsonl</a> weights <a href="#claims">C1</a>')


def test_every_link_of_the_committed_page_leads_somewhere():
    text = (readme.reference() / "index.html").read_text(encoding="utf-8")
    links = set(re.findall(r'<a [^>]*?href="([^"#:]+)"', text))
    assert len(links) > 50 and sorted(name for name in links if not (readme.reference() / name).is_file()) == []
