"""Tables about the answers themselves: where the published and the strict rule judge them differently.

Each function takes items as `evaluate` writes them and returns one pandas frame with fixed columns.
"""

from collections import defaultdict
from collections.abc import Iterable

import pandas as pd

SCORING = ["model", "benchmark", "task", "n", "parity", "strict", "parity_only", "strict_only"]


def scoring(items: Iterable[dict]) -> pd.DataFrame:
    """Right answers by the published rule and by the strict one, and how many only one of them accepts.

    Only items with both verdicts count; benchmarks of our own have no published rule.
    """
    groups = defaultdict(list)
    for item in items:
        if item.get("parity") is not None:
            groups[item["model"], item["benchmark"], item["task"]].append((item["parity"], item["verdict"]))
    rows = [(*key, len(pairs), sum(parity for parity, _ in pairs), sum(strict for _, strict in pairs),
             sum(parity and not strict for parity, strict in pairs),
             sum(strict and not parity for parity, strict in pairs)) for key, pairs in groups.items()]
    frame = pd.DataFrame(rows, columns=SCORING)
    frame.attrs["notes"] = [] if rows else ["no answer to a published benchmark was recorded"]
    return frame
