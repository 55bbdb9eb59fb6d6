"""Supervised fine-tuning on a tiny random model."""

import json

import pytest
import torch
from tiny_models import tiny, write

from cr_utils import models, sft
from cr_utils.errors import UserError

PARAMS = {
    "sft_steps": 8,
    "sft_lr": 1e-2,
    "sft_batch_size": 4,
    "sft_grad_accum": 1,
    "sft_max_length": 120,
    "sft_eval_every": 4,
    "sft_extra": {},
    "seed": 3,
}
ROWS = [
    {"prompt": f"def f(x):\n    return x + {i}", "completion": f"<answer>{i % 7}</answer>"} for i in range(30)
]


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write(tmp_path_factory.mktemp("base") / "model", spread=0.1)


def test_labels_cover_the_completion_and_its_end_only():
    _, tok = tiny()
    (row,) = sft.encode(ROWS[:1], tok, 200)
    start = row["labels"].index(next(x for x in row["labels"] if x >= 0))
    assert tok.decode(row["input_ids"][:start]).endswith("<|im_start|>assistant\n")
    assert tok.decode(row["labels"][start:]) == "<answer>0</answer><|im_end|>"
    assert row["labels"][start:] == row["input_ids"][start:]
    assert sft.encode(ROWS[:1], tok, len(row["input_ids"]) - 1) == []


def test_order_is_balanced_and_groups_lengths():
    lengths = [i % 50 for i in range(400)]
    rows = sft.order(lengths, 8, 800, seed=1)
    assert sorted(rows) == sorted(list(range(400)) * 2)
    spans = [max(b) - min(b) for b in ([lengths[i] for i in rows[k : k + 8]] for k in range(0, 800, 8))]
    assert sum(spans) / len(spans) < 10
    means = [sum(lengths[i] for i in rows[k : k + 8]) / 8 for k in range(0, 800, 8)]
    assert abs(sum(means[:50]) - sum(means[50:])) / 50 < 8
    assert rows == sft.order(lengths, 8, 800, seed=1) != sft.order(lengths, 8, 800, seed=2)
    assert len(sft.order([3, 4], 8, 20, seed=0)) == 20


def test_training_learns_logs_and_saves(base, tmp_path, capsys):
    seen, hooked = [], []

    def validate(model, tokenizer):
        assert not model.training
        seen.append(tokenizer.eos_token)
        return 0.25, 12

    params = PARAMS | {"sft_steps": 30, "sft_eval_every": 10}
    summary = sft.train(ROWS, base, tmp_path, params, validate, on_log=hooked.append)
    log = read(tmp_path / "log.jsonl")
    assert hooked == log
    losses = [row for row in log if "loss" in row]
    assert {"step", "loss", "lr", "tokens", "tokens_per_s", "seconds"} == set(losses[0])
    assert losses[-1]["loss"] < 0.7 * losses[0]["loss"]
    assert [row["step"] for row in log if "val_n" in row] == [10, 20, 30] and len(seen) == 3
    assert summary["val_accuracy"] == 0.25 and summary["val_n"] == 12 and summary["steps"] == 30
    assert summary["tokens"] == losses[-1]["tokens"] > 0
    model, _ = models.load(str(tmp_path / "model"))
    assert all(p.dtype == torch.float32 for p in model.parameters()) and model.config.use_cache
    assert not (tmp_path / "checkpoints").exists()
    out = capsys.readouterr()
    assert out.err == "" and out.out.count("sft 30/30") == 1


def test_the_loss_is_the_mean_over_completion_tokens(base, tmp_path):
    params = PARAMS | {"sft_steps": 1, "sft_extra": {"bf16": False}}
    sft.train(ROWS[:4], base, tmp_path, params)
    model, tok = models.load(base)
    total, count = 0.0, 0
    for row in sft.encode(ROWS[:4], tok, 200):
        with torch.no_grad():
            logits = model(torch.tensor([row["input_ids"]])).logits[0, :-1].log_softmax(-1)
        wanted = torch.tensor(row["labels"][1:])
        total -= logits[wanted >= 0].gather(-1, wanted[wanted >= 0][:, None]).sum().item()
        count += int((wanted >= 0).sum())
    assert read(tmp_path / "log.jsonl")[0]["loss"] == pytest.approx(total / count, rel=1e-4)


def test_a_killed_run_goes_on_bit_for_bit(base, tmp_path):
    whole = sft.train(ROWS, base, tmp_path / "whole", PARAMS, lambda *_: (0.5, 2))

    def die(model, tokenizer):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sft.train(ROWS, base, tmp_path / "killed", PARAMS, die)
    with (tmp_path / "killed" / "log.jsonl").open("a") as file:
        file.write('{"step": 5, "loss": 9.0}\n{"step": 6, "lo')
    again = sft.train(ROWS, base, tmp_path / "killed", PARAMS, lambda *_: (0.5, 2))
    first, second = read(tmp_path / "whole" / "log.jsonl"), read(tmp_path / "killed" / "log.jsonl")
    for row in first + second:
        row.pop("seconds", None), row.pop("tokens_per_s", None)
    assert first == second
    assert whole["tokens"] == again["tokens"]
    a, b = (models.load(str(tmp_path / name / "model"))[0].state_dict() for name in ("whole", "killed"))
    assert all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(("text", "weights"), [("", "w"), ('{"global_', "w"), ('{"global_step": 6}', "")])
def test_a_checkpoint_whose_end_was_never_written_is_not_resumed(tmp_path, text, weights):
    from cr_utils import training

    checkpoints = training.Checkpoints(tmp_path, {"x": 1})
    assert checkpoints.last() is None
    for step, state in ((3, '{"global_step": 3}'), (6, text)):
        folder = tmp_path / "checkpoints" / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "trainer_state.json").write_text(state)
        (folder / "model.safetensors").write_text("w" if step == 3 else weights)
    assert checkpoints.last().name == "checkpoint-3"
    assert not (tmp_path / "checkpoints" / "checkpoint-6").exists()


def test_other_settings_do_not_resume(base, tmp_path):
    def die(model, tokenizer):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sft.train(ROWS, base, tmp_path, PARAMS, die)
    sft.train(ROWS, base, tmp_path, PARAMS | {"sft_lr": 1e-3})
    assert read(tmp_path / "log.jsonl")[0]["step"] == 1


def test_wrong_settings_are_named(base, tmp_path):
    with pytest.raises(UserError, match="sft_extra.*warmup_ratio"):
        sft.train(ROWS, base, tmp_path, PARAMS | {"sft_extra": {"warmup_ratio": 0.1}})
    with pytest.raises(UserError, match="sft_max_length"):
        sft.train(ROWS, base, tmp_path, PARAMS | {"sft_max_length": 3})


def test_pieces_hold_every_row_once_and_stay_small():
    from cr_utils.sft_trainer import cut

    _, tok = tiny()
    rows = sft.encode(ROWS[:3] + [{"prompt": "x = 1", "completion": "1"}], tok, 200)
    batch = sft.Collator(tok.pad_token_id)(rows)
    longest = max(len(row["input_ids"]) for row in rows)
    pieces = cut(batch, 2 * longest)
    assert [len(piece["input_ids"]) for piece in pieces] == [2, 2]
    found = [ids[ids != tok.pad_token_id].tolist() for piece in pieces for ids in piece["input_ids"]]
    assert sorted(found) == sorted(row["input_ids"] for row in rows)
    assert all(piece["input_ids"].shape == piece["labels"].shape for piece in pieces)
    assert len(cut(batch, 1)) == 4
    assert all(piece["input_ids"].shape[1] % 16 == 0 for piece in pieces)


def test_pieces_have_the_gradient_of_the_batch(base, tmp_path, monkeypatch):
    from cr_utils import sft_trainer

    plain = {
        "optim": "sgd",
        "bf16": False,
        "max_grad_norm": 0.0,
        "lr_scheduler_type": "constant",
        "warmup_steps": 0,
    }
    params = PARAMS | {
        "sft_steps": 1,
        "sft_extra": plain,
        "sft_lr": 1.0,
        "sft_batch_size": 8,
        "sft_grad_accum": 2,
    }
    sft.train(ROWS, base, tmp_path / "whole", params)
    monkeypatch.setattr(sft_trainer, "TOKENS", 60)
    sft.train(ROWS, base, tmp_path / "pieces", params)
    monkeypatch.setattr(sft_trainer.Trainer, "plain", lambda self, model: False)
    sft.train(ROWS, base, tmp_path / "trl", params)
    whole, pieces, trl, start = (
        models.load(str(f))[0].state_dict()
        for f in (tmp_path / "whole/model", tmp_path / "pieces/model", tmp_path / "trl/model", base)
    )
    for name in start:
        moved = float((whole[name] - start[name]).abs().max())
        assert torch.allclose(whole[name], pieces[name], atol=max(1e-7, 1e-3 * moved)), name
        assert torch.allclose(whole[name], trl[name], atol=max(1e-7, 1e-3 * moved)), name
    assert any(not torch.equal(start[name], whole[name]) for name in start)
