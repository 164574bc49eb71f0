"""Opinions of enhanced speech predicted from several measures; needs the library ``pesq``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.metrics.linear_prediction import likelihood_ratios
from bench.metrics.listening_quality import pesq_wb
from bench.metrics.segmental_ratio import seg_snr
from bench.metrics.spectral_slope import wss
from bench.metrics.speech_frames import mean_of_best

if TYPE_CHECKING:
    from codec_zoo.samples import Samples


def csig(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Predicted rating of the distortion of the speech (CSIG), as MOS.

    .. math:: 3.093 - 1.029 \, \mathrm{LLR} + 0.603 \, \mathrm{PESQ} - 0.009 \, \mathrm{WSS}

    limited to its range, 1 to 5; higher is better. LLR has no limit here, so a codec that cuts the
    band scores 1. PESQ is wideband MOS-LQO, as most papers at 16 kHz have it; the regression was
    made with narrowband PESQ at 8 kHz. Source: Hu and Loizou (2008), "Evaluation of Objective
    Quality Measures for Speech Enhancement", table VIII.

    Args:
        reference: shape ``(1, samples)``.
        degraded: the same shape.
        sample_rate: 16000 Hz.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals, or another sample rate.
        UndefinedMetricError: as :func:`bench.metrics.listening_quality.pesq_wb`.

    >>> speech = np.random.default_rng(0).normal(0.0, 0.1, (1, 16000)).astype(np.float32)
    >>> csig(speech, speech, 16000)
    5.0
    """
    pair = reference, degraded, sample_rate
    return _rating(3.093 - 1.029 * _llr(*pair) + 0.603 * pesq_wb(*pair) - 0.009 * wss(*pair))


def cbak(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Predicted rating of the intrusiveness of the background (CBAK), as MOS.

    .. math::

        1.634 + 0.478 \, \mathrm{PESQ} - 0.007 \, \mathrm{WSS} + 0.063 \, \mathrm{SNR_{seg}}

    limited to its range, 1 to 5; higher is better. PESQ and source as in :func:`csig`.

    Args:
        reference: shape ``(1, samples)``.
        degraded: the same shape.
        sample_rate: 16000 Hz.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals, or another sample rate.
        UndefinedMetricError: as :func:`bench.metrics.listening_quality.pesq_wb`.

    >>> speech = np.random.default_rng(0).normal(0.0, 0.1, (1, 16000)).astype(np.float32)
    >>> cbak(speech, speech, 16000)
    5.0
    """
    pair = reference, degraded, sample_rate
    return _rating(1.634 + 0.478 * pesq_wb(*pair) - 0.007 * wss(*pair) + 0.063 * seg_snr(*pair))


def covl(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Predicted rating of the overall quality of enhanced speech (COVL), as MOS.

    .. math:: 1.594 + 0.805 \, \mathrm{PESQ} - 0.512 \, \mathrm{LLR} - 0.007 \, \mathrm{WSS}

    limited to its range, 1 to 5; higher is better. PESQ and source as in :func:`csig`.

    Args:
        reference: shape ``(1, samples)``.
        degraded: the same shape.
        sample_rate: 16000 Hz.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals, or another sample rate.
        UndefinedMetricError: as :func:`bench.metrics.listening_quality.pesq_wb`.

    >>> speech = np.random.default_rng(0).normal(0.0, 0.1, (1, 16000)).astype(np.float32)
    >>> covl(speech, speech, 16000)
    5.0
    """
    pair = reference, degraded, sample_rate
    return _rating(1.594 + 0.805 * pesq_wb(*pair) - 0.512 * _llr(*pair) - 0.007 * wss(*pair))


def _llr(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    return mean_of_best(likelihood_ratios(reference, degraded, sample_rate))


def _rating(value: float) -> float:
    return float(np.clip(value, 1.0, 5.0))
