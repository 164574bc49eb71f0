"""Tables of a listening test, for Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.export import to_latex, to_markdown
from bench.tables import NO_VALUE, Table

if TYPE_CHECKING:
    from mushra_web.analysis.analysis import Analysis
    from mushra_web.analysis.descriptives import ConditionSummary
    from mushra_web.analysis.metric_agreement import MetricAgreement

LEAST_P = 0.001


def tables(analysis: Analysis) -> tuple[Table, ...]:
    """All tables that the test has results for."""
    found = []
    if analysis.conditions:
        found.append(_condition_table(analysis, "all items", analysis.conditions))
        for category in dict.fromkeys(summary.category for summary in analysis.categories):
            part = [s for s in analysis.categories if s.category == category]
            found.append(_condition_table(analysis, category, part))
        found.append(_comparison_table(analysis))
    if analysis.grades:
        found.append(_grade_table(analysis))
    if analysis.preference:
        found.append(_preference_table(analysis))
    if analysis.abx:
        found.append(_abx_table(analysis))
    if analysis.agreement:
        found.append(agreement_table(analysis.agreement))
    return tuple(found)


def markdown(analysis: Analysis) -> str:
    """All tables in Markdown, each under its title."""
    return "\n".join(f"### {table.title}\n\n{to_markdown(table)}" for table in tables(analysis))


def latex(analysis: Analysis) -> str:
    """All tables in LaTeX with booktabs rules, their titles as comments."""
    return "\n".join(f"% {table.title}\n{to_latex(table)}" for table in tables(analysis))


def probability(p: float | None) -> str:
    """A p value as text, to three decimals; ``< 0.001`` below."""
    if p is None:
        return NO_VALUE
    return f"< {LEAST_P}" if p < LEAST_P else f"{p:.3f}"


def agreement_table(agreement: Sequence[MetricAgreement]) -> Table:
    """How well each metric agrees with the scores."""
    return Table(
        title="Metrics of the run against listening scores",
        header=("metric", "over", "n", "items", "Pearson", "Spearman", "Kendall", "RMSE after fit"),
        rows=tuple(
            (
                a.metric,
                a.level,
                str(a.n),
                str(a.n_items),
                *(
                    NO_VALUE
                    if c is None
                    else f"{c.value:.2f} [{_end(c.ci_low, 2)}, {_end(c.ci_high, 2)}]"
                    for c in (a.pearson, a.spearman, a.kendall, a.rmse)
                ),
            )
            for a in agreement
        ),
        notes=(
            "95 % intervals in brackets, by bootstrap over conditions, or over items with all of "
            "their conditions. A positive correlation means that the metric orders as listeners "
            "do; metrics where less is better are turned round.",
        ),
    )


def _condition_table(
    analysis: Analysis, title: str, conditions: Sequence[ConditionSummary]
) -> Table:
    whole = title == "all items"
    return Table(
        title=f"Scores over {title}",
        header=("condition", "n", "mean", "95 % interval", "median", "IQR")
        + (("group",) if whole else ()),
        rows=tuple(
            (
                s.condition,
                str(s.n),
                f"{s.mean:.1f}",
                f"{_end(s.ci_low)} to {_end(s.ci_high)}",
                f"{s.median:.1f}",
                f"{s.iqr:.1f}",
            )
            + ((analysis.letters.get(s.condition, ""),) if whole else ())
            for s in conditions
        ),
        notes=(
            f"95 % intervals for {analysis.options.population} like these; "
            f"{analysis.n_listeners} listeners, "
            f"screening: {analysis.screening.rule} ({len(analysis.screening.excluded)} excluded).",
            *(("Conditions that share a letter do not differ significantly.",) if whole else ()),
        ),
    )


def _comparison_table(analysis: Analysis) -> Table:
    return Table(
        title="Differences between conditions",
        header=("pair", "difference", "95 % interval", "p", "p Wilcoxon", "p sign flip", "g",
                "detectable"),
        rows=tuple(
            (
                f"{c.a} - {c.b}",
                f"{c.difference:.1f}",
                f"{_end(c.ci_low)} to {_end(c.ci_high)}",
                probability(c.p),
                probability(c.p_wilcoxon),
                probability(c.p_sign_flip),
                NO_VALUE if c.effect_size is None else f"{c.effect_size:.2f}",
                _end(c.detectable_difference),
            )
            for c in analysis.comparisons
        ),
        notes=(
            f"p: {analysis.comparisons[0].method}; all p values adjusted by Holm, among the "
            "systems and among the pairs with reference or anchors. g: Hedges' effect size of "
            "listeners' differences. detectable: true difference that a test of this size finds "
            "with a power of 80 %.",
        )
        if analysis.comparisons
        else (),
    )  # fmt: skip


def _grade_table(analysis: Analysis) -> Table:
    return Table(
        title="Mean difference grades",
        header=("condition", "against", "listeners", "grade", "95 % interval", "p Wilcoxon"),
        rows=tuple(
            (g.a, g.b, str(g.n_listeners), f"{g.difference:.2f}",
             f"{_end(g.ci_low, 2)} to {_end(g.ci_high, 2)}", probability(g.p_wilcoxon))
            for g in analysis.grades
        ),
        notes=("t over listeners' means; p adjusted by Holm.",),
    )  # fmt: skip


def _preference_table(analysis: Analysis) -> Table:
    assert analysis.preference is not None
    strengths = analysis.preference.strengths
    listed = ", ".join(f"{name} {value:.2f}" for name, value in strengths.items())
    return Table(
        title="Preferences",
        header=("a", "b", "answers", "undecided", "prefer a", "95 % interval", "p"),
        rows=tuple(
            (q.a, q.b, str(q.n), str(q.n_without), _share(q.share),
             f"{_share(q.ci_low)} to {_share(q.ci_high)}", probability(q.p))
            for q in analysis.preference.pairs
        ),
        notes=(
            "Exact binomial test and interval, answers taken as independent; p adjusted by Holm.",
            f"Bradley-Terry log strengths: {listed}." if strengths else analysis.preference.message,
        ),
    )  # fmt: skip


def _abx_table(analysis: Analysis) -> Table:
    return Table(
        title="Right answers",
        header=("a", "b", "answers", "undecided", "right", "95 % interval", "p", "d'"),
        rows=tuple(
            (x.a, x.b, str(x.n), str(x.n_undecided), _share(x.share),
             f"{_share(x.ci_low)} to {_share(x.ci_high)}", probability(x.p), _end(x.d_prime, 2))
            for x in analysis.abx
        ),
        notes=("Exact binomial test against guessing; p adjusted by Holm.",),
    )  # fmt: skip


def _end(value: float | None, decimals: int = 1) -> str:
    return NO_VALUE if value is None else f"{value:.{decimals}f}"


def _share(value: float | None) -> str:
    return NO_VALUE if value is None else f"{100 * value:.1f} %"
