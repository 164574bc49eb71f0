"""Perceived quality by ViSQOL: similarity of auditory spectrograms, mapped to a mean opinion."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Literal, NamedTuple

from visqol import AudioSignal
from visqol.alignment import globally_align
from visqol.analysis_window import AnalysisWindow
from visqol.patch_creator import ImagePatchCreator, VadPatchCreator
from visqol.quality_mapper import SvrSimilarityToQualityMapper, TFLiteSpeechQualityMapper
from visqol.visqol_core import VisqolCore

from bench.metrics.gammatone import KeptSpectrograms
from bench.metrics.preconditions import (
    ROLES,
    SILENCE_DBFS,
    check_length,
    check_measured_level,
    check_mono,
    check_sample_rate,
    check_signals,
    defined,
    level_dbfs,
)
from bench.metrics.spec import MetricUnavailableError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from visqol.quality_mapper import SimilarityToQualityMapper

    from codec_zoo.samples import Samples

Mode = Literal["audio", "speech"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the two modes of ViSQOL differ in, as google/visqol has it.

    Attributes:
        sample_rate: in Hz.
        min_samples: shortest signal.
        n_bands: gammatone filters.
        patches: makes what cuts a reference's spectrogram into patches.
        model: file name of the mapping to a mean opinion.
    """

    sample_rate: int
    min_samples: int
    n_bands: int
    patches: Callable[[], ImagePatchCreator | KeptVoicePatches]
    model: str


MIN_FREQUENCY = 50.0  # Hz
LATTICE = "lattice_tcditugenmeetpackhref_ls2_nl60_lr12_bs2048_learn.005_ep2400_train1_7_raw.tflite"
SETTINGS: dict[Mode, Settings] = {
    # 45 frames of 80 ms, hop 20 ms: a patch of 30 after the first 15
    "audio": Settings(48000, 46080, 32, lambda: ImagePatchCreator(30), "libsvm_nu_svr_model.txt"),
    # 29 frames: a patch of 20 after the first 9
    "speech": Settings(16000, 10240, 21, lambda: KeptVoicePatches(20), LATTICE),
}
OVERLAP = 0.25  # hop of the windows, in windows
SEARCH_WINDOW = 60  # patches
MAX_LENGTH_DIFFERENCE = 1.0  # s; beyond it the library warns
# ViSQOL's noise floor is absolute: it hides a quieter reference, and anything then scores well
# (white noise for speech: 1.0 at -40 dBFS, 2.7 at -50, 3.6 at -60 and 4.7 at -80)
MIN_REFERENCE_DBFS = -50.0
_ONE_AT_A_TIME = threading.Lock()  # the library's compiled loops abort the process when concurrent


class KeptVoicePatches(VadPatchCreator):
    """Finds the patches of one reference that have voice in them, and remembers where they lie."""

    def __init__(self, patch_size: int) -> None:
        """Begin without patches.

        Args:
            patch_size: frames of a patch.
        """
        super().__init__(patch_size)
        self._indices: list[int] | None = None

    def create_ref_patch_indices(
        self,
        spectrogram: NDArray[np.float64],
        ref_signal: AudioSignal,
        window: AnalysisWindow,
    ) -> list[int]:
        """First frames of the patches."""
        if self._indices is None:
            self._indices = super().create_ref_patch_indices(spectrogram, ref_signal, window)
        return self._indices


class VisqolInput(NamedTuple):
    """One signal, and what is kept of it from one comparison to the next.

    Attributes:
        signal: the samples with their rate.
        level: RMS level in dBFS.
        spectrograms: of the signal and its patches, where it is the reference.
        patches: where they lie, where it is the reference.
    """

    signal: AudioSignal
    level: float
    spectrograms: KeptSpectrograms
    patches: ImagePatchCreator | KeptVoicePatches


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
    return compare_audio(*_inputs(reference, degraded, sample_rate, "audio"))


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
    return compare_speech(*_inputs(reference, degraded, sample_rate, "speech"))


def audio_input(signal: Samples, sample_rate: int) -> VisqolInput:
    """One signal of shape ``(1, samples)`` for :func:`compare_audio`, with what is kept of it."""
    return _input(signal, sample_rate, "audio")


def speech_input(signal: Samples, sample_rate: int) -> VisqolInput:
    """One signal of shape ``(1, samples)`` for :func:`compare_speech`, with what is kept of it."""
    return _input(signal, sample_rate, "speech")


def compare_audio(reference: VisqolInput, degraded: VisqolInput) -> float:
    """The score of :func:`visqol_audio`; the reference's spectrograms are kept for the next."""
    return _mos_lqo(reference, degraded, "audio")


def compare_speech(reference: VisqolInput, degraded: VisqolInput) -> float:
    """The score of :func:`visqol_speech`; the reference's spectrograms are kept for the next."""
    return _mos_lqo(reference, degraded, "speech")


def _input(signal: Samples, sample_rate: int, mode: Mode) -> VisqolInput:
    settings = SETTINGS[mode]
    return VisqolInput(
        AudioSignal(signal[0], sample_rate),
        level_dbfs(signal),
        KeptSpectrograms(settings.n_bands, MIN_FREQUENCY, speech_mode=mode == "speech"),
        settings.patches(),
    )


def _inputs(
    reference: Samples, degraded: Samples, sample_rate: int, mode: Mode
) -> tuple[VisqolInput, VisqolInput]:
    check_signals(reference, degraded)
    check_mono(reference, degraded)
    check_sample_rate(sample_rate, SETTINGS[mode].sample_rate)
    return _input(reference, sample_rate, mode), _input(degraded, sample_rate, mode)


def _check(reference: VisqolInput, degraded: VisqolInput, mode: Mode) -> None:
    sample_rate = SETTINGS[mode].sample_rate
    lengths = len(reference.signal), len(degraded.signal)
    if abs(lengths[0] - lengths[1]) > MAX_LENGTH_DIFFERENCE * sample_rate:
        raise ValueError(
            f"the reference has {lengths[0]} samples, the degraded signal {lengths[1]}; "
            f"ViSQOL bridges at most {MAX_LENGTH_DIFFERENCE:g} s: cut them first."
        )
    check_length(min(lengths), SETTINGS[mode].min_samples, sample_rate)
    for role, signal in zip(ROLES, (reference, degraded), strict=True):
        check_measured_level(signal.level, SILENCE_DBFS, role=role)
    check_measured_level(reference.level, MIN_REFERENCE_DBFS, role="reference")


def _mos_lqo(reference: VisqolInput, degraded: VisqolInput, mode: Mode) -> float:
    _check(reference, degraded, mode)
    mapper = _quality_mapper(mode)
    with _ONE_AT_A_TIME:
        aligned, _ = globally_align(reference.signal, degraded.signal)
        result = VisqolCore().calculate_similarity(
            reference.signal,
            aligned,
            spect_builder=reference.spectrograms,
            window=AnalysisWindow(reference.signal.sample_rate, OVERLAP),
            patch_creator=reference.patches,
            search_window=SEARCH_WINDOW,
            quality_mapper=mapper,
        )
    return defined(result.moslqo, f"ViSQOL ({mode})")


@functools.cache
def _quality_mapper(mode: Mode) -> SimilarityToQualityMapper:
    """What turns similarities into a mean opinion; the two files are those of google/visqol."""
    model = files("visqol") / "model" / SETTINGS[mode].model
    kind = SvrSimilarityToQualityMapper if mode == "audio" else TFLiteSpeechQualityMapper
    mapper: SimilarityToQualityMapper = kind(str(model))
    try:
        mapper.init()
    except ImportError as error:
        raise MetricUnavailableError(
            f"visqol_{mode} cannot load its model ({error}): pip install 'visqol-python[lattice]'"
        ) from error
    return mapper
