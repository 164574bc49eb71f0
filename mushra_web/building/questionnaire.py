"""Questions at the end of a test: the ones asked by default, and what makes a question usable."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mushra_web.listening_test import Question

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")  # webMUSHRA makes it a DOM id and a CSV column

DEFAULT_QUESTIONS = (
    Question("age", "How old are you?", "number", optional=True, minimum=16, maximum=110),
    Question(
        "experience",
        "How much experience do you have with listening tests?",
        "choice",
        choices=("none", "one or two tests", "many tests"),
    ),
    Question("headphones", "Which headphones do you use?", "text", optional=True),
    Question("comments", "Is there anything else we should know?", "long_text", optional=True),
)


def check_questions(questions: Sequence[Question]) -> None:
    """Accept questions whose answers can be stored.

    Raises:
        ValueError: a name is no identifier or is used twice, a choice has fewer than two answers,
            or a smallest number exceeds the largest.
    """
    names = [question.name for question in questions]
    for question in questions:
        where = f"question {question.name!r}"
        if not NAME.fullmatch(question.name):
            raise ValueError(f"{where}: letters, digits and underscores expected, a letter first.")
        if names.count(question.name) > 1:
            raise ValueError(f"{where} is asked twice.")
        if question.kind == "choice" and len(question.choices) < 2:
            raise ValueError(f"{where} has {len(question.choices)} choices; 2 or more expected.")
        if question.kind != "choice" and question.choices:
            raise ValueError(f"{where} has choices, but its kind is {question.kind!r}.")
        low, high = question.minimum, question.maximum
        if low is not None and high is not None and low > high:
            raise ValueError(f"{where}: minimum {low:g} lies above maximum {high:g}.")
