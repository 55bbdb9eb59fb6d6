"""The arms about rewards: one start, one set of prompts, one seed; only what is paid for the answers differs.
The arms about data: one budget of completion tokens; only the data differ.
"""

import json

import pytest

from cr_utils import arms, distill, params, sft, synthesis, teacher, whitebox, workshop
from cr_utils.questions import build

CODE = "def f(x):\n    y = x + {n}\n    return y"
PROBLEMS = [{"id": f"p{n}", "code": CODE.format(n=n), "entry_point": "f", "input": "2", "output": str(2 + n),
             "split": "train", "source": "grammar"} for n in range(1, 5)]
pytestmark = pytest.mark.slow
NAMES = ("short_grpo", "whitebox", "bilevel")
SMALL = {
    "ablation_arms": [*NAMES], "ablation_grpo_steps": 1, "grpo_prompts": 4, "grpo_group": 4,
    "grpo_batch_size": 16,
    "grpo_max_new_tokens": 72, "grpo_temperature": 0.8, "grpo_tasks": ["output"], "grpo_steps": 1,
    "grpo_save_every": 1,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of the arms, each trained for one update; the start has learnt a wrong step, right answers."""
    folder = tmp_path_factory.mktemp("arms")
    values = params.load("smoke", SMALL)
    asked = [build(one, "output") for one in PROBLEMS]
    chains = [teacher.narrate(one).replace("# x = 2", "# x = 7") for one in asked]
    assert all("# x = 7" in chain for chain in chains)
    rows = [{"prompt": one.prompt, "completion": chain} for one, chain in zip(asked, chains, strict=True)]
    sft.train(rows, "shipped", folder / "tuned", values | {"sft_steps": 30, "sft_eval_every": 30})
    tuned = str(folder / "tuned" / "model")
    shop = workshop.Workshop(folder, values, PROBLEMS, {"base": "shipped", "sft": tuned, "grpo": tuned})
    trained = {name: shop.model(name) for name in values["ablation_arms"]}
    assert trained == {name: str(folder / name / "model") for name in NAMES}
    assert all(shop.model(name) == path for name, path in trained.items())  # nothing is trained twice
    return folder


def rollouts(folder, name):
    return [json.loads(line) for line in (folder / name / "rollouts.jsonl").read_text().splitlines()]


def test_the_arms_answer_the_same_prompts_alike_before_their_first_update(made):
    one, *others = (
        [(row["question_id"], row["completion"]) for row in rollouts(made, name)] for name in NAMES
    )
    assert len(one) == 4 and others == [one, one]


def test_steps_are_paid_for_in_the_two_arms_alone(made):
    plain, half, second = ([row["reward"] for row in rollouts(made, name)] for name in NAMES)
    assert 0 < sum(plain) and sum(half) < sum(plain) < sum(second)


@pytest.mark.parametrize("name", NAMES)
def test_each_arm_is_paid_by_its_own_reward(made, name):
    asked = {one["id"]: one for one in PROBLEMS}
    paid = whitebox.reward({"grpo_format_weight": 0.1, "grpo_reward": arms.ARMS[name].reward})
    rows = rollouts(made, name)
    questions = [build(asked[row["question_id"].split("/")[0]], "output") for row in rows]
    again = paid(questions, [row["completion"] for row in rows], [row["kind"] == "truncated" for row in rows])
    assert [row["reward"] for row in rows] == pytest.approx([one.total for one in again], abs=1e-4)
    log, = (json.loads(line) for line in (made / name / "log.jsonl").read_text().splitlines())
    assert log["reward_errors"] == 0


def test_what_training_reported_is_summed_up_by_arm(made):
    found = workshop.summaries(made, ["full", *NAMES])
    assert [(row["arm"], row["steps"], row["rollouts"]) for row in found] == [(name, 1, 16) for name in NAMES]
    assert {arms.REFERENCES[name] for name in NAMES[1:]} == {"short_grpo"}


DATA_ARMS = ("short_sft", "no_filter", "tenth_data")
BUDGET = 2_500  # completion tokens


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of the arms about data, trained on BUDGET completion tokens each, and the values."""
    folder = tmp_path_factory.mktemp("data_arms")
    changes = {"ablation_sft_tokens": BUDGET, "sft_batch_size": 4, "data_workers": 1}
    values = params.load("smoke", {"ablation_arms": [*DATA_ARMS], **changes})
    sizes = {"train": 200, "validation": 0, "heldout": 0, "heldout_ood": 0}
    options = {"seed": 0, "constraints": True, "mutation": True, "max_steps": 24}
    problems, _ = synthesis.synthesize(sizes, options, workers=0)
    starts = dict.fromkeys(("base", "sft", "grpo"), "shipped")
    shop = workshop.Workshop(folder, values, problems, starts)
    for name in DATA_ARMS:
        shop.model(name)
    return folder, values


def test_arms_about_data_see_the_same_completion_tokens(trained):
    folder, values = trained
    found = {row["arm"]: row for row in workshop.summaries(folder, DATA_ARMS)}
    longest = values["sft_batch_size"] * values["sft_max_length"]
    assert all(BUDGET <= row["completion_tokens"] < BUDGET + longest for row in found.values())
    assert all(row["steps"] > 1 for row in found.values())


def test_a_tenth_of_the_data_is_a_tenth_and_only_changed_data_are_made_anew(trained):
    folder, _ = trained
    rows = {name: [json.loads(line) for line in (folder / name / "chains.jsonl").read_text().splitlines()]
            for name in DATA_ARMS}
    assert 0.05 < len(rows["tenth_data"]) / len(rows["short_sft"]) < 0.2
    assert len(distill.accepted(rows["short_sft"])) > 20
    assert (folder / "no_filter" / "problems.jsonl").is_file()
    assert not (folder / "tenth_data" / "problems.jsonl").exists()  # it takes the run's own


def test_the_updates_for_a_budget_are_the_fewest():
    encoded = [{"input_ids": [1] * n, "labels": [sft.IGNORED] * 2 + [1] * (n - 2)} for n in range(4, 24)]
    given = {"sft_batch_size": 2, "sft_grad_accum": 2, "seed": 1}
    order = sft.order([len(row["input_ids"]) for row in encoded], 2, 400, 1)
    tokens = [len(encoded[row]["input_ids"]) - 2 for row in order]
    for budget in (1, 40, 333, 1000):
        steps, seen = sft.updates_for(budget, encoded, given)
        assert seen == sum(tokens[:4 * steps]) >= budget > sum(tokens[:4 * (steps - 1)])
