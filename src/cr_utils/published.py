"""Published numbers, each with its source: data only.

Nothing here was measured by this project. A number that no cited source gives is not in the list, and a table
shows a dash for it. Accuracies are fractions 0-1. Where a source does not say to which task of a benchmark a
number belongs, the task is "mean" and the note says so.
"""

from dataclasses import dataclass

PAPER = "arXiv 2507.17548"
STEP = "quoted by StepCodeReasoner, arXiv 2605.11922 (secondary notes)"
UNSTATED = "the notes do not name the task"


@dataclass(frozen=True)
class Published:
    """One published accuracy; `ours` names the model of our tables that reproduces it, if any does."""

    model: str
    benchmark: str
    task: str
    value: float
    source: str
    note: str = ""
    ours: str | None = None

    @property
    def label(self) -> str:
        """Source and note in one line, for a table's source column."""
        return f"{self.model}: {self.source}" + (f"; {self.note}" if self.note else "")


def _row(model: str, values: tuple, source: str, ours: str | None = None) -> list[Published]:
    """One model's line of the secondary table: CRUXEval, LiveCodeBench execution, REval."""
    names = ("cruxeval", "livecodebench", "reval")
    return [Published(model, name, "mean", value, source, UNSTATED, ours)
            for name, value in zip(names, values, strict=True) if value is not None]


NUMBERS: tuple[Published, ...] = (
    *_row("CodeReasoner-7B", (0.860, 0.777, 0.723), STEP, ours="grpo"),
    *_row("GPT-4o", (0.856, 0.751, 0.773), STEP),
    *_row("StepCodeReasoner-7B", (0.911, 0.865, 0.829), STEP),
    *_row("Qwen2.5-Coder-7B", (0.752, None, None), STEP, ours="base"),
    Published("SemCoder-S-6.7B", "cruxeval", "input", 0.636, "SemCoder README"),
    Published("SemCoder-S-6.7B", "cruxeval", "output", 0.639, "SemCoder README"),
    Published("SemCoder-S-6.7B", "livecodebench", "mean", 0.612, "SemCoder README", "task not stated"),
    Published("GPT-4 + CoT", "cruxeval", "input", 0.75, "CRUXEval abstract"),
    Published("GPT-4 + CoT", "cruxeval", "output", 0.81, "CRUXEval abstract"),
    Published("Code Llama 34B", "cruxeval", "input", 0.50, "CRUXEval abstract"),
    Published("Code Llama 34B", "cruxeval", "output", 0.46, "CRUXEval abstract"),
    Published("Code Llama 7B", "cruxeval", "input", 0.3595, "CRUXEval repository, re-scored",
              "T=0.2, 10 samples"),
    Published("Code Llama 7B", "cruxeval", "output", 0.3421, "CRUXEval repository, re-scored",
              "T=0.2, 10 samples"),
)
OTHERWISE = {("CodeReasoner-7B", "cruxeval"): 0.856, ("StepCodeReasoner-7B", "cruxeval"): 0.916,
             ("StepCodeReasoner-7B", "reval"): 0.858}  # another table of the same notes gives these
# About, on CRUXEval.
ANSWER_TOKENS = {"Qwen2.5-Coder-7B": 260, "CodeReasoner-7B": 310, "StepCodeReasoner-7B": 470}
DATA_SIZES = {"SFT": 17332, "RL": 18796}  # test cases; secondary: the paper's benchmark card

CLAIMS: dict[str, str] = {
    "C1": "Training data built around the core execution logic of programs (constraint-driven synthesis) "
          "help.",
    "C2": "Instruction tuning on chains distilled from a strong teacher helps.",
    "C3": "GRPO on top of the tuned model helps further.",
    "C4": "The 7B model gains 27.1 % to 40.2 % over prior methods on three benchmarks.",
    "C5": "The 7B model matches GPT-4o on input/output and coverage prediction.",
    "C6": "The 14B model beats GPT-4o on all benchmarks.",
    "C7": "Every training stage helps, and reasoning chains matter.",
}


def find(benchmark: str, task: str, ours: str) -> Published | None:
    """The number that our model `ours` reproduces in one cell, None where no source gives it."""
    return next((p for p in NUMBERS if (p.benchmark, p.task, p.ours) == (benchmark, task, ours)), None)


def value(model: str, benchmark: str, task: str = "mean") -> float | None:
    """A published accuracy by the published model's name, None where no source gives it."""
    return next((p.value for p in NUMBERS if (p.model, p.benchmark, p.task) == (model, benchmark, task)),
                None)
