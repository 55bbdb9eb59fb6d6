"""What a language model is asked when it is to write programs: one per constraint cell, and further inputs.

Scope: the wording, which is ours, and what is drawn for it (a theme, reference values), all seeded. Nothing
here asks a model or reads a reply. The kinds of constraint and the ranges of the reference values are those
of the released recipe.
"""

from __future__ import annotations

import random
import string

from .constraints import HOLE, Cell, Operation, space

STAND_INS = {"str": ("s", "t"), "list": ("xs", "ys"), "slist": ("words", "others"), "dict": ("d", "e"),
             "tuple": ("pair", "more"), "set": ("seen", "known"), "int": ("n", "m"), "float": ("x", "y"),
             "bool": ("p", "q"), "chr": ("'a'", "'b'"), "pre": ("'ab'", "'cd'"), "idx": ("0", "1"),
             "n": ("2", "3"), "w": ("5", "6")}
SETTINGS = {
    "nested": "Call the operation more than once, one use inside another's operand. No if, for or while.",
    "methods": "Combine the operation with two or three other built-in operations. No if, for or while.",
    "control": "Put the operation inside control flow (if, elif, for, while) nested exactly {depth} deep.",
    "helper": "Put the operation into a helper function g, which f calls. No if, for or while.",
}
THEMES = ("a library", "a garden", "train times", "a kitchen", "a tournament", "the weather", "a museum",
          "parcels", "a choir", "a small shop", "star names", "a diary", "recipes", "map squares", "a zoo",
          "tickets", "words of a poem", "sensor readings", "card games", "a timetable")
PROGRAM = """Write a small Python program for an exercise in which the reader works out by hand what it
returns.

Operation to exercise: {type}.{name}, as in `{example}`
Structure: {structure}
Theme for names and data: {theme}

Rules:
- A function f with at least one parameter; nothing stands outside functions but the last line.
- The last line is print(f(...)), with literal arguments only.
- No comments, docstrings, annotations, default arguments, imports, classes, lambdas, nested functions, try,
  global state, or printing inside functions.
- A run executes at most {steps} lines. Numbers stay below 10000; the result's repr has at most 60 characters.
- Every parameter and every statement matters for the result, and another argument gives another result.
- Use the operation in the form shown.{barred}

Reply with one Python code block and nothing else."""
INPUTS = """Here is a Python program with one call.

```python
{code}
print({call})
```

Write {n} other calls of {entry} that lead to different results, if possible along other branches. Keep the
number and the types of the arguments. Use values like these:
{values}
Reply with one Python code block that has one call a line, such as {entry}(...), with literal
arguments only."""


def example(op: Operation) -> str:
    """An operation as code, with names in place of its typed holes: ``s.replace('a', 'b')``."""
    used: dict[str, int] = {}

    def fill(hole) -> str:
        kind = hole.group(1)
        names = STAND_INS.get(kind, (kind,))
        used[kind] = used.get(kind, -1) + 1
        return names[min(used[kind], len(names) - 1)]

    return HOLE.sub(fill, op.template)


def program(cell: Cell, rng: random.Random, max_steps: int, ood: bool) -> str:
    """The prompt for a program of one cell; unless `ood`, held-out operations are named as barred."""
    barred = ""
    if not ood and space().ood:
        forms = ", ".join(f"`{example(space().operations[key])}`" for key in sorted(space().ood))
        barred = f"\n- None of these operations, in any form: {forms}"
    return PROGRAM.format(type=cell.operation.type, name=cell.operation.name, example=example(cell.operation),
                          structure=SETTINGS[cell.setting].format(depth=cell.depth), barred=barred,
                          theme=rng.choice(THEMES), steps=max_steps)


def inputs(code: str, entry_point: str, input_text: str, n: int, rng: random.Random) -> str:
    """The prompt for `n` further calls of a program, with reference values."""
    values = "\n".join((f"- integers: {', '.join(str(rng.randint(5, 20)) for _ in range(4))}",
                        f"- strings: {', '.join(repr(word(rng)) for _ in range(4))}"))
    return INPUTS.format(code=code, call=f"{entry_point}({input_text})", entry=entry_point, n=n,
                         values=values)


def word(rng: random.Random) -> str:
    """A reference string of 5 to 10 characters: alphanumeric (half of them), one character repeated (40 %),
    or with punctuation (10 %).
    """
    length, kind = rng.randint(5, 10), rng.random()
    if kind < 0.5:
        return "".join(rng.choices(string.ascii_letters + string.digits, k=length))
    if kind < 0.9:
        return rng.choice(string.ascii_letters + string.digits) * length
    return "".join(rng.choices(string.ascii_letters + ",.!?-:;", k=length))
