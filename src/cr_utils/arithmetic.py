"""Arithmetic between the parameters: what must divide, sum or fit for a profile to run.

Types and ranges of single keys are checked in cr_utils.params. Every failure is one line with the numbers.
"""

from cr_utils.errors import UserError
from cr_utils.schema import SHARDING, TASKS, VLLM


def processes(values: dict) -> int:
    """How many processes train together: one per GPU of every node."""
    return values["launch"].get("nodes", 1) * values["launch"].get("gpus", 1)


def _check_launch(launch: dict, name: str, four_bit: bool, lora: int) -> None:
    for key, value in launch.items():
        known = {"sharding": SHARDING, "vllm": VLLM}.get(key)
        if known and value not in known:
            raise UserError(f"{name}: launch: {key} is {value!r}: one of {', '.join(known)}")
        if not known and (type(value) is not int or not 1 <= value <= 1024):
            raise UserError(f"{name}: launch: {key} is {value!r}: a number from 1 to 1024")
    if four_bit and not lora:
        raise UserError(f"{name}: model_four_bit without an adapter cannot be trained: set model_lora")
    if four_bit and launch.get("vllm", "none") != "none":
        raise UserError(f"{name}: TRL cannot hand 4-bit weights to vLLM: set launch vllm: none")
    if four_bit and launch.get("sharding", "none") != "none":
        raise UserError(f"{name}: 4-bit weights are not sharded here: set launch sharding: none")


def check(values: dict) -> None:
    """Raise UserError where keys do not fit each other, with the numbers that do not."""
    updates = values["grpo_updates"]
    name = f"profile {values['profile']}"
    _check_launch(values["launch"], name, values["model_four_bit"], values["model_lora"])
    if values["eval_engine"] == "vllm" and (values["model_four_bit"] or values["model_lora"]):
        raise UserError(f"{name}: vLLM answers for whole models here: with model_four_bit or model_lora set "
                        "eval_engine: transformers")
    rollouts, count = values["grpo_prompts"] * values["grpo_group"], processes(values)
    batch = values["grpo_batch_size"] * count
    if rollouts % (batch * updates):
        by = f" * {count} processes" if count > 1 else ""
        raise UserError(f"{name}: grpo_prompts * grpo_group = {rollouts} must be a multiple of "
                        f"grpo_batch_size * grpo_updates{by} = {batch * updates}")
    if values["grpo_save_every"] % updates:
        raise UserError(f"{name}: grpo_save_every = {values['grpo_save_every']} must be a multiple of "
                        f"grpo_updates = {updates}, or a resumed run would diverge")
    if values["grpo_save_every"] > values["grpo_steps"]:
        raise UserError(f"{name}: grpo_save_every = {values['grpo_save_every']} exceeds "
                        f"grpo_steps = {values['grpo_steps']}: no checkpoint would be made")
    _check_base(values, name)
    if values["grpo_order"] == "curriculum" and not (values["grpo_filter_prompts"] or values["grpo_counts"]):
        raise UserError(f"{name}: grpo_order = curriculum needs to know how often prompts are solved: set "
                        "grpo_filter_prompts, or grpo_counts")
    for key in ("distill_mix", "distill_styles", "base_mix", "base_late_mix"):
        shares = list(values[key].values())
        if not all(type(one) in (int, float) and one >= 0 for one in shares) or abs(sum(shares) - 1) > 1e-6:
            raise UserError(f"{name}: {key} = {values[key]} must hold shares of at least 0 that sum to 1")
    for key in ("grpo_tasks", "ablation_arms"):
        if len(set(values[key])) < len(values[key]):
            raise UserError(f"{name}: {key} = {values[key]} names something twice")
    if not values["grpo_tasks"]:
        raise UserError(f"{name}: grpo_tasks is empty: name at least one of {', '.join(TASKS)}")


def _check_base(values: dict, name: str) -> None:
    """The arithmetic of pre-training and of the time budget."""
    for small, large in (("base_heads", "base_width"), ("base_kv_heads", "base_heads"),
                         ("base_context", "base_micro_tokens"), ("base_micro_tokens", "base_batch_tokens")):
        if values[large] % values[small]:
            raise UserError(f"{name}: {large} = {values[large]} must be a multiple of "
                            f"{small} = {values[small]}")
    if values["base_width"] // values["base_heads"] % 2:
        raise UserError(f"{name}: base_width / base_heads = {values['base_width'] // values['base_heads']} "
                        "must be even, for rotary positions")
    shares = {key: values[key] for key in values if key.endswith("_share")}
    if sum(shares.values()) > 1 + 1e-9:
        given = ", ".join(f"{key} {value}" for key, value in shares.items())
        raise UserError(f"{name}: the shares of time_budget sum to {sum(shares.values()):.2f}, more than 1: "
                        f"{given}")
    if values["time_budget"] and processes(values) > 1:
        raise UserError(f"{name}: time_budget is for one process, and launch asks for {processes(values)}: "
                        "set time_budget: 0.0")
