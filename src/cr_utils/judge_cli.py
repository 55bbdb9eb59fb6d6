"""`python -m cr_utils judge` and `trace`: JSON lines in on standard input, JSON lines out, in order.

judge: {id, code, call, expected[, entry_point]} -> {id, kind, passed, cpu}. trace: {id, code, call} -> {id,
events, complete, kind}; an event is [frame, line, changes], see `cr_utils.trace`. A line that is not such an
object ends the command with status 2 and one line on standard error. Nobody knows who wrote the programs:
where Landlock or seccomp is missing, both need --weak-ok.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Iterable, Iterator
from typing import TextIO

from cr_utils.errors import UserError
from cr_utils.sandbox import Sandbox
from cr_utils.trace import trace_many

__all__ = ["judge_main", "trace_main"]

_BATCH = 256  # lines that are judged together


def judge_main(argv: list[str], source: TextIO | None = None, target: TextIO | None = None) -> int:
    """Judge predicted calls; returns the exit status.  Raises UserError for a bad line."""
    parser = _parser("judge", "{id, code, call, expected} -> {id, kind, passed, cpu}")
    parser.add_argument(
        "--compare", choices=("python", "strict"), default="python", help="== or same types too"
    )
    parser.add_argument(
        "--profile", choices=("pure", "bench"), default="pure", help="bench: imports, threads, files"
    )
    options = parser.parse_args(argv)
    with _sandbox(options) as sandbox:
        for rows in _batches(_rows(source or sys.stdin, ("id", "code", "call", "expected"))):
            items = [(row["code"], row["call"], row["expected"], row.get("entry_point")) for row in rows]
            verdicts = sandbox.check_many(items, options.compare, options.profile, untrusted=True)
            _tell(
                target,
                [
                    {
                        "id": row["id"],
                        "kind": verdict.kind,
                        "passed": verdict.passed,
                        "cpu": round(verdict.cpu, 6),
                    }
                    for row, verdict in zip(rows, verdicts, strict=True)
                ],
            )
    return 0


def trace_main(argv: list[str], source: TextIO | None = None, target: TextIO | None = None) -> int:
    """Trace calls; returns the exit status.  Raises UserError for a bad line."""
    parser = _parser("trace", "{id, code, call} -> {id, events, complete, kind}")
    parser.add_argument("--events", type=int, default=2000, help="lines after which a trace is cut")
    options = parser.parse_args(argv)
    with _sandbox(options) as sandbox:
        for rows in _batches(_rows(source or sys.stdin, ("id", "code", "call"))):
            pairs = [(row["code"], row["call"]) for row in rows]
            traces = trace_many(pairs, sandbox, events=options.events, untrusted=True)
            _tell(
                target,
                [
                    {
                        "id": row["id"],
                        "events": [[event.frame, event.line, event.changes] for event in found.events],
                        "complete": found.complete,
                        "kind": found.kind,
                    }
                    for row, found in zip(rows, traces, strict=True)
                ],
            )
    return 0


def _parser(name: str, what: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        f"cr_utils {name}", description=f"JSON lines in, JSON lines out: {what}."
    )
    parser.add_argument("--cpu", type=float, default=0.5, help="CPU seconds for one call")
    parser.add_argument("--wall", type=float, default=5.0, help="wall seconds for one call")
    parser.add_argument("--lanes", type=int, default=None, help="helper processes")
    parser.add_argument(
        "--weak-ok", action="store_true", help="run programs although Landlock or seccomp is missing here"
    )
    return parser


def _sandbox(options: argparse.Namespace) -> Sandbox:
    return Sandbox(cpu=options.cpu, wall=options.wall, lanes=options.lanes, weak_ok=options.weak_ok)


def _rows(source: TextIO, names: tuple[str, ...]) -> Iterator[dict]:
    for number, line in enumerate(source, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            texts = [row[name] for name in names if name != "id"]
            if "id" not in row or not all(isinstance(text, str) for text in texts):
                raise TypeError
        except (ValueError, KeyError, TypeError, RecursionError):
            raise UserError(
                f"line {number} of the input: expected a JSON object with {', '.join(names)}"
            ) from None
        yield row


def _batches(rows: Iterable[dict]) -> Iterator[list[dict]]:
    rows = iter(rows)
    while batch := list(itertools.islice(rows, _BATCH)):
        yield batch


def _tell(target: TextIO | None, answers: list[dict]) -> None:
    target = target or sys.stdout
    for answer in answers:
        print(json.dumps(answer), file=target)
    target.flush()
