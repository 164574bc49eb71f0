"""Mel filterbanks: triangles on a mel scale, each of unit area."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

MelScale = Literal["slaney", "htk"]

# Slaney (1998), Auditory Toolbox: 15 mel up to 1 kHz, then 27 mel per factor of 6.4
SLANEY_HZ_PER_MEL = 200.0 / 3.0
SLANEY_KNEE_HZ = 1000.0
SLANEY_KNEE_MEL = SLANEY_KNEE_HZ / SLANEY_HZ_PER_MEL
SLANEY_LOG_STEP = np.log(6.4) / 27.0


@functools.cache
def mel_filterbank(
    sample_rate: int, window_size: int, n_mels: int, scale: MelScale
) -> csr_array[np.float32]:
    r"""Weights that turn spectra into mel bands, sparse, shape ``[n_mels, bins]``.

    .. math::

        W_{m,k} = \frac{2}{f_{m+1} - f_{m-1}} \max\Bigl(0, \min\Bigl(
        \frac{f_k - f_{m-1}}{f_m - f_{m-1}}, \frac{f_{m+1} - f_k}{f_{m+1} - f_m} \Bigr)\Bigr)

    with edges spaced evenly in mel from 0 Hz to half the sample rate. A band narrower than a bin
    can be empty. Source: Slaney (1998), Auditory Toolbox; the scale ``htk`` is 2595 log10(1 +
    f / 700), Young et al. (2006), The HTK Book, eq. 5.13. The array is shared: its data are
    read-only. It is sparse because a bin lies in two bands at most, and because many small dense
    products stall wherever a threaded BLAS meets a busy machine.

    Args:
        sample_rate: in Hz.
        window_size: samples of a frame; there are ``window_size // 2 + 1`` bins.
        n_mels: number of bands.
        scale: mel scale.

    >>> weights = mel_filterbank(24000, 1024, 64, "slaney")
    >>> weights.shape
    (64, 513)
    """
    bins = np.arange(window_size // 2 + 1) * sample_rate / window_size
    edges = _mel_edges(sample_rate / 2, n_mels, scale)[:, np.newaxis]
    lower, center, upper = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.minimum((bins - lower) / (center - lower), (upper - bins) / (upper - center))
    areas = 2.0 / (upper - lower) * np.maximum(triangles, 0.0)
    weights = csr_array(areas.astype(np.float32))
    weights.data.flags.writeable = False
    return weights


def _mel_edges(highest: float, n_mels: int, scale: MelScale) -> NDArray[np.float64]:
    if scale == "htk":
        mels = np.linspace(0.0, 2595.0 * np.log10(1.0 + highest / 700.0), n_mels + 2)
        return np.asarray(700.0 * (10.0 ** (mels / 2595.0) - 1.0), np.float64)
    top = highest / SLANEY_HZ_PER_MEL
    if highest > SLANEY_KNEE_HZ:
        top = SLANEY_KNEE_MEL + np.log(highest / SLANEY_KNEE_HZ) / SLANEY_LOG_STEP
    mels = np.linspace(0.0, top, n_mels + 2)
    logarithmic = SLANEY_KNEE_HZ * np.exp(SLANEY_LOG_STEP * (mels - SLANEY_KNEE_MEL))
    return np.where(mels < SLANEY_KNEE_MEL, mels * SLANEY_HZ_PER_MEL, logarithmic)
