"""The files of a test folder, compared with what its ``test.json`` says of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from mushra_web.listening_test import ListeningTest, ListeningTestError


def check_files(test: ListeningTest, folder: Path) -> None:
    """Accept a test folder in which every sound is the one that was built.

    Raises:
        ListeningTestError: a file is missing, lies outside of the folder or was changed.
    """
    for name, sha256 in _sounds(test):
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ListeningTestError(f"{name} lies outside of the test folder; build it again.")
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ListeningTestError(
                f"{path} cannot be read ({error.strerror}); build the test again."
            ) from error
        if found != sha256:
            raise ListeningTestError(
                f"{path} has sha256 {found[:12]}..., but {sha256[:12]}... was built; "
                "build the test again."
            )


def _sounds(test: ListeningTest) -> Iterator[tuple[str, str]]:
    for trial in (*test.trials, *test.training):
        yield from ((stimulus.file, stimulus.sha256) for stimulus in trial.files)
    if test.volume_stimulus is not None:
        yield test.volume_stimulus.file, test.volume_stimulus.sha256
    yield from ((question.file, question.sha256) for question in test.screening_trials)
