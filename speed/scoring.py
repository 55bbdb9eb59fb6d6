"""How long it takes to score 16,000 CRUXEval generations: 800 rows, ten generations each, both directions.

    python speed/scoring.py [--rows N] [--seed N]

Needs the benchmark's file (CR_BENCHMARKS, or the cache of `python -m cr_utils data fetch`). The generations
are drawn with a seed from the benchmark's own answers: of each row's ten about three are distinct (in the
published files each stands there 3.1 to 4.8 times); half the rows have the right one among them; the others
are answers of other rows, expressions, text that is no Python, and calls that never end (with seed 0 two of
the inputs of other rows do not either). Prints one JSON object: wall and CPU seconds (this process's and the
sandbox's), and what was right.
"""

import argparse
import json
import random
import resource
import time

from cr_utils import benchmarks, score
from cr_utils.sandbox import Sandbox

ENDLESS = "f(sum(0 for _ in iter(int, 1)))"


def texts(mode: str, row: dict, rows: list[dict], dice: random.Random) -> list[str]:
    """Ten generations for a row."""
    def right(one):
        return one["output"] if mode == "output" else f"f({one['input']})"

    own, other, third = right(row), right(dice.choice(rows)), right(dice.choice(rows))
    odd = dice.choice([f"{own} or 1", f" {other}", f"{other}  # so", f"{own[:-1]}", f"({third})",
                       f"{other}, 1", "f("])
    distinct = [own if dice.random() < 0.5 else third, other, dice.choice([third, other, odd])]
    return [dice.choice(distinct) for _ in range(10)]


def cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--rows", type=int, default=800, help="rows of the benchmark (default: all)")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--endless", type=int, default=2, help="calls that never end (default: 2)")
    asked.add_argument("--mode", action="append", choices=("output", "input"))
    given = asked.parse_args()
    rows, found = benchmarks.load("cruxeval", mode="require")[: given.rows], {}
    for mode in given.mode or ("output", "input"):
        dice = random.Random(given.seed)
        made = {row["id"]: texts(mode, row, rows, dice) for row in rows}
        if mode == "input":
            for row in rows[: given.endless]:
                made[row["id"]][0] = ENDLESS
        began, own, theirs = time.monotonic(), cpu(resource.RUSAGE_SELF), cpu(resource.RUSAGE_CHILDREN)
        with Sandbox() as sandbox:
            result = score.score_generations("cruxeval", mode, rows, made, sandbox)
        distinct = sum(len(set(one)) for one in made.values())
        found[mode] = {
            "generations": 10 * len(rows), "distinct": distinct,
            "seconds": round(time.monotonic() - began, 2),
            "cpu_here": round(cpu(resource.RUSAGE_SELF) - own, 2),
            "cpu_sandbox": round(cpu(resource.RUSAGE_CHILDREN) - theirs, 2),
            "pass_at_1": round(result["pass_at_1"], 2),
            "strict_pass_at_1": round(result["strict_pass_at_1"], 2),
            "judged_differently": result["judged_differently"],
        }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
