"""External programs: finding one, running one, and saying what went wrong."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from codec_zoo.interface import CodecError, ProgramNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

MESSAGE_LINES = 8


class ProgramFailedError(CodecError):
    """An external program ended with an error, did not end, or left no output."""


def find_program(name: str, folder: Path | None = None, hint: str = "") -> Path:
    """Path of a program.

    Args:
        name: name of a program on the search path, or a path; a relative path is taken from
            ``folder``.
        folder: where a relative path starts, and where a name is looked up first.
        hint: what to do if it is missing, for the message.

    Raises:
        ProgramNotFoundError: there is no such executable.
    """
    if folder is not None and (found := shutil.which(str(folder.absolute() / name))):
        return Path(found)
    if found := shutil.which(name):
        return Path(found)
    raise ProgramNotFoundError(
        f"the program {name!r} is not {f'in {folder} nor ' if folder else ''}on the search path. "
        f"{hint or 'Install it, or name it by its full path.'}"
    )


def run_program(command: Sequence[str | Path], timeout: float, folder: Path | None = None) -> None:
    """Run a program without a shell and wait for it.

    Args:
        command: the program and its arguments.
        timeout: seconds after which it is killed with all that it started.
        folder: the working directory.

    Raises:
        ProgramNotFoundError: it cannot be started.
        ProgramFailedError: it ended with another status than 0, or did not end in time.
    """
    arguments = [str(argument) for argument in command]
    name = Path(arguments[0]).name
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            start_new_session=True,
        )
    except OSError as error:
        raise ProgramNotFoundError(
            f"{arguments[0]} cannot be started: {error.strerror}. Is it an executable file?"
        ) from error
    with process:
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as error:
            raise ProgramFailedError(
                f"{name} did not end within {timeout:g} s and was stopped; "
                "give it more time or shorter audio."
            ) from error
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode != 0:
        raise ProgramFailedError(
            f"{name} ended with status {process.returncode}: {_last_lines(errors or output)}"
        )


def read_output(path: Path, program: str) -> bytes:
    """The file that a program was to write.

    Raises:
        ProgramFailedError: it is not there or empty.
    """
    if not path.is_file() or path.stat().st_size == 0:
        raise ProgramFailedError(
            f"{Path(program).name} ended without an error but left no output; "
            "check its arguments in the declaration."
        )
    return path.read_bytes()


def _last_lines(output: bytes) -> str:
    lines = [line.rstrip() for line in output.decode(errors="replace").splitlines()]
    return "\n".join([line for line in lines if line][-MESSAGE_LINES:]) or "it said nothing."
