"""What a build verifies in the files that it wrote, read back from the disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from bench.alignment import MAX_LAG, estimate_lag
from bench.audio import read_audio
from bench.coding import compare_level
from codec_zoo.samples import Samples
from mushra_web.building.anchors import (
    ATTENUATIONS,
    CUTOFFS,
    MAX_RIPPLE,
    AnchorError,
    AnchorResponse,
    measure_anchor,
)
from mushra_web.building.stimuli import CHANNELS, LSB, loudness
from mushra_web.listening_test import Check, Stimulus, Trial

MAX_LEVEL_ERROR = 0.1  # dB, of a signal that was brought to the level of its reference
MAX_LOUDNESS_ERROR = 0.1  # LU
MAX_END = 4.0  # steps of 24 bits, what dither leaves of the ends of a faded signal


@dataclass(frozen=True, slots=True)
class FileFigures:
    """What was measured in one file against the reference of its item.

    Attributes:
        condition: what the file is.
        lag: samples by which it comes late.
        level_error: difference of level in dB; none for an anchor, which is to lack some.
        end: largest magnitude of the first and last sample, in steps of 24 bits.
        response: of an anchor; none for other files, and where it cannot be measured.
    """

    condition: str
    lag: int
    level_error: float | None
    end: float
    response: AnchorResponse | None


def verify(
    trials: Sequence[Trial],
    references: Mapping[str, Stimulus],
    folder: Path,
    *,
    target: float,
    match_level: bool,
) -> tuple[Check, ...]:
    """Checks over all files of all trials, each with the worst figure found.

    Args:
        trials: test and training.
        references: by item, a file that holds its reference.
        folder: the test folder.
        target: loudness of the references in LUFS.
        match_level: whether signals were brought to the level of their reference.
    """
    figures, loudness_errors = [], []
    for item, stimulus in references.items():
        reference, sample_rate = read_audio(folder / stimulus.file)
        loudness_errors.append(abs(loudness(reference, sample_rate) - target))
        files = [s for trial in trials if trial.item == item for s in trial.files]
        figures += [_measure(reference, s, folder, sample_rate) for s in files]
    n = len(figures)
    levels = [f.level_error for f in figures if f.level_error is not None] if match_level else []
    ends = max(figure.end for figure in figures)
    checks = [
        _check_format(trials, folder),
        _check_sizes(trials, folder),
        _check("lag", max(abs(figure.lag) for figure in figures), 0, "samples", n),
        _check("ends", ends, MAX_END, "steps of 24 bits", n),
        _check(
            f"loudness {target:.1f} LUFS",
            max(loudness_errors),
            MAX_LOUDNESS_ERROR,
            "LU",
            len(loudness_errors),
        ),
    ]
    if levels:
        checks.append(_check("level", max(levels), MAX_LEVEL_ERROR, "dB", len(levels)))
    for anchor in CUTOFFS:
        found = [figure.response for figure in figures if figure.condition == anchor]
        if found:
            checks.append(_check_anchor(anchor, found))
    return tuple(checks)


def _measure(reference: Samples, stimulus: Stimulus, folder: Path, sample_rate: int) -> FileFigures:
    samples, _ = read_audio(folder / stimulus.file)
    lag = estimate_lag(reference, samples, sample_rate, round(MAX_LAG * sample_rate))
    end = float(np.abs(samples[:, [0, -1]]).max()) / LSB
    if stimulus.condition not in CUTOFFS:
        change, _ = compare_level(reference, samples)
        error = float("inf") if change is None else abs(change)
        return FileFigures(stimulus.condition, lag, error, end, None)
    try:
        response = measure_anchor(reference, samples, sample_rate, CUTOFFS[stimulus.condition])
    except AnchorError:
        response = None
    return FileFigures(stimulus.condition, lag, None, end, response)


def _check(name: str, worst: float, limit: float, unit: str, n: int) -> Check:
    return Check(name, worst <= limit, f"{worst:.3g} {unit} at most (limit {limit:g}), {n} files")


def _check_format(trials: Sequence[Trial], folder: Path) -> Check:
    kinds = set()
    for trial in trials:
        for stimulus in trial.files:
            info = soundfile.info(folder / stimulus.file)
            kinds.add((info.format, info.subtype, info.channels, info.samplerate))
    listed = "; ".join(f"{f} {s}, {c} channels, {r} Hz" for f, s, c, r in sorted(kinds))
    passed = len(kinds) == 1 and all(kind[:3] == ("WAV", "PCM_24", CHANNELS) for kind in kinds)
    return Check("format", passed, listed)


def _check_sizes(trials: Sequence[Trial], folder: Path) -> Check:
    unequal = [
        trial.id
        for trial in trials
        if len({(folder / s.file).stat().st_size for s in trial.files}) > 1
        or len({s.n_samples for s in trial.files}) > 1
    ]
    detail = f"equal within each of {len(trials)} trials"
    return Check("sizes", not unequal, f"unequal in {', '.join(unequal)}" if unequal else detail)


def _check_anchor(anchor: str, found: Sequence[AnchorResponse | None]) -> Check:
    measured = [response for response in found if response is not None]
    cutoff = CUTOFFS[anchor] / 1000
    name = f"anchor {cutoff:g} kHz"
    if not measured:
        return Check(name, False, f"no item has energy up to {cutoff:g} kHz")
    ripple = max(response.ripple for response in measured)
    parts = [f"ripple {ripple:.3f} dB (limit {MAX_RIPPLE:g})"]
    for index, (factor, needed) in enumerate(ATTENUATIONS):
        values = [r.attenuations[index] for r in measured]
        heard = [value for value in values if value is not None]
        where = f"from {factor * cutoff:g} kHz"
        if heard:
            parts.append(f"{min(heard):.1f} dB {where} (at least {needed:g}; {len(heard)} files)")
        else:
            parts.append(f"nothing {where} in any item")
    delay = max(abs(response.delay) for response in measured)
    parts.append(f"delay {delay:.2g} samples")
    return Check(name, all(r.is_inside_mask for r in measured), ", ".join(parts))
