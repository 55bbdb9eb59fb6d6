"""`python -m cr_utils reference`: keep the small records of a finished run under
results/reference/<profile>/.

Scope: manifests, logs, counts, tables, figures, the page with the held-out programs that it shows, the
executed notebooks as pages, one line per answer with its verdict, and facts of problems and chains (`kept`):
enough to recompute every number and to redraw every figure. Left out: models, problems and chains, and every
text of an answer about a benchmark, since it quotes its programs.
"""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path

from . import armruns, exams, executed, exhibits, jsonl, kept, paths
from .errors import UserError

KEPT = ("manifest.json", "log.jsonl", "data.json", "counts.json", "shapes.jsonl", "selection.json",
        "filter.jsonl", "arms.jsonl", "programs.jsonl")


def verdict(item: dict) -> dict:
    """An evaluation item without its texts."""
    return kept.items([item], [])[0]


def linked(page: str, folder: Path) -> str:
    """The page with links only to what lies in `folder`.

    A record of which facts are kept is linked to them, and named as what the command makes; other links to
    files that are not kept become plain text.
    """
    def mended(found: re.Match) -> str:
        name, text = found["name"], found["text"]
        there = kept.at_hand(folder, name)
        if there is None:
            return text
        if there == name:
            return found[0]
        opened = f'<a {found["before"]}href="{there}"{found["after"]}>'
        if text != name:
            return f"{opened}{text}</a>"
        return f"{opened}{there}</a> (facts kept of {name.split('/')[-1]}, which the command makes)"

    anchor = r'<a (?P<before>[^>]*?)href="(?P<name>[^"#:]+)"(?P<after>[^>]*)>(?P<text>.*?)</a>'
    return re.sub(anchor, mended, page, flags=re.DOTALL)


def keep(profile: str, target: Path | None = None) -> Path:
    """Copy what is small; returns the folder.

    Raises UserError where a stage is not finished or there is no page.
    """
    source = paths.results(profile)
    target = target or paths.root() / "results" / "reference" / profile
    wanted = [source / stage / "manifest.json" for stage in paths.STAGES] + [source / "index.html"]
    missing = [path for path in wanted if not path.is_file()]
    if missing:
        raise UserError(f"{paths.shown(missing[0])} is missing: run `make reproduce PROFILE={profile}` first")
    made = source / "01_data" / "problems.jsonl"
    problems = jsonl.read(made) if made.is_file() else []
    shutil.rmtree(target, ignore_errors=True)
    for stage in (paths.BASE, *paths.STAGES):
        for name in KEPT:
            if (source / stage / name).is_file():
                (target / stage).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / stage / name, target / stage / name)
        for name, facts in kept.FACTS.items():
            if (source / stage / name).is_file():
                kept.write(kept.beside(target / stage / name), map(facts, jsonl.read(source / stage / name)))
        if (source / stage / "items.jsonl").is_file():
            jsonl.write(target / stage / "items.jsonl",
                        kept.items(jsonl.read(source / stage / "items.jsonl"), problems))
    _pages(source, target)
    for folder in ("tables", "figures"):
        shutil.copytree(source / folder, target / folder)
    if (source / exhibits.FILE).is_file():
        shutil.copyfile(source / exhibits.FILE, target / exhibits.FILE)
    page = (source / "index.html").read_text(encoding="utf-8")
    jsonl.write_text(target / "index.html", linked(page, target))
    return target


def _pages(source: Path, target: Path) -> None:
    """The executed notebooks as pages; no output of theirs that quotes an answer about a benchmark."""
    found = [source / stage / "items.jsonl" for stage in paths.STAGES]
    answers = {item["completion"] for path in found if path.is_file() for item in jsonl.read(path)
               if item.get("completion") and item.get("benchmark") in exams.PUBLISHED}
    places = {str(paths.benchmarks()): "$CR_BENCHMARKS", str(paths.results_root()): "results",
              str(paths.root()): ".", str(Path.home()): "~"}
    for stage in paths.STAGES:
        if (source / stage / f"{stage}.ipynb").is_file():
            executed.write(source / stage / f"{stage}.ipynb", target / stage / f"{stage}.html", answers,
                           places)


def main(words: list[str]) -> int:
    """Keep a profile's small records."""
    asked = argparse.ArgumentParser(prog="python -m cr_utils reference", description=main.__doc__)
    asked.add_argument("--profile", default="tiny", help="whose results (default: tiny)")
    asked.add_argument("--arms", metavar="NAME", help="keep its 06 alone, as results/reference/arms/NAME")
    given = asked.parse_args(words)
    made = armruns.keep(given.profile, given.arms) if given.arms else keep(given.profile)
    print(f"kept in {paths.shown(made)}")
    return 0
