"""Change of programme loudness; needs the library ``pyloudnorm``."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import pyloudnorm

from bench.metrics.preconditions import ROLES, check_length, check_pair
from bench.metrics.spec import UndefinedMetricError

if TYPE_CHECKING:
    from codec_zoo.samples import Samples

BLOCK_DURATION = 0.4  # s; ITU-R BS.1770-4, gating block
MAX_CHANNELS = 5


def loudness_difference(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    """Integrated loudness of the degraded signal above that of the reference, in LU.

    Range: open; zero is best. Source: ITU-R BS.1770-4 (2015), K-weighting and gating, as computed
    by pyloudnorm (Steinmetz and Reiss, 2021).

    Args:
        reference: shape ``(channels, samples)``, at most five channels.
        degraded: the same shape.
        sample_rate: in Hz.

    Raises:
        ValueError: broken or unequally shaped signals, or more than five channels.
        UndefinedMetricError: shorter than 0.4 s, or a signal that lies below the gate of -70 LUFS
            throughout.

    >>> import numpy as np
    >>> noise = np.random.default_rng(0).normal(0.0, 0.1, (1, 48000)).astype(np.float32)
    >>> round(loudness_difference(noise, np.float32(0.5) * noise, 48000), 2)
    -6.02
    """
    check_pair(reference, degraded)
    if reference.shape[0] > MAX_CHANNELS:
        raise ValueError(
            f"got {reference.shape[0]} channels; ITU-R BS.1770 weights at most {MAX_CHANNELS}."
        )
    check_length(reference.shape[-1], math.ceil(BLOCK_DURATION * sample_rate), sample_rate)
    meter = pyloudnorm.Meter(sample_rate)
    levels = []
    for role, signal in zip(ROLES, (reference, degraded), strict=True):
        with warnings.catch_warnings():
            # the mean of no blocks, where all lie below the gate: handled below
            warnings.simplefilter("ignore", RuntimeWarning)
            level = float(meter.integrated_loudness(signal.T.astype("float64")))
        if not math.isfinite(level):
            raise UndefinedMetricError(
                f"the {role} signal is below the gate of -70 LUFS throughout: it has no loudness."
            )
        levels.append(level)
    return levels[1] - levels[0]
