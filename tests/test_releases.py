"""The released sets: read as their public scripts write them, run again, refused clearly where they are
not.
"""

import json

import pytest

from cr_utils import data_cli, distill, releases
from cr_utils.errors import UserError
from cr_utils.fingerprints import fingerprint
from cr_utils.wide import near

OPTIONS = {"max_steps": 24}
PROGRAM = "def add(a, b):\n    # adds\n    t = a + b * {n}\n    return t"


def rl_row(n, **more):
    return {"func_str": PROGRAM.format(n=n), "func_name": "add", "func_args": "2, 3",
            "result": str(2 + 3 * n), "prompt_str": "?", "question_answers": [], "type": "io"} | more


def sft_row(asked, answer, reasoning="a step"):
    human = f"Fill in.\n```\ndef add(a, b):\n    return a + b\n\n{asked}\n\n```\nOutput the test case."
    said = f"<reasoning>\n{reasoning}\n</reasoning>\n<answer>\n```python\n" \
           "def add(a, b):\n    return a + b\n\n" \
           f"{answer}\n```\n</answer>"
    return {"conversations": [{"from": "human", "value": human}, {"from": "gpt", "value": said}]}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CR_RELEASED", str(tmp_path))
    return tmp_path


def test_problems_are_run_again_split_by_program_and_counted(folder):
    odd = [rl_row(3, result="12"), rl_row(4, func_args="open('x')"), rl_row(5, func_name="other"),
           rl_row(6, func_str="def add(a, b):\n    while True:\n        a += b\n    return a"), rl_row(2),
           rl_row(7, func_str="import os\ndef add(a, b):\n    return os.getcwd()", result="'/'")]
    good = [rl_row(n, func_str=PROGRAM.format(n=n).replace("a + b", "a + b" + " + b" * k),
                   result=str(2 + 3 * n + 3 * k))
            for n in (2,) for k in range(40)]
    (folder / "rl_dataset.json").write_text(json.dumps([*good, *odd]))
    sizes = {"train": 20, "validation": 1, "heldout": 1, "heldout_ood": 1}
    problems, steps = releases.problems(sizes, OPTIONS)
    assert [one["split"] for one in problems].count("train") == 20 and len(problems) == 23
    assert all("#" not in one["code"] and one["source"] == "released" for one in problems)
    assert {one["split"] for one in problems} == set(sizes) and steps[0]["n"] == 46 and steps[-1]["n"] == 23
    left = {row["step"]: row["n"] for row in steps}
    assert left["candidates"] - left["not: not a plain program"] == 3
    assert left["not: benchmark program"] - left["not: fails or gives another value"] == 2
    assert left["not: output not a small literal"] - left["not: duplicate"] == 1


def test_planted_copies_of_a_benchmark_program_are_dropped_and_counted(folder, monkeypatch):
    real = "def g(text, n):\n    out = []\n    for i, c in enumerate(text):\n        if i % n == 0:\n" \
           "            out.append(c.upper())\n        else:\n            out.append(c)\n" \
           "    return '-'.join(out[::-1])"
    numbers = {gram: (0,) for gram in near.ngrams(real)}
    monkeypatch.setattr(near, "index", lambda: numbers)
    near.sizes.cache_clear()
    planted = real.replace("out", "pieces").replace("'-'", "'+'")
    rows = [rl_row(2, func_str=planted, func_name="g", func_args="'abc', 2", result="'C+b+A'"),
            rl_row(2, func_str=f"{planted}\n\ndef add(a, b):\n    t = 3 * a\n    return g(t, b)",
                   func_args="'ab', 2", result="'b+A+b+A+b+A'"),
            *(rl_row(2, func_str=PROGRAM.format(n=2).replace("a + b", "a + b" + " + b" * k),
                     result=str(8 + 3 * k))
              for k in range(40))]
    (folder / "rl_dataset.json").write_text(json.dumps(rows))
    problems, steps = releases.problems({"train": 20, "validation": 1, "heldout": 1, "heldout_ood": 1},
                                        OPTIONS)
    near.sizes.cache_clear()
    left = {row["step"]: row["n"] for row in steps}
    assert left["not: benchmark program"] - left["not: near copy"] == 2
    assert not any("enumerate" in one["code"] for one in problems)


def test_too_small_a_set_says_what_to_lower(folder):
    (folder / "rl_dataset.jsonl").write_text(json.dumps(rl_row(2)) + "\n")
    with pytest.raises(UserError, match="lower data_"):
        releases.problems({"train": 5, "validation": 1, "heldout": 1, "heldout_ood": 1}, OPTIONS)


def test_chains_are_judged_by_runs_and_not_by_themselves(folder):
    rows = [sft_row("assert add(1, 2) == ????", "assert add(1, 2) == 3"),
            sft_row("assert add(1, 2) == ????", "assert add(1, 2) == 4"),
            sft_row("assert add(????) == 9", "assert add(4, 5) == 9"),
            sft_row("assert add(????) == 9", "assert add(4, 4) == 9"),
            sft_row("assert add(????) == 9", "I do not know")]
    (folder / "sft_dataset.json").write_text(json.dumps(rows))
    chains = list(releases.chains())
    assert [(row["task"], row["verdict"]) for row in chains] == \
        [("output", True), ("output", False), ("input", True), ("input", False)]
    assert chains[0]["completion"] == "<reasoning>\na step\n</reasoning>\n<answer>3</answer>"
    assert chains[2]["completion"].endswith("<answer>add(4, 5)</answer>")
    assert "assert add(?) == 9" in chains[2]["prompt"]


def test_the_command_writes_chains_to_train_on_and_says_what_it_left_out(folder, tmp_path, capsys):
    rows = [sft_row("assert add(1, 2) == ????", "assert add(1, 2) == 3"),
            sft_row("assert add(1, 2) == ????", "assert add(1, 2) == 4"),
            sft_row("assert add(????) == 9", "I do not know")]
    (folder / "sft_dataset.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "chains.jsonl"
    assert data_cli.main(["chains", "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "3 rows: 1 in no form that can be judged, 1 wrong, 1 accepted" in told
    assert f"sft_chains '[{out}]'" in told
    found, = distill.training_rows(tmp_path / "none", [str(out)])
    assert found["completion"].endswith("<answer>3</answer>")
    with pytest.raises(UserError, match="gone.jsonl is not there: `python -m cr_utils data chains"):
        distill.training_rows(tmp_path / "none", ["gone.jsonl"])
    (tmp_path / "odd.jsonl").write_text('{"text": 1}\n')
    with pytest.raises(UserError, match="odd.jsonl holds no chains"):
        distill.training_rows(tmp_path / "none", [str(tmp_path / "odd.jsonl")])


def test_chains_about_copies_of_benchmark_programs_are_not_accepted(folder, monkeypatch):
    known = frozenset({fingerprint("def plus(x, y):\n    return x + y")})
    monkeypatch.setattr(near, "committed", lambda: known)
    rows = [sft_row("assert add(1, 2) == ????", "assert add(1, 2) == 3")]
    (folder / "sft_dataset.json").write_text(json.dumps(rows))
    assert [(row["verdict"], row["kind"]) for row in releases.chains()] == [(False, "benchmark program")]


def test_what_cannot_be_had_or_is_another_set_is_one_clear_line(folder, monkeypatch):
    with pytest.raises(UserError, match="holds no rl_dataset.json"):
        releases.rows("rl")
    (folder / "rl_dataset.json").write_text('[{"code": "x"}]')
    with pytest.raises(UserError, match="no column 'func_str', only code"):
        releases.rows("rl")
    (folder / "sft_dataset.json").write_text("[")
    with pytest.raises(UserError, match="not JSON"):
        releases.rows("sft")
    monkeypatch.delenv("CR_RELEASED")
    import datasets
    monkeypatch.setattr(datasets,
                        "load_dataset", lambda *_, **__: (_ for _ in ()).throw(ConnectionError("no route")))
    with pytest.raises(UserError, match="cannot be fetched from the Hugging Face hub .no route.*CR_RELEASED"):
        releases.rows("rl")
