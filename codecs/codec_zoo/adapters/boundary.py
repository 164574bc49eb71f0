"""What adapters check at their boundary: the audio that comes in, the bitstream that comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from codec_zoo.bitstream import BitstreamError
from codec_zoo.interface import CodecError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codec_zoo.bitstream import Bitstream
    from codec_zoo.interface import CodecInfo
    from codec_zoo.samples import Samples


def check_samples(info: CodecInfo, samples: Samples) -> None:
    """Accept audio of shape ``(channels, samples)`` that the codec can take.

    Raises:
        CodecError: the array has another kind or shape, is empty, or holds values that are not
            finite.
    """
    if samples.ndim != 2 or samples.dtype != np.float32:
        raise CodecError(
            f"{info.name} was given {samples.dtype} of shape {samples.shape}; "
            "float32 of shape (channels, samples) expected."
        )
    if samples.shape[0] not in info.channels:
        raise CodecError(
            f"{info.name} was given {samples.shape[0]} channels; "
            f"it codes {' or '.join(map(str, info.channels))}. Mix or split the channels first."
        )
    if samples.shape[1] == 0:
        raise CodecError(f"{info.name} was given no samples; at least one expected.")
    if not np.isfinite(samples).all():
        raise CodecError(f"{info.name} was given samples that are not finite; repair the audio.")


def check_bitstream(info: CodecInfo, bitstream: Bitstream) -> None:
    """Accept a bitstream whose description fits the codec.

    Raises:
        BitstreamError: its rate, channels or length cannot be this codec's.
    """
    if bitstream.sample_rate != info.sample_rate:
        raise BitstreamError(
            f"the bitstream is of audio at {bitstream.sample_rate} Hz; "
            f"{info.name} codes {info.sample_rate} Hz."
        )
    if bitstream.channels not in info.channels:
        raise BitstreamError(
            f"the bitstream has {bitstream.channels} channels; "
            f"{info.name} codes {' or '.join(map(str, info.channels))}."
        )
    if bitstream.n_samples < 1:
        raise BitstreamError(
            f"the bitstream has {bitstream.n_samples} samples; 1 or more expected."
        )


def check_features(
    info: CodecInfo, features: NDArray[np.float32], expected: tuple[int, int]
) -> None:
    """Accept a vocoder's features of the expected shape ``(bands, frames)``.

    Raises:
        CodecError: they have another one.
    """
    if features.shape != expected:
        raise CodecError(
            f"{info.name} was given features of shape {features.shape}; (bands, frames) = "
            f"{expected} expected for so many samples."
        )
