"""`evaluate` and `join`: the real benchmarks from the command line, in shares, against a real server."""

from pathlib import Path

import pytest
from answering_server import Answering

from cr_utils import __main__ as command
from cr_utils import jsonl
from cr_utils.errors import UserError

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture(autouse=True)
def at_hand(monkeypatch):
    monkeypatch.setenv("CR_BENCHMARKS", str(FIXTURES))


def ask(server, out, *words):
    assert (
        command.dispatch(["evaluate", "--model", f"mine=openai:m@{server.url}", "--out", str(out), *words])
        == 0
    )
    return jsonl.read(out)


def yes(prompt, body):
    return "<answer>YES</answer>"


def test_the_benchmarks_at_hand_are_asked_and_summed_up(tmp_path, capsys):
    with Answering(yes) as server:
        items = ask(server, tmp_path / "items.jsonl", "--limit", "2")
        assert ask(server, tmp_path / "items.jsonl", "--limit", "2") == items
        assert len(server.asked) == len(items)
    found = {(item["benchmark"], item["task"]) for item in items}
    assert {
        ("cruxeval", "input"),
        ("livecodebench", "output"),
        ("reval", "state"),
        ("reval", "coverage"),
    } <= found
    assert all("parity" in item for item in items)
    assert {len([i for i in items if (i["benchmark"], i["task"]) == key]) for key in found} == {2}
    assert "mine             reval          coverage     strict  n=2" in capsys.readouterr().out


def test_shares_merged_are_the_whole(tmp_path, capsys):
    with Answering(yes) as server:
        whole = ask(server, tmp_path / "whole.jsonl", "--benchmark", "cruxeval")
        for i in (1, 2):
            (tmp_path / str(i)).mkdir()
            ask(server, tmp_path / str(i) / "items.jsonl", "--benchmark", "cruxeval", "--shard", f"{i}/2")
    command.dispatch(
        ["join", *(str(tmp_path / i / "items.jsonl") for i in "12"), "--out", str(tmp_path / "m.jsonl")]
    )
    merged = jsonl.read(tmp_path / "m.jsonl")
    assert sorted(row["key"] for row in merged) == sorted(row["key"] for row in whole) and len(whole) == 16
    assert "16 items in" in capsys.readouterr().out


def test_samples_are_summed_up_per_question(tmp_path, capsys):
    with Answering(yes) as server:
        items = ask(server, tmp_path / "items.jsonl", "--benchmark", "reval", "-p", "eval_samples", "3",
                    "-p", "eval_temperature", "0.7", "-p", "eval_reval", "4")
        assert {body["temperature"] for body in server.bodies} == {0.7}
    assert sum(item["task"] == "coverage" for item in items) == 12
    assert "coverage     strict  n=4" in capsys.readouterr().out


def test_held_out_programs_can_be_asked_too(tmp_path):
    row = {"id": "p", "code": "def f(x):\n    return x", "entry_point": "f", "input": "1", "output": "1",
           "split": "heldout"}
    jsonl.write(tmp_path / "problems.jsonl", [row])
    with Answering(yes) as server:
        items = ask(server, tmp_path / "items.jsonl", "--problems", str(tmp_path / "problems.jsonl"),
                    "--benchmark", "cruxeval", "--limit", "1")
    assert {item["benchmark"] for item in items} == {"heldout", "cruxeval"}


@pytest.mark.parametrize("words, said", [
    (["--shard", "9/4"], "write i/n"), (["-p", "benchmarks", "never"], "nothing to ask"),
    (["-p", "eval_limits", "3"], "did you mean eval_limit"), (["--model", "base=shipped"], "is taken")])
def test_mistakes_are_one_line(tmp_path, words, said):
    with Answering(yes) as server, pytest.raises(UserError, match=said):
        ask(server, tmp_path / "items.jsonl", *words)
    assert server.asked == []
