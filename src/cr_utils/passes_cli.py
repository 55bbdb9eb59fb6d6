"""`python -m cr_utils data difficulty`: which problems a model finds hard, by asking it several times.

Scope: any model that 05_eval can ask, one task, any file of problems. Its counts (OUT with the ending
.counts.jsonl) are resumed, and choose and order the prompts of 04_grpo (`grpo_counts`, `grpo_order`).
"""

import argparse
from pathlib import Path

from cr_utils import engines, jsonl, params, passes, questions
from cr_utils.errors import UserError
from cr_utils.schema import TASKS
from cr_utils.wide import difficulty


def main(words: list[str]) -> int:
    """Ask a model each problem several times; keep the problems that it seldom solves. An interrupted command
    continues where it was."""
    given = _parser().parse_args(words)
    if given.samples < 1 or given.n < 0:
        raise UserError("--samples is at least 1, -n at least 0")
    if not given.problems.is_file():
        raise UserError(f"{given.problems} is not there: name a file of problems")
    problems = [one for one in jsonl.read(given.problems) if one.get("split") in (given.split, None)]
    problems = problems[:given.n or None]
    asked = questions.many(problems, given.task, direct=given.direct)
    if not asked:
        raise UserError(f"{given.problems} has no problem of the split {given.split} to ask about")
    found = _counted(given, asked)
    rows = [{**one, "passes": found[one["id"]], "samples": given.samples}
            for one in problems if one["id"] in found]
    kept = [row for row in rows if given.least <= row["passes"] <= given.most]
    jsonl.write(given.out, kept)
    print(f"right answers of {given.samples}: {passes.histogram(found.values(), given.samples)} questions")
    print(f"{len(kept)} of {len(rows)} problems with {given.least} to {given.most} right in {given.out}")
    print(agreement(rows))
    return 0


def agreement(rows: list[dict]) -> str:
    """How the counts go with the difficulty that is read off a trace."""
    traced = passes.spearman([row["passes"] for row in rows], [difficulty.scored(row) for row in rows])
    lines = passes.spearman([row["passes"] for row in rows], [row["difficulty"] for row in rows])
    said = ("not defined" if one is None else f"{one:+.2f}" for one in (traced, lines))
    return "rank correlation (Spearman) of right answers with the trace's score {}, with its lines {}".format(
        *said) + f" (n = {len(rows)})"


def _counted(given: argparse.Namespace, asked: list) -> dict[str, int]:
    """Right answers by problem id."""
    changed = {key: params.parse_value(key, text) for key, text in given.p}
    values = params.load(given.profile, changed | {"eval_temperature": given.temperature})
    path = given.out.with_suffix(".counts.jsonl")
    asker = {"model": given.model, "temperature": given.temperature, "task": given.task,
             "direct": given.direct}
    done = set(passes.of_file(path)) if path.is_file() else set()
    respond = None
    if not done >= {one.id for one in asked}:
        respond = engines.load(given.model, values, given.out.with_suffix(".asked.jsonl"))
    found = passes.count(asked, respond, path, given.samples, asker)
    return {one.problem_id: found[one.id] for one in asked}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cr_utils data difficulty", description=main.__doc__)
    add = parser.add_argument
    add("--model", default="shipped", help="shipped, a folder, a hub id, vllm:…, openai:model@url")
    add("--problems", type=Path, required=True, help="problems.jsonl of 01_data, or a shard of them")
    add("--out", type=Path, required=True, help="where the kept problems go")
    add("--samples", type=int, default=10, help="answers per problem (default: 10)")
    add("--most", type=int, default=3, help="right answers of a kept problem at most (default: 3)")
    add("--least", type=int, default=0, help="and at least (default: 0)")
    add("--temperature", type=float, default=1.0, help="of the sampling (default: 1.0)")
    add("--task", choices=TASKS, default="output", help="what is asked (default: output)")
    add("--direct", action="store_true", help="ask for the bare answer, without reasoning")
    add("--split", default="train", help="whose problems (default: train; those that name none, too)")
    add("-n", "--n", type=int, default=0, help="the first so many problems (default: 0, all)")
    add("--profile", default=params.DEFAULT_PROFILE, help="whose evaluation settings (default: tiny)")
    add("-p", action="append", nargs=2, metavar=("KEY", "VALUE"), default=[],
        help="another value of a parameter, such as eval_max_new_tokens 4096")
    return parser
