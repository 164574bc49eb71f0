"""Linear mixed model of ratings: fixed conditions, random listeners and items."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg
import scipy.optimize
import scipy.stats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LARGEST_RATIO = 1e4  # of a component's variance to that of the residual, while searching
SMALLEST_RATIO = 1e-8  # below, a component is none


@dataclass(frozen=True, slots=True)
class MixedModel:
    """What restricted maximum likelihood found.

    Attributes:
        means: estimated mean of each condition.
        covariance: of these means, shape ``(conditions, conditions)``.
        deviations: standard deviation of each random effect by name, and of the ``residual``.
        log_likelihood: restricted.
        n: ratings.
    """

    means: NDArray[np.float64]
    covariance: NDArray[np.float64]
    deviations: dict[str, float]
    log_likelihood: float
    n: int

    def difference(self, first: int, second: int) -> tuple[float, float, float]:
        """Difference of two conditions, its standard error, and its two-sided p by Wald's z."""
        contrast = np.zeros(self.means.size)
        contrast[first], contrast[second] = 1, -1
        difference = float(contrast @ self.means)
        error = math.sqrt(contrast @ self.covariance @ contrast)
        return difference, error, float(2 * scipy.stats.norm.sf(abs(difference) / error))


def mixed_model(
    scores: NDArray[np.float64], conditions: Sequence[int], effects: dict[str, Sequence[int]]
) -> MixedModel:
    r"""Fit ``score ~ condition`` with crossed random effects, by restricted maximum likelihood.

    With :math:`V = I + \sum_k \gamma_k Z_k Z_k^T` for the ratios :math:`\gamma_k` of variances, the
    profiled criterion is

    .. math::

        -2 \ell = \log|V| + \log|X^T V^{-1} X| + (n - p)
        \left(1 + \log \frac{2 \pi\, r^T V^{-1} r}{n - p}\right)

    Source: Patterson and Thompson (1971); Bates et al. (2015), "Fitting linear mixed-effects models
    using lme4", section 3.

    Args:
        scores: one per rating.
        conditions: number of the condition of each rating.
        effects: by the name of a random effect, the number of its level for each rating.

    Raises:
        ValueError: there are too few ratings, or they do not vary.
    """
    n, n_conditions = scores.size, max(conditions) + 1
    if n <= n_conditions + len(effects) or not np.ptp(scores):
        raise ValueError(f"got {n} ratings that {len(effects)} random effects cannot be told from.")
    design = np.eye(n_conditions)[np.asarray(conditions)]
    levels = [np.asarray(level) for level in effects.values()]
    products = _Products(levels, design, scores)

    def criterion(log_ratios: NDArray[np.float64]) -> float:
        return _solve(products, np.exp(log_ratios))[0]

    bounds = [(math.log(SMALLEST_RATIO), math.log(LARGEST_RATIO))] * len(levels)
    best = min(
        (
            scipy.optimize.minimize(
                criterion,
                np.full(len(levels), start),
                method="L-BFGS-B",
                jac="3-point",
                bounds=bounds,
                options={"ftol": 1e-14, "gtol": 1e-8},
            )
            for start in (-3.0, 0.0)
        ),
        key=lambda found: float(found.fun),
    )
    ratios = np.exp(best.x)
    value, means, covariance, variance = _solve(products, ratios)
    deviations = {
        name: math.sqrt(variance * ratio) if ratio > 2 * SMALLEST_RATIO else 0.0
        for name, ratio in zip(effects, ratios, strict=True)
    }
    deviations["residual"] = math.sqrt(variance)
    return MixedModel(means, variance * covariance, deviations, -value / 2, n)


class _Products:
    """Cross products of the model's matrices, which stay the same while the ratios are sought.

    The effect with the most levels is kept apart: its levels do not overlap, so that it is taken
    out level by level, and only the others need a factorisation.
    """

    def __init__(
        self,
        levels: Sequence[NDArray[np.intp]],
        design: NDArray[np.float64],
        scores: NDArray[np.float64],
    ) -> None:
        sizes = [int(level.max()) + 1 for level in levels]
        self.finest = int(np.argmax(sizes))
        others = [number for number in range(len(levels)) if number != self.finest]
        self.owner = np.repeat(others, [sizes[number] for number in others]).astype(int)
        whole = np.hstack(
            [*(np.eye(sizes[number])[levels[number]] for number in others), design, scores[:, None]]
        )
        self.n, self.p = design.shape
        self.counts = np.bincount(levels[self.finest])
        self.sums = np.zeros((self.counts.size, whole.shape[1]))  # within the finest levels
        np.add.at(self.sums, levels[self.finest], whole)
        self.squares = whole.T @ whole


def _solve(
    products: _Products, ratios: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64], float]:
    """Criterion, means, their covariance over the residual variance, and that variance."""
    finest = 1 + ratios[products.finest] * products.counts
    weights = ratios[products.finest] / finest
    squares = products.squares - products.sums.T @ (weights[:, None] * products.sums)
    root, q = np.sqrt(ratios[products.owner]), products.owner.size
    inner = np.eye(q) + root[:, None] * squares[:q, :q] * root
    factor = np.linalg.cholesky(inner)
    half = scipy.linalg.solve_triangular(factor, root[:, None] * squares[:q, q:], lower=True)
    whole = squares[q:, q:] - half.T @ half  # [X y]' inverse(V) [X y], by Woodbury's identity
    p, freedom = products.p, products.n - products.p
    info, moment = whole[:p, :p], whole[:p, p]
    covariance = np.asarray(np.linalg.inv(info), np.float64)
    means = covariance @ moment
    variance = max(float(whole[p, p] - moment @ means) / freedom, np.finfo(float).tiny)
    log_determinants = float(
        np.log(finest).sum() + 2 * np.log(np.diag(factor)).sum() + np.linalg.slogdet(info)[1]
    )
    value = log_determinants + freedom * (1 + math.log(2 * math.pi * variance))
    return float(value), means, covariance, variance
