"""Names that people give to things, by what the thing is and what it is for."""

from __future__ import annotations

import random

# Parameters, by kind or role; the usual first.
PARAMETERS = {
    "str": "text text text text s s string string word line sentence phrase message name st input_string",
    "ints": "nums nums nums numbers numbers array array arr lst values data xs",
    "strs": "words words items names strings lines array lst tokens parts strs",
    "floats": "values prices temps ratios amounts",
    "rows": "matrix grid rows table lists",
    "pairs": "pairs items entries records tuples",
    "dict": "d d dic dictionary counts scores data mapping ages stock",
    "sdict": "d mapping dic table names aliases dictionary",
    "groups": "groups graph d table index",
    "set": "seen nums group values",
    "sset": "words tags allowed vocab",
    "tup": "tup values nums point t",
    "stup": "parts names tup items",
    "pair": "pair item entry",
    "int": "n n num x number value a m",
    "float": "x price value amount rate",
    "bool": "flag strict keep reverse",
    "char": "char char c ch letter",
    "sub": "sub char char sep old prefix suffix delim target value sub_text substring",
    "chars": "chars chars letters vowels symbols",
    "key": "key key k name target",
    "n": "n k size limit count amount index",
    "n0": "default start value",
    "idx": "index idx i pos",
    "w": "width size length limit",
    "num": "limit threshold target n minimum cutoff bound",
    "two_up": "n k step base divisor m",
    "chr": "char ch letter fill fillchar",
    "low": "low start lo",
    "high": "high end hi",
    "digits": "digits code num_text",
}
# Variables that are computed, by kind.
LOCALS = {
    "str": "new_text result s prefix part joined head label out",
    "ints": "numbers values new_list arr nums rest vals",
    "strs": "parts words tokens chunks letters pieces lines",
    "floats": "values scaled",
    "rows": "rows table",
    "pairs": "pairs entries items",
    "dict": "counts new_dict lookup d table freq",
    "sdict": "mapping table d",
    "groups": "groups buckets",
    "set": "unique seen common values",
    "sset": "unique seen letters names",
    "tup": "t values res pair",
    "stup": "parts pieces t",
    "pair": "pair entry",
    "int": "count total n length num size pos index value m",
    "float": "ratio avg value total",
    "bool": "found ok flag valid matched",
    "char": "char c first last",
}
# Accumulators, by kind.
RESULTS = {
    "str": "result result new_text output res ans new_string",
    "ints": "result result output res new_list ans out nums_out",
    "strs": "result result output res new_list words_out out",
    "int": "count count total result res ans score",
    "dict": "counts result d freq res counter new_dict",
    "groups": "groups result buckets res",
    "set": "seen unique result",
    "sset": "seen unique result",
    "bool": "found ok flag",
    "float": "total result",
    "pairs": "pairs result output",
    "rows": "rows result",
    "tup": "result",
    "stup": "result",
}
# Loop variables, by kind of what they hold.
LOOPS = {
    "char": "c char ch letter c char i",
    "int": "x num n x num i v",
    "str": "word w item s name part x",
    "pair": "pair item entry",
    "ints": "row row line r group",
    "float": "x value v",
    "index": "i i i j idx",
}
HELPERS = {
    "bool": "check is_valid matches keep test is_ok",
    "str": "clean convert transform shift fmt change",
    "int": "score weight measure calc value_of cost",
    "other": "helper process transform step update build",
}
KEYS = tuple("a b c x y apple pear red blue cat dog alice bob tom ann one two left right key".split())


def pick(rng: random.Random, table: dict, kind: str, taken: set[str]) -> str:
    """A name of a table that is not taken yet; where all are, one with a number."""
    names = table[kind].split() if kind in table else ["value"]
    for _ in range(6):
        name = rng.choice(names)
        if name not in taken:
            return name
    name = next((name for name in names if name not in taken), "")
    number = 2
    while not name or name in taken:
        name, number = f"{names[0]}{number}", number + 1
    return name
