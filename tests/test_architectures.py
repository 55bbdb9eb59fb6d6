"""Another base model is one key: a small random Llama is tuned, rewarded and asked by the same code."""

import json

import pytest
import torch
from test_grpo import QUESTIONS, reward
from test_sft import ROWS
from tiny_models import tiny

from cr_utils import engines, grpo, models, params, questions, sft
from cr_utils.decoder import Decoder

ASKED = [questions.at({"id": f"p{n}", "code": f"def f(x):\n    return x + {n}", "entry_point": "f",
                       "input": "1", "output": str(1 + n)}, "output") for n in range(3)]
SHORT = {
    "sft_steps": 1, "sft_eval_every": 1, "sft_batch_size": 4, "sft_max_length": 120, "sft_lr": 1e-2,
    "sft_extra": {"warmup_steps": 0},  # or the only update had a rate of 0
    "grpo_steps": 1, "grpo_save_every": 1, "grpo_group": 4, "grpo_prompts": 2, "grpo_batch_size": 8,
    "grpo_max_new_tokens": 12, "grpo_lr": 1e-2, "eval_max_new_tokens": 8,
}


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    """A folder with such a model and, as Llama's is, a tokenizer without a token for padding."""
    folder = tmp_path_factory.mktemp("llama") / "model"
    model, tokenizer = tiny(kind="llama", spread=0.05)
    # One token in sixteen ends an answer: some end early, some are cut.
    model.generation_config.eos_token_id = list(range(0, 600, 16))
    tokenizer.pad_token = None
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def moved(before, after):
    """How many of the weights of two folders differ."""
    a, b = (models.load(str(folder))[0].state_dict() for folder in (before, after))
    return sum(not torch.equal(a[name], b[name]) for name in a)


def test_a_llama_is_tuned_rewarded_and_asked_by_naming_it(llama, tmp_path):
    values = params.load("smoke", SHORT | {"model": llama})
    model, tokenizer = models.load(values["model"])
    assert type(model).__name__ == "LlamaForCausalLM" and not Decoder.supports(model)
    assert tokenizer.pad_token == tokenizer.eos_token
    one = sft.train(ROWS, values["model"], tmp_path / "sft", values)
    assert one["steps"] == 1 and moved(llama, tmp_path / "sft/model") > 10
    tuned = str(tmp_path / "sft" / "model")
    two = grpo.train(QUESTIONS, tuned, tmp_path / "grpo", values, None, reward)
    log, = (json.loads(line) for line in (tmp_path / "grpo" / "log.jsonl").read_text().splitlines())
    assert two["rollouts"] == 8 and log["reward_std"] > 0 and 0 < log["truncated_share"] < 1
    assert moved(tuned, tmp_path / "grpo" / "model") > 10
    answer = engines.load(str(tmp_path / "grpo" / "model"), values)
    replies = answer(ASKED)
    assert replies == answer(ASKED) and all(0 < reply.tokens <= 8 for reply in replies)
