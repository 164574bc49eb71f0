"""``bench stream``: how much faster than real time codecs stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.commands.terminal import (
    FailedError,
    NothingMeasuredError,
    format_option,
    print_json,
    print_table,
    words,
)

if TYPE_CHECKING:
    from bench.streaming import StreamSpeed
    from codec_zoo.streaming import Backend

HEADER = (
    "codec",
    "part",
    "backend",
    "chunk",
    "RTF (CPU)",
    "of passes",
    "RTF (wall)",
    "p50 [ms]",
    "p95",
    "p99",
    "max",
    "jitter",
    "late",
    "ratio",
    "spread",
)
NOTES = (
    "RTF: seconds of audio per second of computing; above 1 is faster than real time.",
    "Ratio: CPU time of a second of audio over that of a fixed workload timed beside it; compare "
    "machines by it, and by nothing else. Spread: its coefficient of variation over the passes.",
    "Untrained networks of full size at the highest default bitrate; warm-up left out.",
)


@click.command()
@click.option(
    "--codecs", required=True, callback=words, help="Names of streaming codecs, comma-separated."
)
@click.option(
    "--chunk",
    type=click.IntRange(min=1),
    help="Samples per push, a multiple of the frame.  [default: one frame]",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Threads that a codec may use.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=2.0,
    show_default=True,
    help="Audio per pass, in seconds.",
)
@click.option(
    "--passes",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Passes over all codecs, interleaved.",
)
@click.option(
    "--backend",
    type=click.Choice(["onnx", "torch"]),
    default="onnx",
    show_default=True,
    help="What runs the networks.",
)
@format_option
def stream(
    codecs: tuple[str, ...],
    chunk: int | None,
    threads: int,
    seconds: float,
    passes: int,
    backend: Backend,
    style: str,
) -> None:
    """Measure streaming speed and latency, chunk by chunk.

    Needs neither weights nor a network.
    """
    from bench.engines import available_cores, pin_threads

    if threads > available_cores():
        raise click.UsageError(
            f"{threads} threads were asked for; this process may use {available_cores()} cores."
        )
    pin_threads()  # before numpy is loaded: the reference workload runs on one

    from dataclasses import asdict

    from bench.streaming import measure_streams, stream_parts
    from bench.streaming_reference import WAITING_LIMIT, ReferenceWorkload, waiting_share
    from codec_zoo.interface import CodecError
    from codec_zoo.registry import codec_entry

    parts, failures = [], []
    for name in codecs:
        try:
            entry = codec_entry(name)
        except (LookupError, CodecError) as error:
            raise click.UsageError(str(error.args[0])) from error
        try:
            parts += stream_parts(
                entry.build(None, "cpu"),
                seconds=seconds,
                chunk_samples=chunk,
                backend=backend,
                threads=threads,
            )
        except (CodecError, ImportError) as error:
            hint = f" (pip install '{entry.requires}')" if isinstance(error, ImportError) else ""
            failures.append(f"{error}{hint}")
    if not parts:
        raise NothingMeasuredError(" ".join(failures))
    waiting = waiting_share(ReferenceWorkload())
    if waiting > WAITING_LIMIT:
        click.echo(
            f"this machine is busy: a process waits {waiting:.0%} of the time for a core. "
            "Wall times are unusable; CPU times and ratios hold.",
            err=True,
        )
    speeds = measure_streams(parts, n_passes=passes)
    if style == "json":
        print_json(
            [asdict(speed) | {"threads": threads, "waiting_share": waiting} for speed in speeds]
        )
    else:
        print_table(HEADER, [_cells(speed) for speed in speeds])
        for note in NOTES:
            click.echo(note)
    if failures:
        raise FailedError(" ".join(failures))


def _cells(speed: StreamSpeed) -> tuple[str, ...]:
    latencies = (speed.p50_ms, speed.p95_ms, speed.p99_ms, speed.max_ms, speed.jitter_ms)
    return (
        speed.codec,
        speed.part,
        speed.backend,
        str(speed.chunk_samples),
        f"{speed.rtf_cpu:.2f}",
        f"{speed.rtf_cpu_low:.2f} to {speed.rtf_cpu_high:.2f}",
        f"{speed.rtf_wall:.2f}",
        *(f"{latency:.2f}" for latency in latencies),
        f"{speed.late_share:.1%}",
        f"{speed.reference_ratio:.2f}",
        "-" if speed.reference_ratio_spread is None else f"{speed.reference_ratio_spread:.1%}",
    )
