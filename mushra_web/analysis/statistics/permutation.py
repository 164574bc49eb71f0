"""Permutation tests of two conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLES = 10_000  # ITU-R BS.1534-3, attachment 3
DEALS_AT_ONCE = 1000  # for the sake of memory


def median_permutation_p(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    rng: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
) -> float:
    """Two-sided p of a difference of medians, by dealing the pooled ratings anew.

    It ignores that the same listeners rated both, as the recommendation does, and so is the weaker
    test of paired ratings. Source: ITU-R BS.1534-3, attachment 3; the observed deal counts as one,
    after Phipson and Smyth (2010).

    Args:
        first: ratings of a condition.
        second: ratings of another.
        rng: where the deals come from.
        resamples: number of deals.

    Raises:
        ValueError: one of them has no ratings.
    """
    if not first.size or not second.size:
        raise ValueError(f"got {first.size} and {second.size} ratings; some of both expected.")
    values, counts = np.unique(np.concatenate([first, second]), return_counts=True)
    observed = abs(np.median(first) - np.median(second))
    reached = 0
    for start in range(0, resamples, DEALS_AT_ONCE):
        n_deals = min(DEALS_AT_ONCE, resamples - start)
        dealt = rng.multivariate_hypergeometric(counts, first.size, n_deals)
        differences = _medians(values, dealt) - _medians(values, counts - dealt)
        reached += int(np.count_nonzero(np.abs(differences) >= observed - 1e-9))
    return (1 + reached) / (resamples + 1)


def _medians(values: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Median of each row of ``counts``: how often it has each of the rising values."""
    ranks = counts.cumsum(axis=1)
    n = int(ranks[0, -1])
    lower, upper = (values[(ranks > place).argmax(axis=1)] for place in ((n - 1) // 2, n // 2))
    return np.asarray((lower + upper) / 2)


def median_interval(
    scores: NDArray[np.float64], rng: np.random.Generator, *, resamples: int = 2000
) -> tuple[float, float]:
    """95 % interval of the median of a condition, by the percentile bootstrap over listeners.

    Source: ITU-R BS.1534-3, attachment 3, which draws ratings; whole listeners are drawn here, as
    the ratings of one are not independent.

    Args:
        scores: shape ``(listeners, items)``; NaN where there is none.
        rng: where the draws come from.
        resamples: number of draws.
    """
    drawn = rng.integers(0, len(scores), (resamples, len(scores)))
    medians = np.nanmedian(scores[drawn].reshape(resamples, -1), axis=1)
    low, high = np.nanquantile(medians, [0.025, 0.975])
    return float(low), float(high)
