"""Loading models: specs, number formats, adapters, and what is imported on the way."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny_models import write

from cr_utils import generate, models, training
from cr_utils.errors import UserError

TESTS = str(Path(__file__).parent)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write(tmp_path_factory.mktemp("base") / "model")


def run(code):
    """Run code in a fresh process that fails on any warning; returns its standard output and error."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_a_folder_loads_in_single_precision(base):
    model, tokenizer = models.load(base)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert not model.training and tokenizer.padding_side == "left" and tokenizer.pad_token_id is not None
    assert {p.dtype for p in models.load(base, dtype=torch.bfloat16)[0].parameters()} == {torch.bfloat16}


def test_cpu_attention_is_the_models_own(base):
    model, tokenizer = models.load(base)
    ids = torch.tensor([[5, 6, 7, 8], [0, 0, 9, 10]])
    mask = torch.tensor([[1, 1, 1, 1], [0, 0, 1, 1]])
    with torch.no_grad():
        ours = model(ids, attention_mask=mask).logits
        model.set_attn_implementation("eager")
        theirs = model(ids, attention_mask=mask).logits
    assert torch.allclose(ours[mask == 1], theirs[mask == 1], atol=1e-4)


@pytest.mark.parametrize("spec", ["/nowhere/at/all", "./nothing", "a/b/c", "nonsense"])
def test_what_is_no_model_is_named(spec):
    with pytest.raises(UserError, match="nowhere|nothing|a/b/c|nonsense"):
        models.load(spec)


def test_an_empty_folder_is_no_model(tmp_path):
    with pytest.raises(UserError, match="holds no model"):
        models.load(str(tmp_path))


def test_adapters_train_in_single_precision_and_load_again(base, tmp_path):
    model, tokenizer = models.load(base, dtype=torch.bfloat16, lora={"r": 2, "target_modules": ["q_proj"]})
    trainable = [p for p in model.parameters() if p.requires_grad]
    assert trainable and {p.dtype for p in trainable} == {torch.float32}
    assert {p.dtype for p in model.parameters() if not p.requires_grad} == {torch.bfloat16}
    with torch.no_grad():
        for parameter in trainable:
            parameter.normal_()
    training.save(model, tokenizer, tmp_path / "adapter")
    again, _ = models.load(str(tmp_path / "adapter"), dtype=torch.bfloat16, lora=True)
    assert sum(p.requires_grad for p in again.parameters()) == len(trainable)
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        assert torch.equal(model(ids).logits, again(ids).logits)
    assert not any(p.requires_grad for p in models.load(str(tmp_path / "adapter"))[0].parameters())


def test_a_penalty_saved_with_a_model_changes_no_answer(base, tmp_path):
    shutil.copytree(base, tmp_path / "model")
    path = tmp_path / "model" / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"repetition_penalty": 1.8}))

    def answers(folder):
        sampler = generate.Sampler(*models.load(str(folder)), engine="hf")
        return sampler.sample([[5, 6, 7], [8, 9]], temperature=0, max_new_tokens=40)

    assert answers(tmp_path / "model") == answers(base)


def test_saving_replaces_a_folder_whole(base, tmp_path):
    model, tokenizer = models.load(base)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").write_text("x")
    training.save(model, tokenizer, tmp_path / "model")
    assert not (tmp_path / "model" / "old").exists() and not (tmp_path / "model.new").exists()
    again, _ = models.load(str(tmp_path / "model"))
    assert all(
        torch.equal(a, b)
        for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True)
    )


def test_loading_brings_in_neither_trl_nor_bitsandbytes(base):
    """And the trainers no bitsandbytes, and nothing is printed on the way."""
    code = f"""
import sys
from cr_utils import models, sft, grpo, generate
models.load({base!r})
assert "trl" not in sys.modules and "bitsandbytes" not in sys.modules
with models.without_bitsandbytes():
    from cr_utils import grpo_trainer, sft_trainer
assert "trl" in sys.modules and "bitsandbytes" not in sys.modules
try:
    models.load({base!r}, four_bit=True)
except Exception as error:
    print(type(error).__name__)
"""
    out, err = run(code)
    assert out == "UserError\n" and err == ""


@pytest.mark.slow
def test_four_bit_adapters_train(base, tmp_path):
    """The path of a small GPU, on a CPU: nf4 weights, a LoRA adapter, SFT and then GRPO on it."""
    code = f"""
import sys
sys.path.insert(0, {TESTS!r})
import torch
from cr_utils import models, sft, grpo
from test_sft import PARAMS as S, ROWS
from test_grpo import PARAMS as G, QUESTIONS, reward
load = dict(four_bit=True, lora=dict(r=4))
model, _ = models.load({base!r}, **load)
assert model.is_loaded_in_4bit
assert {{p.dtype for p in model.parameters() if p.requires_grad}} == {{torch.float32}}
out = {str(tmp_path)!r}
one = sft.train(ROWS, {base!r}, out + "/sft", S | dict(sft_steps=4), None, load=load)
G = G | dict(grpo_steps=2, grpo_save_every=1)
two = grpo.train(QUESTIONS, out + "/sft/model", out + "/grpo", G, lambda m, t: (0.5, 2), reward, load=load)
again, _ = models.load(out + "/grpo/model", four_bit=True)
assert two["rollouts"] == 32 and again.is_loaded_in_4bit
"""
    run(code)
