"""Estimates: counts are the model's own, memory follows the settings, time follows the measured rates."""

import pytest
from tiny_models import write

from cr_utils import estimates, footprint, jsonl, models, params
from cr_utils.errors import UserError

SPEED = {"products": 1e12, "copies": 1e10, "kernels": 1e5}
COLAB = params.load("colab")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write(tmp_path_factory.mktemp("base") / "model")


def test_counts_are_those_of_the_loaded_model(base):
    found, (model, _) = footprint.shape(base), models.load(base, lora={"r": 3})
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert 3 * found.adapter == trained
    assert found.total == sum(p.numel() for p in model.parameters()) - trained
    assert (found.layers, found.hidden, found.inner) == (2, 32, 48)


def test_a_model_out_of_reach_is_one_line(monkeypatch):
    def unreachable(*_):
        raise OSError("We couldn't connect to the hub\nand more")

    monkeypatch.setattr(footprint.transformers.AutoConfig, "from_pretrained", unreachable)
    with pytest.raises(UserError, match="of model 'owner/name' could not be read: We couldn't .* hub$"):
        footprint.shape("owner/name")


@pytest.mark.slow
def test_bytes_of_four_bit_weights_are_those_of_the_loaded_model(tmp_path):
    import torch
    config = models.transformers.Qwen2Config(hidden_size=256, intermediate_size=512, num_hidden_layers=2,
                                             num_attention_heads=4, num_key_value_heads=2, vocab_size=600)
    models.optional_libraries("bitsandbytes" not in models.sys.modules and "peft" not in models.sys.modules)
    if "bitsandbytes" not in models.sys.modules:
        pytest.skip("peft was loaded without bitsandbytes in this process")
    from tiny_models import tiny
    models.transformers.Qwen2ForCausalLM(config).save_pretrained(tmp_path)
    tiny()[1].save_pretrained(tmp_path)
    model, _ = models.load(str(tmp_path), four_bit=True, lora={"r": 4})
    held = sum(p.numel() * p.element_size() for p in model.parameters() if not p.requires_grad)
    wanted = footprint.memory("03_sft", COLAB, footprint.shape(str(tmp_path)))["weights"]
    assert held == pytest.approx(wanted, rel=0.1) and torch.is_tensor(next(model.parameters()))


def test_memory_follows_the_settings(base):
    found = footprint.shape(base)
    lora, whole = (footprint.memory("03_sft", values, found) for values in (COLAB, params.load("tiny")))
    assert lora["weights"] < whole["weights"] == 4 * found.total
    assert whole["gradients and optimizer"] == 12 * found.total
    wide = footprint.memory("03_sft", COLAB | {"sft_batch_size": 4}, found)
    assert wide["activations"] == 2 * lora["activations"]
    paper = footprint.memory("03_sft", params.load("paper-7b"), found)
    assert paper["weights"] == 4 * found.total / 8


@pytest.mark.parametrize(("stage", "key"), [("03_sft", "sft_steps"), ("04_grpo", "grpo_steps")])
def test_time_grows_with_the_steps_and_falls_with_the_rates(base, stage, key):
    found = footprint.shape(base)
    values = COLAB | {"grpo_filter_prompts": 0}
    once, twice = (footprint.seconds(stage, values | {key: n}, found, SPEED) for n in (10, 20))
    assert twice == pytest.approx(2 * once) and once > 0
    faster = {name: 2 * rate for name, rate in SPEED.items()}
    assert footprint.seconds(stage, values | {key: 10}, found, faster) == pytest.approx(once / 2)


def test_time_is_that_of_the_plan_where_an_earlier_run_tells_it(base):
    values = params.load("tiny")
    planned = estimates.of("03_sft", values)
    assert "by the reference run" in planned
    assert footprint.expected("03_sft", values, base).startswith(f"03_sft: {planned.removeprefix('; ')};")


def test_the_notebook_is_told_before_and_after(base, tmp_path):
    text = footprint.expected("03_sft", COLAB, base)
    assert text.startswith("03_sft: about ") and "GiB" in text and "weights" in text
    assert "by arithmetic, not a measurement" in text
    jsonl.write(tmp_path / "log.jsonl", [{"loss": 1.0, "tokens": 500, "seconds": 2.0}])
    assert footprint.measured(tmp_path).startswith("measured: 250 tokens/s, 0:02")
    made = {"loss": 1.0, "rollouts_per_s": 2.0, "length_mean": 30.0, "seconds": 9.0}
    jsonl.write(tmp_path / "log.jsonl", [made])
    assert "60 answer tokens/s" in footprint.measured(tmp_path)
