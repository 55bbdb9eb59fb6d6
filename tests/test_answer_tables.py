"""Tables about answers, against small records whose numbers are plain."""

import pandas as pd

from cr_utils import answer_tables


def test_scoring_counts_where_the_two_rules_part():
    made = [{"model": "sft", "benchmark": "reval", "task": "state", "verdict": strict, "parity": parity}
            for strict, parity in ((True, True), (True, False), (False, True), (False, True), (False, False))]
    made.append({"model": "sft", "benchmark": "heldout", "task": "state", "verdict": True})
    frame = answer_tables.scoring(made)
    assert list(frame.columns) == answer_tables.SCORING
    assert frame.to_dict("records") == [{"model": "sft", "benchmark": "reval", "task": "state", "n": 5, "parity": 3,
                                         "strict": 2, "parity_only": 2, "strict_only": 1}]


def test_scoring_without_published_verdicts_says_so():
    frame = answer_tables.scoring([{"model": "sft", "benchmark": "heldout", "task": "output", "verdict": True}])
    assert frame.empty and frame.attrs["notes"] == ["no answer to a published benchmark was recorded"]
    assert isinstance(frame, pd.DataFrame)
