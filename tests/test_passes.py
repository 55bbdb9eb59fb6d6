"""Counts of right answers: nothing is asked twice, kept problems, the order of prompts, the command."""

import json

import pytest
from answering_server import Answering

from cr_utils import __main__ as command
from cr_utils import grpo, jsonl, params, passes, questions, synthesis
from cr_utils.errors import UserError
from cr_utils.evaluate import Reply

ASKER = {"model": "mine", "temperature": 1.0}


@pytest.fixture(scope="module")
def problems():
    sizes = {"train": 8, "validation": 0, "heldout": 0, "heldout_ood": 0}
    options = {"seed": 3, "constraints": True, "mutation": True, "max_steps": 24, "grammar": "core"}
    return synthesis.synthesize(sizes, options, 1)[0]


@pytest.fixture
def asked(problems):
    return questions.many(problems, "output")


def solving(asked, rates, log):
    """A model that gets the i-th question right in its first rates[i] samples."""
    rank = {question.id: rates[index] for index, question in enumerate(asked)}

    def respond(chunk, number=0):
        log.extend((one.id, number) for one in chunk)
        return [Reply(f"<answer>{one.output if number < rank[one.id] else 'None'}</answer>") for one in chunk]

    return respond


def test_counts_are_resumed_and_nothing_is_asked_twice(asked, tmp_path, monkeypatch):
    monkeypatch.setattr(passes, "CHUNK", 3)
    path, log, rates = tmp_path / "c.jsonl", [], [0, 1, 2, 3, 4, 4, 0, 2]
    first = passes.count(asked[:3], solving(asked, rates, log), path, 4, ASKER)
    found = passes.count(asked, solving(asked, rates, log), path, 4, ASKER)
    assert list(found.values()) == rates and list(first.values()) == rates[:3]
    assert len(log) == len(set(log)) == 4 * len(asked)
    assert jsonl.read(path)[1] == {"question_id": asked[1].id, "problem_id": asked[1].problem_id,
                                   "passes": 1, "samples": 4, **ASKER}
    with pytest.raises(UserError, match="model = 'mine', not 'yours'"):
        passes.count(asked, None, path, 4, ASKER | {"model": "yours"})
    with pytest.raises(UserError, match="samples = 4, not 10"):
        passes.count(asked, None, path, 10, ASKER)


def test_curriculum_goes_from_often_solved_to_hardly_solved(asked):
    rates = {one.id: index / 10 for index, one in enumerate(asked)}
    assert passes.ordered(asked, rates, "random") == asked
    made = passes.ordered(asked, rates, "curriculum", 1)
    assert made == passes.ordered(asked[::-1], rates, "curriculum", 1) != asked
    assert {made[0].id, made[1].id} <= {one.id for one in asked[-3:]}
    assert {made[-1].id, made[-2].id} <= {one.id for one in asked[:3]}


def test_rank_correlation():
    assert passes.spearman([1, 2, 3], [3, 2, 1]) == -1 and passes.spearman([1, 1], [1, 2]) is None
    assert passes.spearman([1, 2, 2, 3], [10, 20, 20, 90]) == pytest.approx(1)
    assert passes.spearman([0, 0, 1, 1], [1, 2, 3, 4]) == pytest.approx(0.8944, abs=1e-4)


def settings(**changed):
    return params.load("tiny", {"grpo_filter_prompts": 0, **changed})


def test_grpo_takes_the_counts_of_a_file(asked, tmp_path):
    counts = tmp_path / "c.jsonl"
    passes.count(asked, solving(asked, [0, 4, 1, 3, 2, 1, 4, 0], []), counts, 4, ASKER)
    values = settings(grpo_counts=str(counts))
    kept = grpo.filter_prompts(asked[:6], "no such model", values, tmp_path / "filter.jsonl")
    assert kept == asked[2:6] and len(jsonl.read(tmp_path / "filter.jsonl")) == 6
    few = grpo.filter_prompts(asked, None, values | {"grpo_filter_most": 1}, tmp_path / "f.jsonl")
    assert few == [asked[2], asked[5]]
    easy = grpo.filter_prompts(asked, None, values | {"grpo_order": "curriculum"}, tmp_path / "f.jsonl")
    assert [one.id for one in easy[:2]] == [asked[3].id, asked[4].id] and len(easy) == 4
    with pytest.raises(UserError, match="counts of 0 of 0 prompts"):
        grpo.filter_prompts([], None, values, tmp_path / "f.jsonl")
    with pytest.raises(UserError, match="data difficulty"):
        grpo.filter_prompts(asked, None, values | {"grpo_counts": "nowhere"}, tmp_path / "f.jsonl")


def test_an_order_by_counts_needs_counts():
    with pytest.raises(UserError, match="grpo_order = curriculum needs"):
        settings(grpo_order="curriculum")
    assert settings(grpo_order="curriculum", grpo_counts="x")["grpo_counts"] == "x"


def test_the_schedule_asks_the_same_prompts_in_either_order():
    from types import SimpleNamespace

    from cr_utils import grpo_trainer

    config = SimpleNamespace(steps_per_generation=1, num_iterations=1, max_steps=5, seed=0,
                             gradient_accumulation_steps=1, generation_batch_size=16, num_generations=4)
    for count, cuts in ((30, [20]), (8, [8, 16, 20])):
        drawn, ranked = (grpo_trainer.schedule(count, config, given) for given in (False, True))
        begin = 0
        for cut in cuts:
            assert ranked[begin:cut] == sorted(drawn[begin:cut]) != drawn[begin:cut]
            begin = cut


def test_the_command_keeps_what_is_seldom_solved(problems, tmp_path, capsys):
    file, out = tmp_path / "problems.jsonl", tmp_path / "kept.jsonl"
    jsonl.write(file, problems)
    easy = [one.prompt for one in questions.many(problems, "output")[:5]]
    truth = {one.prompt: one.output for one in questions.many(problems, "output")}

    def answer(prompt, body):
        return f"<answer>{truth[prompt] if prompt in easy else 'None'}</answer>"

    with Answering(answer) as server:
        words = ["data", "difficulty", "--model", f"openai:m@{server.url}", "--problems", str(file), "--out",
                 str(out), "--samples", "3", "--most", "2"]
        assert command.dispatch(words) == 0 and len(server.asked) == 3 * len(problems)
        assert command.dispatch(words) == 0 and len(server.asked) == 3 * len(problems)
    kept = jsonl.read(out)
    assert [row["id"] for row in kept] == [one["id"] for one in problems[5:]]
    assert {(row["passes"], row["samples"]) for row in kept} == {(0, 3)}
    said = capsys.readouterr().out
    assert "right answers of 3: 0: 3, 1: 0, 2: 0, 3: 5" in said and "rank correlation (Spearman)" in said


def test_the_shipped_base_is_sampled(problems, tmp_path, capsys):
    file, out = tmp_path / "problems.jsonl", tmp_path / "kept.jsonl"
    jsonl.write(file, problems[:3])
    words = ["data", "difficulty", "--problems", str(file), "--out", str(out), "--samples", "4", "--direct",
             "-p", "eval_max_new_tokens", "64"]
    assert command.dispatch(words) == 0
    counts = [json.loads(line) for line in (tmp_path / "kept.counts.jsonl").read_text().splitlines()]
    assert len(counts) == 3 and all(0 <= row["passes"] <= 4 for row in counts)
    assert f"{len(jsonl.read(out))} of 3 problems with 0 to 3 right" in capsys.readouterr().out
