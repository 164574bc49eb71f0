"""The result of a listening test in plain words, as a paper would say it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mushra_web.analysis.options import SIGNIFICANCE
from mushra_web.analysis.tables import probability

if TYPE_CHECKING:
    from mushra_web.analysis.analysis import Analysis
    from mushra_web.analysis.comparisons import Comparison


def summary_text(analysis: Analysis) -> str:
    """Paragraphs: who listened, what was found, and what to beware of."""
    parts = [_participants(analysis), *_findings(analysis)]
    parts += [f"Beware: {warning}" for warning in analysis.warnings]
    parts += [
        f"Look at listener {s.listener}: {s.habit} in {s.n_trials} of {s.of_trials} trials."
        for s in analysis.suspicions
    ]
    if analysis.outliers:
        parts.append(
            f"{len(analysis.outliers)} scores lie more than 1.5 quartile distances beyond the "
            "quartiles of their condition and item; they were left in."
        )
    parts += [f"Note: {note}" for note in analysis.notes]
    return "\n".join(parts) + "\n"


def _participants(analysis: Analysis) -> str:
    excluded = analysis.screening.excluded
    total = analysis.n_listeners + len(excluded)
    text = (
        f"{total} listeners took part in the {analysis.method} test {analysis.test} on "
        f"{analysis.n_items} items"
    )
    if analysis.screening.rule == "none":
        return f"{text}; none was screened."
    reasons = "; ".join(f"{e.listener}: {e.reason}" for e in excluded)
    return (
        f"{text}; {len(excluded)} of {total} were excluded by the rule {analysis.screening.rule}"
        + (f" ({reasons})." if excluded else ".")
    )


def _findings(analysis: Analysis) -> Iterator[str]:
    systems = [c for c in analysis.comparisons if c.family == "systems"]
    if systems:
        yield (
            f"Intervals are of 95 % and, like p values, speak of {analysis.options.population} "
            "like these."
        )
    yield from map(_comparison, systems)
    for grade in analysis.grades:
        better = "better" if grade.difference > 0 else "worse"
        yield (
            f"{grade.a} was graded {abs(grade.difference):.2f} points {better} than {grade.b}"
            f"{_interval(grade.ci_low, grade.ci_high, 2)}, {_p(grade.p_wilcoxon)} (Wilcoxon, Holm)."
        )
    for pair in analysis.preference.pairs if analysis.preference else ():
        if pair.share is not None:
            yield (
                f"{pair.a} was preferred to {pair.b} in {100 * pair.share:.1f} % of {pair.n} "
                f"answers, {_p(pair.p)} (binomial, Holm)."
            )
    for result in analysis.abx:
        if result.share is not None:
            yield (
                f"{result.a} and {result.b} were told apart in {result.correct} of {result.n} "
                f"answers ({100 * result.share:.1f} %), {_p(result.p)} (binomial, Holm)."
            )


def _comparison(comparison: Comparison) -> str:
    interval = _interval(comparison.ci_low, comparison.ci_high, 1)
    points = f"{abs(comparison.difference):.1f} points"
    if comparison.p is None:
        return (
            f"{comparison.a} was rated {points} above {comparison.b}; there are too few ratings "
            "for an interval."
        )
    if comparison.p < SIGNIFICANCE:
        return (
            f"{comparison.a} is better than {comparison.b} by {points}{interval}, Holm-corrected "
            f"{_p(comparison.p)}."
        )
    return (
        f"{comparison.a} and {comparison.b} do not differ significantly ({points}{interval}, "
        f"Holm-corrected {_p(comparison.p)}); {_detectable(comparison)}."
    )


def _detectable(comparison: Comparison) -> str:
    if comparison.detectable_difference is None:
        return "the test says nothing about how small a difference it would have found"
    return (
        f"a true difference of {comparison.detectable_difference:.1f} points would have been found "
        "with a power of 80 %"
    )


def _interval(low: float | None, high: float | None, decimals: int) -> str:
    if low is None or high is None:
        return ""
    return f", 95 % CI {low:.{decimals}f} to {high:.{decimals}f}"


def _p(p: float | None) -> str:
    text = probability(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"
