"""The replies to a test's questionnaire, checked against its questions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from mushra_web.listening_test import Question

MAX_TEXT = 10_000  # characters

Reply = str | float | None


class InvalidReplyError(ValueError):
    """A reply that does not fit its question; the message names it."""


def checked_replies(questions: Sequence[Question], sent: object) -> dict[str, Reply]:
    """The reply to every question; none where an optional one was left open.

    Args:
        questions: of the test.
        sent: what the browser sent: a table of replies by name.

    Raises:
        InvalidReplyError: a reply is missing, unknown or does not fit.
    """
    if not isinstance(sent, Mapping):
        raise InvalidReplyError("the replies are no table.")
    unknown = [str(name) for name in sent if name not in {q.name for q in questions}]
    if unknown:
        raise InvalidReplyError(f"there are no questions {', '.join(unknown)}.")
    return {question.name: _reply(question, sent.get(question.name)) for question in questions}


def _reply(question: Question, given: object) -> Reply:
    if given is None or given == "":
        if question.optional:
            return None
        raise InvalidReplyError(f"question {question.name} needs a reply.")
    if question.kind == "number":
        return _number(question, given)
    if not isinstance(given, str):
        raise InvalidReplyError(f"question {question.name} needs a text.")
    if len(given) > MAX_TEXT:
        raise InvalidReplyError(
            f"the reply to {question.name} has {len(given)} characters; at most {MAX_TEXT} fit."
        )
    if question.kind == "choice" and given not in question.choices:
        raise InvalidReplyError(
            f"the reply to {question.name} is none of {', '.join(question.choices)}."
        )
    return given


def _number(question: Question, given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise InvalidReplyError(f"question {question.name} needs a number.")
    low = -math.inf if question.minimum is None else question.minimum
    high = math.inf if question.maximum is None else question.maximum
    if not low <= given <= high:
        raise InvalidReplyError(
            f"the reply to {question.name} is {given:g}; {low:g} to {high:g} expected."
        )
    return float(given)
