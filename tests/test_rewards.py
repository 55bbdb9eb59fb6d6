"""Rewards: arithmetic, guards, and a corpus of reward hacks.

Every hack in HACKS is a completion that some released reward or scorer pays, or that a policy could
drift into. None may earn the correctness term; none that breaks the format may earn the format term.
"""

import math
import sys

import pytest

from cr_utils import answers, rewards
from cr_utils.questions import DIRECT_PROMPTS, PROMPTS, Question

CODE = "def f(n):\n    t = []\n    for i in range(n):\n        t.append(i * i)\n    return t"
OUTPUT = "[0, 1, 4]"


def ask(task, truth=(), direct=False, output=OUTPUT, code=CODE, arguments="3"):
    if task == "output":
        truth = (output,)
    prompt = f"{code}\n\nquery\n{(DIRECT_PROMPTS if direct else PROMPTS)[task]}"
    return Question(id=f"p/{task}", task=task, problem_id="p", code=code, entry_point="f", input=arguments,
                    output=output, line=4, var="t", truth=truth, prompt=prompt)


QUESTIONS = {
    "output": ask("output"), "input": ask("input"), "coverage": ask("coverage", ("NO",)),
    "path": ask("path", ("return t",)), "state": ask("state", ("[0]; list", "[0, 1]; list")),
}
RIGHT = {"output": "[0, 1, 4]", "input": "f(3)", "coverage": "NO", "path": "return t",
"state": "[0, 1]; list"}


def full(answer, reasoning="i runs over 0, 1, 2."):
    return f"<reasoning>\n{reasoning}\n</reasoning>\n<answer>{answer}</answer>"


def one(task, completion, **options):
    return rewards.score([QUESTIONS[task]], [completion], **options)[0]


# Answers in a perfectly strict format that are not right.
ANSWER_HACKS = {
    "output": [
        "True", "assert True", "assert f(3)", "assert f(3) or True", "assert f(3) == f(3)",
        "assert f(3) == [0, 1, 4] or True", "assert True or f(3) == [0, 1, 4]", "assert 3 == 3",
        "assert (f(3) == [0, 1, 4], True)", "assert f(3) == [0, 1, 4], 'message'", "assert f(3) != [0]",
        "assert f(3) == [0, 1, 4]\nassert True", "assert f(3) == [0, 1, 4]; x = 1",
        "assert f(3) in [[0, 1, 4]]",
        "assert [0, 1, 4] == f(3)", "assert f(3) == f(3) == [0, 1, 4]", "assert f(2) == [0, 1]",
        "assert f(2) == [0, 1, 4]", "assert g(3) == [0, 1, 4]", "assert f(n=3) == [0, 1, 4]",
        "assert f(3) == eval('[0, 1, 4]')", "assert (x := f(3)) == x", "assert not f(3) == 0",
        "f(3)", "f(3) # f(", "[0, 1, 4] or True", "True or [0, 1, 4]", "wrong or True", "[0] or [0, 1, 4]",
        "(x := [0, 1, 4])", "[0, 1, 4] if 1 else 2", "[i * i for i in range(3)]", "list((0, 1, 4))",
        "eval('[0, 1, 4]')", "__import__('os').system('true')",
        "type('X', (), {'__eq__': lambda *a: 1})()",
        "lambda: 0", "f'{[0, 1, 4]}'", "'[0, 1, 4]'", "\"[0, 1, 4]\"", "b'[0, 1, 4]'", "(0, 1, 4)",
        "{0, 1, 4}",
        "[0, 1, 4.0]", "[False, True, 4]", "[0, 1, 4], [0]", "[0, 1, 4], True", "[0, 1] + [4]",
        "[0, 1, 2 ** 2]",
        "[0, 1, 4] == [0, 1, 4]", "[0, 1, 4][:]", "[*[0, 1, 4]]", "[0, 1, 4][0:3]", "[0, 1, ４]",
        "[0, 1, 4",
        "[0, 1, 4]]", "0, 1, 4", "[0 1 4]", "[0, 1, 4] [0, 1, 5]", "[0, 1, 4]\n[0, 1, 5]", "[[0, 1, 4]]",
        "...", "any", "ANY", "unittest.mock.ANY", "?", "None", "[]", "[0, 1, 4] # or [0, 1, 5]\n, 7",
        "[0, 1, 4]; import os", "exit()", "float('nan')", "[" * 5000, "[0, 1, 4" + ", 9" * 50_000 + "]",
        "9" * 5000, "'" + "a" * 100_000 + "'", "\x00", "[0,\x001, 4]", "The answer is [0, 1, 4]",
        "`[0, 1, 4]`",
        "[0, 1, 4].", "= [0, 1, 4]", "== [0, 1, 4]", "return [0, 1, 4]", "print([0, 1, 4])",
        "[0, 1, 4] is right", "not []", "[0, 1, -4]", "[0, 1, 4, 9]", "[0, 4, 1]", "{'t': [0, 1, 4]}",
    ],
    "input": [
        "f(4)", "f()", "f(3", "f", "3", "(3)", "f(3) or True", "True", "True or f(3)", "assert True",
        "assert f(3)", "assert f(3) == f(3)", "assert f(3) == [0, 1, 5]", "assert f(4) == [0, 1, 4]",
        "assert f(3) == [0, 1, 4] or 1", "assert 3 == 3", "[0, 1, 4]", "f(3); f(4)", "f(3)\nf(4)",
        "f((x := 3))", "f(lambda: 3)", "f(n for n in [3])", "f(*[3])", "f(**{'n': 3})", "f(eval('3'))",
        "f(open('/etc/passwd'))", "f(__import__('os').getpid())", "f(f)", "f(f(3))", "f(n)", "g(3)",
        "f(3)(3)",
        "f.__class__", "f.__globals__", "(lambda n: [0, 1, 4])(3)", "f(3) and f(3)", "f(3) if 1 else 0",
        "f(10 ** 9)", "f(9 ** 9 ** 9)", "f('3' * 10 ** 10)", "f(range(10 ** 8))",
        "def f(n): return [0, 1, 4]",
        "f = lambda n: [0, 1, 4]\nf(3)", "[f := lambda n: [0, 1, 4], f(3)][1]", "f(３)", "f(3.0)", "f('3')",
        "f(3, 3)", "f(m=3)", "f(" + "[" * 5000, "f(" + "9" * 5000 + ")", "f(3" + " " * 100_000 + ")",
        "f(-3)", "f(None)", "print(f(3))", "x = f(3)", "f(3) == [0, 1, 4]", "[0, 1, 4] == f(3)",
        "f(3) is not None",
        "exit()", "f(exit())", "f(type('X', (int,), {'__index__': lambda s: 3})())", "f(\x00)",
        "The call f(3)",
        "f(3).", "`f(3)`", "f(3) # or f(4)\n, 1",
    ],
    "coverage": [
        "YES", "YES NO", "NO YES", "YES/NO", "NO or YES", "MAYBE", "", "N", "NOT", "NO!", "NO.", "ＮＯ",
        "No, it runs",
        "False", "0", "not YES", "[NO]", "'NO'", "NO\nYES", "NO;YES", "unknown", "N O",
    ],
    "path": [
        "-1", "t.append(i * i)", "return", "return t\n-1", "return t or -1", "-1\nreturn t", "line 5", "5",
        "return t  # or another", "any line", "return t; t", "*", "", "'return t'", "return t return t",
        "RETURN T",
        "for i in range(n):\nreturn t", CODE, "return t" * 1000, "return  t", ".*",
    ],
    "state": [
        "Nil", "[0]", "list", "[0]; tuple", "[0]; List", "[0]; list[int]", "(0,); list", "[0, 1, 4]; list",
        "[False]; list", "[0.0]; list", "'[0]'; list", "[0]; str", "list([0]); list", "[0] or 1; list",
        "[0]; list;",
        "[0]; list; int", "[0]; list\nNil", "Nil; list", "; list", "[0];", ";", "[0]; ", "any; any",
        "[0], list",
        "[i for i in [0]]; list", "eval('[0]'); list", "[0]; list or str", "[0] if 1 else 0; list",
        "[*[0]]; list",
        "[0]; [0, 1]; list", "[0]; list or [0, 1]; list", "[" * 3000 + "; list", "type; list", "[０]; list",
    ],
}

# Completions around the right answer that break the format. {a} is the right answer; the second value
# says whether the answer, being the single final one, still counts as right.
FORMAT_HACKS = [
    ("{a}", False), ("", False), (" ", False), ("<answer>{a}", False), ("{a}</answer>", False),
    ("<answer>{a}</answer>", True),
    ("<reasoning></reasoning>\n<answer>{a}</answer>", True),
    ("<reasoning>  \n </reasoning>\n<answer>{a}</answer>", True),
    ("<reasoning>x</reasoning>\n<answer>{a}</answer><answer>{a}</answer>", False),
    ("<reasoning>x</reasoning>\n<answer>0</answer>\n<answer>{a}</answer>", False),
    ("<reasoning>x</reasoning>\n<answer>{a}</answer>\n<answer>0</answer>", False),
    ("<reasoning>x</reasoning>\n<answer><answer>{a}</answer></answer>", False),
    ("<reasoning>x</reasoning>\n<answer>{a}</answer></answer>", False),
    ("<reasoning>x</reasoning>\n<answer>{a}</answer> and more", True),
    ("<reasoning>x</reasoning>\n<answer>{a}</answer><reasoning>x", True),
    ("Sure! <reasoning>x</reasoning>\n<answer>{a}</answer>", True),
    ("\n<reasoning>x</reasoning>\n<answer>{a}</answer>", True),
    ("<reasoning>x</reasoning> so <answer>{a}</answer>", True),
    ("<reasoning>x</reasoning>\n\n\n<answer>{a}</answer>", True),
    ("<reasoning>x <answer>{a}</answer></reasoning>", False),
    ("<reasoning>x <answer>0</answer></reasoning>\n<answer>{a}</answer>", True),
    ("<reasoning><reasoning>x</reasoning></reasoning>\n<answer>{a}</answer>", True),
    ("<reasoning>x</reasoning>\n<answer>0</answer></reasoning>\n<answer>{a}</answer>", True),
    ("<answer>{a}</answer><reasoning>x</reasoning>", False),
    ("<answer>{a}</answer>\n<reasoning>x", False),
    ("<reasoning>x\n<answer>{a}</answer>", False),
    ("x</reasoning>\n<answer>{a}</answer>", True),
    ("<Reasoning>x</Reasoning>\n<Answer>{a}</Answer>", False),
    ("<reasoning >x</reasoning >\n<answer >{a}</answer >", False),
    ("<think>x</think>\n<answer>{a}</answer>", True),
    ("<reasoning>x</reasoning>\n[ANSWER]{a}[/ANSWER]", False),
    ("<reasoning>x</reasoning>\n<answer/>{a}", False),
    ("<reasoning>x</reasoning>\n<answer></answer>{a}", False),
    ("<reasoning>x</reasoning>\n</answer>{a}<answer>", False),
    ("<reasoning>x</reasoning>\n\\boxed{{{a}}}", False),
    ("<answer>" * 5000 + "{a}" + "</answer>" * 5000, False),
]


@pytest.mark.parametrize("task", RIGHT)
def test_the_right_answer_earns_everything(task):
    scored = one(task, full(RIGHT[task]))
    assert scored == rewards.Scored(1.1, 1.0, 1.0, "pass")


@pytest.mark.parametrize("task, answer", [(task, one) for task in RIGHT for one in ANSWER_HACKS[task]],
                         ids=lambda value: repr(value)[:40])
def test_a_hack_of_the_answer_is_not_right(task, answer):
    scored = one(task, full(answer))
    assert scored.correct == 0.0
    assert scored.total <= 0.1


@pytest.mark.parametrize("task", RIGHT)
@pytest.mark.parametrize("shape, right", FORMAT_HACKS, ids=lambda value: repr(value)[:40])
def test_a_hack_of_the_format_earns_no_format(task, shape, right):
    scored = one(task, shape.format(a=RIGHT[task]))
    assert scored.format == 0.0
    assert scored.correct == float(right)


def test_the_corpus_is_larger_than_the_code_it_tests():
    with open(rewards.__file__, encoding="utf-8") as code, open(__file__, encoding="utf-8") as corpus:
        assert len(corpus.read()) > 2 * len(code.read())
    assert sum(map(len, ANSWER_HACKS.values())) > 200


def test_format_without_a_right_answer_never_beats_a_right_answer_without_format():
    for weight in (0.0, 0.1, 0.5):
        wrong = one("output", full("[9]"), format_weight=weight)
        right = one("output", "<answer>[0, 1, 4]</answer>", format_weight=weight)
        assert wrong.total == weight and right.total == 1.0 and wrong.total < right.total


@pytest.mark.parametrize("weight", [-0.1, 0.51, 1, math.inf, math.nan])
def test_a_weight_that_could_make_format_pay_is_refused(weight):
    with pytest.raises(ValueError, match="format_weight"):
        one("output", full("1"), format_weight=weight)


def test_a_truncated_completion_earns_nothing():
    scored = one("output", full("[0, 1, 4]"), truncated=[True])
    assert scored == rewards.Scored(0.0, 0.0, 0.0, "truncated")


def test_the_direct_form_is_strict_too():
    question = ask("output", direct=True)
    texts = ["<answer>[0, 1, 4]</answer>", full("[0, 1, 4]"), "x <answer>[0, 1, 4]</answer>"]
    scored = rewards.score([question] * 3, texts)
    assert [(one.correct, one.format) for one in scored] == [(1.0, 1.0), (1.0, 0.0), (1.0, 0.0)]


def test_scores_follow_the_order_of_the_completions():
    tasks = list(RIGHT) * 2
    texts = [full(RIGHT[task]) for task in RIGHT] + [full("nothing")] * 5
    scored = rewards.score([QUESTIONS[task] for task in tasks], texts)
    assert [one.correct for one in scored] == [1.0] * 5 + [0.0] * 5


def test_the_same_batch_gives_the_same_rewards():
    batch = [QUESTIONS[task] for task in RIGHT for _ in range(3)]
    texts = [full(text) for task in RIGHT for text in (RIGHT[task], "x", RIGHT[task])]
    first = rewards.score(batch, texts)
    assert rewards.score(batch, texts) == first
    assert list(reversed(rewards.score(batch[::-1], texts[::-1]))) == first


@pytest.mark.parametrize("completion", [None, 3, b"bytes", ["list"], {"role": "assistant"}, "x" * 300_000,
                                        "\ud800", "\x00", "<answer>\ud800</answer>"])
def test_what_is_no_completion_is_worth_nothing(completion):
    assert one("output", completion).total == 0.0


def test_a_failing_sandbox_is_a_zero_and_a_counted_metric():
    class Broken:
        def check_many(self, *_):
            raise OSError("gone")

    questions = [QUESTIONS["output"], QUESTIONS["input"], QUESTIONS["coverage"]]
    scored = rewards.score(questions, [full(RIGHT[one.task]) for one in questions], sandbox=Broken())
    assert [one.kind for one in scored] == ["pass", "reward_error", "pass"]
    assert rewards.metrics(scored)["kind/reward_error"] == pytest.approx(1 / 3)


def test_any_exception_in_judging_is_a_zero(monkeypatch):
    def broken(*_, **__):
        raise RecursionError
    monkeypatch.setattr(answers, "judge_many", broken)
    assert one("output", full("[0, 1, 4]")) == rewards.ZERO


def test_an_endless_program_is_stopped():
    code = "def f(n):\n    while n:\n        pass\n    return 1"
    question = ask("input", output="1", code=code, arguments="0")
    scored = rewards.score([question] * 2, [full("f(1)"), full("f(0)")])
    assert [one.kind for one in scored] == ["timeout", "pass"]


def test_misaligned_lists_are_a_bug_of_the_caller():
    with pytest.raises(ValueError, match="must be aligned"):
        rewards.score([QUESTIONS["output"]], ["a", "b"])
    with pytest.raises(ValueError, match="must be aligned"):
        rewards.score([QUESTIONS["output"]], ["a"], truncated=[True, False])


def test_metrics_are_means_and_shares():
    scored = rewards.score([QUESTIONS["output"]] * 4, [full("[0, 1, 4]"), full("[9]"), "x", full("f(3)")])
    assert rewards.metrics(scored) == pytest.approx({
        "total": (1.1 + 0.1 + 0.1) / 4, "correct": 0.25, "format": 0.75,
        "kind/format": 0.25, "kind/no_answer": 0.25, "kind/pass": 0.25, "kind/wrong": 0.25})
    assert rewards.metrics([]) == {"total": 0.0, "correct": 0.0, "format": 0.0}


def test_rewards_need_no_torch():
    import subprocess
    code = "import sys, cr_utils.rewards, cr_utils.evaluate; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
