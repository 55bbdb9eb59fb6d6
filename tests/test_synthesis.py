"""Problems in bulk: the same whoever makes them, disjoint splits, every rejection counted."""

from collections import Counter

import pytest

from cr_utils import synthesis
from cr_utils.constraints import MAX_DEPTH, space
from cr_utils.errors import UserError
from cr_utils.fingerprints import committed, fingerprint
from cr_utils.sandbox import Sandbox
from cr_utils.trace import trace_call
from cr_utils.wide import near

OPTIONS = {"seed": 3, "constraints": True, "mutation": True, "max_steps": 24}
SIZES = {"train": 120, "validation": 15, "heldout": 25, "heldout_ood": 20}
ORDERED = "def f(n):\n    return list({'a', 'b', 'c', 'd', 'e', 'f'})[:n]"


@pytest.fixture(scope="module")
def made():
    return synthesis.synthesize(SIZES, OPTIONS, workers=0)


def problem(name, code="def f(n):\n    return n", **more):
    return {"id": name, "code": code, "entry_point": "f", "input": "3", "output": "3",
            "print": f"print of {name}", "key": f"key of {name}", **more}


def filling(size=9, taken=(), stable=lambda problems: [True] * len(problems)):
    return synthesis.Filling("train", size, set(taken), stable)


def test_every_split_has_its_size_and_full_records(made):
    problems, _ = made
    assert Counter(p["split"] for p in problems) == SIZES
    assert len({p["id"] for p in problems}) == len(problems)
    fields = {"id", "code", "entry_point", "input", "output", "constraint", "source", "difficulty", "split"}
    assert all(set(p) == fields for p in problems)


def test_two_workers_and_other_chunks_give_the_same_data_and_counts(made):
    assert synthesis.synthesize(SIZES, OPTIONS, workers=2, chunk=37) == made


@pytest.mark.parametrize("chunk", [1, 200])
def test_any_chunk_gives_the_same_data_and_counts(made, chunk):
    assert synthesis.synthesize(SIZES, OPTIONS, workers=0, chunk=chunk) == made


def test_another_seed_gives_other_data(made):
    other, _ = synthesis.synthesize({**SIZES, "train": 20}, {**OPTIONS, "seed": 4}, workers=0)
    assert not {p["id"] for p in other if p["split"] == "train"} & {p["id"] for p in made[0][:20]}


def test_near_copies_of_benchmark_programs_are_dropped_in_every_split(made):
    problems, counts = made
    assert sum(row["n"] for row in counts if row["step"] == "near copy") > 0, "the check never applied"
    assert not any(near.near_copy(code) for code in {one["code"] for one in problems})


def test_no_program_stands_in_two_splits_or_in_a_benchmark(made):
    prints = {}
    for p in made[0]:
        prints.setdefault(fingerprint(p["code"]), set()).add(p["split"])
    assert all(len(splits) == 1 for splits in prints.values())
    assert not prints.keys() & committed()


def test_no_out_of_distribution_cell_is_in_training(made):
    for p in made[0]:
        cell = p["constraint"]
        held_out = f"{cell['type']}.{cell['method']}" in space().ood or cell["depth"] == MAX_DEPTH
        assert held_out is (p["split"] == "heldout_ood")


def test_every_output_is_that_of_a_run(made):
    for p in made[0]:
        run = trace_call(p["code"], "f", p["input"])
        assert (run.output, len(run.lines)) == (p["output"], p["difficulty"])


def test_every_candidate_is_accounted_for_once(made):
    for split in synthesis.SPLITS:
        counts = {row["step"]: row["n"] for row in made[1] if row["split"] == split}
        assert counts["accepted"] == SIZES[split]
        rejected = sum(counts[reason] for reason in synthesis.REASONS)
        assert counts["candidates"] == counts["accepted"] + rejected
        assert (counts["other split"] > 2 * counts["accepted"]) is (split != "train")


def test_the_funnel_ends_at_the_accepted_problems(made):
    steps = synthesis.funnel(made[1])
    assert steps[-1]["n"] == len(made[0])
    numbers = [step["n"] for step in steps]
    assert numbers == sorted(numbers, reverse=True) and numbers[0] > numbers[-1]


def test_a_value_that_depends_on_hash_order_is_noticed():
    outputs = {text: trace_call(ORDERED, "f", text).output for text in ("4", "5", "6")}
    here = [problem(text, ORDERED, input=text, output=output) for text, output in outputs.items()]
    with Sandbox(hash_seed=1) as one, Sandbox(hash_seed=2) as two:
        first, second = synthesis.same_in(one, here), synthesis.same_in(two, here)
        assert synthesis.same_in(one, [problem("1"), problem("2", output="4")]) == [True, False]
        assert synthesis.same_in(one, []) == []
    assert not all(first) or not all(second)  # this process has one of the orders, at most


def test_what_disagrees_in_the_second_run_is_dropped_and_counted():
    taking = filling(stable=lambda problems: [p["id"] != "odd" for p in problems])
    taking.take([problem("a"), problem("odd"), problem("b")])
    assert [p["id"] for p in taking.problems] == ["a", "b"]
    assert taking.counts == {"candidates": 3, "depends on hash order": 1}


def test_a_problem_that_was_there_up_to_names_is_dropped():
    taking = filling()
    taking.take([problem("a"), "raises", problem("b", key="key of a")])
    taking.take([problem("c", key="key of a"), problem("d")])
    assert [p["id"] for p in taking.problems] == ["a", "d"]
    assert taking.counts == {"candidates": 5, "duplicate": 2, "raises": 1}


def test_a_program_of_an_earlier_split_is_dropped():
    taking = filling(taken={"print of a"})
    taking.take([problem("a"), problem("b")])
    assert [p["id"] for p in taking.problems] == ["b"] and taking.counts["other split"] == 1
    assert taking.prints == {"print of b"}


def test_a_full_split_takes_and_counts_no_more():
    taking = filling(size=1)
    taking.take([problem("a"), problem("b"), "raises"])
    assert taking.full and len(taking.problems) == 1 and taking.counts == {"candidates": 1}


def test_endless_rejection_ends_with_advice(monkeypatch):
    monkeypatch.setattr(synthesis, "PATIENCE", 50)
    with pytest.raises(UserError, match="data_max_steps"):
        synthesis.synthesize({**SIZES, "train": 5}, {**OPTIONS, "max_steps": 1}, workers=0)


def test_progress_counts_up_to_the_whole(made):
    told = []
    synthesis.synthesize(SIZES, OPTIONS, workers=0, on_progress=told.append)
    assert told == sorted(told) and told[-1] == sum(SIZES.values())


def test_without_constraints_training_is_narrow_and_the_other_splits_stay_the_same(made):
    plain, _ = synthesis.synthesize(SIZES, {**OPTIONS, "constraints": False}, workers=0)
    assert [p for p in plain if p["split"] != "train"] == [p for p in made[0] if p["split"] != "train"]
    cells = {f"{p['constraint']['type']}.{p['constraint']['method']}" for p in plain if p["split"] == "train"}
    assert cells <= set(space().common)


def test_a_run_that_was_killed_goes_on_from_its_chunks_to_the_same_data(made, tmp_path, monkeypatch):
    calls, make, file = [], synthesis.make_chunk, tmp_path / "chunks.jsonl"

    def make_or_die(seed, split, options, start, chunk):
        calls.append((split, start))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return make(seed, split, options, start, chunk)
    monkeypatch.setattr(synthesis, "make_chunk", make_or_die)
    with pytest.raises(KeyboardInterrupt):
        synthesis.synthesize(SIZES, OPTIONS, workers=0, chunk=50, keep=file)
    began = list(calls)
    assert synthesis.synthesize(SIZES, OPTIONS, workers=0, chunk=50, keep=file) == made
    whole = len(began) - 1  # what was made but not yet taken in is made again, and no more than that
    assert 0 < sum(one in calls[len(began):] for one in began[:whole]) + 1 <= whole
    calls.clear()
    assert synthesis.synthesize(SIZES, OPTIONS, workers=0, chunk=50, keep=file) == made
    assert len([one for one in calls if one[0] == "train" and one[1] == 0]) == 0
