"""Training of the base model: what counts in the loss, resuming, and what is saved."""

import itertools
import random

import pytest
import torch
from transformers import AutoModelForCausalLM

from cr_utils import base, corpus, jsonl, shapes, tokenizer
from cr_utils.errors import UserError

PARAMS = {"seed": 1, "hidden": 32, "intermediate": 48, "layers": 2, "heads": 4, "kv_heads": 2, "context": 256,
          "tokens": 3600, "batch_tokens": 500, "lr": 1.0e-3, "decay": 0.35, "workers": 0,
          "mix": {"facts": 0.5, "output": 0.5}}
POOL = 8
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pool():
    return base.encoded_pool(1, 0, {"mix": PARAMS["mix"]}, PARAMS["context"], 24)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished tiny training: (folder, what it returned)."""
    out = tmp_path_factory.mktemp("base")
    return out, base.train(PARAMS, out, CPU, POOL)


def model(seed=0):
    torch.manual_seed(seed)
    return base.build_model(len(tokenizer.build()), PARAMS)


def weights_of(out):
    return torch.load(out / "checkpoint.pt", weights_only=True)["model"]


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_documents_are_encoded_whole_with_the_length_of_their_prompt(pool):
    tok = tokenizer.build()
    assert len(pool) > 20 and {weights[0] == 1.0 for _, weights in pool} == {True, False}
    for ids, weights in pool:
        prompt = weights.count(base.QUIET)
        assert weights == [base.QUIET] * prompt + [1.0] * (len(ids) - prompt)
        assert ids[-1] == tok.eos_token_id and prompt < len(ids) <= PARAMS["context"]
        if prompt:
            text = tok.decode(ids[:prompt])
            assert text.startswith("<|im_start|>user\n") and text.endswith("<|im_start|>assistant\n")
            assert tok.decode(ids[prompt:]).startswith("<answer>")


def test_a_document_longer_than_the_context_is_dropped(pool):
    lengths = sorted(len(ids) for ids, _ in pool)
    short = base.encoded_pool(1, 0, {"mix": PARAMS["mix"]}, lengths[10], 24)
    assert len(short) == sum(length <= lengths[10] for length in lengths)


def test_batches_hold_every_document_once_within_the_budget(pool):
    rows, seen = 0, []
    for ids, weights in base.batches(pool, 700, random.Random(0)):
        assert ids.shape == weights.shape and (ids.numel() <= 700 or len(ids) == 1)
        seen += [tuple(row[weight > 0].tolist()) for row, weight in zip(ids, weights, strict=True)]
        rows += len(ids)
    assert rows == len(pool) and sorted(seen) == sorted(tuple(ids) for ids, _ in pool)
    assert list(base.batches([], 700, random.Random(0))) == []


def test_in_a_page_of_single_steps_the_program_and_the_values_weigh_a_quarter():
    tok = tokenizer.build()
    doc = next(doc for doc in (corpus.document(1, i, {"steps": 1.0}) for i in range(20)) if len(doc.quiet) > 3)
    ids, weights = base.encoded(doc)
    assert set(weights) == {base.QUIET, 1.0} and tok.decode(ids) == doc.completion + tokenizer.END
    runs = ["".join(tok.decode([i]) for i, _ in run) for weight, run in
            itertools.groupby(zip(ids, weights, strict=True), key=lambda pair: pair[1]) if weight == 1.0]
    source = [line.strip() for line in doc.completion.split("\n\n")[0].split("\n")]
    assert len(runs) == len(doc.quiet) - 1  # the program, then before each step its values
    assert all(run.removesuffix(tokenizer.END).split("  # ")[0] in source for run in runs)


def test_prompts_weigh_a_quarter_completions_one_padding_nothing():
    ids, weights = base.padded([([5, 6, 7, 8], [0.25, 0.25, 1.0, 1.0]), ([5, 6], [1.0, 1.0])])
    assert weights.tolist() == [[0.25, 0.25, 1, 1], [1, 1, 0, 0]] and ids[1].tolist() == [5, 6, 0, 0]


def test_padding_does_not_count_in_the_loss(pool):
    net = model()
    ids, weights = base.padded(pool[:6])
    more = torch.nn.functional.pad
    plain = base.weighted_loss(net, ids, weights)
    padded = base.weighted_loss(net, more(ids, (0, 37)), more(weights, (0, 37)))
    other = base.weighted_loss(net, more(ids, (0, 37), value=9), more(weights, (0, 37)))
    assert torch.allclose(plain, padded, atol=1e-5) and torch.allclose(plain, other, atol=1e-5)
    counted = base.weighted_loss(net, more(ids, (0, 37)), more(weights, (0, 37), value=1.0))
    assert not torch.allclose(plain, counted, atol=1e-3)


def test_sizes_come_on_a_grid_that_does_not_count_in_the_loss(pool):
    net = model()
    ids, weights = base.padded(pool[:5])
    wide, heavy = base.on_grid(ids, weights)
    assert wide.shape == heavy.shape == (shapes.up(5, shapes.ROWS), shapes.up(ids.shape[1], shapes.COLUMNS))
    assert heavy.sum() == weights.sum() and torch.equal(wide[:5, :ids.shape[1]], ids)
    assert torch.allclose(base.weighted_loss(net, wide, heavy), base.weighted_loss(net, ids, weights), atol=1e-5)


def test_the_loss_is_the_weighted_mean_of_cross_entropies(pool):
    net = model()
    ids, weights = base.padded(pool[:3])
    logits = net(input_ids=ids).logits[:, :-1]
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")
    wanted = (losses * weights[:, 1:]).sum() / weights[:, 1:].sum()
    assert torch.allclose(base.weighted_loss(net, ids, weights), wanted, atol=1e-5)


def test_the_rate_warms_up_holds_and_falls():
    rates = [base.learning_rate(done, PARAMS) for done in (0, 0.01, 0.02, 0.5, 0.64, 0.825, 0.99, 1.2)]
    assert rates == pytest.approx([0, 5e-4, 1e-3, 1e-3, 1e-3, 5e-4, 5e-5, 5e-5], rel=1e-2)


def test_training_learns_and_logs(trained):
    out, done = trained
    rows = jsonl.read(out / "log.jsonl")
    assert done["tokens"] >= PARAMS["tokens"] and done["loss"] == rows[-1]["loss"]
    assert [row["step"] for row in rows] == sorted({row["step"] for row in rows})
    assert rows[-1]["loss"] < rows[0]["loss"] - 0.3
    assert rows[-1]["tokens"] == done["tokens"]


def test_the_same_parameters_give_the_same_weights(trained, tmp_path):
    base.train(PARAMS, tmp_path, CPU, POOL)
    assert same(weights_of(tmp_path), weights_of(trained[0]))


def test_an_interrupted_training_ends_with_the_weights_of_a_whole_one(trained, tmp_path, monkeypatch):
    """Killed in the middle of a pool, with a row in the log that no checkpoint covers."""
    take, taken = base.Trainer.take, []

    def interrupted(self, *args):
        row = take(self, *args)
        taken.append(row)
        if len(taken) == 3:
            jsonl.write(tmp_path / "log.jsonl", taken)
            raise KeyboardInterrupt
        return row

    with monkeypatch.context() as patch:
        patch.setattr(base.Trainer, "take", interrupted)
        with pytest.raises(KeyboardInterrupt):
            base.train(PARAMS, tmp_path, CPU, POOL)
    done = base.train(PARAMS, tmp_path, CPU, POOL)
    assert same(weights_of(tmp_path), weights_of(trained[0])) and done["tokens"] == trained[1]["tokens"]
    steps = [row["step"] for row in jsonl.read(tmp_path / "log.jsonl")]
    assert steps == [row["step"] for row in jsonl.read(trained[0] / "log.jsonl")]


def test_a_finished_training_only_writes_its_model_again(trained):
    out, done = trained
    before = (out / "checkpoint.pt").read_bytes()
    assert base.train(PARAMS, out, CPU, POOL)["loss"] == done["loss"]
    assert (out / "checkpoint.pt").read_bytes() == before


def test_a_checkpoint_of_other_parameters_is_refused(trained):
    with pytest.raises(UserError, match="lr"):
        base.train({**PARAMS, "lr": 2.0e-3}, trained[0], CPU, POOL)


@pytest.mark.slow
def test_worker_processes_give_the_same_weights(trained, tmp_path):
    base.train({**PARAMS, "workers": 1}, tmp_path, CPU, POOL)
    assert same(weights_of(tmp_path), weights_of(trained[0]))


def test_a_second_phase_begins_from_the_weights_of_the_first(trained, tmp_path, monkeypatch):
    begun = []
    take = base.Trainer.take

    def first_of_second(self, *args):
        if self.step == 0:
            begun.append({key: value.clone() for key, value in self.model.state_dict().items()})
        return take(self, *args)

    monkeypatch.setattr(base.Trainer, "take", first_of_second)
    second = {"seed": 2, "tokens": 800}
    done = base.train_all({**PARAMS, "tokens": 1000, "second": second}, tmp_path, CPU, POOL)
    assert same(begun[1], weights_of(tmp_path / "first")) and not same(begun[0], begun[1])
    assert done["tokens"] >= 1800 and (tmp_path / "model" / "model.safetensors").exists()


def test_the_saved_model_is_read_by_transformers_and_computes_the_same(trained):
    out, _ = trained
    net = AutoModelForCausalLM.from_pretrained(out / "model", dtype=torch.float32)
    tok = tokenizer.build()
    assert net.config.eos_token_id == net.generation_config.eos_token_id == tok.eos_token_id
    assert net.generation_config.pad_token_id == tok.pad_token_id
    assert net.get_input_embeddings().weight is net.lm_head.weight  # tied
    full = model()
    full.load_state_dict(weights_of(out))
    ids = torch.tensor([tok("def f(x):\n    return x")["input_ids"]])
    with torch.no_grad():
        assert torch.allclose(net(ids).logits, full.eval()(ids).logits, atol=0.05)
    assert (out / "model" / "tokenizer.json").exists()


def test_saving_leaves_the_model_as_it_is(tmp_path):
    net = model()
    base.save_model(net, tmp_path)
    assert {weight.dtype for weight in net.parameters()} == {torch.float32}
    assert net.generation_config.eos_token_id is None
