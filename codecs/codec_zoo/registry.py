"""Which codecs there are: those of installed packages and those declared in a TOML file."""

from __future__ import annotations

import logging
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from codec_zoo.interface import CodecEntry, CodecError

if TYPE_CHECKING:
    from pathlib import Path

LOGGER = logging.getLogger(__name__)
GROUP = "codecbench.codecs"


def codec_entry(name: str, declarations: Path | None = None) -> CodecEntry:
    """The codec of that name.

    Args:
        name: the codec's name, as ``bench codecs`` lists it.
        declarations: TOML file with ``[codecs.NAME]`` tables for external programs.

    Raises:
        LookupError: no codec has that name; the message lists the known ones.
        CodecError: the package that offers it cannot be loaded.
    """
    declared = _declared(declarations)
    if name in declared:
        return declared[name]
    installed = {point.name: point for point in entry_points(group=GROUP)}
    if name not in installed:
        known = ", ".join(sorted({*declared, *installed}))
        raise LookupError(f"unknown codec {name!r}; known: {known}.")
    return _load(installed[name])


def codec_entries(declarations: Path | None = None) -> dict[str, CodecEntry]:
    """All codecs by name; one whose package cannot be loaded is left out with a warning."""
    entries = {}
    for point in entry_points(group=GROUP):
        try:
            entries[point.name] = _load(point)
        except CodecError as error:
            LOGGER.warning("%s", error)
    return dict(sorted((entries | _declared(declarations)).items()))


def _load(point: EntryPoint) -> CodecEntry:
    try:
        entry = point.load()
    except Exception as error:  # other people's packages raise anything
        raise CodecError(
            f"codec {point.name!r} ({point.value}) cannot be loaded: {error}"
        ) from error
    if not isinstance(entry, CodecEntry):
        raise CodecError(
            f"codec {point.name!r}: {point.value} is a {type(entry).__name__}; "
            "a codec_zoo.interface.CodecEntry expected."
        )
    if entry.info.name != point.name:
        raise CodecError(
            f"codec {point.name!r}: its description calls it {entry.info.name!r}; "
            "one name expected."
        )
    return entry


def _declared(declarations: Path | None) -> dict[str, CodecEntry]:
    if declarations is None:
        return {}
    from codec_zoo.adapters.command import declared_codecs

    return declared_codecs(declarations)
