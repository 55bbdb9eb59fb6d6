"""The update of GRPO: TRL's GRPOTrainer with three savings that leave the gradient what it was.

Rows without a gradient (groups of equal reward, truncated answers) are left out; rows are sorted by length
and cut to it; and sequences are shifted to the left, so that attention needs no mask. Where a loss depends on
how rows are put into batches, or on rows without an advantage (KL or entropy terms), TRL's own way is kept.
The logged entropy is that of the tokens in the update.
"""

from __future__ import annotations

import os

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # rollout_func is experimental

import torch  # noqa: E402
from trl import GRPOTrainer  # noqa: E402
from trl.trainer.utils import split_tensor_dict  # noqa: E402

from cr_utils import shapes  # noqa: E402
from cr_utils.decoder import Decoder  # noqa: E402

EXACT = ("dr_grpo", "grpo", "dapo")  # losses whose gradient does not depend on how rows are put into batches
OPTIONS = ("batch_size", "compute_entropy", "compute_aux_loss")


class Trainer(GRPOTrainer):
    """GRPOTrainer with a cheaper update."""

    def lean(self) -> bool:
        """Whether rows without a gradient may be left out."""
        plain = self.beta == 0 and not self._entropy_bonus_enabled and self.top_entropy_quantile == 1
        return plain and self.loss_type in EXACT and not self._is_vlm

    def plain(self, model) -> bool:
        """Whether log-probabilities may be computed here: one process, a model of known form."""
        usual = not (self._entropy_bonus_enabled or self.args.gradient_checkpointing)
        return usual and model in (self.model, self.ref_model) and Decoder.supports(model)

    def _tokenize_prompts(self, prompts):
        """Prompts are whole texts of the chat template, start token included, which TRL would set once more."""
        return self.processing_class(text=prompts, add_special_tokens=False)["input_ids"], None, {}

    def _prepare_inputs(self, batch):
        if not self.model.training or not self.lean():
            return super()._prepare_inputs(batch)
        per_generation = self.args.steps_per_generation
        if self._step % (per_generation * self.num_iterations) == 0 or self._buffered_inputs is None:
            rollouts = self._generate_and_score_completions(batch)
            updates = max(1, per_generation // self.args.gradient_accumulation_steps)
            # Shuffled by the step alone, so that a resumed run makes the same batches.
            dice = torch.Generator().manual_seed(self.args.seed * 100_003 + self.state.global_step)
            order = torch.randperm(len(rollouts["advantages"]), generator=dice)
            shuffled = {k: v[order] if torch.is_tensor(v) and v.ndim else v for k, v in rollouts.items()}
            parts = split_tensor_dict(shuffled, updates)
            self._buffered_inputs = [
                b for part in parts for b in lean_batches(part, per_generation // updates)
            ]
        return self._buffered_inputs[self._step % per_generation]

    def compute_loss(self, model, inputs, *args, **how):
        share = inputs.pop("share", None) if model.training else None
        loss = super().compute_loss(model, inputs, *args, **how)
        if share is not None:
            inputs["share"] = share
            # The others divide by the rows they see, which are fewer than there were.
            if self.loss_type != "dapo":
                loss = loss * share
        return loss

    def _get_per_token_logps_and_entropies(
        self, model, input_ids, attention_mask, logits_to_keep, *args, **how
    ):
        shift = attention_mask.argmax(1)
        extra = any(value is not None for key, value in how.items() if key not in OPTIONS)
        if args or extra or how.get("compute_aux_loss") or not self.plain(model):
            return super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, *args, **how
            )
        return self._shifted(model, input_ids, attention_mask, logits_to_keep, shift, **how)

    def _shifted(self, model, ids, mask, keep, shift, batch_size=None, compute_entropy=False, **_):
        """The same numbers from sequences that begin in the first column, without an attention mask."""
        width = ids.shape[1]
        longest = min(width, shapes.up(int(mask.sum(1).max()), shapes.COLUMNS))
        column = torch.arange(width, device=ids.device)
        turn = (column + shift[:, None]) % width
        labels = ids.masked_fill((mask == 0) | (column < width - keep), -100)
        ids, labels = ids.gather(1, turn), labels.gather(1, turn)
        back = column[width - keep - 1 : width - 1] - shift[:, None]
        found = []
        for begin in range(0, len(ids), batch_size or len(ids)):
            part = slice(begin, begin + (batch_size or len(ids)))
            with self.accelerator.autocast():
                one = label_scores(model, ids[part, :longest], labels[part, :longest], self.temperature)
            wide = [torch.nn.functional.pad(numbers, (0, width - longest)) for numbers in one]
            found.append([numbers.gather(1, back[part]) for numbers in wide])
        scores = torch.cat([score for score, _ in found])
        return scores, torch.cat([e for _, e in found]) if compute_entropy else None, None


def label_scores(model, ids, labels, temperature: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities of the labelled tokens and entropies where they are drawn, both [rows, columns - 1].

    0 where there is no label; the entropies carry no gradient. TRL's own head computes every token's logits,
    tile by tile: on a CPU that is most of an update.
    """
    position = torch.arange(ids.shape[1], device=ids.device)[None]
    hidden = model.base_model(input_ids=ids, position_ids=position, use_cache=False).last_hidden_state[:, :-1]
    wanted = labels[:, 1:].flatten()
    index, count = shapes.selected(wanted != -100)
    logits = model.get_output_embeddings()(hidden.flatten(0, 1)[index]).float() / temperature
    spread = logits.log_softmax(-1)
    score = spread.gather(-1, wanted[index].clamp(min=0)[:, None])[:, 0]
    with torch.no_grad():
        entropy = -(spread.exp() * spread).sum(-1)
    blank = score.new_zeros(wanted.shape)
    return tuple(blank.scatter(0, index[:count], x[:count]).view(hidden.shape[:2]) for x in (score, entropy))


def lean_batches(rollouts: dict, count: int) -> list[dict]:
    """The rows of one update with a gradient, in `count` batches of like length, cut to their lengths.

    Each batch's "share" is its number of rows over the number it would have had. Sizes of batches are multiples
    of shapes.ROWS where there are rows enough; others fill them up, and at least one row per batch stays.
    """
    total = len(rollouts["advantages"])
    unit = shapes.ROWS if total >= count * shapes.ROWS else 1
    length = rollouts["prompt_mask"].sum(1) + rollouts["completion_mask"].sum(1)
    useful = (rollouts["advantages"] != 0) & (rollouts["completion_mask"].sum(1) > 0)
    rank = torch.argsort(useful.long(), descending=True, stable=True)
    kept = rank[: max(count * unit, min(total, shapes.up(int(useful.sum()), unit)))]
    units = -(-len(kept) // unit)
    ends = [unit * -(-units * i // count) for i in range(1, count)]
    pieces = torch.tensor_split(kept[torch.argsort(length[kept], stable=True)], ends)
    return [cut(rollouts, rows) | {"share": len(rows) * count / total} for rows in pieces]


def cut(rollouts: dict, rows: torch.Tensor) -> dict:
    """Some rows, without the columns that are padding in all of them."""
    part = {k: v[rows] if torch.is_tensor(v) and v.ndim else v for k, v in rollouts.items()}
    prompt = max(1, int(part["prompt_mask"].sum(1).max()))
    answer = max(1, int(part["completion_mask"].sum(1).max()))
    whole = part["completion_ids"].shape[1]
    for key, value in part.items():
        if key.startswith("prompt_"):
            part[key] = value[:, -prompt:]
        elif torch.is_tensor(value) and value.ndim == 2 and value.shape[1] == whole:
            part[key] = value[:, :answer]
    return part
