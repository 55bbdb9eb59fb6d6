"""The ablation arms as data: what each leaves out, from which model it starts, which arm it is compared with.

Three families. Arms about stages start from the main models; arms about data train from the base on a small
budget (of updates, or of completion tokens) and compare with `short_sft`, the unchanged recipe at that
budget; arms about the reward run a short GRPO from the tuned model and compare with `short_grpo`. Training
them is the workshop's.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Arm:
    """What an arm changes. `start`: base, sft or grpo; `train`: None (use as it is), sft or grpo."""

    start: str
    train: str | None
    reference: str
    about: str
    direct: bool = False
    constraints: bool = True
    mutation: bool = True
    filters: bool = True  # of programs that do something in vain
    amount: float = 1.0  # of the chains that the budget would take; fewer are seen several times
    reward: str = "terminal"
    style: str = ""  # of all chains; "": the styles of the run

    @property
    def own_problems(self) -> bool:
        """Whether its problems are made for it, not those of stage 01."""
        return not (self.constraints and self.mutation and self.filters)


ARMS = {
    "full": Arm("grpo", None, "", "SFT, then GRPO"),
    "no_grpo": Arm("sft", None, "full", "SFT alone"),
    "more_sft": Arm("sft", "sft", "full", "SFT, then more SFT for what GRPO cost"),
    "no_sft": Arm("base", "grpo", "full", "GRPO from the base"),
    "short_sft": Arm("base", "sft", "", "the unchanged data at the small budget of the arms below"),
    "no_chains": Arm("base", "sft", "short_sft", "answers without reasoning", direct=True),
    "no_constraints": Arm("base", "sft", "short_sft", "unconstrained programs", constraints=False),
    "no_mutation": Arm("base", "sft", "short_sft", "typical inputs only", mutation=False),
    "no_filter": Arm("base", "sft", "short_sft", "programs that do something in vain are kept",
                     filters=False),
    "half_data": Arm("base", "sft", "short_sft", "half of the chains, twice", amount=0.5),
    "tenth_data": Arm("base", "sft", "short_sft", "a tenth of the chains, ten times", amount=0.1),
    "facts": Arm("base", "sft", "short_sft", "chains that state every operation only", style="facts"),
    "results": Arm("base", "sft", "short_sft", "chains that state the results of lines only",
                   style="results"),
    "numbered": Arm("base", "sft", "short_sft", "chains of numbered steps in words only", style="numbered"),
    "monologue": Arm("base", "sft", "short_sft", "chains in prose only", style="monologue"),
    "scratchpad": Arm("base", "sft", "short_sft", "chains of states without operations only",
                      style="scratchpad"),
    "short_grpo": Arm("sft", "grpo", "", "GRPO on the tuned model at the small budget of the arms below"),
    "whitebox": Arm("sft", "grpo", "short_grpo", "half the reward for the steps", reward="whitebox"),
    "bilevel": Arm("sft", "grpo", "short_grpo", "a second reward for the steps", reward="bilevel"),
}

# The pairs to test, reference second.
REFERENCES = {name: arm.reference for name, arm in ARMS.items() if arm.reference}
