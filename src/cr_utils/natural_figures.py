"""How far generated programs are from real ones: distances, and a classifier's accuracy, in a figure.

Needs a benchmark's development rows; without them it says so instead of drawing.
"""

import random

from cr_utils.figure_style import SLATE, axes, empty, styled
from cr_utils.wide import naturalness

MOST = 600  # programs that are compared
LABELS = {
    "lines": "lines of code",
    "nesting": "nesting",
    "steps": "trace steps",
    "nodes": "size of the tree",
    "output_type": "output type",
    "methods": "methods",
    "kinds": "kinds of nodes",
}


def draw(problems: list[dict], real: list[dict], seed: int = 0):
    """Compare training problems with real programs (code, input, output) and draw that; returns the axes."""
    train = [problem for problem in problems if problem["split"] == "train"]
    some = random.Random(seed).sample(train, min(MOST, len(train)))
    enough = min(len(some), len(real)) >= 20
    return distances(naturalness.compare(some, real, seed) if enough else {})


@styled
def distances(compared: dict, ax=None):
    """Distance of each distribution, accuracy in the title. compared: as `naturalness.compare`."""
    ax = axes(ax, height=2.2)
    if not compared:
        return empty(ax, "too few programs, or no real ones at hand, to compare with")
    found = compared["distances"]
    ax.barh([LABELS[name] for name in found], list(found.values()), color=SLATE, height=0.65)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    judged = compared["classifier"]
    ax.set(
        xlabel="distance from real programs (0: same distribution, 1: disjoint)",
        xlim=(0, 1),
        title=f"A classifier tells them apart in {judged['accuracy']:.0%} of {judged['n']} cases",
    )
    return ax
