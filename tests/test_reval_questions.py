"""REval asked in our own form: prompts, strict truth, and the published verdict on the same answers."""

from dataclasses import replace
from pathlib import Path

import pytest

from cr_utils import answers, benchmarks, evaluate, questions, reval_questions
from cr_utils.sandbox import Sandbox

FIXTURES = Path(__file__).parent / "fixtures"
DATA = benchmarks.load("reval", where=FIXTURES)
TASKS = benchmarks.load("reval_tasks", where=FIXTURES)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as one:
        yield one


@pytest.fixture(scope="module")
def asked(sandbox):
    return {one.id: one for one in reval_questions.questions(DATA, TASKS, sandbox=sandbox)}


def test_a_question_shows_program_call_and_line(asked):
    question = asked["2.0/state/9/total"]
    code = DATA[2]["code"].rstrip()
    assert question.prompt == f"{code}\n\nouter(2)  # total after line 9: total += inner(n)\n" \
        + questions.PROMPTS["state"]
    assert question.truth == ("4; int", "6; int")
    assert asked["2.0/coverage/9"].truth == ("YES",)
    assert asked["2.0/path/9"].truth == ("n -= 1",)
    assert asked["0.1/path/9"].truth == ("-1",)


def test_a_class_is_asked_about_by_its_test(asked):
    assert "counter = Counter2()\nassertTrue(counter.add('a', 2))" in asked["5.0/coverage/8"].prompt


def test_output_questions_are_those_with_one_literal_place(asked):
    assert asked["0.0/output"].truth == ("2.5",)
    assert "assert mean_gap([1, 4, 2]) == ?\n" in asked["0.0/output"].prompt
    assert asked["5.1/output"].truth == ("'b'",)
    assert "5.0/output" not in asked  # two places
    assert "6.0/output" not in asked  # a tolerance


def test_a_sample_is_seeded_and_keeps_the_three_tasks_together(sandbox):
    few = reval_questions.questions(DATA, TASKS, n=4, seed=3, sandbox=sandbox)
    assert few == reval_questions.questions(DATA, TASKS, n=4, seed=3, sandbox=sandbox)
    by_task = {task: [one for one in few if one.task == task] for task in questions.TASKS}
    assert len(by_task["coverage"]) == len(by_task["path"]) == len(by_task["state"]) == 4
    assert {one.problem_id for one in by_task["output"]} <= {one.problem_id for one in by_task["state"]}


def test_the_direct_form(sandbox):
    question = reval_questions.questions(DATA, TASKS, n=1, direct=True, sandbox=sandbox)[0]
    assert question.prompt.endswith(questions.DIRECT_PROMPTS["coverage"])


@pytest.mark.parametrize("name, answer, strict, published", [
    ("2.0/state/9/total", "4; int", True, False), ("2.0/state/9/total", "Nil", False, True),
    ("2.0/path/3", "-1", True, False), ("2.0/path/3", "n -= 1", False, True),
    ("2.0/coverage/9", "YES", True, True), ("2.0/coverage/9", "yes!", False, True),
    ("0.0/output", "2.5", True, True), ("0.0/output", "5 / 2", False, True),
    ("0.0/output", "2", False, False), ("0.0/output", "assert 1 == 1", False, True),
    ("5.1/output", "'b'", True, True), ("5.1/output", None, False, False),
])
def test_both_verdicts(asked, sandbox, name, answer, strict, published):
    question = asked[name]
    assert answers.judge_answers([question], [answer], sandbox)[0].passed is strict
    assert reval_questions.single_verdicts([question], [answer], DATA, TASKS, sandbox) == [published]


def test_items_carry_both(asked, sandbox, tmp_path, monkeypatch):
    monkeypatch.setenv("CR_BENCHMARKS", str(FIXTURES))
    chosen = [asked["2.0/coverage/9"], asked["2.0/state/9/total"], asked["0.0/output"]]
    items = evaluate.run("trivial", "reval", chosen, evaluate.trivial(), tmp_path / "items.jsonl", sandbox,
                         say=False)
    assert [(item["task"], item["verdict"], item["parity"]) for item in items] == [
        ("coverage", True, True), ("state", False, True), ("output", False, False)]


def in_marks(question, end="[ANSWER]"):
    """The question in a prompt of the benchmark's form."""
    return replace(question, prompt=f"in [ANSWER] and [/ANSWER] tags\n{question.code}\n{end}")


@pytest.mark.parametrize("name, end, said, right", [
    ("0.0/coverage/9", "[ANSWER]", "YES", True), ("0.0/coverage/9", "[ANSWER]", "Yes, it is\n[/ANSWER]",
                                                  True),
    ("0.0/coverage/9", "[ANSWER]", "It is: YES", False), ("0.0/coverage/9", "", "[ANSWER]NO [ANSWER]YES",
                                                          False),
    ("0.0/coverage/9", "[THOUGHT]", "YES", False), ("0.0/coverage/9", "[THOUGHT]", "[/THOUGHT][ANSWER]YES",
                                                    True),
    ("0.0/state/9/gap", "[ANSWER]", "2; int\n[/ANSWER] 3; int", True),
    ("0.0/path/9", "[ANSWER]", "\n-1", False),
    ("0.0/output", "[ANSWER]", "assert mean_gap([1, 4, 2]) == 2.5\n[/ANSWER]", True),
    ("0.0/output", "[ANSWER]", "2.5[/ANSWER]", False),
    ("5.1/output", "[ANSWER]", "self.counter.add('a')\nself.counter.add('b', 3)\n"
     "assertEqual(self.counter.most(), 'b')", True),
])
def test_replies_to_the_benchmarks_own_prompts_are_judged_whole(asked, sandbox, name, end, said, right):
    exam = reval_questions.Exam(DATA, TASKS)
    assert exam.verdicts([in_marks(asked[name], end)], [None], sandbox, [said]) == [right]


def test_a_whole_test_in_our_own_tags_is_no_value(asked, sandbox):
    exam = reval_questions.Exam(DATA, TASKS)
    test = "self.counter.add('a')\nself.counter.add('b', 3)\nassertEqual(self.counter.most(), 'b')"
    said = [test, "'b'", "'assert'", None]
    assert exam.verdicts([asked["5.1/output"]] * 4, said, sandbox) == [True, True, False, False]


def test_the_whole_assertion_is_strictly_right_too(asked):
    for text, right in (("assert mean_gap([1, 4, 2]) == 2.5", True),
                        ("assert mean_gap([1, 4]) == 2.5", False),
                        ("assert mean_gap(mean_gap([1, 4, 2])) == 2.5", False)):
        assert answers.judge(asked["0.0/output"], f"<answer>{text}</answer>").passed is right


ADDED = "self.counter.add('{}')\nself.counter.add('b', 3)\n"


@pytest.mark.parametrize("answer, strict, kind, published", [
    (ADDED.format("a") + "assertEqual(self.counter.most(), 'b')", True, "pass", True),
    ("assertEqual(self.counter.most(), 'b')", True, "pass", True),  # the lines before it are added
    ('assertEqual( self.counter.most(), "b" )', True, "pass", True),
    ("assertEqual(self.counter.most(), 'a')", False, "wrong", False),
    ("assertEqual(self.counter.least(), 'b')", False, "format", False),
    (ADDED.format("c") + "assertEqual(self.counter.most(), 'b')", False, "format", True),
    ("assertEqual('b', 'b')", False, "format", True),
    ("assertEqual(self.counter.most(), self.counter.most())", False, "format", True),
    ("'b'", True, "pass", True),
])
def test_a_completed_test_of_a_class_counts_by_its_value(asked, sandbox, tmp_path, monkeypatch, answer,
                                                         strict, kind, published):
    monkeypatch.setenv("CR_BENCHMARKS", str(FIXTURES))
    said = [evaluate.Reply(f"<answer>{answer}</answer>")]
    item, = evaluate.run("m", "reval", [asked["5.1/output"]], lambda _: said, tmp_path / "items.jsonl",
                         sandbox, say=False)
    found = [item[key] for key in ("verdict", "kind", "parity", "answer")]
    assert found == [strict, kind, published, answer]
