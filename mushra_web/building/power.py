"""How many listeners a test needs, under an assumption that is said aloud."""

from __future__ import annotations

import math
from dataclasses import dataclass

import scipy.stats

from bench.stats import paired_t_power
from mushra_web.listening_test import Method

SIGNIFICANCE = 0.05
POWER = 0.8


@dataclass(frozen=True, slots=True)
class Spread:
    """How ratings scatter, in points of the scale.

    Attributes:
        rating: standard deviation of a rating about its listener's view of the condition.
        taste: standard deviation between listeners of what they think of a condition.
        differences: differences worth seeing.
    """

    rating: float
    taste: float
    differences: tuple[float, ...]


# Assumptions, not measurements. Table II of the HILCodec paper (Ahn et al., 2024) fits 13 to 20
# points for the pooled ratings of a condition; what items and listeners share cancels in a
# difference. The five-point scales are taken to be as noisy in proportion.
SPREADS: dict[Method, Spread] = {
    "mushra": Spread(14.0, 6.0, (5.0, 10.0)),
    "bs1116": Spread(0.6, 0.25, (0.2, 0.4)),
    "acr": Spread(0.8, 0.3, (0.25, 0.5)),
    "dcr": Spread(0.8, 0.3, (0.25, 0.5)),
    "ccr": Spread(0.9, 0.35, (0.25, 0.5)),
}
SHARES: dict[Method, tuple[float, ...]] = {
    "ab": (0.6, 0.7),
    "abx": (0.6, 0.7),
}  # right or preferred


def listeners_for_difference(difference: float, spread: Spread, n_items: int) -> int:
    r"""Fewest listeners for whom a paired t test sees a difference between two conditions.

    Each listener's difference, averaged over items, has the standard deviation

    .. math:: \sigma_d = \sqrt{2 (\tau^2 + \sigma^2 / n)}

    with the taste :math:`\tau`, the scatter of a rating :math:`\sigma` and :math:`n` items. The
    power comes from the noncentral t distribution (Cohen, 1988, 2.2), two-sided at 5 %, and is to
    reach 80 %.

    Args:
        difference: in points of the scale.
        spread: how ratings scatter.
        n_items: that each listener rates at both conditions.

    >>> listeners_for_difference(10.0, Spread(14.0, 6.0, ()), 12)
    11
    """
    scatter = math.sqrt(2 * (spread.taste**2 + spread.rating**2 / n_items))
    low, high = 1, 2
    while paired_t_power(difference / scatter, high) < POWER:
        low, high = high, 2 * high
    while high - low > 1:  # the power grows with the number of listeners
        middle = (low + high) // 2
        if paired_t_power(difference / scatter, middle) < POWER:
            low = middle
        else:
            high = middle
    return high


def answers_for_share(share: float) -> int:
    """Fewest answers for which a binomial test (two-sided at 5 %) tells a share from one half.

    From this number on the power stays at 80 % or more. Answers are taken as independent.

    Args:
        share: true share of answers for one side, above 0.5.

    >>> answers_for_share(0.7)
    54
    """
    n = 5
    last_short = n
    while n < 4 * last_short + 40:
        if _binomial_power(share, n) < POWER:
            last_short = n
        n += 1
    return last_short + 1


def power_note(method: Method, n_items: int, trials_per_listener: int) -> tuple[str, ...]:
    """What it takes to see a small and a larger difference, in plain words.

    Args:
        method: how listeners rate.
        n_items: items that one listener rates at two compared conditions.
        trials_per_listener: trials of one session.
    """
    if method in SHARES:
        counts = {share: answers_for_share(share) for share in SHARES[method]}
        verb = "prefer one side" if method == "ab" else "are right"
        return (
            *(
                f"{count} answers per pair of conditions show that {share:.0%} {verb} "
                f"({math.ceil(count / n_items)} listeners with {n_items} items each)."
                for share, count in counts.items()
            ),
            f"Assumed: independent answers, binomial test at {SIGNIFICANCE:.0%}, power "
            f"{POWER:.0%}; {trials_per_listener} trials per listener.",
        )
    spread = SPREADS[method]
    return (
        *(
            f"{listeners_for_difference(difference, spread, n_items)} listeners show a difference "
            f"of {difference:g} points between two conditions."
            for difference in spread.differences
        ),
        f"Assumed: each listener rates {n_items} items at both; a rating scatters by "
        f"{spread.rating:g} points (standard deviation) about its listener's view of the "
        f"condition, and these views by {spread.taste:g}; paired t test at {SIGNIFICANCE:.0%}, "
        f"power {POWER:.0%}, one comparison.",
    )


def _binomial_power(share: float, n: int) -> float:
    # The fewest of n for which the upper tail at one half is small enough.
    critical = int(scipy.stats.binom.isf(SIGNIFICANCE / 2, n, 0.5)) + 1
    return float(scipy.stats.binom.sf(critical - 1, n, share))
