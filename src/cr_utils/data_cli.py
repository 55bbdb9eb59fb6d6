"""`python -m cr_utils data`: problems of our generator as JSON lines; their rate on standard error."""

import argparse
import sys
import time

from cr_utils import benchmarks, jsonl, synthesis
from cr_utils.schema import SCHEMA


def main(words: list[str]) -> int:
    """Make problems of one split; the same seed gives the same lines. Or: status, fetch, fingerprints."""
    if words and words[0] in ("status", "fetch", "fingerprints"):
        return benchmarks.data_main(words)
    asked = argparse.ArgumentParser(prog="python -m cr_utils data", description=main.__doc__)
    asked.add_argument("-n", type=int, default=1000, help="how many (default: 1000)")
    asked.add_argument("--split", choices=synthesis.SPLITS, default=synthesis.SPLITS[0])
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--max-steps", type=int, default=24, help=SCHEMA["data_max_steps"].help)
    asked.add_argument("--workers", type=int, default=2, help=SCHEMA["data_workers"].help)
    asked.add_argument("--no-constraints", action="store_true", help="draw freely, not by constraint cell")
    asked.add_argument("--no-mutation", action="store_true", help="inputs as first generated")
    given = asked.parse_args(words)
    sizes = {split: given.n if split == given.split else 0 for split in synthesis.SPLITS}
    options = {"seed": given.seed, "constraints": not given.no_constraints, "mutation": not given.no_mutation,
               "max_steps": given.max_steps}
    began = time.monotonic()
    problems, _ = synthesis.synthesize(sizes, options, given.workers)
    seconds = time.monotonic() - began
    for problem in problems:
        print(jsonl.dumps(problem))
    print(f"{len(problems)} problems in {seconds:.1f} s: {len(problems) / seconds:.0f}/s", file=sys.stderr)
    return 0
