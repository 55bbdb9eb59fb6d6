"""Endpoints against a real HTTP server: nothing lost, nothing asked twice, whatever fails on the way."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from answering_server import Answering

from cr_utils import endpoint, endpoint_calls, evaluate, jsonl, questions
from cr_utils.endpoint import Endpoint
from cr_utils.endpoint_calls import Server
from cr_utils.errors import UserError

ASKED = [
    questions.at(
        {
            "id": f"p{n}",
            "code": f"def f(x):\n    return x + {n}",
            "entry_point": "f",
            "input": "1",
            "output": str(1 + n),
        },
        "output",
    )
    for n in range(40)
]
PROMPTS = [question.prompt for question in ASKED]


def right(prompt, body):
    return f"<answer>{1 + int(prompt.split('x + ')[1].split()[0])}</answer>"


def connect(server, log=None, **options):
    settings = {
        name: options.pop(name) for name in ("timeout", "tries", "wait", "extra", "chat") if name in options
    }
    made = Server(server.url, "m", **{"timeout": 30, "wait": 0.001} | settings)
    return Endpoint(made, **{"max_new_tokens": 50, "say": False, "log": log} | options)


def test_every_question_gets_its_own_answer_in_order():
    with Answering(right) as server:
        replies = connect(server)(ASKED)
    assert [reply.text for reply in replies] == [right(prompt, None) for prompt in PROMPTS]
    assert sorted(server.asked) == sorted(PROMPTS)
    assert all(reply.tokens == len(reply.text) and not reply.truncated for reply in replies)


def test_a_request_says_what_is_wanted():
    with Answering() as server:
        connect(server, max_new_tokens=7, temperature=0.5, seed=3, extra={"max_tokens": None, "top_p": 0.9})(
            ASKED[:1]
        )
    assert server.bodies == [
        {
            "model": "m",
            "messages": [{"role": "user", "content": PROMPTS[0]}],
            "temperature": 0.5,
            "seed": 3,
            "top_p": 0.9,
        }
    ]


def test_a_base_model_is_asked_without_a_chat():
    with Answering(right) as server:
        assert connect(server, chat=False)(ASKED[:1])[0].text == right(PROMPTS[0], None)
    assert server.bodies[0]["prompt"] == PROMPTS[0] and "messages" not in server.bodies[0]


@pytest.mark.parametrize("fault", [429, 500, 503, "cut", "malformed", "empty", "hang"])
def test_a_fault_that_passes_costs_no_item_and_doubles_none(tmp_path, fault):
    def faults(prompt, number):
        return fault if number == 1 and prompt in PROMPTS[::4] else None
    with Answering(right, faults) as server:
        replies = connect(server, tmp_path / "log.jsonl", timeout=3 if fault == "hang" else 30)(ASKED)
    assert [reply.text for reply in replies] == [right(prompt, None) for prompt in PROMPTS]
    assert len(server.asked) == 50
    assert len(jsonl.read(tmp_path / "log.jsonl")) == 40


def test_every_fault_at_once_and_the_judged_items_are_whole(tmp_path):
    kinds = (429, 500, "cut", "malformed", "slow", None)

    def faults(prompt, number):
        return kinds[(PROMPTS.index(prompt) + number) % 6] if number < 3 else None
    with Answering(right, faults) as server:
        items = evaluate.run("m", "heldout", ASKED, connect(server), tmp_path / "items.jsonl", say=False)
    assert [item["question_id"] for item in items] == [question.id for question in ASKED]
    assert all(item["verdict"] for item in items)


def test_a_lasting_fault_is_named_and_the_rest_is_kept(tmp_path):
    log = tmp_path / "log.jsonl"
    with Answering(right, lambda prompt, _: 500 if prompt == PROMPTS[3] else None) as server:
        with pytest.raises(
            UserError, match="1 of 40 requests failed in every try .the last: status 500.* 39 answers"
        ):
            connect(server, log, tries=3)(ASKED)
        assert server.asked.count(PROMPTS[3]) == 3
        server.asked.clear()
        server.faults = lambda prompt, number: None
        assert len(connect(server, log)(ASKED)) == 40
        assert server.asked == [PROMPTS[3]]


@pytest.mark.parametrize(
    "status, words", [(401, "OPENAI_API_KEY"), (404, "the model's name"), (400, "the request")]
)
def test_a_refusal_ends_the_run_at_once(status, words):
    with Answering(right, lambda *_: status) as server:
        with pytest.raises(UserError, match=words):
            connect(server, concurrency=2)(ASKED)
    assert len(server.asked) <= 4


def test_a_prompt_that_is_too_long_is_an_answer_of_its_kind(tmp_path):
    said = json.dumps({"error": {"message": "This model's maximum context length is 9", "code": "x"}})
    with Answering(right, lambda prompt, _: (400, said) if prompt == PROMPTS[1] else None) as server:
        items = evaluate.run("m", "heldout", ASKED[:3], connect(server), tmp_path / "items.jsonl", say=False)
    assert [item["kind"] for item in items] == ["pass", "prompt_too_long", "pass"]


def test_a_cut_answer_says_so():
    with Answering(lambda *_: ("<reasoning>and", "length"), usage=False) as server:
        reply = connect(server)(ASKED[:1])[0]
    assert reply.truncated and reply.tokens == 5  # estimated: fourteen characters


def test_no_more_run_at_once_than_allowed():
    with Answering(right, lambda *_: "slow") as server:
        connect(server, concurrency=3)(ASKED[:12])
    assert server.most == 3


def test_answers_are_not_asked_again_by_another_process(tmp_path):
    log = tmp_path / "log.jsonl"
    with Answering(right) as server:
        connect(server, log)(ASKED[:25])
        with log.open("a") as file:
            file.write('{"key": "torn')
        connect(server, log)(ASKED)
        assert len(server.asked) == 40
        connect(server, log, max_new_tokens=51)(ASKED[:2])  # another limit is another question
        connect(server, log)(ASKED[:2], 1)  # and so is a second sample
        assert len(server.asked) == 44


def test_equal_prompts_are_asked_once_and_samples_apart():
    with Answering(right) as server:
        model = connect(server, seed=5)
        model([ASKED[0], replace(ASKED[0], id="again")])
        model(ASKED[:1], 2)
    assert [body["seed"] for body in server.bodies] == [5, 7]


CHILD = """
import sys
sys.path[:0] = sys.argv[3:]
from test_endpoint import ASKED, Endpoint, Server
Endpoint(Server(sys.argv[1], "m", timeout=20), max_new_tokens=50, concurrency=4, log=sys.argv[2])(ASKED)
"""


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_asks_only_what_was_in_flight_again(tmp_path, blow):
    log = tmp_path / "log.jsonl"
    with Answering(right, lambda *_: "slow") as server:
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, server.url, str(log), os.path.dirname(__file__)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not (log.exists() and log.read_bytes().count(b"\n") >= 9):
            time.sleep(0.01)
        child.send_signal(blow)
        child.wait(30)
        assert child.returncode != 0
        replies = Endpoint(Server(server.url, "m", timeout=20), max_new_tokens=50, log=log, say=False)(ASKED)
    assert [reply.text for reply in replies] == [right(prompt, None) for prompt in PROMPTS]
    assert set(server.asked) == set(PROMPTS) and 40 <= len(server.asked) <= 44
    assert len({row["key"] for row in jsonl.read(log)}) == len(jsonl.read(log)) == 40


def test_it_runs_where_a_loop_runs_already():
    async def cell():
        return connect(server)(ASKED[:2])
    with Answering(right) as server:
        assert len(asyncio.run(cell())) == 2


PRICES = {"input": 1.0, "output": 2.0}


def test_the_estimate_comes_first_and_in_dollars(capsys):
    with Answering(right) as server:
        model = connect(server, prices=PRICES, say=True)
        about = model.estimate(PROMPTS)
        model(ASKED)
    assert about["answer_tokens"] == 2000 and about["prompt_tokens"] > sum(map(len, PROMPTS)) / 4
    assert about["dollars"] == pytest.approx((about["prompt_tokens"] + 2 * 2000) / 1e6)
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("m: 40 requests, about ") and "at most 2000 answer tokens, at most $0.01" in first


def test_a_budget_is_never_passed_and_counts_earlier_runs(tmp_path):
    log = tmp_path / "log.jsonl"
    one = (len(PROMPTS[0]) + 2 * len(right(PROMPTS[0], None))) / 1e6
    with Answering(right) as server:
        with pytest.raises(UserError, match="leaves .* of 40 questions unasked"):
            connect(server, log, prices=PRICES, budget=15 * one)(ASKED)
        spent = sum(row["cost"] for row in jsonl.read(log))
        assert 8 * one < spent <= 15 * one
        before = len(server.asked)
        with pytest.raises(UserError, match="unasked|prompts alone"):
            connect(server, log, prices=PRICES, budget=15 * one)(ASKED)
        assert len(server.asked) <= before + 1
        assert len(connect(server, log, prices=PRICES, budget=1.0)(ASKED)) == 40
        assert len(server.asked) <= 41


def test_a_budget_that_cannot_suffice_asks_nothing():
    with Answering(right) as server:
        with pytest.raises(UserError, match="the prompts alone would bring the cost to"):
            connect(server, prices=PRICES, budget=1e-6)(ASKED)
        with pytest.raises(UserError, match="needs prices"):
            connect(server, budget=1.0)
        with pytest.raises(UserError, match="give input and output"):
            connect(server, prices={"input": 1.0})
    assert server.asked == []


def test_waits_grow_and_the_server_may_ask_for_more():
    server = Server("http://x", "m", wait=1.0)
    waits = [endpoint_calls.pause(server, number) for number in range(1, 9)]
    assert all(2 ** (n - 1) / 2 <= wait <= min(60, 2 ** (n - 1)) for n, wait in enumerate(waits, 1) if n < 7)
    assert waits[7] == 60.0
    assert (
        endpoint_calls.pause(server, 1, after=9.0) == 9.0
        and endpoint_calls.pause(server, 1, after=999) == 60.0
    )


def test_a_wait_that_the_server_asks_for_is_kept():
    with Answering(
        right, lambda _, number: 429 if number == 1 else None, headers={"Retry-After": "0.3"}
    ) as server:
        began = time.monotonic()
        connect(server)(ASKED[:1])
        assert time.monotonic() - began >= 0.3


def test_specs_name_model_server_and_key(monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    server = endpoint.open_server("org/name@http://127.0.0.1:8000/v1")
    assert (server.model, server.url, server.key) == ("org/name", "http://127.0.0.1:8000/v1", None)
    with pytest.raises(UserError, match="needs OPENAI_API_KEY"):
        endpoint.open_server("gpt-4o")
    with pytest.raises(UserError, match="write model or model@http"):
        endpoint.open_server("@http://127.0.0.1:8000/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert endpoint.open_server("gpt-4o").url == "http://127.0.0.1:9/v1"
    with Answering(right) as served:
        Endpoint(endpoint.open_server(f"m@{served.url}"), max_new_tokens=5, say=False)(ASKED[:1])
    assert served.keys == ["Bearer secret"]


def test_a_server_that_is_not_there_is_one_line(tmp_path):
    gone = Endpoint(Server("http://127.0.0.1:9/v1", "m", tries=2, wait=0.001), max_new_tokens=5, say=False)
    with pytest.raises(UserError, match="the connection broke .ConnectError."):
        gone(ASKED[:2])


def test_the_shipped_base_gives_the_same_answers_through_a_server():
    from cr_utils import models, responders

    model, tokenizer = models.load("shipped", device="cpu")
    local = responders.respond(model, tokenizer, max_new_tokens=40)
    by_prompt = {question.prompt: reply for question, reply in zip(ASKED[:8], local(ASKED[:8]), strict=True)}
    sampler = responders.Sampler(model, tokenizer)

    def answer(prompt, body):
        ([sample],) = sampler.sample(
            [prompt], temperature=body["temperature"], max_new_tokens=body["max_tokens"]
        )
        return sample.text, "length" if sample.truncated else "stop"
    with Answering(answer) as server:
        replies = connect(server, max_new_tokens=40, timeout=60, concurrency=1)(ASKED[:8])
    assert [reply.text for reply in replies] == [by_prompt[question.prompt].text for question in ASKED[:8]]
    assert [reply.truncated for reply in replies] == [
        by_prompt[question.prompt].truncated for question in ASKED[:8]
    ]
