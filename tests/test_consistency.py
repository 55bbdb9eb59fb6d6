"""Consistency from recorded items: the published scores of complete places, and the published mean."""

import itertools

import pytest

from cr_utils import consistency, score_reval, tables

TASKS = ("coverage", "state", "path", "output")


def items(places, model="sft"):
    """Items of places {(pair, line, expression): verdicts of coverage, state, path, output}, strict and
    published.
    """
    made = {}
    for (pair, line, var), verdicts in places.items():
        names = (
            f"{pair}/coverage/{line}",
            f"{pair}/state/{line}/{var}",
            f"{pair}/path/{line}",
            f"{pair}/output",
        )
        for task, name, verdict in zip(TASKS, names, verdicts, strict=True):
            made[name] = {"model": model, "benchmark": "reval", "task": task, "question_id": name,
                          "verdict": verdict, "parity": not verdict}
    return list(made.values())


def test_every_pattern_has_its_published_score():
    patterns = list(itertools.product((False, True), repeat=4))
    made = items({(f"{n}.0", 3, "x"): pattern for n, pattern in enumerate(patterns)})
    score, n = consistency.totals(made)["sft", "reval", "consistency", "strict"]
    assert (score, n) == (1 + 0.5 + 0.25 + 0.125, 16)
    assert consistency.totals(made)["sft", "reval", "consistency", "parity"] == (1.875, 16)


def test_it_is_the_scorer_s_own_number():
    places = {
        ("1.0", 2, "a"): (1, 1, 1, 0),
        ("1.0", 4, "b/c"): (1, 1, 0, 0),
        ("2.1", 2, "a[0]"): (1, 0, 1, 1),
    }
    files = {
        task: [
            {"idx": int(pair[0]), "input_idx": int(pair[2]), "passed": bool(v[at]), "strict": bool(v[at])}
            for (pair, _, _), v in places.items()
        ]
        for at, task in enumerate(TASKS)
    }
    published = score_reval.consistency(files)
    score, n = consistency.totals(items(places))["sft", "reval", "consistency", "strict"]
    assert n == published["n"] == 3
    assert 100 * score / n == published["consistency"] == pytest.approx(25.0)


def test_a_place_without_all_four_verdicts_does_not_count():
    made = items({("1.0", 2, "a"): (1, 1, 1, 1), ("2.0", 2, "a"): (1, 1, 1, 1)})
    made = [item for item in made if item["question_id"] != "2.0/output"]
    made = [{key: value for key, value in item.items() if key != "parity"} for item in made]
    assert consistency.totals(made) == {("sft", "reval", "consistency", "strict"): (1, 1)}


def test_two_expressions_of_one_line_are_two_places():
    made = items({("1.0", 2, "a"): (1, 1, 1, 1), ("1.0", 2, "b"): (1, 0, 1, 1)})
    assert consistency.totals(made)["sft", "reval", "consistency", "strict"] == (1, 2)


def test_the_table_has_it_beside_the_tasks_and_outside_the_mean():
    made = items({("1.0", 2, "a"): (1, 1, 1, 0), ("2.0", 2, "a"): (1, 0, 0, 0)})
    frame = tables.main(made)
    rows = frame[
        (frame.benchmark == "reval") & (frame["mode"] == "strict") & (frame.model == "sft")
    ].set_index("task")
    assert rows.loc["consistency", ["n", "accuracy"]].tolist() == [2, 0.3125]
    assert frame.attrs["notes"][0].startswith("reval, consistency")
    assert rows.loc["consistency", "low"] < 0.3125 < rows.loc["consistency", "high"]
    assert rows["correct"].isna().to_dict()["consistency"] and rows.loc["coverage", "correct"] == 2
    assert rows.loc["mean", "accuracy"] == pytest.approx((1 + 0.5 + 0.5 + 0) / 4)
