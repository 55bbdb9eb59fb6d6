"""Teachers behind a real server: verified by execution, tried again, the shortest taken, everything kept."""

import random
import re
from collections import Counter

import pytest
from answering_server import Answering

from cr_utils import answers, candidates, distill, jsonl, llm_teacher, params, questions, rewriting, traced
from cr_utils.errors import UserError
from cr_utils.sandbox import Sandbox

OPTIONS = {"constraints": True, "mutation": True, "max_steps": 24}
MIX = {"output": 0.6, "input": 0.4, "coverage": 0.0, "path": 0.0, "state": 0.0}


@pytest.fixture(scope="module")
def problems():
    found = (outcome for i in range(60) for outcome in
             candidates.candidates(random.Random(f"teach:{i}"), "train", OPTIONS))
    return [problem for problem in found if not isinstance(problem, str)][:30]


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as one:
        yield one


def oracle(pairs):
    """Prompt -> the interpreter's chain."""
    asked = [distill.ask(problem, task, 0) for problem, task in pairs]
    return {q.prompt: text for q, text in zip(asked, distill.interpreter()(asked), strict=True)}


def run(server, pairs, folder, sandbox, kind="llm", **more):
    values = params.load("smoke", {"distill_teacher": kind, "distill_model": f"t@{server.url}",
                                   "distill_endpoint": {"wait": 0.001, "timeout": 20}} | more)
    teach = llm_teacher.named(values, folder, [problem for problem, _ in pairs], sandbox)
    return distill.chains(pairs, teach, folder / "chains.jsonl", teacher_name=kind, sandbox=sandbox)


def test_tries_go_on_until_one_is_right_and_all_are_kept(problems, tmp_path, sandbox):
    pairs = distill.plan(problems, MIX, 24, seed=0)
    known = oracle(pairs)

    def answer(prompt, body):
        right = known[prompt]
        if hash_of(prompt) % 3 == 0 and body["seed"] < 2:
            return right.replace("<answer>", "<answer>'no' + ")
        return "I give up." if hash_of(prompt) % 5 == 1 else f"<think>{right[:30]}</think>{right}"
    with Answering(answer, lambda prompt, n: 429 if n == 1 else None) as server:
        rows = run(server, pairs, tmp_path, sandbox)
        asked = len(server.asked)
        (tmp_path / "chains.jsonl").unlink()
        assert run(server, pairs, tmp_path, sandbox) == rows and len(server.asked) == asked
    body = server.bodies[0]
    assert body["temperature"] == 0.6 and body["top_p"] == 0.9 and body["max_tokens"] == 4096
    tries = Counter(row["tries"] for row in rows if row["verdict"])
    assert set(tries) == {1, 3} and all(row["tries"] == 4 for row in rows if not row["verdict"])
    assert any(not row["verdict"] for row in rows)
    kept = jsonl.read(tmp_path / "tries.jsonl")
    assert len(kept) == sum(row["tries"] for row in rows) and {row["verdict"]
                                                               for row in kept} == {True, False}
    assert all(answers.extract(row["completion"]).strict for row in rows if row["verdict"])
    prompts = {row["prompt"] for row in jsonl.read(tmp_path / "requests.jsonl")}
    assert prompts == {row["prompt"] for row in rows}


def hash_of(text):
    import zlib
    return zlib.crc32(text.encode())


def test_the_shortest_of_the_accepted_is_taken(problems, tmp_path, sandbox):
    pairs = [(problem, "output") for problem in problems[:4]]
    known = oracle(pairs)

    def answer(prompt, body):
        pad = ("long winded " * 5, "long " * 3, "short", "even longer " * 9)[body["seed"]]
        return known[prompt].replace("<reasoning>", f"<reasoning>{pad}")
    with Answering(answer) as server:
        rows = run(server, pairs, tmp_path, sandbox, distill_wanted=3)
    assert all("<reasoning>\nshort" in row["completion"] and row["tries"] == 3 for row in rows)


def test_a_corrupted_teacher_gets_nothing_through(problems, tmp_path, sandbox):
    """Plausible lies: every question gets the chain of another question."""
    pairs = [(problem, task) for problem in problems[:15] for task in ("output", "input")]
    known = oracle(pairs)
    texts = list(known.values())
    own = dict(zip(known, texts[7:] + texts[:7], strict=True))
    with Answering(lambda prompt, body: own[prompt]) as server:
        rows = run(server, pairs, tmp_path, sandbox, distill_tries=2)
    asked = {q.prompt: q for q in (distill.ask(problem, task, 0) for problem, task in pairs)}
    for row in rows:
        said = answers.extract(own[row["prompt"]]).answer
        assert row["verdict"] is answers.judge_answers([asked[row["prompt"]]], [said], sandbox)[0].passed
    assert sum(row["verdict"] for row in rows) <= 4 and len(rows) == 30


QUESTION = questions.at({"id": "p", "code": "def f(x):\n    return x + 1", "entry_point": "f", "input": "1",
                         "output": "2"}, "output")
FORM = "<reasoning>\nwhy\n</reasoning>\n<answer>2</answer>"


@pytest.mark.parametrize("reply, wanted", [
    (FORM, FORM),
    ("<think>why</think>\n<answer>2</answer>", FORM),
    ("why</think>\n<answer>2</answer>", FORM),
    ("why\n<answer>2</answer>", FORM),
    ("<think>x</think><reasoning>why</reasoning><answer>assert f(1) == 2</answer>", FORM),
    ("<think>why</think><answer>```python\nassert f(1) == 2\n```</answer>", FORM),
    ("<think>why</think> 2", "<think>why</think> 2"),
    ("<answer>2</answer>", "<answer>2</answer>"),
    ("<think>a<answer>3</answer></think><answer>1</answer><answer>2</answer>",) * 2,
    ("<reasoning>why</reasoning><answer>assert f(1) == 2 or True</answer>",
     "<reasoning>\nwhy\n</reasoning>\n<answer>assert f(1) == 2 or True</answer>"),
    ("<reasoning>why</reasoning><answer>assert f(7) == 2</answer>",
     "<reasoning>\nwhy\n</reasoning>\n<answer>assert f(7) == 2</answer>"),
])
def test_reasoning_and_answer_are_split(reply, wanted):
    assert llm_teacher.arranged(reply, QUESTION) == wanted


LOOP = {"id": "p", "code": "def f(n):\n    t = 1\n    for i in range(n):\n        t = t * 2\n    u = t + n\n "
                           "   return u",
        "entry_point": "f", "input": "2", "output": "6"}
CHAIN = "t = 1\n[1] i = 0\nt = t * 2  # 1 * 2 == 2; t = 2\n[2] i = 1\n2 * 2 == 4; t = 4\n4 + 2 == 6; u = 6"
GOOD = "First `t = 1`. With `i = 0`, `1 * 2 == 2`, so `t = 2`. Then `i = 1` and `t = 4`. At last `u = 6`."


@pytest.mark.parametrize("text, fault", [
    (GOOD, None),
    (GOOD.replace("First", "We call it with `n = 2`. First"), None),
    (GOOD.replace("At last", "Still `t = 4`, and"), None),
    (GOOD.replace("`t = 4`", "`t = 5`"), "contradicts the run"),
    (GOOD.replace("`t = 2`", "`t = 4`").replace("and `t = 4`", "and `t = 2`"), "contradicts the run"),
    (GOOD.replace("`u = 6`", "`v = 6`"), "contradicts the run"),
    (GOOD.replace("`1 * 2 == 2`", "`1 * 2 == 3`"), "invented fact"),
    ("First `t = 1`. Then it goes on and `u = 6`.", "leaves out steps"),
    (GOOD.replace("`u = 6`", "it is six"), "leaves out steps"),
    ("It is 6.", "leaves out steps"),
])
def test_reworded_steps_are_held_against_the_run(text, fault):
    assert rewriting.fault(text, CHAIN, traced.of(LOOP)) == fault


def test_the_rewriting_teacher_takes_what_follows_the_run_only(problems, tmp_path, sandbox):
    pairs = [(problem, "output") for problem in problems[:12]]

    def answer(prompt, body):
        chain = prompt.partition("# Solution\n")[2]
        inside, _, tail = chain.partition("\n</reasoning>")
        facts = re.findall(r"(?:^|[;,#] )([A-Za-z_]\w*) = ([^;\n]+?)(?=; |, [A-Za-z_]\w* = |\n|$)", inside,
                           re.M)
        prose = " ".join(f"Now `{name} = {value}`." for name, value in facts)
        if body["seed"] == 0:
            prose = prose.replace("= ", "= 1") or "Nothing to say."
        return f"<reasoning>\n{prose or 'It is plain.'}\n</reasoning>{tail}"
    with Answering(answer) as server:
        rows = run(server, pairs, tmp_path, sandbox, kind="rewrite", distill_tries=2)
    good = [row for row in rows if row["verdict"]]
    assert good and all("Now `" in row["completion"] or "plain" in row["completion"] for row in good)
    kept = jsonl.read(tmp_path / "tries.jsonl")
    assert Counter(row["kind"] for row in kept)["contradicts the run"] > 0
    by_id = {problem["id"]: problem for problem, _ in pairs}
    for row in kept:
        if row["verdict"]:
            reasoning = answers.extract(row["completion"]).reasoning
            assert rewriting.fault(reasoning, "", traced.of(by_id[row["problem_id"]])) is None
    assert all(row["kind"] in ("pass", "no_chain") for row in rows)


def test_programs_of_a_model_are_traced_in_the_sandbox_only(sandbox, monkeypatch):
    hostile = {"id": "m", "code": "def f(x):\n    y = open('/etc/passwd').read()\n    return y",
               "entry_point": "f", "input": "1", "output": "1", "source": "llm"}
    monkeypatch.setattr(traced, "trace_call", lambda *_: pytest.fail("ran in this process"))
    assert traced.of(hostile, sandbox).output is None
    assert distill.ask(hostile | {"code": LOOP["code"]}, "coverage", 0) is not None
    assert questions.many([hostile | {"code": LOOP["code"]}], "path")


def test_a_model_must_be_named(tmp_path):
    with pytest.raises(UserError, match="distill_model is empty"):
        llm_teacher.named(params.load("smoke", {"distill_teacher": "llm"}), tmp_path)
    assert callable(llm_teacher.named(params.load("smoke"), tmp_path))
