"""REval's questions and their truth: official (one flat list of states) and strict (frame by frame).

The truth comes from running the benchmark's programs in the sandbox with a tracer of ours, under the Python
that runs this package: 3.11 is the reference, 3.12 and later change some answers. Programs whose imports are
not installed have no truth, and their questions say so. Scoring lives in `score_reval`.
"""

import functools
import re
from dataclasses import dataclass, field
from pathlib import Path

from cr_utils import literals
from cr_utils.sandbox import Run, Sandbox
from cr_utils.zygote import values


@dataclass(frozen=True)
class Observed:
    """One observed value: its type's name, and the value where it is plain data (`plain`)."""

    type: str
    plain: bool
    value: object = None


@dataclass(frozen=True)
class Truth:
    """What is right for one (line, expression) of one run. `values` None: never run or never bound (Nil)."""

    covered: bool
    next_lines: tuple[int, ...]
    values: tuple[Observed, ...] | None
    strict_covered: bool
    strict_next_lines: tuple[int, ...]
    strict_values: tuple[Observed, ...] | None


@dataclass
class Pair:
    """A program with one of its inputs, and the places asked about: [(line, expression)]."""

    idx: int
    input_idx: int
    program: dict
    places: list[tuple[int, str]]
    output_pred: str
    before: list[dict] = field(default_factory=list, repr=False)
    truths: list[Truth] | None = None
    error: str | None = None
    key: tuple[int, int] = field(init=False)

    def __post_init__(self):
        self.key = (self.idx, self.input_idx)

    @property
    def test(self) -> str | None:
        """The unit tests of a class program; None for a function program."""
        return self.program["test"]

    @property
    def job(self) -> str | int:
        """What the traced run needs: the argument tuple's text, or the number of the test."""
        return self.input_idx if self.test is not None else self.program["inputs"][self.input_idx]

    def earlier(self, name: str) -> list[str]:
        """Texts of the benchmark's earlier programs that define a name; none for a function program."""
        if self.test is None:
            return []
        defines = re.compile(rf"^(class|def|import|from)\b.*\b{re.escape(name)}\b", re.MULTILINE)
        return [text for program in self.before for text in (program["code"], program["test"])
                if text and defines.search(text)]

    @property
    def given(self) -> str:
        """The completed test or call, as the benchmark states it."""
        return self.program["inputs"][self.input_idx]


def pairs(data: list[dict], tasks: list[dict]) -> list[Pair]:
    """Every program-input pair in the benchmark's order (690 in the published files)."""
    return [Pair(row["idx"], one["input_idx"], data[row["idx"]],
                 [(place["lineno"], place["var"]) for place in one["task"]], one["output_pred"],
                 data[:row["idx"]])
            for row in tasks for one in row["tasks"]]


def add_truth(many: list[Pair], sandbox: Sandbox) -> list[Pair]:
    """Fill in `truths`, or `error` where a program cannot run here; one process per program. Same list.

    Pairs that have either already are left as they are.
    """
    groups = list(by_program([pair for pair in many if pair.truths is None and pair.error is None]).values())
    calls = [f"truths({source(group[0])}, {[[pair.job, [*map(list, pair.places)]] for pair in group]!r})"
             for group in groups]
    for group, (found, reason) in zip(groups, run_grouped(calls, sandbox), strict=True):
        for pair, one in zip(group, found or [reason] * len(group), strict=True):
            if isinstance(one, str):
                pair.error = one
            else:
                pair.truths = [_truth(each) for each in one]
    return many


def by_program(many: list[Pair]) -> dict[int, list[Pair]]:
    """Pairs grouped by program, in order."""
    groups: dict[int, list[Pair]] = {}
    for pair in many:
        groups.setdefault(pair.idx, []).append(pair)
    return groups


def source(pair: Pair) -> str:
    """The arguments that describe a pair's program in calls of the jailed functions."""
    return f"{pair.program['code']!r}, {pair.program['entry_point']!r}, {pair.test!r}"


def run_grouped(calls: list[str], sandbox: Sandbox, size: int = 16) -> list[tuple[object, str]]:
    """[(value or None, reason)] of calls that only the benchmark's own code takes part in.

    `size` of them share a process, which saves its start; those of a process that fails run alone.
    """
    groups = [calls[at:at + size] for at in range(0, len(calls), size)]
    runs = run_calls(["[" + ", ".join(group) + "]" for group in groups], sandbox, untrusted=False)
    found: list[tuple[object, str]] = []
    for group, run in zip(groups, runs, strict=True):
        if run.kind == "ok":
            found += [(value, "") for value in decoded(run)]
        else:
            found += [(decoded(one), _reason(one)) for one in run_calls(group, sandbox, untrusted=False)]
    return found


def run_calls(calls: list[str], sandbox: Sandbox, untrusted: bool = True) -> list[Run]:
    """Evaluate calls of functions of `reval_program` and `reval_judging`, each in a process of its own.

    `untrusted`: text of a model takes part in them.
    """
    return sandbox.map([(_source(), call) for call in calls], profile="bench", untrusted=untrusted)


def decoded(run: Run) -> object:
    """The value of a finished run, or None."""
    return values.decode(run.tree, derived=True) if run.kind == "ok" else None


def differences(many: list[Pair]) -> list[dict]:
    """Questions whose two truths differ: idx, input_idx, lineno, var, task, official, strict."""
    table = []
    for pair in many:
        for (line, var), truth in zip(pair.places, pair.truths or (), strict=False):
            for task, official, strict in (
                    ("coverage", truth.covered, truth.strict_covered),
                    ("path", list(truth.next_lines), list(truth.strict_next_lines)),
                    ("state", told(truth.values), told(truth.strict_values))):
                if official != strict:
                    table.append({"idx": pair.idx, "input_idx": pair.input_idx, "lineno": line, "var": var,
                                  "task": task, "official": official, "strict": strict})
    return table


def told(observed: tuple[Observed, ...] | None) -> list[str] | str:
    """Observed values as answer texts, sorted: "value; type" (… for a value without a literal), or "Nil"."""
    if observed is None:
        return "Nil"
    return sorted({f"{literals.canonical(one.value) if one.plain else '…'}; {one.type}" for one in observed})


@functools.lru_cache(maxsize=1)
def _source() -> str:
    """The program of the jailed process: both files as one text."""
    here = Path(__file__).parent
    first = (here / "reval_program.py").read_text(encoding="utf-8")
    second = (here / "reval_judging.py").read_text(encoding="utf-8")
    return first + re.sub(r"^from cr_utils.*$", "", second, flags=re.MULTILINE)


def _truth(found: list) -> Truth:
    covered, following, seen, strict_covered, strict_following, strict_seen = found
    return Truth(covered, tuple(following), _observed(seen), strict_covered, tuple(strict_following),
                 _observed(strict_seen))


def _observed(entries: list | None) -> tuple[Observed, ...] | None:
    return None if entries is None else tuple(Observed(*entry) for entry in entries)


def _reason(run: Run) -> str:
    return f"{run.kind}: {run.error}" if run.error else run.kind
