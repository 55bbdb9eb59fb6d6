"""The endpoint engine against a real server: transformers' own, with the shipped base.

Needs `pip install "transformers[serving]"`, here or for the interpreter that CR_SERVING_PYTHON names; skipped
without it.
"""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from cr_utils import engines, evaluate, jsonl, models, params, paths, questions, responders
from cr_utils.generate import Sampler

PYTHON = os.environ.get("CR_SERVING_PYTHON", sys.executable)
NEEDED = "import transformers.utils.import_utils as u; raise SystemExit(not u.is_serve_available())"
LENGTH = 40
LONG = "def f(x):\n" + "    x += 1\n" * 300 + "    return x"
CODE = "def f(s):\n    return s[{n}:] + s.upper()"
ASKED = [questions.at({"id": f"p{n}", "code": CODE.format(n=n), "entry_point": "f", "input": "'abcdef'",
                       "output": repr("abcdef"[n:] + "ABCDEF")}, "output")
         for n in range(6)]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Its address; the model's name is the folder of the shipped base."""
    if subprocess.run([PYTHON, "-c", NEEDED], capture_output=True, timeout=300).returncode:
        pytest.skip(f"{PYTHON} has no transformers[serving]: pip install it, or set CR_SERVING_PYTHON")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [PYTHON, "-m", "transformers.cli.transformers", "serve", str(paths.asset("base")),
             "--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    said = tmp_path_factory.mktemp("server") / "log.txt"
    quiet = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "passive", "PYTHONWARNINGS": "ignore"}
    with said.open("w") as log, subprocess.Popen(words, stdout=log, stderr=log, env=quiet) as running:
        try:
            _wait(f"http://127.0.0.1:{port}/health", running, said)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            running.terminate()


def _wait(address: str, running, said: Path, patience: float = 600) -> None:
    until = time.monotonic() + patience
    while time.monotonic() < until:
        assert running.poll() is None, said.read_text()[-3000:]
        try:
            if httpx.get(address, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    pytest.fail(f"the server did not start: {said.read_text()[-3000:]}")


def connect(server, tmp_path, **settings):
    """The engine as a spec in eval_models gives it."""
    asked = {"eval_max_new_tokens": LENGTH, "eval_endpoint": {"concurrency": 4, **settings}}
    values = params.load("tiny", asked)
    return engines.load(f"openai:{paths.asset('base')}@{server}", values, tmp_path / "asked.jsonl")


def test_served_answers_are_those_of_the_model_in_this_process(server, tmp_path):
    model, tokenizer = models.load("shipped", device="cpu")
    sampler = Sampler(model, tokenizer, engine="hf")
    own = [one for one, in sampler.sample([q.prompt for q in ASKED], temperature=0.0, max_new_tokens=LENGTH)]
    replies = connect(server, tmp_path)(ASKED)
    assert [(reply.text, reply.truncated) for reply in replies] == [(one.text, one.truncated) for one in own]
    rows = jsonl.read(tmp_path / "asked.jsonl")
    assert len(rows) == len(ASKED) and len({row["key"] for row in rows}) == len(ASKED)
    head = {row["prompt_tokens"] for row in rows}
    assert head == {len(sampler.encode(q.prompt)) for q in ASKED}


def test_an_evaluation_through_the_server_resumes_without_asking_again(server, tmp_path):
    path = tmp_path / "items.jsonl"
    first = evaluate.run("served", "heldout", ASKED[:3], connect(server, tmp_path), path, say=False)
    asked = len(jsonl.read(tmp_path / "asked.jsonl"))
    both = evaluate.run("served", "heldout", ASKED, connect(server, tmp_path), path, say=False)
    assert both[:3] == first and [item["question_id"] for item in both] == [q.id for q in ASKED]
    assert (asked, len(jsonl.read(tmp_path / "asked.jsonl"))) == (3, 6)
    # The log alone answers now: nothing listens at this address.
    gone = connect("http://127.0.0.1:9/v1", tmp_path)
    gone.server = connect(server, tmp_path).server
    assert [reply.text for reply in gone(ASKED)] == [item["completion"] for item in both]


def test_a_prompt_that_fills_the_context_is_told_by_its_length(server, tmp_path):
    """This server cuts nothing and refuses nothing; with `context` the reply counts as `prompt_too_long`."""
    long = questions.at({"id": "long", "code": LONG, "entry_point": "f", "input": "1", "output": "301"},
                        "output")
    model, tokenizer = models.load("shipped", device="cpu")
    here, = responders.respond(model, tokenizer, max_new_tokens=LENGTH)([long])
    there, short = connect(server, tmp_path, context=1024)([long, ASKED[0]])
    assert here.kind == there.kind == evaluate.TOO_LONG and short.kind is None


def test_samples_differ_where_the_model_is_told_to_sample(server, tmp_path):
    """This server samples only by the model's generation settings: a temperature alone changes nothing."""
    greedy = connect(server, tmp_path)
    hot = connect(server, tmp_path, extra={"temperature": 1.0})
    assert [reply.text for reply in hot(ASKED[:2])] == [reply.text for reply in greedy(ASKED[:2])]
    told = '{"do_sample": true, "eos_token_id": 476, "pad_token_id": 474}'
    sampled = connect(server, tmp_path, extra={"temperature": 1.0, "generation_config": told})
    texts = [reply.text for number in range(3) for reply in sampled(ASKED[:1], number)]
    assert len(set(texts)) == 3
