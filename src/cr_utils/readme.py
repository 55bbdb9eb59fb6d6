"""What README.md, docs/files.md, docs/06_ablations.md and docs/base.md say from records: results, claims and
rates of the reference run, the measurements of the base, and the list of files.

Scope: replaces the text between `<!-- name:begin -->` and `<!-- name:end -->`; everything else is written by
hand. A test compares these files with what this module makes, so that nothing in them can grow old.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

from . import armruns, colab, jsonl, learning, paths
from . import claims as verdicts
from .results import Results, memory_of
from .tablefile import read_table

BLOCK = "<!-- {name}:begin -->\n{body}<!-- {name}:end -->"
FIVE = ("output", "input", "coverage", "path", "state", "mean")
TASKS = {"heldout": FIVE, "heldout_ood": FIVE, "cruxeval": ("output", "input", "mean"),
         "livecodebench": ("output", "input", "mean"),
         "reval": ("coverage", "path", "state", "output", "consistency", "mean")}
ROWS = tuple((benchmark, task) for benchmark, tasks in TASKS.items() for task in tasks)
MODELS = ("trivial", "base_direct", "base", "sft", "grpo")
HEADINGS = {"base_direct": "base, direct", "base": "base, chain", "sft": "SFT", "grpo": "SFT + GRPO"}
FOLDERS = ("notebooks", "params", "src/cr_utils", "src/cr_utils/wide", "src/cr_utils/zygote", "tests",
           "tests/browser", "tests/hostile", "speed", "docs")
FILLED = ("README.md", "docs/files.md", "docs/06_ablations.md", "docs/base.md")
BUDGET, ASKED = 300_000, 1400  # of the arms about data in docs/06_ablations.md: completion tokens, questions


def reference(profile: str = "tiny") -> Path:
    """The folder of the committed reference run."""
    return paths.root() / "results" / "reference" / profile


def percent(row) -> str:
    """`61.2 % [60.1, 62.3]` of a table row, "—" where it has no items."""
    if row is None or not row["n"] or row["accuracy"] != row["accuracy"]:
        return "—"
    return f"{100 * row['accuracy']:.1f} [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"


def results(folder: Path) -> str:
    """Accuracy of every model in percent with 95 % intervals, paired tests of the main steps, the cost."""
    main, paired = read_table(folder / "tables", "main"), read_table(folder / "tables", "paired")
    strict = main[main["mode"] == "strict"]
    lines = ["Accuracy in percent with 95 % Wilson intervals; greedy, strict scoring. heldout: new programs "
             "of the kinds trained on; heldout_ood: of kinds never trained on. trivial: the commonest "
             "answer of the training problems, always; base, direct: the start model asked for the answer "
             "alone; base, chain: the same model asked for reasoning first. mean: of the tasks above it, "
             "each counting the same whatever its n (consistency is not among them), its interval from "
             "theirs.", "",
             "| benchmark | task | n | " + " | ".join(HEADINGS.get(m, m) for m in MODELS) + " |",
             "|---" * (3 + len(MODELS)) + "|"]
    absent: dict[str, list[str]] = {}
    for benchmark, task in ROWS:
        cells = {r["model"]: r
                 for _, r in strict[(strict["benchmark"] == benchmark) & (strict["task"] == task)].iterrows()}
        n = max((int(r["n"]) for r in cells.values() if r["n"] == r["n"]), default=0)
        if not n:
            absent.setdefault(benchmark, []).append(task)
            continue
        name = f"**{task}**" if task == "mean" else task
        lines.append(f"| {benchmark} | {name} | {n} | " + " | ".join(percent(cells.get(m)) for m in MODELS)
                     + " |")
    if absent:
        lines += ["", "Without items in this run: "
                  + "; ".join(f"{name} ({', '.join(tasks)})" for name, tasks in absent.items())
                  + ". The reasons stand in `tables/main.md` of the run."]
    lines += ["", *tests(paired), "", cost(folder), ""]
    return "\n".join(lines)


def tests(paired) -> list[str]:
    """One line per main step: difference in points and exact McNemar p-value on held-out output questions."""
    lines = []
    for a, b in (("base_direct", "sft"), ("base", "sft"), ("sft", "grpo")):
        rows = paired[(paired["benchmark"] == "heldout") & (paired["task"] == "output")
                      & (paired["a"] == a) & (paired["b"] == b)]
        for _, row in rows.iterrows():
            lines.append(f"- {HEADINGS[a]} → {HEADINGS[b]}: {100 * row['difference']:+.1f} points on "
                         f"{int(row['n'])} held-out output questions "
                         f"(exact McNemar p = {row['p_value']:.2g})")
    return lines


def cost(folder: Path) -> str:
    """Time, memory and machine of the reference run, from its manifests; and the command."""
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("0*/manifest.json"))]
    if not found:
        return ""
    wall = sum(m["wall_seconds"] for m in found)
    peak = max(m["peak_memory"] or 0 for m in found)
    machine = found[0]["hardware"]
    return (f"`make reproduce PROFILE={found[0]['profile']}` took {wall / 60:.0f} minutes on "
            f"{machine.get('cores', '?')} cores of {machine.get('processor', 'an unnamed processor')}, seed "
            f"{found[0]['seed']}. Its peak memory was {peak / 2**30:.1f} GiB: {memory_of(found)}.")


def claims(folder: Path) -> str:
    """The claims table (claim, statement, published, ours, verdict, command) and what its verdicts mean."""
    frame = read_table(folder / "tables", "claims_detail")
    lines = ["| claim | statement | published | ours | verdict | command |", "|---|---|---|---|---|---|"]
    for _, row in frame.iterrows():
        ours = row["ours"].replace("; ", "<br>") if isinstance(row["ours"], str) else None
        cells = [row["claim"], row["statement"], row["published"], ours, row["verdict"],
                 f"`{row['command']}`"]
        lines.append("| " + " | ".join("—" if c != c or c is None else str(c).replace("|", "/")
                                       for c in cells) + " |")
    meant = [f"- **{name}**: {told}." for name, told in verdicts.meanings(frame["verdict"]).items()]
    return "\n".join([*lines, "", "What the verdicts mean:", "", *meant]) + "\n"


def files() -> str:
    """One line per file, by folder: what the first sentence in it says."""
    lines = []
    for folder in FOLDERS:
        shown = [(path.name, first_line(path)) for path in sorted((paths.root() / folder).glob("*"))
                 if path.suffix in (".py", ".yaml", ".ipynb", ".md") and path.name != "__init__.py"]
        if shown:
            lines += [f"## {folder}/", "", *(f"- `{name}`: {about}" for name, about in shown), ""]
    return "\n".join(lines)


def first_line(path: Path) -> str:
    """The first sentence of a file about itself: docstring, title or comment."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        return "".join(json.loads(text)["cells"][0]["source"]).split("\n")[0].lstrip("# ")
    if path.suffix == ".md":
        return text.split("\n", 1)[0].lstrip("# ")
    if path.suffix == ".py":
        about = (ast.get_docstring(ast.parse(text)) or "").split("\n\n")[0]
    else:  # the comment that it opens with
        about = "\n".join(line.lstrip("# ") for line in re.match(r"(#[^\n]*\n)*", text)[0].splitlines())
    return re.split(r"(?<=[\w)`\"'])\. ", " ".join(about.split()))[0].rstrip(".")


def filled(text: str, folder: Path) -> str:
    """A text with its made parts replaced; one without records stays as it is."""
    parts = {"files": files(), "clone": clone()}
    if (folder / "tables" / "main.csv").exists():
        parts |= {"results": results(folder), "claims": claims(folder), **paces(folder)}
    parts |= learning.parts(folder.parent / "base", folder / "tables") | armruns.parts()
    return put(text, parts)


def paces(folder: Path) -> dict[str, str]:
    """What the examples of docs/06_ablations.md should take, by the rates of the reference run."""
    run = Results(folder.name, folder)
    arms = {row["arm"]: row for row in run.rows("06_ablations", "arms.jsonl")}
    if not {"04_grpo", "05_eval"} <= set(run.manifests) or "tokens_per_s" not in arms.get("short_sft", {}):
        return {}
    rate, grpo, evaluation = (arms["short_sft"]["tokens_per_s"], run.manifests["04_grpo"],
                              run.manifests["05_eval"])
    update = grpo["metrics"]["train_seconds"] / grpo["params"]["grpo_steps"]
    asked = sum(item["model"] != "trivial" for item in run.rows("05_eval", "items.jsonl"))
    answers = asked / evaluation["wall_seconds"]
    train, ask = 2 * BUDGET / rate, ASKED / answers
    return {"data-arms": (
        f"On the reference run's machine about {8 * (train + ask) / 60:.0f} minutes, an estimate: about "
        f"{train:.0f} s of training for each arm (the reference\nrun read {rate:,} tokens a second in "
        f"`short_sft`, and about half of them are completions) and about {ask:.0f} s for its {ASKED:,} "
        f"answers ({answers:.0f} a\nsecond over the whole of its 05, without the trivial answerer's).\n"),
        "reward-arms": (
        f"On the reference run's machine about {(3 * 24 * update + 2400 / answers) / 60:.0f} minutes: an "
        f"estimate, from {update:.1f} s an update in the reference run's 04 and {answers:.0f} answers a "
        f"second\nin its 05; with 8 updates (the profile's `ablation_grpo_steps`) about "
        f"{(3 * 8 * update + 2400 / answers) / 60:.0f}.\n")}


def clone() -> str:
    """The lines that fetch the repository, by the address in pyproject.toml."""
    url = colab.repository()
    about = (f"\n`{colab.PLACEHOLDER}` stands for the account that publishes the repository.\n"
             if f"/{colab.PLACEHOLDER}/" in url else "")
    return f"```sh\ngit clone {url}\ncd {url.rsplit('/', 1)[1]}\n```\n{about}"


def put(text: str, parts: dict[str, str]) -> str:
    """A text with the parts between markers replaced, by name."""
    for name, body in parts.items():
        pattern = re.escape(BLOCK.format(name=name, body="\0")).replace("\0", ".*?").replace("\\.*?", ".*?")
        text = re.sub(pattern, lambda _: BLOCK.format(name=name, body=body), text, flags=re.S)  # noqa: B023
    return text


def main(argv: list[str]) -> int:
    """Rewrite README.md and the parts of docs/ made from the reference run and the files here."""
    for path in (paths.root() / name for name in FILLED):
        jsonl.write_text(path, filled(path.read_text(encoding="utf-8"), reference()))
    return 0
