"""Where a run keeps its files, and how they are written so that a crash leaves none half done."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

MAX_STEM = 120  # bytes; longer names are cut and made unique by a hash
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
SQLITE_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})  # a quota reads as the latter


class RunFolderError(RuntimeError):
    """The run folder cannot be used; the message says why."""


class StorageFullError(RunFolderError):
    """Nothing more can be written; what was finished before is safe."""


def file_stem(item_id: str) -> str:
    """A file name for an item id: readable, unique, and free of separators and control characters.

    >>> file_stem("music/a b")
    'music%2Fa%20b'
    """
    stem = quote(item_id, safe="")
    if stem.startswith("."):
        stem = "%2E" + stem[1:]
    if len(stem) <= MAX_STEM:
        return stem
    return f"{stem[: MAX_STEM - 17]}-{hashlib.sha256(item_id.encode()).hexdigest()[:16]}"


def bitstream_path(folder: Path, condition: str, item_id: str) -> Path:
    """Where the coded bytes of a cell go."""
    return folder / "bitstreams" / file_stem(condition) / f"{file_stem(item_id)}.bin"


def audio_path(folder: Path, condition: str, item_id: str) -> Path:
    """Where the decoded audio of a cell goes, without the suffix of its format."""
    return folder / "audio" / file_stem(condition) / file_stem(item_id)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file that appears under its name only when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        scratch.write_bytes(data)
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def storage_is_full(error: BaseException) -> bool:
    """Whether an error means that the disk or a quota has no room left."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in FULL:
            return True
        # The low byte of SQLite's code is the kind of error.
        if (
            isinstance(seen, sqlite3.Error)
            and getattr(seen, "sqlite_errorcode", 0) & 0xFF in SQLITE_FULL
        ):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run folder; a second run on it is refused.

    Raises:
        RunFolderError: another process holds it, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / "run.lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        if storage_is_full(error):
            raise StorageFullError(f"{folder} cannot be made: {error.strerror}.") from error
        raise RunFolderError(f"{folder} cannot be written: {error.strerror}.") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(handle, 100).decode(errors="replace").strip() or "unknown"
            raise RunFolderError(f"{folder} is in use by another run ({holder}).") from error
        with suppress(OSError):  # a full disk; the name is only there for the message above
            os.ftruncate(handle, 0)
            os.write(handle, f"pid {os.getpid()} on {os.uname().nodename}\n".encode())
        yield
    finally:
        os.close(handle)
