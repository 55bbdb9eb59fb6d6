"""`python -m cr_utils verl`: the RL questions as parquet files for verl, and our reward in its form.

For those whom TRL's trainer no longer carries. verl imports this file by its path and calls
`compute_score`; the package must be installed where verl's workers run. Only the files and the reward were
tried here, not verl.
"""

import argparse
import json
import shlex
from pathlib import Path

from cr_utils import exams, guarding, jsonl, params, paths, questions, whitebox
from cr_utils.errors import UserError
from cr_utils.questions import Question

FORMAT_WEIGHT = 0.1
REWARD = {"grpo_reward": "terminal", "grpo_format_weight": FORMAT_WEIGHT}
# TRL's losses to verl's ways of putting tokens together, of which its own default is the first.
SUMS = {"dapo": "token-mean", "bnpo": "token-mean", "grpo": "seq-mean-token-mean",
        "dr_grpo": "seq-mean-token-sum-norm"}


def row(question: Question, index: int, split: str, reward: dict = REWARD) -> dict:
    """A question as verl's data loader wants it.

    `extra_info` carries all of it as JSON text, and so the profile's settings of the reward (grpo_reward and
    grpo_format_weight).
    """
    return {
        "data_source": f"codereasoner/{question.task}",
        "prompt": [{"role": "user", "content": question.prompt}],
        "ability": "code",
        "reward_model": {"style": "rule", "ground_truth": json.dumps(list(question.truth))},
        "extra_info": {"split": split, "index": index, "id": question.id,
                       "question": json.dumps(question.to_dict()), "reward": json.dumps(reward)},
    }


def compute_score(data_source: str, solution_str: str, ground_truth: str, extra_info: dict | None = None,
                  **_) -> dict:
    """The reward of one completion as verl asks for it: "score", and as metrics "acc", "format" and "error".

    It is the profile's reward, which its row carries (without: the terminal one). Never raises for what a
    model wrote, and gives up on what hangs. verl does not say whether a completion was cut off: one without
    an end of its answer is taken for cut, and earns nothing.
    """
    extra = extra_info or {}
    question = Question.from_dict(json.loads(extra["question"]))
    settings = json.loads(extra["reward"]) if extra.get("reward") else REWARD
    reward = guarding.guard(whitebox.reward(settings), patience=guarding.ALONE)
    one, = reward([question], [solution_str], ["</answer>" not in solution_str])
    return {"score": one.total, "acc": one.correct, "format": one.format,
            "error": float(one.kind == "reward_error")}


def export(problems: list[dict], values: dict, out: Path) -> dict[str, int]:
    """Write train.parquet and val.parquet to `out`; the number of rows of each.

    The training rows are those of 04_grpo before its filter; the validation rows those of its checkpoints.
    """
    import pandas

    training = [one for one in problems if one["split"] == "train"][::-1]
    each = -(-len(training) // len(values["grpo_tasks"]))
    asked = {"train": [q for task in values["grpo_tasks"] for q in questions.many(training, task, each)],
             "val": exams.validation(problems, values["grpo_eval_items"])}
    out.mkdir(parents=True, exist_ok=True)
    for split, part in asked.items():
        reward = {key: values[key] for key in REWARD}
        rows = [row(question, index, split, reward) for index, question in enumerate(part)]
        pandas.DataFrame(rows).to_parquet(out / f"{split}.parquet")
    return {split: len(part) for split, part in asked.items()}


def command(values: dict, model: str, out: Path) -> str:
    """The verl command that matches a profile's GRPO stage: group, batches, rate, loss, no entropy term."""
    launch, loss = values["launch"], "grpo" if values["grpo_literal"] else values["grpo_loss"]
    settings = {
        "algorithm.adv_estimator": "grpo",
        "algorithm.use_kl_in_reward": False,
        "algorithm.norm_adv_by_std_in_grpo": values["grpo_literal"],
        "data.train_files": out / "train.parquet",
        "data.val_files": out / "val.parquet",
        "data.train_batch_size": values["grpo_prompts"],
        "data.max_prompt_length": 2048,
        "data.max_response_length": values["grpo_max_new_tokens"],
        "actor_rollout_ref.model.path": model,
        "actor_rollout_ref.model.enable_gradient_checkpointing": True,
        "actor_rollout_ref.actor.optim.lr": values["grpo_lr"],
        "actor_rollout_ref.actor.ppo_mini_batch_size": values["grpo_prompts"] // values["grpo_updates"],
        "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu": values["grpo_batch_size"],
        "actor_rollout_ref.actor.loss_agg_mode": SUMS[loss],
        "actor_rollout_ref.actor.optim.weight_decay": values["grpo_extra"].get("weight_decay", 0.0),
        **_kl(values),
        "actor_rollout_ref.actor.entropy_coeff": 0,
        "actor_rollout_ref.rollout.name": "vllm",
        "actor_rollout_ref.rollout.n": values["grpo_group"],
        "actor_rollout_ref.rollout.temperature": values["grpo_temperature"],
        "actor_rollout_ref.rollout.tensor_model_parallel_size": 1,
        "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu": values["grpo_batch_size"],
        "custom_reward_function.path": paths.package() / "verl.py",
        "custom_reward_function.name": "compute_score",
        "trainer.n_gpus_per_node": launch.get("gpus", 1),
        "trainer.nnodes": launch.get("nodes", 1),
        "trainer.total_training_steps": values["grpo_steps"] // values["grpo_updates"],
        "trainer.save_freq": values["grpo_save_every"] // values["grpo_updates"],
        "trainer.test_freq": values["grpo_save_every"] // values["grpo_updates"],
    }
    words = [shlex.quote(f"{key}={value}") for key, value in settings.items()]
    return " \\\n    ".join(["python -m verl.trainer.main_ppo", *words])


def _kl(values: dict) -> dict:
    """verl's settings for a profile's KL term, which is one of the loss."""
    actor, beta = "actor_rollout_ref.actor", values["grpo_beta"]
    if not beta:
        return {f"{actor}.use_kl_loss": False}
    return {f"{actor}.use_kl_loss": True, f"{actor}.kl_loss_coef": beta,
            f"{actor}.kl_loss_type": "low_var_kl",
            "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu": values["grpo_batch_size"]}


def main(words: list[str]) -> int:
    """Write the parquet files of a profile whose 01_data is finished, and print the matching verl command."""
    asked = argparse.ArgumentParser(prog="python -m cr_utils verl", description=main.__doc__)
    asked.add_argument("--profile", default=params.DEFAULT_PROFILE,
                       help="name of a file in params/ (default: tiny)")
    asked.add_argument("--out", type=Path, help="folder to write to (default: results/<profile>/verl)")
    given = asked.parse_args(words)
    values = params.load(given.profile)
    source = paths.stage_dir(values["profile"], "01_data") / "problems.jsonl"
    if not source.is_file():
        raise UserError(f"{paths.shown(source)} is not there: `python -m cr_utils run 01_data --profile "
                        f"{given.profile}` writes it")
    out = given.out or paths.results(values["profile"]) / "verl"
    counts = export(jsonl.read(source), values, out)
    print(", ".join(f"{n} {split} rows" for split, n in counts.items()), f"in {paths.shown(out)}")
    print(command(values, str(paths.stage_dir(values["profile"], "03_sft") / "model"), out))
    return 0
