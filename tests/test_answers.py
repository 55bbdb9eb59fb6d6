"""Answers: extraction, strict format, and the strict rule of each task."""

import pytest

from cr_utils import answers
from cr_utils.questions import Question
from cr_utils.sandbox import Verdict

CODE = "def f(s, n):\n    return s * n"


def ask(task, truth=(), output="'abab'", name="q", code=CODE, arguments="'ab', 2"):
    if task == "output":
        truth = (output,)
    return Question(id=f"{name}/{task}", task=task, problem_id=name, code=code, entry_point="f",
                    input=arguments, output=output, line=None, var=None, truth=truth, prompt="")


def full(answer, reasoning="Because."):
    return f"<reasoning>\n{reasoning}\n</reasoning>\n<answer>{answer}</answer>"


def kind(question, answer, **options):
    judged = answers.judge(question, full(answer), **options)
    assert judged.passed is (judged.kind == "pass")
    return judged.kind


def test_extract_a_strict_completion():
    assert answers.extract(full("[1]", "a\nb")) == answers.Parsed("[1]", "\na\nb\n", True)
    assert answers.extract("<answer>[1]</answer>", direct=True) == answers.Parsed("[1]", None, True)


@pytest.mark.parametrize("text, answer", [
    ("<reasoning>r</reasoning><answer>1</answer>\n", "1"),
    ("<reasoning>r</reasoning>\n<answer> 1 </answer>", "1"),
])
def test_white_space_that_strict_format_allows(text, answer):
    assert answers.extract(text).strict
    assert answers.extract(text).answer == answer


@pytest.mark.parametrize("text, answer", [
    ("", None),
    ("1", None),
    ("<answer>1</answer>", "1"),
    (" " + full("1"), "1"),
    ("So: " + full("1"), "1"),
    (full("1") + " done", "1"),
    (full("1").replace("</reasoning>\n", "</reasoning> so "), "1"),
    (full("1", ""), "1"),
    (full("1", " \n "), "1"),
    (full(""), None),
    (full("1") + "<answer>2</answer>", None),
    (full("1<answer>2</answer>"), None),
    (full("1</answer>2"), None),
    (full("1").replace("<answer>1</answer>", "</answer>1<answer>"), None),
    (full("1").replace("</answer>", ""), None),
    (full("1").replace("</reasoning>", ""), None),
    (full("1", "<answer>2</answer>"), "1"),
    (full("1", "a</reasoning>b"), "1"),
    (full("1", "a<reasoning>b"), "1"),
    (full("<reasoning>1"), "<reasoning>1"),
    ("<reasoning>I think <answer>1</answer></reasoning>", None),
    (full("1").upper(), None),
    (full("1").replace("answer", "Answer"), None),
])
def test_what_strict_format_refuses_and_which_answer_remains(text, answer):
    parsed = answers.extract(text)
    assert not parsed.strict
    assert parsed.answer == answer


def test_direct_form_has_no_reasoning():
    assert not answers.extract(full("1"), direct=True).strict
    assert not answers.extract("<answer>1</answer>").strict
    assert not answers.extract("x<answer>1</answer>", direct=True).strict
    assert not answers.extract("<answer></answer>", direct=True).strict


@pytest.mark.parametrize("answer", ["```python\n[1]\n```", "```\n[1]\n```", "```[1]```"])
def test_a_markdown_fence_is_removed(answer):
    assert answers.extract(full(answer)).answer == "[1]"


def test_extracting_from_a_huge_text_is_fast():
    assert answers.extract("<answer>" * 200_000).answer is None
    assert answers.extract("<reasoning></reasoning>" * 100_000 + "<answer>1</answer>").answer == "1"


@pytest.mark.parametrize("answer, expected", [
    ("'abab'", "pass"), ('"abab"', "pass"), ("'ab' 'ab'", "pass"), ("'aba'", "wrong"), ("abab", "format"),
    ("4", "wrong"), ("['abab']", "wrong"),
    ("assert f('ab', 2) == 'abab'", "pass"),
    ("assert f( 'ab',2 )=='abab'", "pass"),
    ("assert f('ab', 2) == 'aba'", "wrong"),
    ("assert f('ab', 3) == 'abab'", "format"),
    ("assert g('ab', 2) == 'abab'", "format"),
    ("assert 'abab' == f('ab', 2)", "format"),
    ("f('ab', 2)", "format"), ("'ab' * 2", "format"), ("'abab' or 1", "format"), ("f'abab'", "format"),
])
def test_output(answer, expected):
    assert kind(ask("output"), answer) == expected


@pytest.mark.parametrize("output, answer, strict, python", [
    ("1", "True", "wrong", "pass"), ("1", "1.0", "wrong", "pass"), ("[1, 2]", "(1, 2)", "wrong", "wrong"),
    ("{1, 2}", "{2, 1}", "pass", "pass"), ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}", "pass", "pass"),
    ("set()", "set()", "pass", "pass"), ("nan", "nan", "pass", "wrong"), ("-3", "-3", "pass", "pass"),
    ("(1,)", "(1)", "wrong", "wrong"), ("None", "None", "pass", "pass"), ("b'a'", "b'a'", "pass", "pass"),
])
def test_output_in_both_comparisons(output, answer, strict, python):
    assert kind(ask("output", output=output), answer) == strict
    assert kind(ask("output", output=output), answer, compare="python") == python


@pytest.mark.parametrize("truth, answer, expected", [
    ("YES", "YES", "pass"), ("YES", "yes", "pass"), ("NO", "No", "pass"), ("NO", "YES", "wrong"),
    ("YES", "YES NO", "format"), ("YES", "YES.", "format"), ("YES", "Y", "format"), ("NO", "1", "format"),
])
def test_coverage(truth, answer, expected):
    assert kind(ask("coverage", (truth,)), answer) == expected


@pytest.mark.parametrize("answer, expected", [
    ("x += 1", "pass"), ("return x", "pass"), ("  x += 1\n", "pass"), ("-1", "wrong"), ("x  += 1",
    "wrong"),
    ("x += 1\nreturn x", "wrong"), ("3", "wrong"),
])
def test_path(answer, expected):
    assert kind(ask("path", ("x += 1", "return x")), answer) == expected


@pytest.mark.parametrize("truth, answer, expected", [
    (("3; int",), "3; int", "pass"), (("3; int",), "3;int", "pass"), (("3; int",), "3; float", "wrong"),
    (("3; int",), "3.0; int", "wrong"), (("3; int",), "4; int", "wrong"), (("3; int",), "3", "format"),
    (("3; int",), "int(3); int", "format"), (("3; int",), "Nil", "wrong"), (("Nil",), "Nil", "pass"),
    (("Nil",), "3; int", "wrong"), (("Nil",), "nil; int", "wrong"), (("3; int", "4; int"), "4; int",
    "pass"),
    (("3; int", "'a'; str"), "'a'; str", "pass"), (("';'; str",), "';'; str", "pass"),
    (("True; bool",), "1; bool", "wrong"), (("'a'; str",), "a; str", "format"),
])
def test_state(truth, answer, expected):
    assert kind(ask("state", truth), answer) == expected


@pytest.mark.parametrize("answer, expected", [
    ("f('ab', 2)", "pass"), ("f('abab', 1)", "pass"), ("f(s='abab', n=1)", "pass"),
    ("f('ab' * 2, 1)", "pass"), ("f('ab', 3)", "wrong"), ("f('ab')", "error"), ("'ab', 2", "bad_call"),
    ("", "no_answer"), ("g('ab', 2)", "bad_call"), ("f('ab', 2) or 1", "bad_call"),
    ("f(__import__('os').name, 1)", "bad_call"),
    ("assert f('abab', 1) == 'abab'", "pass"), ("assert f('abab', 1) == 'x'", "bad_call"),
    ("assert f('x', 1) == 'x'", "bad_call"), ("assert f('x', 1) == 'abab'", "wrong"),
    ("assert True", "bad_call"), ("f('ab', 2) == 'abab'", "bad_call"),
])
def test_input(answer, expected):
    assert kind(ask("input"), answer) == expected


def test_the_comparison_reaches_executed_calls():
    question = ask("input", output="1", code="def f(x):\n    return x", arguments="1")
    assert kind(question, "f(True)") == "wrong"
    assert kind(question, "f(True)", compare="python") == "pass"


def test_no_answer_and_truncated_are_told_apart():
    question = ask("output")
    assert answers.judge(question, "<reasoning>and so").kind == "no_answer"
    assert answers.judge(question, "<reasoning>and so", truncated=True).kind == "truncated"
    assert answers.judge(question, full("'abab'"), truncated=True).passed


def test_a_batch_keeps_its_order_and_executes_equal_answers_once():
    calls = []

    class Counting:
        def check_many(self, items, compare):
            calls.append((items, compare))
            return [Verdict("pass")] * len(items)

    questions = [ask("input"), ask("output"), ask("input"), ask("input", name="r"), ask("input")]
    given = [full("f('ab', 2)"), full("1"), full("f('ab', 2)"), full("f('ab', 2)"), "none"]
    judged = answers.judge_many(questions, given, sandbox=Counting())
    assert [one.kind for one in judged] == ["pass", "wrong", "pass", "pass", "no_answer"]
    assert calls == [([(CODE, "f('ab', 2)", "'abab'", "f")] * 2, "strict")]


def test_two_questions_with_one_id_are_not_confused():
    first, second = ask("output"), ask("output", output="7")
    judged = answers.judge_many([first, second], [full("7"), full("7")])
    assert [one.passed for one in judged] == [False, True]


def test_too_long_an_answer_is_refused_unread():
    assert kind(ask("output"), "'" + "a" * 70_000 + "'") == "format"
    assert kind(ask("input"), "f('" + "a" * 70_000 + "', 1)") == "bad_call"


def test_lists_must_be_aligned():
    with pytest.raises(ValueError, match="1 questions but 2 completions"):
        answers.judge_many([ask("output")], ["a", "b"])


@pytest.mark.parametrize("task", ["output", "input", "coverage", "path", "state"])
@pytest.mark.parametrize("answer", [
    "\\", "'", "(" * 500, "[" * 100_000, "9" * 5000, "\x00", "\ufeff1", "１", "assert", "assert ",
    "assert (",
    ";", "; int", "lambda: 1", "\ud800", "{1: " * 300, "-" * 5000 + "1", "'\\d'", "1 if 1 else 2", "*a",
    "x := 1",
])
def test_odd_text_is_wrong_and_never_an_exception(task, answer):
    truth = {"coverage": ("YES",), "path": ("x",), "state": ("1; int",)}.get(task, ())
    assert kind(ask(task, truth), answer) != "pass"
