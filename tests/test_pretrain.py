"""Pre-training from scratch: the feed, resuming bit for bit, and that it learns; packed and padded."""

import subprocess
import sys

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from cr_utils import base, feed, jsonl, packing, params, pretrain, throughput
from cr_utils.errors import UserError

CPU = torch.device("cpu")
PARAMS = {"seed": 1, "width": 32, "inner": 48, "layers": 2, "heads": 4, "kv_heads": 2, "context": 256,
          "tokens": 24_000, "batch_tokens": 2048, "micro_tokens": 1024, "lr": 2.0e-3, "decay": 0.4,
          "mix": {"facts": 0.5, "output": 0.5}, "late": 0.3, "late_mix": {"steps": 1.0}, "wide": 0.2,
          "most_steps": 3, "repeats": 1, "packing": "packed", "compile": False, "workers": 0}
POOL = 24


class Killed(Exception):
    """Stands in for a process that ends."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished training: (folder, what it returned)."""
    out = tmp_path_factory.mktemp("whole")
    return out, pretrain.train(PARAMS, out, CPU, POOL)


def weights_of(out):
    return torch.load(out / "checkpoint.pt", weights_only=True)["model"]


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def steps_of(settings, pools, pool=POOL):
    """The ids of every step of some pools, from the feed of an untrained run."""
    run = pretrain.Pretraining(settings, CPU)
    with feed.Feed(run, pool) as source:
        return [[batch.ids for batch in step] for _ in range(pools) for step in source.pool()], run.passed


def numbers(steps):
    return [[ids.tolist() for ids in step] for step in steps]


def test_training_learns_logs_and_saves_a_model_that_answers(trained):
    out, done = trained
    rows = jsonl.read(out / "log.jsonl")
    assert rows[-1]["loss"] < rows[0]["loss"] - 0.3
    assert done["tokens"] == rows[-1]["tokens"] >= PARAMS["tokens"] and done["steps"] == rows[-1]["step"]
    assert all(row["fill"] > 0.9 and 0 <= row["wait_share"] <= 1 for row in rows)
    assert {row["mfu"] for row in rows} == {None}  # the peak of a CPU is not in the table
    head = weights_of(out)["lm_head.weight"].numel()  # tied to the embeddings, and twice in the checkpoint
    assert done["parameters"] == sum(one.numel() for one in weights_of(out).values()) - head
    from cr_utils import models
    net, tok = models.load(str(out / "model"), device="cpu")
    assert net.config.num_hidden_layers == 2 and net.generation_config.eos_token_id == tok.eos_token_id


def test_a_killed_training_ends_with_the_weights_of_a_whole_one(trained, tmp_path, monkeypatch):
    """Killed in the middle of a pool of the second phase, resumed twice."""
    update, done = pretrain.Pretraining.update, []

    def killed(self, batches):
        done.append(self.step)
        if len(done) in (4, 11):
            raise Killed
        return update(self, batches)

    monkeypatch.setattr(pretrain.Pretraining, "update", killed)
    for _ in range(2):
        with pytest.raises(Killed):
            pretrain.train(PARAMS, tmp_path, CPU, POOL, save_seconds=0.0)
    again = pretrain.train(PARAMS, tmp_path, CPU, POOL, save_seconds=0.0)
    assert same(weights_of(tmp_path), weights_of(trained[0])) and again["steps"] == trained[1]["steps"]
    assert done[4] <= done[3] and done[11] <= done[10]  # steps after a checkpoint were made again
    losses = [[(row["step"], row["loss"]) for row in jsonl.read(out / "log.jsonl")]
              for out in (tmp_path, trained[0])]
    assert losses[0] == losses[1]


def test_a_model_that_was_tried_and_begun_anew_trains_like_a_new_one(trained, tmp_path):
    tried = pretrain.Pretraining(PARAMS | {"tokens": 10**6}, CPU)
    with feed.Feed(tried, POOL) as source:
        for step in source.pool():
            tried.update(step)
    assert tried.tokens > 0
    done = pretrain.train(PARAMS, tmp_path, CPU, POOL, run=tried)
    assert same(weights_of(tmp_path), weights_of(trained[0])) and done["steps"] == trained[1]["steps"]


def test_a_checkpoint_of_other_settings_is_refused_and_workers_are_free(trained):
    out, done = trained
    with pytest.raises(UserError, match="trained with other lr"):
        pretrain.train(PARAMS | {"lr": 1.0e-3}, out, CPU, POOL)
    assert pretrain.train(PARAMS | {"micro_tokens": 2048}, out, CPU, POOL)["tokens"] == done["tokens"]


@pytest.mark.slow  # starts processes
def test_documents_do_not_depend_on_the_number_of_workers():
    alone, passed = steps_of(PARAMS, 2)
    spread, there = steps_of(PARAMS | {"workers": 2}, 2)
    assert len(alone) >= 2 and len(alone) == len(spread)
    assert numbers(alone) == numbers(spread)
    assert passed.next_doc == there.next_doc == 2 * POOL
    assert all(torch.equal(passed.state()[name], there.state()[name])
               for name in ("ids", "weights", "lengths"))


def test_the_feed_goes_on_from_what_was_passed():
    whole, _ = steps_of(PARAMS, 3)
    begun, passed = steps_of(PARAMS, 1)
    run = pretrain.Pretraining(PARAMS, CPU)
    run.passed = feed.Passed.of(passed.state())
    with feed.Feed(run, POOL) as source:
        rest = [[batch.ids for batch in step] for _ in range(2) for step in source.pool()]
    assert numbers([*begun, *rest]) == numbers(whole)


def test_the_later_mix_comes_at_its_share_of_the_tokens():
    run = pretrain.Pretraining(PARAMS, CPU)
    with feed.Feed(run, POOL) as source:
        list(source.pool())
        assert source.phase == 0 and run.passed.phase == 0
        run.tokens = int(0.71 * PARAMS["tokens"])
        list(source.pool())
    assert run.passed.phase == 1 and run.passed.next_doc == POOL


def test_a_pool_is_passed_over_as_often_as_asked_in_other_rows_each_time():
    once, _ = steps_of(PARAMS, 1, 48)
    twice, passed = steps_of(PARAMS | {"repeats": 2}, 1, 48)
    assert len(twice) > 1.5 * len(once) and passed.next_doc == 48
    assert torch.equal(once[0][0], twice[0][0]) and not torch.equal(twice[0][0], twice[len(once)][0])


def test_what_a_worker_raises_is_raised_where_the_training_reads(monkeypatch):
    monkeypatch.setattr(base, "encoded_pool", lambda *_: 1 / 0)
    with feed.Feed(pretrain.Pretraining(PARAMS, CPU), POOL) as source, pytest.raises(ZeroDivisionError):
        list(source.pool())


def test_a_loss_that_is_no_number_ends_the_training_and_leaves_the_checkpoint(tmp_path, monkeypatch):
    nothing = torch.tensor(float("nan"))
    monkeypatch.setattr(pretrain.Pretraining, "update", lambda self, _: nothing)
    with pytest.raises(UserError, match="lower base_lr"):
        pretrain.train(PARAMS, tmp_path, CPU, POOL, save_seconds=0.0)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_padded_rows_train_the_same_way(tmp_path):
    settings = PARAMS | {"packing": "padded", "tokens": 8000, "late": 0.0}
    done = pretrain.train(settings, tmp_path / "a", CPU, POOL)
    assert done["attention"] == "padded rows" and done["loss"] < 6.0
    pretrain.train(settings, tmp_path / "b", CPU, POOL)
    assert same(weights_of(tmp_path / "a"), weights_of(tmp_path / "b"))


def test_smaller_passes_give_the_same_gradient():
    found = []
    for micro in (1024, 2048):
        run = pretrain.Pretraining(PARAMS | {"micro_tokens": micro}, CPU)
        run.bf16 = False
        with feed.Feed(run, 48) as source:
            step = next(source.pool())
        assert len(step) == 2048 // micro
        weight = sum(batch.weight for batch in step)
        loss = sum(float(run.backward(batch, weight)) for batch in step)
        found.append((loss, torch.cat([one.grad.flatten() for one in run.model.parameters()])))
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-5)
    assert torch.allclose(found[0][1], found[1][1], atol=1e-6)


def test_a_cpu_pads_a_gpu_packs():
    auto = PARAMS | {"packing": "auto"}
    assert not pretrain.packs(auto, CPU) and pretrain.packs(auto, torch.device("cuda"))
    assert pretrain.packs(PARAMS, CPU)


def test_settings_are_the_base_keys_of_a_profile():
    values = params.load("smoke", {"seed": 5, "base_width": 64, "base_heads": 4, "base_kv_heads": 2})
    found = pretrain.settings(values, 3)
    assert set(found) == set(PARAMS) | {"share"} and found["width"] == 64 and found["workers"] == 3


def test_operations_are_those_of_the_products():
    net = base.build_model(487, pretrain.form(PARAMS))
    batch = packing.packed([[(torch.arange(5, 15).numpy(), torch.ones(10).numpy())]], 16)
    with FlopCounterMode(display=False) as counter:
        net.set_attn_implementation(packing.register())
        packing.loss_sum(net, batch).backward()
    counted = counter.get_total_flops()
    # The counter sees 16 positions of a padded row, and whole squares of attention.
    weights = throughput.parameters(net)
    ours = throughput.operations(weights, 2, 32, 16, 2 * 16 * 16)
    assert ours == pytest.approx(counted, rel=0.05)


def test_the_share_of_a_peak_is_stated_only_where_the_peak_is_known():
    assert throughput.named("NVIDIA H200") == 989e12 and throughput.named("NVIDIA H100 PCIe") == 756e12
    assert throughput.named("NVIDIA A100-SXM4-80GB") == 312e12 and throughput.named("NVIDIA L40S") == 362e12
    assert throughput.named("NVIDIA L4") == 121e12 and throughput.named("Tesla T4") is None
    assert throughput.peak(CPU) is None and throughput.share(1.0, 1.0, None) is None
    assert throughput.share(4e14, 2.0, 989e12) == pytest.approx(0.2022)


def test_nothing_beyond_torch_and_transformers_is_imported():
    code = ("import sys\nfrom cr_utils import base_stage\n"
            "print(sorted({'trl', 'datasets', 'papermill', 'peft'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow  # compiling takes a minute
@pytest.mark.filterwarnings("ignore")  # of the compiler, about itself
def test_compiled_layers_compute_the_same():
    found = []
    for compiled in (False, True):
        run = pretrain.Pretraining(PARAMS | {"compile": compiled}, CPU)
        run.bf16 = False
        batch = packing.probe(4, 256, 487)
        loss = float(run.backward(batch, batch.weight))
        found.append((loss, torch.cat([one.grad.flatten() for one in run.model.parameters()])))
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-5)
    assert torch.allclose(found[0][1], found[1][1], atol=1e-5)
