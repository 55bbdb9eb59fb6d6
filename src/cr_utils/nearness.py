"""How far a wrong output is from the right one: another type, off by little, or simply wrong.

Off by little: a number within 1 or 5 % of the right one; a text of three characters or more that is one edit
away; a list, tuple, set or dict of three items or more with one item wrong, missing or too many.
"""

from cr_utils import literals

LEAST, MOST = 3, 2000  # items of a right answer from which, and up to which, one item is little


def how_wrong(answer: str, right: str) -> str:
    """The kind of a wrong answer, from the texts of two literals; "wrong" where one of them is none."""
    try:
        said, true = literals.parse(answer), literals.parse(right)
    except ValueError:
        return "wrong"
    if type(said) is not type(true):
        return "wrong_type"
    return "off_by_little" if _near(said, true) else "wrong"


def _near(said, true) -> bool:
    if isinstance(true, bool) or true is None:
        return False
    if isinstance(true, int | float):
        try:
            return abs(said - true) <= max(1, 0.05 * abs(true))
        except OverflowError:
            return False
    if not hasattr(true, "__len__") or not LEAST <= len(true) <= MOST or len(said) > MOST + 1:
        return False
    if isinstance(true, str | bytes | list | tuple):
        return _one_edit(said, true)
    if isinstance(true, dict):
        return _one_item(list(said.items()), list(true.items()))
    return len(said - true) <= 1 and len(true - said) <= 1


def _one_edit(said, true) -> bool:
    """Are two sequences equal but for one item that is wrong, missing or too many?"""
    if abs(len(said) - len(true)) > 1:
        return False
    same = 0
    while same < min(len(said), len(true)) and said[same] == true[same]:
        same += 1
    rest, other = said[same:], true[same:]
    return rest[1:] == other[1:] or rest[1:] == other or rest == other[1:]


def _one_item(said: list[tuple], true: list[tuple]) -> bool:
    """The same for the items of two dicts, in any order; another value of one key is one wrong item."""
    missing = [pair for pair in true if pair not in said]
    extra = [pair for pair in said if pair not in true]
    return len(missing) <= 1 and len(extra) <= 1
