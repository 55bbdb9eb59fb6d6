"""Shares of an evaluation: together they are the whole, merged they are one run."""

import pytest

from cr_utils import evaluate, jsonl, questions, shares
from cr_utils.errors import UserError

ASKED = [
    questions.at(
        {
            "id": f"p{n}",
            "code": f"def f(x):\n    return x + {n}",
            "entry_point": "f",
            "input": "1",
            "output": str(1 + n),
        },
        task,
    )
    for n in range(60)
    for task in ("output", "input")
]


@pytest.mark.parametrize("n", [1, 2, 5])
def test_shares_are_disjoint_complete_and_keep_programs_together(n):
    parts = [shares.part(ASKED, f"{i}/{n}") for i in range(1, n + 1)]
    assert sorted(q.id for part in parts for q in part) == sorted(q.id for q in ASKED)
    homes = [{q.problem_id for q in part} for part in parts]
    assert sum(map(len, homes)) == 60
    assert all(len(part) > 60 / n for part in parts)


def test_a_share_does_not_depend_on_what_else_is_asked():
    few = shares.part(ASKED[:40], "2/3")
    assert few == [q for q in shares.part(ASKED, "2/3") if q in ASKED[:40]]


def test_a_limit_is_per_task_and_within_the_share():
    limited = shares.part(ASKED, limit=3)
    assert [q.task for q in limited] == ["output", "input"] * 3 and limited == ASKED[:6]
    assert shares.part(ASKED, "1/2", 3) == shares.part(shares.part(ASKED, "1/2"), limit=3)
    assert shares.part(ASKED) == ASKED


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "1/2/3", "-1/2"])
def test_a_shard_that_is_none_is_refused(text):
    with pytest.raises(UserError, match="write i/n"):
        shares.part(ASKED, text)


def ask(asked, path):
    return evaluate.run(
        "m",
        "heldout",
        asked,
        lambda some: [evaluate.Reply("<answer>3</answer>") for _ in some],
        path,
        say=False,
    )


def test_merged_shares_are_the_run_of_one_machine(tmp_path):
    whole = ask(ASKED, tmp_path / "whole.jsonl")
    files = [tmp_path / f"{i}.jsonl" for i in (1, 2, 3)]
    for i, path in enumerate(files, 1):
        ask(shares.part(ASKED, f"{i}/3"), path)
    assert shares.merge_files([*files, files[0]], tmp_path / "merged.jsonl") == 120
    merged = jsonl.read(tmp_path / "merged.jsonl")
    assert sorted(merged, key=lambda row: row["key"]) == sorted(whole, key=lambda row: row["key"])


def test_taken_in_items_are_not_asked_again(tmp_path):
    ask(shares.part(ASKED, "1/2"), tmp_path / "other.jsonl")
    here = tmp_path / "here.jsonl"
    ask(ASKED[:2], here)
    new = shares.take_in(here, [tmp_path / "other.jsonl"])
    assert new == len(jsonl.read(here)) - 2 > 0
    assert shares.take_in(here, [tmp_path / "other.jsonl"]) == 0 == shares.take_in(here, [])
    asked = []
    evaluate.run(
        "m",
        "heldout",
        ASKED,
        lambda some: asked.extend(some) or [evaluate.Reply("") for _ in some],
        here,
        say=False,
    )
    assert len(asked) == 120 - 2 - new


def test_two_answers_to_one_question_are_refused():
    row = {"key": "m|b|q", "prompt_sha": "a", "completion": "x"}
    assert shares.merge([row, dict(row)]) == [row]
    with pytest.raises(UserError, match="m|b|q has two different answers .completion."):
        shares.merge([row, row | {"completion": "y"}])
    with pytest.raises(UserError, match="without a key"):
        shares.merge([{"model": "m"}])
