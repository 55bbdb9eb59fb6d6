"""Engines: which spec leads where, samples that differ, and vLLM by a stand-in with its interface."""

import sys
import types
from pathlib import Path

import nbformat
import pytest
import tiny_models
from answering_server import Answering

from cr_utils import (
    endpoint,
    engines,
    evaluate,
    generate,
    jsonl,
    models,
    params,
    paths,
    questions,
    training,
    vllm_engine,
)
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
    for n in range(4)
]
P = {"eval_max_new_tokens": 12, "eval_temperature": 0.0, "eval_batch_size": 4, "eval_endpoint": {}, "seed": 0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_models.write(tmp_path_factory.mktemp("model"))


def test_names_and_specs():
    assert engines.named(["gpt-4o=openai:gpt-4o", "x=a/b=c"]) == {"gpt-4o": "openai:gpt-4o", "x": "a/b=c"}
    for text in ("gpt", "=x", "a b=x", "base=shipped", "x="):
        with pytest.raises(UserError, match="name=spec|is taken"):
            engines.named([text])
    with pytest.raises(UserError, match="is taken"):
        engines.named(["a=x", "a=y"])


def test_a_folder_is_loaded_and_samples_differ_but_repeat(folder):
    greedy, hot = engines.load(folder, P), engines.load(folder, P | {"eval_temperature": 1.0})
    assert greedy(ASKED) == greedy(ASKED, 1)
    assert hot(ASKED, 1) == hot(ASKED, 1) != hot(ASKED, 2)
    assert [len(one.text) > 0 for one in hot(ASKED)] == [True] * 4


@pytest.mark.parametrize("kind, key", [("openai", "messages"), ("completions", "prompt")])
def test_a_server_is_asked_with_the_profile_s_settings(tmp_path, kind, key):
    settings = {"tries": 2, "wait": 0.001, "prices": {"m": {"input": 1.0, "output": 1.0}}, "budget": 1.0}
    with Answering() as server:
        model = engines.load(
            f"{kind}:m@{server.url}", P | {"eval_endpoint": settings}, tmp_path / "log.jsonl"
        )
        assert len(model(ASKED)) == 4
    assert key in server.bodies[0] and server.bodies[0]["max_tokens"] == 12
    assert model.budget == 1.0 and model.prices["input"] == 1.0 and model.server.tries == 2
    assert len(jsonl.read(tmp_path / "log.jsonl")) == 4


def test_prices_may_be_for_all_models_or_by_name():
    for prices, found in (({"input": 1, "output": 2}, 2), ({"m": {"input": 1, "output": 3}}, 3),
                          ({"other": {"input": 1, "output": 3}}, 0)):
        model = engines.load("openai:m@http://x/v1", P | {"eval_endpoint": {"prices": prices}})
        assert model.prices["output"] == found


def test_an_unknown_setting_names_the_nearest():
    with pytest.raises(UserError, match="did you mean timeout"):
        engines.load("openai:m@http://x", P | {"eval_endpoint": {"time_out": 3}})


def test_without_vllm_one_line_says_what_to_do(folder):
    with pytest.raises(UserError, match="needs vLLM, which is not installed here"):
        engines.load(f"vllm:{folder}", P)


class FakeLLM:
    """The part of vllm.LLM that is used: prompts as token ids in, outputs in the same order."""

    made: list = []

    def __init__(self, model, seed, **settings):
        self.made.append(self)
        self.settings, self.alive = settings, True
        self.model, self.tokenizer = models.load(model, device="cpu")
        self.sampler = generate.Sampler(self.model, self.tokenizer)
        self.llm_engine = types.SimpleNamespace(model_config=types.SimpleNamespace(max_model_len=200),
                                                engine_core=types.SimpleNamespace(shutdown=self.shutdown))

    def shutdown(self):
        self.alive = False

    def generate(self, prompts, options, use_tqdm):
        found = []
        for prompt in prompts:
            [one], = self.sampler.sample([prompt["prompt_token_ids"]], temperature=options.temperature,
                                         max_new_tokens=options.max_tokens, seed=options.seed)
            best = types.SimpleNamespace(text=one.text, token_ids=one.ids,
                                         finish_reason="length" if one.truncated else "stop")
            found.append(types.SimpleNamespace(outputs=[best]))
        return found


@pytest.fixture
def vllm(monkeypatch):
    """A module in the place of vllm; the engines made from it."""
    fake = types.ModuleType("vllm")
    fake.LLM, fake.SamplingParams = FakeLLM, lambda **settings: types.SimpleNamespace(**settings)
    monkeypatch.setitem(sys.modules, "vllm", fake)
    monkeypatch.setattr(FakeLLM, "made", [])
    yield FakeLLM.made
    vllm_engine.close()


def test_vllm_answers_as_transformers_do(folder, vllm):
    long = questions.at({"id": "long", "code": "def f(x):\n" + "    x += 1\n" * 200 + "    return x",
                         "entry_point": "f", "input": "1", "output": "201"}, "output")
    replies = engines.load(f"vllm:{folder}", P)([ASKED[0], long, *ASKED[1:]])
    assert [replies[0], *replies[2:]] == engines.load(folder, P)(ASKED)
    assert replies[1].kind == evaluate.TOO_LONG


def test_one_key_has_vllm_answer_for_every_model_one_at_a_time(folder, vllm, tmp_path):
    asked = P | {"eval_engine": "vllm", "model_dtype": "bfloat16"}
    other = tiny_models.write(tmp_path / "other", seed=1)
    first = engines.load(Path(folder), asked)(ASKED)
    assert engines.load(folder, asked)(ASKED) == first != engines.load(other, asked)(ASKED)
    assert [one.alive for one in vllm] == [False, True]  # base and base_direct are one engine
    assert [one.settings for one in vllm] == [{"dtype": "bfloat16"}] * 2
    assert isinstance(engines.load("openai:m@http://x/v1", asked), endpoint.Endpoint)


def test_the_arms_of_06_answer_through_the_profiles_engine(folder, vllm, tmp_path):
    """The notebook's own cell, with models that are trained already."""
    cell = next(cell.source for cell in nbformat.read(paths.notebook("06_ablations"), as_version=4).cells
                if "workshop.Workshop" in cell.source)
    asked = {"eval_engine": "vllm", "eval_max_new_tokens": 12, "ablation_items": 2,
             "ablation_arms": ["full", "no_grpo"]}
    other = tiny_models.write(tmp_path / "other", seed=1)
    code = "def f(x):\n    return x + {}"
    problems = [{"id": f"p{n}", "code": code.format(n), "entry_point": "f", "input": "1",
                 "output": str(1 + n), "split": split}
                for n, split in enumerate(("heldout", "heldout_ood") * 2)]
    (tmp_path / "05.jsonl").write_text("")  # 05 asked nothing
    run = types.SimpleNamespace(done=False, path=lambda name: tmp_path / name,
                                need=lambda stage, name: tmp_path / "05.jsonl")
    starts = {"base": folder, "sft": other, "grpo": folder}
    space = {"run": run, "p": params.load("smoke", asked), "problems": problems, "starts": starts}
    exec(cell, space | {"jsonl": jsonl})
    found = [(one["arm"], one["benchmark"]) for one in jsonl.read(tmp_path / "items.jsonl")]
    assert found == [(arm, split) for arm in asked["ablation_arms"] for split in ("heldout", "heldout_ood")
                     for _ in range(2)]
    assert len(vllm) == 2 and [one.alive for one in vllm] == [False, True]


def test_vllm_gets_whole_models_only(folder, vllm, tmp_path):
    model, tokenizer = models.load(folder, lora={"r": 1})
    training.save(model, tokenizer, tmp_path / "adapter")
    with pytest.raises(UserError, match="is an adapter.*merge"):
        engines.load(f"vllm:{tmp_path / 'adapter'}", P)
    with pytest.raises(UserError, match="eval_engine: transformers"):
        params.load("colab", {"eval_engine": "vllm"})
    assert vllm == []


@pytest.mark.parametrize("profile", ["paper-7b", "paper-14b"])
def test_the_papers_profiles_answer_by_vllm(profile, folder):
    with pytest.raises(UserError, match="needs vLLM, which is not installed here"):
        engines.load(folder, params.load(profile))


def test_samples_are_items_of_their_own_and_resume(tmp_path, folder):
    model = engines.load(folder, P | {"eval_temperature": 1.0})
    path = tmp_path / "items.jsonl"
    items = evaluate.run("m", "heldout", ASKED, model, path, say=False, samples=3)
    assert [item.get("sample", 0) for item in items] == [0] * 4 + [1] * 4 + [2] * 4
    assert len({item["key"] for item in items}) == 12 and items[4]["key"].endswith("|1")
    assert len({item["completion"] for item in items if item["question_id"] == "p0/output"}) == 3
    assert evaluate.run("m", "heldout", ASKED, lambda *_: pytest.fail("asked again"), path, say=False,
                        samples=3) == items


def test_a_tokenizer_without_a_chat_template_gets_the_bare_prompt(folder):
    tokenizer = models.read_tokenizer(folder)
    chat = generate.encode(tokenizer, "assert f(1) == ?")
    tokenizer.chat_template = None
    bare = generate.encode(tokenizer, "assert f(1) == ?")
    assert tokenizer.decode(bare) == "assert f(1) == ?\n" and len(bare) < len(chat)


def test_the_profiles_know_the_engines_settings():
    assert set(P) <= set(params.load("smoke"))
