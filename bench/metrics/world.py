"""Speech analysis by WORLD: pitch and mel cepstrum; needs the library ``pyworld``."""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.signal

from bench.metrics.mel_cepstrum import mel_cepstra
from bench.metrics.preconditions import check_length, level_dbfs
from bench.metrics.spec import PERCEPTUAL, MetricUnavailableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codec_zoo.samples import Samples

FRAME_PERIOD = 5.0  # ms; WORLD's default, and VERSA's
MIN_DURATION = 0.1  # s; twenty frames
ORDER = 39
ALPHA_24_KHZ = 0.466  # fits the mel scale best at 24 kHz (SPTK's table; VERSA at every rate)
# VERSA (wavlab-speech), utterance metric mcd_f0: its defaults
VERSA_F0_HZ = (40.0, 800.0)
VERSA_FFT_SIZE = 1024
VERSA_LOW_CUT_HZ = 70.0
VERSA_LOW_CUT_TAPS = 255
INT16_FULL_SCALE = 32767.0


@dataclass(frozen=True, slots=True)
class SpeechParameters:
    """What WORLD finds in a signal, every 5 ms.

    Attributes:
        level: RMS level of the signal in dBFS.
        f0: fundamental frequency in Hz, zero where unvoiced, shape ``[frames]``.
        cepstra: mel cepstrum with c0, shape ``[frames, 40]``.
    """

    level: float
    f0: NDArray[np.float64]
    cepstra: NDArray[np.float64]


def speech_parameters(signal: Samples, sample_rate: int) -> SpeechParameters:
    """F0 and mel cepstrum with WORLD's own settings: Harvest within 71 to 800 Hz, CheapTrick.

    Source: Morise (2017), "Harvest: A high-performance fundamental frequency estimator from speech
    signals"; Morise (2015), "CheapTrick, a spectral envelope estimator for high-quality speech
    synthesis".

    Args:
        signal: shape ``(1, samples)``.
        sample_rate: in Hz; the mel cepstrum is warped for 24000 Hz.

    Raises:
        UndefinedMetricError: the signal is shorter than 0.1 s.
        MetricUnavailableError: pyworld is not installed.
    """
    _check_duration(signal, sample_rate)
    world = _load_world()
    samples = np.ascontiguousarray(signal[0], np.float64)
    f0, times = world.harvest(samples, sample_rate, frame_period=FRAME_PERIOD)
    envelopes = world.cheaptrick(samples, f0, times, sample_rate)
    return SpeechParameters(level_dbfs(signal), f0, mel_cepstra(envelopes, ORDER, ALPHA_24_KHZ))


def versa_parameters(signal: Samples, sample_rate: int) -> SpeechParameters:
    """F0 and mel cepstrum as VERSA sets WORLD up, whatever the sample rate.

    Samples in 16-bit units through a 70 Hz high-pass of 255 taps, Harvest within 40 to 800 Hz,
    CheapTrick with 1024 points. Source: Shi et al. (2024), "VERSA: A Versatile Evaluation Toolkit
    for Speech, Audio, and Music", metric mcd_f0.

    Args:
        signal: shape ``(1, samples)``.
        sample_rate: in Hz.

    Raises:
        UndefinedMetricError: the signal is shorter than 0.1 s.
        MetricUnavailableError: pyworld is not installed.
    """
    _check_duration(signal, sample_rate)
    world = _load_world()
    low_cut = scipy.signal.firwin(
        VERSA_LOW_CUT_TAPS, VERSA_LOW_CUT_HZ, pass_zero=False, fs=sample_rate
    )
    samples = scipy.signal.lfilter(low_cut, [1.0], INT16_FULL_SCALE * signal[0].astype(np.float64))
    floor, ceiling = VERSA_F0_HZ
    f0, times = world.harvest(
        samples, sample_rate, f0_floor=floor, f0_ceil=ceiling, frame_period=FRAME_PERIOD
    )
    envelopes = world.cheaptrick(samples, f0, times, sample_rate, fft_size=VERSA_FFT_SIZE)
    return SpeechParameters(level_dbfs(signal), f0, mel_cepstra(envelopes, ORDER, ALPHA_24_KHZ))


def _check_duration(signal: Samples, sample_rate: int) -> None:
    check_length(signal.shape[-1], round(MIN_DURATION * sample_rate), sample_rate)


@functools.cache
def _load_world() -> Any:  # a compiled module has no types
    """The compiled part of pyworld.

    Its package is passed by because it imports pkg_resources, which setuptools 82 no longer has,
    only to look up its own version.
    """
    package = importlib.util.find_spec("pyworld")
    if package is None:
        raise MetricUnavailableError(f"WORLD needs pyworld: pip install '{PERCEPTUAL}'")
    candidates = [
        Path(folder) / f"pyworld{suffix}"
        for folder in package.submodule_search_locations or ()
        for suffix in EXTENSION_SUFFIXES
    ]
    path = next(filter(Path.is_file, candidates), None)
    if path is None:
        raise MetricUnavailableError(
            "pyworld lacks its compiled module: pip install --force-reinstall pyworld"
        )
    spec = importlib.util.spec_from_file_location("pyworld", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
