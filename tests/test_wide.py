"""The wide grammar: every operation occurs, every statement matters, the narrator agrees, bytes repeat."""

import ast
import json
import os
import random
import re
from collections import Counter

import pytest

from cr_utils import benchmarks, candidates, data_cli, structure, synthesis, teacher
from cr_utils.errors import UserError
from cr_utils.fingerprints import committed, fingerprint
from cr_utils.trace import trace_call
from cr_utils.wide import coverage, difficulty, make, naturalness, near, shapes, space, stream, switches

OPTIONS = {"mutation": True, "max_steps": 60}


@pytest.fixture(scope="module")
def made():
    """Problems and reasons of 500 drawn programs of the training split."""
    outcomes = [
        o for i in range(500) for o in make.candidates_of(random.Random(f"test:{i}"), "train", OPTIONS)
    ]
    return [o for o in outcomes if not isinstance(o, str)], Counter(o for o in outcomes if isinstance(o, str))


def test_the_space_is_as_wide_as_the_released_recipe():
    sp = space.space()
    types = Counter(op.type for op in sp.operations.values())
    assert len(sp.operations) > 300
    assert {
        "str",
        "list",
        "dict",
        "set",
        "tuple",
        "float",
        "int",
        "range",
        "enumerate",
        "zip",
        "reversed",
        "filter",
    } <= set(types)
    text = " ".join(" ".join(v.parts) for op in sp.operations.values() for v in op.variants)
    for kind in (str, list, dict, set, tuple):
        for name in dir(kind):
            assert name.startswith("_") or f".{name}" in text or kind is dict and name == "fromkeys", (
                kind,
                name,
            )


def test_nearly_every_cell_can_be_written():
    rng, missing = random.Random(1), []
    for op in space.space().operations.values():
        cell = space.Cell(
            op, "control" if op.variants[0].loop else "methods", 1 if op.variants[0].loop else 0
        )
        if not any(shapes.program(rng, cell) for _ in range(12)):
            missing.append(op.key)
    assert missing == []


@pytest.mark.parametrize(
    "text, words",
    [
        ("types: {str: {upper: 3}}", "str.upper is no text"),
        ("types: {str: {upper: '{nope}.upper() -> str'}}", "unknown hole"),
        ("types: {}\nood: [str.nope]", "str.nope is no operation"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path, text, words):
    (tmp_path / "space.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=words):
        space.read(tmp_path / "space.yaml")


def test_problems_are_what_runs_give_and_every_line_is_reached(made):
    problems, reasons = made
    assert len(problems) > 200
    reached = {}
    for p in problems:
        run = trace_call(p["code"], "f", p["input"])
        assert run.output == p["output"] and len(run.lines) == p["difficulty"]
        reached.setdefault(p["code"], []).append(run)
    several = [run for run in reached.values() if len(run) > 1]
    assert len(several) > 0.8 * len(reached)
    assert all(len({run.output for run in some}) == len(some) for some in several)
    whole = [
        code
        for code, some in reached.items()
        if make.statements(ast.parse(code)) <= set().union(*(run.coverage for run in some))
    ]
    assert len(whole) > 0.97 * len(reached)


def test_the_depth_is_that_of_the_label(made):
    for p in made[0]:
        if p["constraint"]["setting"] == "control":
            assert structure.depth(ast.parse(p["code"])) == p["constraint"]["depth"]


def test_the_narrator_agrees_wherever_it_can_narrate(made):
    narrated = 0
    for p in made[0]:
        try:
            _, value = teacher.walk(p["code"], "f", p["input"])
        except (teacher.narrator.Unsupported, teacher.narrator.TooLong):
            continue
        narrated += 1
        assert teacher.agrees(value, p["output"]), p["code"]
    assert narrated > 0.9 * len(made[0])


@pytest.mark.parametrize(
    "code, inputs, line",
    [
        ("def f(x):\n    y = x + 1\n    x = x * 1\n    return y", ["1", "2"], 3),
        (
            "def f(xs):\n    n = 0\n    for x in xs:\n        if x > -99:\n            n += x\n    return n",
            ["[1, 2]", "[3]"],
            4,
        ),
        (
            "def f(xs):\n    n = 0\n    for x in xs:\n        if x > 1:\n            n += x\n    return n",
            ["[1, 2]", "[3]"],
            0,
        ),
        (
            "def f(n):\n    t = 0\n    while n > 0:\n        t += n\n        n -= 1\n    return t",
            ["3", "2"],
            0,
        ),
    ],
)
def test_a_statement_that_can_be_left_out_is_found(code, inputs, line):
    outputs = [trace_call(code, "f", one).output for one in inputs]
    assert switches.idle_statement(ast.parse(code), inputs, outputs) == line


def test_planted_copies_of_benchmark_programs_are_found(monkeypatch):
    real = (
        "def f(text, n):\n    out = []\n    for i, c in enumerate(text):\n        if i % n == 0:\n"
        "            out.append(c.upper())\n        else:\n            out.append(c)\n"
        "    return '-'.join(out[::-1])"
    )
    planted = (
        real.replace("text", "words")
        .replace("out", "pieces")
        .replace("'-'", "'+'")
        .replace("n == 0", "n == 1")
    )
    longer = planted.replace("    return", "    pieces.sort()\n    return")
    other = (
        "def f(d):\n    total = 0\n    for k, v in d.items():\n        if v > len(k):\n"
        "            total += v\n"
        "    return total * 2"
    )
    assert [near.near_copy(code) for code in (planted, longer, other)] == [None, None, None]
    numbers = {gram: (0,) for gram in near.ngrams(real)}
    monkeypatch.setattr(near, "index", lambda: numbers)
    assert [near.near_copy(code) for code in (planted, longer, other)] == ["near copy", "near copy", None]


BENCHMARK = (
    "def f(text, n):\n    out = []\n    for i, c in enumerate(text):\n        if i % n == 0:\n"
    "            out.append(c.upper())\n        else:\n            out.append(c)\n"
    "    return '-'.join(out[::-1])"
)
OWN = ("def {name}(rows):\n    best = 0\n    for row in rows:\n        best = max(best, sum(row) * 3)\n"
       "    return best")
LONG = "\n".join(f"    z{i} = [{i}, 'a'] if len(text) > {i} else ({i} - 3) * 2" for i in range(40))


@pytest.mark.parametrize(
    "code, found",
    [
        (BENCHMARK, "near copy"),
        # One function of two.
        (BENCHMARK.replace("def f", "def g") + "\n\n" + OWN.format(name="f"), "near copy"),
        (BENCHMARK.replace("    out = []", LONG + "\n    out = []"), "near copy"),  # whole, among other code
        (OWN.format(name="f"), None),
        ("def g(x, y):\n    return x + y\n\n" + OWN.format(name="f"), "benchmark program"),  # a function
    ],
)
def test_copies_planted_in_programs_that_others_wrote_are_found(monkeypatch, code, found):
    numbers = {gram: (0,) for gram in near.ngrams(BENCHMARK)}
    monkeypatch.setattr(near, "index", lambda: numbers)
    known = frozenset({fingerprint("def add(a, b):\n    return a + b")})
    monkeypatch.setattr(near, "committed", lambda: known)
    near.sizes.cache_clear()
    try:
        assert near.copied(code) == found
    finally:
        near.sizes.cache_clear()


@pytest.mark.skipif(not os.environ.get("CR_BENCHMARKS"), reason="needs the published files in CR_BENCHMARKS")
def test_every_benchmark_program_is_found_renamed_and_with_other_numbers():
    missed = {"cruxeval": 0, "reval": 0}
    for name in missed:
        for row in benchmarks.load(name, mode="require"):
            renamed = re.sub(r"\b(text|lst|array|nums|s)\b", "other", row["code"])
            missed[name] += near.copied(re.sub(r"(?<![\w.'\"])[2-9](?![\w.'\"])", "7", renamed)) is None
    assert missed == {"cruxeval": 0, "reval": 0}


def test_no_problem_is_a_benchmark_program(made):
    problems, reasons = made
    assert reasons["benchmark program"] + reasons["near copy"] > 0, "the check never applied"
    assert not any(near.near_copy(p["code"]) for p in problems) and len(committed()) > 900


def test_a_stream_is_the_same_on_any_workers_and_after_an_interruption(tmp_path):
    paths = [tmp_path / name for name in ("here.jsonl", "two.jsonl", "torn.jsonl", "other.jsonl")]
    stream.Stream(paths[0], 5, "train", OPTIONS).run(700, workers=0)
    stream.Stream(paths[1], 5, "train", OPTIONS).run(700, workers=2)
    torn = stream.Stream(paths[2], 5, "train", OPTIONS)
    torn.run(400, workers=0)
    with paths[2].open("a", encoding="utf-8") as file:
        file.write('{"torn')
    stream.Stream(paths[2], 5, "train", OPTIONS).run(700, workers=0)
    first, second, third = (path.read_bytes() for path in paths[:3])
    assert first == second == third and first.count(b"\n") == 700
    stream.Stream(paths[3], 5, "train", OPTIONS, (2, 2)).run(150, workers=0)
    ids = [
        {json.loads(line)["id"] for line in path.read_bytes().splitlines()} for path in (paths[0], paths[3])
    ]
    assert len(ids[0]) == 700 and len(ids[1]) == 150
    with pytest.raises(UserError, match="other settings"):
        stream.Stream(paths[0], 6, "train", OPTIONS).run(800, workers=0)


def test_thin_cells_are_preferred():
    op = space.space().pool[0]
    full = Counter({space.place(cell): 5 for cell in space.cells() if cell.operation.key != op.key})
    drawn = [space.sample_cell(random.Random(i), "train", full).operation.key for i in range(2000)]
    evenly = [space.sample_cell(random.Random(i), "train").operation.key for i in range(2000)]
    assert drawn.count(op.key) > 1.5 * max(1, evenly.count(op.key))


def test_without_constraints_a_few_usual_operations_make_up_training_and_no_other_split():
    options = {**OPTIONS, "constraints": False}
    made, held = (
        [
            o
            for i in range(n)
            for o in make.candidates_of(random.Random(f"free:{i}"), split, options)
            if not isinstance(o, str)
        ]
        for split, n in (("train", 250), ("heldout", 250))
    )
    common = {op.key for op in space.space().common}
    keys = [f"{p['constraint']['type']}.{p['constraint']['method']}" for p in made]
    assert len(made) > 100 and set(keys) <= common and len(common) < len(space.space().pool) / 3
    straight = [p for p in made if structure.depth(ast.parse(p["code"])) == 0]
    assert len(straight) > 0.4 * len(made)
    assert any(f"{p['constraint']['type']}.{p['constraint']['method']}" not in common for p in held)


@pytest.mark.parametrize("make_them", [make.candidates_of, candidates.candidates])
def test_without_the_filter_programs_that_do_something_in_vain_pass_in_training_only(make_them):
    def drawn(split, filters):
        options = {**OPTIONS, "constraints": True, "filters": filters}
        found = [o for i in range(300) for o in make_them(random.Random(f"vain:{i}"), split, options)]
        return [o for o in found if not isinstance(o, str)]

    def vain(problems):
        return [p for p in problems if candidates.wasteful(ast.parse(p["code"]))]

    assert vain(drawn("train", False)) and not vain(drawn("train", True))
    assert drawn("heldout", False) == drawn("heldout", True) != []


def test_the_table_counts_programs_by_cell(made):
    rows = coverage.table(made[0])
    assert sum(row["problems"] for row in rows) == len(made[0])
    assert rows == sorted(rows, key=lambda row: row["problems"]) or rows[0]["problems"] == 0
    assert coverage.summary(rows)["operations"] == len(space.space().pool)


def test_synthesis_takes_the_wide_grammar_and_counts_every_candidate():
    sizes = {"train": 40, "validation": 4, "heldout": 4, "heldout_ood": 4}
    problems, rows = synthesis.synthesize(
        sizes, {"seed": 1, "constraints": True, "grammar": "wide", **OPTIONS}, workers=0
    )
    assert Counter(p["split"] for p in problems) == sizes
    assert {p["source"] for p in problems} == {"wide"}
    counts = {row["step"]: row["n"] for row in rows if row["split"] == "train"}
    assert counts["candidates"] == counts["accepted"] + sum(counts[reason] for reason in make.REASONS)
    assert synthesis.funnel(rows)[-1]["n"] == 52


def test_thin_cells_fill_up_in_synthesis_too_and_the_number_of_workers_changes_nothing(monkeypatch):
    monkeypatch.setattr(synthesis, "LAG", 3)
    sizes = dict.fromkeys(synthesis.SPLITS, 0) | {"train": 500}
    options = {"seed": 2, "constraints": True, "grammar": "wide", **OPTIONS}
    here, _ = synthesis.synthesize(sizes, options, workers=0, chunk=20)
    assert synthesis.synthesize(sizes, options, workers=1, chunk=20)[0] == here
    monkeypatch.setattr(synthesis.Thin, "known", lambda self, number: None)
    evenly, _ = synthesis.synthesize(sizes, options, workers=0, chunk=20)
    filled = [len({space.place_of(p) for p in problems}) for problems in (here, evenly)]
    assert filled[0] > filled[1]


def test_the_command_prints_the_thinnest_cells_of_a_file(made, tmp_path, capsys):
    path = tmp_path / "some.jsonl"
    path.write_text("".join(json.dumps(p) + "\n" for p in made[0]), encoding="utf-8")
    assert data_cli.main(["coverage", str(path), "--most", "3"]) == 0
    *cells, told = capsys.readouterr().out.splitlines()
    assert len(cells) == 3 and all(" 0 programs" in line for line in cells)
    assert f"operations: {len(space.space().pool)}" in told
    with pytest.raises(UserError, match="gone.jsonl is not there"):
        data_cli.main(["coverage", str(tmp_path / "gone.jsonl")])


def test_problems_of_the_core_grammar_are_counted_against_their_own_space(tmp_path, capsys):
    made, _ = synthesis.synthesize(dict.fromkeys(synthesis.SPLITS, 0) | {"train": 40},
                                   {"seed": 0, "constraints": True, "grammar": "core", **OPTIONS})
    path = tmp_path / "core.jsonl"
    path.write_text("".join(json.dumps(p) + "\n" for p in made), encoding="utf-8")
    assert data_cli.main(["coverage", str(path), "--most", "0"]) == 0
    first, *cells, told = capsys.readouterr().out.splitlines()
    assert "core grammar" in first and f"cells: {len(cells)}" in told
    assert sum(int(line.split()[-2]) for line in cells) == 40


def test_the_curriculum_begins_with_easy_problems(made):
    problems = made[0][:120]
    easy = difficulty.ordered(problems, "curriculum", 3)
    assert sorted(p["id"] for p in easy) == sorted(p["id"] for p in problems)
    means = [sum(p["difficulty"] for p in part) / len(part) for part in (easy[:30], easy[-30:])]
    assert means[0] < means[1]
    assert difficulty.ordered(problems, "random") == problems


def test_the_classifier_tells_apart_what_differs_and_not_what_is_the_same(made):
    codes = sorted({p["code"] for p in made[0]})
    half = len(codes) // 2
    shuffled = random.Random(0).sample(codes, len(codes))
    same = naturalness.classify(shuffled[:half], shuffled[half:])
    odd = naturalness.classify(
        shuffled[:half], [code.replace("return ", "return not not ") for code in shuffled[half:]]
    )
    assert same["accuracy"] < 0.65 and odd["accuracy"] > 0.95


def test_every_program_holds_the_operation_of_its_label(made):
    """Weaker than the writer's own check: some variant's fixed text stands in the program."""
    for p in made[0]:
        op = space.space().operations[f"{p['constraint']['type']}.{p['constraint']['method']}"]
        if not op.variants[0].loop:
            assert any(all(part in p["code"] for part in v.parts[::2]) for v in op.variants), p["code"]
