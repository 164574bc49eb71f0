"""What is compared: codecs at bitrates, and which of them can run here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from codec_zoo.interface import CodecEntry, CodecError
from codec_zoo.registry import codec_entry
from codec_zoo.weights import WeightsFile, is_preview, resolve_weights

Status = Literal["ok", "failed", "crashed", "timeout", "undefined", "unsupported"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A codec at a bitrate.

    Attributes:
        codec: its name.
        bitrate: nominal bitrate in bit/s; none for decoded files of unknown bitrate.
        codec_version: version of the adapter.
        weights_sha256: hash of the weights; empty where there are none.
        weights_origin: where they came from.
        options: settings that change the output.
        preview: whether the quality of the weights is known to be short of the published one.
        status: ``ok``, ``unsupported`` for a bitrate that is not offered, or ``failed``.
        message: the reason, and the command that would help.
    """

    codec: str
    bitrate: int | None
    codec_version: str = ""
    weights_sha256: str = ""
    weights_origin: str = ""
    options: dict[str, str] = field(default_factory=dict)
    preview: bool = False
    status: Status = "ok"
    message: str = ""

    @property
    def id(self) -> str:
        """Stable name: codec, ``@`` and the bitrate in kbit/s where it is known."""
        return self.codec if self.bitrate is None else f"{self.codec}@{self.bitrate / 1000:g}"


@dataclass(frozen=True, slots=True)
class CodecPlan:
    """A codec that was asked for: its conditions, and what its workers need to build it."""

    entry: CodecEntry
    conditions: tuple[Condition, ...]
    weights: WeightsFile | None


def parse_codecs(
    names: Sequence[str], bitrates: Sequence[int]
) -> dict[str, tuple[int | None, ...]]:
    """Bitrates in bit/s by codec name, from words such as ``opus`` or ``opus@12`` (kbit/s).

    A bare name takes ``bitrates``, or the codec's own defaults (none in the tuple) if there are
    none.

    Raises:
        ValueError: the part after ``@`` is not a bitrate.

    >>> parse_codecs(["opus", "opus@16", "mp3"], [])
    {'opus': (None, 16000), 'mp3': (None,)}
    """
    selected: dict[str, tuple[int | None, ...]] = {}
    for word in names:
        name, at, rate = word.partition("@")
        rates = (parse_bitrate(rate),) if at else (*bitrates,) or (None,)
        selected[name] = tuple(dict.fromkeys((*selected.get(name, ()), *rates)))
    return selected


def parse_bitrate(text: str) -> int:
    """Bit/s from a number in kbit/s.

    Raises:
        ValueError: it is no positive number.

    >>> parse_bitrate("1.5")
    1500
    """
    try:
        bitrate = round(float(text) * 1000)
    except (ValueError, OverflowError):
        bitrate = 0
    if bitrate <= 0:
        raise ValueError(f"{text!r} is no bitrate; kbit/s such as 6 or 1.5 expected.")
    return bitrate


def plan_codec(
    name: str, bitrates: Sequence[int | None], *, nearest: bool, declarations: Path | None
) -> CodecPlan:
    """Decide what of a codec can run here, before anything runs.

    Args:
        name: the codec's name.
        bitrates: wanted bitrates in bit/s; a none among them stands for the codec's defaults.
        nearest: take the closest offered bitrate in place of one that is not offered.
        declarations: TOML file that declares external codecs.

    Raises:
        LookupError: no codec has that name.
        CodecError: the package that offers it cannot be loaded.
    """
    entry = codec_entry(name, declarations)
    info = entry.info
    wanted: list[int] = []
    for bitrate in bitrates:
        wanted += info.default_bitrates if bitrate is None else (bitrate,)
    if nearest:
        wanted = [info.nearest_bitrate(bitrate) for bitrate in wanted]
    weights, problem = _prepare(entry, any(bitrate in info.bitrates for bitrate in wanted))
    conditions = []
    for bitrate in dict.fromkeys(wanted):
        offered = bitrate in info.bitrates
        conditions.append(
            Condition(
                codec=name,
                bitrate=bitrate,
                codec_version=info.version,
                weights_sha256=weights.sha256 if weights else "",
                weights_origin=weights.origin if weights else "",
                options=dict(entry.options),
                preview=is_preview(entry.weights, weights.origin if weights else ""),
                status="unsupported" if not offered else "failed" if problem else "ok",
                message=problem if offered else f"{name} offers {info.offered_bitrates()} kbit/s.",
            )
        )
    return CodecPlan(entry, tuple(conditions), weights)


def _prepare(entry: CodecEntry, needed: bool) -> tuple[WeightsFile | None, str]:
    if not needed:
        return None, ""
    try:
        if entry.check is not None:
            entry.check()
        return (resolve_weights(entry.weights) if entry.weights else None), ""
    except CodecError as error:
        return None, str(error)
