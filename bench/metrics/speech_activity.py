"""How many utterances PESQ will find in a signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codec_zoo.samples import Samples

# The activity detector of ITU-T P.862: frames of 4 ms; shorter bursts are dropped, shorter pauses
# are bridged (both in frames); quietest level counted, relative to the loudest frame
FRAMES_PER_SECOND = 250
MIN_BURST = 4
MIN_PAUSE = 50
DYNAMIC_RANGE = 1e-4
THRESHOLD_ROUNDS = 12
THRESHOLD_MARGIN = 1.001


def utterance_count(signal: Samples, sample_rate: int) -> int:
    """Number of bursts of activity that pauses of more than 200 ms separate.

    The detector of ITU-T P.862, without the band filter that PESQ applies first, so the count can
    differ from PESQ's own by a few.

    Args:
        signal: shape ``(1, samples)``.
        sample_rate: in Hz.

    >>> beep = np.concatenate([np.ones(8000), np.zeros(8000)])
    >>> utterance_count(np.tile(beep, 3)[np.newaxis], 16000)
    3
    """
    active = _active_frames(_frame_powers(signal[0], sample_rate // FRAMES_PER_SECOND))
    steps = np.diff(np.concatenate(([0], active.astype(np.int8), [0])))
    starts, stops = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    long_enough = stops - starts > MIN_BURST
    starts, stops = starts[long_enough], stops[long_enough]
    if starts.size == 0:
        return 0
    return 1 + int(np.count_nonzero(starts[1:] - stops[:-1] > MIN_PAUSE))


def _frame_powers(signal: NDArray[np.float32], frame_size: int) -> NDArray[np.float64]:
    whole = signal[: signal.size // frame_size * frame_size].reshape(-1, frame_size)
    power: NDArray[np.float64] = np.mean(np.square(whole, dtype=np.float64), axis=1)
    return np.maximum(power, DYNAMIC_RANGE * float(power.max()))


def _active_frames(power: NDArray[np.float64]) -> NDArray[np.bool_]:
    threshold = float(power.mean())
    for _ in range(THRESHOLD_ROUNDS):
        noise = power[power <= threshold]
        if noise.size == 0:  # equal powers, and the mean rounded down
            break
        threshold = THRESHOLD_MARGIN * float(noise.mean() + 2 * noise.std())
    return power > threshold
