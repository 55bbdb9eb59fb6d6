"""Makes the model of an ablation arm: the pipeline with one part left out.

Scope: `full` and `no_grpo` are the models of the earlier stages; `more_sft` trains the tuned model on for
`ablation_more_sft_steps` (set so that it costs what GRPO cost); `no_sft` runs GRPO on the base, and the arms
about rewards run a short one on the tuned model (`ablation_grpo_steps`); the arms about data train from the
base for `ablation_sft_steps` updates or, where it is given, for `ablation_sft_tokens` completion tokens.
Seeds are those of the run. An arm whose folder holds a finished model is not trained again.
"""

from __future__ import annotations

from pathlib import Path

from . import distill, grpo, jsonl, models, sft, synthesis, whitebox
from .arms import ARMS, Arm
from .errors import UserError
from .questions import many

SPARE = 1.1  # chains asked for, of those needed: some are too long to be trained on
PILOT = 200  # chains that tell how long the chains of an arm are


class Workshop:
    """Trains arms under `folder`. starts: base, sft, grpo to model specs; problems: those of stage 01."""

    def __init__(self, folder: Path, params: dict, problems: list[dict], starts: dict[str, str]):
        self.folder, self.params, self.starts = folder, params, starts
        self.problems = [p for p in problems if p["split"] == "train"]

    def model(self, name: str) -> str:
        """The folder (or spec) of an arm's model, trained if it is not there yet."""
        arm = ARMS[name]
        if arm.train is None:
            return str(self.starts[arm.start])
        out = self.folder / name
        if not (out / "done.json").exists():
            summary = (self._sft if arm.train == "sft" else self._grpo)(name, arm, out)
            jsonl.write_json(out / "done.json", summary)
        return str(out / "model")

    def _sft(self, name: str, arm: Arm, out: Path) -> dict:
        key = "ablation_more_sft_steps" if name == "more_sft" else "ablation_sft_steps"
        params = {**self.params, "sft_steps": self.params[key]}
        # More SFT continues at a fifth of the peak rate: from the top it would first undo what was learnt.
        if arm.start == "sft":
            params["sft_lr"] = params["sft_lr"] / 5
        budget = params["ablation_sft_tokens"] if arm.start == "base" else 0
        if not budget:
            need = params["sft_steps"] * params["sft_batch_size"] * params["sft_grad_accum"]
            rows = self._chains(name, arm, int(need * SPARE))
        else:
            rows, params["sft_steps"], seen = self._budgeted(name, arm, params, budget)
        params["sft_eval_every"] = params["sft_steps"]
        summary = sft.train(rows, self.starts[arm.start], out, params, validate=None)
        return summary | ({"completion_tokens": seen} if budget else {})

    def _budgeted(self, name: str, arm: Arm, params: dict, budget: int) -> tuple[list[dict], int, int]:
        """Chains for a budget of completion tokens, the updates that spend it, and the tokens these see.

        A first few chains tell how long the arm's are, and so how many it takes to spend the budget.
        """
        tokenizer = models.read_tokenizer(models.locate(str(self.starts[arm.start])))
        pilot = self._encoded(self._chains(name, arm, PILOT), tokenizer)
        each = sum(sft.completion_tokens(pilot)) / max(1, len(pilot))
        rows = self._chains(name, arm, max(PILOT, int(SPARE * budget / max(1.0, each))))
        encoded = self._encoded(rows, tokenizer)
        if not encoded:
            raise UserError(f"ablation {name}: no chain has at most {params['sft_max_length']} tokens: "
                            "raise sft_max_length")
        return rows, *sft.updates_for(budget, encoded, params)

    def _encoded(self, rows: list[dict], tokenizer) -> list[dict]:
        return sft.encode(rows, tokenizer, self.params["sft_max_length"])

    def _chains(self, name: str, arm: Arm, n: int) -> list[dict]:
        """About `n` accepted chains (times the arm's amount) of its problems, fewer where they run out."""
        problems = self.problems
        if arm.own_problems:
            problems = self._problems(name, arm, min(n, len(problems)))
        n = max(1, int(min(n, 3 * len(problems)) * arm.amount))
        seed = self.params["seed"] + (1 if arm.start == "sft" else 0)
        pairs = distill.plan(problems, self.params["distill_mix"], n, seed)
        write = distill.interpreter(seed, arm.direct, self.styles(arm))
        chains = distill.chains(pairs, write, self.folder / name / "chains.jsonl", teacher_name="interpreter",
                                seed=seed, direct=arm.direct, label=f"chains for {name}")
        return distill.accepted(chains)

    def styles(self, arm: Arm) -> dict[str, float]:
        """The shares of the styles of chains: the run's, or the arm's one style."""
        return {arm.style: 1.0} if arm.style else self.params["distill_styles"]

    def _problems(self, name: str, arm: Arm, n: int) -> list[dict]:
        """`n` training problems made as the arm has them; more of them begin with the fewer."""
        path = self.folder / name / "problems.jsonl"
        if not path.exists() or len(jsonl.read(path)) < n:
            sizes = {split: 0 for split in synthesis.SPLITS} | {"train": n}
            options = {"seed": self.params["seed"], "constraints": arm.constraints, "mutation": arm.mutation,
                       "filters": arm.filters, "max_steps": self.params["data_max_steps"],
                       "grammar": self.params["data_grammar"]}
            jsonl.write(path, synthesis.synthesize(sizes, options, self.params["data_workers"],
                                                     keep=path.with_name("chunks.partial.jsonl"))[0])
            path.with_name("chunks.partial.jsonl").unlink(missing_ok=True)
        return jsonl.read(path)[:n]

    def _grpo(self, name: str, arm: Arm, out: Path) -> dict:
        params = {**self.params, "grpo_steps": self.params["ablation_grpo_steps"],
                  "grpo_save_every": self.params["ablation_grpo_steps"]}
        n = params["grpo_steps"] * params["grpo_prompts"]
        questions = many(self.problems, params["grpo_tasks"][0], n)
        reward = whitebox.reward({**params, "grpo_reward": arm.reward})
        return grpo.train(questions, self.starts[arm.start], out, params, validate=None, reward=reward)


def summaries(folder: Path, names: list[str]) -> list[dict]:
    """What training each arm reported; arms that trained nothing are left out."""
    return [{"arm": name, **jsonl.read_json(folder / name / "done.json")} for name in names
            if (folder / name / "done.json").exists()]
