"""How well listeners agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class IntraclassCorrelation:
    """Agreement of listeners who all rated the same, 1 for perfect.

    Attributes:
        single: reliability of one listener, ICC(2,1).
        average: reliability of the mean over all of them, ICC(2,k).
    """

    single: float
    average: float


def krippendorff_alpha(ratings: NDArray[np.float64]) -> float | None:
    r"""Krippendorff's alpha for interval data; 1 for agreement, 0 for chance.

    .. math:: \alpha = 1 - D_o / D_e

    with the mean squared difference of ratings within a stimulus and over all of them. It takes
    missing ratings. None where all ratings are equal, or no stimulus has two. Source: Krippendorff
    (2011), "Computing Krippendorff's alpha-reliability".

    Args:
        ratings: shape ``(listeners, stimuli)``; NaN where there is none.
    """
    columns = [column[~np.isnan(column)] for column in ratings.T]
    pairable = [column for column in columns if column.size > 1]
    if not pairable:
        return None
    values = np.concatenate(pairable)
    n = values.size
    # sum over pairs of squared differences: 2 m times the sum of squares about the mean
    observed = sum(2 * c.size * np.square(c - c.mean()).sum() / (c.size - 1) for c in pairable) / n
    expected = 2 * n * np.square(values - values.mean()).sum() / (n * (n - 1))
    return float(1 - observed / expected) if expected else None


def intraclass_correlation(ratings: NDArray[np.float64]) -> IntraclassCorrelation | None:
    """Two-way random intraclass correlation for absolute agreement.

    Source: Shrout and Fleiss (1979), "Intraclass correlations", the second of their models. None
    where ratings are missing, do not vary, or are of one listener or stimulus.

    Args:
        ratings: shape ``(listeners, stimuli)``.
    """
    k, n = ratings.shape
    if k < 2 or n < 2 or np.isnan(ratings).any():
        return None
    mean = ratings.mean()
    stimuli = k * float(np.square(ratings.mean(axis=0) - mean).sum()) / (n - 1)
    listeners = n * float(np.square(ratings.mean(axis=1) - mean).sum()) / (k - 1)
    fitted = ratings.mean(axis=0)[None] + ratings.mean(axis=1)[:, None] - mean
    rest = float(np.square(ratings - fitted).sum()) / ((n - 1) * (k - 1))
    single = stimuli + (k - 1) * rest + k * (listeners - rest) / n
    average = stimuli + (listeners - rest) / n
    if single == 0 or average == 0:
        return None
    return IntraclassCorrelation((stimuli - rest) / single, (stimuli - rest) / average)
