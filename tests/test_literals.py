"""Literals: what is read, what is refused, canonical text, two ways of being equal."""

import json
import time

import pytest

from cr_utils import calls, literals
from cr_utils.zygote import build, values

VALUES = [
    0, -7, 2**53, -(10**40), True, None, ..., 1.5, -0.0, 1e-300, float("inf"), float("-inf"), 2j, 1 - 2j,
    "", "a'\"\\\n\x00é\ud800", b"\x00\xff", bytearray(b"ab"), [], [1, [2, (3,)]], (), (1,), {},
    {"a": {1: None}},
    set(), {1, "a"}, frozenset(), frozenset({1}), range(3), range(5, 0, -2),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_canonical_text_reads_back_as_the_same_value(value):
    assert literals.equal(literals.parse(literals.canonical(value)), value, "strict")


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_tagged_json_reads_back_as_the_same_value(value):
    import json

    assert literals.equal(values.decode(json.loads(values.encode(value))), value, "strict")


def test_canonical_text_is_repr_but_for_the_order_of_sets():
    assert literals.canonical([1, {"b": (2.5,)}, "it's"]) == repr([1, {"b": (2.5,)}, "it's"])
    assert literals.canonical({"c", "a", "b"}) == "{'a', 'b', 'c'}"


def test_canonical_text_refuses_other_types_and_depth():
    class Own(int):
        pass

    deep = []
    for _ in range(100):
        deep = [deep]
    for value in (Own(3), [object()], deep, 10**5000):
        with pytest.raises(literals.LiteralError):
            literals.canonical(value)


@pytest.mark.parametrize(
    "text",
    [
        " [1,\n 2] ", "{'a': 1,}", "'a' 'b'", "-1", "+1.5", "1_000", "0xff", "1e3", "(1)", "(1,)",
        "1, 2", "1+2j", "r'\\d'",
        "'''a\nb'''", "set()", "frozenset({1})", "float('nan')", "nan", "-inf", "range(3)",
        "bytearray(b'a')", "'\\d'",
    ],
)  # fmt: skip
def test_every_usual_way_of_writing_a_literal_is_read(text):
    literals.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "1 + 2", "'a' * 3", "[1][0]", "f'a'", "f(1)", "(x := 1)", "1 if 1 else 2", "1 or 2",
        "not 1", "1 == 1",
        "lambda: 1", "[x for x in [1]]", "*[1],", "{**{}}", "{[]: 1}", "--1", "-True", "1; 2", "1\n2",
        "'a'.upper()",
        "print", "set([1])", "dict(a=1)", "int('3')", "range(10, 'a')", "１", "1\0", "\ufeff1",
        "await 1", "b'é'",
    ],
)  # fmt: skip
def test_everything_else_is_refused(text):
    with pytest.raises(literals.LiteralError):
        literals.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100 + "]" * 100, "(" * 40000, "-" * 60000 + "1", "~" * 60000 + "1", "9" * 5000,
        "0x" + "f" * 60000,
        "[1]" * 30000, "'" + "a" * 70000 + "'", "{" + "[" * 90 + "]" * 90 + "}", "not " * 10000 + "1",
        "1" + "+1" * 30000, "[" + "-" * 30000 + "1]", "1" + "if 1 else 1 " * 4000, "a." * 30000 + "a",
        "1" + "[1]" * 20000,
    ],
    ids=lambda text: text[:8],
)  # fmt: skip
def test_bombs_are_refused_quickly(text):
    begun = time.process_time()
    with pytest.raises(literals.LiteralError):
        literals.parse(text)
    assert time.process_time() - begun < 1


def test_brackets_and_digits_inside_strings_do_not_count():
    text = repr("[" * 500 + "9" * 5000 + "-" * 500)
    assert literals.parse(text) == "[" * 500 + "9" * 5000 + "-" * 500
    assert literals.parse(f"[{text}]")[0].startswith("[[")


def test_parse_builds_a_fresh_value_each_time():
    assert literals.parse("[1]") is not literals.parse("[1]")


PAIRS = [  # a, b, equal in python, equal in strict
    (1, True, True, False), (1, 1.0, True, False), ([1], (1,), False, False), (0.0, -0.0, True, False),
    (float("nan"), float("nan"), False, True), ([float("nan")], [float("nan")], False, True),
    ({1: 2, 3: 4}, {3: 4, 1: 2}, True, True), ({1: "a"}, {True: "a"}, True, False),
    ({1, 2}, {2, 1}, True, True),
    ("a", b"a", False, False), ({1}, frozenset({1}), True, False), (range(3), range(3), True, True),
    (range(3), [0, 1, 2], False, False), ([1, [2.0]], [1, [2]], True, False), (None, 0, False, False),
    ((1, 2), (1, 2), True, True), (1j, 1j, True, True), (2**70, 2.0**70, True, False),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b", "python", "strict"), PAIRS, ids=repr)
def test_two_ways_of_being_equal(a, b, python, strict):
    assert literals.equal(a, b) is python
    assert literals.equal(a, b, "strict") is strict
    assert literals.equal(b, a, "strict") is strict


def test_a_value_of_another_type_equals_nothing_in_strict_mode():
    class Liar(int):
        def __eq__(self, other):
            return True

        __hash__ = None

    assert not literals.equal(Liar(3), 3, "strict")
    with pytest.raises(ValueError, match="choose"):
        literals.equal(1, 1, "loose")


def test_reading_literals_is_safe_in_threads_and_leaves_the_warning_filters_alone():
    import warnings
    from concurrent.futures import ThreadPoolExecutor

    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(literals.parse, ["'\\d'", "[1, '\\w']"] * 200))
    assert found[0] == "\\d" and warnings.filters == before


@pytest.mark.parametrize("text", ["1.or 2", "1or 2", "0xfor 2", "1jif 1 else 2", "1_0in[1]", "1.if 2 else 3",
                                  "'\\d'"])
def test_no_way_to_write_a_number_or_a_string_warns(text):
    """Warnings are errors here: one that got through would make it a syntax error."""
    with pytest.raises(SyntaxError):
        compile(text, "", "eval")
    assert literals.parse_quietly(text) and literals.parse_quietly(f"x = {text}", "exec")


def test_a_predicted_call_is_read_as_data():
    assert calls.parse("f(1, [2, 'a'], b={'c': (3,)})", "f") == [
        [1, ["l", 2, "a"]],
        {"b": ["d", "c", ["t", 3]]},
    ]


@pytest.mark.parametrize(
    "text",
    ["g(1)", "f", "f(x)", "f(g(1))", "f(lambda: 1)", "f(*[1])", "f(**{})", "f(1)(2)", "f(a=1, a=2)"],
)
def test_a_predicted_call_holds_nothing_but_data(text):
    with pytest.raises(calls.CallError):
        calls.parse(text, "f")


def test_the_entry_point_is_the_last_function_at_top_level():
    assert calls.entry_point("def g(): pass\ndef f():\n    def h(): pass\nx = '''\ndef k(): pass\n'''") == "f"
    assert calls.entry_point("x = 1") is None
    assert calls.entry_point("def f(:") is None


def test_halves_of_a_pair_stay_two_characters():
    """JSON reads them back as one."""
    for text in ("\ud83d\ude00", "\U0001f600", "\ude00\ud83d", "\ud83d", "a\ud83d\ude00\U0001f600", "한국어"):
        assert values.decode(json.loads(values.encode([text, {text: 1}]))) == [text, {text: 1}]
        ((tree,), _) = calls.parse(f"f({ascii(text)})", "f")
        assert build.build(json.loads(json.dumps(tree))) == text
