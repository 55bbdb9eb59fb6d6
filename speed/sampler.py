"""Completions per second of the sampler against transformers' `generate`, on the same model, prompts and
lengths.

    python speed/sampler.py [--model shipped] [--prompts 256] [--tokens 150] [--group 1]

Every completion has the same length (no token ends one), so that the two do the same work. Prints seconds of
wall clock and of processor time; on a busy machine compare the latter. Run it on an otherwise idle one for
rates.
"""

import argparse
import time

import torch

from cr_utils import models
from cr_utils.generate import Sampler


def prompts(count: int, tokenizer, seed: int = 0) -> list[list[int]]:
    """Random token ids, 80-160 to a prompt: speed does not depend on what they say."""
    dice = torch.Generator().manual_seed(seed)
    lengths = torch.randint(80, 161, (count,), generator=dice).tolist()
    return [torch.randint(0, len(tokenizer), (n,), generator=dice).tolist() for n in lengths]


def measure(sampler: Sampler, given, group: int, tokens: int) -> tuple[float, float]:
    """(completions per second of wall clock, of processor time)."""
    sampler.ends = frozenset([10**9])  # nothing ends
    sampler.sample(given[:2], max_new_tokens=4)
    wall, processor = time.perf_counter(), time.process_time()
    out = sampler.sample(given, n=group, max_new_tokens=tokens)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    done = sum(len(sample.ids) for row in out for sample in row) / tokens
    return done / wall, done / processor


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--model", default="shipped")
    asked.add_argument("--prompts", type=int, default=256)
    asked.add_argument("--tokens", type=int, default=150)
    asked.add_argument("--group", type=int, default=1)
    asked.add_argument("--batch", type=int, default=None)
    how = asked.parse_args()
    model, tokenizer = models.load(how.model)
    model.generation_config.eos_token_id = None
    given = prompts(how.prompts, tokenizer)
    kinds = [("sampler float32", dict(dtype=torch.float32, engine="fast", batch_size=how.batch))]
    if models.native_bf16(models.device()):
        kinds.append(("sampler bfloat16", dict(dtype=torch.bfloat16, engine="fast", batch_size=how.batch)))
    kinds.append(("generate", dict(engine="hf", batch_size=64)))
    base = None
    for name, options in reversed(kinds):
        # `generate` gets a quarter of the work: its rate does not depend on how much there is beyond a batch.
        part = given if name != "generate" else given[: max(64, len(given) // 4)]
        rate, cpu = measure(Sampler(model, tokenizer, **options), part, how.group, how.tokens)
        base = base or cpu
        print(
            f"{name:<17} {rate:7.1f} completions/s   {cpu:6.1f} per processor second   x {cpu / base:.1f}",
            flush=True
        )


if __name__ == "__main__":
    main()
