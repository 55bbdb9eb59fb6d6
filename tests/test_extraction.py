"""Answers as the published code reads them, held against the rule restated, and what scores make of them."""

import json
import random
from pathlib import Path

import official_rules
import pytest

from cr_utils import benchmarks, evaluate, extraction, score, score_cruxeval
from cr_utils.sandbox import Sandbox

FIXTURES = Path(__file__).parent / "fixtures"
PIECES = [
    "[ANSWER]",
    "[/ANSWER]",
    "==",
    "assert ",
    "f(1)",
    " 2",
    "'=='",
    "\n",
    " ",
    "[THOUGHT]",
    "'[ANSWER]'",
    "!=",
    "x",
]


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as one:
        yield one


@pytest.mark.parametrize(
    "said, read",
    [
        ("[ANSWER]assert f(1) == 2[/ANSWER]", "2"),
        ("[ANSWER]\n2\n[/ANSWER] == 3", "3"),
        ("2", "2"),
        ("", ""),
        ("[ANSWER]assert f(1) == '=='[/ANSWER]", "'"),
        ("[ANSWER]assert f('==') == 2[/ANSWER]", "') "),
        ("[ANSWER]1[/ANSWER] [ANSWER]2[/ANSWER]", "1"),
        ("[ANSWER]\n[1,\n2]", "[1,"),
        ("so f(1) == 2\nindeed", "2"),
        ("[ANSWER][/ANSWER]", ""),
        ("[ANSWER] 2 == 2 == 3 [/ANSWER]", "2"),
        ("f(1) == 2 [ANSWER]3[/ANSWER]", "3"),
    ],
)
def test_what_livecodebench_reads(said, read):
    assert extraction.published("livecodebench", "output", said) == read.strip()


@pytest.mark.parametrize(
    "mode, said, read",
    [
        ("output", "[ANSWER]\nassert f(1) == [1,\n2]\n[/ANSWER]", "[1,\n2]"),
        ("output", "2[/ANSWER] == 3", "2"),
        ("input", "[ANSWER]assert f(1) == 2[/ANSWER]", "f(1)"),
        ("input", "f(1)", "f(1)"),
        ("input", "[ANSWER]assert f('==') == 2[/ANSWER]", "f('"),
        ("input", "so assert f(1) and assert f(2)", "f(1) and"),
    ],
)
def test_what_cruxeval_reads(mode, said, read):
    assert extraction.published("cruxeval", mode, said) == read


@pytest.mark.parametrize(
    "name, mode", [("cruxeval", "output"), ("cruxeval", "input"), ("livecodebench", "output")]
)
def test_random_completions_are_read_as_published(name, mode):
    draw = random.Random(name + mode)
    for _ in range(3000):
        said, opened = "".join(draw.choices(PIECES, k=draw.randrange(9))), draw.random() < 0.5
        assert extraction.published(name, mode, said, opened) == official_rules.extracted(
            name, mode, said, not opened
        )


@pytest.mark.parametrize(
    "prompt, answer, said, read",
    [
        ("code", "assert f(1) == '=='", "<answer>assert f(1) == '=='</answer>", "'"),
        ("code", None, "nothing", ""),
        ("code", "2\n3", "<answer>2\n3</answer>", "2\n3"),
        ("code", "2", "[ANSWER]3[/ANSWER]<answer>2</answer>", "2"),
        ("in [ANSWER] marks:\n", None, "so f(1) == 2\nx", "2"),
        ("code", "4", "[ANSWER]3[/ANSWER] no: [ANSWER]4[/ANSWER]", "3"),
        ("code [ANSWER]\n", "2", "2[/ANSWER] more", "2"),
        ("[ANSWER]", "f(1) == 2", "f(1) == 2\n[/ANSWER]", "2"),
        ("[ANSWER]", "2", "[ANSWER]2[/ANSWER]", "[ANSWER]2"),
    ],
)
def test_replies_to_prompts_of_all_forms(prompt, answer, said, read):
    assert extraction.of_reply("livecodebench", "output", prompt, answer, said) == read


def test_an_answer_with_two_equals_signs_is_cut_as_published_and_strictly_whole(sandbox):
    row = {
        "id": "sample_0",
        "code": "def g(x):\n    return x * 2",
        "input": "g('=')",
        "output": "'=='",
        "function_name": "g",
    }
    questions = benchmarks.questions("livecodebench", [row], ("output",))
    said = ["[ANSWER]assert g('=') == '=='[/ANSWER]", "[ANSWER]'=='[/ANSWER]", "<answer>'=='</answer>"]
    for text in said:
        (item,) = evaluate._ask(
            "m", "livecodebench", questions, lambda _, t=text: [evaluate.Reply(t)], sandbox, 0
        )
        assert (item["verdict"], item["parity"]) == (True, False)
    # Cut before, as its own harness does, such an answer cannot be told; pasted whole, it is right.
    assert score_cruxeval.score(
        "livecodebench", "output", [row], {"sample_0": ["'=='"]}, sandbox
    ).official == {"sample_0": [True]}


def test_the_benchmarks_direct_prompts_open_the_mark_themselves(sandbox):
    row = benchmarks.load("cruxeval", where=FIXTURES)[5]
    (asked,) = benchmarks.questions("cruxeval", [row], ("output",))
    asked = type(asked)(**{**vars(asked), "prompt": f"{row['code']}\n[ANSWER]\n"})
    went_on = "[PYTHON]\ndef g()\n[/PYTHON]\n[ANSWER]\n5\n[/ANSWER]"
    said = f"assert f({row['input']}) == {row['output']}\n[/ANSWER]\n\n{went_on}"
    (item,) = evaluate._ask("m", "cruxeval", [asked], lambda _: [evaluate.Reply(said)], sandbox, 0)
    assert (item["verdict"], item["parity"]) == (True, True)


def test_whole_completions_can_be_scored_from_the_command_line(tmp_path, capsys):
    rows = benchmarks.load("livecodebench", where=FIXTURES)
    given = {
        row["id"]: [
            f"[ANSWER]assert {row['input']} == {row['output']}[/ANSWER]",
            "no answer",
            f"[ANSWER]0[/ANSWER] or [ANSWER]{row['output']}[/ANSWER]",
        ]
        for row in rows
    }
    (tmp_path / "given.json").write_text(json.dumps(given))
    words = [
        "livecodebench",
        "--mode",
        "output",
        "--generations",
        str(tmp_path / "given.json"),
        "--completions",
        "--data",
        str(FIXTURES),
        "--out",
        str(tmp_path / "scored.json"),
    ]
    assert score.main(words) == 0
    result = json.loads((tmp_path / "scored.json").read_text())
    first = rows[0]
    assert result["raw_generations"][first["id"]] == [first["output"], "no answer", "0"]
    assert result["raw_scored_generations"][first["id"]] == [True, False, False]
    assert result["strict_scored_generations"][first["id"]] == [True, False, True]
