"""Tables about answers, against small records whose numbers are plain."""

import pandas as pd

from cr_utils import answer_tables


def test_scoring_counts_where_the_two_rules_part():
    made = [{"model": "sft", "benchmark": "reval", "task": "state", "verdict": strict, "parity": parity}
            for strict, parity in ((True, True), (True, False), (False, True), (False, True), (False, False))]
    made.append({"model": "sft", "benchmark": "heldout", "task": "state", "verdict": True})
    frame = answer_tables.scoring(made)
    assert list(frame.columns) == answer_tables.SCORING
    assert frame.to_dict("records") == [
        {
            "model": "sft",
            "benchmark": "reval",
            "task": "state",
            "n": 5,
            "parity": 3,
            "strict": 2,
            "parity_only": 2,
            "strict_only": 1,
        }
    ]


def test_scoring_without_published_verdicts_says_so():
    frame = answer_tables.scoring(
        [{"model": "sft", "benchmark": "heldout", "task": "output", "verdict": True}]
    )
    assert frame.empty and frame.attrs["notes"] == ["no answer to a published benchmark was recorded"]
    assert isinstance(frame, pd.DataFrame)


def told(model, verdict, departure, steps=5, needed=5):
    return {"model": model, "benchmark": "heldout", "task": "output", "verdict": verdict, "kind": "wrong",
            "departure": departure, "first_wrong_step": None if departure == "none" else 3, "steps": steps,
            "steps_needed": needed}


def test_departures_set_steps_against_answers():
    made = [told("sft", True, "none"), told("sft", True, "wrong_value"), told("sft", False, "none"),
            told("sft", False, "misread"), told("sft", False, "lost_state", steps=9),
            told("sft", False, "wrong_line"), {**told("sft", False, None), "departure": None}]
    found = answer_tables.departures(made).iloc[0]
    assert list(found.index) == answer_tables.DEPARTURES
    assert (found.n, found.right_answers, found.right_steps) == (6, 2, 2)
    assert (found.right_with_wrong_steps, found.wrong_with_right_steps) == (1, 1)
    assert (found.comprehension, found.simulation, found.lost_state, found.misquoted) == (1, 2, 1, 0)
    assert (
        found.right_answers + found.wrong_with_right_steps + found.comprehension + found.simulation == found.n
    )
    assert (found.median_step, found.longer_than_run) == (3, 1 / 6)
    assert answer_tables.departures([]).attrs["notes"] == ["nothing was recorded"]


def test_failures_tell_wrong_outputs_apart():
    made = [{**told("sft", False, None), "detail": detail} for detail in ("wrong_type", "wrong_type", None)]
    frame = answer_tables.failures(made)
    assert dict(zip(frame["kind"], frame["count"], strict=True)) == {"wrong_type": 2, "wrong": 1}


def test_pass_at_k_over_questions():
    made = [
        {
            "model": "m",
            "benchmark": "cruxeval",
            "task": "output",
            "question_id": q,
            "verdict": v,
            "parity": True,
            **({"sample": n} if n else {}),
        }
        for q, found in {"a": (1, 0, 0, 0), "b": (0, 0, 0, 0)}.items()
        for n, v in enumerate(map(bool, found))
    ]
    frame = answer_tables.pass_at_k(made, (1, 2, 5))
    strict = frame[frame["mode"] == "strict"].set_index("k")
    assert strict["estimate"].to_dict() == {1: 0.125, 2: 0.25} and set(strict["samples"]) == {4}
    assert frame[frame["mode"] == "parity"]["estimate"].tolist() == [1.0, 1.0]
    assert (strict["low"] <= strict["estimate"]).all() and (strict["estimate"] <= strict["high"]).all()
    single = answer_tables.pass_at_k([item for item in made if "sample" not in item])
    assert single.empty and single.attrs["notes"] == ["one answer per question was sampled (eval_samples)"]


def test_operations_count_what_was_reached_and_what_failed():
    made = [{**told("sft", False, "wrong_value"), "reached": {"int +": 12, "sum()": 2}, "failed_at": "int +"},
            {**told("sft", True, "none"), "reached": {"int +": 8, "len()": 1}, "failed_at": None},
            told("grpo", True, "none")]
    frame = answer_tables.operations(made)
    assert list(frame.columns) == answer_tables.OPERATIONS
    first, second = frame.to_dict("records")
    assert first["operation"] == "int +"
    assert (first["n"], first["right"], first["failures"]) == (20, 19, 1)
    assert first["low"] < first["accuracy"] == 19 / 20 < first["high"] and first["share_of_failures"] == 1.0
    assert (second["operation"], second["n"], second["failures"]) == ("rarer operations", 3, 0)
    none = answer_tables.operations([]).attrs["notes"]
    assert none == ["no chain that states every operation was recorded"]
