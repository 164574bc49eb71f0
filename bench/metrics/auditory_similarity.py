"""Perceived quality by ViSQOL: similarity of auditory spectrograms, mapped to a mean opinion."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Literal

from visqol import VisqolApi

from bench.metrics.preconditions import (
    check_length,
    check_level,
    check_mono,
    check_not_silent,
    check_sample_rate,
    check_signals,
    defined,
)
from bench.metrics.spec import MetricUnavailableError

if TYPE_CHECKING:
    from codec_zoo.samples import Samples

Mode = Literal["audio", "speech"]

AUDIO_RATE = 48000
SPEECH_RATE = 16000
MIN_AUDIO_SAMPLES = 46080  # 45 frames of 80 ms, hop 20 ms: a patch of 30 after the first 15
MIN_SPEECH_SAMPLES = 10240  # 29 frames: a patch of 20 after the first 9
MAX_LENGTH_DIFFERENCE = 1.0  # s; beyond it the library warns
# ViSQOL's noise floor is absolute: it hides a quieter reference, and anything then scores well
# (white noise for speech: 1.0 at -40 dBFS, 2.7 at -50, 3.6 at -60 and 4.7 at -80)
MIN_REFERENCE_DBFS = -50.0
_ONE_AT_A_TIME = threading.Lock()  # the library's compiled loops abort the process when concurrent


def visqol_audio(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    """ViSQOL version 3 in audio mode at 48 kHz, as MOS-LQO.

    Similarity (NSIM) of 32-band gammatone spectrograms over patches of 0.6 s, mapped by a support
    vector regression. Range: 1 to 5, and 4.73 for equal signals; higher is better. ViSQOL aligns
    the signals in time and in level itself, so their lengths may differ by up to one second.
    Source: Chinen et al. (2020), "ViSQOL v3: An Open Source Production Ready Objective Speech and
    Audio Metric", as computed by visqol-python.

    Args:
        reference: shape ``(1, samples)``.
        degraded: shape ``(1, samples)``.
        sample_rate: 48000 Hz.

    Raises:
        ValueError: broken or multi-channel signals, lengths that differ by more than one second, or
            another sample rate.
        UndefinedMetricError: a silent signal, a reference below -50 dBFS, or one shorter than
            0.96 s.

    >>> import numpy as np
    >>> music = np.random.default_rng(0).normal(0.0, 0.1, (1, 48000)).astype(np.float32)
    >>> round(visqol_audio(music, music, 48000), 2)
    4.73
    """
    _check(reference, degraded, sample_rate, AUDIO_RATE, MIN_AUDIO_SAMPLES)
    return _mos_lqo(reference, degraded, sample_rate, mode="audio")


def visqol_speech(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    """ViSQOL version 3 in speech mode at 16 kHz with the lattice model, as MOS-LQO.

    Similarity (NSIM) of 21-band gammatone spectrograms over the active patches of 0.4 s, mapped by
    the deep lattice network that the reference implementation takes by default. Range: 1 to 5;
    equal signals score about 4 to 5, depending on the signal; higher is better. ViSQOL aligns
    the signals in time and in level itself, so their lengths may differ by up to one second.
    Source: Chinen et al. (2020), "ViSQOL v3: An Open Source Production Ready Objective Speech and
    Audio Metric", as computed by visqol-python.

    Args:
        reference: shape ``(1, samples)``.
        degraded: shape ``(1, samples)``.
        sample_rate: 16000 Hz.

    Raises:
        ValueError: broken or multi-channel signals, lengths that differ by more than one second, or
            another sample rate.
        UndefinedMetricError: a silent signal, a reference below -50 dBFS, or one shorter than
            0.64 s.
        MetricUnavailableError: the library that runs the lattice model is not installed.

    >>> import numpy as np
    >>> speech = np.random.default_rng(0).normal(0.0, 0.1, (1, 16000)).astype(np.float32)
    >>> 4.0 < visqol_speech(speech, speech, 16000) < 5.0
    True
    """
    _check(reference, degraded, sample_rate, SPEECH_RATE, MIN_SPEECH_SAMPLES)
    return _mos_lqo(reference, degraded, sample_rate, mode="speech")


def _check(
    reference: Samples, degraded: Samples, sample_rate: int, expected_rate: int, needed: int
) -> None:
    check_signals(reference, degraded)
    check_mono(reference, degraded)
    check_sample_rate(sample_rate, expected_rate)
    lengths = reference.shape[-1], degraded.shape[-1]
    if abs(lengths[0] - lengths[1]) > MAX_LENGTH_DIFFERENCE * sample_rate:
        raise ValueError(
            f"the reference has {lengths[0]} samples, the degraded signal {lengths[1]}; "
            f"ViSQOL bridges at most {MAX_LENGTH_DIFFERENCE:g} s: cut them first."
        )
    check_length(min(lengths), needed, sample_rate)
    check_not_silent(reference, degraded)
    check_level(reference, MIN_REFERENCE_DBFS, role="reference")


def _mos_lqo(reference: Samples, degraded: Samples, sample_rate: int, *, mode: Mode) -> float:
    with _ONE_AT_A_TIME:
        result = _visqol(mode).measure_from_arrays(reference[0], degraded[0], sample_rate)
    return defined(result.moslqo, f"ViSQOL ({mode})")


@functools.cache
def _visqol(mode: Mode) -> VisqolApi:
    api = VisqolApi()
    try:
        # by default the library falls back to another mapping, one to two points off
        api.create(mode=mode, use_lattice_model=mode == "speech")
    except ImportError as error:
        raise MetricUnavailableError(
            f"visqol_{mode} cannot load its model ({error}): pip install 'visqol-python[lattice]'"
        ) from error
    return api
