"""``bench mushra``: listening tests, from a run to the analysis of the ratings."""

from __future__ import annotations

import click

from bench.commands.lazy_group import LazyGroup

COMMANDS = {
    "build": "mushra_web.commands.build:build",
    "serve": "mushra_web.commands.serve:serve",
    "results": "mushra_web.commands.results:results",
    "analyze": "mushra_web.commands.analyze:analyze",
    "simulate": "mushra_web.commands.simulate:simulate",
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def mushra() -> None:
    """Build, host and analyse listening tests (MUSHRA, BS.1116, AB, ABX, ACR, DCR, CCR)."""
