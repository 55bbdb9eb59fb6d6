"""How far wrong answers are off: by type, by little, by more."""

import pytest

from cr_utils import evaluate, nearness, questions


@pytest.mark.parametrize(
    "answer, right, kind",
    [
        ("3", "4", "off_by_little"),
        ("104", "100", "off_by_little"),
        ("120", "100", "wrong"),
        ("3.0", "3", "wrong_type"),
        ("'3'", "3", "wrong_type"),
        ("True", "1", "wrong_type"),
        ("None", "1", "wrong_type"),
        ("True", "False", "wrong"),
        ("nan", "1.5", "wrong"),
        ("10**5", "3", "wrong"),
        (f"{'9' * 400}", "1.5", "wrong_type"),
        ("'abc'", "'abd'", "off_by_little"),
        ("'abc'", "'abcd'", "off_by_little"),
        ("'xabc'", "'abc'", "off_by_little"),
        ("'acb'", "'abc'", "wrong"),
        ("'b'", "'a'", "wrong"),
        ("''", "'abc'", "wrong"),
        ("[1, 2, 4]", "[1, 2, 3]", "off_by_little"),
        ("[1, 2]", "[1, 2, 3]", "off_by_little"),
        ("[1]", "[1, 2, 3]", "wrong"),
        ("(1, 2, 3)", "[1, 2, 3]", "wrong_type"),
        ("{'a': 1, 'b': 2, 'c': 4}", "{'a': 1, 'b': 2, 'c': 3}", "off_by_little"),
        ("{'a': 1}", "{'a': 1, 'b': 2, 'c': 3}", "wrong"),
        ("{1, 2, 4}", "{1, 2, 3}", "off_by_little"),
        ("{1, 5, 6}", "{1, 2, 3}", "wrong"),
        ("f(", "3", "wrong"),
    ],
)
def test_kinds(answer, right, kind):
    assert nearness.how_wrong(answer, right) == kind


def test_items_say_how_a_wrong_output_is_wrong(tmp_path):
    asked = [
        questions.at(
            {
                "id": f"p{n}",
                "code": f"def f(x):\n    return x + {n}",
                "entry_point": "f",
                "input": "1",
                "output": str(1 + n),
            },
            task,
        )
        for n in (0, 5)
        for task in ("output", "input")
    ]
    said = {"p0/output": "2", "p5/output": "'6'", "p0/input": "f(7)", "p5/input": "f(1)"}
    items = evaluate.run(
        "m",
        "heldout",
        asked,
        lambda some: [evaluate.Reply(f"<answer>{said[one.id]}</answer>") for one in some],
        tmp_path / "items.jsonl",
        say=False,
    )
    assert [(item["kind"], item.get("detail")) for item in items] == [
        ("wrong", "off_by_little"), ("wrong", None), ("wrong", "wrong_type"), ("pass", None)]
