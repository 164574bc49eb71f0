"""Analysis of variance where every listener rates every condition on every item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.stats

if TYPE_CHECKING:
    from numpy.typing import NDArray


LEAST_ERROR = 1e-20  # of all squares; less is rounding


@dataclass(frozen=True, slots=True)
class Effect:
    """One line of the table.

    Attributes:
        name: ``condition``, ``item`` or ``condition x item``.
        f: the F statistic.
        freedom: degrees of freedom of effect and error, uncorrected.
        p: uncorrected for lack of sphericity.
        epsilon_gg: Greenhouse and Geisser's correction; none where listeners are too few for it.
        epsilon_hf: Huynh and Feldt's correction, at most 1.
        p_gg: corrected by the first.
        p_hf: corrected by the second.
        partial_eta_squared: share of the variance that the effect explains.
    """

    name: str
    f: float
    freedom: tuple[int, int]
    p: float
    epsilon_gg: float
    epsilon_hf: float
    p_gg: float
    p_hf: float
    partial_eta_squared: float


def repeated_measures_anova(scores: NDArray[np.float64]) -> tuple[Effect, ...]:
    r"""Two-way repeated-measures analysis: condition, item, and how they go together.

    Each effect is tested against its own interaction with the listeners. For an effect with the
    orthonormal contrasts :math:`C` and :math:`\Sigma` the covariance of scores between listeners,

    .. math::

        \epsilon_{GG} = \frac{\mathrm{tr}(C \Sigma C^T)^2}{d\,\mathrm{tr}((C \Sigma C^T)^2)},
        \quad
        \epsilon_{HF} = \min\left(1,
        \frac{n d \epsilon_{GG} - 2}{d (n - 1 - d \epsilon_{GG})}\right)

    Source: Greenhouse and Geisser (1959); Huynh and Feldt (1976); ITU-R BS.1534-3, attachment 4.

    Args:
        scores: shape ``(listeners, conditions, items)``, none missing.

    Raises:
        ValueError: there are fewer than two listeners, conditions or items, scores are missing, or
            an effect is the same for all listeners, so that there is nothing to test it against.
    """
    if min(scores.shape) < 2:
        raise ValueError(f"got shape {scores.shape}; at least two of everything expected.")
    if np.isnan(scores).any():
        raise ValueError("scores are missing; every listener has to rate everything.")
    _, n_conditions, n_items = scores.shape
    conditions, items = _contrasts(n_conditions), _contrasts(n_items)
    whole_c = np.full((1, n_conditions), n_conditions**-0.5)
    whole_i = np.full((1, n_items), n_items**-0.5)
    return (
        _effect("condition", scores, conditions, whole_i),
        _effect("item", scores, whole_c, items),
        _effect("condition x item", scores, conditions, items),
    )


def _effect(
    name: str,
    scores: NDArray[np.float64],
    conditions: NDArray[np.float64],
    items: NDArray[np.float64],
) -> Effect:
    contrasts = np.kron(conditions, items)  # (contrasts, conditions x items)
    n, d = len(scores), len(contrasts)
    values = scores.reshape(n, -1) @ contrasts.T
    explained = n * float(np.square(values.mean(axis=0)).sum())
    error = float(np.square(values - values.mean(axis=0)).sum())
    if error <= LEAST_ERROR * float(np.square(scores).sum()):
        raise ValueError(f"the effect of {name} is the same for all {n} listeners.")
    freedom = (d, d * (n - 1))
    f = (explained / freedom[0]) / (error / freedom[1])
    gg, hf = _epsilons(values)

    def p(epsilon: float) -> float:
        return float(scipy.stats.f.sf(f, epsilon * freedom[0], epsilon * freedom[1]))

    return Effect(
        name, float(f), freedom, p(1.0), gg, hf, p(gg), p(hf), explained / (explained + error)
    )


def _epsilons(values: NDArray[np.float64]) -> tuple[float, float]:
    n, d = values.shape
    covariance = np.atleast_2d(np.cov(values, rowvar=False))
    square = float(np.square(covariance).sum())
    gg = float(np.trace(covariance)) ** 2 / (d * square) if square else 1.0
    slack = n - 1 - d * gg
    hf = (n * d * gg - 2) / (d * slack) if slack > 0 else 1.0
    return gg, min(1.0, hf)


def _contrasts(n: int) -> NDArray[np.float64]:
    """Orthonormal contrasts of ``n`` levels, shape ``(n - 1, n)``."""
    rows = [np.r_[np.ones(k), -k, np.zeros(n - k - 1)] / np.sqrt(k * (k + 1)) for k in range(1, n)]
    return np.array(rows)
