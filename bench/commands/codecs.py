"""``bench codecs``: what can be measured, and what its weights are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.commands.terminal import format_option, print_json, print_table

if TYPE_CHECKING:
    from codec_zoo.interface import CodecEntry


@click.command()
@format_option
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False),
    help="TOML file whose [codecs.NAME] tables declare external programs.",
)
def codecs(style: str, config: str | None) -> None:
    """List the codecs, their bitrates and whether their weights are here."""
    from dataclasses import asdict
    from pathlib import Path

    from codec_zoo.interface import BitrateRange, CodecError
    from codec_zoo.registry import codec_entries
    from codec_zoo.weights import find_weights, is_preview

    try:
        entries = codec_entries(Path(config) if config else None)
    except CodecError as error:
        raise click.UsageError(str(error)) from error
    listed = []
    for entry in entries.values():
        info = entry.info
        weights, origin = "not needed", ""
        if entry.weights is not None:
            found = find_weights(entry.weights)
            weights, origin = ("present", found[1]) if found else ("absent", "")
        offered = info.bitrates
        listed.append(
            {
                "name": info.name,
                "version": info.version,
                "kind": info.kind,
                "sample_rate": info.sample_rate,
                "channels": info.channels,
                "bitrates": asdict(offered) if isinstance(offered, BitrateRange) else offered,
                "streamable": info.streamable,
                "weights": weights,
                "trained_by": info.trained_by,
                "preview": is_preview(entry.weights, origin),
                "licence": info.licence,
                "paper": info.paper,
            }
        )
    if style == "json":
        print_json(listed)
        return
    print_table(
        ("codec", "Hz", "kbit/s", "weights", "licence"),
        [
            (
                entry.info.name
                + (" (vocoder)" if entry.info.kind == "vocoder" else "")
                + (" (preview)" if row["preview"] else ""),
                str(entry.info.sample_rate),
                _rates(entry.info.offered_bitrates()),
                "program absent" if _lacks_program(entry) else str(row["weights"]),
                entry.info.licence,
            )
            for entry, row in zip(entries.values(), listed, strict=True)
        ],
        fold=2,
    )


def _lacks_program(entry: CodecEntry) -> bool:
    from codec_zoo.interface import ProgramNotFoundError

    try:
        if entry.check is not None:
            entry.check()
    except ProgramNotFoundError:
        return True
    return False


def _rates(offered: str) -> str:
    if not offered:
        return "none"
    rates = offered.split(", ")
    return offered if len(rates) <= 8 else f"{', '.join(rates[:3])}, ... {rates[-1]}"
