"""Sampling at fixed shapes gives what the growing batch gives; memory and weights stay where they are.

The graphs themselves need a GPU: here the same ticks run directly.
"""

import pytest
import torch
from tiny_models import tiny

from cr_utils import static_decoding
from cr_utils.generate import Sampler


def prompts(count, seed=1):
    dice = torch.Generator().manual_seed(seed)
    lengths = torch.randint(3, 30, (count,), generator=dice).tolist()
    return [torch.randint(0, 250, (n,), generator=dice).tolist() for n in lengths]


def pair(kind="qwen2", ends=None):
    """The growing and the fixed sampler of one model; ends: further tokens that end an answer."""
    model, tok = tiny(kind=kind)
    model.generation_config.eos_token_id = ends
    samplers = [Sampler(model, tok, dtype=torch.float32, batch_size=24) for _ in range(2)]
    samplers[1].static = True
    return model, *samplers


def texts(groups):
    return [one.ids for group in groups for one in group]


@pytest.mark.parametrize("kind", ["qwen2", "qwen3"])
@pytest.mark.parametrize(("temperature", "top_p"), [(0.0, 1.0), (1.0, 1.0), (0.8, 0.9)])
def test_both_give_the_same_tokens_and_log_probabilities(kind, temperature, top_p):
    _, growing, fixed = pair(kind)
    how = {"n": 3, "temperature": temperature, "top_p": top_p, "max_new_tokens": 50, "seed": 4}
    one, two = (sampler.sample(prompts(13), **how) for sampler in (growing, fixed))
    assert texts(one) == texts(two)
    scores = [torch.tensor([x for group in found for s in group for x in s.logprobs]) for found in (one, two)]
    assert torch.allclose(*scores, atol=1e-5)


def test_a_batch_is_halved_as_its_rows_end(monkeypatch):
    _, growing, fixed = pair(ends=list(range(12)))  # so many that rows end at many places
    heights, shrink = [], static_decoding.Buffers.shrink

    def noted(self):
        left = shrink(self)
        heights.append(self.cache.rows)
        return left

    monkeypatch.setattr(static_decoding, "SMALLEST", 2)
    monkeypatch.setattr(static_decoding.Buffers, "shrink", noted)
    how = {"n": 3, "max_new_tokens": 60, "seed": 2}
    one, two = (sampler.sample(prompts(8), **how) for sampler in (growing, fixed))
    assert len({len(ids) for ids in texts(one)}) > 3 and len(set(heights)) > 1
    assert texts(one) == texts(two)


def test_changed_weights_are_read_into_the_same_memory():
    model, growing, fixed = pair()
    first = texts(fixed.sample(prompts(5), temperature=0.0, max_new_tokens=20))
    held = [one.data_ptr() for _, _, one in static_decoding._tensors(fixed._decoder)]
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    again = texts(fixed.sample(prompts(5), temperature=0.0, max_new_tokens=20))
    assert held == [one.data_ptr() for _, _, one in static_decoding._tensors(fixed._decoder)]
    assert again == texts(growing.sample(prompts(5), temperature=0.0, max_new_tokens=20)) != first


def test_memory_is_kept_for_a_shape_and_nothing_of_the_last_batch_shows():
    _, growing, fixed = pair()
    for seed in (1, 2, 3):
        how = {"n": 2, "max_new_tokens": 30, "seed": seed}
        assert texts(fixed.sample(prompts(9, seed), **how)) == texts(growing.sample(prompts(9, seed), **how))
    assert len(fixed._decoder.buffers) == 1
    for longest in (100, 160, 30):
        fixed.sample(prompts(2), n=30 if longest == 30 else 1, max_new_tokens=longest)
    assert len(fixed._decoder.buffers) == static_decoding.KEPT


def test_a_tick_asks_nothing_of_the_host(monkeypatch):
    """What would make a GPU wait, and a graph fail: numbers read from tensors, shapes that depend on
    values."""
    _, _, fixed = pair()
    tick = static_decoding.Buffers.tick

    def refused(*_):
        raise AssertionError("the host was asked")

    def guarded(self, *how):
        with monkeypatch.context() as patch:
            for name in ("item", "tolist", "nonzero", "__bool__", "__int__", "__float__", "__index__", "cpu",
                         "numpy"):
                patch.setattr(torch.Tensor, name, refused)
            tick(self, *how)

    monkeypatch.setattr(static_decoding.Buffers, "tick", guarded)
    for temperature, top_p in ((0.0, 1.0), (1.0, 0.9)):
        assert fixed.sample(prompts(4), temperature=temperature, top_p=top_p, max_new_tokens=10)
