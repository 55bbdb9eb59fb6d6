"""A session on a small GPU that is lost twice, by SIGKILL, ends with the adapters of one that was not.

Tuning and then GRPO on 4-bit weights, with the colab profile's own further settings, in processes of their
own. On a CPU bitsandbytes has the 8-bit states of its paged optimizer, but no paged memory.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load
from test_grpo import base  # noqa: F401 - a fixture

from cr_utils import adapters

TESTS = str(Path(__file__).parent)
# A rank at which the adapter's matrices are large enough for 8-bit states.
CODE = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from test_sft import PARAMS as S, ROWS
from test_grpo import PARAMS as G, QUESTIONS, reward
from cr_utils import grpo, params, sft
base, out, kill = sys.argv[1:]
colab = params.load("colab")
wanted = dict(model_four_bit=True, model_lora=128)
def lost(stage, step):
    def seen(row):
        if kill == stage and row["step"] == step and "loss" in row:
            os.kill(os.getpid(), signal.SIGKILL)
    return seen
if not os.path.exists(out + "/sft/model"):
    sft.train(ROWS, base, out + "/sft", S | wanted | dict(sft_extra=colab["sft_extra"]), lambda *_: (0.5, 2),
              lost("sft", 6))
G = G | wanted | dict(grpo_updates=2, grpo_extra=colab["grpo_extra"])
grpo.train(QUESTIONS, out + "/sft/model", out + "/grpo", G, None, reward, lost("grpo", 3))
"""


def session(base, out, kill=""):  # noqa: F811
    """Run both trainings, or go on with them, to their end or to where it is killed."""
    code = CODE.format(tests=TESTS)
    done = subprocess.run([sys.executable, "-c", code, base, str(out), kill], capture_output=True, text=True,
                          timeout=250, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == (-signal.SIGKILL if kill else 0), done.stderr[-3000:]


def rows(path):
    """Rows of a log without what a clock decides."""
    clocks = {"seconds", "tokens_per_s", "rollouts_per_s"}
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [{key: value for key, value in row.items() if key not in clocks} for row in found]


def kinds(checkpoint):
    """Number formats of the optimizer's states in a checkpoint."""
    found, left = set(), [torch.load(checkpoint / "optimizer.pt", weights_only=True)["state"]]
    while left:
        one = left.pop()
        left += one.values() if isinstance(one, dict) else []
        found |= {one.dtype} if torch.is_tensor(one) else set()
    return found


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_session_lost_twice_ends_as_one_that_was_not(base, tmp_path):  # noqa: F811
    whole, lost = tmp_path / "whole", tmp_path / "lost"
    session(base, whole)
    for stage, step, last in (("sft", 4, 6), ("grpo", 2, 3)):
        session(base, lost, kill=stage)
        checkpoint, = (lost / stage / "checkpoints").glob("checkpoint-*")
        assert checkpoint.name == f"checkpoint-{step}" and torch.uint8 in kinds(checkpoint)
        assert rows(lost / stage / "log.jsonl")[-1]["step"] == last and not (lost / stage / "model").exists()
    session(base, lost)
    for name in ("sft/log.jsonl", "grpo/log.jsonl", "grpo/rollouts.jsonl"):
        assert rows(whole / name) == rows(lost / name), name
    one, other = ([(folder / name / "model" / "adapter_model.safetensors").read_bytes()
                   for name in ("sft", "grpo")] for folder in (whole, lost))
    assert one == other
    assert adapters.moved(*map(load, one)) > 0.99  # GRPO went on from the tuned adapter
