"""Choices between two: binomial tests, Bradley-Terry strengths, and d-prime of ABX tests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.optimize
import scipy.stats

MAX_ITERATIONS = 100_000
TOLERANCE = 1e-12


class NoStrengthsError(ValueError):
    """The choices do not determine strengths; the message says why."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share of choices.

    Attributes:
        share: for the first side.
        ci_low: lower end of Clopper and Pearson's exact 95 % interval.
        ci_high: its upper end.
        p: two-sided exact binomial probability against one half.
        n: choices.
    """

    share: float
    ci_low: float
    ci_high: float
    p: float
    n: int


def binomial_share(successes: int, n: int) -> Share:
    """Share of choices for one side, tested against one half.

    Choices of one listener are taken as independent. Source: Clopper and Pearson (1934).

    Raises:
        ValueError: there are no choices.

    >>> round(binomial_share(15, 20).p, 6)
    0.041389
    """
    if n < 1:
        raise ValueError("a share of no choices was asked for.")
    found = scipy.stats.binomtest(successes, n)
    interval = found.proportion_ci(0.95, method="exact")
    return Share(successes / n, float(interval.low), float(interval.high), float(found.pvalue), n)


def bradley_terry(names: Sequence[str], wins: Mapping[tuple[str, str], float]) -> dict[str, float]:
    r"""Strengths of conditions from pairwise choices, on a log scale with mean 0.

    .. math:: P(i \text{ over } j) = \frac{1}{1 + e^{-(s_i - s_j)}}

    A tie counts half for each. Source: Bradley and Terry (1952); Hunter (2004), "MM algorithms for
    generalized Bradley-Terry models", eq. 3.

    Args:
        names: conditions.
        wins: how often the first of a pair was chosen over the second.

    Raises:
        NoStrengthsError: some conditions never won against, or were never compared with, the rest.
    """
    index = {name: number for number, name in enumerate(names)}
    won = np.zeros((len(names), len(names)))
    for (winner, loser), count in wins.items():
        won[index[winner], index[loser]] += count
    reach = np.linalg.matrix_power(np.eye(len(names)) + (won > 0), len(names)) > 0
    if not reach.all():
        weakest = [name for name in names if not reach[index[name]].all()]
        raise NoStrengthsError(
            f"there is no finite strength: {', '.join(weakest)} never won, directly or through "
            "others, against some condition."
        )
    met, total = won + won.T, won.sum(axis=1)
    strengths = np.ones(len(names))
    for _ in range(MAX_ITERATIONS):
        pairs = met / (strengths[:, None] + strengths)
        updated = total / pairs.sum(axis=1)
        updated /= np.exp(np.log(updated).mean())
        step = float(np.abs(updated / strengths - 1).max())
        strengths = updated
        if step < TOLERANCE:
            break
    return dict(zip(names, np.log(strengths).tolist(), strict=True))


def abx_share_correct(d_prime: float) -> float:
    r"""Share of right answers that an unbiased listener of a sensitivity reaches in an ABX test.

    .. math::

        p = \Phi(d'/\sqrt 2)\,\Phi(d'/2) + \Phi(-d'/\sqrt 2)\,\Phi(-d'/2)

    The listener compares X with both by independent observations. Source: Macmillan and Creelman
    (2005), Detection Theory, chapter 9.

    >>> abx_share_correct(0.0)
    0.5
    """
    cdf = scipy.stats.norm.cdf
    return float(
        cdf(d_prime / math.sqrt(2)) * cdf(d_prime / 2)
        + cdf(-d_prime / math.sqrt(2)) * cdf(-d_prime / 2)
    )


def abx_d_prime(correct: int, n: int) -> float:
    """Sensitivity of ABX answers; 0 where no more than half are right.

    All right answers would be infinite: half an answer is taken off then, after Macmillan and
    Kaplan (1985).

    Raises:
        ValueError: there are no answers.
    """
    if n < 1:
        raise ValueError("a sensitivity of no answers was asked for.")
    share = min(correct, n - 0.5) / n
    if share <= 0.5:
        return 0.0
    return float(scipy.optimize.brentq(lambda d: abx_share_correct(d) - share, 0.0, 20.0))
