"""Decoded audio made fit to be compared by ear: one length, lag, level and format per trial.

Nothing is done quietly: lag and gain are returned with the signal and stored with the test.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import warnings
from pathlib import Path

import numpy as np
import pyloudnorm
import soundfile
from numpy.typing import NDArray

from bench.audio import AudioError
from bench.coding import compare_level
from bench.run_folder import write_bytes
from codec_zoo.samples import Samples

CHANNELS = 2  # webMUSHRA plays a mono file in the left ear only
FADE_DURATION = 0.005  # s; ITU-R BS.1534-3, 5.3
MIN_DURATION = 0.5  # s; the shortest loop of ITU-R BS.1534-3, 5.3
PEAK_LIMIT = 10 ** (-1 / 20)  # -1 dB of full scale, room for what a converter overshoots
LSB = 2.0**-23  # step of 24-bit audio
FILE_TIME = (946_684_800, 946_684_800)  # s; one for all files, so that none tells its place


def level_matched(reference: Samples, degraded: Samples) -> tuple[Samples, float]:
    """A decoded signal at the level of its reference, and the gain in dB that was taken out.

    The gain is the ratio of the root mean squares, as ``bench run`` reports it.

    Args:
        reference: shape ``(channels, samples)``.
        degraded: the same shape, aligned.

    Raises:
        AudioError: one of the signals is silent.
    """
    gain_db, reason = compare_level(reference, degraded)
    if gain_db is None:
        raise AudioError(reason)
    return (degraded * 10 ** (-gain_db / 20)).astype(np.float32), gain_db


def loudest_stretch(reference: Samples, n_samples: int) -> int:
    """First sample of the stretch of ``n_samples`` with the most energy.

    >>> loudest_stretch(np.float32([[0, 0, 1, 1, 0]]), 2)
    2
    """
    energy = np.concatenate(([0.0], np.cumsum(np.square(reference, dtype=np.float64).sum(axis=0))))
    return int(np.argmax(energy[n_samples:] - energy[:-n_samples]))


def loudness(samples: Samples, sample_rate: int) -> float:
    """Integrated loudness as it is played, in LUFS (ITU-R BS.1770-4, by pyloudnorm).

    Args:
        samples: shape ``(channels, samples)``; one channel counts as two, since both ears get it.
        sample_rate: in Hz.

    Raises:
        AudioError: the signal is below the gate throughout.
    """
    with warnings.catch_warnings():
        # The mean of no blocks, where all lie below the gate: handled below.
        warnings.simplefilter("ignore", RuntimeWarning)
        value = float(
            pyloudnorm.Meter(sample_rate).integrated_loudness(
                both_ears(samples).T.astype(np.float64)
            )
        )
    if not math.isfinite(value):
        raise AudioError("it has no loudness: it lies below the gate of -70 LUFS throughout.")
    return value


def faded(samples: Samples, sample_rate: int) -> Samples:
    """The signal with raised-cosine ends of 5 ms.

    >>> faded(np.ones((1, 48000), np.float32), 48000)[0, [0, 120, 240]].round(2).tolist()
    [0.0, 0.5, 1.0]
    """
    n = round(FADE_DURATION * sample_rate)
    ramp = np.sin(np.arange(n) * np.pi / (2 * n)) ** 2
    shape = np.ones(samples.shape[1])
    shape[:n], shape[-n:] = ramp, ramp[::-1]
    return (samples * shape).astype(np.float32)


def both_ears(samples: Samples) -> Samples:
    """The signal in two channels; one channel is given to both ears."""
    return np.repeat(samples, CHANNELS, axis=0) if samples.shape[0] == 1 else samples


def to_24_bits(samples: Samples, generator: np.random.Generator) -> NDArray[np.int32]:
    """Integers of 24 bits with triangular dither (Lipshitz, Wannamaker and Vanderkooy, 1992).

    The dither also keeps the hidden reference from being the same file as the open one. Both ears
    get the same dither, so that dual mono stays dual mono.

    Args:
        samples: shape ``(channels, samples)``.
        generator: of the dither.

    Raises:
        AudioError: the signal would clip.
    """
    peak = float(np.abs(samples).max(initial=0.0))
    if peak >= 1.0 - 2 * LSB:
        raise AudioError(f"its peak is {peak:.3f}; below 1 expected. Lower the loudness.")
    uniform = generator.random((2, samples.shape[1]))
    steps = np.rint(samples.astype(np.float64) / LSB + uniform[0] - uniform[1])
    return np.asarray(steps, np.int32)


def write_stimulus(
    path: Path, samples: Samples, sample_rate: int, generator: np.random.Generator
) -> str:
    """Write 24-bit WAV in two channels that tells nothing but its sound; return its hash.

    Files of equal length have equal size and time, and no file carries metadata.

    Raises:
        AudioError: the signal would clip.
    """
    steps = to_24_bits(both_ears(samples), generator)
    content = io.BytesIO()
    soundfile.write(content, steps.T << 8, sample_rate, "PCM_24", format="WAV")
    write_bytes(path, content.getvalue())
    os.utime(path, FILE_TIME)
    return hashlib.sha256(content.getvalue()).hexdigest()
