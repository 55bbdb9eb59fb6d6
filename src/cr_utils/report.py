"""The report of a profile from its records: tables, figures and one self-contained page. Loads no torch.

`build` writes results/<profile>/{tables,figures}/ and index.html; `figures_all` only the figures. Both read
finished stages only, can run at any time and any number of times, and give the same bytes for the same
records.
"""

import argparse
from pathlib import Path
from string import Template

import pandas as pd

from cr_utils import (
    answer_tables,
    claims,
    comparisons,
    constructs,
    exhibits,
    gallery,
    jsonl,
    overview,
    page,
    params,
    paths,
    published,
    scaling,
    story,
    tables,
)
from cr_utils.arms import REFERENCES
from cr_utils.errors import UserError
from cr_utils.results import Results

BOX = ("<b>Small scale.</b> This run trains a model of {size} on generated programs. It asks the "
       "paper's questions of a small model and <b>is no evidence for or against the claims about 7B and 14B "
       "models</b> (C4, C5, C6). Published numbers stand beside ours only to show where they come from.")
TRY = ("<b>A first try.</b> Every stage takes a few steps, so that <b>nothing is learnt</b>: this page shows "
       "that all stages run and what they leave. Its rates say nothing about the method; it <b>is no "
       "evidence for or against any claim</b>. <code>make reproduce</code> makes the run that learns.")
LARGE = ("<b>Scale.</b> This run started from {model}. Claims about models of another size stay “not run”. "
         "Published numbers come from secondary sources, as the source column says.")


def build(profile: str, folder: Path | str | None = None) -> Path:
    """Make all tables, figures and the page; returns the page's path.

    folder: where the stages' folders lie and the page goes (default: the profile's results folder). Raises
    UserError where there is no such folder, Edited where a record is not the one that its manifest names.
    """
    results = _results(profile, folder)
    made = tables_all(results)
    absent = gallery.save_all(results, results.folder / "figures")
    programs = exhibits.collect(results)
    if programs:
        jsonl.write(results.folder / exhibits.FILE, programs)
    path = results.folder / "index.html"
    jsonl.write_text(path, _page(story.Story(results, made, absent, results.folder, programs)))
    return path


def figures_all(profile: str, folder: Path | str | None = None) -> dict[str, str]:
    """Redraw every figure from the records; returns the reasons for those that cannot be drawn."""
    results = _results(profile, folder)
    return gallery.save_all(results, results.folder / "figures")


def tables_all(results: Results, folder: Path | None = None) -> dict[str, pd.DataFrame]:
    """Make and write every table; returns the frames by name. folder: default results/<profile>/tables."""
    items, arms = results.items, results.arms
    about = {"profile": results.profile, "model": str(results.params.get("model", "shipped"))}
    judged = claims.details(items, arms, **about)
    made = {
        "main": tables.main(items, results.reasons),
        "paired": tables.paired(items),
        "ablations": tables.ablations(arms, results.reasons, asked=results.params.get("ablation_arms", ())),
        "ablations_paired": tables.paired(arms, REFERENCES.items(), "arm"),
        "ablations_steps": comparisons.steps(arms, REFERENCES),
        "claims": judged[claims.CLAIMS].copy(),
        "claims_detail": judged,
        "generalization": tables.generalization(items, about["model"], results.reasons),
        "scoring": answer_tables.scoring(items),
        "pass_at_k": answer_tables.pass_at_k(items),
        "gains": comparisons.gains(items),
        "length": answer_tables.length(items),
        "failures": answer_tables.failures(items),
        "departures": answer_tables.departures(items),
        "operations": answer_tables.operations(items),
        "constructs": constructs.table(items, results.problem_rows, results.programs),
        "data": tables.data(results.counts),
    }
    for name, frame in made.items():
        tables.write_table(frame, folder or results.folder / "tables", name)
    return made


def _results(profile: str, folder: Path | str | None) -> Results:
    found = Results(profile, folder)
    if not found.folder.is_dir():
        raise UserError(f"{found.folder} does not exist: run `make reproduce PROFILE={profile}` first")
    found.refuse_edited()
    return found


def _page(told: story.Story) -> str:
    """The whole page as text."""
    results = told.results
    sections, links = [], []
    for anchor, title, lead, write in story.SECTIONS:
        sections.append(f'<section id="{anchor}"><h2>{page.escape(title)}</h2>'
                        f'<p class="lead">{page.escape(lead)}</p>'
                        f"{write(told)}</section>")
        links.append(f'<a href="#{anchor}">{page.escape(title)}</a>')
    several = scaling.section(results.folder.resolve().parent)
    if several:
        sections.append(f'<section id="scaling"><h2>Runs compared</h2>{several}</section>')
        links.append('<a href="#scaling">Runs compared</a>')
    assets = {name: paths.asset(f"report/{name}").read_text(encoding="utf-8")
              for name in ("page.html", "style.css", "browse.css", "script.js", "browse.js")}
    model = str(results.params.get("model", "shipped"))
    return Template(assets["page.html"]).substitute(
        title=f"CodeReasoner, reproduced: {page.escape(results.profile)}",
        profile=page.escape(results.profile),
        style=assets["style.css"] + assets["browse.css"], script=assets["script.js"] + assets["browse.js"],
        hashes=page.json_text({"profile": results.profile, "files": _hashes(results)}), nav="\n".join(links),
        sections="\n".join(sections),
        box=_box(results, model), paper=published.PAPER,
        summary=story.summary(told), state=overview.state(results),
        command=page.command(f"make reproduce PROFILE={results.profile}"))


def _box(results: Results, model: str) -> str:
    """What this run can and cannot show. HTML."""
    if results.profile == "smoke":
        return TRY
    return (BOX.format(size=_size(results)) if claims.size(model) is None
            else LARGE.format(model=page.escape(model)))


def _size(results: Results) -> str:
    """The size of a small start model in words."""
    made = (results.pretraining or {}).get("metrics", {}).get("parameters")
    return f"{made / 1e6:.0f} million parameters, from scratch," if made else "a few million parameters"


def _hashes(results: Results) -> dict[str, str]:
    """sha256 of every record by its path, as the manifests have it."""
    return {f"{stage}/{name}": digest for stage, found in results.manifests.items()
            for name, digest in found.get("outputs", {}).items()}


def _arguments(words: list[str], about: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cr_utils", description=about)
    parser.add_argument("--profile", default="tiny", help="whose results (default: tiny)")
    parser.add_argument("--folder", type=Path, help="where they lie (default: results/<profile>)")
    given = parser.parse_args(words)
    if not given.folder:
        params.known(given.profile)
    return given


def main(words: list[str]) -> int:
    """`report`: tables, figures and page."""
    given = _arguments(words, "Make tables, figures and index.html from the records of a profile.")
    print(f"report: {paths.shown(build(given.profile, given.folder))}")
    return 0


def main_figures(words: list[str]) -> int:
    """`figures`: the figures alone."""
    given = _arguments(words, "Redraw the figures of a profile from its records.")
    kept = paths.root() / "results" / "reference" / given.profile
    folder = (given.folder or paths.results(given.profile)) / "figures"
    if not given.folder and not Results(given.profile).manifests and kept.is_dir():
        print(f"figures: no run of {given.profile} has finished here: these are the reference run's")
        folder = paths.results_root() / "redrawn" / given.profile
        absent = gallery.save_all(_results(given.profile, kept), folder)
    else:
        absent = figures_all(given.profile, given.folder)
    print(f"figures: {len(gallery.FIGURES) - len(absent)} drawn in {paths.shown(Path(folder).resolve())}")
    for name, reason in absent.items():
        print(f"figures: {name} — {reason}")
    return 0
