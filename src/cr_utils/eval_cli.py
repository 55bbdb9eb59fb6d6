"""`python -m cr_utils evaluate` and `join`: measure any model on the real benchmarks, on any number of
machines.

evaluate asks what 05_eval asks, without a trained model of ours: questions, resuming, shares and scoring are
the same, and its items.jsonl can be taken in by 05_eval (eval_items). join makes one such file of several.
"""

import argparse
from pathlib import Path

from cr_utils import engines, evaluate, exams, jsonl, params, shares, tables
from cr_utils.errors import UserError


def main(words: list[str]) -> int:
    """Ask models the questions of the real benchmarks; an interrupted command continues where it was."""
    given = _parser().parse_args(words)
    values = _values(given)
    specs = engines.named(given.model)
    sheets = exams.Sheets(jsonl.read(given.problems) if given.problems else [], values)
    if not any(any(sheets.of(name).values()) for name in specs):
        raise UserError("there is nothing to ask: no benchmark is at hand, or the share is empty "
                        "(python -m cr_utils data status)")
    for name, spec in specs.items():
        answer = engines.load(spec, values, given.out.with_name(f"asked_{name}.jsonl"))
        for benchmark, asked in sheets.of(name).items():
            if asked:
                evaluate.run(name, benchmark, asked, answer, given.out, samples=values["eval_samples"])
    print(summary([item for item in jsonl.read(given.out) if item["model"] in specs]))
    return 0


def main_join(words: list[str]) -> int:
    """Make one file of the items of several shares."""
    asked = argparse.ArgumentParser(prog="python -m cr_utils join", description=main_join.__doc__)
    asked.add_argument("files", nargs="+", type=Path, help="items.jsonl files of one evaluation")
    asked.add_argument("--out", type=Path, required=True, help="where the merged items go")
    given = asked.parse_args(words)
    print(f"{shares.merge_files(given.files, given.out)} items in {given.out}")
    print(summary(jsonl.read(given.out)))
    return 0


def summary(items: list[dict]) -> str:
    """Accuracies in percent with 95 % intervals, a line each."""
    frame = tables.main(items, with_published=False)
    rows = frame[frame["n"].notna()]
    return "\n".join(f"{row.model:<16} {row.benchmark:<14} {row.task:<12} {row.mode:<7} n={row.n:<5} "
                     f"{100 * row.accuracy:5.1f} [{100 * row.low:.1f}, {100 * row.high:.1f}]"
                     for row in rows.itertuples())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cr_utils evaluate", description=main.__doc__)
    parser.add_argument(
        "--model",
        action="append",
        required=True,
        metavar="NAME=SPEC",
        help="a folder, hub id, vllm:…, openai:model@url (docs/05_eval.md); may be given again",
    )
    parser.add_argument("--benchmark", action="append", choices=exams.PUBLISHED,
                        help="may be given again (default: all that are at hand)")
    parser.add_argument(
        "--problems", type=Path, help="problems.jsonl of a 01_data stage: ask its held-out splits too"
    )
    parser.add_argument("--out", type=Path, required=True, help="items.jsonl to write or to continue")
    parser.add_argument("--limit", type=int, help="questions per benchmark and task at most")
    parser.add_argument("--shard", help="i/n: ask only the i-th of n shares")
    parser.add_argument("--profile", default=params.DEFAULT_PROFILE, help="whose parameters (default: tiny)")
    parser.add_argument("-p", action="append", nargs=2, metavar=("KEY", "VALUE"), default=[],
                        help="another value of a parameter, such as eval_cruxeval 800")
    return parser


def _values(given: argparse.Namespace) -> dict:
    """The profile's parameters with what the command line changes."""
    changed = {key: params.parse_value(key, text) for key, text in given.p}
    changed |= {
        f"eval_{name}": 0 for name in exams.PUBLISHED if given.benchmark and name not in given.benchmark
    }
    for key, value in (("eval_limit", given.limit), ("eval_shard", given.shard)):
        if value is not None:
            changed[key] = value
    return params.load(given.profile, changed)
