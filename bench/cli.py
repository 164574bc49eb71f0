"""The command ``bench``: one module per subcommand, imported when it is asked for."""

from __future__ import annotations

import logging

import click

from bench.commands.lazy_group import LazyGroup

COMMANDS = {
    "codecs": "bench.commands.codecs:codecs",
    "metrics": "bench.commands.metrics:metrics",
    "run": "bench.commands.run:run",
    "score": "bench.commands.score:score",
    "show": "bench.commands.show:show",
    "export": "bench.commands.export:export",
    "codebooks": "bench.commands.codebooks:codebooks",
    "merge": "bench.commands.merge:merge",
    "complexity": "bench.commands.complexity:complexity",
    "stream": "bench.commands.stream:stream",
    "mushra": "mushra_web.commands.group:mushra",
    "baseline": "bench.commands.baseline:baseline",
    "gate": "bench.commands.gate:gate",
    "report": "reports.commands:report",
    "weights": "bench.commands.weights:weights",
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="codecbench", prog_name="codecbench")
@click.option("-v", "--verbose", is_flag=True, help="Tell more on stderr.")
def main(verbose: bool) -> None:
    """Measure audio codecs the way a good paper does.

    Bitrates are in kbit/s. Results go to stdout, progress to stderr.

    Exit codes: 0 all done; 1 some cells failed, or the gate found a regression;
    2 wrong usage; 3 nothing could be measured; 4 inconclusive under --strict.
    """
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s: %(message)s"
    )
