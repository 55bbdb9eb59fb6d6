"""`python -m cr_utils base`: train the small base model by params/base.yaml and install it.

With --profile: train the start model of a profile with `model: scratch` instead, as the driver does
(base_stage).
"""

import argparse
import shutil
from pathlib import Path

from cr_utils import base, params, paths
from cr_utils.errors import UserError


def main(words: list[str]) -> int:
    """Train, or continue an unfinished training; then put model and tokenizer into the package's assets."""
    asked = argparse.ArgumentParser(prog="python -m cr_utils base", description=main.__doc__)
    asked.add_argument("--out", type=Path, help="folder of the training run (default: results/base)")
    asked.add_argument("--tokens", type=int,
                       help="train so many tokens in each phase instead of params/base.yaml's")
    asked.add_argument("--keep", action="store_true", help="leave the package's assets as they are")
    asked.add_argument("--profile", help="train the start model of this profile, into its results, instead")
    asked.add_argument("-p", nargs=2, action="append", default=[], metavar=("KEY", "VALUE"), dest="given",
                       help="with --profile: set a parameter (repeatable)")
    given = asked.parse_args(words)
    if given.profile:
        return of_profile(given)
    if given.given:
        raise UserError("-p goes with --profile; the shipped base is trained by params/base.yaml")
    values = params.load_base()
    if given.tokens:
        phases = {phase: values[phase] for phase in base.LATER if phase in values}
        tokens = {"tokens": given.tokens}
        values |= tokens | {name: one | tokens for name, one in phases.items()}
    out = given.out or paths.results_root() / "base"
    done = base.train_all(values, out)
    where = paths.shown(out / "model")
    print(f"{done['tokens']} tokens in {done['seconds']:.0f} s, loss {done['loss']:.3f}: {where}")
    if not given.keep:
        target = paths.package() / "assets" / "base"
        shutil.copytree(out / "model", target, dirs_exist_ok=True)
        print(f"installed in {paths.shown(target)}")
    return 0


def of_profile(given: argparse.Namespace) -> int:
    """Train, or continue, the start model of a profile, and write its record."""
    from cr_utils import base_stage

    if given.out or given.tokens or given.keep:
        raise UserError("--out, --tokens and --keep are for the shipped base: with --profile use "
                        "-p base_tokens N")
    values = params.load(given.profile, {key: params.parse_value(key, text) for key, text in given.given})
    print(base_stage.line(base_stage.run(values)))
    print(f"in {paths.shown(paths.stage_dir(values['profile'], paths.BASE))}")
    return 0
