"""The far end of the tests of `llm` sources and teachers: reads a prompt as a model would and writes real
replies.

Programs come from the grammar, for the very cell that is asked for; every few are broken, against the rules
or hostile. Answers of a teacher come from the interpreter, some of them wrong. All by the text of the prompt.
"""

import random
import re

from cr_utils import constraints, grammar

ASKED = re.compile(r"^Operation to exercise: (\S+),", re.MULTILINE)
HOSTILE = (
    "import os\n\ndef f(x):\n    os.system('touch {mark}')\n    return x\n\nprint(f(3))",
    "def f(x):\n    __import__('os').system('touch {mark}')\n    return x\n\nprint(f(3))",
    "def f(x):\n    return ().__class__.__base__.__subclasses__()\n\nprint(f(3))",
    "def f(x):\n    open('{mark}', 'w').write('x')\n    return x\n\nprint(f(3))",
    "def f(x):\n    while True:\n        x += 1\n    return x\n\nprint(f(3))",
    "def f(n):\n    s = 'a'\n    for i in range(n):\n        s = s + s\n    return len(s)\n\nprint(f(90))",
    "def f(x):\n    exec(x)\n    return x\n\nprint(f('1'))",
    "print(f(__import__('os').getcwd()))",
    "def f(x):\n    return x\n\nopen('{mark}', 'w')\nprint(f(3))",
    "def f(x=open('{mark}', 'w')):\n    return x\n\nprint(f(3))",
)
BROKEN = ("I am sorry, I cannot do that.", "def f(x:\n    return x", "", "def f(x):\n    return x",
          "def f(x):\n    y = x + 1\n    return x\n\nprint(f(3))", "def f(x):\n    return 3\n\nprint(f(3))",
          "def f(x):\n    return x[9]\n\nprint(f([1]))", "def f(x):\n    return id(x)\n\nprint(f(3))")


def cell_of(prompt):
    """The cell that a prompt asks for."""
    op = constraints.space().operations[ASKED.search(prompt).group(1)]
    depth = re.search(r"nested exactly (\d) deep", prompt)
    helper = "helper function g" in prompt
    nested = "more than once" in prompt
    setting = "control" if depth else "helper" if helper else "nested" if nested else "methods"
    return constraints.Cell(op, setting, int(depth.group(1)) if depth else 0)


def program(prompt, body, mark="/nowhere/mark", spoiled=0.3):
    """A reply to a prompt for a program, or for inputs of one; `spoiled` of the programs are of no use."""
    rng = random.Random(f"{prompt}/{body.get('seed')}")
    if "Here is a Python program" in prompt:
        return inputs(prompt, rng)
    draw = rng.random()
    if draw < spoiled / 2:
        return fenced(rng.choice(HOSTILE).replace("{mark}", mark))
    if draw < spoiled:
        return rng.choice(BROKEN) if rng.random() < 0.5 else fenced(rng.choice(BROKEN))
    code, types = grammar.program(rng, cell_of(prompt), common_only=False)
    thought = "<think>What about\n```python\nf(1)\n```?</think>\n" if rng.random() < 0.3 else ""
    comment = "# as asked\n" if rng.random() < 0.3 else ""
    return thought + fenced(f"{comment}{code.rstrip()}\n\nprint(f({grammar.arguments(rng, types, False)}))")


def inputs(prompt, rng):
    """Calls with changed arguments, one of another type among them."""
    from cr_utils.mutations import change_text
    text = re.search(r"^print\(f\((.*)\)\)$", prompt, re.MULTILINE).group(1)
    calls = [f"f({change_text(text, rng)})" for _ in range(3)]
    return fenced("\n".join([*calls, "f(None, None, None)", "f(open('x'))"]))


def fenced(text):
    return f"Here you are:\n```python\n{text}\n```"
