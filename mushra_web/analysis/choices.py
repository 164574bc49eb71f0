"""Results of preference (AB) and discrimination (ABX) tests."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.stats import holm
from mushra_web.analysis.statistics.preference import (
    NoStrengthsError,
    abx_d_prime,
    binomial_share,
    bradley_terry,
)
from mushra_web.listening_test import UNKNOWN_PREFIX
from mushra_web.ratings import RatingError

if TYPE_CHECKING:
    from mushra_web.ratings import Rating, RatingsTable

NO_PREFERENCE = 0.5


@dataclass(frozen=True, slots=True)
class Preference:
    """Answers on a pair.

    Attributes:
        a: a condition.
        b: another.
        n: answers with a preference.
        n_without: answers without one, left out of the share and its test.
        share: of the answers with a preference, for ``a``; none without any.
        ci_low: lower end of its exact 95 % interval.
        ci_high: its upper end.
        p: binomial test, adjusted by Holm over all pairs.
    """

    a: str
    b: str
    n: int
    n_without: int
    share: float | None
    ci_low: float | None
    ci_high: float | None
    p: float | None


@dataclass(frozen=True, slots=True)
class PreferenceResult:
    """All pairs, and strengths after Bradley and Terry.

    Attributes:
        pairs: what was preferred.
        strengths: log strength of each condition, mean 0; empty where there are none.
        message: why there are none.
    """

    pairs: tuple[Preference, ...]
    strengths: dict[str, float]
    message: str = ""


@dataclass(frozen=True, slots=True)
class AbxResult:
    """Right answers on a pair.

    Attributes:
        a: a condition.
        b: another.
        n: answers.
        n_undecided: left out.
        correct: right answers.
        share: of them; none without answers.
        ci_low: lower end of its exact 95 % interval.
        ci_high: its upper end.
        p: two-sided binomial test against guessing, adjusted by Holm over all pairs.
        d_prime: sensitivity of an unbiased listener; none without answers.
    """

    a: str
    b: str
    n: int
    n_undecided: int
    correct: int
    share: float | None
    ci_low: float | None
    ci_high: float | None
    p: float | None
    d_prime: float | None


def preference_result(table: RatingsTable) -> PreferenceResult:
    """Shares and strengths of an AB test.

    Raises:
        RatingError: a trial has not two scores that add up to 1.
    """
    answers: dict[tuple[str, str], list[float]] = defaultdict(list)
    wins: dict[tuple[str, str], float] = defaultdict(float)
    for page in pages(table):
        first, second = pair_of(page, total=1.0)
        score = score_of(first)
        answers[first.condition, second.condition].append(score)
        wins[first.condition, second.condition] += score
        wins[second.condition, first.condition] += 1 - score
    pairs = tuple(_preference(a, b, scores) for (a, b), scores in answers.items())
    adjusted = iter(holm([pair.p for pair in pairs if pair.p is not None]))
    pairs = tuple(pair if pair.p is None else replace(pair, p=next(adjusted)) for pair in pairs)
    try:
        return PreferenceResult(pairs, bradley_terry(sorted(table.conditions), wins))
    except NoStrengthsError as error:
        return PreferenceResult(pairs, {}, str(error))


def abx_result(table: RatingsTable) -> tuple[AbxResult, ...]:
    """Shares of right answers and sensitivities of an ABX test.

    Raises:
        RatingError: a trial lacks A, B or the answer on X.
    """
    answers: dict[tuple[str, str], list[float]] = defaultdict(list)
    for page in pages(table):
        unknown = [r for r in page if r.condition.startswith(UNKNOWN_PREFIX)]
        known = sorted(r.condition for r in page if r not in unknown)
        if len(unknown) != 1 or len(known) != 2:
            raise RatingError(f"{_place(page[0])} has not the rows of A, B and X.")
        answers[known[0], known[1]].append(score_of(unknown[0]))
    results = [_abx(a, b, scores) for (a, b), scores in answers.items()]
    adjusted = iter(holm([result.p for result in results if result.p is not None]))
    return tuple(r if r.p is None else replace(r, p=next(adjusted)) for r in results)


def pages(table: RatingsTable) -> list[list[Rating]]:
    """Ratings by session and trial."""
    found: dict[tuple[str, str], list[Rating]] = defaultdict(list)
    for rating in table:
        found[rating.session, rating.trial].append(rating)
    return list(found.values())


def pair_of(page: list[Rating], *, total: float) -> tuple[Rating, Rating]:
    """The two ratings of a page, sorted by condition.

    Raises:
        RatingError: there are not two scores that add up to ``total``.
    """
    if len(page) != 2 or sum(map(score_of, page)) != total:
        raise RatingError(
            f"{_place(page[0])} has the scores {[r.score for r in page]}; two that add up to "
            f"{total:g} expected."
        )
    first, second = sorted(page, key=lambda rating: rating.condition)
    return first, second


def _preference(a: str, b: str, scores: list[float]) -> Preference:
    decided = [score for score in scores if score != NO_PREFERENCE]
    without = len(scores) - len(decided)
    if not decided:
        return Preference(a, b, 0, without, None, None, None, None)
    share = binomial_share(round(sum(decided)), len(decided))
    return Preference(a, b, share.n, without, share.share, share.ci_low, share.ci_high, share.p)


def _abx(a: str, b: str, scores: list[float]) -> AbxResult:
    decided = [score for score in scores if score != NO_PREFERENCE]
    undecided = len(scores) - len(decided)
    if not decided:
        return AbxResult(a, b, 0, undecided, 0, None, None, None, None, None)
    correct = round(sum(decided))
    share = binomial_share(correct, len(decided))
    return AbxResult(
        a, b, share.n, undecided, correct, share.share, share.ci_low, share.ci_high, share.p,
        abx_d_prime(correct, share.n),
    )  # fmt: skip


def score_of(rating: Rating) -> float:
    """The score of a rating.

    Raises:
        RatingError: it has none.
    """
    if rating.score is None:
        raise RatingError(f"{_place(rating)} has a stimulus without a score.")
    return rating.score


def _place(rating: Rating) -> str:
    return f"session {rating.session!r}, trial {rating.trial!r}"
