"""Runs of 06 with other arms than the profile's own: kept under results/reference/arms/<name>, shown in
docs/06_ablations.md.

Scope: `python -m cr_utils reference --arms NAME` keeps the small records of the finished 06 of a profile
(manifest, one line per answer, what training reported, tables); `block` is one such run as a table in the
docs. Limits: one seed each; p-values are those of the run's own paired table, not corrected.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from cr_utils import jsonl, kept, paths
from cr_utils.arms import ARMS
from cr_utils.errors import UserError
from cr_utils.figure_style import BENCHMARK_LABELS
from cr_utils.tablefile import read_table

STAGE = "06_ablations"
TABLES = ("ablations", "ablations_paired", "ablations_steps")


def root() -> Path:
    """Where such runs are kept."""
    return paths.root() / "results" / "reference" / "arms"


def keep(profile: str, name: str, target: Path | None = None) -> Path:
    """Copy what is small of a profile's 06; returns the folder.

    Raises UserError where 06 is not finished.
    """
    run, target = paths.results(profile), target or root() / name
    source = run / STAGE
    if not (source / "manifest.json").is_file():
        raise UserError(f"{paths.shown(source)}/manifest.json is missing: run `python -m cr_utils run "
                        f"{STAGE} --profile {profile}` with the arms to keep first")
    problems = run / "01_data" / "problems.jsonl"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for one in ("manifest.json", "arms.jsonl"):
        shutil.copyfile(source / one, target / one)
    jsonl.write(target / "items.jsonl", kept.items(jsonl.read(source / "items.jsonl"),
                                                   jsonl.read(problems) if problems.is_file() else []))
    shutil.copytree(source / "tables", target / "tables")
    return target


def block(folder: Path) -> str:
    """A kept run as markdown: accuracy of each arm by benchmark, difference to its reference, its cost."""
    frame, paired = (read_table(folder / "tables", name) for name in TABLES[:2])
    rows = frame[frame["n"] > 0]
    names = list(dict.fromkeys(rows["benchmark"]))
    lines = ["| arm | " + " | ".join(BENCHMARK_LABELS[name] for name in names) + " |",
             "|---" * (1 + len(names)) + "|"]
    for arm in dict.fromkeys(rows["arm"]):
        cells = [_cell(rows, paired, arm, name) for name in names]
        lines.append(f"| `{arm}` | " + " | ".join(cells) + " |")
    made = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    cores, chip = made["hardware"].get("cores", "?"), made["hardware"].get("processor", "?")
    minutes = f"{made['wall_seconds'] / 60:.0f} minutes"
    lines += ["", "Percent right, in brackets the 95 % interval; then the points to the arm that it is "
              f"compared with, and McNemar's p.\nSeed {made['seed']}, {minutes} on {cores} "
              f"core{'' if cores == 1 else 's'} of {chip}."]
    return "\n".join(lines) + "\n"


def _cell(rows, paired, arm: str, benchmark: str) -> str:
    found = rows[(rows["arm"] == arm) & (rows["benchmark"] == benchmark)]
    if found.empty:
        return "—"
    row = found.iloc[0]
    text = (f"{100 * row['accuracy']:.1f} [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
            f" (n={int(row['n'])})")
    against = paired[(paired["a"] == arm) & (paired["b"] == ARMS[arm].reference)
                     & (paired["benchmark"] == benchmark)]
    if against.empty:
        return text
    test = against.iloc[0]  # its difference is the reference's gain over the arm
    return f"{text}, {0.0 - 100 * test['difference']:+.1f}, p = {test['p_value']:.2g}"


def parts() -> dict[str, str]:
    """The blocks of docs/06_ablations.md: `found-<name>` for each run that is kept."""
    return {f"found-{folder.name}": block(folder) for folder in sorted(root().glob("*/"))
            if (folder / "tables" / "ablations.csv").is_file()}
