"""The admin's view of a running test: progress, listeners, scores so far, and the ratings as CSV.

This is the only part of the server that names items and conditions, and it wants the token.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from mushra_web.listening_test import SCALES, ListeningTest
from mushra_web.presentation import presentation
from mushra_web.serving.answers import Answer, AnswerStore, AnswerStoreError, Session
from mushra_web.serving.security import (
    GUESSES,
    RateLimit,
    RequestError,
    bearer_token,
    client_address,
    same_token,
)

PAGE = Path(__file__).parent / "page"


@dataclass(frozen=True, slots=True)
class Distribution:
    """Scores of one condition: their number, quartiles, extremes and mean."""

    condition: str
    n: int
    minimum: float
    lower_quartile: float
    median: float
    upper_quartile: float
    maximum: float
    mean: float


class AdminApi:
    """The admin's side of one test."""

    def __init__(self, test: ListeningTest, store: AnswerStore, token: str) -> None:
        """Show a test and its answers to whoever has the token."""
        self._test, self._store, self._token = test, store, token
        self._guesses = RateLimit(GUESSES)

    @property
    def routes(self) -> list[Route]:
        """Where it is reached."""
        return [
            Route("/admin", self.page),
            Route("/admin/api/overview", self.overview),
            Route("/admin/api/ratings.csv", self.ratings),
        ]

    async def page(self, _: Request) -> Response:
        """The admin page, which names nothing before it has the token."""
        return FileResponse(PAGE / "admin.html")

    async def overview(self, request: Request) -> Response:
        """Progress and scores so far."""
        self._admit(request)
        try:
            sessions = await run_in_threadpool(self._store.sessions)
            answers = list(await run_in_threadpool(self._store.answers))
        except AnswerStoreError as error:
            raise RequestError(503, str(error)) from error
        return JSONResponse(_overview(self._test, sessions, answers))

    async def ratings(self, request: Request) -> Response:
        """All ratings that were stored, one a row, with items and conditions."""
        self._admit(request)
        from mushra_web.analysis.readers.own import read_store
        from mushra_web.ratings import RatingError, to_csv

        try:
            ratings = await run_in_threadpool(read_store, self._test, self._store)
        except (RatingError, AnswerStoreError) as error:
            raise RequestError(503, str(error)) from error
        headers = {"Content-Disposition": f'attachment; filename="{self._test.id}.csv"'}
        return Response(to_csv(ratings), media_type="text/csv; charset=utf-8", headers=headers)

    def _admit(self, request: Request) -> None:
        if same_token(bearer_token(request), self._token):
            return
        if not self._guesses.admits(client_address(request.scope)):
            raise RequestError(429, "too many wrong tokens from this address; wait a minute.")
        raise RequestError(401, "this needs the token that the server printed when it started.")


def _overview(
    test: ListeningTest, sessions: Sequence[Session], answers: Sequence[Answer]
) -> dict[str, Any]:  # tables of several types
    trials_of: dict[str, set[str]] = defaultdict(set)
    for answer in answers:
        trials_of[answer.session].add(answer.trial)
    done = Counter(trial for trials in trials_of.values() for trial in trials)
    scale = SCALES[test.method]
    return {
        "test": {
            "id": test.id,
            "title": test.title,
            "method": test.method,
            "scale": [scale.minimum, scale.maximum],
        },
        "items": [
            {"item": trial.item, "category": trial.category, "listeners": done[trial.id]}
            for trial in test.trials
        ],
        "listeners": [
            {
                "session": session.id,
                "number": session.listener_number,
                "participant": dict(session.participant),
                "started": session.started,
                "seen": session.seen,
                "finished": session.finished,
                "screening": session.screening,
                "completion": session.completion,
                "trials_done": len(trials_of[session.id]),
                "trials": _n_trials(test, session),
            }
            for session in sessions
        ],
        "conditions": [_as_table(d) for d in distributions(test, answers)],
    }


def distributions(test: ListeningTest, answers: Sequence[Answer]) -> list[Distribution]:
    """Scores by condition, the highest median first; answers to foreign trials are left out."""
    conditions = {
        (trial.id, stimulus.id): stimulus.condition
        for trial in test.trials
        for stimulus in trial.stimuli
    }
    scores: dict[str, list[float]] = defaultdict(list)
    for answer in answers:
        condition = conditions.get((answer.trial, answer.stimulus))
        if condition is not None and answer.score is not None:
            scores[condition].append(answer.score)
    found = [_distribution(condition, values) for condition, values in scores.items()]
    return sorted(found, key=lambda d: (-d.median, -d.mean, d.condition))


def _distribution(condition: str, scores: Sequence[float]) -> Distribution:
    low, lower, median, upper, high = map(float, np.percentile(scores, [0, 25, 50, 75, 100]))
    mean = float(np.mean(scores))
    return Distribution(condition, len(scores), low, lower, median, upper, high, mean)


def _as_table(distribution: Distribution) -> dict[str, object]:
    return {name: getattr(distribution, name) for name in Distribution.__slots__}


def _n_trials(test: ListeningTest, session: Session) -> int:
    if session.listener_number is None:
        return len(test.trials)
    return len(presentation(test, session.listener_number).trials)
