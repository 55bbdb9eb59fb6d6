"""Reproducibility checklists, filled from the manifests of a run: ML code completeness, ACM badges, the paper
checklist.

An answer is yes, no, in part or not applicable, with the evidence that a reader can look up. What no record
shows is answered "no" or left to a person ("by hand"); nothing is answered yes because it ought to be.
"""

from __future__ import annotations

import argparse
import json

import pandas as pd

from cr_utils import claims, page, params, paths
from cr_utils.errors import UserError
from cr_utils.results import Results, memory_of

YES, NO, PART, HAND = "yes", "no", "in part", "by hand"
COLUMNS = ["checklist", "item", "answer", "evidence"]
CODE, ACM, PAPER = "ML code completeness", "ACM artifact badges", "reproducibility checklist"


def table(results: Results) -> pd.DataFrame:
    """Rows checklist, item, answer, evidence."""
    rows = [*_code(results), *_acm(results), *_paper(results)]
    return pd.DataFrame(rows, columns=COLUMNS)


def html(results: Results) -> str:
    """A section of the report: the three lists, each a table."""
    frame = table(results)
    return "".join(f"<h3>{page.escape(name)}</h3>" + page.table(part.drop(columns="checklist"))
                   for name, part in frame.groupby("checklist", sort=False))


def _code(results: Results) -> list[tuple]:
    return [
        (CODE, "specification of dependencies",
         *_files("requirements.lock", "pyproject.toml", "environment.yml")),
        (CODE, "training code", *_files("notebooks/03_sft.ipynb", "notebooks/04_grpo.ipynb")),
        (CODE, "evaluation code", *_files("notebooks/05_eval.ipynb", "notebooks/06_ablations.ipynb")),
        (CODE, "pre-trained models", *_files("src/cr_utils/assets/base/README.md",
                                             "src/cr_utils/assets/base/config.json")),
        (CODE, "README with results and the commands that give them", *_files("README.md")),
    ]


def _acm(results: Results) -> list[tuple]:
    done = results.manifests
    where = _names(path for path in ("docs/artifact.md", "Containerfile", "LICENSE", "CITATION.cff"))
    wrong = results.verify()
    functional = YES if len(done) == len(paths.STAGES) and not wrong else PART if done else NO
    said = (f"{len(done)} of {len(paths.STAGES)} stages finished; "
            + ("; ".join(wrong) or "no output differs from its manifest"))
    return [
        (ACM, "artifacts available: archived with a DOI", HAND,
         "steps in docs/artifact.md; the DOI is entered by hand"),
        (ACM, "artifacts evaluated, functional: documented, complete, exercisable", functional, said),
        (ACM, "artifacts evaluated, reusable", YES if where else NO, f"{where}; tests of every module"),
        (ACM, "results reproduced", *_reproduced(results)),
    ]


def _reproduced(results: Results) -> tuple[str, str]:
    """By the claims table, which tells what was reproduced and what was not run."""
    if "05_eval" not in results.manifests:
        return NO, "05_eval has not finished"
    found = claims.claims(results.items, results.arms, results.profile,
                          str(results.params.get("model", "shipped")))
    verdicts = found.groupby("verdict")["claim"].agg(", ".join).to_dict()
    whole = set(verdicts) == {"reproduced"}
    return YES if whole else PART if {claims.REPRODUCED, claims.PARTLY} & set(verdicts) else NO, "; ".join(
        f"{verdict}: {names}" for verdict, names in verdicts.items())


def _paper(results: Results) -> list[tuple]:
    done, params = results.manifests, results.params
    seeds = sorted({str(one.get("seed")) for one in done.values()})
    commits = sorted({(one["code"]["commit"] or "unknown")[:12] + ("+" if one["code"]["dirty"] else "")
                      for one in done.values()})
    machines = sorted({f"{one['hardware']['cores']} cores of {one['hardware']['processor']}, "
                       f"{len(one['hardware']['gpus'])} GPUs" for one in done.values()})
    wall, cpu = (sum(one[key] for one in done.values()) for key in ("wall_seconds", "cpu_seconds"))
    peak = max((one["peak_memory"] or 0 for one in done.values()), default=0)
    some = YES if done else NO
    return [
        (PAPER, "every hyper-parameter stated", some,
         f"{len(params)} parameters in the manifests; params/{results.profile}.yaml"),
        (PAPER, "seeds stated", some, f"seed {', '.join(seeds)}" if seeds else "no stage has finished"),
        (PAPER, "several seeds", YES if len(seeds) > 1 else NO, f"{len(seeds)} in this run"),
        (PAPER, "computing infrastructure stated", some, "; ".join(machines) or "no stage has finished"),
        (PAPER, "run time and memory stated", some,
         f"{wall / 60:.1f} minutes of wall time, {cpu / 60:.1f} of CPU time, at most {peak / 2**30:.1f} GiB "
         f"({memory_of(done.values())})"),
        (PAPER, "software versions stated", some, _versions(done)),
        (PAPER, "code version stated", PART if any(c.endswith("+") for c in commits) else some,
         f"commit {', '.join(commits)}" + (" (+: with local changes)" if any(c.endswith("+") for c in commits)
                                           else "")),
        (PAPER, "data and splits described", some, f"docs/01_data.md; {_splits(results)}"),
        (PAPER, "sample sizes and intervals", YES if results.has("05_eval", "items.jsonl") else NO,
         "tables/main.csv: n and 95 % Wilson intervals; tables/paired.csv: exact McNemar tests"),
        (PAPER, "evaluation data not used for choices", some,
         "choices on the validation split and on CRUXEval's 200 dev rows (docs/01_data.md)"),
        (PAPER, "restarts disclosed", some,
         ", ".join(f"{stage}: {one['attempts']}" for stage, one in done.items()) + " attempts"),
    ]


def _versions(done: dict) -> str:
    last = list(done.values())[-1]["versions"] if done else {}
    return ", ".join(f"{name} {last[name]}" for name in ("python", "torch", "transformers", "trl")
                     if name in last) or "none"


def _splits(results: Results) -> str:
    sizes = {key.removeprefix("data_"): results.params[key] for key in
             ("data_train", "data_validation", "data_heldout", "data_heldout_ood") if key in results.params}
    return ", ".join(f"{name} {n}" for name, n in sizes.items()) or "no data were made"


def _files(*names: str) -> tuple[str, str]:
    """Yes where all files are in the checkout, and their names."""
    here = _names(names)
    return YES if here == ", ".join(names) else PART if here else NO, here or f"missing: {', '.join(names)}"


def _names(names) -> str:
    try:
        return ", ".join(name for name in names if (paths.root() / name).exists())
    except UserError:  # installed without a checkout
        return ""


def main(words: list[str]) -> int:
    """The command `checklists`."""
    asked = argparse.ArgumentParser(prog="python -m cr_utils checklists", description=main.__doc__)
    asked.add_argument("--profile", default="tiny", help="whose results (default: tiny)")
    asked.add_argument("--reference", action="store_true", help="those of the reference run")
    asked.add_argument("--json", action="store_true", help="print them as JSON")
    given = asked.parse_args(words)
    folder = paths.root() / "results" / "reference" / given.profile if given.reference else None
    frame = table(Results(params.known(given.profile), folder))
    if given.json:
        print(json.dumps(frame.to_dict("records"), indent=1, ensure_ascii=False))
        return 0
    for name, part in frame.groupby("checklist", sort=False):
        print(name, *(f"  [{row.answer:^8}] {row.item}: {row.evidence}" for row in part.itertuples()),
              sep="\n")
    return 0
