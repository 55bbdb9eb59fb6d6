"""Programs of the grammar: valid, terminating, on their cell, and the same for the same seed."""

import ast
import hashlib
import json
import random

import pytest

from cr_utils import constraints, grammar, usage, writer
from cr_utils.constraints import Cell, space
from cr_utils.trace import trace_call

# A change here changes every data set and what the base model is trained on (see test_corpus).
GOLDEN = "d0b98a048c10d88e"
SETTINGS = [("nested", 0), ("methods", 0), ("control", 1), ("control", 2), ("control", 3), ("helper", 0)]


def make(seed, cell, **options):
    return grammar.program(random.Random(seed), cell, **options)


def sampled(i):
    """Program `i` of a mixture of all kinds, with its cell."""
    rng = random.Random(f"g{i}")
    cell = constraints.sample_cell(rng, ood=i % 5 == 0, constrained=i % 3 != 0)
    return cell, *grammar.program(rng, cell, common_only=i % 3 == 0)


def depth_of(code):
    """The deepest nesting of control-flow blocks; an elif counts as its if."""
    def visit(body, depth):
        found = [depth]
        for node in body:
            if isinstance(node, ast.For | ast.While | ast.If):
                found.append(visit(node.body, depth + 1))
                chained = len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If)
                found.append(visit(node.orelse, depth if chained else depth + 1) if node.orelse else 0)
        return max(found)
    return max(visit(function.body, 0) for function in ast.parse(code).body)


def test_the_same_seed_gives_the_same_programs_on_every_machine():
    made = [(cell.record(), (code, types)) for cell, code, types in map(sampled, range(2000))]
    assert hashlib.sha256(json.dumps(made).encode()).hexdigest()[:16] == GOLDEN


@pytest.mark.parametrize("setting, depth", SETTINGS)
def test_every_cell_gives_valid_programs_of_its_shape(setting, depth):
    for op in space().operations.values():
        code, types = make(f"{op.key}/{setting}/{depth}", Cell(op, setting, depth))
        functions = ast.parse(code).body
        assert [f.name for f in functions] == (["g", "f"] if setting == "helper" else ["f"])
        assert len(functions[-1].args.args) == len(types)
        assert len(code.splitlines()) <= 30
        assert depth_of(code) == depth


@pytest.mark.parametrize("setting, depth", SETTINGS)
def test_every_cell_gives_programs_that_use_its_operation(setting, depth):
    """Always without control flow; with it, in some program (the rest is rejected)."""
    for op in space().operations.values():
        made = [make(f"{op.key}/{setting}/{depth}/{i}", Cell(op, setting, depth)) for i in range(12)]
        used = [usage.uses(ast.parse(code), types, op) for code, types in made]
        if setting != "control":
            assert all(used), (op.key, made[used.index(False)])
        else:
            assert any(used), (op.key, made[0])


def test_every_cell_gives_a_program_that_runs_to_an_end_on_some_input():
    for cell in space().cells():
        for attempt in range(60):
            rng = random.Random(f"{cell.record()}/{attempt}")
            code, types = grammar.program(rng, cell)
            run = trace_call(code, "f", grammar.arguments(rng, types, attempt % 2 == 0))
            if run.error is None and run.complete:
                break
        else:
            pytest.fail(f"no program of {cell.record()} runs")


def test_five_thousand_programs_end_and_stay_small():
    for i in range(5000):
        _, code, types = sampled(i)
        run = trace_call(code, "f", grammar.arguments(random.Random(i), types, True), max_events=600)
        assert not (run.error or "").startswith("Cut"), code
        assert run.output is None or len(run.output) < 2000, code


def test_a_loop_that_does_not_end_would_be_noticed():
    run = trace_call("def f(n):\n    while n > 0:\n        n += 1\n    return n", "f", "1", max_events=600)
    assert run.error.startswith("Cut")


def test_training_programs_never_use_a_held_out_operation(monkeypatch):
    """Every operation that goes into a program passes through Writer.apply."""
    applied = set()
    whole = writer.Writer.apply

    def spy(self, op, *args, **kwargs):
        applied.add(op.key)
        return whole(self, op, *args, **kwargs)

    monkeypatch.setattr(writer.Writer, "apply", spy)
    for i in range(3000):
        rng = random.Random(i)
        grammar.program(rng, constraints.sample_cell(rng))
    assert not applied & space().ood
    assert len(applied) > 100
    code, _ = make(0, Cell(space().operations["str.swapcase"], "nested", 0))
    assert "str.swapcase" in applied and ".swapcase()" in code


def test_the_text_of_training_programs_shows_no_unmistakable_held_out_method():
    for i in range(2000):
        rng = random.Random(i)
        code, _ = grammar.program(rng, constraints.sample_cell(rng))
        for word in (".swapcase(", ".rfind(", ".removesuffix(", ".rjust(", ".extend(", ".setdefault("):
            assert word not in code


def test_unconstrained_programs_stay_within_the_common_operations(monkeypatch):
    applied = set()
    whole = writer.Writer.apply
    monkeypatch.setattr(writer.Writer, "apply",
                        lambda self, op, *a, **k: applied.add(op.key) or whole(self, op, *a, **k))
    for i in range(1000):
        rng = random.Random(i)
        grammar.program(rng, constraints.sample_cell(rng, constrained=False), common_only=True)
    assert applied <= set(space().common)


def test_arguments_are_literals_of_the_types_asked_for():
    kinds = {"str": str, "int": int, "list": list, "slist": list, "dict": dict, "tuple": tuple, "set": set,
             "float": float, "bool": bool}
    for varied in (False, True):
        for i in range(200):
            text = grammar.arguments(random.Random(i), list(kinds), varied)
            values = ast.literal_eval(f"({text})")
            assert [type(value) for value in values] == list(kinds.values())


def test_mutated_arguments_differ_from_typical_ones():
    typical = {grammar.arguments(random.Random(i), ["str"], False) for i in range(300)}
    varied = {grammar.arguments(random.Random(i), ["str"], True) for i in range(300)}
    assert len(typical) < 20 < 200 < len(varied)
