"""How much of one GRPO step's gradient is signal: agreement of the gradients of independent batches.

    .venv/bin/python speed/gradient_signal.py results/tiny/03_sft/model results/tiny/01_data/problems.jsonl

For each group of parameters it prints |mean gradient|^2 (estimated without bias from products of different
batches), the mean |gradient|^2 of one batch, and their ratio; and the mean cosine of two batches as they are
and after each entry was divided by its root mean square, as Adam does. A ratio r means that about 1/r batches
have to be averaged before half of the squared length of the mean is signal. Nothing is trained.
"""

import argparse
from collections import defaultdict

from cr_utils import models  # isort: skip  (first: sets the environment that torch reads)

import torch

from cr_utils import answers, jsonl, questions
from cr_utils.generate import Sampler
from cr_utils.grpo_update import label_scores

ROWS = 16  # answers in one forward and backward pass


def rollouts(sampler, asked, group, temperature, longest):
    """Samples and centred rewards, group by group, in one list each."""
    groups = sampler.sample([q.prompt for q in asked], n=group, temperature=temperature,
                            max_new_tokens=longest, seed=7)
    flat, repeated = [one for answers_ in groups
                      for one in answers_], [q for q in asked for _ in range(group)]
    verdicts = answers.judge_many(repeated, [one.text for one in flat], [one.truncated for one in flat])
    right = torch.tensor([float(v.passed) for v in verdicts]).view(-1, group)
    return repeated, flat, (right - right.mean(1, keepdim=True)).flatten(), right.mean().item()


def gradient(model, sampler, asked, flat, advantages, temperature) -> list[torch.Tensor]:
    """The policy gradient of one batch, one tensor per parameter."""
    model.zero_grad()
    rows = sorted((i for i in range(len(flat)) if advantages[i]), key=lambda i: len(flat[i].ids))
    for begin in range(0, len(rows), ROWS):
        part = rows[begin : begin + ROWS]
        texts = [(list(sampler.encode(asked[i].prompt)), list(flat[i].ids)) for i in part]
        width = max(len(prompt) + len(answer) for prompt, answer in texts)
        ids, labels = torch.zeros(len(part), width, dtype=torch.long), torch.full((len(part), width), -100)
        for row, (prompt, answer) in enumerate(texts):
            ids[row, : len(prompt) + len(answer)] = torch.tensor(prompt + answer)
            labels[row, len(prompt) : len(prompt) + len(answer)] = torch.tensor(answer)
        with torch.autocast("cpu", torch.bfloat16):
            scores, _ = label_scores(model, ids, labels, temperature)
        (-(scores.sum(1) * advantages[part]).sum() / len(flat)).backward()
    return [p.grad.flatten().clone() for p in model.parameters()]


def kind(name: str) -> str:
    """The group of a parameter."""
    words = ("embed", "bias", "norm")
    return next((word for word in words if word in name), name.split(".")[-2])


def report(batches: list[list[torch.Tensor]], names: list[str]) -> None:
    """Print the table of the groups and the two cosines."""
    groups = defaultdict(list)
    for name, *gradients in zip(names, *batches, strict=True):
        groups[kind(name)].append(torch.stack(gradients))
    whole = torch.cat([torch.cat(parts, 1) for parts in groups.values()], 1)
    print(f"{'parameters':12s}{'number':>9s}{'signal':>11s}{'one batch':>11s}{'ratio':>8s}")
    for name, matrix in [*((n, torch.cat(parts, 1)) for n, parts in groups.items()), ("all", whole)]:
        products, n = matrix @ matrix.T, len(matrix)
        total = products.trace() / n
        signal = (products.sum() - products.trace()) / (n * (n - 1))
        print(f"{name:12s}{matrix.shape[1]:9d}{signal:11.4g}{total:11.4g}{signal / total:8.3f}")
    size = whole.pow(2).mean(0).sqrt()
    for name, matrix in (("as they are", whole), ("divided by their size",
                                                  whole / (size + 1e-3 * size.mean()))):
        unit = torch.nn.functional.normalize(matrix, dim=1)
        cosine = ((unit @ unit.T).sum() - len(unit)) / (len(unit) * (len(unit) - 1))
        print(f"mean cosine of two batches, {name}: {cosine:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("problems")
    for name, value in (("batches", 12), ("prompts", 32), ("group", 8), ("longest", 300)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--temperature", type=float, default=1.0)
    a = parser.parse_args()
    model, tokenizer = models.load(a.model)
    sampler = Sampler(model, tokenizer)
    training = [p for p in jsonl.read(a.problems) if p["split"] == "train"][::-1]
    asked, found = questions.many(training, "output", a.batches * a.prompts), []
    for begin in range(0, len(asked), a.prompts):
        repeated, flat, advantages, accuracy = rollouts(
            sampler, asked[begin : begin + a.prompts], a.group, a.temperature, a.longest
        )
        found.append(gradient(model, sampler, repeated, flat, advantages, a.temperature))
        print(f"batch {len(found)}: accuracy {accuracy:.3f}", flush=True)
    report(found, [name for name, _ in model.named_parameters()])


if __name__ == "__main__":
    main()
