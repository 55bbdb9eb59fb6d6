"""Model cards, and models to the hub: what a trained model is, written from its stage's own records.

A card names the start model, the data, the settings and the validation accuracy with its n; it claims nothing
that was not recorded. Nothing leaves the machine unless `python -m cr_utils push` is given the name to push
to.
"""

import argparse
from pathlib import Path

from cr_utils import jsonl, machine, params, paths, record
from cr_utils.errors import UserError

TITLES = {"03_sft": "supervised fine-tuning on reasoning chains",
          "04_grpo": "reinforcement learning (GRPO), rewarded by execution, after supervised fine-tuning"}
DATA = {"01_data": ["problems.jsonl"], "02_distill": ["chains.jsonl"]}  # pushed beside card and parquet
TEXT = """---
{origin}library_name: {library}
pipeline_tag: text-generation
tags: [code, code-reasoning, {tag}]
---
# {name}: {title}

Made by stage `{stage}` of the CodeReasoner reproduction package, profile `{profile}`, seed {seed}, from
`{base}`. It is asked what a small Python program does when it runs, and answers inside `<answer>` after
reasoning step by step.

**Held back**: validation accuracy {accuracy} (output prediction on the package's own synthetic programs,
greedy). This says nothing about other programs; benchmark results are in the run's `05_eval`, if it was
run.

**Data**: programs generated under constraints and executed; chains by the `{teacher}` teacher, each
verified by execution. No benchmark item is part of it.

**Weights**: {weights}

**Settings**

| parameter | value |
|---|---|
{settings}

**Versions**: {versions}; commit {commit}.

**Use**: research on code reasoning. It was not trained for anything else, and what it says about a program
is often wrong: execute the program to be sure. The terms of `{base}` apply to what is derived from it.
"""


def text(stage: str, values: dict, metrics: dict) -> str:
    """The card. values: all parameters; metrics: val_accuracy and val_n, where they were measured."""
    prefix = {"03_sft": "sft_", "04_grpo": "grpo_"}[stage]
    shown = [key for key in values if key.startswith((prefix, "model_")) and key != "model_dtype"]
    base = {"shipped": "the base model that the package ships",
            "scratch": "a model that the run trained from scratch"}.get(values["model"], values["model"])
    hub = base.count("/") == 1 and not Path(base).is_dir()  # the hub takes no other names of models
    origin = f"base_model: {base}\n" if hub else ""
    accuracy = "was not measured"
    if metrics.get("val_accuracy") is not None:
        accuracy = f"{100 * metrics['val_accuracy']:.1f} % of n = {metrics['val_n']}"
    lora, found = values["model_lora"], machine.versions()
    weights = "all parameters, float32"
    if lora:
        under = " on 4-bit weights" if values["model_four_bit"] else ""
        weights = f"a LoRA adapter of rank {lora}{under} (`python -m cr_utils merge` makes it whole)"
    return TEXT.format(
        origin=origin, base=base, library="peft" if lora else "transformers", stage=stage,
        tag=prefix.rstrip("_"),
        name=f"{values['profile']} {stage}", title=TITLES[stage], profile=values["profile"],
        seed=values["seed"], accuracy=accuracy, teacher=values["distill_teacher"], weights=weights,
        settings="\n".join(f"| `{key}` | `{values[key]}` |" for key in shown),
        versions=", ".join(f"{name} {found[name]}" for name in ("torch", "transformers", "trl", "peft")
                           if name in found),
        commit=(machine.git()["commit"] or "unknown")[:12])


def write(run: record.Record, metrics: dict) -> Path:
    """Write the card of a stage that is about to finish; a finished one keeps its own."""
    path = run.dir / "model" / "README.md"
    if not run.done:
        jsonl.write_text(path, text(run.stage, run.params, metrics))
    return path


def push(stage: str, values: dict, to: str, private: bool = True) -> str:
    """Upload the model or the data of a finished stage to the hub as `to` (owner/name); its address.

    Raises UserError where the stage is not finished, or finished without a card, and where the hub refuses or
    is out of reach.
    """
    kind = "data" if stage in DATA else "model"
    finished = record.manifest(values["profile"], stage)
    if finished is None:
        raise UserError(f"{stage} of profile {values['profile']} is not finished: there is no {kind} to push")
    from huggingface_hub.errors import HTTPError  # of the client that the hub's library uses

    try:
        return _upload(stage, values["profile"], finished["outputs"], to, private)
    except (OSError, HTTPError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{to} was not pushed: {reason} (log in with `hf auth login`)") from error


def _upload(stage: str, profile: str, outputs: dict, to: str, private: bool) -> str:
    from huggingface_hub import HfApi

    api, folder = HfApi(), paths.stage_dir(profile, stage)
    if stage in DATA:
        names = [name for name in outputs if name == "README.md" or name.startswith("data/")]
        if "README.md" not in names:
            raise UserError(f"{stage} has no card: run it again with --force {stage}, then push")
        api.create_repo(to, private=private, exist_ok=True, repo_type="dataset")
        return str(api.upload_folder(repo_id=to, folder_path=str(folder), repo_type="dataset",
                                     allow_patterns=[*names, *DATA[stage]]))
    api.create_repo(to, private=private, exist_ok=True)
    return str(api.upload_folder(repo_id=to, folder_path=str(folder / "model")))


def main(words: list[str]) -> int:
    """Push the model or the data of a finished stage, with its card, to the Hugging Face hub (private unless
    --public).
    """
    asked = argparse.ArgumentParser(prog="python -m cr_utils push", description=main.__doc__)
    asked.add_argument("stage", choices=sorted([*TITLES, *DATA]))
    asked.add_argument("--to", required=True, help="owner/name on the hub; log in with `hf auth login` first")
    asked.add_argument("--profile", default=params.DEFAULT_PROFILE,
                       help="name of a file in params/ (default: tiny)")
    asked.add_argument("--public", action="store_true", help="readable for everybody")
    given = asked.parse_args(words)
    print(push(given.stage, params.load(given.profile), given.to, private=not given.public))
    return 0
