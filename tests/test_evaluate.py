"""Evaluation runs: items, resuming, trivial baselines."""

import json

import pytest

from cr_utils import evaluate, jsonl, questions
from cr_utils.errors import UserError

PROBLEMS = [{"id": f"p{n}", "code": f"def f(x):\n    return x + {n}", "entry_point": "f", "input": "1",
             "output": str(1 + n)} for n in range(5)]
ASKED = [questions.at(problem, "output") for problem in PROBLEMS]


class Model:
    """Answers 3 to everything; remembers what it was asked."""

    def __init__(self, fail_after=None):
        self.asked, self.fail_after = [], fail_after

    def __call__(self, batch):
        if self.fail_after is not None and len(self.asked) >= self.fail_after:
            raise KeyboardInterrupt
        self.asked += [question.id for question in batch]
        return [evaluate.Reply("<answer>3</answer>", tokens=4) for _ in batch]


def run(model, path, asked=ASKED, **options):
    return evaluate.run("m", "heldout", asked, model, path, say=False, **options)


def test_an_item_holds_what_was_asked_said_and_judged(tmp_path):
    item = run(Model(), tmp_path / "items.jsonl", ASKED[2:3])[0]
    assert item == {"key": "m|heldout|p2/output", "model": "m", "benchmark": "heldout",
                    "question_id": "p2/output", "task": "output", "prompt_sha": item["prompt_sha"],
                    "completion": "<answer>3</answer>", "answer": "3", "verdict": True, "kind": "pass",
                    "tokens": 4, "truncated": False}
    assert len(item["prompt_sha"]) == 12
    assert jsonl.read(tmp_path / "items.jsonl") == [item]


def test_items_come_in_the_order_of_the_questions(tmp_path):
    reverse = ASKED[::-1]
    items = run(Model(), tmp_path / "items.jsonl", reverse, chunk=2)
    assert [item["question_id"] for item in items] == [question.id for question in reverse]
    assert [item["verdict"] for item in items] == [False, False, True, False, False]


def test_a_killed_run_asks_nothing_twice(tmp_path):
    path = tmp_path / "items.jsonl"
    first, second = Model(fail_after=4), Model()
    with pytest.raises(KeyboardInterrupt):
        run(first, path, chunk=2)
    assert len(jsonl.read(path)) == 4
    with path.open("a") as file:
        file.write('{"key": "torn')
    items = run(second, path, chunk=2)
    assert len(items) == 5 and len(jsonl.read(path)) == 5
    assert sorted(first.asked + second.asked) == sorted(question.id for question in ASKED)


def test_a_finished_run_is_only_read(tmp_path):
    path = tmp_path / "items.jsonl"
    items = run(Model(), path)
    again = Model()
    assert run(again, path) == items
    assert again.asked == []


def test_models_and_benchmarks_share_a_file(tmp_path):
    path = tmp_path / "items.jsonl"
    run(Model(), path)
    evaluate.run("other", "heldout", ASKED, Model(), path, say=False)
    evaluate.run("m", "heldout_ood", ASKED, Model(), path, say=False, arm="no_sft")
    rows = jsonl.read(path)
    assert len(rows) == 15 and [row.get("arm") for row in rows] == [None] * 10 + ["no_sft"] * 5
    assert evaluate.accuracy(rows)["m", "heldout_ood", "output"] == (1, 5)


def test_another_prompt_under_the_same_key_is_an_error(tmp_path):
    path = tmp_path / "items.jsonl"
    run(Model(), path)
    with pytest.raises(UserError, match="another prompt"):
        run(Model(), path, [questions.at(problem, "output", direct=True) for problem in PROBLEMS])


def test_a_prompt_that_is_too_long_counts_as_wrong(tmp_path):
    def model(batch):
        return [evaluate.Reply("", kind=evaluate.TOO_LONG) for _ in batch]
    items = run(model, tmp_path / "items.jsonl")
    assert {item["kind"] for item in items} == {"prompt_too_long"}
    assert not any(item["verdict"] for item in items)


def test_a_truncated_reply_says_so(tmp_path):
    def model(batch):
        return [evaluate.Reply("<reasoning>and then", tokens=99, truncated=True) for _ in batch]
    item = run(model, tmp_path / "items.jsonl")[0]
    assert (item["kind"], item["truncated"], item["tokens"], item["answer"]) == ("truncated", True, 99, None)


def test_broken_unicode_can_be_recorded(tmp_path):
    def model(batch):
        return [evaluate.Reply("<answer>\ud83d</answer>") for _ in batch]
    run(model, tmp_path / "items.jsonl")
    assert jsonl.read(tmp_path / "items.jsonl")[0]["answer"] == "?"


def test_a_model_that_loses_replies_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="0 replies to 5 questions"):
        run(lambda batch: [], tmp_path / "items.jsonl")


def test_two_questions_with_one_id_are_an_error(tmp_path):
    with pytest.raises(ValueError, match="same id"):
        run(Model(), tmp_path / "items.jsonl", ASKED + ASKED[:1])


def test_progress_is_shown(tmp_path, capsys):
    evaluate.run("m", "heldout", ASKED, Model(), tmp_path / "items.jsonl")
    assert "m on heldout 5/5" in capsys.readouterr().out


def test_trivial_answers_are_constant():
    training = [{"output": "1", "input": "2"}, {"output": "7", "input": "3"}, {"output": "7", "input": "2"}]
    respond = evaluate.trivial(training)
    trace = type("T", (), {"coverage": set(), "next_lines": {}, "states": {}})
    asked = [questions.at(PROBLEMS[0], task, trace, 2, "x") for task in questions.TASKS]
    assert [reply.text[8:-9] for reply in respond(asked)] == ["7", "f(2)", "YES", "-1", "Nil"]
    assert [reply.text[8:-9] for reply in evaluate.trivial()(asked[:2])] == ["''", "f()"]


def test_items_are_plain_json(tmp_path):
    items = run(Model(), tmp_path / "items.jsonl")
    assert json.loads(json.dumps(items)) == items


def test_items_of_a_published_benchmark_carry_its_verdict_too(tmp_path):
    def model(batch):
        return [evaluate.Reply("<answer>3 or 4</answer>"), evaluate.Reply("<answer>3</answer>")]
    items = evaluate.run("m", "cruxeval", ASKED[2:4], model, tmp_path / "items.jsonl", say=False)
    assert [(item["verdict"], item["parity"]) for item in items] == [(False, True), (False, False)]


def test_a_machine_that_cannot_jail_pasted_text_gives_no_published_verdict(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise UserError("untrusted programs need seccomp")
    monkeypatch.setattr(evaluate.score_cruxeval, "single_verdicts", refuse)
    items = evaluate.run("m", "cruxeval", ASKED, Model(), tmp_path / "items.jsonl", say=False)
    assert not any("parity" in item for item in items) and sum(item["verdict"] for item in items) == 1
    assert "no published verdicts" in capsys.readouterr().err


def test_answers_given_in_another_stage_are_adopted_under_the_new_name(tmp_path):
    given = run(Model(), tmp_path / "05.jsonl", ASKED[:3])
    other = {**given[0], "key": given[1]["key"], "prompt_sha": "another"}
    path = tmp_path / "06.jsonl"
    earlier = [given[0], other, given[2], {**given[2], "key": given[2]["key"] + "|1"}]
    assert evaluate.adopt("full", "heldout", ASKED, earlier, "m", path, arm="full") == 2
    assert evaluate.adopt("full", "heldout", ASKED, earlier, "m", path, arm="full") == 0
    model = Model()
    items = evaluate.run("full", "heldout", ASKED, model, path, say=False, arm="full")
    assert model.asked == ["p1/output", "p3/output", "p4/output"]
    assert [item["verdict"] for item in items] == [False, False, True, False, False]
    assert items[0] == {**given[0], "key": "full|heldout|p0/output", "model": "full", "arm": "full"}
