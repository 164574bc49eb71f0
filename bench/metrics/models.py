"""Networks of other people's packages that some metrics listen with: recognisers, voice encoders.

None is bundled. A package offers one as an object under an entry-point group; the object stands
there without its network, which it loads when it is first used.
"""

from __future__ import annotations

import functools
import os
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from bench.metrics.spec import MetricUnavailableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codec_zoo.samples import Samples

RECOGNISERS = "codecbench.recognisers"
SPEAKER_ENCODERS = "codecbench.speaker_encoders"
# what chooses one of several that are installed
CHOICES = {
    RECOGNISERS: "CODECBENCH_RECOGNISER",
    SPEAKER_ENCODERS: "CODECBENCH_SPEAKER_ENCODER",
}


@runtime_checkable
class Model(Protocol):
    """What every such object says of itself.

    Attributes:
        name: name of the network.
        version: raised when its output changes; part of the version of every metric that uses it.
        sample_rate: rate in Hz of the audio that it takes.
    """

    name: str
    version: str
    sample_rate: int


@runtime_checkable
class Recogniser(Model, Protocol):
    """What an entry point of the group ``codecbench.recognisers`` names.

    Attributes:
        language: BCP 47 tag of what it understands, such as ``en``; ``mul`` for many.
    """

    language: str

    def transcribe(self, samples: Samples, sample_rate: int) -> str:
        """What is said in audio of shape ``(1, samples)`` at the model's rate."""
        ...


@runtime_checkable
class SpeakerEncoder(Model, Protocol):
    """What an entry point of the group ``codecbench.speaker_encoders`` names."""

    def embed(self, samples: Samples, sample_rate: int) -> NDArray[Any]:  # any float width
        """Vector that stands for the voice in audio of shape ``(1, samples)``."""
        ...


def recogniser() -> Recogniser:
    """The speech recogniser that is installed.

    Raises:
        MetricUnavailableError: there is none, several to choose from, or one that cannot be loaded.
    """
    model = installed_model(RECOGNISERS)
    assert isinstance(model, Recogniser)
    return model


def speaker_encoder() -> SpeakerEncoder:
    """The encoder of voices that is installed.

    Raises:
        MetricUnavailableError: there is none, several to choose from, or one that cannot be loaded.
    """
    model = installed_model(SPEAKER_ENCODERS)
    assert isinstance(model, SpeakerEncoder)
    return model


@functools.cache  # every pair asks
def installed_model(group: str) -> Recogniser | SpeakerEncoder:
    """The one model of a group, or the one of several that the environment variable names.

    Raises:
        MetricUnavailableError: there is none, several to choose from, or one that cannot be loaded.
    """
    offered, variable = _offered(group), CHOICES[group]
    names = ", ".join(sorted(offered))
    if not offered:
        raise MetricUnavailableError(
            "no installed package offers a model under the entry-point group "
            f"{group!r}: pip install one that does, or write one as the README of bench/metrics "
            "shows."
        )
    chosen = os.environ.get(variable, "") or min(offered)
    if chosen not in offered:
        raise MetricUnavailableError(
            f"{variable}={chosen} names no model under {group!r}; there are: {names}."
        )
    if len(offered) > 1 and not os.environ.get(variable):
        raise MetricUnavailableError(
            f"several models are installed under {group!r}: set {variable} to one of {names}."
        )
    point = offered[chosen]
    try:
        model = point.load()
    except Exception as error:  # other people's packages raise anything
        raise MetricUnavailableError(
            f"model {chosen!r} ({point.value}) cannot be loaded: {error}"
        ) from error
    if not isinstance(model, Recogniser if group == RECOGNISERS else SpeakerEncoder):
        raise MetricUnavailableError(
            f"model {chosen!r}: {point.value} is a {type(model).__name__} that lacks a name, "
            "version, sample_rate or method; bench.metrics.models says what is expected."
        )
    return model


def _offered(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}
