"""The small model's tokenizer: Python words and operators whole, the inside of strings one character each.

Scope: builds a `tokenizers` BPE without merges, so a piece of text is one token if it is in the vocabulary
and falls apart into bytes if not; every text round-trips. Digits are single tokens, string literals are
spelled out, and each task's instruction sentence is one token. Chosen for small programs, not for prose.
"""

from __future__ import annotations

import re

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from . import writer
from .constraints import space
from .questions import DIRECT_PROMPTS, PROMPTS

PAD, START, END = "<|pad|>", "<|im_start|>", "<|im_end|>"
TAGS = ("<reasoning>", "</reasoning>", "<answer>", "</answer>")
KEYWORDS = ("def ", "return ", "if ", "elif ", "for ", "while ", "not ", "del ", "call ", "try ", "assert ")
INFIX = (" in ", " and ", " or ", " is ", " not in ", " is not ")
OPERATORS = tuple(f" {o} " for o in "= == != < > <= >= + - * / // % ** | & ^ += -= *= //= %= |= &=".split())
INDENTS = tuple("\n" + " " * n for n in range(0, 21, 4))
WORDS = tuple(
    "else break continue pass True False None end match no YES NO Nil user assistant system after line "
    "lambda int str list dict tuple set float bool NoneType enumerate range".split())
BUILTINS = ("abs all any bool chr dict divmod enumerate filter float int isinstance len list map max min ord "
            "range reversed round set sorted str sum tuple zip print f g").split()
SIGNS = (", ", ": ", "; ", "  # ", "['", "']", "',", "[]", "()", "''", "::", "[::-1]", "[::2]", "[-1]",
         "[:-1]", "):", "[0]", "[1]", "[2]", "[3]", "[4]", "()) ")
LOOPS = ("ii", "cc", "xx", "kk", "vv", "ww")
# One alternative per kind of piece, tried in this order; a quoted string is never in the vocabulary.
PIECES = (r"'[^'\n]*'", r'"[^"\n]*"', r"\n *", r"\.[a-z_]+\(", r" (?:not in|is not|in|and|or|is) ",
          r" (?:[-+*/%&|^<>=!]|//|\*\*)?=? ", r"\b(?:def|return|if|elif|for|while|not|del|call|try|assert) ",
          r"[A-Za-z_]\w*\(", r"[A-Za-z_]+", r"\d", r"  # ", r"[,:;] ", r"\[(?:::-1|::2|-1|:-1|[0-4])\]",
          r"\[\]|\(\)", r"\):", r".", r"\s")
# Saved with the tokenizer. AutoTokenizer, by which servers load a model, goes by the architecture and puts
# Qwen's splitting rules in place of these, unless the tokenizer names a class of its own.
AUTO = {"AutoTokenizer": [None, "TokenizersBackend"]}
# What the model writes itself (content and end mark) stands inside `generation`, for masks of its tokens.
CHAT = ("{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}"
        "{% if m['role'] == 'assistant' %}"
        "{% generation %}{{ m['content'] + '<|im_end|>' }}{% endgeneration %}"
        "{% else %}{{ m['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")


def byte_letters() -> dict[int, str]:
    """The byte-level alphabet of GPT-2: a printable character for each byte."""
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = [b for b in range(256) if b not in keep]
    return {b: chr(b) for b in keep} | {b: chr(256 + i) for i, b in enumerate(moved)}


def vocabulary() -> list[str]:
    """Every whole token as plain text, in a fixed order (bytes and special tokens not included)."""
    templates = [op.template for op in space().operations.values()]
    methods = sorted({method for text in templates for method in re.findall(r"\.[a-z_]+\(", text)})
    names = sorted({name for table in (writer.NAMES, writer.RESULTS) for group in table.values()
                    for name in group if len(name) > 1})
    words = [*KEYWORDS, *INFIX, *OPERATORS, *INDENTS, *WORDS, *(f"{b}(" for b in BUILTINS), *methods, *names,
             *LOOPS, *SIGNS, *TAGS]
    return list(dict.fromkeys(words))


def build() -> PreTrainedTokenizerFast:
    """The tokenizer with its chat template; the same ids every time."""
    letters = byte_letters()
    whole = ["".join(letters[b] for b in text.encode()) for text in vocabulary()]
    vocab = {token: i for i, token in enumerate(dict.fromkeys([*letters.values(), *whole]))}
    core = Tokenizer(models.BPE(vocab=vocab, merges=[], ignore_merges=True))
    core.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex("|".join(PIECES)), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    core.decoder = decoders.ByteLevel()
    sentences = dict.fromkeys([*PROMPTS.values(), *DIRECT_PROMPTS.values()])
    core.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in (PAD, START, END)])
    core.add_tokens([AddedToken(t, special=False, normalized=False) for t in (*TAGS, *sentences)])
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token=PAD, eos_token=END, chat_template=CHAT,
                                   clean_up_tokenization_spaces=False, model_max_length=1024, auto_map=AUTO)
