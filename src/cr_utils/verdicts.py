"""Judgements of predicted calls: what must be executed to reach them, and what came of it.

Nothing runs here.  A plan collects items, decides those that their text already decides, and lists the
distinct executions that the others need.
"""

from __future__ import annotations

from dataclasses import dataclass

from cr_utils import calls, literals
from cr_utils.runs import Run

__all__ = ["Plan", "Verdict"]


@dataclass(frozen=True)
class Verdict:
    """The judgement of one answer; true only when it is right.

    `kind`: pass, fail, error, timeout, memory, too_big, exited, signal, forged, lost, bad_expected, bad_call.
    """

    kind: str
    cpu: float = 0.0
    layers: tuple[str, ...] = ()
    error: str | None = None

    @property
    def passed(self) -> bool:
        """Whether the answer is right."""
        return self.kind == "pass"

    def __bool__(self) -> bool:
        return self.passed


class Plan:
    """Items to judge: the distinct executions they need, and what to compare each with."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.jobs: list[list] = []
        self.items: list[tuple] = []
        self._code_numbers: dict = {}
        self._job_numbers: dict = {}
        self._entries: dict = {}

    def add(self, code: str, call: str, expected: str, entry_point: str | None = None) -> None:
        """Note one item: a verdict where the text already decides, else the number of its job and the
        value.
        """
        try:
            value = literals.parse(expected)
        except literals.LiteralError as error:
            self.items.append((Verdict("bad_expected", error=str(error)),))
            return
        if len(code) > literals.MAX_PROGRAM:
            error = f"a program longer than {literals.MAX_PROGRAM} characters"
            self.items.append((Verdict("too_big", error=error),))
            return
        name = entry_point or calls.entry_point(code)
        if name is None:
            self.items.append((Verdict("error", error="the program defines no function or does not parse"),))
            return
        try:
            tree = calls.parse(call, name)
        except calls.CallError as error:
            self.items.append((Verdict("bad_call", error=str(error)),))
            return
        self.items.append((None, self._job(code, name, tree), value))

    def _job(self, code: str, name: str, tree: list) -> int:
        key = (code, name, repr(tree))
        if key not in self._job_numbers:
            number = self._code_numbers.setdefault(code, len(self.codes))
            if number == len(self.codes):
                self.codes.append(code)
            self._job_numbers[key] = len(self.jobs)
            self.jobs.append([number, name, tree, None, None])
        return self._job_numbers[key]

    def verdicts(self, runs: list[Run], compare: str) -> list[Verdict]:
        """The judgement of every item, given the runs of the jobs in order."""
        return [_verdict(item, runs, compare) for item in self.items]


def _verdict(item: tuple, runs: list[Run], compare: str) -> Verdict:
    if item[0] is not None:
        return item[0]
    run = runs[item[1]]
    if run.kind != "ok":
        return Verdict(run.kind, run.cpu, run.layers, run.error)
    return Verdict("pass" if run.equals(item[2], compare) else "fail", run.cpu, run.layers)
