"""The released sets of the same line of work (arXiv 2603.11226), as an alternative source.

Scope: fetches `justForAnonymous/rl_dataset` and `sft_dataset` from the Hugging Face hub, or reads a copy that
CR_RELEASED names (a folder with rl_dataset.json and sft_dataset.json, or .jsonl), and brings the rows into
our records. Column names are those that its public preprocessing scripts write; a set with others is
refused, with the names found. Its programs were written by a model: they run in the sandbox, and results
that do not come out again are dropped. The sets' own licence applies to them; nothing of them is part of
this package.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from . import answers, candidates, jsonl, literals, noise, program_replies, questions, trace, trust
from .candidates import SPLITS
from .errors import UserError
from .fingerprints import fingerprint
from .sandbox import Sandbox
from .wide.near import copied, parsed

HUB = {"rl": "justForAnonymous/rl_dataset", "sft": "justForAnonymous/sft_dataset"}
COLUMNS = {"rl": ("func_str", "func_name", "func_args", "result"), "sft": ("conversations",)}
REASONS = ("not a plain program", "benchmark program", "near copy", "fails or gives another value",
           "too many steps", "output not a small literal", "duplicate", "no room in its split")
ASSERT = re.compile(r"^assert .*$", re.MULTILINE)
BLANK, BATCH = "????", 500


def rows(name: str) -> list[dict]:
    """All rows of a released set ("rl" or "sft"). Raises UserError where it cannot be had or is another."""
    folder = os.environ.get("CR_RELEASED")
    found = _local(Path(folder), name) if folder else _hub(name)
    missing = [column for column in COLUMNS[name] if not found or column not in found[0]]
    if missing:
        only = ", ".join(found[0]) if found else "no rows"
        raise UserError(f"{HUB[name]}: no column {missing[0]!r}, only {only}: "
                        "the set is not the one this version knows")
    return found


def problems(sizes: dict[str, int], options: dict) -> tuple[list[dict], list[dict]]:
    """Problems of the RL set for every split, by fingerprint, and the rows left after each filter.

    heldout_ood gets its share too: of a released set nothing is out of distribution. options: max_steps.
    """
    found: dict[str, list[dict]] = {split: [] for split in SPLITS}
    counts, seen, place = Counter(), set(), {}
    given = rows("rl")
    with Sandbox() as sandbox:
        trust.demand(sandbox.layers, untrusted=True)
        for start in range(0, len(given), BATCH):
            for outcome in _problems(given[start:start + BATCH], options["max_steps"], sandbox):
                outcome = _once(outcome, seen)
                if isinstance(outcome, dict):
                    outcome = _placed(outcome, found, sizes, place)
                if isinstance(outcome, str):
                    counts[outcome] += 1
    left, steps = len(given), [{"step": "candidates", "n": len(given)}]
    for reason in REASONS:
        left -= counts[reason]
        steps.append({"step": f"not: {reason}", "n": left})
    short = [split for split in SPLITS if len(found[split]) < sizes[split]]
    if short:
        raise UserError(f"the released set gives {len(found[short[0]])} problems for {short[0]}, not "
                        f"{sizes[short[0]]}: lower data_{short[0]}, or raise data_max_steps")
    return [problem for split in SPLITS for problem in found[split]], steps


def chains(given_rows: list[dict] | None = None) -> Iterator[dict]:
    """The SFT set (or some rows of it) as chain records (see DESIGN: Chain), judged anew by our own rules and
    our own runs.

    Rows whose question or answer is in no form that can be judged, or whose program does not run, are left
    out. Chains about copies of benchmark programs are not accepted; their kind says so.
    """
    with Sandbox() as sandbox:
        trust.demand(sandbox.layers, untrusted=True)
        for start, given in _batches(rows("sft") if given_rows is None else given_rows):
            found = [_exchange(row, start + i) for i, row in enumerate(given)]
            found = [one for one in found if one is not None]
            calls = [(p["code"], f"{p['entry_point']}({p['input']})")
                     for p, task, _ in found if task == "output"]
            truths = iter(sandbox.map(calls, untrusted=True))
            known = [(p | {"output": next(truths).value_text} if task == "output" else p, task, text)
                     for p, task, text in found]
            known = [(questions.at(p, task), text) for p, task, text in known if p["output"] is not None]
            judged = answers.judge_many([q for q, _ in known], [text for _, text in known], sandbox=sandbox)
            for (question, text), verdict in zip(known, judged, strict=True):
                copy = copied(question.code) if parsed(question.code) else None
                yield {"id": question.id, "problem_id": question.problem_id, "task": question.task,
                       "prompt": question.prompt, "completion": text, "verdict": verdict.passed and not copy,
                       "kind": copy or verdict.kind, "teacher": "released", "tries": 1,
                       "steps": max(0, text.count("\n") - 2)}


def main(words: list[str]) -> int:
    """The released SFT chains, judged anew, as a file to train on (`sft_chains`); says what came of them."""
    asked = argparse.ArgumentParser(prog="python -m cr_utils data chains", description=main.__doc__)
    asked.add_argument("--out", type=Path, required=True,
                       help="JSONL file of all chains, with their verdicts")
    asked.add_argument("--limit", type=int, default=0, help="read so many rows only (0: all)")
    given = asked.parse_args(words)
    found = rows("sft")
    found = found[:given.limit] if given.limit else found
    made = list(chains(found))
    if not made:
        raise UserError(f"{HUB['sft']}: none of {len(found)} rows is in a form that can be judged")
    jsonl.write(given.out, made)
    kinds = Counter(row["kind"] for row in made if not row["verdict"])
    print(f"{len(found)} rows: {len(found) - len(made)} in no form that can be judged, "
          + "".join(f"{n} {kind}, " for kind, n in kinds.most_common())
          + f"{sum(row['verdict'] for row in made)} accepted, in {given.out}. Train on them: "
          f"python -m cr_utils run 03_sft -p sft_chains '[{given.out}]'")
    return 0


def _batches(given: list[dict]) -> Iterator[tuple[int, list[dict]]]:
    return ((start, given[start:start + BATCH]) for start in range(0, len(given), BATCH))


def _local(folder: Path, name: str) -> list[dict]:
    stem = HUB[name].partition("/")[2]
    for path in (folder / f"{stem}.jsonl", folder / f"{stem}.json"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            try:
                return json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in
                                                                         text.splitlines() if line.strip()]
            except ValueError as error:
                raise UserError(f"{path} is not JSON ({error}): fetch it again") from None
    raise UserError(f"CR_RELEASED names {folder}, which holds no {stem}.json or {stem}.jsonl: put it there")


def _hub(name: str) -> list[dict]:
    try:
        import datasets
    except ImportError:
        raise UserError(f"{HUB[name]}: the library `datasets`, which fetches it, is not in this environment: "
                        "run `make setup`, then use .venv/bin/python") from None
    try:
        with noise.hub_hushed():
            return [dict(row) for row in datasets.load_dataset(HUB[name], split="train")]
    except Exception as error:  # noqa: BLE001 - the hub's client raises many unrelated types
        cause = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
        raise UserError(f"{HUB[name]} cannot be fetched from the Hugging Face hub ({cause}): connect, or "
                        "put a copy into a folder that CR_RELEASED names") from None


def _problems(given: list[dict], max_steps: int, sandbox: Sandbox) -> list[dict | str]:
    """The problem of each RL row, or why it is left out."""
    parsed = [_plain(row) for row in given]
    at = [i for i, one in enumerate(parsed) if isinstance(one, dict)]
    calls = [(parsed[i]["code"], f"{parsed[i]['entry_point']}({parsed[i]['input']})") for i in at]
    for i, run in zip(at, trace.trace_many(calls, sandbox) if calls else [], strict=True):
        one = parsed[i]
        if run.kind != "ok" or run.output is None or not _agrees(run.output, one["output"]):
            parsed[i] = "fails or gives another value"
        elif not run.complete or len(run.lines) > max_steps:
            parsed[i] = "too many steps"
        elif not candidates.small_literal(run.output):
            parsed[i] = "output not a small literal"
        else:
            parsed[i] = {**one, "output": run.output, "difficulty": len(run.lines)}
    return parsed


def _plain(row: dict) -> dict | str:
    """A row as a problem without its run: literal arguments, comments gone, no benchmark program."""
    try:
        tree = ast.parse(row["func_str"])
        code = ast.unparse(tree)
        call = ast.parse(f"f({row['func_args']})", mode="eval").body
        text = ", ".join(program_replies.literal_text(node) for node in call.args)
        print_ = fingerprint(code)
    except (SyntaxError, ValueError, RecursionError, TypeError):
        return "not a plain program"
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    imports = any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(tree))
    if imports or call.keywords or not call.args or row["func_name"] not in names:
        return "not a plain program"
    copy = copied(code, print_)
    if copy:
        return copy
    name = "r" + hashlib.sha256(f"{code}\0{text}".encode()).hexdigest()[:12]
    constraint = {"type": "", "method": "", "setting": "released", "depth": 0}
    return {"id": name, "code": code, "entry_point": row["func_name"], "input": text, "output": row["result"],
            "constraint": constraint, "source": "released"}


def _agrees(value: str, stated: str) -> bool:
    try:
        return literals.equal(literals.parse(str(stated)), literals.parse(value), "strict")
    except literals.LiteralError:
        return False


def _once(outcome: dict | str, seen: set) -> dict | str:
    if isinstance(outcome, dict):
        if outcome["id"] in seen:
            return "duplicate"
        seen.add(outcome["id"])
    return outcome


def _placed(problem: dict, found: dict, sizes: dict, place: dict) -> dict | str:
    """Put a problem into the split of its program."""
    print_ = fingerprint(problem["code"])
    wanted = [place[print_]] if print_ in place else [candidates.share(print_), "train"]
    if wanted[0] == "heldout" and print_ not in place:
        wanted.insert(1, "heldout_ood")
    split = next((one for one in wanted if len(found[one]) < sizes[one]), None)
    if split is None:
        return "no room in its split"
    place[print_] = split
    found[split].append({**problem, "split": split})
    return problem


def _exchange(row: dict, number: int) -> tuple[dict, str, str] | None:
    """(problem, task, completion) of an SFT row, the bare answer in place of a whole program; None where it
    is in no form that we know. An output problem has no output yet: the row's own answer is no truth.
    """
    turns = {turn["from"]: turn["value"] for turn in row["conversations"]}
    said, human = answers.extract(turns.get("gpt", "").strip()), turns.get("human", "")
    asked, given = ASSERT.search(human), ASSERT.findall(said.answer or "")
    sides = answers.split_assert(given[-1]) if given else None
    if not (asked and sides and said.reasoning):
        return None
    wanted, _, value = asked.group().removeprefix("assert ").rpartition(" == ")
    entry, _, arguments = wanted.partition("(")
    backward = arguments == f"{BLANK})"
    if not backward and value != BLANK:
        return None
    code = human[:asked.start()].rpartition("```")[2].removeprefix("python").strip("\n")
    problem = {"id": f"s{number:06d}", "code": code, "entry_point": entry,
               "input": "" if backward else arguments[:-1], "output": value if backward else None}
    text = (f"<reasoning>\n{said.reasoning.strip()}\n</reasoning>\n"
            f"<answer>{sides[0] if backward else sides[1]}</answer>")
    return problem, "input" if backward else "output", text
