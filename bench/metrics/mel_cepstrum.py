"""Mel cepstrum of power spectra: the cepstrum on a frequency scale warped by an all-pass."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import scipy.fft
import scipy.signal

if TYPE_CHECKING:
    from numpy.typing import NDArray


def mel_cepstra(power: NDArray[np.float64], order: int, alpha: float) -> NDArray[np.float64]:
    r"""Mel cepstral coefficients c0 to c_order, shape ``[frames, order + 1]``.

    .. math:: \ln |X(\omega)| = \sum_{m=0}^{M} c_m \cos(m \tilde\omega), \quad
        e^{-i \tilde\omega} = \frac{e^{-i \omega} - \alpha}{1 - \alpha e^{-i \omega}}

    without iteration: the cepstrum of the log spectrum is warped and cut at the order. Source:
    Oppenheim and Johnson (1972), "Discrete representation of signals"; Tokuda et al. (1994),
    "Mel-generalized cepstral analysis".

    Args:
        power: power spectra from 0 Hz to half the rate, above zero, shape ``[frames, bins]``.
        order: M.
        alpha: warping; the mel scale at 16 kHz is near 0.41, at 24 kHz near 0.466.

    >>> flat = np.full((1, 5), np.exp(2.0))  # ln |X| is one at every frequency
    >>> mel_cepstra(flat, 2, 0.4).round(6).tolist()
    [[1.0, 0.0, 0.0]]
    """
    cepstra = scipy.fft.irfft(np.log(power), axis=-1)[:, : power.shape[-1]]
    cepstra[:, 0] /= 2  # ln P is twice ln |X|; the other terms of its cepstrum occur twice
    cepstra[:, -1] /= 2
    warped: NDArray[np.float64] = cepstra @ _warping(power.shape[-1], order, alpha)
    return warped


@functools.cache
def _warping(n_quefrencies: int, order: int, alpha: float) -> NDArray[np.float64]:
    """Coefficients 0 to ``order`` of each delay z^-n as a series in warped delays."""
    row = np.zeros(order + 1)
    row[0] = 1.0
    rows = [row]
    for _ in range(n_quefrencies - 1):
        rows.append(scipy.signal.lfilter([alpha, 1.0], [1.0, alpha], rows[-1]))
    return np.array(rows)
