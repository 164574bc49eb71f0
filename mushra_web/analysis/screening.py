"""Post-screening: which listeners are left out, by a named rule, and the log that shows why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from mushra_web.listening_test import LOW_ANCHOR, MID_ANCHOR, REFERENCE
from mushra_web.ratings import Rating, RatingError, RatingsTable

Rule = Literal["bs1534-3", "low-anchor", "none"]
RULES: tuple[Rule, ...] = ("bs1534-3", "low-anchor", "none")

MIN_REFERENCE_SCORE = 90.0  # ITU-R BS.1534-3, 4.1.2
MAX_ANCHOR_SCORE = 90.0  # ITU-R BS.1534-3, 4.1.2
MAX_SHARE_PERCENT = 15  # of a listener's items; more excludes
MAX_LISTENERS_PERCENT = 25  # who take an item's mid anchor for excellent; more excuses them all


@dataclass(frozen=True, slots=True)
class Finding:
    """What the rule makes of one score.

    Attributes:
        listener: who gave it.
        item: on which item.
        condition: hidden reference or anchor.
        score: the score.
        verdict: ``ok``, ``slip``, or ``excused`` for an anchor that many listeners rated so high.
    """

    listener: str
    item: str
    condition: str
    score: float
    verdict: Literal["ok", "slip", "excused"]


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A listener who is left out, and why."""

    listener: str
    reason: str


@dataclass(frozen=True, slots=True)
class Screening:
    """What a rule decided.

    Attributes:
        rule: its name.
        excluded: listeners who are left out.
        log: one finding for each listener, item and screened condition.
    """

    rule: Rule
    excluded: tuple[Exclusion, ...]
    log: tuple[Finding, ...]


def screen(
    table: RatingsTable, rule: Rule, *, low_anchor: str = LOW_ANCHOR, mid_anchor: str = MID_ANCHOR
) -> Screening:
    """Apply a rule to the ratings of a MUSHRA test.

    ``bs1534-3`` leaves out who rates the hidden reference below 90, or the mid anchor above 90, on
    more than 15 % of the items; a mid anchor that more than 25 % of all listeners rate above 90 on
    an item is no slip there. ``low-anchor`` takes the low anchor for the mid one, without that
    exception. Shares are of the trials that the listener rated. Source: ITU-R BS.1534-3, 4.1.2; Ahn
    et al. (2024), HILCodec, section VI-A, for the second.

    Args:
        table: ratings of a MUSHRA test.
        rule: which rule.
        low_anchor: name of the low anchor's condition.
        mid_anchor: name of the mid anchor's condition.

    Raises:
        RatingError: the rule needs a condition that nobody rated.
    """
    if rule == "none":
        return Screening(rule, (), ())
    anchor = mid_anchor if rule == "bs1534-3" else low_anchor
    _check_has(table, REFERENCE, rule)
    _check_has(table, anchor, rule)
    anchors = [r for r in table if r.condition == anchor]
    excused = _excused_trials(anchors) if rule == "bs1534-3" else frozenset()
    log = (
        *_findings(table, REFERENCE, lambda r: _score(r) < MIN_REFERENCE_SCORE, frozenset()),
        *_findings(anchors, anchor, lambda r: _score(r) > MAX_ANCHOR_SCORE, excused),
    )
    reasons = {
        REFERENCE: f"hidden reference below {MIN_REFERENCE_SCORE:g}",
        anchor: f"{anchor} above {MAX_ANCHOR_SCORE:g}",
    }
    exclusions = []
    for listener in table.listeners:
        found = [
            _described(log, listener, condition, reason) for condition, reason in reasons.items()
        ]
        if any(found):
            exclusions.append(Exclusion(listener, "; ".join(filter(None, found))))
    return Screening(rule, tuple(exclusions), log)


def kept(table: RatingsTable, screening: Screening) -> RatingsTable:
    """The ratings of the listeners who are left.

    Raises:
        RatingError: none is left.
    """
    gone = {exclusion.listener for exclusion in screening.excluded}
    ratings = tuple(rating for rating in table if rating.listener not in gone)
    if not ratings:
        raise RatingError(
            f"the rule {screening.rule} excludes all {len(gone)} listeners: "
            + "; ".join(f"{e.listener}: {e.reason}" for e in screening.excluded[:3])
        )
    return RatingsTable(ratings, table.notes)


def exceeds_share(slips: int, n: int, percent: int) -> bool:
    """Whether ``slips`` of ``n`` are more than a percentage, exactly.

    >>> exceeds_share(3, 20, 15), exceeds_share(2, 12, 15)
    (False, True)
    """
    return 100 * slips > percent * n


def _check_has(table: RatingsTable, condition: str, rule: Rule) -> None:
    if not any(r.condition == condition and r.score is not None for r in table):
        raise RatingError(
            f"the rule {rule} needs ratings of {condition!r}, and there are none; conditions: "
            f"{', '.join(table.conditions)}. Name the anchor, or choose another rule of "
            f"{', '.join(RULES)}."
        )


def _excused_trials(anchors: Iterable[Rating]) -> frozenset[str]:
    """Trials whose mid anchor more than a quarter of the listeners took for excellent."""
    raised: dict[str, list[bool]] = {}
    for rating in anchors:
        if rating.score is not None:
            raised.setdefault(rating.trial, []).append(rating.score > MAX_ANCHOR_SCORE)
    return frozenset(
        trial
        for trial, high in raised.items()
        if exceeds_share(sum(high), len(high), MAX_LISTENERS_PERCENT)
    )


def _findings(
    ratings: Iterable[Rating],
    condition: str,
    is_slip: Callable[[Rating], bool],
    excused: frozenset[str],
) -> Iterable[Finding]:
    for rating in ratings:
        if rating.condition == condition and rating.score is not None:
            slip: Literal["slip", "excused"] = "excused" if rating.trial in excused else "slip"
            verdict = slip if is_slip(rating) else "ok"
            yield Finding(rating.listener, rating.item, condition, rating.score, verdict)


def _described(log: Iterable[Finding], listener: str, condition: str, reason: str) -> str:
    """Why a listener is left out by the scores of one condition; empty if not."""
    own = [f for f in log if f.listener == listener and f.condition == condition]
    slips = sum(finding.verdict == "slip" for finding in own)
    if not exceeds_share(slips, len(own), MAX_SHARE_PERCENT):
        return ""
    return f"{reason} on {slips} of {len(own)} items ({slips / len(own):.1%})"


def _score(rating: Rating) -> float:
    assert rating.score is not None
    return rating.score
