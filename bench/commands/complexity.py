"""``bench complexity``: parameters and MACs of codecs beside the published figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bench.commands.terminal import (
    FailedError,
    NothingMeasuredError,
    print_json,
    print_table,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NO_VALUE = "-"
CONVENTION = (
    "Parameters: those in use at the given bitrate, weight normalisation as two parameters "
    "(folded: as one kernel); codebooks count where they are trained as parameters.",
    "MACs per second of audio: convolutions by output, transposed ones by input positions, matrix "
    "products, recurrence, attention, spectra, codebook search; encoder without, search with it.",
    "Published MACs are compared under their convention: no spectra, the search counted twice.",
    "Untrained networks of full size; memory is the peak of a fresh process that codes one second.",
)
HEADER = (
    "codec",
    "kbit/s",
    "param [M]",
    "folded",
    "+ books",
    "published",
    "enc [GMAC/s]",
    "search",
    "dec",
    "as published",
    "published MACs",
    "latency [ms]",
    "field",
    "weights [MB]",
    "memory [MB]",
)


@click.command()
@click.option(
    "--codecs", required=True, callback=words, help="Names of neural codecs, comma-separated."
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="A table for people, or JSON or CSV for programs.",
)
def complexity(codecs: tuple[str, ...], style: str) -> None:
    """Count parameters and MACs per second of audio, by part, from the real modules.

    Needs neither weights nor a network. Each codec is measured in a process of its own.
    """
    from bench.complexity.process import measure_in_process
    from codec_zoo.interface import CodecError
    from codec_zoo.registry import codec_entry

    for codec in codecs:
        try:
            codec_entry(codec)
        except (LookupError, CodecError) as error:
            raise click.UsageError(str(error.args[0])) from error
    rows, failures = [], []
    for codec in codecs:
        click.echo(f"measuring {codec}", err=True)
        try:
            rows.append(measure_in_process(codec))
        except CodecError as error:
            failures.append(str(error))
    if not rows:
        raise NothingMeasuredError(" ".join(failures))
    _print(rows, style)
    if failures:
        raise FailedError(" ".join(failures))


def _print(rows: Sequence[Mapping[str, Any]], style: str) -> None:  # rows as JSON takes them
    if style == "json":
        print_json(rows)
    elif style == "csv":
        _print_csv(rows)
    else:
        print_table(HEADER, [_cells(row) for row in rows])
        for line in (*CONVENTION, *_remarks(rows)):
            click.echo(line)


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:  # as JSON takes it
    parameters, macs = row["parameters"], row["macs_per_second"]
    published = row["published"]
    mark = " *" if published and published["macs_not_reproducible"] else ""
    as_published = _pair(macs["paper_convention_encoder"], macs["paper_convention_decoder"])
    return (
        row["codec"],
        f"{row['bitrate'] / 1000:g}",
        _scaled(parameters["total"], 1e6, 3),
        _scaled(parameters["folded"], 1e6, 3),
        _scaled(parameters["total_with_codebooks"], 1e6, 3),
        _scaled(parameters["paper"], 1e6, 2),
        _scaled(macs["encoder"], 1e9, 3),
        _scaled(macs["quantizer"], 1e9, 3),
        _scaled(macs["decoder"], 1e9, 3),
        as_published if published else NO_VALUE,
        _pair(macs["paper_encoder"], macs["paper_decoder"]) + mark if published else NO_VALUE,
        _scaled(row["latency_ms"], 1, 1),
        _scaled(row["encoder_field_samples"], 1, 0),
        _scaled(row["weights_bytes"], 1e6, 1),
        _scaled(row["memory"]["peak_bytes"], 1e6, 0),
    )


def _remarks(rows: Sequence[Mapping[str, Any]]) -> list[str]:  # rows as JSON takes them
    remarks = []
    for row in rows:
        published = row["published"]
        if published is None:
            continue
        remarks.append(f"{row['codec']}: published in {published['source']}.")
        if published["left_out"]:
            counted = _scaled(row["parameters"]["paper_convention"], 1e6, 3)
            remarks.append(
                f"{row['codec']}: published without {', '.join(published['left_out'])}, which "
                f"leaves {counted} M parameters here."
            )
        if published["macs_not_reproducible"]:
            remarks.append(f"* {row['codec']}: {published['macs_not_reproducible']}.")
    return remarks


def _pair(encoder: float | None, decoder: float | None) -> str:
    return f"{_scaled(encoder, 1e9, 2)} / {_scaled(decoder, 1e9, 2)}"


def _scaled(value: float | None, unit: float, decimals: int) -> str:
    return NO_VALUE if value is None else f"{value / unit:.{decimals}f}"


def _print_csv(rows: Sequence[Mapping[str, Any]]) -> None:  # rows as JSON takes them
    """One line per codec; nested keys are joined by dots."""
    import csv
    import sys

    flat = [_flat(row) for row in rows]
    columns = list(dict.fromkeys(key for row in flat for key in row))
    writer = csv.DictWriter(sys.stdout, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)


def _flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:  # as JSON takes it
    flat: dict[str, Any] = {}  # numbers and text
    for key, value in row.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = " ".join(value) if isinstance(value, list) else value
    return flat
