"""What a test could have seen: the smallest difference that it reliably finds."""

from __future__ import annotations

import numpy as np
import scipy.optimize
import scipy.special
import scipy.stats

SIGNIFICANCE = 0.05
POWER = 0.8


def detectable_difference(error: float, freedom: float) -> float | None:
    r"""Smallest true difference that a two-sided t test at 5 % finds with a power of 80 %.

    None below one degree of freedom, where the test finds next to nothing. It depends on the
    scatter alone. Power at the difference that was observed would only say its p
    value in other words. Source: Cohen (1988), Statistical Power Analysis, section 2.2, for the
    noncentral t distribution; Hoenig and Heisey (2001), "The abuse of power".

    Args:
        error: standard error of the difference.
        freedom: degrees of freedom of the test.
    """
    if freedom < 1:
        return None
    critical = float(scipy.special.stdtrit(freedom, 1 - SIGNIFICANCE / 2))

    def missing(shift: float) -> float:
        reached = scipy.stats.nct.sf(critical, freedom, [shift, -shift])  # of either sign
        return float(np.sum(reached)) - POWER

    upper = critical + 1
    while missing(upper) < 0:
        upper *= 1.5
    return float(scipy.optimize.brentq(missing, 0.1, upper)) * error
