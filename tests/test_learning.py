"""Tables and figure of the small base's page: what they say of given rows."""

import pandas as pd

from cr_utils import learning

CHOICE = {"variant": "shipped", "weights": 2_457_216, "vocabulary": 487, "tokens": 1000, "characters": 2400,
          "bits_per_character": 1.25, "steps_right": 0.5, "outputs_right": 0.125}


def row(name, steps, right, **more):
    return {"label": f"{name}+{steps}", "model": name, "millions": int(name[:-1]), "sft_steps": steps,
            "right": right, **more}


ROWS = [row("20M", 0, {"heldout": [10, 100], "cruxeval": [4, 100]}, bits_per_character=0.5, steps_right=0.4),
        row("50M", 0, {"heldout": [20, 100], "cruxeval": [5, 100]}, bits_per_character=0.3, steps_right=0.5),
        row("20M", 170, {"heldout": [30, 100], "cruxeval": [6, 100]}),
        row("50M", 170, {"heldout": [40, 100], "cruxeval": [7, 100]}),
        row("50M", 680, {"heldout": [50, 100]})]


def test_a_choice_is_a_line_with_its_numbers():
    assert learning.choices([CHOICE]).splitlines()[-1] == (
        "| shipped | 2,457,216 | 487 | 1,000 | 2,400 | 1.250 | 50.0 % | 12.5 % |")


def test_a_line_of_the_curve_has_intervals_and_dashes_for_what_was_not_measured():
    lines = learning.curve(ROWS).splitlines()
    assert len(lines) == 2 + len(ROWS)
    assert lines[2].startswith("| 20M | 0, direct | 10.0 [5.5, 17.4] (n=100) |")
    assert lines[-1].startswith("| 50M | 680 | 50.0") and lines[-1].endswith("| — | — | — |")


def test_the_limits_are_the_operations_that_fail_most_beside_unseen_cells():
    columns = ["model", "benchmark", "operation", "n", "accuracy", "share_of_failures"]
    frame = pd.DataFrame([
        ("grpo", "heldout", "sum()", 100, 0.6, 0.4), ("grpo", "heldout", "rarer operations", 9, 0.5, 0.3),
        ("grpo", "heldout", "next line", 900, 0.98, 0.2), ("sft", "heldout", "len()", 9, 0.1, 0.9),
        ("grpo", "heldout_ood", "next line", 100, 0.8, 0.7)], columns=columns)
    lines = learning.limits(frame).splitlines()
    assert lines[2:] == ["| sum() | 100 | 60.0 % | 40.0 % | — | — | — |",
                         "| next line | 900 | 98.0 % | 20.0 % | 100 | 80.0 % | 70.0 % |"]


def test_the_figure_has_a_line_for_each_benchmark_and_form():
    left, right = learning.figure(ROWS)
    told = [text.get_text() for text in left.get_figure().legends[0].get_texts()]
    assert sorted(told) == sorted(["held out, direct", "held out, SFT", "CRUXEval, direct", "CRUXEval, SFT"])
    assert [list(line.get_xdata()) for line in right.get_lines() if len(line.get_xdata()) > 1] != []
    assert len(learning.figure([])) == 2
