"""The sampler against transformers' own forward pass and `generate`."""

import pytest
import torch
from tiny_models import tiny

from cr_utils import generate
from cr_utils.generate import Sampler, choose


def prompts(count=7, low=3, high=30, seed=1):
    g = torch.Generator().manual_seed(seed)
    lengths = torch.randint(low, high, (count,), generator=g).tolist()
    return [torch.randint(0, 250, (n,), generator=g).tolist() for n in lengths]


def reference(model, prompt, ids, temperature=1.0):
    """Log-probabilities of ids after prompt from the model's own forward pass."""
    with torch.no_grad():
        logits = model(torch.tensor([prompt + list(ids)])).logits / temperature
    return logits.log_softmax(-1)[0, len(prompt) - 1 : -1].gather(-1, torch.tensor(ids)[:, None])[:, 0]


@pytest.mark.parametrize("kind", ["qwen2", "qwen3"])
def test_log_probabilities_are_the_models(kind):
    model, tok = tiny(kind=kind)
    sampler = Sampler(model, tok, dtype=torch.float32, batch_size=8)
    assert sampler.engine == "fast"
    given = prompts()
    for prompt, row in zip(
        given, sampler.sample(given, n=3, temperature=0.7, max_new_tokens=70), strict=True
    ):
        for one in row:
            expected = reference(model, prompt, one.ids, temperature=0.7)
            assert torch.allclose(expected, torch.tensor(one.logprobs), atol=1e-5)


def test_greedy_is_the_same_through_both_engines():
    model, tok = tiny()
    given = prompts()
    fast = Sampler(model, tok, dtype=torch.float32).sample(given, temperature=0, max_new_tokens=40)
    slow = Sampler(model, tok, engine="hf", batch_size=3).sample(given, temperature=0, max_new_tokens=40)
    assert [row[0].ids for row in fast] == [row[0].ids for row in slow]
    assert [row[0].text for row in fast] == [row[0].text for row in slow]


def test_samples_do_not_depend_on_the_batch():
    model, tok = tiny()
    given = prompts()
    sampler = Sampler(model, tok, dtype=torch.float32)
    together = sampler.sample(given, n=2, max_new_tokens=30, seed=5)
    for prompt, row in zip(given, together, strict=True):
        alone = Sampler(model, tok, dtype=torch.float32, batch_size=1).sample(
            [prompt], n=2, max_new_tokens=30, seed=5
        )
        assert [s.ids for s in alone[0]] == [s.ids for s in row]
    other = sampler.sample(given, n=2, max_new_tokens=30, seed=6)
    assert [s.ids for row in other for s in row] != [s.ids for row in together for s in row]


def test_a_repeated_prompt_gets_different_samples():
    model, tok = tiny()
    one, two = Sampler(model, tok).sample([[5, 6, 7], [5, 6, 7]], n=2, max_new_tokens=20)
    assert len({s.ids for s in one + two}) == 4
    assert [s.ids for s in one + two] == [
        s.ids for s in Sampler(model, tok).sample([[5, 6, 7]], n=4, max_new_tokens=20)[0]
    ]


def test_weights_are_read_at_each_call():
    model, tok = tiny()
    sampler = Sampler(model, tok, dtype=torch.float32)
    before = sampler.sample([[5, 6, 7]], temperature=0, max_new_tokens=20)[0][0]
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight.mul_(-2)
    after = sampler.sample([[5, 6, 7]], temperature=0, max_new_tokens=20)[0][0]
    assert before.ids != after.ids
    assert torch.allclose(reference(model, [5, 6, 7], after.ids), torch.tensor(after.logprobs), atol=1e-5)


def test_ended_rows_stop_and_the_rest_go_on():
    model, tok = tiny(spread=0.02)
    sampler = Sampler(model, tok, dtype=torch.float32)
    sampler.ends = frozenset(range(0, len(tok), 10))
    samples = [s for row in sampler.sample(prompts(12), n=4, max_new_tokens=60) for s in row]
    assert all((s.ids[-1] in sampler.ends) == (not s.truncated) for s in samples)
    assert all(not set(s.ids[:-1]) & sampler.ends for s in samples)
    assert len({len(s.ids) for s in samples}) > 5
    assert all(len(s.ids) == len(s.logprobs) <= 60 for s in samples)
    for prompt, row in zip(prompts(12), sampler.sample(prompts(12), n=4, max_new_tokens=60), strict=True):
        for one in row:
            assert torch.allclose(reference(model, prompt, one.ids), torch.tensor(one.logprobs), atol=1e-5)


@pytest.mark.parametrize("engine", ["fast", "hf"])
def test_the_context_is_never_exceeded(engine):
    model, tok = tiny(context=40)
    sampler = Sampler(model, tok, engine=engine)
    sampler.ends = frozenset([tok.eos_token_id])
    full, long, short = sampler.sample([[5] * 40, [5] * 35, [5] * 4], max_new_tokens=20, seed=3)
    assert full == [generate.Sample("", (), True)]
    assert 0 < len(long[0].ids) <= 5
    assert 0 < len(short[0].ids) <= 20


def test_bfloat16_is_close_to_single_precision():
    model, tok = tiny(spread=0.2)
    given = prompts()
    for prompt, (one,) in zip(
        given, Sampler(model, tok, dtype=torch.bfloat16).sample(given, max_new_tokens=40), strict=True
    ):
        away = (reference(model, prompt, one.ids) - torch.tensor(one.logprobs)).abs()
        assert away.mean() < 0.05


def test_text_prompts_go_through_the_chat_template():
    model, tok = tiny()
    ids = Sampler(model, tok).encode("x = 1")
    assert tok.decode(ids) == "<|im_start|>user\nx = 1<|im_end|>\n<|im_start|>assistant\n"


def test_progress_counts_completions():
    model, tok = tiny()
    seen = []
    Sampler(model, tok, batch_size=4).sample(prompts(5), n=2, max_new_tokens=5, progress=seen.append)
    assert seen == [4, 8, 10]


def test_choose_follows_the_distribution():
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]]))
    draws = torch.linspace(0, 1, 1001)[:-1]
    token, score = choose(logits.expand(1000, 4), 1.0, 1.0, draws)
    shares = torch.bincount(token, minlength=4) / 1000
    assert torch.allclose(shares, torch.tensor([0.5, 0.3, 0.15, 0.05]), atol=2e-3)
    assert torch.allclose(score.exp(), torch.tensor([0.5, 0.3, 0.15, 0.05])[token], atol=1e-6)
    token, _ = choose(logits.expand(1000, 4), 1.0, 0.6, draws)
    shares = torch.bincount(token, minlength=4) / 1000
    assert torch.allclose(shares, torch.tensor([0.625, 0.375, 0, 0]), atol=2e-3)
    token, score = choose(logits, 0.0, 1.0, None)
    assert token.tolist() == [0] and torch.allclose(score.exp(), torch.tensor([0.5]))


def test_unsupported_models_fall_back():
    model, tok = tiny()
    model.config.layer_types[1] = "sliding_attention"
    assert Sampler(model, tok).engine == "hf"
    model, _ = tiny()
    model.model.layers[0].mlp.up_proj = torch.nn.Sequential(model.model.layers[0].mlp.up_proj)
    assert Sampler(model, tok).engine == "hf"
