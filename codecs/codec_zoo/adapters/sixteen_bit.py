"""Audio as 16-bit integers, which is what many encoders take: plain rounding, no dither."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from codec_zoo.interface import CodecError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codec_zoo.samples import Samples

FULL_SCALE = 32768.0


def to_int16(samples: Samples, codec: str) -> NDArray[np.int16]:
    """Audio rounded to the nearest of 65536 levels; the shape stays.

    Two's complement has no level at +1, so the top level also takes the half step below it.

    Args:
        samples: audio in [-1, 1), any shape.
        codec: name of the codec that asks, for the message.

    Raises:
        CodecError: a value is outside [-1, 1).

    >>> to_int16(np.array([[-1.0, 0.0, 0.5]], dtype=np.float32), "evs").tolist()
    [[-32768, 0, 16384]]
    """
    check_full_scale(samples, codec)
    levels = np.rint(samples.astype(np.float64) * FULL_SCALE)
    return np.minimum(levels, FULL_SCALE - 1).astype(np.int16)


def from_int16(levels: NDArray[np.int16]) -> Samples:
    """Audio in [-1, 1) as float32; the inverse of :func:`to_int16` up to half a step."""
    return levels.astype(np.float32) / np.float32(FULL_SCALE)


def check_full_scale(samples: Samples, codec: str) -> None:
    """Accept audio in [-1, 1), which integers can hold without clipping.

    Raises:
        CodecError: a value is outside; the message names the peak.
    """
    low, high = float(samples.min()), float(samples.max())
    if low < -1.0 or high >= 1.0:
        peak = high if high >= -low else low
        raise CodecError(
            f"{codec} codes samples in [-1, 1), and the peak of this audio is {peak:.6g}; "
            "it would clip. Lower the level of the audio first."
        )
