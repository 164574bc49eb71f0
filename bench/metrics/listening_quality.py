"""Perceived speech quality by PESQ, on the listening-quality scale; needs the library ``pesq``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pesq as itu_pesq

from bench.metrics.preconditions import (
    check_length,
    check_mono,
    check_not_silent,
    check_pair,
    check_sample_rate,
    defined,
)
from bench.metrics.spec import UndefinedMetricError
from bench.metrics.speech_activity import utterance_count

if TYPE_CHECKING:
    from codec_zoo.samples import Samples

WIDEBAND_RATE = 16000
NARROWBAND_RATE = 8000
# The reference code has tables for 50 utterances and writes past their end, which kills the
# process; five are left for the difference between our count and its own
MAX_UTTERANCES = 45


def pesq_wb(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Wideband PESQ at 16 kHz, as MOS-LQO.

    .. math:: 0.999 + \frac{4}{1 + e^{-1.3669 p + 3.8224}}

    of the raw PESQ score p. Range: 1.04 to 4.64; higher is better. Made for speech. PESQ aligns the
    signals in time and in level itself. Source: ITU-T P.862.2 (2007), as computed by the library
    ``pesq`` from the ITU's reference code.

    Args:
        reference: shape ``(1, samples)``.
        degraded: the same shape.
        sample_rate: 16000 Hz.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals, or another sample rate.
        UndefinedMetricError: a silent signal, one without utterances or with too many of them, or
            one shorter than 0.25 s.

    >>> import numpy as np
    >>> speech = np.random.default_rng(0).normal(0.0, 0.1, (1, 16000)).astype(np.float32)
    >>> round(pesq_wb(speech, speech, 16000), 2)
    4.64
    """
    return _mos_lqo(reference, degraded, sample_rate, WIDEBAND_RATE, mode="wb")


def pesq_nb(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Narrowband PESQ at 8 kHz, as MOS-LQO.

    .. math:: 0.999 + \frac{4}{1 + e^{-1.4945 p + 4.6607}}

    of the raw PESQ score p. Range: 1.02 to 4.55; higher is better. Made for telephone speech.
    Source: ITU-T P.862 (2001) with the mapping of P.862.1 (2003), as computed by the library
    ``pesq`` from the ITU's reference code.

    Args:
        reference: shape ``(1, samples)``.
        degraded: the same shape.
        sample_rate: 8000 Hz.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals, or another sample rate.
        UndefinedMetricError: a silent signal, one without utterances or with too many of them, or
            one shorter than 0.25 s.

    >>> import numpy as np
    >>> speech = np.random.default_rng(0).normal(0.0, 0.1, (1, 8000)).astype(np.float32)
    >>> round(pesq_nb(speech, speech, 8000), 2)
    4.55
    """
    return _mos_lqo(reference, degraded, sample_rate, NARROWBAND_RATE, mode="nb")


def pesq_nb_16k(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Narrowband PESQ of signals at 16 kHz, as MOS-LQO.

    As :func:`pesq_nb`, but the model itself limits the band, which P.862 allows and many
    evaluations do. On six clips of speech it gave 0.03 to 0.10 less. Range: 1.02 to 4.55; higher is
    better.

    Args:
        reference: shape ``(1, samples)``.
        degraded: the same shape.
        sample_rate: 16000 Hz.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals, or another sample rate.
        UndefinedMetricError: a silent signal, one without utterances or with too many of them, or
            one shorter than 0.25 s.

    >>> import numpy as np
    >>> speech = np.random.default_rng(0).normal(0.0, 0.1, (1, 16000)).astype(np.float32)
    >>> round(pesq_nb_16k(speech, speech, 16000), 2)
    4.55
    """
    return _mos_lqo(reference, degraded, sample_rate, WIDEBAND_RATE, mode="nb")


def _mos_lqo(
    reference: Samples,
    degraded: Samples,
    sample_rate: int,
    expected_rate: int,
    *,
    mode: Literal["wb", "nb"],
) -> float:
    check_pair(reference, degraded)
    check_mono(reference, degraded)
    check_sample_rate(sample_rate, expected_rate)
    check_length(reference.shape[-1], expected_rate // 4, sample_rate)
    check_not_silent(reference, degraded)
    utterances = max(utterance_count(signal, sample_rate) for signal in (reference, degraded))
    if utterances > MAX_UTTERANCES:
        raise UndefinedMetricError(
            f"too long: about {utterances} utterances, and PESQ handles {MAX_UTTERANCES} safely; "
            "cut the signal into shorter items."
        )
    try:
        value = itu_pesq.pesq(sample_rate, reference[0], degraded[0], mode)
    except itu_pesq.NoUtterancesError as error:
        raise UndefinedMetricError("PESQ finds no utterances in the signals.") from error
    except itu_pesq.BufferTooShortError as error:
        raise UndefinedMetricError("too short for PESQ: more than 0.25 s needed.") from error
    return defined(value, "PESQ")
