"""Bjontegaard's average difference of two rate-quality curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.interpolate import PchipInterpolator

MIN_POINTS = 2
USUAL_POINTS = 4  # with fewer the curve between the points is a guess


class NotComparableError(ValueError):
    """The two curves have no BD-rate; the message says why."""


@dataclass(frozen=True, slots=True)
class RateCurve:
    """The log of the bitrate over quality.

    Attributes:
        low: smallest quality.
        high: largest quality.
        n_points: points that it goes through.
        log_rate: the curve.
    """

    low: float
    high: float
    n_points: int
    log_rate: PchipInterpolator


@dataclass(frozen=True, slots=True)
class RateDifference:
    """Average difference of bitrate at equal quality.

    Attributes:
        percent: bitrate of the tested curve over that of the anchor, minus one, in percent;
            negative where the tested one needs less.
        low: smallest quality that both curves reach.
        high: largest quality that both curves reach.
        n_points: points of the curve with fewer of them.
    """

    percent: float
    low: float
    high: float
    n_points: int


def rate_curve(points: Sequence[tuple[float, float]]) -> RateCurve:
    """The curve through points of rate and quality, higher quality being better.

    Piecewise cubics that keep the order of the points (Fritsch and Carlson, 1980); two points are
    joined by a straight line.

    Raises:
        NotComparableError: there are too few points, or quality does not rise with the rate.
    """
    from scipy.interpolate import PchipInterpolator

    ordered = sorted(points)
    rates = [rate for rate, _ in ordered]
    quality = [value for _, value in ordered]
    if len(ordered) < MIN_POINTS:
        raise NotComparableError(f"{len(ordered)} rate; {MIN_POINTS} or more needed")
    if not (np.diff(quality) > 0).all() or not (np.diff(rates) > 0).all():
        raise NotComparableError("quality does not rise with every step of the rate")
    interpolator = PchipInterpolator(quality, np.log(rates))
    return RateCurve(quality[0], quality[-1], len(ordered), interpolator)


def bd_rate(anchor: RateCurve, tested: RateCurve) -> RateDifference:
    r"""Average difference of bitrate at equal quality.

    .. math:: 100 \left(\exp\left[\frac{1}{q_1 - q_0} \int_{q_0}^{q_1}
        (\ln R_B(q) - \ln R_A(q))\, dq\right] - 1\right)

    over the qualities that both reach. Source: Bjontegaard (2001), "Calculation of average PSNR
    differences between RD-curves", VCEG-M33, with :func:`rate_curve` in place of one cubic
    polynomial, which overshoots.

    Raises:
        NotComparableError: the curves share no quality.

    >>> anchor = rate_curve([(1.0, 1.0), (2.0, 2.0)])
    >>> round(bd_rate(anchor, rate_curve([(0.5, 1.0), (1.0, 2.0)])).percent, 6)
    -50.0
    """
    low, high = max(anchor.low, tested.low), min(anchor.high, tested.high)
    if high <= low:
        raise NotComparableError("no quality that both reach")
    first, second = (float(curve.log_rate.integrate(low, high)) for curve in (anchor, tested))
    n_points = min(anchor.n_points, tested.n_points)
    return RateDifference(100 * math.expm1((second - first) / (high - low)), low, high, n_points)
