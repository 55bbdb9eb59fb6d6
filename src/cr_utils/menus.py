"""Menus above a view of `explore`: one per filter, a place among what fits, and a step for runs. Needs
ipywidgets.

Knows nothing about records: rows are dicts, a filter is a key, and a function draws a row.
"""

from collections.abc import Callable

import ipywidgets

from cr_utils import explore
from cr_utils.exhibits import walk


def panel(rows: list[dict], filters: tuple, draw: Callable, chosen: dict,
          stepped: bool = False) -> ipywidgets.Widget:
    """A widget that shows one row at a time; `chosen` are the menus' first values.

    stepped: rows hold a program's run, and a slider goes through its steps.
    """
    menus = {key: _menu(rows, key, chosen.get(key, explore.ANY)) for key in filters}
    place = ipywidgets.BoundedIntText(value=1, min=1, max=max(1, len(rows)), description="number",
                                      layout={"width": "11em"})
    step = ipywidgets.IntSlider(value=0, min=0, max=1, description="step", layout={"width": "24em"})
    body = ipywidgets.HTML()

    def show(change=None):
        left = explore.select(rows, {key: menu.value for key, menu in menus.items()})
        if change is not None and change["owner"] in menus.values():
            place.value = 1
        place.max = max(1, len(left))
        first, how = place.value - 1, {}
        if stepped and left:
            step.max = max(1, len(walk(left[first]["problem"])) - 1)
            how = {"at": step.value}
        body.value = explore.page(left, draw, 1, first, **how)

    for one in (*menus.values(), place, step):
        one.observe(show, names="value")
    show()
    bar = ipywidgets.HBox([*menus.values(), place, *([step] if stepped else [])],
                          layout={"flex_flow": "row wrap"})
    return ipywidgets.VBox([bar, body])


def _menu(rows: list[dict], key: str, value) -> ipywidgets.Dropdown:
    """A menu of the values that the rows have."""
    found = {one for row in rows for one in (row[key] if isinstance(row[key], set) else [row[key]])
             if one is not None}
    options = [explore.ANY, *sorted(found, key=lambda one: (isinstance(one, str), one))]
    return ipywidgets.Dropdown(options=options, value=value, description=key, layout={"width": "16em"})
