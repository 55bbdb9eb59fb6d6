"""Tokenizers and shapes of the small base model at equal compute: what each choice is worth.

    .venv/bin/python speed/base_choices.py --flops 1.8e13 --out results/base_choices.jsonl

Every variant sees the same stream of documents (the mixture of the base's last phase) from its own random
start, until it has spent the same number of floating-point operations (6 x weights in matrices x tokens,
attention included). It prints, on documents that no variant has seen: bits per character (comparable across
tokenizers), characters read, and the share of single steps and of direct output questions answered right,
greedily. The rate falls over the whole budget. A variant that is in the file already is not run again.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from pathlib import Path

from cr_utils import models  # isort: skip  (first: sets the environment that torch reads)  # noqa: F401

import torch
from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers import models as cores
from transformers import PreTrainedTokenizerFast

from cr_utils import base, corpus, jsonl, params, tokenizer
from cr_utils.generate import Sampler

OURS = {"tokens": "ours", "hidden": 192, "layers": 6}
VARIANTS = {
    "shipped": {},
    "deeper": {"hidden": 160, "layers": 9},
    "shallower": {"hidden": 256, "layers": 3},
    "larger": {"hidden": 256, "layers": 6},
    "bpe": {"tokens": "bpe"},
    "bpe, single digits": {"tokens": "bpe_digits"},
    "characters": {"tokens": "characters"},
}
HEADS = 32  # width of an attention head
SEEN, UNSEEN = 0, 10_000_000  # number of the first document of training and of testing
ASKED = 400  # questions of each kind
POOL = 1024


def trained_tokenizer(kind: str, texts: list[str]) -> PreTrainedTokenizerFast:
    """A tokenizer of another kind: byte-level BPE of 2,000 tokens learnt from texts, or single characters."""
    core = Tokenizer(cores.BPE())
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    digits = [pre_tokenizers.Split(Regex(r"\d"), behavior="isolated")] if kind == "bpe_digits" else []
    core.pre_tokenizer = pre_tokenizers.Sequence([*digits, level])
    core.decoder = decoders.ByteLevel()
    special = [tokenizer.PAD, tokenizer.START, tokenizer.END]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    limit = len(alphabet) + len(special) if kind == "characters" else 2000
    core.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=limit, special_tokens=special, initial_alphabet=alphabet, show_progress=False))
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token=tokenizer.PAD, eos_token=tokenizer.END,
                                   chat_template=tokenizer.CHAT, clean_up_tokenization_spaces=False)


def operations(model, length: float) -> float:
    """Floating-point operations of one trained token, at a mean sequence length."""
    config = model.config
    weights = sum(p.numel() for name, p in model.named_parameters() if p.dim() > 1 and "embed" not in name)
    head = config.vocab_size * config.hidden_size
    attention = config.num_hidden_layers * config.hidden_size * length  # two products over half the row
    return 6 * (weights + head + attention)


def documents(first: int, n: int, phase: dict, cache: Path) -> list[corpus.Document]:
    """The stream's documents, made once and kept beside the results."""
    path = cache.with_suffix(f".{first}.documents.jsonl")
    rows = jsonl.read(path) if path.exists() else []
    if len(rows) < n:
        rows = [{"i": i, "doc": corpus.document(9, i, **phase)} for i in range(first, first + n)]
        jsonl.write(path, rows)
    return [corpus.Document(p, c, tuple(map(tuple, quiet)))
            for p, c, quiet in (row["doc"] for row in rows[:n])]


def train(settings: dict, budget: float, docs: list[corpus.Document]):
    """(model, tokens, seconds, characters read) of one variant trained from a random start for `budget`."""
    trainer = base.Trainer(settings, Path("."), torch.device("cpu"))
    rng, spent, chars, number = random.Random(0), 0.0, 0, 0
    length = sum(len(base.encoded(doc)[0]) for doc in docs[:200]) / 200
    trainer.params["tokens"] = int(budget / operations(trainer.model, length))
    began = time.perf_counter()
    while not trainer.finished:
        part = docs[number : number + POOL]
        if not part:
            raise SystemExit("too few documents for this budget: raise --documents")
        pool = [base.encoded(doc) for doc in part]
        for ids, weights in base.batches([one for one in pool if len(one[0]) <= 1024],
                                         settings["batch_tokens"], rng):
            trainer.update(ids, weights)
            if trainer.finished:
                break
        number += POOL
        chars += sum(len(doc.prompt) + len(doc.completion) for doc in part)
    spent = time.perf_counter() - began
    return trainer.model, trainer.tokens, spent, chars


@torch.inference_mode()
def bits_per_character(model, docs: list[corpus.Document]) -> float:
    """Bits that a document's completion costs, a character, over loud and quiet text alike."""
    bits = chars = 0.0
    for doc in docs:
        ids, weights = base.encoded(doc)
        head = len(base._tokenizer()(base.chat_prompt(doc.prompt),
                                     add_special_tokens=False)["input_ids"]) if doc.prompt else 0
        if len(ids) > 1024:
            continue
        logits = model(input_ids=torch.tensor([ids])).logits[0, :-1].float()
        losses = torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="none")
        bits += float(losses[max(0, head - 1) :].sum()) / math.log(2)
        chars += len(doc.completion)
    return bits / chars


def steps_asked(phase: dict, first: int) -> list[tuple[str, str]]:
    """(text up to a step's line and its mark, the rest of that line) of pages of one single step."""
    asked, number = [], first
    while len(asked) < ASKED:
        doc = corpus.document(9, number, {"steps": 1.0}, phase.get("wide", 0.0), 1)
        number += 1
        line = doc.completion[doc.quiet[-1][1] :]
        if "  # " in line:
            at = doc.quiet[-1][1] + line.index("  # ") + len("  # ")
            asked.append((doc.completion[:at], doc.completion[at:]))
    return asked


def share_right(sampler: Sampler, asked: list[tuple[str, str]], encode) -> float:
    """Share of texts that are continued to their end exactly as wanted."""
    got = sampler.sample([encode(text) for text, _ in asked], temperature=0.0, max_new_tokens=160)
    return sum(one.text.strip() == wanted.strip()
               for (one,), (_, wanted) in zip(got, asked, strict=True)) / len(asked)


def measure(name: str, given: argparse.Namespace, phase: dict, docs: list, tests: list) -> dict:
    """Train and test one variant."""
    choice = OURS | VARIANTS[name]
    tok = (tokenizer.build() if choice["tokens"] == "ours"
           else trained_tokenizer(choice["tokens"], [doc.prompt + doc.completion for doc in docs[:4000]]))
    base._tokenizer = lambda: tok
    heads = choice["hidden"] // HEADS
    settings = {"seed": 1, "hidden": choice["hidden"],
                "intermediate": round(choice["hidden"] * 8 / 3 / 64) * 64,
                "layers": choice["layers"], "heads": heads, "kv_heads": 2 if heads % 2 == 0 else 1,
                "context": 1024, "batch_tokens": 6000, "lr": 3.0e-3, "decay": 0.5}
    model, tokens, seconds, chars = train(settings, given.flops, docs)
    model.eval()
    sampler = Sampler(model, tok)
    outputs = [(doc.prompt, doc.completion) for doc in
               (corpus.document(9, UNSEEN + i, {"output": 1.0}, phase.get("wide", 0.0))
                for i in range(ASKED))]

    def plain(text):
        return tuple(tok(text, add_special_tokens=False)["input_ids"])

    return {"variant": name, "weights": sum(p.numel() for p in model.parameters()), "vocabulary": len(tok),
            "tokens": tokens, "characters": chars, "seconds": round(seconds, 1), "flops": given.flops,
            "bits_per_character": round(bits_per_character(model, tests), 4),
            "steps_right": round(share_right(sampler, steps_asked(phase, UNSEEN), plain), 4),
            "outputs_right": round(share_right(sampler, outputs, lambda text: plain(base.chat_prompt(text))),
                                   4)}


def main() -> None:
    """Run the variants asked for and print the table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--flops", type=float, default=1.8e13)
    asked.add_argument("--documents", type=int, default=12_000)
    asked.add_argument("--only", action="append", choices=VARIANTS, help="a variant (default: all)")
    asked.add_argument("--out", type=Path, default=Path("results/base_choices.jsonl"))
    given = asked.parse_args()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    last = params.load_base()[base.LATER[-1]]
    phase = {key: last[key] for key in base.STREAM if key in last}
    docs = documents(SEEN, given.documents, phase, given.out)
    tests = documents(UNSEEN, 300, phase, given.out)
    with jsonl.Appender(given.out, key="variant") as file:
        known = {row["variant"] for row in file.rows}
        for name in given.only or VARIANTS:
            if name not in known:
                file.add(measure(name, given, phase, docs, tests))
                print(file.rows[-1] if file.rows else "", flush=True)


if __name__ == "__main__":
    main()
