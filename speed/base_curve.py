"""The learning curve behind the default profile: what more pre-training of the base, and more SFT, are worth.

    .venv/bin/python speed/base_curve.py 20M=FOLDER 50M=shipped --sft-steps 0 170

For every start model, named NAME=FOLDER (earlier states of the shipped base lie in the repository's history
of src/cr_utils/assets/base), and every number of SFT updates: the share of held-out, out-of-distribution
and CRUXEval output questions answered right. 0 updates: the start model itself, asked directly, with its
bits a character and its share of right single steps on fresh documents of the base's last phase. Problems
and chains are those of a finished run of the profile (`make reproduce`); the learning rate falls over each
budget. A name such as 20M says how many million tokens a base has read, for the figure. A row that is in
the file already is not made again, an interrupted SFT goes on; as many updates of the shipped base as the
run itself made are the run's own row.
"""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path

from base_choices import UNSEEN, bits_per_character, documents, share_right, steps_asked

from cr_utils import base, distill, engines, evaluate, exams, jsonl, models, params, paths, sft
from cr_utils.generate import Sampler

FRESH = 300  # documents that bits a character are measured on


def single_steps(spec: str, cache: Path) -> dict:
    """Bits a character of fresh documents, and the share of single steps continued as they should be."""
    last = params.load_base()[base.LATER[-1]]
    phase = {key: last[key] for key in base.STREAM if key in last}
    model, tok = models.load(spec)
    model.eval()
    right = share_right(Sampler(model, tok), steps_asked(phase, UNSEEN),
                        lambda text: tuple(tok(text, add_special_tokens=False)["input_ids"]))
    return {"bits_per_character": round(bits_per_character(model, documents(UNSEEN, FRESH, phase, cache)), 4),
            "steps_right": round(right, 4)}


def accuracies(name: str, spec: str, settings: dict, problems: list[dict], out: Path, direct: bool) -> dict:
    """{benchmark: [right, n]} of the output questions of an ablation arm."""
    answer = engines.load(spec, settings)
    for split, sheet in exams.of_arm(problems, settings, direct).items():
        evaluate.run(name, split, sheet, answer, out)
    return right(jsonl.read(out), name)


def right(items: list[dict], name: str) -> dict[str, list[int]]:
    """{benchmark: [right, n]} of a model's output questions about programs that have one each."""
    found = evaluate.accuracy([item for item in items if item["model"] == name])
    return {benchmark: list(counts) for (_, benchmark, task), counts in found.items()
            if task == "output" and benchmark != "reval"}


def of_run(run: Path, settings: dict, spec: str, steps: int) -> dict[str, list[int]]:
    """{benchmark: [right, n]} of the run's own tuned model, where it is what a row asks for; else {}."""
    items = run / "05_eval" / "items.jsonl"
    if spec != settings["model"] or steps != settings["sft_steps"] or not items.is_file():
        return {}
    return right(jsonl.read(items), "sft")


def measure(name: str, spec: str, steps: int, settings: dict, given: argparse.Namespace) -> dict:
    """One row: a start model after so many updates."""
    run = paths.results(given.profile)
    problems, label = jsonl.read(run / "01_data" / "problems.jsonl"), f"{name}+{steps}"
    folder, began = given.out.with_suffix("") / label, time.perf_counter()
    items, size = given.out.with_suffix(".items.jsonl"), re.fullmatch(r"(\d+)M", name)
    row = {"label": label, "model": name, "millions": int(size[1]) if size else None, "sft_steps": steps}
    if not steps:
        return row | {**single_steps(spec, given.out),
                      "right": accuracies(label, spec, settings, problems, items, direct=True)}
    if own := of_run(run, settings, spec, steps):
        return row | {"right": own, "of_run": given.profile}
    rows = distill.accepted(jsonl.read(run / "02_distill" / "chains.jsonl"))
    own = {**settings, "sft_steps": steps, "sft_eval_every": steps}
    summary = sft.train(rows, spec, folder, own, validate=None)
    return row | {"sft_tokens": summary["tokens"], "loss": summary["loss"],
                  "right": accuracies(label, str(folder / "model"), settings, problems, items, direct=False),
                  "seconds": round(time.perf_counter() - began, 1)}


def main() -> None:
    """Make the rows asked for that are not in the file."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("models", nargs="*", default=["shipped=shipped"], help="NAME=FOLDER, or NAME=shipped")
    asked.add_argument("--sft-steps", type=int, nargs="+", default=[0, 170])
    asked.add_argument("--profile", default="tiny", help="whose finished problems and chains (default: tiny)")
    asked.add_argument("--items", type=int, default=1000, help="questions of each held-out split")
    asked.add_argument("--cruxeval", type=int, default=200, help="CRUXEval output questions")
    asked.add_argument("--out", type=Path, default=Path("results/base_curve.jsonl"))
    given = asked.parse_args()
    settings = params.load(given.profile)
    made = paths.results(given.profile) / "02_distill" / "manifest.json"
    if not made.is_file():
        raise SystemExit(f"error: {paths.shown(made)} is missing: first run `make reproduce "
                         f"PROFILE={given.profile}`")
    settings |= {"ablation_items": given.items, "ablation_cruxeval": given.cruxeval}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    with jsonl.Appender(given.out, key="label") as file:
        known = {row["label"] for row in file.rows}
        for name, _, spec in (text.partition("=") for text in given.models):
            for steps in given.sft_steps:
                if f"{name}+{steps}" not in known:
                    file.add(measure(name, spec, steps, settings, given))
                    print(file.rows[-1], flush=True)


if __name__ == "__main__":
    main()
