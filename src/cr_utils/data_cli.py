"""`python -m cr_utils data`: problems of our generator as JSON lines; their rate on standard error."""

import argparse
import json
import sys
import time
from pathlib import Path

from cr_utils import benchmarks, jsonl, published_prompts, releases, synthesis
from cr_utils.errors import UserError
from cr_utils.schema import SCHEMA
from cr_utils.shares import shard_of
from cr_utils.wide import coverage
from cr_utils.wide.stream import Stream


def main(words: list[str]) -> int:
    """Make problems of one split; the same seed gives the same lines. Or: status, fetch, fetch-templates,
    fingerprints, chains (the released ones), coverage, difficulty."""
    if words and words[0] in ("status", "fetch", "fingerprints"):
        return benchmarks.data_main(words)
    if words and words[0] == "fetch-templates":
        return published_prompts.main(words[1:])
    if words and words[0] == "chains":
        return releases.main(words[1:])
    if words and words[0] == "coverage":
        return cells_of(words[1:])
    asked = argparse.ArgumentParser(prog="python -m cr_utils data", description=main.__doc__)
    asked.add_argument("-n", "--n", type=int, default=1000, help="how many (default: 1000)")
    asked.add_argument("--split", choices=synthesis.SPLITS, default=synthesis.SPLITS[0])
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--max-steps", type=int, default=24, help=SCHEMA["data_max_steps"].help)
    asked.add_argument("--workers", type=int, default=2, help=SCHEMA["data_workers"].help)
    asked.add_argument("--no-constraints", action="store_true", help="draw freely, not by constraint cell")
    asked.add_argument("--no-mutation", action="store_true", help="inputs as first generated")
    asked.add_argument("--grammar", choices=("core", "wide"), default="core",
                       help=SCHEMA["data_grammar"].help)
    asked.add_argument("--shard", default="1/1", help="i/n: the i-th of n shares (wide only)")
    asked.add_argument("--out", default="", help="file to write to, resumed where it exists (wide only)")
    given = asked.parse_args(words)
    if given.out:
        return stream(given)
    if given.shard != "1/1":
        raise UserError("--shard needs --grammar wide and --out FILE")
    sizes = {split: given.n if split == given.split else 0 for split in synthesis.SPLITS}
    options = {"seed": given.seed, "constraints": not given.no_constraints, "mutation": not given.no_mutation,
               "max_steps": given.max_steps, "grammar": given.grammar}
    began = time.monotonic()
    problems, _ = synthesis.synthesize(sizes, options, given.workers)
    seconds = time.monotonic() - began
    for problem in problems:
        print(jsonl.dumps(problem))
    print(f"{len(problems)} problems in {seconds:.1f} s: {len(problems) / seconds:.0f}/s", file=sys.stderr)
    return 0


def cells_of(words: list[str]) -> int:
    """How many programs and problems each cell of a grammar's space has in a file, the thinnest first.

    The space is the one of the grammar that wrote the file.
    """
    asked = argparse.ArgumentParser(prog="python -m cr_utils data coverage", description=cells_of.__doc__)
    asked.add_argument("file", type=Path, help="problems.jsonl of 01_data, or a shard")
    asked.add_argument("--most", type=int, default=20, help="cells to print (0: all)")
    given = asked.parse_args(words)
    if not given.file.is_file():
        raise UserError(f"{given.file} is not there: name a file of problems")
    with given.file.open(encoding="utf-8") as file:
        problems = [json.loads(line) for line in file]
    core = coverage.of_core(problems)
    rows = coverage.table(problems, coverage.core_cells() if core else None)
    if core:
        print("problems of the core grammar, counted against its own space:")
    for row in rows[:given.most or None]:
        cell = f"{row['type']}.{row['method']}, {row['setting']} {row['depth']}"
        print(f"{cell:44}{row['programs']:8} programs{row['problems']:9} problems")
    print(", ".join(f"{name}: {n}" for name, n in coverage.summary(rows).items()))
    return 0


def status(words: list[str]) -> int:
    """Which benchmark files are here, where, and how many rows they have."""
    asked = argparse.ArgumentParser(prog="python -m cr_utils data status", description=status.__doc__)
    asked.parse_args(words)
    return benchmarks.data_main(["status"])


def fetch(words: list[str]) -> int:
    """Download benchmark files into the project's cache."""
    asked = argparse.ArgumentParser(prog="python -m cr_utils data fetch", description=fetch.__doc__)
    asked.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(benchmarks.FILES)} (default: "
                       "those that need no hub)")
    return benchmarks.data_main(["fetch", *asked.parse_args(words).names])


def stream(given: argparse.Namespace) -> int:
    """Write one shard of wide problems to a file; n is the number over all shards."""
    if given.grammar != "wide":
        raise UserError("--out writes the wide grammar's problems: add --grammar wide")
    number, shards = shard_of(given.shard)
    n = given.n // shards + (number <= given.n % shards)
    options = {"constraints": not given.no_constraints, "mutation": not given.no_mutation,
               "max_steps": given.max_steps}
    made = Stream(given.out, given.seed, given.split, options, (number, shards))
    began = time.monotonic()
    made.resume()
    before = made.written
    made.run(n, given.workers)
    seconds = time.monotonic() - began
    print(f"{made.written} problems in {given.out}, {made.written - before} of them new, in {seconds:.1f} s: "
          f"{(made.written - before) / seconds:.0f}/s", file=sys.stderr)
    return 0
