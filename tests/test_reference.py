"""What is kept of a run is small and quotes nobody."""

import re

import pytest

from cr_utils import executed, jsonl, paths, readme, reference
from cr_utils.errors import UserError


def book(*outputs):
    """An executed notebook with a title, a badge, a cell for Colab and one cell of work."""
    badge = "[![Open in Colab](https://colab.google.com/badge.svg)](https://colab.google.com/x)"
    return {"cells": [
        {"cell_type": "markdown", "metadata": {}, "source": f"# Title & more\n\n{badge}\n\nsome **text**"},
        {"cell_type": "code", "metadata": {"tags": ["colab"]}, "source": "!pip install x", "outputs": []},
        {"cell_type": "code", "metadata": {}, "source": "a < b", "outputs": list(outputs)}]}


def test_an_executed_notebook_becomes_a_page_without_scripts_that_loads_nothing():
    text = executed.html(book(
        {"output_type": "stream", "text": ["1 < 2\n", "\x1b[31mred\x1b[0m"]},
        {"output_type": "display_data", "data": {"image/png": "QUJD\n", "text/plain": "<Figure>"}},
        {"output_type": "execute_result",
         "data": {"text/html": "<table><tr><td>7</td></tr></table><script>x()</script>",
                                                   "text/plain": "7"}},
        {"output_type": "display_data",
         "data": {"application/vnd.jupyter.widget-view+json": {"model_id": "x"},
                                                 "text/plain": "Box()"}}), "02_distill")
    assert "<strong>text</strong>" in text and "1 &lt; 2\nred" in text and "<td>7</td>" in text
    assert 'src="data:image/png;base64,QUJD"' in text and "pip install" not in text
    assert "<script" not in text and not re.search(r"(?:src|href)=[\"']?https?:", text.replace("#", ""))


@pytest.mark.parametrize("kind", ["text/html", "text/plain", "stream"])
def test_an_output_that_quotes_an_answer_about_a_benchmark_is_left_out(kind):
    answer = "<reasoning>\nline 2: secret = x + 1  # a program of somebody else's\n</reasoning>"
    marked = executed.escape(answer).replace("\n", "<br>").replace("secret", "<span class=off>secret</span>")
    shown = f"<pre>{marked}</pre>" if kind == "text/html" else answer
    output = {"output_type": "stream", "text": shown} if kind == "stream" else \
        {"output_type": "display_data", "data": {kind: shown}}
    assert "secret" in executed.html(book(output), "x")
    left = executed.html(book(output), "x", [answer])
    assert "secret" not in left and "left out" in left
    assert "secret" in executed.html(book(output), "x", ["secret"])  # a word is no quotation


def test_texts_of_answers_are_not_kept():
    item = {"key": "k", "model": "sft", "benchmark": "cruxeval", "question_id": "q", "task": "output",
            "verdict": True,
            "kind": "pass", "tokens": 3, "truncated": False, "completion": "def f(secret):",
            "answer": "secret", "prompt_sha": "0"}
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
    jsonl.write(source / "02_distill" / "chains.jsonl",
                [{"task": "output", "verdict": True, "completion": "x"}])
    (source / "index.html").write_text(
        'Record <a href="02_distill/chains.jsonl">02_distill/chains.jsonl</a> <a class="number" '
        'href="02_distill/chains.jsonl" title="metric">1</a> '
        '<a href="05_eval/items.jsonl">05_eval/items.jsonl</a> '
        '<a href="03_sft/model/config.json">weights</a> <a href="#claims">C1</a>')
    seen = {"output_type": "stream", "text": f"read {source}/x and {paths.benchmarks()}/y"}
    jsonl.write_json(source / "02_distill" / "02_distill.ipynb", book(seen))
    kept = reference.keep("smoke", tmp_path / "kept")
    assert jsonl.read(kept / "05_eval" / "items.jsonl") == [{"model": "sft", "verdict": True}]
    text = (kept / "02_distill" / "02_distill.html").read_text()
    assert "<h1" in text and "read results/smoke/x and $CR_BENCHMARKS/y" in text
    assert not (kept / "03_sft" / "model").exists() and (kept / "index.html").read_text() == (
        'Record <a href="02_distill/chains.facts.jsonl.gz">02_distill/chains.facts.jsonl.gz</a> '
        '(facts kept of chains.jsonl, which the command makes) <a class="number" '
        'href="02_distill/chains.facts.jsonl.gz" '
        'title="metric">1</a> <a href="05_eval/items.jsonl">05_eval/items.jsonl</a> weights '
        '<a href="#claims">C1</a>')


def test_every_link_of_the_committed_page_leads_somewhere():
    text = (readme.reference() / "index.html").read_text(encoding="utf-8")
    links = set(re.findall(r'<a [^>]*?href="([^"#:]+)"', text))
    assert len(links) > 50 and sorted(name for name in links
                                      if not (readme.reference() / name).is_file()) == []
