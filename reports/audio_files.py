"""Audio beside the page, or inside it.

A browser lets a page from disk play files beside it but not read their samples, which switching
without a gap needs. Beside each file therefore lies a script that holds the same bytes.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from bench.run_folder import file_stem

if TYPE_CHECKING:
    from reports.examples import Example

MEDIA_TYPES = {".flac": "audio/flac", ".wav": "audio/wav"}


@dataclass(frozen=True, slots=True)
class AudioSource:
    """Where the page finds the audio of a version.

    Attributes:
        address: relative address, or a ``data:`` address.
        script: relative address of the script that holds the bytes; empty for a ``data:`` address.
    """

    address: str
    script: str = ""


@dataclass(frozen=True, slots=True)
class PlacedAudio:
    """Audio of all examples, as the page takes it.

    Attributes:
        sources: of each version of each example.
        n_bytes: that were written beside the page.
    """

    sources: tuple[tuple[AudioSource, ...], ...]
    n_bytes: int


def embed(examples: Sequence[Example]) -> PlacedAudio:
    """Audio as ``data:`` addresses, the files as they are."""
    sources = tuple(
        tuple(
            AudioSource(f"data:{MEDIA_TYPES[version.path.suffix]};base64,{_base64(version.path)}")
            for version in example.versions
        )
        for example in examples
    )
    return PlacedAudio(sources, 0)


def place_beside(examples: Sequence[Example], page: Path) -> PlacedAudio:
    """Copy audio into a folder beside the page; files of a run below the page's folder stay there.

    Args:
        examples: whose audio is placed.
        page: path of the page; ``report.html`` gets ``report_audio``.
    """
    folder = page.with_name(f"{page.stem}_audio")
    folder.mkdir(exist_ok=True)
    for left in folder.glob("[0-9]*-[0-9]*-*.*"):  # of a report written before
        left.unlink()
    base = page.parent.resolve()
    n_bytes = 0
    sources = []
    for number, example in enumerate(examples):
        placed = []
        for index, version in enumerate(example.versions):
            stem = f"{number}-{index}-{file_stem(version.label)[:60]}"
            path = version.path.resolve()
            if not path.is_relative_to(base):
                path = folder.resolve() / f"{stem}{version.path.suffix}"
                shutil.copyfile(version.path, path)
                n_bytes += path.stat().st_size
            script = folder.resolve() / f"{stem}.js"
            key = json.dumps(f"{number}-{index}")
            script.write_text(
                f'codecbenchAudio({key},"{_base64(version.path)}")\n', encoding="ascii"
            )
            n_bytes += script.stat().st_size
            placed.append(AudioSource(_relative(path, base), _relative(script, base)))
        sources.append(tuple(placed))
    return PlacedAudio(tuple(sources), n_bytes)


def _relative(path: Path, base: Path) -> str:
    return quote(os.path.relpath(path, base))


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
