"""What the processes of a torchrun do in test_together: train with given numbers.

Run as `torchrun … together.py KIND BASE OUT`; completions and rewards of GRPO are fixed, so that one
process and two must agree on the gradient.
"""

import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))

from test_grpo import PARAMS as GRPO  # noqa: E402
from test_grpo import QUESTIONS  # noqa: E402
from test_sft import PARAMS as SFT  # noqa: E402
from test_sft import ROWS  # noqa: E402

from cr_utils import distributed, grpo, sft  # noqa: E402

PLAIN = {"optim": "sgd", "bf16": False, "max_grad_norm": 0.0, "lr_scheduler_type": "constant",
         "warmup_steps": 0}


def run_sft(base: str, out: str, count: int) -> None:
    """Four updates of eight rows, however many processes there are."""
    params = SFT | {"sft_steps": 4, "sft_batch_size": 8 // count, "sft_lr": 0.1, "sft_extra": PLAIN}
    sft.train(ROWS, base, out, params | {"launch": {"gpus": count}}, lambda *_: (0.5, 2))


def fixed(rollouts, prompts: list[str], trainer) -> dict:
    """The k-th answer to a prompt, the same in every process: tokens that the prompt and k decide."""
    seen: dict[str, int] = {}
    made = {"prompt_ids": [], "completion_ids": [], "logprobs": []}
    for prompt in prompts:
        k = seen[prompt] = seen.get(prompt, -1) + 1
        ids = list(rollouts.prompts[prompt])
        dice = torch.Generator().manual_seed(sum(ids) + k)
        answer = torch.randint(20, 60, (3 + k,), generator=dice).tolist() + [0]
        made["prompt_ids"].append(ids)
        made["completion_ids"].append(answer)
        made["logprobs"].append([-1.0] * len(answer))
    name = f"asked-{trainer.accelerator.process_index}.json"
    (Path(trainer.args.output_dir).parent / name).write_text(json.dumps(prompts))
    return made


def paid(questions, completions, truncated):
    """A reward that differs within a group."""
    return [grpo.Failed(total=len(text) % 7 / 7, correct=1.0, kind="pass") for text in completions]


def run_grpo(base: str, out: str, count: int) -> None:
    """One update on four groups of four."""
    from cr_utils import grpo_trainer

    grpo_trainer.Rollouts.__call__ = fixed
    params = GRPO | {"grpo_steps": 1, "grpo_save_every": 1, "grpo_lr": 1.0, "grpo_extra": PLAIN}
    params |= {"grpo_batch_size": 8 // count, "launch": {"gpus": count}}
    grpo.train(QUESTIONS, base, out, params, None, paid)


if __name__ == "__main__":
    kind, base, out = sys.argv[1:]
    {"sft": run_sft, "grpo": run_grpo}[kind](base, out, distributed.size())
