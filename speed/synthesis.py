"""Accepted problems and verified chains per second, and where the time goes.

python speed/synthesis.py [--problems 4000] [--chains 1500] [--workers 2] [--grammar core|wide]
    [--against CHECKOUT]

Wall-clock rates mean something on a quiet machine only, so each is also given per second of CPU time, over
all processes: rejected candidates, worker processes and the second run in the sandbox included. Training
problems take 80 % of the programs drawn; validation and held-out problems cost 5-10 times as much, since most
programs belong to another split. Stages are timed in one process, in CPU time, on candidates of the training
split. With --grammar wide the rate is also given as a multiple of GOAL; --against measures another checkout
of this repository (`git worktree add ../before COMMIT`) by turns with this one, and prints the ratio.
"""

import argparse
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from cr_utils import candidates, distill, synthesis
from cr_utils.sandbox import Sandbox
from cr_utils.wide import make
from cr_utils.wide.again import Again
from cr_utils.wide.stream import Stream

OPTIONS = {"seed": 0, "constraints": True, "mutation": True, "max_steps": 24}
MIX = {"output": 0.6, "input": 0.25, "coverage": 0.05, "path": 0.05, "state": 0.05}
STAGES = {"program": (candidates.grammar, "program"), "fingerprint": (candidates, "fingerprint"),
          "static filters": (candidates, "static_reason"), "run and trace": (candidates, "execute")}
WIDE_STAGES = {"program": (make, "program"), "fingerprint": (make, "fingerprint"),
               "static filters": (make, "static_reason"), "inputs": (make, "executed"),
               "trace": (make.Runs, "trace"), "leave one statement out": (make, "idle_statement"),
               "score": (make.difficulty, "score")}
GOAL = 1000  # wide problems a second on two cores
ROUNDS = 3  # of a comparison
RATE = re.compile(r"(\d+)/CPU-s")


def cpu_all() -> float:
    """CPU seconds of this process and of all its children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


class Watch:
    """Wall and CPU seconds of a block; children count once they have ended within it."""

    def __enter__(self):
        self._wall, self._cpu = time.perf_counter(), cpu_all()
        return self

    def __exit__(self, *_):
        self.wall, self.cpu = time.perf_counter() - self._wall, cpu_all() - self._cpu

    def rate(self, name: str, n: int) -> str:
        """One line: `n` things in the time of the block."""
        return (f"{name:28}{n:7d}   {n / self.wall:8.0f}/s   {n / self.cpu:8.0f}/CPU-s   "
                f"{1000 * self.cpu / n:6.2f} CPU-ms each")


def timed(spent: Counter, name: str, function):
    """The function, adding its CPU time to spent[name]."""
    def run(*args, **kwargs):
        began = time.process_time()
        try:
            return function(*args, **kwargs)
        finally:
            spent[name] += time.process_time() - began
    return run


def stages(n: int, grammar: str = "core") -> tuple[Counter, list[dict], float]:
    """CPU seconds of each stage over the candidates of `n` programs, the problems made, and the whole."""
    spent, originals = Counter(), {}
    table, draw = (WIDE_STAGES, make.candidates_of) if grammar == "wide" else (STAGES, candidates.candidates)
    for name, (holder, attribute) in table.items():
        originals[name] = getattr(holder, attribute)
        setattr(holder, attribute, timed(spent, name, originals[name]))
    began = time.process_time()
    outcomes = [outcome for index in range(n)
                for outcome in draw(random.Random(f"0:train:{index}"), "train", OPTIONS)]
    whole = time.process_time() - began
    for name, (holder, attribute) in table.items():
        setattr(holder, attribute, originals[name])
    return spent, [outcome for outcome in outcomes if not isinstance(outcome, str)], whole


def show_stages(n: int, grammar: str = "core") -> None:
    """The share of each stage in the CPU time of an accepted problem, the sandbox's second run included."""
    candidates.committed()  # read once, before the clock runs
    make.near_copy("def f(x):\n    return x")
    spent, problems, whole = stages(n, grammar)
    with Watch() as watch:
        agreed = run_again(problems, grammar)
    spent["rest"] = whole - sum(spent.values())
    spent["second run"] = watch.cpu
    total = sum(spent.values())
    print(f"\nCPU time of {agreed} accepted problems of {n} programs, by stage")
    for name, seconds in spent.most_common():
        print(f"  {name:26}{1000 * seconds / agreed:6.2f} ms  {seconds / total:6.1%}")


def run_again(problems: list[dict], grammar: str) -> int:
    """How many problems give the same output in another process, with another hash seed."""
    if grammar != "wide":
        with Sandbox(hash_seed=1) as sandbox:
            return sum(synthesis.same_in(sandbox, problems))
    again = Again()
    outputs = again.outputs(problems)
    again.close()
    return sum(output == problem["output"] for output, problem in zip(outputs, problems, strict=True))


def wide(problems: int, workers: int) -> None:
    """The rate at which wide problems, traced and verified, reach the disk; then the stages."""
    with tempfile.TemporaryDirectory() as folder, Watch() as watch:
        made = Stream(Path(folder) / "wide.jsonl", 0, "train", OPTIONS).run(problems, workers)
    print(watch.rate("wide train problems, on disk", made), flush=True)
    print(f"{made / watch.wall / GOAL:.2f} times the {GOAL} a second asked of two cores, here with {workers} "
          f"workers on {len(os.sched_getaffinity(0))} cores")
    show_stages(max(200, problems // 4), "wide")


def against(checkout: Path, problems: int, workers: int) -> None:
    """Wide problems per second of CPU time, here and in another checkout, by turns."""
    rates: dict[Path, list[int]] = {}
    for _ in range(ROUNDS):
        for root in (checkout.resolve(), Path(__file__).resolve().parents[1]):
            words = [sys.executable, str(root / "speed" / "synthesis.py"), "--grammar", "wide",
                     "--problems", str(problems), "--workers", str(workers)]
            env = os.environ | {"PYTHONPATH": str(root / "src")}
            done = subprocess.run(words, capture_output=True, text=True, env=env, check=True)
            rates.setdefault(root, []).append(int(RATE.search(done.stdout)[1]))
            print(f"{root.name:20} {rates[root][-1]:6d} wide problems/CPU-s", flush=True)
    before, now = (statistics.median(found) for found in rates.values())
    print(f"ratio of the medians of {ROUNDS}: {now / before:.2f}")


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--problems", type=int, default=4000)
    asked.add_argument("--chains", type=int, default=1500)
    asked.add_argument("--workers", type=int, default=2)
    asked.add_argument("--grammar", choices=("core", "wide"), default="core")
    asked.add_argument("--against", type=Path, help="another checkout (wide only)")
    given = asked.parse_args()
    if given.against:
        return against(given.against, given.problems, given.workers)
    if given.grammar == "wide":
        return wide(given.problems, given.workers)
    sizes = dict.fromkeys(synthesis.SPLITS, 0)
    with Watch() as watch:
        problems, _ = synthesis.synthesize(sizes | {"train": given.problems}, OPTIONS, given.workers)
    print(watch.rate("train problems", len(problems)))
    few = max(50, given.problems // 10)
    with Watch() as watch:
        held, _ = synthesis.synthesize(sizes | {"heldout": few}, OPTIONS, given.workers)
    print(watch.rate("heldout problems", len(held)))
    with tempfile.TemporaryDirectory() as folder, Watch() as watch, Sandbox() as sandbox:
        rows = distill.chains(distill.plan(problems, MIX, given.chains, 0), distill.interpreter(),
                              Path(folder) / "chains.jsonl", teacher_name="interpreter", sandbox=sandbox)
    print(watch.rate("chains, judged", len(rows)))
    print(f"{len(distill.accepted(rows))} chains accepted")
    show_stages(max(200, given.problems // 4))
    return None


if __name__ == "__main__":
    main()
