"""Distances between the all-pole envelopes of two speech signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.fft

from bench.metrics.speech_frames import FRAME_SIZE, mean_of_best, speech_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codec_zoo.samples import Samples

ORDER = 16  # Hu and Loizou (2008) at 16 kHz
# Power of white noise added to each frame's autocorrelation, so that digital silence has an
# envelope too: the resolution of float32. A higher one changes the value where a band is empty.
NOISE_FLOOR = 2.0**-48
LOWEST_ENERGY = NOISE_FLOOR * FRAME_SIZE
# Hu and Loizou (2008), section III: limits of a frame's distance
LLR_LIMIT = 2.0
ITAKURA_SAITO_LIMIT = 100.0


class AllPole(NamedTuple):
    """All-pole models of T frames.

    Attributes:
        autocorrelation: lags 0 to 16, shape ``[T, 17]``.
        coefficients: the inverse filter, led by one, shape ``[T, 17]``.
        gain: energy of the prediction error, shape ``[T]``.
    """

    autocorrelation: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    gain: NDArray[np.float64]


def llr(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Log-likelihood ratio of all-pole envelopes, averaged over the best 95 % of the frames.

    .. math:: \ln \frac{a_y^T R_x a_y}{a_x^T R_x a_x}

    with linear prediction of order 16 on frames of 30 ms every 7.5 ms, limited to 2 in each frame.
    The gain plays no part. Range: 0 (equal) to 2; no unit; lower is better. Source: Hu and Loizou
    (2008), "Evaluation of Objective Quality Measures for Speech Enhancement", eq. 4; Quackenbush et
    al. (1988).

    Args:
        reference: x, shape ``(1, samples)``.
        degraded: y, the same shape.
        sample_rate: 16000 Hz.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals, or another sample rate.
        UndefinedMetricError: a silent signal, or one shorter than 30 ms.

    >>> noise = np.random.default_rng(0).standard_normal((1, 8000)).astype(np.float32)
    >>> llr(noise, noise, 16000)
    0.0
    """
    distances = likelihood_ratios(reference, degraded, sample_rate)
    return mean_of_best(np.clip(distances, 0.0, LLR_LIMIT))


def itakura_saito(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Itakura-Saito distance of all-pole envelopes, averaged over the best 95 % of the frames.

    .. math::

        \frac{\sigma_x^2}{\sigma_y^2} \frac{a_y^T R_x a_y}{a_x^T R_x a_x}
        + \ln \frac{\sigma_y^2}{\sigma_x^2} - 1

    with linear prediction of order 16 on frames of 30 ms every 7.5 ms, σ² being the power of the
    prediction error, limited to 100 in each frame. Range: 0 (equal) to 100; no unit; lower is
    better; not symmetric. Source: Itakura and
    Saito (1968); Hu and Loizou (2008), eq. 5, with the gains as powers.

    Args:
        reference: x, shape ``(1, samples)``.
        degraded: y, the same shape.
        sample_rate: 16000 Hz.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals, or another sample rate.
        UndefinedMetricError: a silent signal, or one shorter than 30 ms.

    >>> noise = np.random.default_rng(0).standard_normal((1, 8000)).astype(np.float32)
    >>> round(itakura_saito(noise, 2 * noise, 16000), 4)  # 1 / 4 + ln 4 - 1
    0.6363
    """
    clean, coded = _models(reference, degraded, sample_rate)
    ratio = _residual(coded.coefficients, clean.autocorrelation) / coded.gain
    distances = ratio + np.log(coded.gain / clean.gain) - 1
    return mean_of_best(np.clip(distances, 0.0, ITAKURA_SAITO_LIMIT))


def likelihood_ratios(
    reference: Samples, degraded: Samples, sample_rate: int
) -> NDArray[np.float64]:
    """The log-likelihood ratio of :func:`llr` for each frame, without the limit, shape ``[T]``.

    Raises:
        ValueError: as :func:`llr`.
        UndefinedMetricError: as :func:`llr`.
    """
    clean, coded = _models(reference, degraded, sample_rate)
    return np.log(_residual(coded.coefficients, clean.autocorrelation) / clean.gain)


def _models(reference: Samples, degraded: Samples, sample_rate: int) -> tuple[AllPole, AllPole]:
    first, second = speech_frames(reference, degraded, sample_rate)
    return _all_pole(first), _all_pole(second)


def _all_pole(frames: NDArray[np.float64]) -> AllPole:
    """Levinson's recursion on all frames at once."""
    spectra = scipy.fft.rfft(frames, 2 * FRAME_SIZE)
    lags = scipy.fft.irfft(np.square(np.abs(spectra)))[:, : ORDER + 1]
    lags[:, 0] += LOWEST_ENERGY
    coefficients = np.zeros_like(lags)
    coefficients[:, 0] = 1.0
    gain = lags[:, 0].copy()
    for order in range(1, ORDER + 1):
        past = coefficients[:, :order]
        reflection = -np.sum(past * lags[:, order:0:-1], axis=1) / gain
        coefficients[:, 1 : order + 1] += reflection[:, np.newaxis] * past[:, ::-1]
        gain = np.maximum(gain * (1 - reflection**2), LOWEST_ENERGY)
    return AllPole(lags, coefficients, _residual(coefficients, lags))


def _residual(
    coefficients: NDArray[np.float64], autocorrelation: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Energy that inverse filters leave of frames, shape ``[T]``; the noise at least is left."""
    length = 2 * ORDER + 2
    squares = np.square(np.abs(scipy.fft.rfft(coefficients, length)))
    own = scipy.fft.irfft(squares, length)[:, : ORDER + 1]  # autocorrelation of the filter
    products = own * autocorrelation
    energy: NDArray[np.float64] = products[:, 0] + 2 * products[:, 1:].sum(axis=1)
    return np.maximum(energy, LOWEST_ENERGY)
