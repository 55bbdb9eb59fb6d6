"""Chains are planned, asked, judged and kept; what is wrong in any way is not trained on."""

import random
from collections import Counter

import pytest

from cr_utils import answers, candidates, distill, jsonl, questions, teacher
from cr_utils.errors import UserError
from cr_utils.sandbox import Sandbox

OPTIONS = {"constraints": True, "mutation": True, "max_steps": 24}
MIX = {"output": 0.4, "input": 0.3, "coverage": 0.1, "path": 0.1, "state": 0.1}


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as open_one:
        yield open_one


@pytest.fixture(scope="module")
def problems():
    found = (outcome for i in range(90) for outcome in
             candidates.candidates(random.Random(f"distill:{i}"), "train", OPTIONS))
    return [problem for problem in found if not isinstance(problem, str)]


@pytest.fixture
def make(tmp_path, sandbox):
    """Writes chains to one file of the test with the teacher given; returns all its records."""
    def write(pairs, teach=None, **options):
        options = {"teacher_name": "test", "sandbox": sandbox} | options
        return distill.chains(pairs, teach or distill.interpreter(), tmp_path / "chains.jsonl", **options)
    write.path = tmp_path / "chains.jsonl"
    return write


def pairs_of(problems, task):
    return [(problem, task) for problem in problems]


def test_a_plan_follows_the_mixture_without_repetition(problems):
    pairs = distill.plan(problems, MIX, 200, seed=0)
    assert len({(problem["id"], task) for problem, task in pairs}) == len(pairs) == 200
    shares = Counter(task for _, task in pairs)
    assert set(shares) == set(MIX) and shares["output"] > shares["input"] > shares["coverage"]
    assert max(Counter(problem["id"] for problem, _ in pairs).values()) <= -(-200 // len(problems)) + 3
    assert distill.plan(problems, MIX, 200, seed=0) == pairs != distill.plan(problems, MIX, 200, seed=1)


def test_a_plan_of_everything_ends(problems):
    pairs = distill.plan(problems[:5], {"output": 0.999, "input": 0.001}, 10, seed=0)
    assert len({(problem["id"], task) for problem, task in pairs}) == 10


def test_too_large_a_plan_names_what_to_change(problems):
    with pytest.raises(UserError, match="distill_items"):
        distill.plan(problems[:3], {"output": 1.0, "input": 0.0}, 4, seed=0)


def test_the_interpreters_chains_are_all_accepted(make, problems):
    rows = make(distill.plan(problems, MIX, 150, seed=0))
    assert Counter(row["kind"] for row in rows).keys() <= {"pass", "too_long"}
    assert len(distill.accepted(rows)) > 120
    fields = set("id problem_id task prompt completion verdict kind teacher tries steps".split())
    assert all(set(row) == fields for row in rows) and {row["task"] for row in rows} == set(MIX)
    assert distill.accepted(rows)[0].keys() == {"prompt", "completion"}
    assert sum(row["n"] for row in distill.counts(rows)) == len(rows)


def test_direct_chains_have_no_reasoning_and_are_accepted(make, problems):
    rows = make(distill.plan(problems, MIX, 60, seed=0), distill.interpreter(direct=True), direct=True)
    assert all(row["verdict"] and "reasoning" not in row["completion"] for row in rows)


def test_a_quarter_of_the_input_chains_tells_a_failed_try(make, problems):
    rows = [row for row in make(pairs_of(problems, "input")) if row["verdict"]]
    failed = sum("no match" in row["completion"] for row in rows)
    assert 0.08 < failed / len(rows) < 0.45
    assert all(row["completion"].count("\ntry ") == 1 + ("no match" in row["completion"]) for row in rows)


def corrupted(change):
    """The interpreter teacher with every completion changed."""
    teach = distill.interpreter()
    return lambda asked: [change(question, text) for question, text in zip(asked, teach(asked), strict=True)]


WRONG = {"output": "'certainly not'", "input": "f()", "coverage": "MAYBE", "path": "no such line",
         "state": "0; dict"}


@pytest.mark.parametrize("task", questions.TASKS)
def test_a_wrong_answer_is_rejected(make, problems, task):
    def change(question, text):
        return text.rpartition("<answer>")[0] + f"<answer>{WRONG[task]}</answer>"
    rows = make(pairs_of(problems[:25], task), corrupted(change))
    assert rows and not any(row["verdict"] for row in rows)
    assert {row["kind"] for row in rows} <= {"wrong", "format", "bad_call", "error"}


def test_the_answer_to_another_question_is_rejected(make, problems):
    """Plausible values: each question gets its neighbour's chain."""
    teach = distill.interpreter()
    rows = make(pairs_of(problems[:40], "output"), lambda asked: [*teach(asked)[1:], teach(asked)[0]])
    own = {problem["id"]: problem["output"] for problem in problems}
    told = {row["problem_id"]: answers.extract(row["completion"]).answer for row in rows}
    assert sum(row["verdict"] for row in rows) <= 12  # some neighbours agree
    assert all(row["verdict"] is (own[row["problem_id"]] == told[row["problem_id"]]) for row in rows)


def test_an_input_that_gives_another_value_is_rejected(make, problems):
    def change(question, text):
        wrong = distill.failing_input(question, random.Random(0))
        return teacher.REASONING.format(body="guess", answer=f"f({wrong[0]})") if wrong else None
    rows = make(pairs_of(problems[:40], "input"), corrupted(change))
    kinds = Counter(row["kind"] for row in rows)
    assert not any(row["verdict"] for row in rows) and kinds["wrong"] > 20


FORMATS = {
    "no reasoning": lambda text: text.partition("\n</reasoning>\n")[2],
    "empty reasoning": lambda text: "<reasoning>\n</reasoning>\n" + text.partition("</reasoning>\n")[2],
    "no answer": lambda text: text.partition("<answer>")[0],
    "answer not closed": lambda text: text.removesuffix("</answer>"),
    "words afterwards": lambda text: text + " I hope this helps.",
    "words before": lambda text: "Sure. " + text,
    "answer twice": lambda text: text + "\n" + text[text.index("<answer>"):],
    "reasoning not closed": lambda text: text.replace("</reasoning>", ""),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_right_answer_in_a_wrong_format_is_rejected(make, problems, name):
    rows = make(pairs_of(problems[:10], "output"), corrupted(lambda question, text: FORMATS[name](text)))
    assert len(rows) == 10 and not any(row["verdict"] for row in rows)
    assert {row["kind"] for row in rows} <= {"format", "no_answer", "wrong"}


def test_what_the_teacher_cannot_write_or_writes_too_long_is_kept_but_not_accepted(make, problems):
    long = "x = 1\n" * distill.MAX_CHAIN_TEXT

    def change(question, text):
        if question.problem_id == problems[0]["id"]:
            return None
        return text.replace("<reasoning>", f"<reasoning>{long}")
    rows = make(pairs_of(problems[:4], "output"), corrupted(change))
    assert [row["kind"] for row in rows] == ["no_chain", "too_long", "too_long", "too_long"]
    assert rows[0]["completion"] == "" and not distill.accepted(rows)


def counting(asked_for):
    teach = distill.interpreter()

    def write(asked):
        asked_for.extend(question.id for question in asked)
        return teach(asked)
    return write


def test_a_rerun_asks_only_what_is_missing(make, problems, monkeypatch):
    monkeypatch.setattr(distill, "BATCH", 7)
    pairs = distill.plan(problems, MIX, 40, seed=0)
    whole = make(pairs)
    data = make.path.read_bytes()
    lines = data.splitlines(keepends=True)
    make.path.write_bytes(b"".join(lines[:11]) + lines[11][:20])  # killed while it wrote the twelfth
    asked = []
    again = make(pairs, counting(asked))
    assert asked == [row["id"] for row in whole[11:]]
    assert again == whole and make.path.read_bytes() == data
    assert make(pairs, counting(asked)) == whole and len(asked) == len(whole) - 11


def test_chains_of_an_earlier_plan_stay(make, problems):
    make(pairs_of(problems[:3], "output"))
    rows = make(pairs_of(problems[:5], "output"))
    assert [row["problem_id"] for row in rows] == [problem["id"] for problem in problems[:5]]
    assert jsonl.read(make.path) == rows


def test_an_unknown_teacher_is_refused():
    with pytest.raises(UserError, match="interpreter"):
        distill.teacher_named("parrot", 0)
    assert callable(distill.teacher_named("interpreter", 0))


@pytest.mark.parametrize("value", [3, 1.5, "abc", [1, 2], ("a", 1), {"k": 1}, {1, 2}, True, "", []])
def test_a_changed_value_keeps_its_type(value):
    changed = [distill._changed(value, random.Random(seed)) for seed in range(30)]
    assert {type(item) for item in changed} == {type(value)}
    assert any(item != value for item in changed) or value == []


def test_styles_come_in_their_shares_and_the_shortest_takes_what_is_too_long(problems, make):
    pairs = distill.plan(problems, {"output": 1.0}, 60, seed=0)
    texts = {}
    for name, styles in (("facts", {"facts": 1.0}), ("results", {"results": 1.0}),
                         ("both", {"facts": 0.5, "results": 0.5})):
        texts[name] = distill.interpreter(0, styles=styles)([distill.ask(p, t, 0) for p, t in pairs])
    both = texts["both"]
    assert all(text in pair for text, *pair in zip(both, texts["facts"], texts["results"], strict=True))
    distinct = [i for i in range(60) if texts["facts"][i] != texts["results"][i]]
    assert 0.25 < sum(both[i] == texts["facts"][i] for i in distinct) / len(distinct) < 0.75
    assert all(len(text) <= distill.MAX_CHAIN_TEXT or text in texts["results"] for text in both)
    assert sum(map(len, texts["results"])) < 0.8 * sum(map(len, texts["facts"]))


@pytest.mark.parametrize("style", ["numbered", "monologue", "scratchpad"])
def test_a_longer_style_gives_way_to_the_shortest_that_has_a_share(problems, style):
    asked = [distill.ask(problem, "output", 0) for problem in problems]
    alone, brief = (distill.interpreter(0, styles={name: 1.0})(asked) for name in (style, "results"))
    mixed = distill.interpreter(0, styles={style: 0.999999, "results": 0.000001})(asked)
    for own, short, text in zip(alone, brief, mixed, strict=True):
        assert text == (short if len(own) > distill.MAX_CHAIN_TEXT else own)
    assert alone == distill.interpreter(0, styles={style: 1.0})(asked)


def test_the_seed_of_the_run_varies_the_words_of_monologues_alone(problems):
    asked = [distill.ask(problem, "output", 0) for problem in problems[:20]]
    for style, varies in (("monologue", True), ("numbered", False), ("scratchpad", False)):
        one, other = (distill.interpreter(seed, styles={style: 1.0})(asked) for seed in (0, 1))
        assert (one != other) is varies
