"""`python -m cr_utils train STAGE`: train 03_sft or 04_grpo without a notebook, in one or many processes.

For launch scripts: a notebook's kernel is one process, a training on several GPUs is one per GPU. It leaves
its model and logs in the stage's folder, unfinished; the notebook, run after it, finds them and finishes
the record.
"""

from __future__ import annotations

import argparse
from functools import partial

from cr_utils import (
    distill,
    distributed,
    exams,
    grpo,
    jsonl,
    params,
    paths,
    record,
    responders,
    sft,
    whitebox,
)
from cr_utils.errors import UserError

STAGES = ("03_sft", "04_grpo")


def stage(name: str, values: dict) -> dict:
    """Train a stage in this process and all others of the launch; its summary, as in trained.json.

    Raises UserError where an earlier stage is missing, or not as many processes started as the profile says.
    """
    distributed.start(values["launch"])
    found = distributed.from_first(partial(_begin, name, values))
    if "summary" in found:
        return found["summary"]
    problems = jsonl.read(found["problems"])
    summary = (_sft if name == "03_sft" else _grpo)(values, found, problems)
    if distributed.first():
        jsonl.write_json(found["out"] / "trained.json", summary)
    distributed.wait()
    return summary


def _begin(name: str, values: dict) -> dict:
    """What a training reads and where it writes; or its summary, where it is finished."""
    run = record.start(name, values)
    if run.done:
        return {"summary": run.upstream(name)["metrics"]}
    found = {"out": run.dir, "problems": run.need("01_data", "problems.jsonl")}
    if values["time_budget"]:
        raise UserError("time_budget is resolved by the driver: use `python -m cr_utils run`, or time_budget "
                        "0")
    if name == "03_sft":
        found["start"] = run.start_model()
        found["chains"] = run.need("02_distill", "chains.jsonl")
    else:
        found["start"] = str(run.need("03_sft", "model"))
    if run.trained is not None:
        found["summary"] = run.trained
    return found


def _sft(values: dict, found: dict, problems: list[dict]) -> dict:
    rows = distill.training_rows(found["chains"], values["sft_chains"])
    validate = responders.validator(exams.validation(problems, values["sft_eval_items"]),
                                    values["eval_max_new_tokens"], values["eval_batch_size"])
    return sft.train(rows, found["start"], found["out"], values, validate)


def _grpo(values: dict, found: dict, problems: list[dict]) -> dict:
    if values["grpo_filter_prompts"] and not values["grpo_counts"] and distributed.sharded():
        raise UserError("grpo_filter_prompts needs a whole model in one process: set it to 0, or grpo_counts")
    pool = grpo.pool(problems, values)
    path = found["out"] / "filter.jsonl"
    kept = distributed.from_first(
        lambda: [q.id for q in grpo.filter_prompts(pool, found["start"], values, path)])
    by_id = {q.id: q for q in pool}
    mixed = [by_id[id_] for id_ in kept]
    validate = responders.validator(exams.validation(problems, values["grpo_eval_items"]),
                                    values["grpo_max_new_tokens"], values["eval_batch_size"])
    return grpo.train(mixed, found["start"], found["out"], values, validate, whitebox.reward(values))


def main(words: list[str]) -> int:
    """Train one stage of a profile; started by a launch script, or alone for a profile of one process."""
    asked = argparse.ArgumentParser(prog="python -m cr_utils train", description=main.__doc__)
    asked.add_argument("stage", choices=STAGES)
    asked.add_argument("--profile", default=params.DEFAULT_PROFILE,
                       help="name of a file in params/ (default: tiny)")
    asked.add_argument("-p", nargs=2, action="append", default=[], metavar=("KEY", "VALUE"), dest="given",
                       help="set a parameter (repeatable)")
    given = asked.parse_args(words)
    values = params.load(given.profile, {key: params.parse_value(key, text) for key, text in given.given})
    summary = stage(given.stage, values)
    if distributed.first():
        print(f"{given.stage}: {summary}")
        print(f"in {paths.shown(paths.stage_dir(values['profile'], given.stage))}; "
              f"`python -m cr_utils run {given.stage} --profile {values['profile']}` finishes the record")
    return 0
