"""Confidence intervals of a mean over listeners and items, for a stated population.

What an interval promises depends on what would be drawn anew if the test were repeated:

- ``listeners and items``: other listeners would hear other items of the same kinds;
- ``listeners``: other listeners would hear the same items.

The interval that papers print, Student's t over all ratings as if they were independent, is right
for neither.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import stdtr, stdtrit

from bench.stats import LEVEL, Mean, mean_with_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

Population = Literal["listeners and items", "listeners"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval, and what that is made of.

    Attributes:
        mean: with the interval; without one where too little is there.
        p: two-sided, against zero, by the same t; none without an interval.
        error: standard error; none without an interval.
        freedom: degrees of freedom.
    """

    mean: Mean
    p: float | None
    error: float | None
    freedom: float


@dataclass(frozen=True, slots=True)
class Components:
    """What makes up the uncertainty of a mean: variance and degrees of freedom of each part."""

    listeners: tuple[float, float]
    items: tuple[float, float]
    rest: tuple[float, float]


def estimate(scores: NDArray[np.float64], population: Population) -> Estimate:
    """Mean of a condition, or of a difference, for a population.

    Args:
        scores: shape ``(listeners, items)``; NaN where a listener did not rate an item.
        population: what the interval speaks of.

    Raises:
        ValueError: there are no scores.
    """
    if population == "listeners":
        return listener_estimate(scores)
    return two_way_estimate(scores)


def listener_estimate(scores: NDArray[np.float64]) -> Estimate:
    """Mean of the listeners' means, with Student's t over listeners; n counts scores.

    Exact for normal effects of listeners, whatever the items do, when each listener rated the same
    items.

    Args:
        scores: shape ``(listeners, items)``; NaN where there is none.

    Raises:
        ValueError: there are no scores.
    """
    known = ~np.isnan(scores)
    means = np.nanmean(scores[known.any(axis=1)], axis=1)
    error = float(means.std(ddof=1)) / math.sqrt(means.size) if means.size > 1 else None
    return _student(float(means.mean()), error, means.size - 1, int(known.sum()))


def two_way_estimate(scores: NDArray[np.float64]) -> Estimate:
    r"""Mean of all scores, with an interval for listeners and items that are both drawn.

    .. math::

        \bar x \pm t_{0.975,\nu} \sqrt{V}, \quad
        V = \frac{MS_L + MS_I - MS_R}{n}, \quad
        \nu = \frac{V^2}{\sum_k (MS_k / n)^2 / \nu_k}

    with the mean squares of listeners, items and rest, and at least the largest of the three parts
    where the estimate falls below. Where scores are missing, sums of residuals per listener and
    item take the place of the first two mean squares. Source: Satterthwaite (1946), "An approximate
    distribution of estimates of variance components"; Cornfield and Tukey (1956), "Average values
    of mean squares in factorials".

    Args:
        scores: shape ``(listeners, items)``; NaN where there is none.

    Returns:
        The mean; n counts scores. There is no interval with fewer than two listeners or items.

    Raises:
        ValueError: there are no scores.
    """
    scores = scores[~np.isnan(scores).all(axis=1)]
    scores = scores[:, ~np.isnan(scores).all(axis=0)]
    if scores.size == 0:
        raise ValueError("a mean of no scores was asked for.")
    n = int(np.count_nonzero(~np.isnan(scores)))
    mean = float(np.nanmean(scores))
    parts = _components(scores)
    if parts is None:
        return _student(mean, None, 0, n)
    (listeners, n_l), (items, n_i), (rest, n_r) = parts.listeners, parts.items, parts.rest
    variance = max(listeners + items - rest, listeners, items, rest)
    spread = listeners**2 / n_l + items**2 / n_i + rest**2 / n_r
    return _student(mean, math.sqrt(variance), variance**2 / spread if spread else 1.0, n)


def pooled_interval(scores: NDArray[np.float64]) -> Mean:
    """Mean of all scores with Student's t as if they were independent, as most papers print it.

    Args:
        scores: any shape; NaN where there is none.

    Raises:
        ValueError: there are no scores.
    """
    return mean_with_interval(scores[~np.isnan(scores)].tolist())


def _student(mean: float, error: float | None, freedom: float, n: int) -> Estimate:
    if error is None:
        return Estimate(Mean(mean, None, None, n), None, None, freedom)
    half = float(stdtrit(freedom, 0.5 + LEVEL / 2)) * error
    ratio = abs(mean) / error if error else math.inf if mean else 0.0
    p = 2 * float(stdtr(freedom, -ratio))
    return Estimate(Mean(mean, mean - half, mean + half, n), p, error, freedom)


def _components(scores: NDArray[np.float64]) -> Components | None:
    known = ~np.isnan(scores)
    n, (n_listeners, n_items) = int(known.sum()), scores.shape
    freedom = n - n_listeners - n_items + 1
    if n_listeners < 2 or n_items < 2 or freedom < 1:
        return None
    centred = np.where(known, scores - np.nanmean(scores), 0.0)
    listeners = n_listeners / (n_listeners - 1) * np.square(centred.sum(axis=1)).sum() / n**2
    items = n_items / (n_items - 1) * np.square(centred.sum(axis=0)).sum() / n**2
    rest = _residual_square(centred, known) / freedom / n
    return Components(
        (float(listeners), n_listeners - 1), (float(items), n_items - 1), (rest, freedom)
    )


def _residual_square(centred: NDArray[np.float64], known: NDArray[np.bool_]) -> float:
    """Sum of squares left by effects of listeners and items that add up."""
    counts = known.astype(np.float64)
    normal = np.block(
        [[np.diag(counts.sum(axis=1)), counts], [counts.T, np.diag(counts.sum(axis=0))]]
    )
    sums = np.concatenate([centred.sum(axis=1), centred.sum(axis=0)])
    effects = np.linalg.lstsq(normal, sums, rcond=None)[0]
    of_listeners, of_items = np.split(effects, [len(centred)])
    residuals = np.where(known, centred - of_listeners[:, None] - of_items, 0.0)
    return float(np.square(residuals).sum())
