"""What codecs cost to run: complexity, streaming speed and latency, from the runs' profiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports.figures.scatter import Cost

if TYPE_CHECKING:
    from reports.results import Results

ENCODERS = ("encoder+quantizer", "encoder")  # the part that stands for the whole encoder, if any
MILLION, BILLION = 1e6, 1e9


@dataclass(frozen=True, slots=True)
class ComplexityRow:
    """A codec's object of ``bench complexity --format json``."""

    codec: str
    result: Mapping[str, Any]  # as JSON has it

    def figure(self, *keys: str) -> float | None:
        """A figure by the keys that lead to it; none where it is not there."""
        value: Any = self.result
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return None if value is None else float(value)

    @property
    def published(self) -> Mapping[str, Any] | None:  # as JSON has it
        """What was published about it, if anything."""
        found: Mapping[str, Any] | None = self.result.get("published")
        return found


@dataclass(frozen=True, slots=True)
class StreamingRow:
    """One part of a codec: an object of ``bench stream --format json``."""

    codec: str
    result: Mapping[str, Any]  # as JSON has it


@dataclass(frozen=True, slots=True)
class SystemFigures:
    """Complexity and streaming of all codecs, and why some have none.

    Attributes:
        complexity: a row for each codec.
        streaming: a row for each part of each codec.
        reasons: codec, kind, status and message where there is no result.
    """

    complexity: tuple[ComplexityRow, ...]
    streaming: tuple[StreamingRow, ...]
    reasons: tuple[tuple[str, str, str, str], ...]

    def costs(self) -> list[Cost]:
        """What quality can be drawn against."""
        rows = self.complexity
        return [
            Cost(
                "parameters",
                "parameters [M]",
                _present({r.codec: _over(r.figure("parameters", "total"), MILLION) for r in rows}),
            ),
            Cost(
                "MACs",
                "MACs per second of audio, both ways [G]",
                _present({r.codec: _over(_all_macs(r), BILLION) for r in rows}),
            ),
            Cost(
                "algorithmic latency",
                "algorithmic latency [ms]",
                _present({r.codec: r.figure("latency_ms") for r in rows}),
            ),
            Cost(
                "streaming speed",
                "streaming speed, slower side [times real time, CPU]",
                _present(self._speeds()),
                lower_is_better=False,
            ),
        ]

    def _speeds(self) -> dict[str, float | None]:
        """Real-time factor of the slower of encoder and decoder, for each codec with both."""
        speeds: dict[str, float | None] = {}
        for codec in dict.fromkeys(row.codec for row in self.streaming):
            parts = {
                row.result["part"]: row.result["rtf_cpu"]
                for row in self.streaming
                if row.codec == codec
            }
            encoder = next((parts[name] for name in ENCODERS if name in parts), None)
            if encoder is not None and "decoder" in parts:
                speeds[codec] = min(encoder, parts["decoder"])
        return speeds


def system_figures(results: Results) -> SystemFigures:
    """The profiles of all runs; a codec that several runs have takes its name in the report."""
    complexity, streaming, reasons = [], [], []
    for run, record in enumerate(results.runs):
        names = {c.condition.codec: c.codec for c in results.conditions if c.run == run}
        for profile in record.profiles:
            codec = names.get(profile.codec, profile.codec)
            if profile.status != "ok":
                reasons.append((codec, profile.kind, profile.status, profile.message))
            elif profile.kind == "complexity":
                complexity += [ComplexityRow(codec, result) for result in profile.result]
            else:
                streaming += [StreamingRow(codec, result) for result in profile.result]
    return SystemFigures(tuple(complexity), tuple(streaming), tuple(reasons))


def _all_macs(row: ComplexityRow) -> float | None:
    parts = [
        row.figure("macs_per_second", part)
        for part in ("encoder", "quantizer", "dequantizer", "decoder")
    ]
    return None if parts[0] is None or parts[3] is None else sum(part or 0.0 for part in parts)


def _over(value: float | None, unit: float) -> float | None:
    return None if value is None else value / unit


def _present(values: Mapping[str, float | None]) -> dict[str, float]:
    return {codec: value for codec, value in values.items() if value is not None}
