"""Batches: random segments with random gain, some of the speech with noise underneath."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reference_training.config import DataConfig, Source
from reference_training.corpus import Corpus, Recording

if TYPE_CHECKING:
    from collections.abc import Sequence

SILENCE_DRAWS = 20  # then the loudest of them is taken


@dataclass(frozen=True, slots=True)
class Batch:
    """Items of one step.

    Attributes:
        audio: shape ``[B, 1, T]``.
        origins: file and first sample of each item, for messages.
    """

    audio: NDArray[np.float32]
    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sampler:
    """Draws batches; what it draws depends on the key alone, so a resumed run sees the same.

    Attributes:
        corpus: the audio.
        config: gains, noise and sources.
        seed: of the run.
        held_out: draw from the validation files instead of the training files.
    """

    corpus: Corpus
    config: DataConfig
    seed: int
    held_out: bool = False

    @property
    def has_audio(self) -> bool:
        """Whether there is any file to draw from."""
        return any(self._pool(source) for source in self.config.sources if source.probability)

    def draw(self, n_items: int, key: Sequence[int]) -> Batch:
        """``n_items`` segments that belong to ``key``, such as (step, rank)."""
        generator = np.random.default_rng([self.seed, *key])
        pools = {source.name: self._pool(source) for source in self.config.sources}
        drawable = [source for source in self.config.sources if pools[source.name]]
        shares = np.array([source.probability for source in drawable])
        items, origins = [], []
        for _ in range(n_items):
            source = drawable[generator.choice(len(drawable), p=shares / shares.sum())]
            segment, origin = self._segment(pools[source.name], generator)
            noises = [s for s in drawable if s.kind == "noise"]
            if source.kind == "speech" and noises:
                mixes = generator.random() < self.config.noise_probability
                under = noises[generator.integers(len(noises))]
                noise, noise_origin = self._segment(pools[under.name], generator)
                snr = generator.uniform(*self.config.snr_db)
                if mixes:
                    segment = mix(segment, noise, snr)
                    origin = f"{origin} + {noise_origin}"
            items.append(apply_gain(segment, generator.uniform(*self.config.gain_db)))
            origins.append(origin)
        return Batch(np.stack(items)[:, None].astype(np.float32), tuple(origins))

    def _pool(self, source: Source) -> list[Recording]:
        return [
            recording
            for recording in self.corpus.recordings
            if recording.source == source.name and recording.is_held_out == self.held_out
        ]

    def _segment(
        self, pool: list[Recording], generator: np.random.Generator
    ) -> tuple[NDArray[np.float32], str]:
        length = self.config.segment
        weights = np.array(
            [
                (recording.n_samples - length + 1)
                * (self.config.narrow_weight if recording.is_narrow else 1.0)
                for recording in pool
            ]
        )
        threshold = 10 ** (self.config.silence_dbfs / 20)
        loudest, origin, level = np.zeros(length, np.float32), "", -1.0
        for _ in range(SILENCE_DRAWS):
            recording = pool[generator.choice(len(pool), p=weights / weights.sum())]
            start = int(generator.integers(recording.n_samples - length + 1))
            segment = self.corpus.read(recording, start, length)
            rms = float(np.sqrt(np.mean(np.square(segment, dtype=np.float64))))
            if rms > level:
                loudest, origin, level = segment, f"{recording.path}@{start}", rms
            if level >= threshold:
                break
        return loudest, origin


def mix(
    signal: NDArray[np.float32], noise: NDArray[np.float32], snr_db: float
) -> NDArray[np.float32]:
    """Signal plus noise at a signal-to-noise ratio in dB; the signal alone if either is silent."""
    signal_power = float(np.mean(np.square(signal, dtype=np.float64)))
    noise_power = float(np.mean(np.square(noise, dtype=np.float64)))
    if signal_power == 0 or noise_power == 0:
        return signal
    factor = np.sqrt(signal_power / noise_power * 10 ** (-snr_db / 10))
    return signal + np.float32(factor) * noise


def apply_gain(segment: NDArray[np.float32], gain_db: float) -> NDArray[np.float32]:
    """The segment times a gain in dB, or as much of it as keeps the peak within full scale."""
    peak = float(np.abs(segment).max(initial=0.0))
    gain = 10 ** (gain_db / 20)
    return segment * np.float32(gain if peak * gain <= 1 else 1 / peak)
