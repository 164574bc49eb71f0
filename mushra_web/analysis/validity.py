"""What a reader of the results must know: weaknesses of the test that the ratings show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mushra_web.analysis.statistics.distribution import BIMODAL, HEAVILY_SKEWED, SKEWED
from mushra_web.listening_test import REFERENCE

if TYPE_CHECKING:
    from mushra_web.analysis.descriptives import ConditionSummary
    from mushra_web.analysis.models import Models
    from mushra_web.analysis.options import Options
    from mushra_web.analysis.ratings_cube import RatingsCube
    from mushra_web.ratings import RatingsTable

MIN_ITEMS = 5  # ITU-R BS.1534-3, 5.2
CEILING = 80.0  # ITU-R BS.1534-3, 10.2: mostly above, and the test may be invalid
MAX_SIGNALS = 12  # in a trial; ITU-R BS.1534-3, 5.3
MIN_LISTENERS_FOR_RANKS = 6  # fewer cannot reach 5 % in a two-sided signed-rank test


def validity_warnings(
    table: RatingsTable,
    cube: RatingsCube,
    conditions: Sequence[ConditionSummary],
    models: Models | None,
    options: Options,
) -> tuple[str, ...]:
    """Warnings in plain words, the gravest first.

    Args:
        table: all ratings.
        cube: those that count.
        conditions: their summaries.
        models: of the systems.
        options: choices of the analysis.
    """
    found = [*_distribution_warnings(conditions, models)]
    if table.method == "mushra":
        found = [*_mushra_warnings(cube, conditions, options), *found]
    if len(cube.listeners) < MIN_LISTENERS_FOR_RANKS:
        found.append(
            f"{len(cube.listeners)} listeners: a signed-rank test of so few cannot reach 5 %."
        )
    missing = [rating for rating in table if rating.score is None]
    if missing:
        found.append(f"{len(missing)} stimuli were not rated.")
    return tuple(found)


def _mushra_warnings(
    cube: RatingsCube, conditions: Sequence[ConditionSummary], options: Options
) -> Iterator[str]:
    names = set(cube.conditions)
    if options.low_anchor not in names and options.mid_anchor not in names:
        yield "no anchor was rated: this is no MUSHRA test after ITU-R BS.1534-3."
    elif options.mid_anchor not in names:
        yield "no mid anchor was rated, which ITU-R BS.1534-3 demands."
    elif options.low_anchor not in names:
        yield "no low anchor was rated, which ITU-R BS.1534-3 demands."
    if options.screening == "none":
        yield "no listener was screened."
    systems = [c for c in conditions if c.condition not in options.hidden]
    high = [c for c in systems if c.median > CEILING]
    if systems and 2 * len(high) > len(systems):
        yield (
            f"{len(high)} of {len(systems)} systems have a median above {CEILING:g}: the test may "
            "not tell them apart (ceiling)."
        )
    if len(cube.items) < MIN_ITEMS:
        yield f"{len(cube.items)} items; ITU-R BS.1534-3 asks for at least {MIN_ITEMS}."
    if len(names) > MAX_SIGNALS:
        yield f"{len(names)} signals were rated; ITU-R BS.1534-3 allows {MAX_SIGNALS} in a trial."
    reference = next((c for c in conditions if c.condition == REFERENCE), None)
    above = [c.condition for c in systems if reference and c.mean >= reference.mean]
    if above:
        yield f"rated no worse than the hidden reference: {', '.join(above)}."


def _distribution_warnings(
    conditions: Sequence[ConditionSummary], models: Models | None
) -> Iterator[str]:
    skew = models.residual_skewness if models else None
    if skew is not None and abs(skew) > HEAVILY_SKEWED:
        yield (
            f"residuals are heavily skewed ({skew:.2f}): use the rank and permutation tests rather "
            "than the analysis of variance."
        )
    elif skew is not None and abs(skew) > SKEWED:
        yield f"residuals are skewed ({skew:.2f}): read the analysis of variance with care."
    bimodal = [
        c.condition for c in conditions
        if c.condition != REFERENCE and c.bimodality is not None and c.bimodality > BIMODAL
    ]  # fmt: skip
    if bimodal:
        yield (
            f"ratings of {', '.join(bimodal)} may fall into two groups (bimodality above 5/9): "
            "look at them by listener and by item."
        )
