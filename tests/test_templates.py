"""Templates: every placeholder of every task, answers given away, and answers in the benchmarks' marks."""

from dataclasses import replace
from pathlib import Path

import pytest

from cr_utils import benchmarks, evaluate, questions, reval_questions, templates
from cr_utils.errors import UserError

FIXTURES = Path(__file__).parent / "fixtures"
PROBLEM = {
    "id": "p",
    "code": "def f(x):\n    y = x + 1\n    return y",
    "entry_point": "f",
    "input": "3",
    "output": "4",
}


def written(folder, text, task="output"):
    (folder / "mine.txt").write_text(text)
    return templates.read({task: str(folder / "mine.txt")})


def test_parts_are_filled_in_and_other_braces_stay(tmp_path):
    texts = written(
        tmp_path, "{code}|{numbered_code}|{query}|{call}|{entry_point}|{input}|{line}|{'a': {}} {codes}"
    )
    asked, = templates.apply([questions.at(PROBLEM, "output")], texts)
    code = PROBLEM["code"]
    assert asked.prompt == (f"{code}|1 def f(x):\n2     y = x + 1\n3     return y|assert f(3) == ?|f(3)|f|3||"
                            "{'a': {}} {codes}")
    assert replace(asked, prompt="") == replace(questions.at(PROBLEM, "output"), prompt="")


def test_a_program_s_own_braces_are_not_placeholders(tmp_path):
    problem = PROBLEM | {"code": "def f(x):\n    return '{input}' + x", "input": "'{code}'"}
    asked, = templates.apply([questions.at(problem, "output")], written(tmp_path, "{code}#{input}"))
    assert asked.prompt == problem["code"] + "#'{code}'"


def test_traced_tasks_have_line_and_variable(tmp_path):
    trace = type("T", (), {"coverage": {2}, "next_lines": {2: [3]}, "states": {(2, "y"): [("int", "4")]}})
    asked = [
        questions.at(PROBLEM, "state", trace, 2, "y", direct=True),
        questions.at(PROBLEM, "path", trace, 2),
    ]
    texts = written(tmp_path, "{code}|{line}|{line_text}|{var}|{call}", "state")
    made = templates.apply(asked, texts)
    assert made[0].prompt.endswith("|2|y = x + 1|y|f(3)") and made[1] == asked[1]


@pytest.mark.parametrize("direct", [False, True])
def test_every_question_of_every_benchmark_can_be_asked(tmp_path, direct):
    (tmp_path / "all.txt").write_text("{code}\n~~\n{query}")
    texts = templates.read(dict.fromkeys(questions.TASKS, str(tmp_path / "all.txt")))
    asked = []
    for name in ("cruxeval", "livecodebench"):
        asked += benchmarks.questions(name, benchmarks.load(name, where=FIXTURES), direct=direct)
    rows = [benchmarks.load(name, where=FIXTURES) for name in ("reval", "reval_tasks")]
    asked += reval_questions.questions(*rows, direct=direct)
    for before, after in zip(asked, templates.apply(asked, texts), strict=True):
        code, _, query = after.prompt.partition("\n~~\n")
        assert (
            before.prompt.startswith(code) and query in before.prompt and before.code.rstrip().endswith(code)
        )
        assert code and query and "<answer>" not in after.prompt
        if before.task in ("output", "input"):
            assert "?" in query and not code.startswith(("import", "from")) or "import" in before.prompt


@pytest.mark.parametrize("task, text, words", [
    ("output", "{code} {output}", "gives the answer away: {output}"),
    ("input", "{code} {call}", "gives the answer away: {call}"), ("output", "{query}", "shows no program"),
    ("trace", "{code}", "the tasks are")])
def test_templates_that_cannot_be_meant_are_refused(tmp_path, task, text, words):
    with pytest.raises(UserError, match=words.replace("{", r"\{").replace("}", r"\}")):
        written(tmp_path, text, task)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="gone.txt cannot be read"):
        templates.read({"output": str(tmp_path / "gone.txt")})


@pytest.mark.parametrize("said, read", [
    ("[THOUGHT]x[/THOUGHT]\n[ANSWER]4[/ANSWER]", "[THOUGHT]x[/THOUGHT]\n<answer>4</answer>"),
    ("so [ANSWER] 4", "so <answer> 4</answer>"), ("<answer>4</answer> [ANSWER]5[/ANSWER]", None), ("4", None),
    ("[ANSWER]3[/ANSWER] no: [ANSWER]4[/ANSWER]", "[ANSWER]3[/ANSWER] no: <answer>4</answer>")])
def test_answers_in_the_benchmarks_marks(said, read):
    assert templates.tagged(said) == (said if read is None else read)


def test_an_item_keeps_what_was_said_and_judges_what_was_meant(tmp_path):
    (item,) = evaluate.run(
        "m",
        "heldout",
        [questions.at(PROBLEM, "output")],
        lambda asked: [evaluate.Reply("[ANSWER]4[/ANSWER]")],
        tmp_path / "items.jsonl",
        say=False,
    )
    assert (item["completion"], item["answer"], item["verdict"]) == ("[ANSWER]4[/ANSWER]", "4", True)
