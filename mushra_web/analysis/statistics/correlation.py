"""How well one series predicts another: correlations, and the error of a monotone fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.optimize
import scipy.stats

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIT_PARAMETERS = 4  # of a third-order polynomial
N_TURNS = 65  # places at which the slope of a fit may touch zero


def pearson(values: NDArray[np.float64], scores: NDArray[np.float64]) -> float | None:
    """Linear correlation, -1 to 1; none where one side does not vary."""
    if not np.ptp(values) or not np.ptp(scores):
        return None
    x, y = values - values.mean(), scores - scores.mean()
    return float((x @ y) / np.sqrt((x @ x) * (y @ y)))


def spearman(values: NDArray[np.float64], scores: NDArray[np.float64]) -> float | None:
    """Correlation of ranks, -1 to 1; none where one side does not vary."""
    return pearson(scipy.stats.rankdata(values), scipy.stats.rankdata(scores))


def kendall(values: NDArray[np.float64], scores: NDArray[np.float64]) -> float | None:
    """Kendall's tau-b, -1 to 1; none where one side does not vary."""
    x = np.sign(values[:, None] - values)
    y = np.sign(scores[:, None] - scores)
    spread = float(np.sqrt(np.square(x).sum() * np.square(y).sum()))
    return float((x * y).sum()) / spread if spread else None


def fit_error(values: NDArray[np.float64], scores: NDArray[np.float64]) -> float | None:
    r"""Root mean square error of the scores about a monotone third-order fit of the values.

    .. math:: \sqrt{\frac{1}{n - 4} \sum_i (y_i - f(x_i))^2}

    None for fewer than five distinct values. Source: ITU-T P.1401 (2020), 7.5.
    """
    if np.unique(values).size <= FIT_PARAMETERS:
        return None
    residuals = scores - monotone_cubic(values, scores)
    return float(np.sqrt(residuals @ residuals / (values.size - FIT_PARAMETERS)))


def monotone_cubic(values: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Best third-order polynomial that does not fall over the range of the values, at the values.

    On :math:`[0, 1]` the slope of such a polynomial is a sum, with weights of at least 0, of
    :math:`t (1 - t)` and of squares :math:`(t - s)^2` with :math:`0 \le s \le 1`, so that the best
    one is found by least squares with such weights; :math:`s` takes 65 values. Source: Karlin and
    Studden (1966), Tchebycheff Systems, chapter 2, for the polynomials; Lawson and Hanson (1974),
    Solving Least Squares Problems, chapter 23, for the weights.

    Args:
        values: at least two different ones.
        scores: one for each.
    """
    t = (values - values.min()) / np.ptp(values)
    free = np.vander(t, FIT_PARAMETERS)
    weights = np.linalg.lstsq(free, scores, rcond=None)[0]
    slope = np.polyval(np.polyder(weights), np.linspace(0, 1, 4 * N_TURNS))
    if slope.min() >= 0:
        return np.asarray(free @ weights)
    turns = np.linspace(0, 1, N_TURNS)
    rises = np.column_stack(
        [
            3 * t**2 - 2 * t**3,
            ((t[:, None] - turns) ** 3 + turns**3) / (1 - 3 * turns + 3 * turns**2),
        ]
    )  # each from 0 to 1
    # The level is free: taken out of both sides, and put back.
    centred = rises - rises.mean(axis=0)
    steps, _ = scipy.optimize.nnls(centred, scores - scores.mean())
    return np.asarray(scores.mean() + centred @ steps)
