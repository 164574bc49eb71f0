"""Opinion scores: how a condition differs from the hidden reference, or from no difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.stats import mean_with_interval
from mushra_web.analysis.statistics.rank_tests import wilcoxon_p

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.stats import Mean


@dataclass(frozen=True, slots=True)
class OpinionDifference:
    """Mean difference over listeners with its 95 % interval, and Wilcoxon's p."""

    mean: Mean
    wilcoxon: float


def opinion_difference(differences: NDArray[np.float64]) -> OpinionDifference:
    """Comparison mean opinion score (CCR), or mean difference grade (BS.1116), over listeners.

    Source: ITU-T P.800, annex E; ITU-R BS.1116-3, section 9.

    Args:
        differences: mean of each listener; one or more.

    Raises:
        ValueError: there are none.
    """
    return OpinionDifference(mean_with_interval(differences.tolist()), wilcoxon_p(differences))
