"""Packed rows: every document once, nothing looks over a boundary, and the loss is that of padding."""

import dataclasses
import random

import numpy as np
import pytest
import torch

from cr_utils import base, packing, tokenizer

SIZE = {"hidden": 32, "intermediate": 48, "layers": 2, "heads": 4, "kv_heads": 2, "context": 64}
COLUMNS = 64


def documents(count, seed=0, longest=COLUMNS):
    dice = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        n = int(dice.integers(2, longest + 1))
        made.append((dice.integers(5, 300, n), dice.choice([0.0, 0.25, 1.0], n).astype(np.float32)))
    return made


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    net = base.build_model(len(tokenizer.build()), SIZE)
    net.set_attn_implementation(packing.register())
    return net


def one_a_row(docs):
    width = max(len(ids) for ids, _ in docs)
    ids, weights = torch.zeros(len(docs), width, dtype=torch.long), torch.zeros(len(docs), width)
    for row, (tokens, weight) in enumerate(docs):
        ids[row, :len(tokens)] = torch.from_numpy(tokens)
        weights[row, :len(tokens)] = torch.from_numpy(weight)
    return packing.padded(ids, weights, [len(ids) for ids, _ in docs])


def gradients(model, batches):
    model.zero_grad()
    total = sum(packing.loss_sum(model, batch) for batch in batches)
    total.backward()
    return total.item(), {name: one.grad.clone() for name, one in model.named_parameters()}


@pytest.mark.parametrize("seed", range(3))
def test_best_fit_puts_every_document_into_one_row_that_has_room(seed):
    dice = random.Random(seed)
    lengths = [dice.randint(1, 100) for _ in range(400)]
    rows = packing.best_fit(lengths, 128)
    assert sorted(i for row in rows for i in row) == list(range(400))
    assert max(sum(lengths[i] for i in row) for row in rows) <= 128
    assert len(rows) <= 1.05 * sum(lengths) / 128 + 1  # next to nothing is wasted


def test_a_document_longer_than_a_row_is_refused():
    with pytest.raises(ValueError, match="130 tokens does not fit a row of 128"):
        packing.best_fit([3, 130], 128)


def test_batches_hold_every_document_once_and_carry_the_rest():
    docs, packer = documents(200), packing.Packer(8, COLUMNS)
    batches = packer.feed(docs[:120], "a") + packer.feed(docs[120:], "b")
    seen = [tuple(doc[0].tolist()) for doc in packer.carry]
    for batch in batches:
        assert batch.ids.shape == (8, COLUMNS)
        for ids, segments in zip(batch.ids, batch.segments, strict=True):
            seen += [tuple(ids[segments == n].tolist()) for n in range(1, int(segments.max()) + 1)]
    assert sorted(seen) == sorted(tuple(ids.tolist()) for ids, _ in docs)
    assert sum(batch.tokens for batch in batches) > 0.9 * sum(batch.ids.numel() for batch in batches)


def test_the_same_documents_and_key_give_the_same_batches():
    one, two = (packing.Packer(4, COLUMNS).feed(documents(90), "key") for _ in range(2))
    other = packing.Packer(4, COLUMNS).feed(documents(90), "another")
    assert all(torch.equal(a.ids, b.ids) for a, b in zip(one, two, strict=True))
    assert not all(torch.equal(a.ids, b.ids) for a, b in zip(one, other, strict=True))


def test_packing_gives_the_loss_and_the_gradient_of_padding(model):
    docs = documents(60)
    rows = [[docs[i] for i in row] for row in packing.best_fit([len(ids) for ids, _ in docs], COLUMNS)]
    packed, padded = gradients(model, [packing.packed(rows, COLUMNS)]), gradients(model, [one_a_row(docs)])
    weight = one_a_row(docs).weight
    assert packed[0] / weight == pytest.approx(padded[0] / weight, abs=1e-5)
    for name, one in packed[1].items():
        assert torch.allclose(one / weight, padded[1][name] / weight, atol=1e-5), name


def test_the_loss_is_that_of_the_shipped_models_training(model):
    docs = documents(12)
    batch = one_a_row(docs)
    ours = packing.loss_sum(model, batch) / batch.weights[:, 1:].sum()
    assert torch.allclose(ours, base.weighted_loss(model, batch.ids, batch.weights), atol=1e-5)


def test_a_document_does_not_see_its_neighbours(model):
    docs = documents(3, longest=20)
    alone = packing.loss_sum(model, packing.packed([[docs[1]]], COLUMNS))
    beside = packing.packed([docs], COLUMNS)
    only = torch.where(beside.segments == 2, beside.weights, 0.0)
    others = dataclasses.replace(beside, weights=only)
    assert torch.allclose(packing.loss_sum(model, others), alone, rtol=1e-5)
    blind = packing.loss_sum(model, others, lambda segments: packing.mask(torch.ones_like(segments)))
    assert not torch.allclose(blind, alone, rtol=1e-4)  # without boundaries it would


@pytest.mark.filterwarnings("ignore:flex_attention called without")
def test_the_kernels_of_a_gpu_look_where_those_of_a_cpu_look():
    batch = packing.Packer(2, 128).feed(documents(40, longest=100), "x")[0]
    dice = torch.Generator().manual_seed(0)
    query = torch.randn(2, 4, 128, 16, generator=dice)
    key, value = (torch.randn(2, 2, 128, 16, generator=dice) for _ in range(2))
    looks, filled = packing.mask(batch.segments), (batch.segments > 0)[:, None, :, None]
    with torch.no_grad():
        ours = packing.attend(None, query, key, value, looks, 0.25)[0].transpose(1, 2)
        masked = packing.fused(query, key, value, looks, 0.25)
        skipped = packing.fused(query, key, value, packing.blocks(batch.segments), 0.25)
        plain = packing.attend(None, query, key, value, None, 0.25)[0].transpose(1, 2)
        causal = packing.fused(query, key, value, None, 0.25)
    for other in (masked, skipped):
        assert torch.allclose(torch.where(filled, ours, 0.0), torch.where(filled, other, 0.0), atol=1e-5)
    assert torch.allclose(plain, causal, atol=1e-5) and not torch.allclose(plain, ours, atol=1e-2)


def test_the_empty_end_of_a_row_counts_for_nothing(model):
    docs = documents(2, longest=10)
    batch = packing.packed([docs], COLUMNS)
    changed = torch.where(batch.segments == 0, 7, batch.ids)
    other = dataclasses.replace(batch, ids=changed)
    assert torch.equal(packing.loss_sum(model, other), packing.loss_sum(model, batch))
    assert batch.tokens == sum(len(ids) for ids, _ in docs)
    assert batch.squares == sum(len(ids) ** 2 for ids, _ in docs)
