"""Models without a chat template (the bases of Llama, of DeepSeek-Coder): one stated form in every stage."""

import json

import pytest
from test_grpo import QUESTIONS, reward
from test_sft import PARAMS, ROWS
from tiny_models import tiny
from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer

from cr_utils import engines, generate, grpo, grpo_trainer, models, params, sft
from cr_utils.sft import IGNORED
from cr_utils.sft_trainer import cut, lengths

START = "<|im_start|>"
SHORT = {
    "sft_steps": 1, "sft_eval_every": 1, "sft_batch_size": 4, "sft_max_length": 200, "sft_lr": 1e-2,
    "sft_extra": {"warmup_steps": 0},
    "grpo_steps": 1, "grpo_save_every": 1, "grpo_group": 4, "grpo_prompts": 2, "grpo_batch_size": 8,
    "grpo_max_new_tokens": 12, "eval_max_new_tokens": 8,
}


def save(folder, starts, kind="llama"):
    """A small random model; as a base model's, its tokenizer has no chat template and no padding token."""
    model, tok = tiny(kind=kind, spread=0.05)
    model.generation_config.eos_token_id = list(range(0, 600, 16))  # some answers end early, some are cut
    tok.chat_template = tok.pad_token = None
    if starts:
        tok.bos_token = START
        tok._tokenizer.post_processor = TemplateProcessing(
            single=f"{START} $A", special_tokens=[(START, tok.convert_tokens_to_ids(START))])
    model.save_pretrained(folder)
    tok.save_pretrained(folder)
    return str(folder)


@pytest.fixture(params=[True, False], ids=["start token", "no start token"])
def bare(request, tmp_path):
    return save(tmp_path / "bare", request.param), START if request.param else ""


def test_sft_and_answers_see_the_same_text(bare):
    folder, start = bare
    _, tok = models.load(folder)
    row = {"prompt": "assert f(1) == ?", "completion": "<answer>2</answer>"}
    encoded, = sft.encode([row], tok, 100)
    head = generate.encode(tok, row["prompt"])
    assert tok.decode(head) == f"{start}assert f(1) == ?\n"
    assert encoded["input_ids"][:len(head)] == list(head)
    assert [label for label in encoded["labels"] if label != IGNORED] == encoded["input_ids"][len(head):]
    assert tok.decode(encoded["input_ids"][len(head):]) == row["completion"] + tok.eos_token


def test_such_a_model_goes_through_every_stage_and_keeps_the_form(bare, tmp_path):
    folder, start = bare
    values = params.load("smoke", SHORT | {"model": folder})
    assert sft.train(ROWS, folder, tmp_path / "sft", values)["steps"] == 1
    tuned = str(tmp_path / "sft" / "model")
    grpo.train(QUESTIONS, tuned, tmp_path / "grpo", values, None, reward)
    made = [json.loads(line) for line in (tmp_path / "grpo" / "rollouts.jsonl").read_text().splitlines()]
    assert len(made) == 4 and {row["prompt"] for row in made} <= {q.prompt for q in QUESTIONS}
    answer = engines.load(str(tmp_path / "grpo" / "model"), values)
    assert all(0 < reply.tokens <= 8 for reply in answer(QUESTIONS))
    # What a server reads: the saved template gives the text that the model was trained on.
    served = AutoTokenizer.from_pretrained(tmp_path / "grpo" / "model")
    turns = [{"role": "user", "content": "x = 1"}]
    assert served.apply_chat_template(turns, add_generation_prompt=True, tokenize=False) == f"{start}x = 1\n"


def test_rollouts_see_the_text_that_answers_do(bare, tmp_path):
    """With one start token, not two: rollouts by transformers or vLLM get the ids made here."""
    folder, _ = bare
    values = params.load("smoke", SHORT | {"model": folder})
    model, tok = models.load(folder)
    trainer, _ = grpo_trainer.build(QUESTIONS, model, tok, tmp_path, values, reward, "auto")
    rows = trainer.train_dataset.select(range(2))
    ids, *_ = trainer._tokenize_prompts(list(rows["prompt"]))
    wanted = [generate.encode(tok, QUESTIONS[at].prompt) for at in rows["question"]]
    assert [tuple(one) for one in ids] == wanted


def test_the_end_is_learnt_where_it_pads_too(tmp_path):
    """Pieces of a batch keep every label, the end token among them, although the same token fills up rows."""
    _, tok = models.load(save(tmp_path, False, "qwen2"))
    assert tok.pad_token_id == tok.eos_token_id
    rows = [{"prompt": "a" * n, "completion": "b" * n} for n in (3, 7, 16, 30)]
    encoded = sft.encode(rows, tok, PARAMS["sft_max_length"])
    batch = sft.Collator(tok.pad_token_id)(encoded)
    assert lengths(batch).tolist() == [len(row["input_ids"]) for row in encoded]
    for piece in cut(batch, 40):
        for ids, labels in zip(piece["input_ids"], piece["labels"], strict=True):
            last = int((labels != IGNORED).nonzero()[-1])
            assert labels[last] == ids[last] == tok.eos_token_id
    kept = sum(int((piece["labels"] != IGNORED).sum()) for piece in cut(batch, 40))
    assert kept == sum(label != IGNORED for row in encoded for label in row["labels"])
