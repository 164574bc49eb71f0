"""Scores that are known to mislead, found by holding the metrics of one pair against each other.

ViSQOL compares magnitude spectrograms. A waveform that follows them with phases of its own is
unrelated to the input, and ViSQOL rates it as it rates the input: clips of speech, music and noises
rebuilt from their magnitudes got 4.67 to 4.72 of 4.73 at correlations of -0.19 to 0.18 with the
original, and a HILCodec of 546 training steps got 3.4 where Opus at 6 kbit/s got 3.2. Such a value
must not stand alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

SUSPECT_PREFIX = "visqol_"
MIN_CORRELATION = 0.3  # Opus at 6 kbit/s lies above it on 35 of 36 clips; see the README
MIN_SI_SDR = 10 * math.log10(MIN_CORRELATION**2 / (1 - MIN_CORRELATION**2))  # dB, the same bound
MIN_SUSPECT_SCORE = 2.0  # "poor"; a score below it does not flatter, noise for speech reached 2.8


class ScoredCell(Protocol):
    """One row of results, such as :class:`bench.store.ScoreRow`."""

    @property
    def codec(self) -> str:
        """Name of the codec."""
        ...

    @property
    def bitrate(self) -> int | None:
        """Nominal bitrate in bit/s."""
        ...

    @property
    def item(self) -> str:
        """Id of the item."""
        ...

    @property
    def metric(self) -> str:
        """Name of the metric."""
        ...

    @property
    def value(self) -> float | None:
        """The score, or none."""
        ...


@dataclass(frozen=True, slots=True)
class Flag:
    """A score that misleads.

    Attributes:
        codec: name of the codec.
        bitrate: nominal bitrate in bit/s.
        item: id of the item.
        metric: name of the metric.
        value: its score.
        reason: what contradicts it, for people.
    """

    codec: str
    bitrate: int | None
    item: str
    metric: str
    value: float
    reason: str


_Cell: TypeAlias = tuple[str, int | None, str]


def misleading(scores: Iterable[ScoredCell]) -> list[Flag]:
    """The ViSQOL scores of pairs whose waveforms have nothing to do with each other.

    A score of at least 2 is flagged where ``waveform_correlation`` lies below 0.3 in magnitude, or
    ``si_sdr`` below -10.05 dB, which is the same bound, where the correlation was not measured. A
    pair with neither value cannot be checked and is not flagged. The README of this folder says
    how the bounds were found.

    Args:
        scores: rows in any order, one for each codec, bitrate, item and metric.

    Returns:
        Flags in the order of the flagged rows.

    Raises:
        ValueError: two rows are of the same codec, bitrate, item and metric, as at several losses
            of packets: evidence would be held against the score of another pair.

    >>> from types import SimpleNamespace as Row
    >>> cell = {"codec": "early", "bitrate": 3000, "item": "a"}
    >>> values = {"visqol_audio": 3.43, "si_sdr": -36.0}
    >>> rows = [Row(**cell, metric=name, value=value) for name, value in values.items()]
    >>> [flag.reason for flag in misleading(rows)]
    ['SI-SDR -36.0 dB: waveform unrelated to the reference, or not aligned with it']
    """
    rows = list(scores)
    evidence: dict[_Cell, dict[str, float]] = {}
    for row in rows:
        if row.value is None:
            continue
        known = evidence.setdefault(_cell(row), {})
        if row.metric in known:
            raise ValueError(
                f"two scores of {row.metric} for {row.codec} at {row.bitrate} bit/s on "
                f"{row.item}; one expected: give the rows of one loss of packets at a time."
            )
        known[row.metric] = row.value
    flags = []
    for row in rows:
        if row.value is None or not row.metric.startswith(SUSPECT_PREFIX):
            continue
        contradiction = _contradiction(evidence[_cell(row)])
        if contradiction and row.value >= MIN_SUSPECT_SCORE:
            reason = f"{contradiction}: waveform unrelated to the reference, or not aligned with it"
            flags.append(Flag(row.codec, row.bitrate, row.item, row.metric, row.value, reason))
    return flags


def _cell(row: ScoredCell) -> _Cell:
    return row.codec, row.bitrate, row.item


def _contradiction(values: Mapping[str, float]) -> str:
    if "waveform_correlation" in values:
        correlation = values["waveform_correlation"]
        return f"correlation {correlation:.2f}" if abs(correlation) < MIN_CORRELATION else ""
    si_sdr = values.get("si_sdr", math.inf)
    return f"SI-SDR {si_sdr:.1f} dB" if si_sdr < MIN_SI_SDR else ""
