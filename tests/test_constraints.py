"""The constraint space: what the file may say, and which cells are drawn for which split."""

import random
from collections import Counter

import pytest
import yaml

from cr_utils import constraints, paths
from cr_utils.errors import UserError


@pytest.fixture
def damaged(tmp_path):
    """Loads the space from a copy of the file after a change to its text."""
    def load(change):
        data = yaml.safe_load((paths.params_dir() / "constraints.yaml").read_text())
        path = tmp_path / "constraints.yaml"
        path.write_text(yaml.safe_dump(change(data) or data))
        return constraints.load(path)
    return load


def test_the_file_describes_a_large_space_with_both_kinds_of_operation():
    space = constraints.space()
    assert len(space.operations) > 120
    assert {op.type for op in space.operations.values()} >= {"str", "list", "dict", "tuple", "set", "int"}
    assert any(op.result is None for op in space.operations.values())
    assert len(space.cells()) == len(space.operations) * 6


@pytest.mark.parametrize("change, words", [
    (lambda d: d["types"]["str"].update(upper="{string}.upper() -> str"), ("str.upper", "{string}")),
    (lambda d: d["types"]["str"].update(upper="{str}.upper() -> text"), ("str.upper", "'text'")),
    (lambda d: d["types"]["str"].update(upper="upper() -> str"), ("str.upper", "no hole")),
    (lambda d: d["types"]["str"].update(upper=3), ("str.upper", "no text")),
    (lambda d: d["common"].append("str.shout"), ("common", "str.shout")),
    (lambda d: d["ood"].append("list.blink"), ("ood", "list.blink")),
    (lambda d: d["settings"].append("sideways"), ("settings", "sideways")),
    (lambda d: d["ood"].append(d["common"][0]), ("both", "str.concat")),
    (lambda d: d.update(common=[]), ("common", "empty")),
    (lambda d: d.update(ood="str.upper"), ("ood", "no list")),
    (lambda d: d.pop("types"), ("types",)),
])
def test_a_damaged_file_is_refused_in_one_line_that_names_the_entry(damaged, change, words):
    def apply(data):
        change(data)
    with pytest.raises(UserError) as error:
        damaged(apply)
    text = str(error.value)
    assert "\n" not in text and "constraints.yaml" in text
    for word in words:
        assert word in text


def test_broken_yaml_is_refused_with_its_line(tmp_path):
    path = tmp_path / "constraints.yaml"
    path.write_text("types:\n  str:\n    upper: {str}.upper() -> str\n")
    with pytest.raises(UserError, match="line 3"):
        constraints.load(path)


def test_the_whole_file_is_read_unchanged(damaged):
    assert damaged(lambda data: None) == constraints.space()


def draw(n, **options):
    rng = random.Random(0)
    return [constraints.sample_cell(rng, **options) for _ in range(n)]


def test_training_cells_hold_no_held_out_operation_and_reach_depth_two():
    space, cells = constraints.space(), draw(4000)
    assert not {cell.operation.key for cell in cells} & space.ood
    assert {cell.depth for cell in cells} == {0, 1, 2}
    assert {cell.operation.key for cell in cells} == space.operations.keys() - space.ood
    assert {cell.setting for cell in cells} == set(space.settings)


def test_out_of_distribution_cells_are_never_cells_of_training():
    space = constraints.space()
    cells = draw(4000, ood=True)
    assert all(cell.operation.key in space.ood or cell.depth == constraints.MAX_DEPTH for cell in cells)
    kinds = Counter(cell.operation.key in space.ood for cell in cells)
    assert 0.4 < kinds[True] / len(cells) < 0.6
    assert {cell.operation.key for cell in cells} >= space.ood


def test_unconstrained_cells_use_the_common_operations_only():
    space, cells = constraints.space(), draw(500, constrained=False)
    assert {cell.operation.key for cell in cells} == set(space.common)
    assert {cell.depth for cell in cells} == {0, 1}


def test_without_held_out_operations_depth_alone_is_out_of_distribution(damaged, monkeypatch):
    space = damaged(lambda data: {**data, "ood": []})
    monkeypatch.setattr(constraints, "space", lambda: space)
    assert {cell.depth for cell in draw(50, ood=True)} == {constraints.MAX_DEPTH}
