"""`make check` and `make verify-figures`: does what is kept of the reference run still give its numbers and
figures, and does a fresh run agree with it?

Recomputes every table from the per-item records and compares cell by cell; compares accuracies of a fresh run
with the reference within a tolerance that is stated; sets the claims of both side by side. Needs no torch.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from importlib import util
from math import sqrt
from pathlib import Path

import pandas as pd

from cr_utils import gallery, params, paths, report
from cr_utils.claims import NOT_RUN, TOO_FEW
from cr_utils.errors import UserError
from cr_utils.results import Results
from cr_utils.tablefile import DASH, read_table

FLOOR, DEVIATIONS = 0.02, 2.58  # a rate may differ by two points, or by what chance does once in a hundred
TOLERANCE = (f"tolerance: {100 * FLOOR:.0f} points, or {DEVIATIONS} standard errors of the difference (99 %) "
             "where that is more")
PROBLEMS = ("01_data", "problems.jsonl")
# Tables and figures that need them.
NEEDED = {"constructs": (PROBLEMS,), "departures": (PROBLEMS,), "operations": (PROBLEMS,),
          "overthinking": (PROBLEMS,)}
KEY = ["model", "benchmark", "task", "mode"]


class Mismatch(Exception):
    """Something does not agree: `cause` in one line, `remedy` in another."""

    def __init__(self, cause: str, remedy: str):
        super().__init__(cause)
        self.cause, self.remedy = cause, remedy


def reference(profile: str) -> Path:
    """The folder of what is kept of the reference run. Raises UserError where there is none."""
    folder = paths.root() / "results" / "reference" / profile
    if not (folder / "tables").is_dir():
        have = sorted(path.parent.name for path in folder.parent.glob("*/tables"))
        raise UserError(f"no reference run of {profile} is kept: {params.nearest(profile, have)}")
    return folder


def recomputed(profile: str, folder: Path) -> pd.DataFrame:
    """Every kept table against the one made anew: table, cells, equal, not_kept, differing, first.

    not_kept counts cells whose records an older reference run did not keep; differing counts real
    differences.
    """
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        report.tables_all(Results(profile, folder), Path(scratch))
        about = Results(profile, folder)
        for path in sorted((folder / "tables").glob("*.csv")):
            made = Path(scratch) / path.name
            lacking = any(not about.has(*record) for record in NEEDED.get(path.stem, ()))
            rows.append({"table": path.stem,
                         **_compare(_cells(path), None if lacking or not made.is_file() else _cells(made))})
    return pd.DataFrame(rows)


def _cells(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def _compare(old: pd.DataFrame, new: pd.DataFrame | None) -> dict:
    """Cells equal, not kept, differing, and the first difference in words.

    Rows are matched by their words.
    """
    size = int(old.size)
    if new is None:
        return {"cells": size, "equal": 0, "not_kept": size, "differing": 0, "first": ""}
    words = [c for c in old.columns if c in new.columns
             and not old[c].str.fullmatch(r"-?[\d.]+(e-?\d+)?|—").all()]
    both = list(zip(_rows(old, words), _rows(new, words), strict=False))
    equal = absent = 0
    faults = ["" if len(old) == len(new) else f"{len(old)} rows are kept, {len(new)} come out"]
    for left, right in both:
        for name in old.columns:
            mine, made = left[name], right.get(name, DASH)
            equal += mine == made
            absent += mine != made and made == DASH
            if mine != made and made != DASH:
                faults.append(f"{' '.join(left[c] for c in words[:3])} {name}: kept {mine}, recomputed "
                              f"{made}")
    faults = [fault for fault in faults if fault]
    return {"cells": size, "equal": equal, "not_kept": absent, "differing": len(faults),
            "first": (faults or [""])[0]}


def _rows(frame: pd.DataFrame, words: list[str]) -> list[dict]:
    return frame.sort_values(words, kind="stable").to_dict("records") if words else frame.to_dict("records")


def agreement(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Accuracies of two runs side by side: the key, n and accuracy of both, difference, allowed, within."""
    both = old[[*KEY, "n", "accuracy"]].merge(new[[*KEY, "n", "accuracy"]], on=KEY, suffixes=("", "_yours"))
    both = both.dropna().query("n > 0 and n_yours > 0").reset_index(drop=True)
    pooled = (both["accuracy"] * both["n"]
              + both["accuracy_yours"] * both["n_yours"]) / (both["n"] + both["n_yours"])
    error = [sqrt(max(p * (1 - p), 0) * (1 / n + 1 / m)) for p, n, m in
             zip(pooled, both["n"].astype(float), both["n_yours"].astype(float), strict=True)]
    both["difference"] = both["accuracy_yours"] - both["accuracy"]
    both["allowed"] = [max(FLOOR, DEVIATIONS * e) for e in error]
    both["within"] = both["difference"].abs() <= both["allowed"]
    return both


def claims(old: pd.DataFrame, new: pd.DataFrame | None) -> list[dict]:
    """Rows claim, command, published, reference, yours, verdict (of yours against the reference)."""
    mine = {} if new is None else {row["claim"]: row for row in new.to_dict("records")}
    rows = []
    for row in old.to_dict("records"):
        yours = mine.get(row["claim"])
        verdict = (NOT_RUN if yours is None else "agrees" if yours["verdict"] == row["verdict"] else
                   TOO_FEW if yours["verdict"] == TOO_FEW else "differs")
        rows.append({"claim": row["claim"], "command": row["command"], "published": _text(row["published"]),
                     "reference": _said(row), "yours": _said(yours) if yours else DASH, "verdict": verdict})
    return rows


def _text(value) -> str:
    return DASH if value is None or value != value else str(value)


def _said(row: dict) -> str:
    return row["verdict"] + (f": {row['ours']}" if _text(row["ours"]) != DASH else "")


def fresh(profile: str) -> dict[str, pd.DataFrame] | None:
    """Tables of a finished fresh run, made anew from its records; None where none has finished."""
    folder = paths.results(profile)
    if not (folder / paths.STAGES[-1] / "manifest.json").is_file():
        return None
    results = Results(profile)
    results.refuse_edited()
    with tempfile.TemporaryDirectory() as scratch:
        report.tables_all(results, Path(scratch))
        return {name: read_table(scratch, name) for name in ("main", "claims_detail")}


def main(words: list[str]) -> int:
    """`check`: exit code 0 where everything that is kept comes out again and a fresh run, if any, agrees."""
    profile = _profile(words, "Recompute the reference run from its records and compare a fresh run with it.")
    folder = reference(profile)
    tables = recomputed(profile, folder)
    print(f"{paths.shown(folder)}: tables recomputed from the records")
    for row in tables.to_dict("records"):
        if not row["cells"] and not row["differing"]:
            print(f"  {row['table']:<17} no rows")
            continue
        note = f", {row['not_kept']} not kept by this reference run" if row["not_kept"] else ""
        note += f", {row['differing']} differing ({row['first']})" if row["differing"] else ""
        print(f"  {row['table']:<17} {row['equal']} of {row['cells']} cells equal{note}")
    mine, old = fresh(profile), read_table(folder / "tables", "main")
    outside = 0
    if mine is None:
        print(f"\nno finished run in {paths.shown(paths.results(profile))}: `make reproduce "
              f"PROFILE={profile}` makes one")
    else:
        outside = _say_agreement(agreement(old, mine["main"]))
    print("\nclaims")
    for row in claims(read_table(folder / "tables", "claims_detail"), mine and mine["claims_detail"]):
        print(f"  {row['claim']}  {row['verdict']}\n" + "".join(
            f"      {name:<10} {row[name]}\n" for name in ("command", "published", "reference", "yours")),
              end="")
    return _verdict(tables, outside)


def _say_agreement(both: pd.DataFrame) -> int:
    """Print the comparison; how many rates are out of tolerance."""
    outside = both[~both["within"]]
    exact = int((both["difference"] == 0).sum())
    print(f"\nyours against the reference: {len(both)} rates, {exact} equal, {len(both) - len(outside)} "
          f"within ({TOLERANCE})")
    for row in outside.to_dict("records"):
        print(f"  outside: {' '.join(row[name] for name in KEY)}: {row['accuracy']:.3f} there, "
              f"{row['accuracy_yours']:.3f} here, allowed {row['allowed']:.3f}")
    return len(outside)


def _verdict(tables: pd.DataFrame, outside: int) -> int:
    wrong = tables[tables["differing"] > 0]
    if len(wrong):
        raise Mismatch(f"{len(wrong)} tables of the reference run do not come out again: "
                       f"{', '.join(wrong['table'])}",
                       "Restore results/reference from the repository, or use the commit that its manifests "
                       "name.")
    if outside:
        raise Mismatch(f"{outside} rates of your run are out of tolerance",
                       "See the lines above; another seed, machine or commit may be the reason: compare the "
                       "manifests.")
    return 0


def redrawn(profile: str, folder: Path, target: Path) -> dict[str, str]:
    """Draw every figure anew in `target`; name to `identical`, `redrawn` (other bytes), or why not."""
    absent = gallery.save_all(Results(profile, folder), target)
    found = {}
    for one in gallery.FIGURES:
        old, new = folder / "figures" / f"{one.name}.svg", target / f"{one.name}.svg"
        if any(not Results(profile, folder).has(*record) for record in NEEDED.get(one.name, ())):
            absent.setdefault(one.name, "no facts of the problems are kept")
        same = old.is_file() and new.is_file() and old.read_bytes() == new.read_bytes()
        found[one.name] = absent.get(one.name) or ("identical" if same else "redrawn")
    return found


def main_figures(words: list[str]) -> int:
    """`verify-figures`: exit code 0 where every figure could be drawn from what is kept, without torch."""
    profile = _profile(words, "Redraw all figures of the reference run from its records.")
    folder = reference(profile)
    with tempfile.TemporaryDirectory() as scratch:
        found = redrawn(profile, folder, Path(scratch))
    for name, state in found.items():
        print(f"  {name:<20} {state}")
    failed = [name for name, state in found.items() if state not in ("identical", "redrawn")]
    print(f"{len(found) - len(failed)} of {len(found)} figures redrawn from records; torch is "
          f"{'installed' if util.find_spec('torch') else 'not installed'} and was "
          f"{'' if 'torch' in sys.modules else 'not '}loaded")
    if failed:
        raise Mismatch(f"no records are kept for {', '.join(failed)}",
                       f"Keep a newer run: `make reproduce PROFILE={profile}`, then `python -m cr_utils "
                       "reference`.")
    return 0


def _profile(words: list[str], about: str) -> str:
    asked = argparse.ArgumentParser(prog="python -m cr_utils", description=about)
    asked.add_argument("--profile", default="tiny", help="whose reference run (default: tiny)")
    return asked.parse_args(words).profile
