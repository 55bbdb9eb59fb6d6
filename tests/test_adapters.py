"""Adapters on 4-bit weights, on a CPU: they move, they are saved, they load again, they merge."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny_models import write

from cr_utils import adapters, grpo, models, params, sft, training
from cr_utils.errors import UserError

TESTS = str(Path(__file__).parent)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write(tmp_path_factory.mktemp("base") / "model", spread=0.1)


def adapter(base, folder, rank=4, four_bit=False):
    """A saved adapter with no zeros in it, as one that has trained before has none."""
    model, tokenizer = models.load(base, lora={"r": rank}, four_bit=four_bit)
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.normal_(0, 0.02)
    training.save(model, tokenizer, Path(folder))
    return str(folder)


@pytest.mark.slow
def test_four_bit_adapters_move_at_a_small_rate(base, tmp_path):
    """More than 99 % of the entries move at 1e-6, in SFT and then in GRPO: in bfloat16 next to none would."""
    code = f"""
import sys, json
sys.path.insert(0, {TESTS!r})
from cr_utils import models
models.optional_libraries(four_bit=True)
from test_adapters import adapter
from test_sft import PARAMS as S, ROWS
from test_grpo import PARAMS as G, QUESTIONS, reward
from cr_utils import adapters, grpo, sft
out, base = {str(tmp_path)!r}, {base!r}
wanted = dict(model_four_bit=True, model_lora=4)
start = adapter(base, out + "/start", four_bit=True)
sft.train(ROWS, start, out + "/sft", S | wanted | dict(sft_steps=6, sft_lr=1e-6), None)
short = dict(grpo_steps=4, grpo_save_every=4, grpo_lr=1e-6)
grpo.train(QUESTIONS, out + "/sft/model", out + "/grpo", G | wanted | short, None, reward)
state = lambda folder: models.load(folder, four_bit=True)[0].state_dict()
a, b, c = state(start), state(out + "/sft/model"), state(out + "/grpo/model")
found = dict(sft=adapters.moved(a, b), grpo=adapters.moved(b, c),
             base=sum(int((a[k] != c[k]).sum()) for k in a if "lora_" not in k and a[k].is_floating_point()))
open(out + "/found.json", "w").write(json.dumps(found))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["sft"] > 0.99 and found["grpo"] > 0.99
    assert found["base"] == 0


def test_an_adapter_merges_into_a_whole_model(base, tmp_path, capsys):
    folder = adapter(base, tmp_path / "adapter")
    assert adapters.main([folder, str(tmp_path / "whole"), "--dtype", "float32"]) == 0
    assert not models.is_adapter(str(tmp_path / "whole"))
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        apart, whole, plain = (models.load(str(f))[0](ids).logits for f in (folder, tmp_path / "whole", base))
    assert torch.allclose(apart, whole, atol=1e-4) and not torch.allclose(plain, whole, atol=1e-3)
    with pytest.raises(UserError, match="holds no adapter"):
        adapters.merge(base, tmp_path / "again")


def test_a_seed_draws_the_same_adapter_in_every_process(base):
    def drawn(seed):
        model, _ = models.load(base, **models.for_training({"model_lora": 2, "seed": seed}))
        return {name: p.detach() for name, p in model.named_parameters() if "lora_A" in name}

    first, state = drawn(0), torch.get_rng_state()
    again, other = drawn(0), drawn(1)
    assert torch.equal(state, torch.get_rng_state())
    assert adapters.moved(first, again) == 0 and adapters.moved(first, other) > 0.99


def test_moved_counts_the_adapter_only():
    before = {"a.lora_A.weight": torch.zeros(4), "a.lora_B.weight": torch.zeros(4), "base": torch.zeros(8)}
    after = before | {"a.lora_A.weight": torch.ones(4), "base": torch.ones(8)}
    assert adapters.moved(before, after) == 0.5 and adapters.moved({}, {}) == 0


def test_profiles_say_how_models_are_loaded():
    tiny = params.load("tiny")
    assert models.for_training(tiny) is None and models.for_answers(tiny) is None
    colab = params.load("colab")
    assert models.for_training(colab) == {"four_bit": True, "lora": {"r": 16, "lora_alpha": 32}}
    assert models.for_answers(colab) == {"four_bit": True}
    paper = params.load("paper-7b")
    assert models.for_training(paper) is None and models.for_answers(paper) == {"dtype": torch.bfloat16}


def test_the_profiles_adapter_is_trained(base, tmp_path):
    """An adapter of the profile's rank, from a plain base, without 4-bit."""
    from test_sft import PARAMS, ROWS

    sft.train(ROWS, base, tmp_path, PARAMS | {"sft_steps": 2, "model_lora": 2})
    written = json.loads((tmp_path / "model" / "adapter_config.json").read_text())
    assert written["r"] == 2 and written["lora_alpha"] == 4


@pytest.mark.parametrize(("engine", "seed"), [("fast", 1), ("hf", 2)])  # draws without an end token
def test_a_batch_of_truncated_answers_changes_nothing(base, tmp_path, engine, seed):
    from test_grpo import PARAMS, QUESTIONS, reward

    short = PARAMS | {"grpo_steps": 2, "grpo_save_every": 2, "grpo_max_new_tokens": 2, "seed": seed}
    grpo.train(QUESTIONS, base, tmp_path, short, None, reward, engine=engine)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["truncated_share"] for row in rows] == [1, 1] and any(row["reward_std"] > 0 for row in rows)
    before, after = (models.load(str(f))[0].state_dict() for f in (base, tmp_path / "model"))
    assert all(torch.equal(before[name], after[name]) for name in before)
