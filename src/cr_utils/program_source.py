"""Problems from a language model: asks cell by cell, reads the replies, and filters as the grammar's are.

Scope: the `llm` program source, given a function that asks. Programs are written by a model, so they run in
the sandbox only, and not at all where its isolation layers are missing. Requests are numbered and drawn by
their numbers, and outcomes are taken in order: with the same replies the same problems come out. The split of
a program is read off its fingerprint (surplus of the small splits goes to training); no program stands in
two.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable

from . import candidates, constraints, program_prompts, program_replies, trace, trust
from .candidates import SPLITS
from .drafts import Draft, near, problem_of, read
from .errors import UserError
from .sandbox import Sandbox

# The order in which the filters apply.
REASONS = ("no program", "breaks a rule", "wrong depth", "operation missing", "held-out operation",
           "benchmark program", "near copy", "unused argument", "dead code", "idle operation", "raises",
           "stopped", "too many steps", "output not a small literal", "output ignores the input", "duplicate",
           "other split", "depends on hash order")
PILOT, ROUND = 16, 512  # requests of the first round and of later ones, at most
PATIENCE = 200  # requests without an accepted problem before giving up
SHARES = {"train": 0.80, "validation": 0.08, "heldout": 0.12}

Ask = Callable[[list[str], int], list[str]]


class Source:
    """Fills splits with a model's programs.

    sizes: split -> number of problems; options: seed, constraints, mutation, max_steps and inputs (how many
    further inputs to ask for, with mutation); ask(prompts, number): the replies, `number` counts equal
    prompts.
    """

    def __init__(self, sizes: dict[str, int], options: dict, ask: Ask):
        self.sizes, self.options, self.ask = sizes, options, ask
        self.problems: dict[str, list[dict]] = {split: [] for split in SPLITS}
        self.counts: Counter = Counter()
        self.cells: dict[tuple, Counter] = {}
        self.requests = 0
        self._prints: dict[str, str] = {}  # fingerprint -> split
        self._keys: set[str] = set()
        self._asked: Counter = Counter()
        self._main, self._other = Sandbox(), Sandbox(hash_seed=1)

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_) -> None:
        self._main.close()
        self._other.close()

    @property
    def made(self) -> int:
        """Problems accepted so far."""
        return sum(map(len, self.problems.values()))

    def fill(self, on_round: Callable[[Source], object] = lambda source: None) -> list[dict]:
        """All problems, split after split; `on_round` is called after each round of requests.

        Raises UserError where nothing acceptable comes, or where untrusted programs may not run here.
        """
        trust.demand(self._main.layers, untrusted=not self._main.weak_ok)
        for splits in (SPLITS[:3], SPLITS[3:]):
            begun, start = 0, self.made
            while size := self.missing(splits, begun, self.made - start):
                self.round(splits == SPLITS[3:], begun, size)
                begun += size
                on_round(self)
                if begun >= PATIENCE and self.made == start:
                    worst = ", ".join(f"{reason} ({n})" for reason, n in self.counts.most_common(4)
                                      if reason != "candidates")
                    raise UserError(f"data: none of {begun} programs for {splits[0]} is acceptable: {worst}: "
                                    "use a stronger model, or raise data_max_steps")
        return [problem for split in SPLITS for problem in self.problems[split]]

    def missing(self, splits: tuple[str, ...], begun: int, gained: int) -> int:
        """How many programs to ask for next: what is missing, by the yield so far; 0 where nothing is."""
        short = {split: self.sizes[split] - len(self.problems[split]) for split in splits}
        least = max((n / SHARES.get(split, 1.0) for split, n in short.items() if n > 0), default=0)
        least = max(least, sum(n for n in short.values() if n > 0))
        per_request = gained / begun if begun else 0.0
        return min(ROUND if begun else PILOT, math.ceil(least / per_request)) if per_request else \
            math.ceil(min(PILOT, least))

    # ---- one round -----------------------------------------------------------------------------------------

    def round(self, ood: bool, begin: int, size: int) -> None:
        """Ask for `size` programs, then for their further inputs; filter, run and place them in order."""
        drafts, prompts = [], []
        for number in range(begin, begin + size):
            rng = random.Random(f"{self.options['seed']}:llm:{ood}:{number}")
            cell = constraints.sample_cell(rng, ood=ood, constrained=self.options["constraints"] or ood)
            drafts.append(Draft(cell, ood))
            prompts.append(program_prompts.program(cell, rng, self.options["max_steps"], ood))
        for draft, reply in zip(drafts, self._replies(prompts), strict=True):
            read(draft, reply)
        self._run(drafts)
        if self.options["mutation"] and self.options["inputs"]:
            self._further(drafts)
        self._compare(drafts)
        for draft in drafts:
            self._place(draft)

    def _replies(self, prompts: list[str]) -> list[str]:
        """A reply for each prompt; the second of two equal prompts is a second sample."""
        numbers = []
        for prompt in prompts:
            numbers.append(self._asked[prompt])
            self._asked[prompt] += 1
        self.requests += len(prompts)
        replies: dict[int, str] = {}
        for number in sorted(set(numbers)):
            at = [i for i, n in enumerate(numbers) if n == number]
            replies |= zip(at, self.ask([prompts[i] for i in at], number), strict=True)
        return [replies[i] for i in range(len(prompts))]

    def _run(self, drafts: list[Draft]) -> None:
        """Run what is left on its first input."""
        left = [draft for draft in drafts if draft.reason is None]
        for draft, run in zip(left, self._traced([(d, d.inputs[0]) for d in left]), strict=True):
            draft.runs = [run]
            draft.reason = run if isinstance(run, str) else None

    def _further(self, drafts: list[Draft]) -> None:
        """Ask for further inputs of the programs that ran, and run them."""
        left = [draft for draft in drafts if draft.reason is None]
        rngs = [random.Random(f"{self.options['seed']}:inputs:{draft.print}:{draft.inputs[0]}")
                for draft in left]
        prompts = [program_prompts.inputs(d.program.code, "f", d.inputs[0], self.options["inputs"], rng)
                   for d, rng in zip(left, rngs, strict=True)]
        for draft, reply in zip(left, self._replies(prompts) if left else [], strict=True):
            found = [text for text in program_replies.inputs(reply, draft.program.types)
                     if text not in draft.inputs]
            draft.inputs += found[:self.options["inputs"]]
        pairs = [(draft, text) for draft in left for text in draft.inputs[1:]]
        for (draft, _), run in zip(pairs, self._traced(pairs), strict=True):
            draft.runs.append(run)

    def _traced(self, pairs: list[tuple[Draft, str]]) -> list[dict | str]:
        """Problem records, or the reason for each rejection, of programs on inputs."""
        calls = [(draft.program.code, f"f({text})") for draft, text in pairs]
        runs = trace.trace_many(calls, self._main) if calls else []
        return [problem_of(draft, text, run, self.options["max_steps"])
                for (draft, text), run in zip(pairs, runs, strict=True)]

    def _compare(self, drafts: list[Draft]) -> None:
        """Reject programs whose output ignores the input, and runs that another hash seed makes different."""
        left = [draft for draft in drafts if draft.reason is None]
        doubtful = [d for d in left if len({run["output"] for run in d.runs if isinstance(run, dict)}) == 1]
        others = [(draft, text) for draft in doubtful for text in near(draft)]
        values: dict[int, set] = {id(draft): set() for draft in doubtful}
        ran = self._other.map([(d.program.code, f"f({text})") for d, text in others], untrusted=True)
        for (draft, _), run in zip(others, ran, strict=True):
            values[id(draft)].add(run.value_text)
        for draft in doubtful:
            if not values[id(draft)] - {None, draft.runs[0]["output"]}:
                draft.reason = "output ignores the input"
        self._rerun([draft for draft in left if draft.reason is None])

    def _rerun(self, drafts: list[Draft]) -> None:
        at = [(draft, i) for draft in drafts for i, run in enumerate(draft.runs) if isinstance(run, dict)]
        calls = [(draft.program.code, f"f({draft.runs[i]['input']})") for draft, i in at]
        for (draft, i), run in zip(at, self._other.map(calls, untrusted=True), strict=True):
            if run.value_text != draft.runs[i]["output"]:
                draft.runs[i] = "depends on hash order"

    # ---- where accepted problems go ------------------------------------------------------------------------

    def _place(self, draft: Draft) -> None:
        """Count a draft, and put its problems into the split that has room for it."""
        op, asked = draft.cell.operation, draft.cell
        row = self.cells.setdefault((op.type, op.name, asked.setting, asked.depth), Counter())
        row["asked"] += 1
        outcomes = [draft.reason] if draft.reason else draft.runs
        split = None if draft.reason else self._split(draft)
        taken = 0
        for outcome in outcomes:
            self.counts["candidates"] += 1
            if isinstance(outcome, dict):
                outcome = self._new(outcome, draft, split)
            if isinstance(outcome, str):
                self.counts[outcome] += 1
                continue
            self.problems[split].append({**outcome, "split": split})
            self._prints[draft.print] = split
            taken += 1
        row["programs"] += taken > 0
        row["problems"] += taken

    def _new(self, problem: dict, draft: Draft, split: str | None) -> dict | str:
        """The problem, or why it is one too many."""
        key = candidates.normal_key(problem, draft.print)
        if key in self._keys:
            return "duplicate"
        if split is None or len(self.problems[split]) >= self.sizes[split]:
            return "other split"
        self._keys.add(key)
        return problem

    def _split(self, draft: Draft) -> str | None:
        """The split of a program: where it stands already, else by its fingerprint, else training."""
        wanted = ("heldout_ood",) if draft.ood else (candidates.share(draft.print), "train")
        before = self._prints.get(draft.print)
        if before is not None:
            return before if before in wanted else None
        return next((one for one in wanted if len(self.problems[one]) < self.sizes[one]), None)

    # ---- what came of it -----------------------------------------------------------------------------------

    def funnel(self) -> list[dict]:
        """Candidates left after each filter, as synthesis.funnel has them."""
        left = self.counts["candidates"]
        steps = [{"step": "candidates", "n": left}]
        for reason in REASONS:
            left -= self.counts[reason]
            steps.append({"step": f"not: {reason}", "n": left})
        return steps

    def cell_yield(self) -> list[dict]:
        """For each cell that was asked for: requests, programs and problems accepted."""
        return [{**dict(zip(("type", "method", "setting", "depth"), cell, strict=True)),
                 **{name: n[name] for name in ("asked", "programs", "problems")}}
                for cell, n in sorted(self.cells.items())]
