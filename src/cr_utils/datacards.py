"""Data sets as others read them: parquet files beside the JSONL, and a card that says what is in them.

Scope: the outputs of 01_data (problems, a file per split) and 02_distill (accepted chains). The folder of the
stage loads with `datasets.load_dataset(folder)`; `python -m cr_utils push` uploads it. The card is written
from the records: schema, counts, distributions, seeds, hashes, what the filters took.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from . import jsonl, literals, machine, record
from .fingerprints import committed
from .wide import near

PROBLEMS = {
    "id": "hash of code and input", "code": "the program", "entry_point": "the function called",
    "input": "its argument text", "output": "the value's literal text",
    "constraint": "type, method, setting, depth",
    "source": "grammar, llm or released", "difficulty": "lines that the run executes",
    "split": "train, validation, heldout, heldout_ood (by the program's fingerprint)",
}
CHAINS = {
    "id": "of the question", "problem_id": "of the problem", "task": "output, input, coverage, path or state",
    "prompt": "what is asked", "completion": "reasoning and answer",
    "verdict": "accepted by the verification",
    "kind": "of the verdict", "teacher": "who wrote it", "tries": "samples it took",
    "steps": "lines of reasoning",
}
CARD = """---
license: mit
pretty_name: {title}
language: [en]
tags: [code, code-reasoning, synthetic]
configs:
- config_name: default
  data_files:
{files}
---
# {title}

Made by stage `{stage}` of the CodeReasoner reproduction package, profile `{profile}`, seed {seed}.
Load it with `datasets.load_dataset("<this folder or its name on the hub>")`.

**Licence**: MIT for what this package wrote. {licence}

**Schema**

| column | meaning |
|---|---|
{schema}

**Counts**

| | n |
|---|---|
{counts}

**Distributions**

{distributions}

**Through the filters** (what is left after each)

| filter | left |
|---|---|
{filters}

**Decontamination**: {decontamination}

**Parameters** (the same seed and versions give the same bytes): {parameters}

**Files**

| file | sha256 |
|---|---|
{hashes}

**Versions**: {versions}; commit {commit}.
"""
LICENCE = {
    "grammar": "The programs come from its grammar.",
    "llm": "The programs were written by `{data_model}`: the terms of that model apply to them.",
    "released": "The programs are those of `justForAnonymous/rl_dataset`: its terms apply to them.",
}


def write(run: record.Record, rows: list[dict]) -> list[str]:
    """Write the parquet files and README.md of a stage that is about to finish; returns their names.

    rows: the problems of 01_data or the chains of 02_distill. A finished stage keeps what it has.
    """
    named = _parts(run.stage, rows)
    if not run.done:
        import pandas

        for name, part in named.items():
            pandas.DataFrame(part).to_parquet(run.path(name), index=False)
        jsonl.write_text(run.path("README.md"), card(run, rows, list(named)))
    return [*named, "README.md"]


def _parts(stage: str, rows: list[dict]) -> dict[str, list[dict]]:
    """The rows of each parquet file."""
    if stage == "02_distill":
        return {"data/train.parquet": [row for row in rows if row["verdict"]]}
    splits = list(dict.fromkeys(row["split"] for row in rows))
    return {f"data/{split}.parquet": [row for row in rows if row["split"] == split] for split in splits}


def card(run: record.Record, rows: list[dict], files: list[str]) -> str:
    """The card's text."""
    values, chains = run.params, run.stage == "02_distill"
    wanted = record.relevant(run.stage, values)
    filters = _filters(run, rows)
    main = "chains.jsonl" if chains else "problems.jsonl"
    found = machine.versions()
    return CARD.format(
        title=f"CodeReasoner {'chains' if chains else 'problems'}, {run.profile}", stage=run.stage,
        profile=run.profile, seed=values["seed"], licence=_licence(values, chains),
        files="\n".join(f"  - split: {Path(name).stem}\n    path: {name}" for name in files),
        schema=_table((CHAINS if chains else PROBLEMS).items()),
        counts=_table(sorted(Counter(row["task" if chains else "split"] for row in rows).items())),
        distributions="\n".join(_chain_lines(rows) if chains else _problem_lines(rows)),
        filters=_table(filters),
        decontamination=_decontamination({row["code"] for row in rows if not chains}, filters, chains),
        parameters=", ".join(f"`{key}: {value}`" for key, value in wanted.items()),
        hashes=_table((name, machine.sha256(run.dir / name)) for name in [main, *files]),
        versions=", ".join(f"{name} {found[name]}" for name in sorted(found)),
        commit=(machine.git()["commit"] or "unknown")[:12])


def _table(pairs) -> str:
    return "\n".join(f"| {name} | {value} |" for name, value in pairs)


def _licence(values: dict, chains: bool) -> str:
    text = LICENCE[values["data_source"]].format(**values)
    if chains and values["distill_teacher"] != "interpreter":
        text += f" The chains' words are `{values['distill_model']}`'s: that model's terms apply to them."
    return text


def _filters(run: record.Record, rows: list[dict]) -> list[tuple[str, int]]:
    """What is left after each filter: of the stage's own funnel, or of the verdicts."""
    if run.stage == "01_data":
        return [(step["step"], step["n"]) for step in jsonl.read_json(run.dir / "data.json")]
    left, table = len(rows), [("chains asked for", len(rows))]
    for kind, n in sorted(Counter(row["kind"] for row in rows if not row["verdict"]).items()):
        left -= n
        table.append((f"not: {kind}", left))
    return table


def _decontamination(codes: set[str], filters: list[tuple[str, int]], chains: bool) -> str:
    """What was compared with the benchmarks, how many candidates that took, a last look at what is left."""
    if chains:
        return "the chains are about the problems of 01_data; see its card."
    dropped = {step.removeprefix("not: "): before - after
               for (_, before), (step, after) in zip(filters, filters[1:], strict=False)}
    parts = [f"every program is compared with {len(committed())} fingerprints (names renamed, literals by "
             "type) of all CRUXEval and REval programs and their functions; "
             f"{dropped.get(near.SAME, 0)} candidates were dropped"]
    if near.NEAR in dropped:
        parts.append(f"with the token {near.N}-grams of {len(near.sizes())} of those programs; "
                     f"{dropped[near.NEAR]} candidates that share at least {near.SHARE:.0%} of theirs with "
                     "one of them were dropped")
    told = ", and ".join(parts)
    return f"{told}. {_left(codes)} LiveCodeBench is not covered: its programs are not at hand."


def _left(codes: set[str]) -> str:
    """What a last look at the programs themselves finds."""
    found = Counter(near.near_copy(code) for code in codes)
    return (f"Of the {len(codes)} programs here, {found[near.SAME]} are benchmark programs and "
            f"{found[near.NEAR]} near copies by these measures.")


def _problem_lines(rows: list[dict]) -> list[str]:
    lengths = [row["code"].count("\n") + 1 for row in rows]
    cells = [row["constraint"] for row in rows]
    kinds = Counter(type(literals.parse(row["output"])).__name__ for row in rows)
    return [_spread("lines of code", lengths), _spread("lines executed", [row["difficulty"] for row in rows]),
            _shares("result type", kinds),
            _shares("setting", Counter(r["constraint"]["setting"] for r in rows)),
            _shares("control-flow depth", Counter(row["constraint"]["depth"] for row in rows)),
            _shares("type under test", Counter(row["constraint"]["type"] for row in rows)),
            f"- operations under test: {len({(one['type'], one['method']) for one in cells})}"]


def _chain_lines(rows: list[dict]) -> list[str]:
    good = [row for row in rows if row["verdict"]]
    lines = [f"- accepted: {len(good)} of {len(rows)}",
             _shares("verdict", Counter(row["kind"] for row in rows))]
    return lines + [_spread("characters", [len(row["completion"]) for row in good]),
                    _spread("lines of reasoning", [row["steps"] for row in good])] if good else lines


def _spread(name: str, numbers: list[int]) -> str:
    """Least, quartiles and most of some numbers, as a line."""
    ordered = sorted(numbers)
    cuts = [ordered[round(share * (len(ordered) - 1))] for share in (0, 0.25, 0.5, 0.75, 1)]
    return f"- {name} (least, quartiles, most): {', '.join(map(str, cuts))}"


def _shares(name: str, counts: Counter) -> str:
    total = sum(counts.values())
    told = ", ".join(f"{value} {100 * n / total:.1f} %" for value, n in counts.most_common())
    return f"- {name}: {told}"
