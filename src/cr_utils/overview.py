"""The top of the report page: the main result with its intervals, the verdicts on the claims, the stages at a
glance.

Numbers are those of the tables and manifests, each linked to its record; where there is none stands the
reason.
"""

import math

import pandas as pd

from cr_utils import claims, kept, page, paths
from cr_utils.figure_style import MODEL_COLORS, MODEL_LABELS, SLATE
from cr_utils.results import Results

VERDICT_GOOD = {claims.REPRODUCED: True, claims.NOT: False}
ITEMS = "05_eval/items.jsonl"
# stage -> title, anchor, record behind the number, metric of the manifest, what it counts
STAGES = {
    "01_data": ("Programs", "data", "problems.jsonl", "problems", "programs"),
    "02_distill": ("Chains", "chains", "chains.jsonl", "accepted", "verified chains"),
    "03_sft": ("Instruction tuning", "sft", "log.jsonl", "val_accuracy", "of validation right"),
    "04_grpo": ("Reinforcement", "grpo", "selection.json", "chosen", "is the step chosen"),
    "05_eval": ("Evaluation", "evaluation", "items.jsonl", "items", "answers judged"),
    "06_ablations": ("Ablations", "ablations", "items.jsonl", "arms", "arms"),
}


def number(text: str, record: str, where: str, name: str) -> str:
    """A number of the text, linked to its record; `where` names its rows, `name` heads what is told."""
    return (f'<a class="number" href="{page.escape(record)}" data-name="{page.escape(name)}" '
            f'title="{page.escape(where)}">{page.escape(text)}</a>')


def result(results: Results, main: pd.DataFrame, source: str) -> str:
    """Accuracy on held-out output questions, a line per model with its interval on one scale.

    main: as `tables.main`. source: HTML that names the record and command.
    """
    rows = main[(main["benchmark"] == "heldout") & (main["task"] == "output") & (main["mode"] == "strict")]
    rows = rows[rows["accuracy"].notna()].set_index("model")
    models = [model for model in MODEL_LABELS if model in rows.index]
    if not models:
        return f'<p class="missing">{page.DASH} {page.escape(results.reason("05_eval", "items.jsonl"))}</p>'
    parts = min(10, max(1, math.ceil(10 * rows.loc[models, "high"].max())))
    lines = "".join(_line(model, rows.loc[model], parts / 10) for model in models)
    axis = "".join(f"<span>{10 * at}{' %' if at == parts else ''}</span>" for at in range(parts + 1))
    return (f'<div class="result"><p>Held-out programs, output prediction, strict scoring, n = '
            f'{int(rows["n"].max()):,} '
            f'a model, 95 % intervals:</p><div class="strip" style="--parts:{parts}">{lines}'
            f'<div class="scale"><div class="axis" aria-hidden="true">{axis}</div></div></div>'
            f'<p class="source">{source}</p></div>')


def _line(model: str, row: pd.Series, top: float) -> str:
    where = f"from the rows model={model}, benchmark=heldout, task=output of {ITEMS}"
    shown = f"{100 * row.accuracy:.1f} %"
    return (f'<div><span class="name">{page.escape(MODEL_LABELS[model])}</span>'
            f'<span class="track" style="--c:{MODEL_COLORS.get(model, SLATE)};--low:{row.low / top:.4f};'
            f'--high:{row.high / top:.4f};--at:{row.accuracy / top:.4f}"><i></i><b></b></span>'
            f'<span class="value">'
            f'{number(shown, ITEMS, where, f"{MODEL_LABELS[model]}: {shown}")} '
            f"<small>[{100 * row.low:.1f}, {100 * row.high:.1f}]</small></span></div>")


def verdicts(found: pd.DataFrame) -> str:
    """One mark per claim, linked to the table of claims. found: as `claims.details`."""
    marks = "".join(f'<li><a href="#claims" title="{page.escape(row.statement)}">'
                    f"{page.badge(f'{row.claim} {row.verdict}', VERDICT_GOOD.get(row.verdict))}</a></li>"
                    for row in found.itertuples())
    return f'<ul class="verdicts">{marks}</ul>'


def meanings(found: pd.DataFrame) -> str:
    """What the verdicts that occur mean, a line each. found: as `claims.details`."""
    lines = "".join(f"<li>{page.badge(name, VERDICT_GOOD.get(name))} {page.escape(told)}</li>"
                    for name, told in claims.meanings(found["verdict"]).items())
    return f'<ul class="meanings" aria-label="What the verdicts mean">{lines}</ul>'


def stages(results: Results) -> str:
    """What each stage made and how long it took; a dash for one that has not finished."""
    made = []
    for at, (stage, (title, anchor, record, metric, what)) in enumerate(STAGES.items(), 1):
        found = results.manifests.get(stage)
        head = f'<a href="#{anchor}">{at} · {page.escape(title)}</a>'
        if not found:
            made.append(f'<li class="none">{head}{page.DASH} {page.escape(results.reason(stage))}</li>')
            continue
        value = found.get("metrics", {}).get(metric)
        shown = (page.DASH if value is None else f"{100 * value:.1f} %" if isinstance(value, float)
                 else f"{value:,}")
        if value is not None:
            where = f"metric {metric} in {stage}/manifest.json"
            target = kept.at_hand(results.folder, f"{stage}/{record}") or f"{stage}/manifest.json"
            shown = number(shown, target, where, f"{shown} {what}")
        made.append(f"<li>{head}{shown} {page.escape(what)}<br>{found['wall_seconds'] / 60:.1f} min</li>")
    return f'<ol class="stages">{"".join(made)}</ol>'


def state(results: Results) -> str:
    """What the page was made from, in a line: stages, total time, the Python that ran the programs."""
    done = results.manifests
    if not done:
        return "No stage has finished yet."
    minutes = sum(found["wall_seconds"] for found in done.values()) / 60
    last = max(found["finished"] for found in done.values())
    python = sorted({found.get("versions", {}).get("python", "unknown") for found in done.values()})
    return (f"{len(done)} of {len(paths.STAGES)} stages finished; {minutes:.1f} minutes of wall time in all; "
            f"Python {', '.join(python)}; last stage finished {last[:16].replace('T', ' ')}.")
