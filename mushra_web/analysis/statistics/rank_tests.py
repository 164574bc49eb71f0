"""Tests on ranks, for scores that are not normal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.stats

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Friedman:
    """Whether any condition is ranked otherwise than the rest.

    Attributes:
        chi_square: the statistic, corrected for ties.
        freedom: its degrees of freedom.
        p: by the chi-square distribution.
        kendalls_w: agreement of the listeners, 0 to 1.
        mean_ranks: of each condition, 1 for the lowest score.
        n: listeners.
    """

    chi_square: float
    freedom: int
    p: float
    kendalls_w: float
    mean_ranks: tuple[float, ...]
    n: int


def friedman(scores: NDArray[np.float64]) -> Friedman:
    """Friedman's test of listeners' mean scores.

    Source: Friedman (1937); Kendall and Babington Smith (1939) for W.

    Args:
        scores: shape ``(listeners, conditions)``, none missing.

    Raises:
        ValueError: there are fewer than two listeners or three conditions.
    """
    n, k = scores.shape
    if n < 2 or k < 3:
        raise ValueError(f"got {n} listeners and {k} conditions; at least 2 and 3 expected.")
    ranks = scipy.stats.rankdata(scores, axis=1)
    if not np.ptp(ranks):  # every listener gave every condition the same score
        return Friedman(0.0, k - 1, 1.0, 0.0, tuple(ranks.mean(axis=0).tolist()), n)
    found = scipy.stats.friedmanchisquare(*scores.T)
    chi_square = float(found.statistic)
    return Friedman(
        chi_square,
        k - 1,
        float(found.pvalue),
        chi_square / (n * (k - 1)),
        tuple(ranks.mean(axis=0).tolist()),
        n,
    )


def wilcoxon_p(differences: NDArray[np.float64]) -> float:
    r"""Two-sided p of paired differences by Wilcoxon's signed ranks, exact also for ties.

    Every difference has either sign with a probability of one half, so that the sum of signed ranks
    has the distribution

    .. math:: p = P\left(\left|\sum_i \pm r_i\right| \ge \left|\sum_i s_i r_i\right|\right)

    Zero differences keep their ranks and count for neither sign. Source: Wilcoxon (1945); Pratt
    (1959), "Remarks on zeros and ties in the Wilcoxon signed rank procedures".

    Args:
        differences: one per listener.

    >>> wilcoxon_p(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    0.0625
    """
    nonzero = differences != 0
    # Ranks of ties are halves; doubled, all are whole numbers.
    ranks = np.rint(2 * scipy.stats.rankdata(np.abs(differences))).astype(int)[nonzero]
    observed = abs(int(ranks @ np.sign(differences[nonzero]).astype(int)))
    chances = np.ones(1)  # of each sum of the ranks with a positive sign
    for rank in ranks:
        longer = np.zeros(chances.size + rank)
        longer[: chances.size] += chances / 2
        longer[rank:] += chances / 2
        chances = longer
    sums = 2 * np.arange(chances.size) - int(ranks.sum())
    return min(float(chances[np.abs(sums) >= observed].sum()), 1.0)


def matched_rank_correlation(differences: NDArray[np.float64]) -> float:
    """Effect size that belongs to Wilcoxon's test: -1 to 1, 0 for none.

    The share of rank sums in favour minus the share against. Source: Kerby (2014), "The simple
    difference formula".

    Args:
        differences: one per listener; zeros are left out.
    """
    nonzero = differences[differences != 0]
    if not nonzero.size:
        return 0.0
    ranks = scipy.stats.rankdata(np.abs(nonzero))
    return float(np.sum(ranks * np.sign(nonzero)) / ranks.sum())
