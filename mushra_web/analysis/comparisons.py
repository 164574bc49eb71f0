"""Pairs of conditions: how much better one is, and how sure that is."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bench.stats import hochberg, holm, paired_difference, sign_flip_p
from mushra_web.analysis.statistics.intervals import Population, estimate
from mushra_web.analysis.statistics.permutation import median_permutation_p
from mushra_web.analysis.statistics.rank_tests import matched_rank_correlation, wilcoxon_p
from mushra_web.analysis.statistics.sensitivity import detectable_difference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mushra_web.analysis.ratings_cube import RatingsCube

METHODS: dict[Population, str] = {
    "listeners and items": "paired two-way t over listeners and items, Holm",
    "listeners": "paired t over listeners' means, Holm",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Condition ``a`` minus condition ``b``, paired by listener and item.

    Attributes:
        a: the one with the larger mean.
        b: the other.
        family: pairs that are adjusted together: ``systems``, or ``hidden`` for pairs with the
            hidden reference or an anchor.
        n_listeners: who rated both on some item.
        difference: mean difference.
        ci_low: lower end of its 95 % interval.
        ci_high: its upper end.
        p: of the same test as the interval, adjusted by Holm over the family.
        method: which test that is.
        p_unadjusted: before.
        p_hochberg: of the same test, adjusted by Hochberg.
        p_wilcoxon: signed ranks of listeners' mean differences, adjusted by Holm.
        p_sign_flip: sign-flip permutation of them, adjusted by Holm.
        p_medians: permutation of pooled medians after BS.1534-3, attachment 3, adjusted by Holm.
        effect_size: Hedges' g of listeners' mean differences; none where they do not vary.
        rank_correlation: matched-pairs rank-biserial correlation of them.
        detectable_difference: true difference that a test of this size and scatter finds with a
            power of 80 % at 5 %, unadjusted; none where there is no p.
    """

    a: str
    b: str
    family: str
    n_listeners: int
    difference: float
    ci_low: float | None
    ci_high: float | None
    p: float | None
    method: str
    p_unadjusted: float | None
    p_hochberg: float | None
    p_wilcoxon: float
    p_sign_flip: float
    p_medians: float
    effect_size: float | None
    rank_correlation: float
    detectable_difference: float | None


def compare(
    cube: RatingsCube,
    hidden: Sequence[str],
    population: Population,
    rng: np.random.Generator,
) -> tuple[Comparison, ...]:
    """All pairs of conditions that some listener rated on the same item.

    Args:
        cube: the ratings.
        hidden: hidden reference and anchors.
        population: what intervals and p values speak of.
        rng: of the permutations.
    """
    found = [
        _comparison(cube, a, b, "hidden" if {a, b} & set(hidden) else "systems", population, rng)
        for a, b in itertools.combinations(cube.conditions, 2)
        if not np.isnan(cube.difference(a, b)).all()
    ]
    families = dict.fromkeys(comparison.family for comparison in found)
    return tuple(
        adjusted
        for family in families
        for adjusted in _adjusted([c for c in found if c.family == family])
    )


def listener_differences(cube: RatingsCube, a: str, b: str) -> NDArray[np.float64]:
    """Mean difference of each listener who rated both, over the items rated at both."""
    differences = cube.difference(a, b)
    rated = ~np.isnan(differences).all(axis=1)
    return np.asarray(np.nanmean(differences[rated], axis=1))


def _comparison(
    cube: RatingsCube,
    a: str,
    b: str,
    family: str,
    population: Population,
    rng: np.random.Generator,
) -> Comparison:
    found = estimate(cube.difference(a, b), population)
    by_listener = listener_differences(cube, a, b)
    paired = paired_difference(by_listener.tolist(), [0.0] * by_listener.size)
    both = ~np.isnan(cube.difference(a, b))
    return Comparison(
        a=a,
        b=b,
        family=family,
        n_listeners=by_listener.size,
        difference=found.mean.mean,
        ci_low=found.mean.ci_low,
        ci_high=found.mean.ci_high,
        p=found.p,
        method=METHODS[population],
        p_unadjusted=found.p,
        p_hochberg=found.p,
        p_wilcoxon=wilcoxon_p(by_listener),
        p_sign_flip=sign_flip_p(by_listener.tolist(), rng),
        p_medians=median_permutation_p(cube.of(a)[both], cube.of(b)[both], rng),
        effect_size=paired.effect_size,
        rank_correlation=matched_rank_correlation(by_listener),
        detectable_difference=(
            None if found.error is None else detectable_difference(found.error, found.freedom)
        ),
    )


def _adjusted(family: Sequence[Comparison]) -> Iterable[Comparison]:
    tested = [comparison.p_unadjusted for comparison in family]
    known = [p for p in tested if p is not None]
    by_holm, by_hochberg = iter(holm(known)), iter(hochberg(known))
    wilcoxon = holm([comparison.p_wilcoxon for comparison in family])
    flips = holm([comparison.p_sign_flip for comparison in family])
    medians = holm([comparison.p_medians for comparison in family])
    for index, comparison in enumerate(family):
        yield replace(
            comparison,
            p=None if tested[index] is None else next(by_holm),
            p_hochberg=None if tested[index] is None else next(by_hochberg),
            p_wilcoxon=wilcoxon[index],
            p_sign_flip=flips[index],
            p_medians=medians[index],
        )
