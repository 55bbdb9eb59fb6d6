"""The report page's sections, in the order of the story: each function returns one section's HTML.

A section shows what its stage recorded, or a dash and the reason. Every table and figure names the record it
was made from and the command that makes it again. Texts that interpret are written for any outcome: numbers
decide.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from cr_utils import exhibits, gallery, kept, overview, page, paths, samples
from cr_utils.figure_style import BENCHMARK_LABELS, MODEL_LABELS
from cr_utils.page import Cell
from cr_utils.results import Results


@dataclass
class Story:
    """What sections draw on: records, tables, reasons for figures left out, the page's folder, programs."""

    results: Results
    tables: dict[str, pd.DataFrame]
    absent: dict[str, str]
    folder: Path
    programs: list[dict] = field(default_factory=list)

    def command(self, stage: str) -> str:
        """The command that makes a stage's records."""
        return f"python -m cr_utils run {stage} --profile {self.results.profile}"

    def source(self, stage: str, record: str, *files: str) -> str:
        """Where something comes from: record, files made from it, command. HTML."""
        name = f"{stage}/{record}"
        target = kept.at_hand(self.folder, name)
        kept_only = target not in (name, None)
        facts = f" (facts kept of {page.escape(record)}, which the command makes)" if kept_only else ""
        made = "".join(" · " + page.link(file.split("/")[-1], file) for file in files)
        return (f"Record {page.link(target or name, target)}{facts} "
                f"({page.link('manifest', f'#run-{stage}')}){made} · "
                + page.command(self.command(stage)))

    def figure(self, name: str) -> str:
        """A figure of the gallery, inline."""
        one = gallery.figure(name)
        path = self.folder / "figures" / f"{name}.svg"
        drawn = name not in self.absent and path.is_file()
        drawing = page.svg(path.read_text(encoding="utf-8"), name, one.title) if drawn else None
        files = (f"figures/{name}.svg", f"figures/{name}.png") if drawn else ()
        return page.figure(name, one.title, one.look, drawing, self.source(one.stage, one.record, *files),
                           self.absent.get(name, ""))

    def table(self, name: str, title: str, stage: str, record: str, look: str = "",
              folded: bool = False) -> str:
        """A table by name with its sources, the numbers linked to their record; nothing where it is empty."""
        frame = self.tables[name]
        if frame.empty:
            return ""
        target = kept.at_hand(self.folder, f"{stage}/{record}")

        def links(row: dict, column: str):
            # Which rows of the record, the page's script reads off the row's own cells.
            return (target, "") if target and column != "published" else None

        body = page.table(frame, links=links)
        source = self.source(stage, record, f"tables/{name}.csv", f"tables/{name}.md")
        below = f'<p class="source">{source}</p>'
        head = f"<h3>{page.escape(title)}</h3>" + (f"<p>{page.escape(look)}</p>" if look else "")
        if folded:
            return head + page.details(f"{len(frame)} rows", body, name="rows") + below
        return head + body + below


def missing(story: Story, stage: str, html: str) -> str:
    """The section's content, or the reason why its stage gives none."""
    if stage in story.results.manifests:
        return html or f'<p class="missing">{page.DASH} nothing was recorded</p>'
    return f'<p class="missing">{page.DASH} {page.escape(story.results.reason(stage))}</p>'


def summary(story: Story) -> str:
    """The main result, the verdicts and the stages, or why there are none."""
    source = story.source("05_eval", "items.jsonl", "tables/main.csv")
    return (overview.result(story.results, story.tables["main"], source)
            + overview.verdicts(story.tables["claims_detail"]) + overview.stages(story.results))


def the_claims(story: Story) -> str:
    """The claims table: evidence, command, published, ours, verdict, and the rules."""
    frame = story.tables["claims_detail"]
    shown = pd.DataFrame([{
        "claim": Cell(f"<b>{row.claim}</b> {page.escape(row.statement)}", row.claim),
        "verdict": Cell(page.badge(row.verdict, overview.VERDICT_GOOD.get(row.verdict)), row.verdict),
        "ours": Cell(page.lines(row.ours)) if isinstance(row.ours, str) else None,
        "published": row.published if isinstance(row.published, str) else None,
        "evidence": Cell(page.lines(row.evidence) + "<br>" + page.command(row.command))}
        for row in frame.itertuples()])
    shown.attrs["notes"] = frame.attrs["notes"] + [
        "published: where it is a dash, no source that we could read gives a number for the claim"]
    rules = "".join(f"<li><b>{row.claim}</b> {page.escape(row.rule)}</li>" for row in frame.itertuples())
    return (f'<div class="claims">{page.table(shown, labels=True)}</div>'
            + page.details("rules behind the verdicts", f"<ul>{rules}</ul>", name="why")
            + '<p class="source">' + page.link("tables/claims.csv", "tables/claims.csv") + "</p>")


def data(story: Story) -> str:
    """Programs: filters, coverage, distributions."""
    return missing(story, "01_data", story.figure("filters")
                   + story.table("data", "Counts through every filter", "01_data", "data.json", folded=True)
                   + story.figure("constraint_coverage") + story.figure("distributions"))


def chains(story: Story) -> str:
    """Chains: lengths and samples."""
    return missing(story, "02_distill", story.figure("chain_lengths") + samples.taught(story.results))


def sft(story: Story) -> str:
    """Instruction tuning."""
    return missing(story, "03_sft", story.figure("sft_curves"))


def grpo(story: Story) -> str:
    """Reinforcement learning: curves, the choice of the checkpoint, rollouts."""
    results, chosen = story.results, ""
    candidates = (results.json("04_grpo", "selection.json") or {}).get("candidates")
    if candidates:
        frame = pd.DataFrame(candidates).assign(chosen=lambda f: ["yes" if s == results.chosen else ""
                                                                  for s in f["step"]])
        chosen = ("<h3>Which checkpoint was kept</h3><p>Chosen on validation questions only; no test answer "
                  "was looked at.</p>" + page.table(frame)
                  + f'<p class="source">{story.source("04_grpo", "selection.json")}</p>')
    shown = samples.rollouts(results)
    return missing(story, "04_grpo", story.figure("grpo_curves") + chosen
                   + (f"<h3>Rollouts with their rewards</h3>{shown}" if shown else ""))


def headline(story: Story) -> str:
    """Accuracy by benchmark and task, a column per model."""
    source = story.source("05_eval", "items.jsonl", "tables/main.csv", "tables/main.md")
    main = story.tables["main"]
    main = main[(main["mode"] == "strict") & main["accuracy"].notna()]
    models = [m for m in (*MODEL_LABELS, *sorted(set(main["model"]) - set(MODEL_LABELS)))
              if m in set(main["model"])]
    rows = []
    for (benchmark, task), part in main.groupby(["benchmark", "task"], sort=False):
        row = {"benchmark": BENCHMARK_LABELS.get(benchmark, benchmark), "task": task,
               "n": int(part["n"].max())}
        cells = part.set_index("model")
        for model in models:
            label = MODEL_LABELS.get(model, model)
            row[label] = _rate(cells.loc[model], benchmark, task, model) if model in cells.index else None
        rows.append(row)
    frame = pd.DataFrame(rows)
    frame.attrs["notes"] = story.tables["main"].attrs["notes"]
    return ("<h3>Accuracy in percent, with 95 % intervals</h3>" + (page.table(frame) if rows else "")
            + f'<p class="source">{source}</p>')


def _rate(row: pd.Series, benchmark: str, task: str, model: str) -> Cell:
    where = f"from the rows model={model}, benchmark={benchmark}, task={task}"
    return Cell(page.link(f"{100 * row.accuracy:.1f}", "05_eval/items.jsonl", where)
                + f"<br><small>{100 * row.low:.1f}–{100 * row.high:.1f}</small>", float(row.accuracy))


def evaluation(story: Story) -> str:
    """Models on benchmarks: accuracies, paired tests, constructs, lengths, failures, generalization."""
    items = ("05_eval", "items.jsonl")
    return missing(story, "05_eval", "".join((
        headline(story), story.figure("accuracy"),
        story.table("main", "All rows, with the published numbers", *items, folded=True,
                    look="Published numbers are of other, larger models under official scoring."),
        story.figure("benchmarks"),
        story.table("scoring", "The published and the strict rule on the same answers", *items, folded=True,
                    look="parity only: accepted by the published rule alone; strict only: by ours alone."),
        story.table("paired", "Paired tests", *items, folded=True,
                    look="Exact McNemar tests on the questions that both answered; difference is b minus a."),
        story.table("gains", "Differences, relative gains, and who is no worse", *items, folded=True,
                    look="not worse: the 95 % interval of b minus a lies above minus the margin."),
        story.table("pass_at_k", "pass@k", *items, folded=True),
        story.figure("constructs"),
        story.table("constructs", "Accuracy by construct, every task and benchmark", *items, folded=True,
                    look="Groups with fewer than ten answers are left out."),
        story.table("generalization", "Seen and unseen constraint cells", *items, folded=True,
                    look="The difference between cells that training has and cells that it never shows."),
        story.figure("answer_length"),
        story.table("length", "Answer length, truncation, repetition", *items, folded=True),
        story.figure("overthinking"), story.figure("failure_kinds"),
        story.table("failures", "Failures by kind", *items, folded=True,
                    look="first wrong step: median number of the first step that differs from the "
                         "interpreter's."),
        story.figure("departures"),
        story.table("departures", "Steps against answers", *items, folded=True,
                    look="Kinds are counted among wrong answers; docs/05_eval.md says what each means."),
        story.table("operations", "Operations right and wrong", *items, folded=True,
                    look="Of chains that state every operation and are right up to it: how often each kind "
                         "of operation comes out right, and its share of all first failures."))))


def ablation(story: Story) -> str:
    """What each part contributes."""
    return missing(story, "06_ablations", story.figure("ablations") + story.table(
        "ablations", "All arms", "06_ablations", "items.jsonl", folded=True) + story.table(
        "ablations_paired", "Paired tests of the arms", "06_ablations", "items.jsonl",
        "b is the arm that a is compared with: a positive difference says that the part left out helps.")
        + story.table("ablations_steps", "Steps against answers, by arm", "06_ablations", "items.jsonl",
                      folded=True,
                      look="steps: chains right in every step; difference: the arm minus `against`."))


def browse(story: Story) -> str:
    """Programs to browse with run, answers and verdicts; a few of them without a script."""
    count = len(story.programs)
    told = (f"<p>{count} questions about held-out programs, chosen by rule: in every task the patterns of "
            "verdicts take turns, the first question by id first. Filter them, step through a run, and "
            "compare what the models answered; the first step of a chain that leaves the run is marked. "
            "Dots: one per model, full where right.</p>")
    shown = samples.evaluated(story.results)
    still = ("<noscript><p>Without a script: the first questions by id in each group of outcomes.</p>"
             f"{shown}</noscript>") if shown else ""
    return missing(story, "05_eval", count and told + samples.browser(story.programs) + still
                   + f'<p class="source">{story.source("05_eval", "items.jsonl", exhibits.FILE)}</p>')


def provenance(story: Story) -> str:
    """Manifests: time, hardware, versions, commit, hashes; and what to know about the records."""
    rows, blocks, trained = [], [], story.results.pretraining
    for stage in (*([paths.BASE] if trained else []), *paths.STAGES):
        found = trained if stage == paths.BASE else story.results.manifests.get(stage)
        rows.append({"stage": stage, **(_run(found) if found else {"finished": None})})
        if found:
            blocks.append(f'<div id="run-{stage}">'
                          + page.details(f"{stage}: parameters and hashes", _hashes(found))
                          + "</div>")
        else:
            blocks.append(f'<p id="run-{stage}" class="missing">{page.DASH} '
                          f"{page.escape(story.results.reason(stage))}</p>")
    frame = pd.DataFrame(rows)
    frame.attrs["notes"] = [story.results.reason(stage) for stage in paths.STAGES
                            if stage not in story.results.manifests]
    warnings = "".join(f"<li>{page.escape(text)}</li>" for text in sorted(set(story.results.warnings)))
    return ((f'<div class="box"><b>About these records</b><ul>{warnings}</ul></div>' if warnings else "")
            + page.table(frame, digits=2) + _machine(story.results) + "".join(blocks))


def _run(found: dict) -> dict:
    """A manifest's line in the table; minutes and GB, since bytes and seconds tell a reader little."""
    code, memory = found.get("code", {}), found.get("peak_memory")
    commit = (code.get("commit") or page.DASH)[:10] + (" + changes" if code.get("dirty") else "")
    finished = Cell(f'<span class="nowrap">{page.escape(found["finished"][:16].replace("T", " "))}</span>',
                    found["finished"])
    return {"finished": finished, "wall minutes": found["wall_seconds"] / 60,
            "CPU minutes": found["cpu_seconds"] / 60,
            "peak memory GB": memory / 1e9 if memory else None, "seed": found.get("seed"),
            "attempts": found.get("attempts"), "commit": commit}


def _machine(results: Results) -> str:
    """Hardware and versions, once where all stages agree."""
    seen: dict[str, list[str]] = {}
    for stage, found in results.manifests.items():
        hardware, versions = found.get("hardware", {}), found.get("versions", {})
        memory = f"{hardware['memory'] / 1e9:.0f} GB" if hardware.get("memory") else "memory unknown"
        gpus = ", ".join(hardware.get("gpus") or ()) or "no GPU used"
        text = (f"{hardware.get('system')}, {hardware.get('processor')}, {hardware.get('cores')} cores, "
                f"{memory}, {gpus}; " + ", ".join(f"{name} {number}" for name, number in versions.items()))
        seen.setdefault(text, []).append(stage)
    return "".join(f"<p><b>{', '.join(stages)}</b>: {page.escape(text)}</p>" for text, stages in seen.items())


def _hashes(found: dict) -> str:
    def rows(title: str, values: dict) -> str:
        cells = "".join(f"<tr><td>{page.escape(str(k))}</td><td><code>{page.escape(str(v))}</code></td></tr>"
                        for k, v in values.items())
        if not cells:
            return ""
        return f'<h4>{title}</h4><div class="scroll"><table class="plain">{cells}</table></div>'
    return (rows("parameters", found.get("params", {})) + rows("inputs, sha256", found.get("inputs", {}))
            + rows("outputs, sha256", found.get("outputs", {})) + rows("metrics", found.get("metrics", {})))


SECTIONS: tuple[tuple[str, str, str, Callable[[Story], str]], ...] = (
    ("claims", "Claims and verdicts",
     "What the paper claims, what this run shows, and the rule that decides.",
     the_claims),
    ("data", "1 · Programs", "Synthesised under constraints, executed, filtered, split by program.", data),
    ("chains", "2 · Chains", "The interpreter's narration of the real run, verified by execution.", chains),
    ("sft", "3 · Instruction tuning", "The base model learns to write such chains.", sft),
    ("grpo", "4 · Reinforcement learning", "GRPO on top, rewarded only for right answers in the right form.",
     grpo),
    ("evaluation", "5 · Evaluation", "All models on the same questions; strict scoring.", evaluation),
    ("ablations", "6 · Ablations", "The recipe with one part left out.", ablation),
    ("samples", "Programs to browse", "A program, its run, and what each model made of it.", browse),
    ("provenance", "Provenance", "Time, hardware, versions and hashes of every stage.", provenance),
)
