"""The training audio: found, checked, decoded once, and mapped into memory."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

if TYPE_CHECKING:
    from reference_training.config import DataConfig

LOGGER = logging.getLogger(__name__)
FULL_SCALE = 32767.0
BANDWIDTH_RANGE_DB = 75.0  # below the strongest bin; as for the project's evaluation audio
NARROW_SHARE = 0.8  # of the Nyquist frequency


class CorpusError(RuntimeError):
    """There is no audio to train on; the message says what was found."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One decoded file.

    Attributes:
        path: relative to the data folder.
        source: name of its source.
        start: first sample in the decoded audio.
        n_samples: its length.
        is_narrow: whether its bandwidth is far below the Nyquist frequency.
        is_held_out: whether it is kept for validation.
    """

    path: str
    source: str
    start: int
    n_samples: int
    is_narrow: bool
    is_held_out: bool


@dataclass(frozen=True, slots=True)
class Corpus:
    """Decoded audio.

    Attributes:
        recordings: the files in it.
        rejected: files that could not be used, with the reason.
        samples: all recordings one after another, 16 bit, mapped from a file.
    """

    recordings: tuple[Recording, ...]
    rejected: dict[str, str]
    samples: NDArray[np.int16]

    def read(self, recording: Recording, start: int, n_samples: int) -> NDArray[np.float32]:
        """``n_samples`` of a recording from sample ``start`` on, scaled to [-1, 1]."""
        first = recording.start + start
        return self.samples[first : first + n_samples].astype(np.float32) / np.float32(FULL_SCALE)


def open_corpus(config: DataConfig, sample_rate: int) -> Corpus:
    """The audio of all sources, decoded to mono at ``sample_rate``.

    Decoding happens once per set of files; the result lies in ``config.cache``. Files that cannot
    be decoded, are shorter than a segment or hold values that are not finite are left out with
    their reason, and their number is logged.

    Raises:
        CorpusError: a source has no usable file.
    """
    files = [
        (source.name, path)
        for source in config.sources
        for path in sorted(config.folder.glob(source.files))
        if path.is_file()
    ]
    key = hashlib.sha256(f"{sample_rate} {config.segment} {config.validation_share}".encode())
    for name, path in files:
        stat = path.stat()
        key.update(f"{name} {path} {stat.st_size} {stat.st_mtime_ns}".encode())
    audio = config.cache / f"audio-{key.hexdigest()[:16]}.npy"
    index = audio.with_suffix(".json")
    if not index.is_file():
        config.cache.mkdir(parents=True, exist_ok=True)
        _decode(files, config, sample_rate, audio, index)
    entries = json.loads(index.read_text())
    recordings = tuple(Recording(**entry) for entry in entries["recordings"])
    rejected: dict[str, str] = entries["rejected"]
    if rejected:
        LOGGER.warning("%d of %d files were left out; see %s", len(rejected), len(files), index)
    for source in config.sources:
        if not any(recording.source == source.name for recording in recordings):
            reasons = "; ".join(f"{path}: {why}" for path, why in list(rejected.items())[:3])
            raise CorpusError(
                f"source {source.name!r} has no usable file for {source.files!r} in "
                f"{config.folder}. {reasons or 'Nothing matches the pattern.'}"
            )
    return Corpus(recordings, rejected, np.load(audio, mmap_mode="r"))


def _decode(
    files: list[tuple[str, Path]], config: DataConfig, sample_rate: int, audio: Path, index: Path
) -> None:
    with tempfile.TemporaryDirectory(dir=config.cache) as folder:
        raw, array, entries = (Path(folder, name) for name in ("raw", "audio.npy", "index"))
        with raw.open("wb") as target:
            recordings, rejected = _decode_all(files, config, sample_rate, target)
        if recordings:
            np.save(array, np.memmap(raw, np.int16, "r"))
            array.rename(audio)
        described = [dataclasses.asdict(recording) for recording in recordings]
        entries.write_text(json.dumps({"recordings": described, "rejected": rejected}, indent=1))
        entries.rename(index)


def _decode_all(
    files: list[tuple[str, Path]], config: DataConfig, sample_rate: int, target: BinaryIO
) -> tuple[list[Recording], dict[str, str]]:
    recordings: list[Recording] = []
    rejected: dict[str, str] = {}
    position = 0
    for source, path in files:
        name = path.relative_to(config.folder).as_posix()
        try:
            samples = _decode_file(path, sample_rate, config.segment)
        except (soundfile.LibsndfileError, ValueError) as error:
            rejected[name] = str(error)
            continue
        target.write(np.round(np.clip(samples, -1, 1) * FULL_SCALE).astype(np.int16).tobytes())
        digest = hashlib.sha256(name.encode()).digest()
        recordings.append(
            Recording(
                path=name,
                source=source,
                start=position,
                n_samples=len(samples),
                is_narrow=bandwidth(samples, sample_rate) < NARROW_SHARE * sample_rate / 2,
                is_held_out=int.from_bytes(digest[:4], "big") / 2**32 < config.validation_share,
            )
        )
        position += len(samples)
    return recordings, rejected


def _decode_file(path: Path, sample_rate: int, shortest: int) -> NDArray[np.float32]:
    channels, rate = soundfile.read(path, dtype="float32", always_2d=True)
    samples = channels.mean(axis=1)
    if not np.isfinite(samples).all():
        raise ValueError("values that are not finite")
    if rate != sample_rate:
        samples = soxr.resample(samples, rate, sample_rate, quality="HQ")
    if len(samples) < shortest:
        raise ValueError(f"{len(samples)} samples; {shortest} or more expected")
    return np.asarray(samples, np.float32)


def bandwidth(samples: NDArray[np.float32], sample_rate: int) -> float:
    """Highest frequency in Hz whose mean power is within 75 dB of the strongest one's."""
    size = 1024
    n_frames = len(samples) // size
    frames = samples[: n_frames * size].reshape(n_frames, size) * np.hanning(size)
    power = np.square(np.abs(np.fft.rfft(frames, axis=1))).mean(axis=0)
    strong = np.flatnonzero(power >= power.max() * 10 ** (-BANDWIDTH_RANGE_DB / 10))
    return float(strong[-1] * sample_rate / size) if power.max() > 0 else 0.0
