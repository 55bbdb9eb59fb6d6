"""Rates of what no problem may be, on 2,000 training problems and some of each other split: all zero.

The measures here are written anew, on bytecode, text and reruns, so that a mistake in a filter is not
repeated in its check.
"""

import ast
import dis
import random
import re
from collections import Counter

import pytest

from cr_utils import candidates, constraints, grammar, usage
from cr_utils.constraints import space
from cr_utils.trace import trace_call

SIZES = {"train": 2000, "validation": 100, "heldout": 100, "heldout_ood": 100}
OPTIONS = {"seed": 0, "constraints": True, "mutation": True, "max_steps": 16}
STRING = re.compile(r"'[^']*'")


@pytest.fixture(scope="module")
def made():
    """Problems by split, each with the types of its parameters; no text stands in a program but in quotes."""
    types, whole = {}, grammar.program

    def spy(rng, cell, **options):
        code, kinds = whole(rng, cell, **options)
        types[code.rstrip("\n")] = kinds
        return code, kinds

    problems = {split: [] for split in SIZES}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates.grammar, "program", spy)
        for split, size in SIZES.items():
            i = 0
            while len(problems[split]) < size:
                drawn = candidates.candidates(random.Random(f"quality:{split}:{i}"), split, OPTIONS)
                problems[split] += [p | {"types": types[p["code"]]} for p in drawn if not isinstance(p, str)]
                i += 1
    return problems


def everything(made):
    return [problem for problems in made.values() for problem in problems]


def indents(code):
    """Nesting read off the text: the deepest line's indentation, less that of the function."""
    return max((len(line) - len(line.lstrip())) // 4 for line in code.splitlines() if line.strip()) - 1


def unread_stores(function):
    """Stores of a compiled function that no path reads, loop variables left out: live variables of bytecode.

    Returns the names; parameters that are dead at the start are given as "name (parameter)".
    """
    steps = [s for s in dis.get_instructions(function) if s.opname not in ("CACHE", "EXTENDED_ARG")]
    at = {step.offset: i for i, step in enumerate(steps)}
    live, before = [set() for _ in steps], None
    while before != live:
        before = [set(names) for names in live]
        for i in reversed(range(len(steps))):
            live[i] = change(steps, i, after(steps, at, i, live))
    dead = [name for i in range(len(steps)) for name in stored(steps[i])
            if name not in after(steps, at, i, live) | loaded(steps[i]) and not looping(steps, i)]
    arguments = function.__code__.co_varnames[:function.__code__.co_argcount]
    return dead + [f"{name} (parameter)" for name in arguments if name not in live[0]]


def change(steps, i, names):
    return names - set(stored(steps[i])) | loaded(steps[i])


def after(steps, at, i, live):
    """Names live after step i, over all its successors."""
    step, found = steps[i], set()
    if step.opname in ("RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS"):
        return found
    jumps = "JUMP" in step.opname or step.opname == "FOR_ITER"
    if jumps:
        found |= live[at[step.argval]]
    if not jumps or step.opname not in ("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"):
        found |= live[i + 1]
    return found


def names_of(step):
    return step.argval if isinstance(step.argval, tuple) else (step.argval,)


def stored(step):
    if step.opname == "STORE_FAST_LOAD_FAST":
        return names_of(step)[:1]
    return names_of(step) if step.opname in ("STORE_FAST", "STORE_FAST_STORE_FAST") else ()


def loaded(step):
    if step.opname == "STORE_FAST_LOAD_FAST":
        return set(names_of(step)[1:]) - set(names_of(step)[:1])
    return set(names_of(step)) if step.opname.startswith("LOAD_FAST") else set()


def looping(steps, i):
    """Whether a store binds a loop variable: it follows FOR_ITER, or the unpacking of what that gives."""
    while i and steps[i - 1].opname.startswith(("STORE_FAST", "UNPACK_SEQUENCE")):
        i -= 1
    return i > 0 and steps[i - 1].opname == "FOR_ITER"


def functions(code):
    names = {}
    exec(code, names)
    return [value for name, value in names.items() if name in ("f", "g")]


@pytest.mark.parametrize("body, dead", [
    ("x = 1\n    x = n\n    return x", ["x"]),
    ("x = n\n    return x", []),
    ("n = 2\n    return n", ["n (parameter)"]),
    ("x = 1\n    for i in range(n):\n        x = i\n    return x", []),
    ("x = 1\n    if n:\n        x = 2\n    else:\n        x = 3\n    return x", ["x"]),
    ("for i, c in enumerate(n):\n        pass\n    return n", []),
])
def test_the_measure_of_unread_stores_finds_what_it_should(body, dead):
    assert unread_stores(functions(f"def f(n):\n    {body}")[0]) == dead


def test_the_depth_of_every_program_is_that_of_its_label(made):
    wrong = [p["code"] for p in everything(made) if indents(p["code"]) != p["constraint"]["depth"]]
    assert wrong == []
    assert {split: max(indents(p["code"]) for p in problems) for split, problems in made.items()} == {
        "train": 2, "validation": 2, "heldout": 2, "heldout_ood": 3}


def test_every_program_holds_the_operation_of_its_label_outside_of_strings(made):
    """Weaker than the filter, which knows types: the operation's fixed text stands in the program."""
    lacking = []
    for p in everything(made):
        op = space().operations[f"{p['constraint']['type']}.{p['constraint']['method']}"]
        fixed = [part for part in constraints.HOLE.split(STRING.sub("''", op.template))[::2] if part.strip()]
        text = STRING.sub("''", p["code"])
        lacking += [p["code"]] if not all(part in text for part in fixed) else []
    assert lacking == []


def test_no_program_overwrites_a_value_before_it_is_read_or_ignores_a_parameter(made):
    assert [p["code"] for p in everything(made) for f in functions(p["code"]) if unread_stores(f)] == []


def test_every_parameter_is_named_in_the_body(made):
    for p in everything(made):
        for function in ast.parse(p["code"]).body:
            body = STRING.sub("", "\n".join(ast.unparse(line) for line in function.body))
            assert all(re.search(rf"\b{a.arg}\b", body) for a in function.args.args), p["code"]


def test_every_output_depends_on_the_input(made):
    """Among 600 other inputs, or the program's other problem, at least one gives another value."""
    seen = {}
    for p in everything(made):
        seen.setdefault(p["code"], set()).add(p["output"])
    constant = []
    for p in everything(made):
        outputs, tries = seen[p["code"]], 0
        while len(outputs) < 2 and tries < 600:
            text = grammar.arguments(random.Random(tries), p["types"], True)
            outputs |= {trace_call(p["code"], "f", text).output} - {None}
            tries += 1
        constant += [p["code"]] if len(outputs) < 2 else []
    assert constant == []


ALIKE = re.compile(r"\b(\w+) (==|!=|<|>|<=|>=|-|%|//|and|or) \1\b(?![.(\[])")
NEUTRAL = re.compile(r"(\*|//) 1$|[-+]=? 0$", re.MULTILINE)


def test_the_measure_of_idle_operations_finds_what_it_should():
    assert all(map(ALIKE.search, ("return m < m", "ok = b and b"))) and not ALIKE.search("x - x.count(2)")
    assert all(map(NEUTRAL.search, ("return n * 1", "n -= 0"))) and not NEUTRAL.search("n += 10")


def test_no_program_compares_a_variable_with_itself_or_changes_nothing(made):
    texts = {p["code"]: STRING.sub("''", p["code"]) for p in everything(made)}
    assert [code for code, text in texts.items() if ALIKE.search(text) or NEUTRAL.search(text)] == []


def test_every_output_is_small_and_what_the_program_gives(made):
    for p in everything(made):
        value = ast.literal_eval(p["output"])
        assert len(p["output"]) <= 60
        assert not isinstance(value, set) or value
        numbers = re.findall(r"\d+", STRING.sub("", p["output"]))
        assert all(len(number) <= 4 for number in numbers), p["output"]


def test_no_training_program_holds_a_method_that_is_held_out(made):
    names = (".swapcase(", ".rfind(", ".removesuffix(", ".rjust(", ".extend(", ".setdefault(")
    assert not [p["code"] for p in made["train"] for name in names if name in p["code"]]


def test_no_training_program_holds_an_operation_that_is_held_out_by_its_types(made):
    for p in made["train"][:500]:
        assert not usage.operations(ast.parse(p["code"]), p["types"]) & space().ood, p["code"]
    cell = made["heldout_ood"]
    assert any(usage.operations(ast.parse(p["code"]), p["types"]) & space().ood for p in cell)


def test_no_kind_of_operation_or_setting_is_lost(made):
    """Filters may not empty a part of the constraint space."""
    cells = Counter(f"{p['constraint']['type']}.{p['constraint']['method']}" for p in made["train"])
    assert len(cells) > 0.9 * len(space().pool())
    assert {p["constraint"]["setting"] for p in made["train"]} == set(space().settings)
