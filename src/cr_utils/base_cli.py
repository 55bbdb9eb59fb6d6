"""`python -m cr_utils base`: train the small base model by params/base.yaml and install it."""

import argparse
import shutil
from pathlib import Path

from cr_utils import base, params, paths


def main(words: list[str]) -> int:
    """Train, or continue an unfinished training; then put model and tokenizer into the package's assets."""
    asked = argparse.ArgumentParser(prog="python -m cr_utils base", description=main.__doc__)
    asked.add_argument("--out", type=Path, help="folder of the training run (default: results/base)")
    asked.add_argument("--tokens", type=int,
                       help="train so many tokens in each phase instead of params/base.yaml's")
    asked.add_argument("--keep", action="store_true", help="leave the package's assets as they are")
    given = asked.parse_args(words)
    values = params.load_base()
    if given.tokens:
        phases = {phase: values[phase] for phase in base.LATER if phase in values}
        asked_for = {"tokens": given.tokens}
        values |= asked_for | {name: one | asked_for for name, one in phases.items()}
    out = given.out or paths.results_root() / "base"
    done = base.train_all(values, out)
    where = paths.shown(out / "model")
    print(f"{done['tokens']} tokens in {done['seconds']:.0f} s, loss {done['loss']:.3f}: {where}")
    if not given.keep:
        target = paths.package() / "assets" / "base"
        shutil.copytree(out / "model", target, dirs_exist_ok=True)
        print(f"installed in {paths.shown(target)}")
    return 0
