"""Tests and models of all systems together: whether they differ at all, and why ratings scatter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.stats import holm
from mushra_web.analysis.statistics.agreement import (
    IntraclassCorrelation,
    intraclass_correlation,
    krippendorff_alpha,
)
from mushra_web.analysis.statistics.distribution import skewness
from mushra_web.analysis.statistics.mixed_model import MixedModel, mixed_model
from mushra_web.analysis.statistics.rank_tests import Friedman, friedman
from mushra_web.analysis.statistics.repeated_measures import Effect, repeated_measures_anova

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mushra_web.analysis.ratings_cube import RatingsCube


@dataclass(frozen=True, slots=True)
class MixedDifference:
    """Difference of two systems in the mixed model; p by Wald's z, adjusted by Holm."""

    a: str
    b: str
    difference: float
    standard_error: float
    p: float


@dataclass(frozen=True, slots=True)
class MixedSummary:
    """``score ~ condition + (1|listener) + (1|item) + (1|listener:item)`` by REML.

    Attributes:
        means: of the systems.
        standard_errors: of these means.
        deviations: standard deviation of each random effect, and of the residual.
        log_likelihood: restricted.
        n: ratings.
        differences: of all pairs.
    """

    means: dict[str, float]
    standard_errors: dict[str, float]
    deviations: dict[str, float]
    log_likelihood: float
    n: int
    differences: tuple[MixedDifference, ...]


@dataclass(frozen=True, slots=True)
class Models:
    """What holds for the systems under test, without hidden reference and anchors.

    Attributes:
        n_complete: listeners who rated everything; tests that need this are of them.
        friedman: ranks of listeners' means; none for two systems.
        anova: condition, item, and how they go together; empty where too little is complete.
        residual_skewness: of the mixed model's condition and listener effects taken out.
        mixed_model: none where too few ratings are there.
        alpha: Krippendorff's, of all ratings of systems.
        intraclass_correlation: none where ratings are missing.
        messages: why something is missing.
    """

    n_complete: int
    friedman: Friedman | None
    anova: tuple[Effect, ...]
    residual_skewness: float | None
    mixed_model: MixedSummary | None
    alpha: float | None
    intraclass_correlation: IntraclassCorrelation | None
    messages: tuple[str, ...]


def fit_models(systems: RatingsCube) -> Models | None:
    """Everything that the systems' ratings allow; none for fewer than two systems.

    Args:
        systems: ratings of the systems under test.
    """
    if len(systems.conditions) < 2:
        return None
    complete = systems.complete()
    n = len(complete.listeners)
    messages = []
    ranks = None
    if n >= 2 and len(systems.conditions) >= 3:
        ranks = friedman(complete.scores.mean(axis=2))
    else:
        messages.append(
            f"no Friedman test: {n} complete listeners, {len(systems.conditions)} systems."
        )
    anova: tuple[Effect, ...] = ()
    try:
        anova = repeated_measures_anova(complete.scores)
    except ValueError as error:
        messages.append(f"no analysis of variance of {n} complete listeners: {error}")
    mixed = None
    try:
        mixed = _mixed(systems)
    except ValueError as error:
        messages.append(f"no mixed model: {error}")
    flat = systems.scores.reshape(len(systems.listeners), -1)
    return Models(
        n_complete=n,
        friedman=ranks,
        anova=anova,
        residual_skewness=_residual_skewness(systems),
        mixed_model=mixed,
        alpha=krippendorff_alpha(flat),
        intraclass_correlation=intraclass_correlation(flat),
        messages=tuple(messages),
    )


def _mixed(systems: RatingsCube) -> MixedSummary:
    listener, condition, item = np.nonzero(~np.isnan(systems.scores))
    effects = {"listener": listener, "item": item}
    together = np.unique(listener * len(systems.items) + item, return_inverse=True)[1]
    if together.max() + 1 < listener.size:
        effects["listener:item"] = together
    found = mixed_model(
        systems.scores[listener, condition, item],
        condition.tolist(),
        {name: levels.tolist() for name, levels in effects.items()},
    )
    errors = np.sqrt(np.diag(found.covariance))
    return MixedSummary(
        dict(zip(systems.conditions, found.means.tolist(), strict=True)),
        dict(zip(systems.conditions, errors.tolist(), strict=True)),
        found.deviations,
        found.log_likelihood,
        found.n,
        _mixed_differences(systems.conditions, found),
    )


def _mixed_differences(names: tuple[str, ...], found: MixedModel) -> tuple[MixedDifference, ...]:
    pairs = [(a, b) for a in range(len(names)) for b in range(a + 1, len(names))]
    differences = [found.difference(a, b) for a, b in pairs]
    adjusted = holm([p for _, _, p in differences])
    return tuple(
        MixedDifference(names[a], names[b], difference, error, p)
        for (a, b), (difference, error, _), p in zip(pairs, differences, adjusted, strict=True)
    )


def _residual_skewness(systems: RatingsCube) -> float | None:
    """Skewness of what conditions on items and levels of listeners leave over."""
    residuals = systems.scores - _known_mean(systems.scores, (1, 2))
    residuals = residuals - _known_mean(residuals, (0,))
    known = residuals[~np.isnan(residuals)]
    return skewness(known)


def _known_mean(scores: NDArray[np.float64], axes: tuple[int, ...]) -> NDArray[np.float64]:
    """Mean over axes of what is there, 0 where nothing is; the axes stay."""
    known = ~np.isnan(scores)
    counts = known.sum(axis=axes, keepdims=True)
    sums = np.where(known, scores, 0.0).sum(axis=axes, keepdims=True)
    return np.asarray(sums / np.maximum(counts, 1))
