"""Constructs: facts of programs, and accuracies in their groups."""

from pathlib import Path

import pytest
import simulated

from cr_utils import benchmarks, constructs, jsonl, reval_questions

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.mark.parametrize(
    "body, loops, nesting",
    [
        ("return x", "no loop", 0),
        ("if x:\n        return 1\n    elif x > 1:\n        return 2\n    return x", "no loop", 1),
        ("for i in x:\n        x += i\n    return x", "for", 1),
        ("while x:\n        x -= 1\n    return x", "while", 1),
        (
            "for i in x:\n        if i:\n            x += i\n    while x:\n        x -= 1\n    return x",
            "for and while",
            2,
        ),
        (
            "for i in x:\n        for j in x:\n            if j:\n                x += i\n    return x",
            "nested loops",
            3,
        ),
        (
            "for i in x:\n        if i:\n            pass\n        else:\n            if x:\n"
            "                x += 1\n"
            "    return [i for i in x]",
            "for",
            2,
        ),
    ],
)
def test_loops_and_nesting(body, loops, nesting):
    found = constructs.of_program(f"def f(x):\n    {body}", "[1]")
    assert (found["loops"], found["nesting"], found["output_type"]) == (loops, nesting, "list")


def test_an_else_with_more_than_an_if_is_deeper():
    code = "def f(x):\n    if x:\n        return 1\n    else:\n        y = 2\n"
    code += "        if y:\n            return y"
    assert constructs.of_program(code, "1")["nesting"] == 2


def test_lines_are_binned():
    assert [
        constructs.of_program("def f(x):\n" + "    x += 1\n" * n, "1")["lines"] for n in (1, 5, 40, 41)
    ] == ["1-5", "6-10", "over 40", "over 40"]


def test_rates_by_group_are_counted(tmp_path):
    rows = simulated.problems(400)
    items = simulated.items(rows, {"sft": 0.5}, cruxeval=0)
    frame = constructs.table(items, rows)
    assert list(frame.columns) == constructs.CONSTRUCTS and frame.n.min() >= constructs.LEAST
    part = frame[(frame.benchmark == "heldout") & (frame.task == "output")]
    asked = [i for i in items if i["benchmark"] == "heldout" and i["task"] == "output"]
    for construct in ("loops", "nesting", "lines", "output_type", "steps", "setting", "type"):
        assert part[part.construct == construct].n.sum() == len(asked), construct
    kinds = {row["id"]: row["constraint"]["type"] for row in rows}
    mine = [i for i in asked if kinds[i["question_id"].split("/")[0]] == "str"]
    found = part[(part.construct == "type") & (part.group == "str")].iloc[0]
    assert (found.n, found.correct) == (len(mine), sum(i["verdict"] for i in mine))


def test_real_benchmarks_are_known_by_numbers_only(tmp_path):
    rows = [benchmarks.load(name, where=FIXTURES) for name in ("reval", "reval_tasks")]
    sheets = {"cruxeval": benchmarks.questions("cruxeval", benchmarks.load("cruxeval", where=FIXTURES)),
              "reval": reval_questions.questions(*rows), "heldout": []}
    made = constructs.of_questions(sheets)
    jsonl.write(tmp_path / "programs.jsonl", made)
    assert (
        constructs.recorded(tmp_path / "programs.jsonl") == made
        and constructs.recorded(tmp_path / "gone") == []
    )
    assert {row["benchmark"] for row in made} == {"cruxeval", "reval"}
    assert set(made[0]) == {"benchmark", "problem_id", "loops", "nesting", "output_type", "lines"}
    items = [{"model": "m", "benchmark": "cruxeval", "task": q.task, "question_id": q.id, "verdict": True}
             for q in sheets["cruxeval"]] * 2
    frame = constructs.table(items, [], made)
    assert set(frame.construct) <= {"loops", "nesting", "output_type", "lines"} and len(frame)
    assert frame[(frame.task == "output") & (frame.construct == "loops")].n.sum() <= 16
