"""Scores that were published, each with its conditions, beside what was measured here.

The MUSHRA means of Ahn et al. are read off the plot, good to about 0.3 points.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.listening import ListeningTest
    from reports.study import Study

SAME_RATE = 0.02  # nominal bitrates may differ by this share


@dataclass(frozen=True, slots=True)
class PublishedScore:
    """A score as it was published.

    Attributes:
        codec: its name here.
        bitrate: in bit/s; none where it is not known.
        quantity: name of our metric, or ``MUSHRA``.
        value: the mean.
        half_width: half of its 95 % interval, if it was given.
        conditions: how it was obtained.
        source: where it was published.
    """

    codec: str
    bitrate: int | None
    quantity: str
    value: float
    half_width: float | None
    conditions: str
    source: str

    def is_of(self, codec: str, bitrate: int | None) -> bool:
        """Whether it is said of that codec at that nominal bitrate."""
        if codec != self.codec:
            return False
        if self.bitrate is None or bitrate is None:
            return False
        return abs(bitrate / self.bitrate - 1) <= SAME_RATE


@dataclass(frozen=True, slots=True)
class ScorePair:
    """A published score and ours: mean and half of its interval, where there is one."""

    condition: str
    published: PublishedScore
    mean: float | None
    half_width: float | None


def published_scores() -> list[PublishedScore]:
    """All published scores that come with the package."""
    text = (resources.files("reports") / "published.json").read_text(encoding="utf-8")
    return [PublishedScore(**entry) for entry in json.loads(text)]


def beside_ours(study: Study, listening: ListeningTest | None) -> list[ScorePair]:
    """The published scores of the conditions of a study, with ours where we have one."""
    pairs = [
        ScorePair(codec, score, None, None)
        for codec in study.codecs
        for score in published_scores()
        if score.codec == codec and score.bitrate is None
    ]
    for row, shown in enumerate(study.conditions):
        for score in published_scores():
            if score.is_of(shown.condition.codec, shown.bitrate):
                ours = _ours(study, row, score.quantity, listening)
                pairs.append(ScorePair(shown.label, score, *ours))
    return pairs


def _ours(
    study: Study, row: int, quantity: str, listening: ListeningTest | None
) -> tuple[float | None, float | None]:
    if quantity == "MUSHRA":
        for rated in listening.conditions if listening else ():
            if rated.condition == study.conditions[row].condition.id:
                return rated.mean, (rated.ci_high - rated.ci_low) / 2
        return None, None
    for measure in study.quality:
        mean = study.cells(measure)[row].mean
        if measure.name == quantity and mean:
            return mean.mean, mean.half_width
    return None, None
