"""``bench mushra serve``: the server of a listening test."""

from __future__ import annotations

import errno
import secrets
import socket
from pathlib import Path

import click

from bench.commands.terminal import FailedError

LOOPBACK = "127.0.0.1"
BACKLOG = 2048  # connections that wait to be accepted


@click.command()
@click.argument("test", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--host",
    default=LOOPBACK,
    show_default=True,
    help="Address to listen at; 0.0.0.0 opens the test to the network.",
)
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen at; 0 takes a free one.",
)
@click.option(
    "--webmushra",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A checkout of webMUSHRA to serve instead of the own page; it is not changed.",
)
@click.option(
    "--admin-token",
    envvar="BENCH_MUSHRA_ADMIN_TOKEN",
    show_envvar=True,
    help="Secret of the admin page.  [default: a new one at each start]",
)
def serve(
    test: Path, host: str, port: int, webmushra: Path | None, admin_token: str | None
) -> None:
    """Serve the listening test in TEST until Ctrl-C; answers go to TEST/ratings.sqlite.

    Start it again after an interruption: listeners go on where they were.
    """
    try:
        import uvicorn

        from mushra_web.serving.server import build_app
    except ModuleNotFoundError as error:
        raise FailedError(
            f"{error.name} is not installed; it comes with pip install 'codecbench[listen]'."
        ) from error
    from bench.run_folder import RunFolderError
    from mushra_web.building.webmushra_rules import WebMushraError
    from mushra_web.listening_test import ListeningTestError
    from mushra_web.serving.answers import AnswerStoreError

    token = admin_token or secrets.token_urlsafe(24)
    with _listening(host, port) as listener:
        try:
            app = build_app(test, admin_token=token, webmushra=webmushra)
        except (ListeningTestError, WebMushraError) as error:
            raise click.UsageError(str(error)) from error
        except (AnswerStoreError, RunFolderError) as error:
            raise FailedError(str(error)) from error
        listener.listen(BACKLOG)  # whoever reads the address below is not turned away
        address = _address(host, listener.getsockname()[1])
        click.echo(f"Listeners: {address}/")
        click.echo(f"Admin:     {address}/admin#token={token}")
        click.echo(f"Answers go to {test / 'ratings.sqlite'}. Ctrl-C stops; start again to go on.")
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,  # addresses and participants' ids are nobody's business
            server_header=False,
            timeout_keep_alive=30,
        )
        uvicorn.Server(config).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except socket.gaierror as error:
        raise click.UsageError(f"--host {host} is no address of this machine.") from error
    except OSError as error:
        if listener is not None:
            listener.close()
        if error.errno == errno.EADDRINUSE:
            raise click.UsageError(
                f"port {port} is in use; choose another with --port, or 0 for a free one."
            ) from error
        raise click.UsageError(f"cannot listen at {host}:{port}: {error.strerror}.") from error
    return listener


def _address(host: str, port: int) -> str:
    shown = socket.gethostname() if host in ("0.0.0.0", "::") else host
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
