"""The small model's tokenizer: nothing lost, strings and digits spelled out, ids that never move."""

import hashlib
import json
import random

import pytest
from transformers import PreTrainedTokenizerFast

from cr_utils import base, corpus, grammar, params, paths, tokenizer
from cr_utils.constraints import sample_cell
from cr_utils.questions import DIRECT_PROMPTS, PROMPTS

GOLDEN = "f2349cb65c0b8693"  # of the vocabulary in the order of ids; the shipped model knows no other


@pytest.fixture(scope="module")
def tok():
    return tokenizer.build()


def ids(tok, text):
    return tok(text, add_special_tokens=False)["input_ids"]


def pieces(tok, text):
    """The text of each token."""
    return [tok.decode([i]) for i in ids(tok, text)]


def noise(rng):
    """Text of any characters: plain, quotes and line ends, other alphabets, symbols beyond the BMP."""
    def one():
        kind = rng.random()
        if kind < 0.4:
            return chr(rng.randint(32, 126))
        if kind < 0.6:
            return rng.choice("'\"\n\t\r \\[](){}<>|=#0")
        if kind < 0.9:
            return chr(rng.choice((rng.randint(0, 0xD7FF), rng.randint(0xE000, 0xFFFF))))
        return chr(rng.randint(0x10000, 0x10FFFF))
    return "".join(one() for _ in range(rng.randint(0, 60)))


def test_any_text_round_trips(tok):
    rng = random.Random(0)
    for _ in range(1000):
        text = noise(rng)
        assert tok.decode(ids(tok, text), clean_up_tokenization_spaces=False) == text


def test_documents_and_programs_round_trip(tok):
    mix = params.load_base()["mix"]
    for i in range(150):
        prompt, completion, _ = corpus.document(5, i, mix)
        assert tok.decode(ids(tok, prompt + completion)) == prompt + completion


def test_the_ids_are_those_of_the_shipped_model(tok):
    order = sorted(tok.get_vocab().items(), key=lambda item: item[1])
    assert hashlib.sha256(json.dumps(order, ensure_ascii=False).encode()).hexdigest()[:16] == GOLDEN
    assert [number for _, number in order] == list(range(len(tok)))


def test_the_tokenizer_of_the_shipped_model_is_this_one(tok):
    shipped = PreTrainedTokenizerFast.from_pretrained(paths.asset("base"))  # as models.read_tokenizer does
    assert shipped.get_vocab() == tok.get_vocab()
    text = "def f(s, n):\n    return s[::-1] + 'xyz' * n"
    assert ids(shipped, text) == ids(tok, text)


def test_programs_fall_into_whole_words(tok):
    text = "def f(s, nums):\n    for i, c in enumerate(s):\n        nums.append(i)\n    return s.upper()"
    assert pieces(tok, text) == [
        "def ", "f(", "s", ", ", "nums", "):", "\n    ", "for ", "i", ", ", "c", " in ", "enumerate(", "s",
        "):",
        "\n        ", "nums", ".append(", "i", ")", "\n    ", "return ", "s", ".upper(", ")"]


@pytest.mark.parametrize("number", ["0", "7", "10", "12345", "-98", "3.25", "1000000000"])
def test_numbers_are_spelled_in_single_digits(tok, number):
    for text in (number, f"n = {number}", f"[{number}0]", f"'{number}'", f"f({number}, {number})"):
        assert not [piece for piece in pieces(tok, text) if sum(c.isdigit() for c in piece) > 1]
    assert pieces(tok, number) == list(number)


@pytest.mark.parametrize("content", ["abc", "return ", "def f(x):", "a, b", "  in  ", "12", "[0]", "upper",
                                     "+ - =", "x.upper()"])
def test_the_inside_of_a_string_is_one_character_each(tok, content):
    assert pieces(tok, f"'{content}'") == ["'", *content, "'"]
    assert pieces(tok, f'"{content}"') == ['"', *content, '"']
    found = pieces(tok, f"x = '{content}' + s")
    assert "".join(found) == f"x = '{content}' + s" and found[2:3 + len(content)] == ["'", *content]


@pytest.mark.parametrize("sentence", [*PROMPTS.values(), *DIRECT_PROMPTS.values()])
def test_an_instruction_is_one_token(tok, sentence):
    assert len(ids(tok, sentence)) == 1
    assert pieces(tok, f"assert f(1) == ?\n{sentence}")[-2:] == ["\n", sentence]


def test_tags_and_marks_are_one_token_each(tok):
    text = "<reasoning>\nx\n</reasoning>\n<answer>1</answer>"
    assert [piece for piece in pieces(tok, text) if "<" in piece] == list(tokenizer.TAGS)
    assert ids(tok, tokenizer.END) == [tok.eos_token_id] and ids(tok, tokenizer.PAD) == [tok.pad_token_id]
    assert tok.decode(ids(tok, text + tokenizer.END), skip_special_tokens=True) == text


def test_generated_programs_need_few_tokens(tok):
    tokens = characters = 0
    for i in range(200):
        rng = random.Random(i)
        code, _ = grammar.program(rng, sample_cell(rng))
        tokens, characters = tokens + len(ids(tok, code)), characters + len(code)
    assert characters / tokens > 2


def test_the_chat_template_is_the_prompt_of_the_base_model(tok):
    turns = [{"role": "user", "content": "def f(x):\n    return x\n\nassert f(1) == ?"}]
    text = tok.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    assert text == base.chat_prompt(turns[0]["content"])
    given = tok.apply_chat_template(turns, add_generation_prompt=True, return_dict=True)["input_ids"]
    assert given == ids(tok, text)


def test_a_mask_of_the_models_own_tokens_covers_its_answer_and_the_end_mark(tok):
    answer = "<answer>1</answer>"
    turns = [{"role": "user", "content": "x"}, {"role": "assistant", "content": answer}]
    coded = tok.apply_chat_template(turns, return_dict=True, return_assistant_tokens_mask=True)
    own = [i for i, mark in zip(coded["input_ids"], coded["assistant_masks"], strict=True) if mark]
    assert tok.decode(own) == answer + tokenizer.END
    assert tok.decode(coded["input_ids"]) == base.chat_prompt("x") + answer + tokenizer.END + "\n"


def test_servers_read_the_shipped_tokenizer_as_it_is(tok):
    """AutoTokenizer, by which vLLM and transformers load a model, would put Qwen's splitting in its place."""
    from transformers import AutoTokenizer

    text = "<|im_start|>user\nx = 'a b'[::-1]\nassert f(x) == ?<|im_end|>\n"
    served = AutoTokenizer.from_pretrained(paths.asset("base"))
    assert ids(served, text) == ids(tok, text) and len(served) == len(tok)
