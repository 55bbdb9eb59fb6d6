"""Intervals and tests against values worked out elsewhere."""

import math

import numpy as np
import pytest

from cr_utils import stats


def test_wilson_known_values():
    # Published examples: 81/263 -> 0.2553, 0.3662; 15/148 -> 0.0624, 0.1605 (Newcombe 1998, method 3).
    assert stats.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert stats.wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert stats.wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert stats.wilson(29, 29) == pytest.approx((0.8830, 1.0), abs=5e-5)


def test_wilson_covers_about_95_percent():
    rng = np.random.default_rng(1)
    inside = [low <= 0.3 <= high for low, high in (stats.wilson(int(k), 60)
                                                   for k in rng.binomial(60, 0.3, 2000))]
    assert 0.935 <= np.mean(inside) <= 0.97


@pytest.mark.parametrize("k, n", [(0, 0), (5, 4), (-1, 3)])
def test_wilson_rejects_impossible_counts(k, n):
    with pytest.raises(ValueError):
        stats.wilson(k, n)


def test_mcnemar_exact_values():
    # 2 * (1 + 10 + 45) / 2**10 and the textbook 5 : 15 split.
    assert stats.binomial_p(2, 8) == pytest.approx(112 / 1024)
    assert stats.binomial_p(5, 15) == pytest.approx(0.04138947)
    assert stats.binomial_p(0, 0) == 1.0
    assert stats.binomial_p(7, 7) == 1.0
    assert stats.binomial_p(900, 1100) == pytest.approx(8.5e-6, rel=0.05)  # normal approximation: 8.4e-6


def test_mcnemar_counts_and_sign():
    a, b = [1, 1, 0, 0, 0], [1, 0, 1, 1, 0]
    assert stats.mcnemar(a, b) == (5, 1, 2, pytest.approx(0.2), 1.0)
    assert stats.mcnemar(b, a).difference == pytest.approx(-0.2)
    with pytest.raises(ValueError):
        stats.mcnemar([1], [1, 0])


def test_paired_interval_is_centred_and_bounded():
    low, high = stats.paired_interval(20, 60, 400)
    assert low == pytest.approx(0.0562, abs=2e-3) and high == pytest.approx(0.1428, abs=2e-3)
    assert stats.paired_interval(0, 3, 3).high <= 1.0
    assert stats.paired_interval(5, 5, 100).low == -stats.paired_interval(5, 5, 100).high


def test_difference_interval_known_value():
    # Newcombe 1998 (independent proportions), 56/70 against 48/80: 0.2 with limits 0.0524, 0.3339.
    assert stats.difference_interval(48, 80, 56, 70) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_mean_of_rates():
    mean, (low, high) = stats.mean_of_rates([(8, 10), (20, 100)])
    assert mean == pytest.approx(0.5)
    one, limits = stats.mean_of_rates([(81, 263)])
    assert one == 81 / 263 and limits == pytest.approx(stats.wilson(81, 263))
    assert low < 0.5 < high and high - low < sum(h - w
                                                 for w, h in (stats.wilson(8, 10), stats.wilson(20, 100)))
    with pytest.raises(ValueError):
        stats.mean_of_rates([])


def test_bootstrap_repeats_and_agrees_with_theory():
    values = np.random.default_rng(0).normal(3, 2, 400)
    low, high = stats.bootstrap(values, seed=3)
    assert (low, high) == stats.bootstrap(values, seed=3) != stats.bootstrap(values, seed=4)
    half = 1.96 * values.std() / math.sqrt(400)
    assert low == pytest.approx(values.mean() - half, abs=0.05)
    assert high == pytest.approx(values.mean() + half, abs=0.05)
    low, high = stats.bootstrap(values, np.median)
    assert low < np.median(values) < high
    with pytest.raises(ValueError):
        stats.bootstrap([])


def test_pass_at_k():
    assert stats.pass_at_k(10, 3, 1) == pytest.approx(0.3)
    assert stats.pass_at_k(5, 1, 2) == pytest.approx(0.4)
    assert stats.pass_at_k(5, 4, 2) == 1.0
    with pytest.raises(ValueError):
        stats.pass_at_k(3, 0, 5)  # the field's scorers call this 100 %
