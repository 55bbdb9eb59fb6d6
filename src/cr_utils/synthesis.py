"""Makes problems: a program of the grammar, its arguments, its run, and the filters between them.

Scope: the `grammar` source. Each candidate has its own seeded generator, so the data do not depend on the number
of workers. Candidates run in worker processes of ours (the grammar writes only bounded loops over small values);
a second run under another hash seed happens in the sandbox. Splits are disjoint by program because the split of
a program is read off its fingerprint.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import multiprocessing
import random
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from . import constraints, grammar, machine
from .fingerprints import committed, fingerprint
from .sandbox import Sandbox
from .trace import trace_call

SPLITS = ("train", "validation", "heldout", "heldout_ood")
CHUNK = 400
MAX_OUTPUT = 60
LITERAL = re.compile(r"'[^'\n]*'|\d+")
# Rejections in the order in which the filters apply.
REASONS = ("other split", "benchmark program", "unused argument", "dead code", "raises", "too many steps",
           "output not a small literal", "duplicate", "depends on hash order")


@dataclass(frozen=True)
class Found:
    """An accepted candidate: the problem record and the trace of its run."""

    problem: dict
    trace: object


def share(print_: str) -> str:
    """The split that a program's fingerprint belongs to: 80 % train, 8 % validation, 12 % heldout."""
    bucket = int(hashlib.sha256(print_.encode()).hexdigest()[:8], 16) % 100
    return "train" if bucket < 80 else "validation" if bucket < 88 else "heldout"


def execute(code: str, arguments: str, cell: constraints.Cell, max_steps: int) -> Found | str:
    """Run and trace one program on one input: the problem, or the reason why it is rejected."""
    trace = trace_call(code, "f", arguments)
    if trace.output is None:
        return "raises"
    if not trace.complete or len(trace.lines) > max_steps:
        return "too many steps"
    if not small_literal(trace.output):
        return "output not a small literal"
    name = "p" + hashlib.sha256(f"{code}\0{arguments}".encode()).hexdigest()[:12]
    problem = {"id": name, "code": code, "entry_point": "f", "input": arguments, "output": trace.output,
               "constraint": cell.record(), "source": "grammar", "difficulty": len(trace.lines)}
    return Found(problem, trace)


def small_literal(text: str) -> bool:
    """Whether an output is a literal short enough to be traced by hand."""
    return len(text) <= MAX_OUTPUT and not re.search(r"\d{5}|nan|inf|set\(\)|<", text)


def unused_argument(code: str) -> bool:
    """Whether a parameter of `f` never appears in its body."""
    head, _, body = code[code.index("def f("):].partition("\n")
    names = head[len("def f("):head.index(")")].split(", ")
    return any(not re.search(rf"\b{name}\b", body) for name in names)


def dead_code(code: str) -> bool:
    """Whether a local is assigned but never read afterwards (a loop counts as afterwards)."""
    for function in ast.parse(code).body:
        loops = [n for n in ast.walk(function) if isinstance(n, (ast.For, ast.While))]
        names = [n for n in ast.walk(function) if isinstance(n, ast.Name)]
        reads = [(n.id, n.lineno) for n in names if isinstance(n.ctx, ast.Load)]
        for node in names:
            if isinstance(node.ctx, ast.Store):
                first = min((lp.lineno for lp in loops if lp.lineno <= node.lineno <= lp.end_lineno), default=None)
                loop_variable = any(node.lineno == lp.lineno for lp in loops)
                after = node.lineno if first is None else first - 1
                if not loop_variable and not any(n == node.id and line > after for n, line in reads):
                    return True
    return False


def normal_key(problem: dict, print_: str) -> str:
    """Equal for problems that differ only in the names they use."""
    literals = " ".join(LITERAL.findall(problem["code"]))
    return f"{print_} {literals} | {problem['input']}"


def make_chunk(job: tuple) -> tuple[list[dict], Counter]:
    """Candidates start .. start+CHUNK of a split: (problems, counts of rejections). Runs in a worker."""
    seed, split, start, options = job
    made, counts = [], Counter()
    for index in range(start, start + CHUNK):
        rng = random.Random(f"{seed}:{split}:{index}")
        for found in candidates(rng, split, options):
            counts["candidates"] += 1
            if isinstance(found, str):
                counts[found] += 1
            else:
                made.append(found)
    return made, counts


def candidates(rng: random.Random, split: str, options: dict) -> Iterator[dict | str]:
    """The problems (or reasons for rejection) of one drawn program: its first input and, mutated, a second."""
    plain = split == "train" and not options["constraints"]
    cell = constraints.sample_cell(rng, ood=split == "heldout_ood", constrained=not plain)
    code, types = grammar.program(rng, cell, common_only=plain)
    code = code.rstrip("\n")
    print_ = fingerprint(code)
    reason = static_reason(code, print_, split)
    if reason:
        yield reason
        return
    mutate = options["mutation"] or split != "train"
    for varied in ((False, True) if mutate else (False,)):
        found = execute(code, grammar.arguments(rng, types, varied), cell, options["max_steps"])
        if isinstance(found, str):
            yield found
        else:
            yield {**found.problem, "split": split, "key": normal_key(found.problem, print_)}


def static_reason(code: str, print_: str, split: str) -> str | None:
    """Why a program is rejected before it runs, or None."""
    if split != "heldout_ood" and share(print_) != split:
        return "other split"
    if print_ in committed():
        return "benchmark program"
    if unused_argument(code):
        return "unused argument"
    return "dead code" if dead_code(code) else None


def synthesize(sizes: dict[str, int], options: dict, workers: int = 2, on_progress=None
               ) -> tuple[list[dict], list[dict]]:
    """Problems for every split and the counts through the filters.

    `sizes` maps split to number of problems; `options` holds seed, constraints, mutation, max_steps.
    Returns (problems, [{"split", "step", "n"}]).
    """
    problems, rows, keys = [], [], set()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=machine.limit_memory) as pool, Sandbox(hash_seed=1) as sandbox:
        stable = functools.partial(same_in, sandbox)
        for split in SPLITS:
            part, counts = fill_split(pool, split, sizes[split], options, keys, stable, workers,
                                      lambda n: on_progress and on_progress(len(problems) + n))
            problems += part
            rows += [{"split": split, "step": step, "n": counts[step]} for step in ("candidates", *REASONS)]
            rows.append({"split": split, "step": "accepted", "n": len(part)})
    return problems, rows


def fill_split(pool, split, size, options, keys, stable, workers, on_progress) -> tuple[list[dict], Counter]:
    """Take chunks in order until a split is full; drops duplicates and hash-dependent programs."""
    part, counts, start = [], Counter(), 0
    if not size:
        return part, counts
    waiting = []
    while len(part) < size:
        while len(waiting) < 2 * workers:
            waiting.append(pool.submit(make_chunk, (options["seed"], split, start, options)))
            start += CHUNK
        made, chunk_counts = waiting.pop(0).result()
        counts += chunk_counts
        fresh = []
        for problem in made:
            key = problem.pop("key")
            if key in keys:
                counts["duplicate"] += 1
            else:
                keys.add(key)
                fresh.append(problem)
        for problem, agrees in zip(fresh, stable(fresh), strict=True):
            if agrees and len(part) < size:
                part.append(problem)
            elif not agrees:
                counts["depends on hash order"] += 1
        on_progress(len(part))
        if start > 400 * CHUNK and not part:
            raise RuntimeError(f"no acceptable program for split {split} among {start} candidates")
    for job in waiting:
        job.cancel()
    return part, counts


def same_in(sandbox: Sandbox, problems: list[dict]) -> list[bool]:
    """Whether each problem gives the same output in the sandbox's processes, which have another hash seed."""
    runs = sandbox.map([(p["code"], f"{p['entry_point']}({p['input']})") for p in problems])
    return [run.value_text == p["output"] for run, p in zip(runs, problems, strict=True)]


def funnel(rows: list[dict]) -> list[dict]:
    """Candidates left after each filter, over all splits: [{"step", "n"}]; those of other splits are not counted."""
    total = Counter()
    for row in rows:
        total[row["step"]] += row["n"]
    left = total["candidates"] - total["other split"]
    steps = [{"step": "candidates", "n": left}]
    for reason in REASONS[1:]:
        left -= total[reason]
        steps.append({"step": f"not: {reason}", "n": left})
    return steps
