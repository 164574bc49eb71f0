"""The web application of one listening test: its page, its interface, and the admin's view."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from mushra_web.listening_test import read_test
from mushra_web.serving.admin import AdminApi
from mushra_web.serving.answers import AnswerStore
from mushra_web.serving.security import RateLimits, RequestError, SecurityHeaders, refusal
from mushra_web.serving.session_api import SessionApi
from mushra_web.serving.stimulus_files import check_files
from mushra_web.serving.webmushra_host import WebMushraHost

PAGE = Path(__file__).parent / "page"


def build_app(folder: Path, *, admin_token: str, webmushra: Path | None = None) -> Starlette:
    """The application that serves a test folder.

    Args:
        folder: what ``bench mushra build`` wrote.
        admin_token: the secret of the admin page.
        webmushra: a checkout of webMUSHRA that is to be served instead of our own page.

    Raises:
        ListeningTestError: the folder holds no test, or its sounds are not those that were built.
        WebMushraError: the checkout is none, or the test has no configuration for it.
        AnswerStoreError: its answers cannot be opened.
    """
    test = read_test(folder)
    check_files(test, folder)
    host = WebMushraHost(webmushra, test, folder) if webmushra is not None else None
    store = AnswerStore(folder)
    routes: list[BaseRoute] = [*AdminApi(test, store, admin_token).routes]
    if host is not None:
        routes += host.routes(store)
    else:
        routes += SessionApi(test, folder, store).routes
        routes.append(Route("/", _index))
    routes.insert(0, Mount("/page", StaticFiles(directory=PAGE)))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        store.close()

    return Starlette(
        routes=routes,
        middleware=[Middleware(SecurityHeaders), Middleware(RateLimits)],
        exception_handlers={RequestError: refusal},
        lifespan=lifespan,
    )


async def _index(_: Request) -> Response:
    return FileResponse(PAGE / "index.html")
