"""Every figure of the report: its name, what it is drawn from, what to look for in it, and how to draw it.

One list, in the order of the story; the page, `make figures` and the notebooks use the same names. Drawing
needs the records and no model. The functions that draw are in `figures` and `curves`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cr_utils import answer_figures, answer_tables, curves, figure_style, figures, frames, tables
from cr_utils.results import Results


@dataclass(frozen=True)
class Figure:
    """A figure: file name, stage and record it is drawn from, title, one paragraph on what to look for."""

    name: str
    stage: str
    record: str
    title: str
    look: str
    draw: Callable[[Results], object]


def _shapes(results: Results):
    return frames.shapes(results.problems, results.rows("01_data", "shapes.jsonl"))


def _arms(results: Results):
    """The ablations table with the arms that this profile asks for or has."""
    return tables.ablations(results.arms, asked=results.params.get("ablation_arms", ()))


FIGURES: tuple[Figure, ...] = (
    Figure("filters", "01_data", "data.json", "Programs through the filters",
           "Each bar is what is left after one more filter. Look for the filter that takes most: if almost "
           "nothing fails to run, the generator is careful; if duplicates take much, its space is small for "
           "the number asked.",
           lambda r: figures.filters(tables.data(r.counts))),
    Figure("constraint_coverage", "01_data", "problems.jsonl", "Coverage of the constraint space",
           "Every program exercises one operation of one built-in type in one setting. Look for pale or "
           "empty cells: what is not in the data cannot be learnt from it. The second number is how many "
           "different methods or operators the cell's programs exercise.",
           lambda r: figures.constraint_coverage(r.problems)),
    Figure("distributions", "01_data", "problems.jsonl", "What the programs look like",
           "Length of code, length of the run and type of the result; a curve further right means longer. "
           "Train and held-out curves should lie on each other, unseen cells apart from them. Where a "
           "benchmark's curve lies far from ours, expect little to carry over. Benchmarks appear only where "
           "their shapes were recorded.",
           lambda r: figures.distributions(_shapes(r))),
    Figure("chain_lengths", "02_distill", "chains.jsonl", "Length of the chains",
           "What SFT teaches is as long as this. Whiskers that reach the training or answer limit would mean "
           "that chains are cut; the long end belongs to long runs.",
           lambda r: figures.chain_lengths(frames.chains(r.rows("02_distill", "chains.jsonl")))),
    Figure("sft_curves", "03_sft", "log.jsonl", "Instruction tuning",
           "Left the training loss (faint: each step, strong: running mean), right the share of validation "
           "questions answered right, with its 95 % interval. Compare where each stops changing: a loss that "
           "looks flat does not say that accuracy is.",
           lambda r: curves.sft_curves(frames.log(r.rows("03_sft", "log.jsonl")))),
    Figure("grpo_curves", "04_grpo", "log.jsonl", "Reinforcement learning",
           "Reward should rise and validation accuracy with it; a reward that rises alone is being gamed. A "
           "growing length or truncated share warns of rambling, an entropy near zero of collapse. Groups "
           "without spread teach nothing: all of their answers earned the same. The dashed line is the "
           "checkpoint that validation chose.",
           lambda r: curves.grpo_curves(frames.log(r.rows("04_grpo", "log.jsonl")), chosen=r.chosen)),
    Figure("accuracy", "05_eval", "items.jsonl", "Accuracy by model and benchmark",
           "Dots are accuracies under strict scoring, bars 95 % Wilson intervals; the scales of the panels "
           "differ. Compare SFT with the better of the base's two forms, then SFT + GRPO with SFT. "
           "Overlapping bars do not settle a comparison on the same questions: the paired tests below do.",
           lambda r: figures.accuracy(tables.main(r.items))),
    Figure("benchmarks", "05_eval", "items.jsonl", "The real benchmarks by their own scoring rules",
           "Dots are accuracies under the published rules, bars 95 % Wilson intervals; the table beside "
           "gives the strict rule and where the two part. The trivial answerer shows what a constant earns: "
           "a model below it on coverage, path or state has not understood the question, or its prompts did "
           "not fit.",
           lambda r: figures.accuracy(tables.main(r.items), benchmarks=("cruxeval", "livecodebench", "reval"),
                                      mode="parity")),
    Figure("constructs", "05_eval", "items.jsonl", "Accuracy by program construct",
           "The answers on held-out output questions, split by what the program contains. Groups marked "
           "unseen (control flow of depth 3) are in no training cell and drawn from the unseen cells' "
           "questions. Look for where the models part: a gain in every group is learning to execute, a gain "
           "in the easy groups is not. Groups with fewer than ten answers are left out.",
           lambda r: figures.constructs(r.outcomes)),
    Figure("answer_length", "05_eval", "items.jsonl", "Answer length by stage",
           "Full colour: right answers, pale: wrong ones. Wrong answers that are much longer than right ones "
           "are runs that lost their way. Summaries of the paper say that reinforcement learning shortens "
           "what instruction tuning made verbose: compare the last two pairs.",
           lambda r: figures.answer_length(r.outcomes)),
    Figure("failure_kinds", "05_eval", "items.jsonl", "Why answers fail",
           "Each bar ends at the model's error rate; colours say why. Format failures and missing answers "
           "should vanish with SFT; what then remains is wrong execution, which is the hard part.",
           lambda r: figures.failure_kinds(answer_tables.failures(r.items))),
    Figure("departures", "05_eval", "items.jsonl", "Where chains leave the run",
           "Each chain against the interpreter's narration of the same run. Comprehension: the step quotes "
           "or states something that the program does not say. The warm colours are errors of execution: "
           "another line, other values in the variables, a wrong result, too few or too many steps. A right "
           "answer with wrong steps is luck or other words; a wrong answer with right steps was lost on the "
           "last line.",
           lambda r: answer_figures.departures(answer_tables.departures(r.items))),
    Figure("overthinking", "05_eval", "items.jsonl", "Too much: cut off, looping, more steps than the run",
           "Shares of all answers with 95 % Wilson intervals. Summaries of the paper say that reinforcement "
           "learning cuts the verbosity that instruction tuning leaves: compare the last two stages. A chain "
           "with more steps than its run thinks on after it is done, or walks through turns that never "
           "happen.",
           lambda r: answer_figures.overthinking(answer_tables.length(r.items),
                                                 answer_tables.departures(r.items))),
    Figure("ablations", "06_ablations", "items.jsonl", "What each part contributes",
           "Above: the main models, and arms that change the stages. Below: the same small SFT budget, with "
           "one part of the data left out. Dashed lines are what each group is compared with (diamonds). A "
           "dot left of its line: the part helps. Compare within a group; the budgets of the two differ.",
           lambda r: figures.ablations(_arms(r))),
)


def figure(name: str) -> Figure:
    """A figure's entry by name; raises KeyError for an unknown one."""
    return {one.name: one for one in FIGURES}[name]


def save_all(results: Results, folder: Path) -> dict[str, str]:
    """Draw every figure whose record exists as png and svg; returns the reason for each one left out."""
    absent = {}
    for one in FIGURES:
        if results.has(one.stage, one.record):
            figure_style.save(one.draw(results), folder, one.name)
        else:
            absent[one.name] = results.reason(one.stage, one.record)
            for kind in ("png", "svg"):  # an older figure would look like a result of this run
                (folder / f"{one.name}.{kind}").unlink(missing_ok=True)
    return absent
