"""Whether a voice is still taken for the same one, by a network that tells speakers apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.metrics.models import speaker_encoder
from bench.metrics.preconditions import (
    SILENCE_DBFS,
    check_level,
    check_mono,
    check_pair,
    check_sample_rate,
)
from bench.metrics.spec import UndefinedMetricError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codec_zoo.samples import Samples


def speaker_similarity(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Cosine of the angle between the speaker embeddings of both signals; no unit.

    .. math:: \frac{\langle e_x, e_y \rangle}{\lVert e_x \rVert \, \lVert e_y \rVert}

    Range: -1 to 1 (equal); higher is better. What counts as the same speaker depends on the
    encoder. It comes from another package, under the entry-point group
    ``codecbench.speaker_encoders``. Undefined where a signal is silent or its embedding is zero.
    Source: Dehak et al. (2011), "Front-End Factor Analysis for Speaker Verification", eq. 7.

    Args:
        reference: x, shape ``(1, samples)``.
        degraded: y, the same shape.
        sample_rate: in Hz, that of the encoder.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals, or another sample rate.
        UndefinedMetricError: see above.
        MetricUnavailableError: no encoder is installed.

    >>> compare_embeddings(np.array([3.0, 4.0]), np.array([4.0, 3.0]))
    0.96
    """
    check_pair(reference, degraded)
    check_mono(reference, degraded)
    return compare_embeddings(embedding(reference, sample_rate), embedding(degraded, sample_rate))


def embedding(signal: Samples, sample_rate: int) -> NDArray[np.float64]:
    """What the installed encoder makes of a signal of shape ``(1, samples)``, one dimension.

    Raises:
        ValueError: the signal is not at the encoder's rate, or the encoder returned something else
            than a vector of finite numbers.
        UndefinedMetricError: the signal is silent.
        MetricUnavailableError: no encoder is installed.
    """
    model = speaker_encoder()
    check_sample_rate(sample_rate, model.sample_rate)
    check_level(signal, SILENCE_DBFS, role="analysed")
    vector: NDArray[np.float64] = np.asarray(model.embed(signal, sample_rate), np.float64)
    if vector.ndim != 1 or not np.isfinite(vector).all():
        raise ValueError(
            f"{model.name} returned an array of shape {vector.shape} with "
            f"{np.count_nonzero(~np.isfinite(vector))} values that are NaN or infinite; "
            "a vector of finite numbers expected."
        )
    return vector


def compare_embeddings(reference: NDArray[np.float64], degraded: NDArray[np.float64]) -> float:
    """The similarity of :func:`speaker_similarity` between two embeddings.

    Raises:
        UndefinedMetricError: one is zero.
    """
    lengths = float(np.linalg.norm(reference)) * float(np.linalg.norm(degraded))
    if lengths == 0:
        raise UndefinedMetricError("nothing to compare: an embedding is zero.")
    # rounding can carry the cosine of equal vectors past one
    return min(max(float(reference @ degraded) / lengths, -1.0), 1.0)
