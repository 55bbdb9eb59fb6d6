"""The published loss to the letter (grpo_literal): one update against the formula, written out here."""

import pytest
import torch
from test_grpo import PARAMS, QUESTIONS, base  # noqa: F401 - base is a fixture

from cr_utils import grpo, grpo_trainer, models

PLAIN = {"optim": "sgd", "bf16": False, "max_grad_norm": 0.0}
ONE = PARAMS | {"grpo_steps": 1, "grpo_save_every": 1, "grpo_lr": 1.0, "grpo_extra": PLAIN}


def paid(questions, completions, truncated):
    """A reward that differs within a group, for cut answers too."""
    return [grpo.Failed(total=len(text) % 7 / 7, correct=1.0, kind="pass") for text in completions]


def update(base, out, literal):  # noqa: F811
    """One update from `base`: the rollouts it was made on, and the weights after it."""
    kept, original = [], grpo_trainer.Rollouts.__call__

    def recorded(self, prompts, trainer):
        kept.append(original(self, prompts, trainer))
        return kept[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grpo_trainer.Rollouts, "__call__", recorded)
        grpo.train(QUESTIONS, base, out, ONE | {"grpo_literal": literal}, None, paid)
    rollouts, = kept
    return list(zip(rollouts["prompt_ids"], rollouts["completion_ids"], strict=True)), weights(out / "model")


def weights(folder):
    return {name: p.detach() for name, p in models.load(str(folder))[0].named_parameters()}


def formula(base, rollouts):  # noqa: F811
    """Weights after a step of size 1 up the gradient of J, the mean over the answers o to a question of
    sum_t A log p(o_t) / |o|, with A = (r - mean r) / (std r + 1e-4): the policy's ratio is 1, and no KL."""
    model, tokenizer = models.load(base)
    texts = [tokenizer.decode(answer, skip_special_tokens=True) for _, answer in rollouts]
    paid_for = torch.tensor([one.total for one in paid(None, texts, None)]).view(-1, ONE["grpo_group"])
    spread = paid_for.std(1, keepdim=True) + 1e-4
    advantages = ((paid_for - paid_for.mean(1, keepdim=True)) / spread).flatten()
    total = 0.0
    for (prompt, answer), advantage in zip(rollouts, advantages, strict=True):
        scores = model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        total = total + advantage * scores.gather(-1, torch.tensor(answer)[:, None]).mean()
    (total / len(rollouts)).backward()
    return {name: p.detach() + p.grad for name, p in model.named_parameters()}


def same(start, one, other):
    """Whether two sets of weights moved alike from `start`."""
    return all(torch.allclose(one[name], other[name],
                              atol=max(1e-7, 2e-3 * float((other[name] - start[name]).abs().max())))
               for name in start)


def test_the_literal_switch_is_the_papers_loss_and_the_default_is_not(base, tmp_path):  # noqa: F811
    start = weights(base)
    rollouts, literal = update(base, tmp_path / "literal", True)
    again, default = update(base, tmp_path / "default", False)
    ends = grpo_trainer.end_tokens(*models.load(base))
    assert {answer[-1] in ends for _, answer in rollouts} == {True, False}  # cut answers count
    wanted = formula(base, rollouts)
    assert again == rollouts and not same(start, start, wanted)
    assert same(start, literal, wanted)
    assert not same(start, default, wanted)


def test_the_literal_switch_sets_no_term_aside(base, tmp_path):  # noqa: F811
    model, _ = models.load(base)
    given = ONE | {"grpo_loss": "dapo", "grpo_beta": 0.1}
    config = grpo_trainer.config_of(model, tmp_path, given | {"grpo_literal": True})
    assert (config.loss_type, config.scale_rewards, config.beta) == ("grpo", "group", 0.1)
    assert not config.mask_truncated_completions and not config.use_bias_correction_kl
    config = grpo_trainer.config_of(model, tmp_path, given | {"grpo_literal": False})
    assert (config.loss_type, config.scale_rewards) == ("dapo", "none") and config.mask_truncated_completions
