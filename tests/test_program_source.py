"""Programs from a model behind a real server: the same filters as the grammar's, and nothing hostile gets
in.
"""

import ast
import functools
import json
from collections import Counter

import pytest
import scripted_model
from answering_server import Answering

from cr_utils import (
    candidates,
    constraints,
    datacards,
    drafts,
    jsonl,
    liveness,
    origins,
    params,
    program_source,
    record,
    structure,
    usage,
)
from cr_utils.errors import UserError
from cr_utils.fingerprints import fingerprint
from cr_utils.sandbox import Sandbox
from cr_utils.wide import near

SIZES = {"train": 40, "validation": 4, "heldout": 6, "heldout_ood": 6}
OPTIONS = {"seed": 3, "constraints": True, "mutation": True, "max_steps": 24}
KINDS = (429, 500, "cut", "malformed", "slow", None)


def faulty(prompt, number):
    """Every kind of fault on the first tries of a prompt."""
    return KINDS[(len(prompt) + number) % len(KINDS)] if number < 3 else None


def values(server, **more):
    return params.load("smoke", {"data_source": "llm", "data_model": f"m@{server.url}",
                                 "data_endpoint": {"wait": 0.001, "timeout": 20}} | more)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(problems, steps, folder) of a run with faults and a third of the programs spoiled."""
    folder = tmp_path_factory.mktemp("llm")
    reply = functools.partial(scripted_model.program, mark=str(folder / "mark"))
    with Answering(reply, faulty) as server:
        problems, steps = origins.problems(values(server), SIZES, OPTIONS, folder)
    return problems, steps, folder


def test_every_split_is_full_and_of_the_records_that_the_grammar_has(made):
    problems = made[0]
    assert Counter(one["split"] for one in problems) == SIZES
    fields = {"id", "code", "entry_point", "input", "output", "constraint", "source", "difficulty", "split"}
    assert all(set(one) == fields and one["source"] == "llm" for one in problems)
    assert len({one["id"] for one in problems}) == len(problems)


def test_no_program_stands_in_two_splits_and_held_out_operations_in_none_of_training(made):
    prints = {}
    for one in made[0]:
        prints.setdefault(fingerprint(one["code"]), set()).add(one["split"])
        tree, depth = ast.parse(one["code"]), structure.depth(ast.parse(one["code"]))
        if one["split"] != "heldout_ood":
            barred = [constraints.space().operations[key] for key in constraints.space().ood]
            types = [scripted_type(arg) for arg in ast.parse(f"f({one['input']})").body[0].value.args]
            assert not [op for op in barred if usage.uses(tree, types, op)] and depth < 3
    assert all(len(splits) == 1 for splits in prints.values())
    assert all(candidates.share(p) == "validation" for p, s in prints.items() if s == {"validation"})
    assert all(candidates.share(p) == "heldout" for p, s in prints.items() if s == {"heldout"})


def scripted_type(node):
    from cr_utils.program_replies import type_of
    return type_of(ast.literal_eval(node))


def test_every_output_is_that_of_a_run_and_passes_the_grammars_rules(made):
    with Sandbox() as sandbox:
        runs = sandbox.map([(p["code"], f"f({p['input']})") for p in made[0]])
    for one, run in zip(made[0], runs, strict=True):
        tree = ast.parse(one["code"])
        assert run.value_text == one["output"] and candidates.small_literal(one["output"])
        assert one["difficulty"] <= OPTIONS["max_steps"]
        assert one["constraint"]["depth"] == structure.depth(tree)
        assert not structure.idle(tree) and "#" not in one["code"].replace("'#'", "")
        for function in tree.body:
            assert not any(liveness.unread(function))


def test_hostile_programs_leave_no_mark_and_are_counted(made):
    problems, steps, folder = made
    assert not (folder / "mark").exists()
    assert not [p for p in problems for word in ("import", "__", "open", "exec") if word in p["code"]]
    numbers = [row["n"] for row in steps]
    assert numbers == sorted(numbers, reverse=True) and numbers[-1] == sum(SIZES.values())
    dropped = {row["step"].removeprefix("not: "): before["n"] - row["n"]
               for before, row in zip(steps, steps[1:], strict=False)}
    assert dropped["no program"] > 0 and dropped["breaks a rule"] > 0 and dropped["dead code"] >= 0


def test_the_yield_by_cell_adds_up(made):
    cells = jsonl.read_json(made[2] / "cells.json")
    assert sum(row["problems"] for row in cells) == len(made[0])
    assert all(row["programs"] <= row["asked"] for row in cells) and len(cells) > 20


def test_every_prompt_and_reply_is_kept_and_a_rerun_asks_nothing(made, tmp_path):
    log = made[2] / "requests.jsonl"
    rows = jsonl.read(log)
    assert all(row["prompt"] and "text" in row for row in rows)
    assert any("Here is a Python program" in row["prompt"] for row in rows)
    (tmp_path / "requests.jsonl").write_bytes(b"")
    with Answering(scripted_model.program) as server:
        first = origins.problems(values(server), SIZES, OPTIONS, tmp_path)
        asked, data = len(server.asked), (tmp_path / "requests.jsonl").read_bytes()
        (tmp_path / "requests.jsonl").write_bytes(data[:len(data) * 2 // 3])  # killed in the middle of a line
        kept = len(jsonl.Appender(tmp_path / "requests.jsonl", key="key").rows)
        again = origins.problems(values(server), SIZES, OPTIONS, tmp_path)
        assert again == first and len(server.asked) == asked + asked - kept
        assert origins.problems(values(server), SIZES, OPTIONS, tmp_path) == first
        assert len(server.asked) == 2 * asked - kept


def test_costs_are_said_first_forecast_after_a_pilot_and_held_to_the_budget(tmp_path, capsys):
    prices = {"input": 1.0, "output": 2.0}
    with Answering(scripted_model.program) as server:
        endpoint = {"wait": 0.001, "prices": prices, "budget": 0.12}
        with pytest.raises(UserError, match="would cost about .* above the budget of .0.12"):
            origins.problems(values(server, data_endpoint=endpoint), SIZES | {"train": 9000}, OPTIONS,
                             tmp_path)
    told = capsys.readouterr().out
    assert "9016 problems from at least 3006 programs" in told and "at most $" in told
    assert "the rest will take about" in told and len(server.asked) < 40


def test_a_model_without_a_use_ends_with_what_was_wrong(tmp_path, monkeypatch):
    monkeypatch.setattr(program_source, "PATIENCE", 20)
    with Answering(lambda prompt, body: "No.") as server:
        with pytest.raises(UserError, match="none of .* is acceptable: no program"):
            origins.problems(values(server), SIZES, OPTIONS, tmp_path)


def test_a_program_whose_result_depends_on_the_hash_seed_or_ignores_its_input_is_dropped():
    def ask(prompts, number):
        codes = ("return list({a, 'x', 'y', 'zz', 'q'})[:2]", "return a[:0] + 'k'", "return (a + a).upper()")
        return [f"```\ndef f(a):\n    {codes[i % 3]}\n\nprint(f('bcd'))\n```" for i in range(len(prompts))]
    options = OPTIONS | {"mutation": False, "inputs": 0}
    with program_source.Source(SIZES, options, ask) as source:
        cell = constraints.Cell(constraints.space().operations["str.upper"], "nested", 0)
        made = [drafts.Draft(cell, False) for _ in range(3)]
        for draft, reply in zip(made, ask([""] * 3, 0), strict=True):
            drafts.read(draft, reply)
            draft.reason = None if draft.reason == "operation missing" else draft.reason
        source._run(made)
        source._compare(made)
    assert [draft.reason or draft.runs[0] for draft in made[:2]] == \
        ["depends on hash order", "output ignores the input"]
    assert made[2].runs[0]["output"] == "'BCDBCD'"


def test_a_model_must_be_named_and_its_settings_known(tmp_path):
    with pytest.raises(UserError, match="data_model is empty"):
        origins.problems(params.load("smoke", {"data_source": "llm"}), SIZES, OPTIONS, tmp_path)
    with pytest.raises(UserError, match="did you mean budget"):
        params.load("smoke", {"data_endpoint": {"budgett": 3}})


def test_equal_prompts_are_separate_samples():
    told = []

    def ask(prompts, number):
        told.append((number, list(prompts)))
        return [f"{prompt}{number}" for prompt in prompts]
    with program_source.Source(SIZES, OPTIONS, ask) as source:
        assert source._replies(["a", "b", "a"]) == ["a0", "b0", "a1"] and source._replies(["a"]) == ["a2"]
    assert json.dumps(told) == json.dumps([(0, ["a", "b"]), (1, ["a"]), (2, ["a"])])


def test_copies_of_benchmark_programs_that_a_model_writes_are_dropped_and_counted_in_the_card(
    made, tmp_path, monkeypatch
):
    longest = sorted({one["code"] for one in made[0]}, key=lambda code: -len(near.ngrams(code)))
    planted = {gram: (number,) for number, code in enumerate(longest[:8]) for gram in near.ngrams(code)}
    monkeypatch.setattr(near, "index", lambda: planted)
    near.sizes.cache_clear()
    reply = functools.partial(scripted_model.program, mark=str(tmp_path / "mark"))
    with Answering(reply) as server:
        given = values(server)
        problems, steps = origins.problems(given, SIZES, OPTIONS, tmp_path)
    near.sizes.cache_clear()
    left = {row["step"]: row["n"] for row in steps}
    dropped = left["not: benchmark program"] - left["not: near copy"]
    assert dropped >= 3 and not {one["code"] for one in problems} & set(longest[:8])
    run = record.start("01_data", given)
    jsonl.write(run.path("problems.jsonl"), problems)
    jsonl.write_json(run.path("data.json"), steps)
    names = datacards.write(run, problems)
    near.sizes.cache_clear()
    card = run.path(names[-1]).read_text(encoding="utf-8")
    assert f"{dropped} candidates that share at least 60% of theirs with one of them were dropped" in card
    assert "0 are benchmark programs and 0 near copies" in card
