"""The attention of two matrix products against torch's own."""

import pytest
import torch
from tiny_models import tiny
from torch.nn import functional

from cr_utils import attention

ROWS, HEADS, KV, LENGTH, SIZE = 3, 4, 2, 9, 8


def tensors(past=0, kind=torch.float32):
    torch.manual_seed(0)
    query = torch.randn(ROWS, HEADS, LENGTH, SIZE, dtype=kind)
    key, value = (torch.randn(ROWS, KV, past + LENGTH, SIZE, dtype=kind) for _ in range(2))
    return query, key, value


def reference(query, key, value, mask=None):
    """torch's kernel on repeated heads; (rows, length, heads, size)."""
    key, value = (t.repeat_interleave(HEADS // KV, 1) for t in (key, value))
    out = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=mask is None)
    return out.transpose(1, 2)


def causal(past=0):
    return torch.ones(LENGTH, past + LENGTH, dtype=torch.bool).tril(past)[None, None]


def test_without_a_mask_it_is_causal():
    query, key, value = tensors()
    out, weights = attention.attend(None, query, key, value, None)
    assert weights is None and torch.allclose(out, reference(query, key, value), atol=1e-5)
    value[:, :, -1] += 100  # the last position must not be seen by the ones before
    changed, _ = attention.attend(None, query, key, value, None)
    assert torch.equal(changed[:, :-1], out[:, :-1]) and not torch.allclose(changed[:, -1], out[:, -1])


@pytest.mark.parametrize("past", [0, 5])
def test_a_cache_shifts_the_diagonal(past):
    query, key, value = tensors(past)
    out, _ = attention.attend(None, query, key, value, None)
    assert torch.allclose(out, reference(query, key, value, causal(past)), atol=1e-5)


@pytest.mark.parametrize("additive", [False, True])
def test_padding_on_the_left_is_not_seen(additive):
    query, key, value = tensors()
    seen = torch.ones(ROWS, 1, 1, LENGTH, dtype=torch.bool)
    seen[0, ..., :3] = False
    mask = causal() & seen
    given = torch.zeros(mask.shape).masked_fill(~mask, float("-inf")) if additive else mask
    out, _ = attention.attend(None, query, key, value, given)
    wanted = reference(query, key, value, mask)
    assert torch.allclose(out[1:], wanted[1:], atol=1e-5)
    assert torch.allclose(out[0, 3:], wanted[0, 3:], atol=1e-5)
    assert out.isfinite().all()  # rows that see nothing as well


def test_the_scale_is_that_of_the_caller():
    query, key, value = tensors()
    out, _ = attention.attend(None, query, key, value, None, scaling=0.5)
    assert torch.allclose(out, reference(query * 0.5 * SIZE ** 0.5, key, value), atol=1e-5)


def test_autocast_sets_the_precision():
    query, key, value = tensors()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out, _ = attention.attend(None, query, key, value.bfloat16(), None)
    assert out.dtype == torch.bfloat16
    assert torch.allclose(out.float(), reference(query, key, value), atol=0.05)


def compare(kind, mask, precision=None):
    """Logits and gradients of a small model under sdpa and under ours, where the mask looks."""
    found = []
    ids = torch.randint(0, 400, mask.shape, generator=torch.Generator().manual_seed(1))
    for name in ("sdpa", attention.register()):
        model, _ = tiny(kind=kind)
        model.set_attn_implementation(name)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision is not None):
            logits = model(input_ids=ids, attention_mask=mask if not mask.all() else None).logits
        logits = logits.float()[mask.bool()]
        logits.logsumexp(-1).sum().backward()
        found.append((logits.detach(), model.model.layers[0].self_attn.q_proj.weight.grad))
    return found


@pytest.mark.parametrize("kind", ["qwen2", "qwen3"])
@pytest.mark.parametrize("pad", [0, 4])
def test_a_model_computes_the_same_as_with_torchs_kernel(kind, pad):
    mask = torch.ones(3, 20, dtype=torch.long)
    mask[0, :pad] = 0
    (logits, gradient), (ours, our_gradient) = compare(kind, mask)
    assert torch.allclose(logits, ours, atol=1e-3, rtol=1e-4)
    assert torch.allclose(gradient, our_gradient, atol=1e-2, rtol=1e-3) and gradient.abs().max() > 0


@pytest.mark.parametrize("pad", [0, 4])
def test_under_autocast_the_difference_is_one_of_rounding(pad):
    mask = torch.ones(3, 20, dtype=torch.long)
    mask[0, :pad] = 0
    (logits, _), (ours, _) = compare("qwen2", mask, torch.bfloat16)
    assert (logits - ours).abs().mean() < 0.03 * logits.abs().mean()


def test_generation_gives_the_same_tokens():
    texts = []
    for name in ("sdpa", attention.register()):
        model, tok = tiny()
        model.set_attn_implementation(name)
        ids = tok(["def f(x):", "f("], return_tensors="pt", padding=True, padding_side="left")
        texts.append(model.generate(input_ids=ids["input_ids"], attention_mask=ids["attention_mask"],
                                    max_new_tokens=12, do_sample=False).tolist())
    assert texts[0] == texts[1]
