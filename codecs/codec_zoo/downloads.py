"""Files fetched by URL: continued where they broke off, and checked before they count."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from codec_zoo.weights import RemoteFile

CHUNK_BYTES = 1 << 18
TIMEOUT = 30.0  # s without an answer


class DownloadError(Exception):
    """A file could not be fetched, or is not the one that was expected."""


def download(file: RemoteFile, folder: Path, report: Callable[[int], None]) -> Path:
    """Fetch a file into a folder; a part that is there is continued.

    Args:
        file: what to fetch.
        folder: where to, made if need be.
        report: told the bytes of ``file`` that are here, again and again.

    Returns:
        The file, whose content has the expected hash where one is known.

    Raises:
        DownloadError: the server cannot be reached, breaks off or has another file.
    """
    target = folder / file.name
    if target.is_file() and _is_expected(target, file):
        return target
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{file.name}.part"
    try:
        _continue(file.url, part, report)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
        raise DownloadError(f"{file.url} answered {error.code} {error.reason}.") from error
    except (OSError, http.client.HTTPException) as error:
        kept = part.stat().st_size if part.is_file() else 0
        raise DownloadError(
            f"{file.url} cannot be fetched ({error}); {kept} bytes are here, and fetching again "
            "goes on from them."
        ) from error
    if not _is_expected(part, file):
        found = _sha256(part)
        part.unlink()
        raise DownloadError(
            f"{file.url} has sha256 {found[:12]}..., {file.sha256[:12]}... expected; "
            "the published file has changed or was damaged on the way."
        )
    return part.rename(target)


def _is_expected(path: Path, file: RemoteFile) -> bool:
    return not file.sha256 or _sha256(path) == file.sha256


def _continue(url: str, part: Path, report: Callable[[int], None]) -> None:
    present = part.stat().st_size if part.is_file() else 0
    headers = {"Range": f"bytes={present}-"} if present else {}
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        continued = response.status == http.HTTPStatus.PARTIAL_CONTENT
        present = present if continued else 0
        missing = int(response.headers.get("Content-Length", 0))
        with part.open("ab" if continued else "wb") as sink:
            received = 0
            while chunk := response.read(CHUNK_BYTES):
                sink.write(chunk)
                received += len(chunk)
                report(present + received)
    if received < missing:
        raise ConnectionError(f"broke off after {received} of {missing} bytes")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
