"""Tables against small records whose numbers are plain."""

import pandas as pd
import pytest
import simulated

from cr_utils import answer_tables, published, stats, tables


def split(row_id):
    return "dev" if int(row_id.split("_")[1]) % 4 == 0 else "test"


@pytest.fixture(scope="module")
def items():
    return simulated.items(simulated.problems(120))


def row(frame, **where):
    for name, value in where.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1, f"{len(frame)} rows for {where}"
    return frame.iloc[0]


def test_main_counts_right_answers(items):
    frame = tables.main(items, split=split)
    assert list(frame.columns) == ["model", "benchmark", "task", "mode", "n", "correct", "accuracy", "low",
                                   "high", "published", "source"]
    mine = [i for i in items if (i["model"], i["benchmark"], i["task"]) == ("sft", "heldout", "output")]
    found = row(frame, model="sft", benchmark="heldout", task="output", mode="strict")
    right = sum(i["verdict"] for i in mine)
    assert (found.n, found.correct, found.accuracy) == (len(mine), right, right / len(mine))
    assert (found.low, found.high) == stats.wilson(right, len(mine))


def test_main_has_the_600_of_cruxeval_beside_all(items):
    frame = tables.main(items, split=split)
    assert row(frame, model="grpo", benchmark="cruxeval", task="output").n == 40
    assert row(frame, model="grpo", benchmark="cruxeval_test", task="output").n == 30


def test_main_mean_is_unweighted_and_needs_every_task(items):
    frame = tables.main(items, split=split)
    five = frame[(frame.model == "sft") & (frame.benchmark == "heldout") & frame.task.isin(tables.TASKS)]
    mean = row(frame, model="sft", benchmark="heldout", task="mean")
    assert mean.accuracy == pytest.approx(five.accuracy.mean())
    fewer = [i for i in items if not (i["model"] == "sft" and i["task"] == "path")]
    frame = tables.main(fewer, split=split)
    assert pd.isna(row(frame, model="sft", benchmark="heldout", task="mean").accuracy)
    assert "heldout, sft, path, mean: not asked" in frame.attrs["notes"]
    assert "heldout_ood, coverage, path, state: not asked" in frame.attrs["notes"]


def test_main_names_what_is_missing_and_why(items):
    frame = tables.main(items, reasons={"livecodebench": "no data"}, split=split)
    assert pd.isna(row(frame, model="sft", benchmark="livecodebench", task="output").n)
    assert "livecodebench: no data" in frame.attrs["notes"]
    assert "reval: not run" in frame.attrs["notes"]
    assert "not run" in " ".join(tables.main([]).attrs["notes"])


def test_main_published_numbers_have_sources(items):
    frame = tables.main(items, split=split)
    shown = frame[frame.published.notna()]
    assert shown.source.notna().all() and frame[frame.published.isna()].source.isna().all()
    assert row(frame, model="grpo", benchmark="cruxeval", task="mean").published == 0.86
    assert row(frame, model="GPT-4o", benchmark="reval", task="mean").published == 0.773
    assert pd.isna(row(frame, model="sft", benchmark="cruxeval", task="mean").published)
    assert not any("StepCodeReasoner-7B" == p.model and p.ours for p in published.NUMBERS)


def test_parity_verdicts_get_their_own_rows():
    made = [{"model": "sft", "benchmark": "cruxeval", "task": "output", "question_id": f"sample_{i}/output",
             "verdict": i < 2, "parity": i < 3, "kind": "x"} for i in range(4)]
    frame = tables.main(made, split=split)
    assert row(frame, model="sft", benchmark="cruxeval", task="output", mode="strict").correct == 2
    assert row(frame, model="sft", benchmark="cruxeval", task="output", mode="parity").correct == 3


def test_paired_uses_common_questions_only():
    verdicts = {"a": {"q1": 1, "q2": 0, "q3": 0}, "b": {"q2": 1, "q3": 1, "q4": 1}}
    made = [{"model": m, "benchmark": "heldout", "task": "output", "question_id": q, "verdict": bool(v)}
            for m, found in verdicts.items() for q, v in found.items()]
    frame = tables.paired(made, [("a", "b"), ("a", "gone")])
    assert list(frame.columns) == ["benchmark", "task", "a", "b", "n", "a_only", "b_only", "difference",
                                   "p_value"]
    found = row(frame, b="b")
    assert (found.n, found.a_only, found.b_only, found.difference, found.p_value) == (2, 0, 2, 1.0, 0.5)
    assert pd.isna(row(frame, b="gone").p_value)
    assert "a and gone: no question that both answered" in frame.attrs["notes"]


def test_ablations_by_arm():
    arms = simulated.arms(simulated.problems(80))
    frame = tables.ablations([one for one in arms if one["arm"] != "no_sft"], {"no_sft": "left out"})
    assert list(frame.columns) == ["arm", "benchmark", "task", "mode", "n", "correct", "accuracy", "low",
                                   "high", "published", "source"]
    assert row(frame, arm="full", benchmark="heldout", task="output").n == 20
    assert pd.isna(row(frame, arm="no_sft", benchmark="heldout", task="output").n)
    assert "heldout, no_sft: left out" in frame.attrs["notes"]
    assert frame.published.isna().all()


def test_arms_and_tasks_that_are_not_in_the_run_have_no_rows_but_are_named():
    arms = simulated.arms(simulated.problems(80))
    frame = tables.ablations(arms, asked=["full", "half_data"])
    assert row(frame, arm="half_data", benchmark="heldout", task="output").isna()["n"]
    assert "tenth_data" not in set(frame.arm) and set(frame.task) <= {one["task"] for one in arms} | {"mean"}
    alone = tables.ablations([one for one in arms if one["task"] == "output"])
    assert set(alone.task) == {"output"}  # a mean of one task would be that task again
    named = [note for note in frame.attrs["notes"] if note.startswith("not in this run and left out: ")]
    assert len(named) == 1 and "tenth_data" in named[0] and "half_data" not in named[0]
    pairs = tables.paired(arms, [("no_sft", "full"), ("tenth_data", "short_sft")], "arm")
    assert set(pairs.a) == {"no_sft"} and pairs.n.notna().all()
    assert "not in this run and left out: tenth_data" in pairs.attrs["notes"]


def test_ablations_have_the_development_and_the_test_rows_of_cruxeval_apart(items):
    named = [{**one, "arm": one["model"]} for one in items if one["benchmark"] == "cruxeval"]
    frame = tables.ablations(named, split=split)
    sizes = [row(frame, arm="grpo", benchmark=name, task="output").n
             for name in ("cruxeval", "cruxeval_test", "cruxeval_dev")]
    assert sizes == [40, 30, 10]


def test_generalization_differences(items):
    frame = tables.generalization(items)
    assert list(frame.columns) == tables.GENERALIZATION
    seen = row(frame, model="sft", benchmark="heldout", task="output")
    unseen = row(frame, model="sft", benchmark="heldout_ood", task="output")
    assert pd.isna(seen.difference)
    assert unseen.difference == pytest.approx(unseen.accuracy - seen.accuracy)
    assert unseen.difference_low < unseen.difference < unseen.difference_high
    assert pd.isna(row(frame, base_model="others").n)


def test_length_and_repetition():
    made = [{"model": "sft", "benchmark": "heldout", "task": "output", "question_id": str(i), "verdict": True,
             "kind": "pass", "tokens": n, "truncated": n > 50, "completion": text}
            for i, (n, text) in enumerate([(10, simulated.CHAIN), (20, "ok"), (90, "x = 1; " * 40)])]
    found = answer_tables.length(made).iloc[0]
    assert (found.n, found.mean_tokens, found.median_tokens) == (3, 40, 20)
    assert (found.truncated, found.repetition) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert pd.isna(answer_tables.length([{**made[0], "completion": None}]).iloc[0].repetition)


def test_failures_share_is_of_all_answers(items):
    frame = answer_tables.failures(items)
    mine = frame[(frame.model == "sft") & (frame.benchmark == "heldout") & (frame.task == "output")]
    wrong = [i for i in items if (i["model"], i["benchmark"], i["task"]) == ("sft", "heldout", "output")
             and not i["verdict"]]
    assert mine["count"].sum() == len(wrong) and "pass" not in set(mine.kind)
    assert mine.share.sum() == pytest.approx(len(wrong) / mine.n.iloc[0])
    assert list(frame.columns) == answer_tables.FAILURES


def test_data_drops():
    frame = tables.data([{"step": "generated", "n": 10}, {"step": "runs", "n": 4}])
    assert pd.isna(frame.dropped[0]) and frame.dropped[1] == 6 and frame.share[1] == 0.4


def test_files_show_dashes_and_reasons_and_come_back(tmp_path, items):
    frame = tables.main(items, split=split)
    csv, markdown = tables.write_table(frame, tmp_path, "main")
    lines = csv.read_text().splitlines()
    assert lines[0] == ",".join(tables.MAIN) and len(lines) == len(frame) + 1
    assert not any(",," in line for line in lines)
    assert "sft,livecodebench,output,strict,—,—,—,—,—,—,—" in lines
    assert "- — livecodebench: not run" in markdown.read_text()
    first = csv.read_bytes()
    tables.write_table(tables.main(items, split=split), tmp_path, "main")
    assert csv.read_bytes() == first
    back = tables.read_table(tmp_path, "main")
    assert back.n.isna().sum() == frame.n.isna().sum()
    assert back.accuracy.max() == pytest.approx(frame.accuracy.max(), abs=1e-6)


def test_cells():
    assert [tables.cell_text(x) for x in (None, float("nan"), pd.NA, 3, 0.5, 2e-9, "a")] == \
        ["—", "—", "—", "3", "0.500", "2.00e-09", "a"]
