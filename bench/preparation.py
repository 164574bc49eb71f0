"""The signal that an item stands for in a run: its channels and rate, the same for every codec."""

from __future__ import annotations

from dataclasses import dataclass

from bench.audio import AudioError, read_audio, resample, to_mono
from bench.corpus import Item
from codec_zoo.samples import Samples


@dataclass(frozen=True, slots=True)
class Preparation:
    """What a run does to every item before any codec sees it.

    Attributes:
        sample_rate: rate in Hz at which items are held and decoded audio is compared; none for
            each item's own.
        mono: whether the channels are averaged.
    """

    sample_rate: int | None = None
    mono: bool = True

    def rate_of(self, item: Item) -> int:
        """The evaluation rate of an item in Hz."""
        return self.sample_rate or item.sample_rate


def prepare(item: Item, preparation: Preparation) -> Samples:
    """The reference signal of an item, shape ``(channels, samples)``, at its evaluation rate.

    Raises:
        AudioError: the file cannot be read, or changed after it was inspected.
    """
    stat = item.source.path.stat() if item.source.path.exists() else None
    if stat and (stat.st_size, stat.st_mtime_ns) != (item.size, item.mtime_ns):
        raise AudioError(f"{item.source.path} changed during the run; start it again.")
    samples, sample_rate = read_audio(item.source.path)
    if preparation.mono:
        samples = to_mono(samples)
    return resample(samples, sample_rate, preparation.rate_of(item))
