"""The paper's claims C1-C7 against our records: evidence, verdict, and the rule behind each verdict.

Verdicts and what they mean: VERDICTS. C1-C3 and C7 are directions, tested at the scale of the profile on
held-out programs of seen and of unseen cells and, with enough questions, on CRUXEval's test rows; all
comparisons decide together, so that a gain on familiar programs alone is no more than "partly reproduced".
C4-C6 speak of 7B and 14B models and stay "not run" for any other, however good its numbers. Fewer than LEAST
questions decide nothing, for or against: a try with a few items gets no verdict on a claim. Nothing here is a
verdict on the paper: a small model is no evidence for a large one's claims.
"""

import re
from dataclasses import dataclass

import pandas as pd

from cr_utils import published, stats, tables

REPRODUCED, PARTLY, SAME, NOT = "reproduced", "partly reproduced", "same direction", "not reproduced"
TOO_FEW, NOT_RUN, UNKNOWN = "too few items", "not run", "unknown"
CLAIMS = ["claim", "evidence", "verdict"]
DETAILS = ["claim", "statement", "published", "ours", "evidence", "verdict", "rule", "command"]
LEVEL = 0.05
# The least number of questions: with fewer, where a quarter of the answers differ, as many each way, the 95 %
# interval of the difference is wider than ±10 points.
LEAST = 100

PLACES = ("heldout", "heldout_ood", tables.TEST)

VERDICTS = {
    REPRODUCED: f"every comparison is better, with exact McNemar p < {LEVEL}",
    PARTLY: f"some comparisons are better with p < {LEVEL}; others are not, are worse, or are undecided",
    SAME: f"every comparison is better, none with p < {LEVEL}",
    NOT: f"no comparison is better with p < {LEVEL}, and not all are better",
    TOO_FEW: f"fewer than {LEAST} questions that both answered decide nothing",
    NOT_RUN: "this run cannot tell",
    UNKNOWN: "what to compare with is in no source that we could read",
}
_WHERE = (f"output questions of heldout, of heldout_ood where asked, and of CRUXEval's test rows where "
          f"{LEAST} or more were asked")
RULES = {
    "C1": f"the same small SFT budget with and without constraints (short_sft, no_constraints): {_WHERE}",
    "C2": f"sft against the better of the base's two forms on the same questions: {_WHERE}",
    "C3": f"grpo against sft: {_WHERE}",
    "C4": "needs a 7B run; the prior methods' numbers on all three benchmarks are in no source we could read",
    "C5": "needs a 7B run; our interval must reach GPT-4o on CRUXEval and LiveCodeBench; GPT-4o's coverage "
          "number is unknown, so same direction at most",
    "C6": "needs a 14B run; reproduced where our whole interval is above GPT-4o on all three, same direction "
          "where the rates are",
    "C7": "sft against base, grpo against sft, full against no_sft, short_sft against no_chains (the same "
          f"budget without chains): {_WHERE}",
}
TEST_RULE = "All comparisons decide together, as the list of verdicts says"
STAGES = {"C1": "06_ablations", "C7": "05_eval 06_ablations"}


@dataclass(frozen=True)
class Test:
    """One paired comparison (b should be better): where it stands, what it says in words, its verdict."""

    verdict: str
    ours: str
    evidence: str


def details(items: list[dict], arms: list[dict], profile: str = "tiny",
            model: str = "shipped") -> pd.DataFrame:
    """Every claim with statement, published value, our value, evidence, verdict, rule and command.

    items: of the evaluation stage; arms: of the ablation stage; model: the start model's name, whose size
    ("…-7B-…") decides whether C4-C6 can be tested at all.
    """
    main = tables.main(items) if items else None
    tests = {"C1": _c1(arms), "C2": _c2(items), "C3": _c3(items), "C7": _c7(items, arms),
             "C4": [_sized(model, 7, lambda: _c4(main))], "C5": [_sized(model, 7, lambda: _c5(main))],
             "C6": [_sized(model, 14, lambda: _c6(main))]}
    rows = []
    for claim, statement in published.CLAIMS.items():
        parts = tests[claim]
        verdict = joint([part.verdict for part in parts])
        command = f"python -m cr_utils run {STAGES.get(claim, '05_eval')} --profile {profile}"
        if claim in ("C4", "C5", "C6") and verdict == NOT_RUN:
            command = f"make reproduce PROFILE=paper-{'14b' if claim == 'C6' else '7b'}"
        rows.append({
            "claim": claim, "statement": statement, "published": _published(claim), "verdict": verdict,
            "ours": "; ".join(part.ours for part in parts if part.ours) or None, "command": command,
            "evidence": "; ".join(part.evidence for part in parts),
            "rule": RULES[claim] + ("" if claim in ("C4", "C5", "C6") else f". {TEST_RULE}")})
    frame = pd.DataFrame(rows, columns=DETAILS)
    frame.attrs["notes"] = [f"{row['claim']}: {row['evidence']}" for row in rows if row["ours"] is None]
    return frame


def claims(items: list[dict], arms: list[dict], profile: str = "tiny",
           model: str = "shipped") -> pd.DataFrame:
    """The columns of `tables/claims.csv`: claim, evidence, verdict."""
    return details(items, arms, profile, model)[CLAIMS].copy()


def joint(verdicts: list[str]) -> str:
    """The verdict of several comparisons, as VERDICTS has it; an undecided one forbids REPRODUCED."""
    decided = [verdict for verdict in verdicts if verdict in (REPRODUCED, SAME, NOT)]
    if not decided:
        return next(verdict for verdict in (TOO_FEW, NOT_RUN, UNKNOWN) if verdict in verdicts)
    if REPRODUCED in decided:
        return REPRODUCED if set(verdicts) == {REPRODUCED} else PARTLY
    return NOT if NOT in decided else SAME


def meanings(verdicts) -> dict[str, str]:
    """What each verdict that occurs means, in the order of VERDICTS."""
    return {name: told for name, told in VERDICTS.items() if name in set(verdicts)}


def _published(claim: str) -> str | None:
    """The numbers a claim states, as far as a source gives them."""
    return {"C4": "+27.1 % to +40.2 % over prior methods",
            "C5": "CodeReasoner-7B 0.860 / 0.777 / 0.723, GPT-4o 0.856 / 0.751 / 0.773 (CRUXEval / "
                  "LiveCodeBench / REval)"}.get(claim)


def _everywhere(items: list[dict], a: str | None, b: str, name: str = "model",
                table: str = "paired") -> list[Test]:
    """Is b better than a (None: than the better form of the base), on each of PLACES where it was asked?"""
    found = []
    for place in PLACES:
        test = _test(items, a or better_base(items, place), b, place, name, table)
        # CRUXEval is a sample whose size the profile chooses: too small a one says nothing either way.
        if place == "heldout" or test.verdict != NOT_RUN and not (
                place == tables.TEST and test.verdict == TOO_FEW):
            found.append(test)
    return found


def _c1(arms: list[dict]) -> list[Test]:
    """Constraints against none, also on cells that no training program has."""
    return _everywhere(arms, "no_constraints", "short_sft", "arm", "ablations_paired")


def better_base(items: list[dict], benchmark: str = "heldout", task: str = "output") -> str:
    """The base's form ("base" or "base_direct") with more right answers: the one to compare against."""
    counts = tables.rates([i for i in items if i["task"] == task and i["benchmark"] == _asked(benchmark)])
    right = {model: counts.get((model, benchmark, task, "strict"), (-1, 0))[0]
             for model in ("base_direct", "base")}
    return max(right, key=right.get)


def _asked(benchmark: str) -> str:
    """The name that a benchmark's items carry."""
    return "cruxeval" if benchmark == tables.TEST else benchmark


def _c2(items: list[dict]) -> list[Test]:
    return _everywhere(items, None, "sft")


def _c3(items: list[dict]) -> list[Test]:
    return _everywhere(items, "sft", "grpo")


def _c7(items: list[dict], arms: list[dict]) -> list[Test]:
    """Every stage, and the chains."""
    return [*_c2(items), *_c3(items), *_everywhere(arms, "no_sft", "full", "arm", "ablations_paired"),
            *_everywhere(arms, "no_chains", "short_sft", "arm", "ablations_paired")]


def _test(items: list[dict], a: str, b: str, benchmark: str = "heldout", name: str = "model",
          table: str = "paired") -> Test:
    """Is b better than a on the output questions of a benchmark that both answered?"""
    rows = [item for item in items if item["task"] == "output" and item["benchmark"] == _asked(benchmark)]
    frame = tables.paired(rows, [(a, b)], name)
    frame = frame[frame["benchmark"] == benchmark]
    where = f"{table}.csv: {benchmark}, output, {a} and {b}"
    if frame.empty or pd.isna(frame["n"].iloc[0]):
        return Test(NOT_RUN, "", f"{where}: no question that both answered")
    row = frame.iloc[0]
    low, high = stats.paired_interval(row.a_only, row.b_only, row.n)
    if row.n < LEAST:
        return Test(TOO_FEW, f"{b} and {a}, {benchmark}: n={row.n}, least {LEAST}",
                    f"{where}, McNemar {row.a_only} : {row.b_only}")
    sure = row.p_value < LEVEL
    verdict = NOT if row.difference <= 0 else REPRODUCED if sure else SAME
    found = ("better" if row.difference > 0 else "worse") if sure else "no clear difference"
    ours = (f"{b} − {a}, {benchmark}: {100 * row.difference:+.1f} points [{100 * low:+.1f}, "
            f"{100 * high:+.1f}], n={row.n}, p={tables.cell_text(float(row.p_value))} ({found})")
    return Test(verdict, ours, f"{where}, McNemar {row.a_only} : {row.b_only}")


def size(model: str) -> float | None:
    """The size of a start model in billions, from its name; None where the name does not say."""
    found = re.search(r"(\d+(?:\.\d+)?)[Bb](?![A-Za-z])", model)
    return float(found.group(1)) if found else None


def _sized(model: str, wanted: int, test) -> Test:
    """The test where the start model has the size that a claim is about."""
    if size(model) != wanted:
        return Test(NOT_RUN, "", f"needs a {wanted}B model, and this profile started from {model}")
    return test()


def _means(main: pd.DataFrame | None) -> dict[str, pd.Series]:
    """Our final model's mean on each benchmark, official scoring where it was done."""
    found = {}
    for benchmark in ("cruxeval", "livecodebench", "reval") if main is not None else ():
        rows = main[(main["model"] == "grpo") & (main["benchmark"] == benchmark) & (main["task"] == "mean")]
        rows = rows[rows["accuracy"].notna()].sort_values("mode")  # parity before strict
        if len(rows):
            found[benchmark] = rows.iloc[0]
    return found


def _words(means: dict[str, pd.Series]) -> str:
    return ", ".join(f"{name} {row.accuracy:.3f} [{row.low:.3f}, {row.high:.3f}]"
                     for name, row in means.items())


def _few(means: dict[str, pd.Series]) -> Test | None:
    """What to say where a mean is over too few questions; None where each is over enough."""
    short = [f"{name}: n={row.n}, least {LEAST}" for name, row in means.items() if row.n < LEAST]
    return Test(TOO_FEW, "; ".join(short), "main.csv: grpo, mean") if short else None


def _c4(main: pd.DataFrame | None) -> Test:
    means = _means(main)
    return Test(UNKNOWN if means else NOT_RUN, _words(means),
                "main.csv: grpo, mean, the prior methods' are unknown")


def _c5(main: pd.DataFrame | None) -> Test:
    means, wanted = _means(main), ("cruxeval", "livecodebench")
    if not all(name in means for name in wanted):
        return Test(NOT_RUN, _words(means),
                    "main.csv: grpo, mean, CRUXEval and LiveCodeBench are not both there")
    if few := _few({name: means[name] for name in wanted}):
        return few
    reach = all(means[name].high >= published.value("GPT-4o", name) for name in wanted)
    return Test(SAME if reach else NOT, _words(means), "main.csv: grpo and GPT-4o, mean")


def _c6(main: pd.DataFrame | None) -> Test:
    means = _means(main)
    if len(means) < 3:
        return Test(NOT_RUN, _words(means), "main.csv: grpo, mean, the three benchmarks are not all there")
    if few := _few(means):
        return few
    above = {key: all(row[key] > published.value("GPT-4o", name) for name, row in means.items())
             for key in ("low", "accuracy")}
    verdict = REPRODUCED if above["low"] else SAME if above["accuracy"] else NOT
    return Test(verdict, _words(means), "main.csv: grpo and GPT-4o, mean")
