"""Texts of values and of expressions with values in place of names."""

import ast

import pytest

from cr_utils import wording


@pytest.mark.parametrize(
    "value",
    [
        3,
        -2,
        1.5,
        True,
        None,
        "a'b",
        "",
        b"ab",
        [1, [2]],
        (1,),
        (),
        {"a": [1], 2: None},
        {3, 1, 10},
        frozenset({2, 1}),
    ],
)
def test_the_text_of_a_value_reads_back(value):
    assert eval(wording.show(value)) == value


def test_sets_are_written_in_sorted_order_at_any_depth():
    assert wording.show({10, 9, 2}) == "{2, 9, 10}"
    assert wording.show([{"b", "a", "c"}]) == "[{'a', 'b', 'c'}]"
    with pytest.raises(wording.Unsupported, match="sorted"):
        wording.show({1, "a"})


@pytest.mark.parametrize("value", [range(3), print, object(), (i for i in "ab"), [map(str, [1])], type])
def test_what_has_no_literal_is_unsupported_at_any_depth(value):
    with pytest.raises(wording.Unsupported):
        wording.show(value)


def test_a_long_text_is_refused():
    assert len(wording.show("a" * 198)) == wording.MAX_TEXT
    with pytest.raises(wording.TooLong):
        wording.show("a" * 199)


@pytest.mark.parametrize("text", ["1", "'a'", "1:", ":2", "1:2", "::-1", "1:5:2", ":"])
def test_an_index_reads_back(text):
    shown = wording.show_index(eval(f"type('I', (), {{'__getitem__': lambda self, i: i}})()[{text}]"))
    assert shown == text


@pytest.mark.parametrize(
    "value",
    [
        range(3),
        enumerate("ab"),
        zip("ab", "cd", strict=True),
        map(str, [1]),
        filter(None, [0, 1]),
        reversed("ab"),
        reversed([1, 2]),
        {"a": 1}.keys(),
        {"a": 1}.values(),
        {"a": 1}.items(),
        reversed({"a": 1}),
    ],
)
def test_lazy_values_become_lists_of_their_items(value):
    settled = wording.settle(value)
    assert type(settled) is list and settled and wording.show(settled)


@pytest.mark.parametrize(
    "source, text",
    [
        (
            "[x + n for x in xs]",
            "[x + 2 for x in [1, 2]]",
        ),  # x is bound inside, though a variable has its name
        ("f'{n}-{s}'", "f\"{2}-{'ab'}\""),
        ("{k: n for k in s}", "{k: 2 for k in 'ab'}"),
    ],
)
def test_names_are_replaced_by_values_unless_the_expression_binds_them(source, text):
    env = {"n": 2, "xs": [1, 2], "s": "ab", "x": 9, "k": 8}
    shown = wording.substituted(ast.parse(source, mode="eval").body, env)
    assert ast.dump(ast.parse(shown)) == ast.dump(ast.parse(text))


def test_the_tree_of_the_program_stays_as_it_is():
    node = ast.parse("n + 1", mode="eval").body
    wording.substituted(node, {"n": 2})
    assert ast.unparse(node) == "n + 1"
