"""GRPO on a tiny random model: the update, the bookkeeping, resuming, and the choice of a checkpoint."""

import functools
import json
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from tiny_models import write

from cr_utils import grpo, models
from cr_utils.errors import UserError

PARAMS = {
    "grpo_steps": 4,
    "grpo_lr": 1e-2,
    "grpo_group": 4,
    "grpo_prompts": 4,
    "grpo_batch_size": 8,
    "grpo_updates": 1,
    "grpo_temperature": 1.0,
    "grpo_max_new_tokens": 12,
    "grpo_loss": "dr_grpo",
    "grpo_beta": 0.0,
    "grpo_filter_prompts": 6,
    "grpo_filter_samples": 4,
    "grpo_save_every": 2,
    "grpo_extra": {},
    "seed": 1,
}


@dataclass(frozen=True)
class Question:
    id: str
    prompt: str


QUESTIONS = [Question(f"q{i}", f"x = {i}\n" * (1 + i % 3)) for i in range(6)]


def reward(questions, completions, truncated):
    """Pays for short answers; "correct" where the text is of even length."""
    return [
        grpo.Failed(total=len(text) / 50, correct=float(len(text) % 2 == 0), format=1.0, kind="pass")
        for text in completions
    ]


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    # Flat predictions, and about one token in eight made an end token: answers end early or are cut.
    folder = write(tmp_path_factory.mktemp("base") / "model", spread=0.05)
    path = Path(folder) / "generation_config.json"
    settings = json.loads(path.read_text())
    settings["eos_token_id"] = list(range(0, 600, 8))
    path.write_text(json.dumps(settings))
    return folder


def weights(folder):
    return models.load(str(folder))[0].state_dict()


def scripted(accuracies):
    """A validation that answers from a list."""
    left = list(accuracies)
    return lambda model, tokenizer: (left.pop(0), 10)


def test_training_writes_its_records(base, tmp_path, capsys):
    hooked = []
    validate = scripted([0.2, 0.5, 0.4])
    summary = grpo.train(QUESTIONS, base, tmp_path, PARAMS, validate, reward, on_log=hooked.append)
    log = read(tmp_path / "log.jsonl")
    assert hooked == log
    steps = [row for row in log if "reward" in row]
    wanted = {"step", "reward", "reward_std", "zero_std_share", "length_mean", "truncated_share", "entropy"}
    wanted |= {"accuracy", "rollouts_per_s", "seconds", "lr", "loss"}
    assert wanted <= set(steps[0])
    assert [row["step"] for row in steps] == [1, 2, 3, 4]
    checked = [(row["step"], row["val_accuracy"]) for row in log if "val_n" in row]
    assert checked == [(0, 0.2), (2, 0.5), (4, 0.4)]
    assert 0 < steps[0]["truncated_share"] < 1 and steps[0]["reward"] > 0 and steps[0]["entropy"] > 1
    selection = json.loads((tmp_path / "selection.json").read_text())
    assert selection["chosen"] == 2 and len(selection["candidates"]) == 3
    rollouts = read(tmp_path / "rollouts.jsonl")
    assert set(rollouts[0]) == {"step", "question_id", "prompt", "completion", "reward", "kind"}
    assert {row["step"] for row in rollouts} == {1, 2, 3, 4}
    assert summary["chosen"] == 2 and summary["val_accuracy"] == 0.5 and summary["start_accuracy"] == 0.2
    assert summary["rollouts"] == 64
    before, after = weights(base), weights(tmp_path / "model")
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert not list(tmp_path.glob("best-*")) and not (tmp_path / "checkpoints").exists()
    out = capsys.readouterr()
    assert out.err == "" and "grpo 4/4" in out.out


def test_the_start_is_a_candidate(base, tmp_path):
    summary = grpo.train(QUESTIONS, base, tmp_path, PARAMS, scripted([0.5, 0.5, 0.1]), reward)
    assert summary["chosen"] == 0
    before, after = weights(base), weights(tmp_path / "model")
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_killed_run_goes_on_bit_for_bit(base, tmp_path):
    def die(model, tokenizer):
        if calls.append(1) or len(calls) == 2:
            raise KeyboardInterrupt
        return 0.1, 10

    calls = []
    grpo.train(QUESTIONS, base, tmp_path / "whole", PARAMS, scripted([0.1, 0.2, 0.3]), reward)
    with pytest.raises(KeyboardInterrupt):
        grpo.train(QUESTIONS, base, tmp_path / "killed", PARAMS, die, reward)
    grpo.train(QUESTIONS, base, tmp_path / "killed", PARAMS, scripted([0.2, 0.3]), reward)
    for name in ("log.jsonl", "rollouts.jsonl"):
        first, second = read(tmp_path / "whole" / name), read(tmp_path / "killed" / name)
        for row in first + second:
            row.pop("seconds", None), row.pop("rollouts_per_s", None)
        assert first == second
    a, b = weights(tmp_path / "whole" / "model"), weights(tmp_path / "killed" / "model")
    assert all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(("where", "name"), [("cr_utils.grpo_trainer.Keeper", "save"),
                                             ("cr_utils.training.Checkpoints", "clear")])
def test_a_kill_while_the_best_model_is_kept_or_put_in_its_place_costs_nothing(base, tmp_path, monkeypatch, where, name):
    """Validated but not yet kept; kept in its place but its checkpoints not yet cleared away."""
    import importlib

    module, kind = where.rsplit(".", 1)
    holder = getattr(importlib.import_module(module), kind)
    works, calls = getattr(holder, name), []

    def die(self, *given):
        if calls.append(given) or given in ((2,), ()):
            raise KeyboardInterrupt
        return works(self, *given)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(holder, name, die)
        grpo.train(QUESTIONS, base, tmp_path / "killed", PARAMS, scripted([0.1, 0.3, 0.2]), reward)
    rest = [0.2] if name == "save" else []
    summary = grpo.train(QUESTIONS, base, tmp_path / "killed", PARAMS, scripted(rest), reward)
    grpo.train(QUESTIONS, base, tmp_path / "whole", PARAMS, scripted([0.1, 0.3, 0.2]), reward)
    assert summary["chosen"] == 2
    a, b = weights(tmp_path / "whole" / "model"), weights(tmp_path / "killed" / "model")
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert not list((tmp_path / "killed").glob("checkpoints*"))


@pytest.mark.parametrize("loss", ["dr_grpo", "dapo"])
def test_the_lean_update_has_the_gradient_of_trls(base, tmp_path, loss):
    """One update with plain SGD, in single precision, ours against GRPOTrainer's own loop."""
    from cr_utils import grpo_update

    plain = {
        "optim": "sgd",
        "bf16": False,
        "max_grad_norm": 0.0,
        "lr_scheduler_type": "constant",
        "warmup_steps": 0,
    }
    params = PARAMS | {
        "grpo_steps": 1,
        "grpo_save_every": 1,
        "grpo_extra": plain,
        "grpo_loss": loss,
        "grpo_lr": 1.0,
    }
    params["grpo_max_new_tokens"] = 30
    grpo.train(QUESTIONS, base, tmp_path / "ours", params, None, reward)
    with pytest.MonkeyPatch.context() as patch:
        ours, theirs = grpo_update.Trainer, grpo_update.GRPOTrainer
        patch.setattr(ours, "lean", lambda self: False)
        name = "_get_per_token_logps_and_entropies"
        patch.setattr(ours, name, getattr(theirs, name))
        grpo.train(QUESTIONS, base, tmp_path / "trl", params, None, reward)
    start, ours, theirs = (
        weights(base),
        weights(tmp_path / "ours" / "model"),
        weights(tmp_path / "trl" / "model"),
    )
    for name in start:
        moved = (theirs[name] - start[name]).abs().max()
        assert torch.allclose(ours[name], theirs[name], atol=max(1e-7, 1e-3 * float(moved))), name
    assert any(not torch.equal(start[name], ours[name]) for name in start)


def test_lean_batches_keep_what_has_a_gradient(monkeypatch):
    from cr_utils import shapes
    from cr_utils.grpo_update import lean_batches

    mask = torch.tensor([[1, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 0, 0]])
    rollouts = {
        "prompt_ids": torch.arange(18).view(6, 3),
        "prompt_mask": torch.tensor([[0, 0, 1], [0, 1, 1], [1, 1, 1], [0, 0, 1], [0, 1, 1], [1, 1, 1]]),
        "completion_ids": torch.arange(24).view(6, 4),
        "completion_mask": mask,
        "advantages": torch.tensor([0.0, 1.0, 1.0, -1.0, 0.5, 0.0]),
        "num_items_in_batch": torch.tensor(12),
    }
    monkeypatch.setattr(shapes, "ROWS", 1)
    one, two = lean_batches(rollouts, 2)
    assert one["advantages"].tolist() == [1.0, -1.0] and two["advantages"].tolist() == [0.5]
    assert one["completion_ids"].tolist() == [[4, 5], [12, 13]] and two["completion_ids"].tolist() == [
        [16, 17, 18]
    ]
    assert one["prompt_ids"].tolist() == [[4, 5], [10, 11]]
    assert (one["share"], two["share"]) == (2 / 3, 1 / 3)
    rollouts["advantages"] = torch.zeros(6)
    assert [len(b["advantages"]) for b in lean_batches(rollouts, 2)] == [1, 1]


def test_a_reward_that_raises_is_a_counted_zero(base, tmp_path):
    def broken(questions, completions, truncated):
        raise RuntimeError("boom")

    params = PARAMS | {"grpo_steps": 1, "grpo_save_every": 1}
    grpo.train(QUESTIONS, base, tmp_path, params, None, broken)
    (row,) = read(tmp_path / "log.jsonl")
    assert row["reward_errors"] == 1 and row["reward"] == 0
    assert read(tmp_path / "rollouts.jsonl")[0]["kind"] == "reward_error"


@pytest.mark.parametrize("fault", ["raises", "hangs"])
def test_one_faulty_completion_costs_one_zero_and_is_counted(base, tmp_path, monkeypatch, fault):
    """The other 15 of the step's 16 earn what they earned without it."""
    free, bad = threading.Event(), []

    def faulty(questions, completions, truncated):
        rows = [(one.id, text) for one, text in zip(questions, completions, strict=True)]
        bad[:] = bad or rows[:1]
        if bad[0] in rows and fault == "raises":
            raise RuntimeError("boom")
        if bad[0] in rows:
            free.wait(120)
        return reward(questions, completions, truncated)

    monkeypatch.setattr(grpo, "guard", functools.partial(grpo.guard, patience=2.0, alone=2.0))
    params = PARAMS | {"grpo_steps": 1, "grpo_save_every": 1}
    grpo.train(QUESTIONS, base, tmp_path / "sound", params, None, reward)
    grpo.train(QUESTIONS, base, tmp_path / "faulty", params, None, faulty)
    free.set()
    (sound,), (row,) = (read(tmp_path / name / "log.jsonl") for name in ("sound", "faulty"))
    assert (sound["reward_errors"], row["reward_errors"]) == (0, 1 / 16)
    lost = len(bad[0][1]) / 50  # what `reward` pays for this text
    assert row["reward"] == pytest.approx(sound["reward"] - lost / 16, abs=1e-5)


def test_transformers_generation_and_two_updates_work_too(base, tmp_path):
    params = PARAMS | {"grpo_steps": 2, "grpo_updates": 2, "grpo_beta": 0.1, "grpo_batch_size": 8}
    summary = grpo.train(QUESTIONS, base, tmp_path, params, None, reward, engine="hf")
    assert summary["rollouts"] == 16 and summary["chosen"] == 2
    assert len(read(tmp_path / "log.jsonl")) == 2


def test_prompts_are_kept_where_answers_differ(base, tmp_path):
    asked, path = [], tmp_path / "filter.jsonl"

    def by_question(questions, completions, truncated):
        asked.extend(questions)
        right = {"q0": [1, 1, 1, 1], "q1": [0, 0, 0, 0], "q2": [1, 0, 0, 0]}
        rows, count = [], {}
        for question in questions:
            k = count[question.id] = count.get(question.id, -1) + 1
            rows.append(grpo.Failed(correct=float(right.get(question.id, [1, 1, 1, 0])[k])))
        return rows

    kept = grpo.filter_prompts(QUESTIONS, base, PARAMS | {"grpo_filter_prompts": 4}, path, by_question)
    assert [q.id for q in kept] == ["q2", "q3"]
    assert read(path)[0] == {"question_id": "q0", "passes": 4, "samples": 4}
    again = grpo.filter_prompts(QUESTIONS, base, PARAMS | {"grpo_filter_prompts": 5}, path, by_question)
    assert [q.id for q in again] == ["q2", "q3", "q4"] and len(asked) == 20
    with pytest.raises(UserError, match="none of 1 prompts"):
        grpo.filter_prompts(QUESTIONS, base, PARAMS | {"grpo_filter_prompts": 1}, path, by_question)
    assert (
        grpo.filter_prompts(QUESTIONS, base, PARAMS | {"grpo_filter_prompts": 0}, path, by_question)
        == QUESTIONS
    )


def test_settings_that_cannot_be_resumed_are_refused(base, tmp_path):
    grpo.check_arithmetic(2, 2, 4, 1)
    with pytest.raises(UserError, match="grpo_save_every"):
        grpo.check_arithmetic(3, 2, 4, 1)
    with pytest.raises(UserError, match="grpo_extra.*max_prompt_length"):
        grpo.train(QUESTIONS, base, tmp_path, PARAMS | {"grpo_extra": {"max_prompt_length": 5}}, None, reward)
    with pytest.raises(UserError, match="do not divide"):
        grpo.train(QUESTIONS, base, tmp_path, PARAMS | {"grpo_batch_size": 5}, None, reward)
    with pytest.raises(UserError, match="fast sampler"):
        extra = {"grpo_extra": {"top_k": 5}}
        grpo.train(QUESTIONS, base, tmp_path, PARAMS | extra, None, reward, engine="fast")
    with pytest.raises(UserError, match="fits the context"):
        grpo.train([Question("q", "x " * 2000)], base, tmp_path, PARAMS, None, reward)


def test_the_best_validation_is_chosen():
    rows = [
        {"step": 0, "val_accuracy": 0.1},
        {"step": 2, "val_accuracy": 0.3},
        {"step": 4, "val_accuracy": 0.3},
    ]
    assert grpo.choose(rows, 9) == 2
    assert grpo.choose([], 9) == 9
