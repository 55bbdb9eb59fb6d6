"""What the small base model is trained on: one-step facts, single steps, direct answers; never a chain.

Scope: an endless numbered stream of documents; document i depends on the seed, the mixture and i alone, so
any process can make any part. Programs come from the training share of all programs (see `share`), so that no
held-out program can be among them; copies and near copies of benchmark programs are left out. A share `wide`
of all documents is of the wide grammar. Limits: the two grammars' programs.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from . import constraints, facts, grammar, questions, teacher
from .candidates import execute, static_reason
from .fingerprints import fingerprint
from .trace import Trace, trace_call
from .wide import facts as wide_facts
from .wide import make as wide_make
from .wide.near import resembling

MAX_STEPS = 40  # of a run
MOST_STEPS = 6  # single steps of one run in a document
KINDS = ("facts", "steps", "output", "input", "coverage", "path", "state")
WIDE_OPTIONS = {"mutation": True, "constraints": True, "max_steps": MAX_STEPS}


class Document(NamedTuple):
    """One document: a direct question with its answer, or (empty prompt) a page.

    quiet: spans (start, end) of the completion's characters that are mostly random choices: a page's programs
    and values, which there is little to learn from.
    """

    prompt: str
    completion: str
    quiet: tuple[tuple[int, int], ...] = ()


def document(seed: int, index: int, mix: dict[str, float], wide: float = 0.0,
             most_steps: int = MOST_STEPS) -> Document:
    """Document `index` of a mixture of KINDS; most_steps: the highest number of single steps in a page."""
    rng = random.Random(f"base:{seed}:{index}")
    kinds = [kind for kind in KINDS if mix.get(kind)]
    kind = rng.choices(kinds, [mix[k] for k in kinds])[0]
    is_wide = wide > 0 and rng.random() < wide
    if kind == "facts":
        return Document("", wide_facts.page(rng) if is_wide else facts.page(rng))
    while True:
        found = _wide_program(rng) if is_wide else _program(rng)
        made = found and _made(rng, kind, *found, most_steps)
        if made:
            return made


def _program(rng: random.Random) -> tuple[dict, Trace] | None:
    """A problem of the core grammar with its trace, or None where the drawn one is not accepted."""
    cell = constraints.sample_cell(rng)
    code, types = grammar.program(rng, cell)
    code = code.rstrip("\n")
    if static_reason(code, fingerprint(code), "train", cell, types) or resembling(code):
        return None
    text = grammar.arguments(rng, types, rng.random() < 0.7)
    found = execute(code, text, cell, MAX_STEPS)
    return None if isinstance(found, str) else (found.problem, found.trace)


def _wide_program(rng: random.Random) -> tuple[dict, Trace] | None:
    """The same of the wide grammar: one of the inputs of a program that passes all of its filters."""
    made = [one for one in wide_make.candidates_of(rng, "train", WIDE_OPTIONS) if not isinstance(one, str)]
    if not made:
        return None
    problem = rng.choice(made)
    return problem, trace_call(problem["code"], "f", problem["input"])


def _made(rng: random.Random, kind: str, problem: dict, trace: Trace, most_steps: int) -> Document | None:
    if kind != "steps":
        question = questions.build(problem, kind, trace, direct=True, seed=rng.random())
        return question and Document(question.prompt, teacher.direct(question))
    values = teacher.arguments(problem["input"])
    parts = facts.step_parts(rng, problem["code"], values, rng.randint(1, most_steps))
    return parts and page(parts)


def page(parts: list[tuple[str, bool]]) -> Document:
    """A page of parts, those that are not marked being quiet."""
    text, quiet = "", []
    for part, loud in parts:
        if not loud:
            quiet.append((len(text), len(text) + len(part)))
        text += part
    return Document("", text, tuple(quiet))
