"""Random models of a few thousand parameters with the project's tokenizer, for tests that need no skill."""

import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from cr_utils import tokenizer


def tiny(seed: int = 0, spread: float = 0.3, kind: str = "qwen2", context: int = 256):
    """(model, tokenizer): two layers, four heads on two key heads; spread: how peaked predictions are."""

    tok = tokenizer.build()
    torch.manual_seed(seed)
    sizes = dict(
        vocab_size=len(tok),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tok.eos_token_id,
        pad_token_id=tok.pad_token_id,
    )
    if kind == "qwen3":
        model = Qwen3ForCausalLM(Qwen3Config(head_dim=8, **sizes))
    elif kind == "llama":
        model = LlamaForCausalLM(LlamaConfig(**sizes))
    else:
        model = Qwen2ForCausalLM(Qwen2Config(**sizes))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            # Away from their initial values, so that a forgotten bias or norm weight shows.
            weight.uniform_(0.5, 1.5) if "norm" in name else weight.normal_(0, spread)
    return model.eval(), tok


def write(folder, **how) -> str:
    """Save such a model with its tokenizer; returns the folder as text."""
    model, tok = tiny(**how)
    model.save_pretrained(folder)
    tok.save_pretrained(folder)
    return str(folder)
