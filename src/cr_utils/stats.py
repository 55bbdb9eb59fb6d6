"""Intervals and tests for right-or-wrong outcomes.

Covers: Wilson intervals, the interval of a mean of several rates, exact McNemar tests and intervals of paired
differences, percentile bootstrap, unbiased pass@k. All rates are fractions 0-1. Deterministic; no plotting.
Does not correct for multiple comparisons: tables say how many tests stand in them.
"""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np


class Interval(NamedTuple):
    """Limits of a confidence interval."""

    low: float
    high: float


class Paired(NamedTuple):
    """Two models on the same n questions: how many only one of them got right, b minus a, exact p-value."""

    n: int
    a_only: int
    b_only: int
    difference: float
    p_value: float


def z_value(level: float = 0.95) -> float:
    """The two-sided standard normal quantile of a confidence level; raises ValueError outside (0, 1)."""
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, not {level}")
    return NormalDist().inv_cdf(0.5 + level / 2)


def wilson(k: int, n: int, level: float = 0.95) -> Interval:
    """Wilson score interval of k right out of n; raises ValueError unless 0 <= k <= n and n > 0."""
    if n <= 0 or not 0 <= k <= n:
        raise ValueError(f"no interval for {k} right out of {n}")
    z = z_value(level)
    centre = (k + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(k * (n - k) / n + z * z / 4)
    # At the ends the limit is exact; the formula alone would miss it by a rounding error.
    return Interval(0.0 if k == 0 else max(0.0, centre - half), 1.0 if k == n else min(1.0, centre + half))


def mean_of_rates(counts: Sequence[tuple[int, int]], level: float = 0.95) -> tuple[float, Interval]:
    """Unweighted mean of independent rates, given as (k, n) each, and its interval.

    The interval recovers each rate's variance from its Wilson limits (MOVER), so it stays inside 0-1 and is
    not degenerate at 0 or 1. Raises ValueError on an empty list.
    """
    if not counts:
        raise ValueError("no rates to average")
    rates = [k / n for k, n in counts]
    limits = [wilson(k, n, level) for k, n in counts]
    mean = sum(rates) / len(rates)
    below = math.sqrt(sum((p - i.low) ** 2 for p, i in zip(rates, limits, strict=True))) / len(rates)
    above = math.sqrt(sum((i.high - p) ** 2 for p, i in zip(rates, limits, strict=True))) / len(rates)
    return mean, Interval(max(0.0, mean - below), min(1.0, mean + above))


def mcnemar(a: Sequence[bool], b: Sequence[bool]) -> Paired:
    """Exact two-sided McNemar test of two models' verdicts on the same questions in the same order.

    a, b: n truth values each. Raises ValueError where their lengths differ or are zero.
    """
    if len(a) != len(b) or not len(a):
        raise ValueError(f"verdicts do not pair: {len(a)} and {len(b)}")
    a_only = sum(bool(x) and not y for x, y in zip(a, b, strict=True))
    b_only = sum(bool(y) and not x for x, y in zip(a, b, strict=True))
    return Paired(len(a), a_only, b_only, (b_only - a_only) / len(a), binomial_p(a_only, b_only))


def binomial_p(a_only: int, b_only: int) -> float:
    """Two-sided exact p-value of a split a_only : b_only under even odds (1 where nothing differs)."""
    n, least = a_only + b_only, min(a_only, b_only)
    term = total = 1
    for i in range(1, least + 1):
        term = term * (n - i + 1) // i
        total += term
    return min(1.0, (2 * total) / 2**n)  # integers throughout: exact at any n


def paired_interval(a_only: int, b_only: int, n: int, level: float = 0.95) -> Interval:
    """Interval of the difference b - a of two paired rates (Bonett and Price 2012, adjusted Wald)."""
    if n <= 0 or a_only + b_only > n:
        raise ValueError(f"no interval for {a_only} and {b_only} discordant out of {n}")
    first, second = (a_only + 1) / (n + 2), (b_only + 1) / (n + 2)
    centre = second - first
    half = z_value(level) * math.sqrt((first + second - centre**2) / (n + 2))
    return Interval(max(-1.0, centre - half), min(1.0, centre + half))


def relative_gain(a_right: int, b_right: int, discordant: int, level: float = 0.95) -> tuple[float, Interval]:
    """b's gain relative to a on the same questions, b_right / a_right - 1, and its interval.

    The interval is Wald's for the logarithm of a ratio of paired rates, variance discordant / (a_right
    b_right), with one added to each of the two discordant and the two right counts, so that it has a width
    where nothing differs. Raises ValueError where either has nothing right, or the counts contradict each
    other.
    """
    if min(a_right, b_right) < 1 or abs(b_right - a_right) > discordant or discordant > a_right + b_right:
        raise ValueError(f"no relative gain for {a_right} and {b_right} right, {discordant} of them "
                         "different")
    ratio = b_right / a_right
    half = z_value(level) * math.sqrt((discordant + 2) / ((a_right + 1) * (b_right + 1)))
    return ratio - 1, Interval(ratio * math.exp(-half) - 1, ratio * math.exp(half) - 1)


def bootstrap(values: Sequence[float], statistic: Callable = np.mean, resamples: int = 2000,
              level: float = 0.95, seed: int = 0) -> Interval:
    """Percentile bootstrap interval of a statistic of independent values, shape (n,).

    statistic: takes an array (resamples, n) and `axis=1`, like np.mean and np.median. Same seed, same
    interval.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"values of shape {values.shape} cannot be resampled: give one non-empty row")
    rng, tail = np.random.default_rng(seed), (1 - level) / 2
    chunk = max(1, 2_000_000 // len(values))  # bounds the memory of one draw
    drawn = [statistic(values[rng.integers(0, len(values), (min(chunk, resamples - start), len(values)))],
                       axis=1)
             for start in range(0, resamples, chunk)]
    low, high = np.quantile(np.concatenate(drawn), [tail, 1 - tail])
    return Interval(float(low), float(high))


def pass_at_k(n: int, c: int, k: int) -> float:
    """Unbiased chance that one of k answers is right, from c right out of n.

    Raises ValueError where n < k: fewer answers than k say nothing about pass@k.
    """
    if not 0 <= c <= n or not 1 <= k <= n:
        raise ValueError(f"pass@{k} is not defined for {c} right out of {n} answers")
    return 1.0 - math.comb(n - c, k) / math.comb(n, k)


def difference_interval(k1: int, n1: int, k2: int, n2: int, level: float = 0.95) -> Interval:
    """Interval of k2/n2 - k1/n1 for independent samples (Newcombe 1998, from both Wilson intervals)."""
    p1, p2 = k1 / n1, k2 / n2
    first, second = wilson(k1, n1, level), wilson(k2, n2, level)
    return Interval(p2 - p1 - math.hypot(p2 - second.low, first.high - p1),
                    p2 - p1 + math.hypot(second.high - p2, p1 - first.low))
