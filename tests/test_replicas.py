"""Replicas: one process's answers, whoever gives them; when they are used; what becomes of the processes."""

import gc
import time

import pytest
import tiny_models
import torch

from cr_utils import engines, questions, replicas, responders
from cr_utils.lanes import processors

HOW = {"max_new_tokens": 12, "batch_size": 32, "temperature": 0.0, "seed": 0}
ASKED = [
    questions.at({"id": f"p{n}", "code": f"def f(x):\n    return x{' + 1' * (n % 7)} + {n}",
                  "entry_point": "f", "input": "1", "output": str(1 + n)}, "output")
    for n in range(replicas.LEAST + 3)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tiny_models.write(tmp_path_factory.mktemp("model")))


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_every_share_is_answered_as_one_process_would_in_the_order_of_the_questions(folder, one_thread):
    model, here = replicas.Replicas(folder, **HOW), responders.load(folder, **HOW)
    wanted = [None] * len(ASKED)
    for first in range(replicas.SHARES):
        wanted[first::replicas.SHARES] = here(ASKED[first::replicas.SHARES])
    given = model(ASKED)
    assert given == wanted and len({reply.text for reply in given}) > 1
    assert model(ASKED, 1) == given


def test_a_trained_model_hardly_notices_what_stands_beside_a_question():
    how = HOW | {"max_new_tokens": 40}
    one, several = responders.load("shipped", **how)(ASKED), replicas.Replicas("shipped", **how)(ASKED)
    assert sum(a.text == b.text for a, b in zip(one, several, strict=True)) > 0.95 * len(ASKED)


def test_few_questions_start_no_process(folder):
    model = replicas.Replicas(folder, **HOW)
    assert model(ASKED[:5]) == responders.load(folder, **HOW)(ASKED[:5]) and model._pool is None


def test_processes_end_with_the_object_that_started_them(folder):
    model = replicas.Replicas(folder, **HOW)
    model(ASKED)
    started = list(model._pool._processes.values())
    assert 1 <= len(started) <= min(replicas.SHARES, processors()) and all(one.is_alive() for one in started)
    del model
    gc.collect()
    end = time.monotonic() + 60
    while any(one.is_alive() for one in started) and time.monotonic() < end:
        time.sleep(0.1)  # the pool's own thread collects them
    assert not any(one.is_alive() for one in started)


def test_sampling_adapters_and_unusual_loading_stay_in_one_process(folder, tmp_path):
    assert replicas.suit(folder, HOW) and replicas.suit("shipped", HOW)
    assert not replicas.suit(folder, HOW | {"temperature": 0.7})
    assert not replicas.suit(folder, HOW | {"four_bit": True})
    (tmp_path / "adapter_config.json").write_text("{}")
    assert not replicas.suit(str(tmp_path), HOW)
    values = {"eval_max_new_tokens": 12, "eval_temperature": 0.0, "eval_batch_size": 32, "eval_endpoint": {},
              "seed": 0}
    assert isinstance(engines.load(folder, values), replicas.Replicas)
    assert not isinstance(engines.load(folder, values | {"eval_temperature": 1.0}), replicas.Replicas)
