"""How many listeners a test needs, against independent computations."""

from __future__ import annotations

import math

import pytest
import scipy.stats
from statsmodels.stats.power import TTestPower

from mushra_web.building.power import (
    SPREADS,
    Spread,
    answers_for_share,
    listeners_for_difference,
    power_note,
)


@pytest.mark.parametrize("difference", [2.0, 5.0, 10.0, 40.0])
@pytest.mark.parametrize("n_items", [1, 12])
def test_listeners_agree_with_statsmodels(difference, n_items):
    spread = Spread(14.0, 6.0, ())
    scatter = math.sqrt(2 * (6.0**2 + 14.0**2 / n_items))
    exact = TTestPower().solve_power(effect_size=difference / scatter, alpha=0.05, power=0.8)
    assert listeners_for_difference(difference, spread, n_items) == max(2, math.ceil(exact))


def test_more_items_and_larger_differences_need_fewer_listeners():
    spread = SPREADS["mushra"]
    assert listeners_for_difference(5, spread, 12) < listeners_for_difference(5, spread, 3)
    assert listeners_for_difference(10, spread, 12) < listeners_for_difference(5, spread, 12)


@pytest.mark.parametrize("share", [0.6, 0.75])
def test_that_many_answers_reach_the_power_and_fewer_do_not(share):
    def power(n):
        rejected = [k for k in range(n + 1) if scipy.stats.binomtest(k, n).pvalue <= 0.05]
        return sum(scipy.stats.binom.pmf(k, n, share) for k in rejected if k > n / 2)

    n = answers_for_share(share)
    assert power(n) >= 0.8
    assert power(n - 1) < 0.8


@pytest.mark.parametrize("method", ["mushra", "bs1116", "ab", "abx", "acr", "dcr", "ccr"])
def test_the_note_says_what_it_assumes(method):
    *figures, assumption = power_note(method, 12, 12)
    assert len(figures) == 2
    assert assumption.startswith("Assumed: ")
    assert "power 80%" in assumption


def test_the_note_of_a_mushra_test_is_about_five_and_ten_points():
    small, large, assumption = power_note("mushra", 12, 12)
    assert "difference of 5 points" in small
    assert large.startswith("11 listeners show a difference of 10 points")
    assert "scatters by 14 points" in assumption
