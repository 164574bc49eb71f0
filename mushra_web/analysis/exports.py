"""Ratings as text for other programs."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Callable

from mushra_web.ratings import RatingError, RatingsTable, to_csv

WEBMUSHRA_COLUMNS = (
    "session_test_id", "listener", "session_uuid", "trial_id", "rating_stimulus", "rating_score",
    "rating_time", "rating_comment",
)  # fmt: skip


def to_json(table: RatingsTable) -> str:
    """A list with one object per rating; the keys are the fields of a rating."""
    rows = [dataclasses.asdict(rating) for rating in table]
    return json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_webmushra(table: RatingsTable) -> str:
    """The columns of webMUSHRA's ``mushra.csv``, the listener as the only question.

    A page is named by its item, and by its trial where an item has several.

    Raises:
        RatingError: it is no MUSHRA test, so that it has no such file.
    """
    if table.method != "mushra":
        raise RatingError(
            f"these are ratings of method {table.method}; webMUSHRA's mushra.csv holds mushra only."
        )
    trials: dict[str, set[str]] = {}
    for rating in table:
        trials.setdefault(rating.item, set()).add(rating.trial)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(WEBMUSHRA_COLUMNS)
    for rating in table:
        several = len(trials[rating.item]) > 1
        writer.writerow(
            (
                rating.test,
                rating.listener,
                rating.session,
                f"{rating.item}/{rating.trial}" if several else rating.item,
                rating.condition,
                "" if rating.score is None else f"{rating.score:g}",
                "" if rating.seconds is None else f"{1000 * rating.seconds:.0f}",
                rating.comment,
            )
        )
    return text.getvalue()


EXPORTS: dict[str, Callable[[RatingsTable], str]] = {
    "csv": to_csv,
    "webmushra": to_webmushra,
    "json": to_json,
}
