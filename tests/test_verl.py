"""The export for verl: what its loader reads, and a reward that is ours."""

import json

import pandas
import pytest

from cr_utils import jsonl, params, paths, rewards, teacher, verl, whitebox
from cr_utils.errors import UserError
from cr_utils.questions import Question, build

CODE = "def f(n):\n    t = n + 1\n    return t"
PROBLEMS = [{"id": f"p{i}", "code": CODE, "entry_point": "f", "input": str(i), "output": str(i + 1),
             "split": "train" if i < 6 else "validation"} for i in range(9)]
VALUES = params.load("paper-7b")
RIGHT = "<reasoning>one more</reasoning>\n<answer>3</answer>"


@pytest.fixture
def rows(tmp_path):
    assert verl.export(PROBLEMS, VALUES, tmp_path) == {"train": 6, "val": 3}
    return pandas.read_parquet(tmp_path / "train.parquet").to_dict("records")


def score(row, text):
    truth = row["reward_model"]["ground_truth"]
    return verl.compute_score(row["data_source"], text, truth, row["extra_info"])


def test_rows_have_the_columns_of_verls_loader(rows):
    assert {"data_source", "prompt", "reward_model", "extra_info"} <= set(rows[0])
    assert [(turn["role"], "def f" in turn["content"]) for turn in rows[0]["prompt"]] == [("user", True)]
    assert {row["data_source"] for row in rows} == {"codereasoner/output", "codereasoner/input"}
    assert Question.from_dict(json.loads(rows[0]["extra_info"]["question"])).task == "output"


def test_the_score_is_our_reward(rows):
    row = next(row for row in rows if json.loads(row["reward_model"]["ground_truth"]) == ["4"])
    question = build(PROBLEMS[3], "output")
    for text in (RIGHT.replace("3", "4"), RIGHT, "<answer>4</answer>", "assert True", ""):
        ours, = rewards.score([question], [text], format_weight=verl.FORMAT_WEIGHT)
        wanted = {"score": ours.total, "acc": ours.correct, "format": ours.format, "error": 0.0}
        assert score(row, text) == wanted


def test_the_profiles_reward_is_the_one_that_is_scored(tmp_path):
    settings = {"grpo_reward": "whitebox", "grpo_format_weight": 0.2}
    verl.export(PROBLEMS, VALUES | settings, tmp_path)
    rows = pandas.read_parquet(tmp_path / "train.parquet").to_dict("records")
    row = next(row for row in rows if json.loads(row["reward_model"]["ground_truth"]) == ["4"])
    question, made = build(PROBLEMS[3], "output"), whitebox.reward(settings)
    right, bare = teacher.narrate(question), RIGHT.replace("3", "4")
    for text in (right, bare, RIGHT):
        assert score(row, text)["score"] == made([question], [text], [False])[0].total
    assert (score(row, bare)["score"], score(row, right)["score"]) == pytest.approx((0.7, 1.2))
    assert score(row, right.partition("<answer>")[0])["score"] == 0  # cut off: the steps alone earn nothing


def test_rows_without_a_reward_get_the_terminal_one(rows):
    row = next(row for row in rows if json.loads(row["reward_model"]["ground_truth"]) == ["4"])
    row["extra_info"].pop("reward")
    assert score(row, RIGHT.replace("3", "4"))["score"] == 1 + verl.FORMAT_WEIGHT


def test_a_reward_that_raises_is_a_counted_zero(rows, monkeypatch):
    monkeypatch.setattr(whitebox.rewards, "score", lambda *_, **__: 1 / 0)
    assert score(rows[0], RIGHT) == {"score": 0.0, "acc": 0.0, "format": 0.0, "error": 1.0}


def test_a_predicted_input_is_judged_by_execution(rows):
    row = next(row for row in rows if row["data_source"].endswith("input"))
    output = json.loads(row["extra_info"]["question"])["output"]
    assert score(row, f"<reasoning>x</reasoning>\n<answer>f({int(output) - 1})</answer>")["acc"] == 1.0
    assert score(row, "<reasoning>x</reasoning>\n<answer>f(99)</answer>")["acc"] == 0.0


def test_the_command_has_the_batches_of_the_profile(tmp_path):
    text = verl.command(VALUES, "some/model", tmp_path)
    for words in ("data.train_batch_size=128", "ppo_mini_batch_size=64", "rollout.n=8", "optim.lr=1e-06",
                  "use_kl_loss=False", "data.max_response_length=4096", "trainer.n_gpus_per_node=8",
                  "custom_reward_function.name=compute_score", "total_training_steps=147"):
        assert words in text
    assert "kl_loss_coef" not in text and "use_kl_in_reward=False" in text
    assert (paths.package() / "verl.py").is_file()


@pytest.mark.parametrize("literal, loss, wanted", [
    (True, "dr_grpo", "seq-mean-token-mean"), (False, "grpo", "seq-mean-token-mean"),
    (False, "dr_grpo", "seq-mean-token-sum-norm"), (False, "dapo", "token-mean")])
def test_the_command_has_the_loss_of_the_profile(tmp_path, literal, loss, wanted):
    chosen = VALUES | {"grpo_literal": literal, "grpo_loss": loss, "grpo_beta": 0.04}
    text = verl.command(chosen, "some/model", tmp_path)
    for words in (f"loss_agg_mode={wanted} ", f"norm_adv_by_std_in_grpo={literal} ", "kl_loss_coef=0.04 ",
                  "use_kl_loss=True ", "use_kl_in_reward=False ", "weight_decay=0.0 "):
        assert words in text  # the KL term is in the loss, as in TRL, and only there


def test_the_command_exports_a_finished_stage(results, capsys):
    folder = paths.stage_dir("tiny", "01_data")
    folder.mkdir(parents=True)
    jsonl.write(folder / "problems.jsonl", PROBLEMS)
    assert verl.main(["--profile", "tiny"]) == 0
    assert (results / "tiny" / "verl" / "val.parquet").is_file()
    assert "verl.trainer.main_ppo" in capsys.readouterr().out


def test_before_a_run_the_command_that_makes_one_is_named(results):
    with pytest.raises(UserError, match="`python -m cr_utils run 01_data --profile smoke` writes it"):
        verl.main(["--profile", "smoke"])
