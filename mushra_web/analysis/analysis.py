"""The analysis of a listening test: from ratings to what can be said of them."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mushra_web.analysis.choices import AbxResult, PreferenceResult, abx_result, preference_result
from mushra_web.analysis.comparisons import Comparison, compare
from mushra_web.analysis.descriptives import ALL, ConditionSummary, summaries
from mushra_web.analysis.graded_pairs import GradedPair, comparison_grades, difference_grades
from mushra_web.analysis.irregularities import Outlier, Suspicion, outliers, suspicions
from mushra_web.analysis.metric_agreement import (
    MetricAgreement,
    Metrics,
    agreement_by_item,
    item_scores,
)
from mushra_web.analysis.models import Models, fit_models
from mushra_web.analysis.options import SIGNIFICANCE, Options
from mushra_web.analysis.ratings_cube import ratings_cube
from mushra_web.analysis.screening import Rule, Screening, kept, screen
from mushra_web.analysis.statistics.letters import compact_letters
from mushra_web.analysis.validity import validity_warnings
from mushra_web.listening_test import REFERENCE, Method
from mushra_web.ratings import RatingError, RatingsTable

if TYPE_CHECKING:
    from mushra_web.analysis.ratings_cube import RatingsCube
    from mushra_web.analysis.statistics.intervals import Population

SCHEMA_VERSION = 1
SCORED: tuple[Method, ...] = ("mushra", "bs1116", "acr", "dcr")


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a listening test found.

    Attributes:
        test: its id.
        method: how listeners rated.
        options: choices of the analysis.
        n_listeners: whose ratings count, after the screening.
        n_items: that were rated.
        screening: who was left out, with a log.
        outliers: scores beyond the whiskers; they are left in.
        suspicions: listeners who may not have listened; they are left in.
        conditions: the best first; empty for choices between two.
        categories: the same for each category of items.
        comparisons: pairs of conditions.
        letters: conditions that share one do not differ significantly.
        models: tests and models of all conditions together.
        grades: BS.1116 and CCR: differences from the hidden reference, or within pairs.
        preference: AB: shares and strengths.
        abx: ABX: shares of right answers and sensitivities.
        agreement: of the metrics of a run with the scores.
        warnings: what a reader must know.
        notes: what was done to the ratings.
    """

    test: str
    method: Method
    options: Options
    n_listeners: int
    n_items: int
    screening: Screening
    outliers: tuple[Outlier, ...]
    suspicions: tuple[Suspicion, ...]
    conditions: tuple[ConditionSummary, ...]
    categories: tuple[ConditionSummary, ...]
    comparisons: tuple[Comparison, ...]
    letters: dict[str, str]
    models: Models | None
    grades: tuple[GradedPair, ...]
    preference: PreferenceResult | None
    abx: tuple[AbxResult, ...]
    agreement: tuple[MetricAgreement, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    def to_json(self) -> str:
        """The analysis as it is stored; see ``README.md`` beside this for the keys."""
        content = {"schema_version": SCHEMA_VERSION, **dataclasses.asdict(self)}
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def analyse(
    table: RatingsTable, options: Options | None = None, *, metrics: Metrics | None = None
) -> Analysis:
    """Screen the ratings of a test and analyse those that are left.

    Args:
        table: ratings of one test.
        options: choices; the defaults if none are given.
        metrics: of a run, to be compared with the scores.

    Raises:
        RatingError: a MUSHRA test lacks its hidden reference, fewer than two listeners or
            conditions are left, the screening rule cannot be applied, or the run has none of the
            conditions.
    """
    options = options or Options()
    _check(table)
    rule = options.screening or _usual_rule(table, options)
    options = dataclasses.replace(
        options, screening=rule, population=options.population or _usual_population(table)
    )
    screening = _screening(table, rule, options)
    rest = kept(table, screening)
    if len(rest.listeners) < 2:
        raise RatingError(
            f"one listener ({rest.listeners[0]}) is left after the screening by {rule}; at least "
            "two needed for any statement on listeners."
        )
    if table.method in SCORED:
        return _analyse_scores(table, rest, screening, options, metrics)
    if metrics is not None:
        raise RatingError(
            f"metrics are compared with scores on a scale ({', '.join(SCORED)}); this is "
            f"{table.method}."
        )
    return _analyse_pairs(table, rest, screening, options)


def _analyse_scores(
    table: RatingsTable,
    rest: RatingsTable,
    screening: Screening,
    options: Options,
    metrics: Metrics | None,
) -> Analysis:
    assert options.population is not None
    cube = ratings_cube(rest)
    rng = np.random.default_rng(options.seed)
    conditions = summaries(cube, ALL, options.population, rng)
    comparisons = compare(cube, options.hidden, options.population, rng)
    named = tuple(dict.fromkeys(name for name in cube.categories if name))
    categories = tuple(
        summary
        for name in named
        for summary in summaries(cube.in_category(name), name, options.population, rng)
    )
    different = [(c.a, c.b) for c in comparisons if c.p is not None and c.p < SIGNIFICANCE]
    systems = cube.with_conditions(c for c in cube.conditions if c not in options.hidden)
    models = fit_models(systems)
    return Analysis(
        test=table.ratings[0].test,
        method=table.method,
        options=options,
        n_listeners=len(cube.listeners),
        n_items=len(cube.items),
        screening=screening,
        outliers=outliers(cube),
        suspicions=suspicions(table),
        conditions=conditions,
        categories=categories,
        comparisons=comparisons,
        letters=compact_letters(cube.conditions, different),
        models=models,
        grades=difference_grades(rest) if table.method == "bs1116" else (),
        preference=None,
        abx=(),
        agreement=() if metrics is None else _agreement(cube, metrics, rng),
        warnings=validity_warnings(table, cube, conditions, models, options),
        notes=table.notes,
    )


def _analyse_pairs(
    table: RatingsTable, rest: RatingsTable, screening: Screening, options: Options
) -> Analysis:
    return Analysis(
        test=table.ratings[0].test,
        method=table.method,
        options=options,
        n_listeners=len(rest.listeners),
        n_items=len({rating.item for rating in rest}),
        screening=screening,
        outliers=(),
        suspicions=(),
        conditions=(),
        categories=(),
        comparisons=(),
        letters={},
        models=None,
        grades=comparison_grades(rest) if table.method == "ccr" else (),
        preference=preference_result(rest) if table.method == "ab" else None,
        abx=abx_result(rest) if table.method == "abx" else (),
        agreement=(),
        warnings=(),
        notes=table.notes,
    )


def _check(table: RatingsTable) -> None:
    scored = [rating for rating in table if rating.score is not None]
    listeners = {rating.listener for rating in scored}
    conditions = {rating.condition for rating in scored}
    if not scored:
        raise RatingError(f"none of the {len(table)} ratings has a score.")
    if table.method == "mushra" and REFERENCE not in conditions:
        raise RatingError(
            f"no condition is called {REFERENCE!r}: without its hidden reference this is no MUSHRA "
            f"test (ITU-R BS.1534-3, 5.1). Conditions: {', '.join(sorted(conditions))}. Rename the "
            "hidden reference, or set the method to acr."
        )
    if len(listeners) < 2:
        raise RatingError(
            f"there is one listener ({', '.join(listeners)}); at least two expected, and rather "
            "ten or more."
        )
    if len(conditions) < 2:
        raise RatingError(
            f"there is one condition ({', '.join(conditions)}); at least two needed to compare."
        )


def _usual_rule(table: RatingsTable, options: Options) -> Rule:
    if table.method != "mushra":
        return "none"
    if options.mid_anchor in table.conditions:
        return "bs1534-3"
    return "low-anchor" if options.low_anchor in table.conditions else "none"


def _usual_population(table: RatingsTable) -> Population:
    items = {rating.item for rating in table if rating.score is not None}
    return "listeners and items" if len(items) > 1 else "listeners"


def _agreement(
    cube: RatingsCube, metrics: Metrics, rng: np.random.Generator
) -> tuple[MetricAgreement, ...]:
    scores = item_scores(cube)
    if not any(point in values for values in metrics.values.values() for point in scores):
        measured = sorted({condition for v in metrics.values.values() for condition, _ in v})
        raise RatingError(
            "the run has no value for any rated condition and item; rated: "
            f"{', '.join(cube.conditions)} on {', '.join(cube.items[:5])}...; measured: "
            f"{', '.join(measured) or 'nothing'}. Give the run that the test was built from."
        )
    return agreement_by_item(metrics, scores, rng)


def _screening(table: RatingsTable, rule: Rule, options: Options) -> Screening:
    if rule != "none" and table.method != "mushra":
        raise RatingError(f"the rule {rule} is for MUSHRA tests; this is {table.method}.")
    return screen(table, rule, low_anchor=options.low_anchor, mid_anchor=options.mid_anchor)
