"""The command ``bench``: one module per subcommand, imported when it is asked for."""

from __future__ import annotations

import importlib
import logging

import click

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
    "weights": "bench.commands.weights:weights",
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports only those it needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="codecbench", prog_name="codecbench")
@click.option("-v", "--verbose", is_flag=True, help="Tell more on stderr.")
def main(verbose: bool) -> None:
    """Measure audio codecs the way a good paper does.

    Bitrates are in kbit/s. Results go to stdout, progress to stderr.

    Exit codes: 0 all done; 1 some cells failed; 2 wrong usage; 3 nothing could be measured.
    """
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s: %(message)s"
    )
