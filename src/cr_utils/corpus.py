"""What the small base model is trained on: one-step facts, single steps, direct answers; never a chain.

Scope: an endless numbered stream of documents (prompt, completion); document i depends on the seed and i
alone, so any process can make any part. Programs come from the training share of all programs (see `share`),
so that no held-out program can be among them. Limits: the grammar's programs.
"""

from __future__ import annotations

import random

from . import constraints, facts, grammar, questions, teacher
from .candidates import execute, static_reason
from .fingerprints import fingerprint

MAX_STEPS = 40  # of a run
MOST_STEPS = 6  # single steps of one run in a document
KINDS = ("facts", "steps", "output", "input", "coverage", "path", "state")


def document(seed: int, index: int, mix: dict[str, float]) -> tuple[str, str]:
    """Document `index`: ("", page of facts or single steps) or (direct question, its answer)."""
    rng = random.Random(f"base:{seed}:{index}")
    kinds = [kind for kind in KINDS if mix.get(kind)]
    kind = rng.choices(kinds, [mix[k] for k in kinds])[0]
    if kind == "facts":
        return "", facts.page(rng)
    while True:
        cell = constraints.sample_cell(rng)
        code, types = grammar.program(rng, cell)
        code = code.rstrip("\n")
        if static_reason(code, fingerprint(code), "train", cell, types):
            continue
        text = grammar.arguments(rng, types, rng.random() < 0.7)
        found = execute(code, text, cell, MAX_STEPS)
        if isinstance(found, str):
            continue
        if kind == "steps":
            page = facts.single_steps(rng, code, teacher.arguments(text), rng.randint(1, MOST_STEPS))
            if page is None:
                continue
            return "", page
        question = questions.build(found.problem, kind, found.trace, direct=True, seed=rng.random())
        if question is not None:
            return question.prompt, teacher.direct(question)
