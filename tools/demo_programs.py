"""Speech from espeak-ng and music from fluidsynth, as arrays."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile  # type: ignore[import-untyped]  # ships no types
import soxr  # type: ignore[import-untyped]  # ships no types
from demo_signals import faded
from midi_file import Score, midi_file

if TYPE_CHECKING:
    from codec_zoo.samples import Samples

PACKAGES = "espeak-ng fluidsynth fluid-soundfont-gm"
SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")  # where fluid-soundfont-gm puts it
SILENCE = 1e-3  # amplitude below which there is nothing to hear
FULL_SCALE = 32766 / 32768  # a 16-bit sample beyond this has been clipped


class MissingProgramError(RuntimeError):
    """A Debian package that the demo corpus is made with is not installed."""


class RenderingError(RuntimeError):
    """A program failed, or what it wrote is silent or clipped."""


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence and who says it: an espeak-ng voice, with a speed in words per minute."""

    voice: str
    speed: int
    text: str


def check_programs() -> None:
    """Accept a machine that has both programs and the SoundFont.

    Raises:
        MissingProgramError: one is missing; the message names the Debian packages.
    """
    missing = [name for name in ("espeak-ng", "fluidsynth") if shutil.which(name) is None]
    # Without its SoundFont fluidsynth renders silence and still exits with 0.
    missing += [] if SOUNDFONT.is_file() else [str(SOUNDFONT)]
    if missing:
        raise MissingProgramError(
            f"{', '.join(missing)} not found. On Debian: apt install {PACKAGES}"
        )


def speech(line: Line, sample_rate: int) -> Samples:
    """The sentence, shape ``(1, samples)``, faded at both ends and without silence around it.

    Raises:
        RenderingError: espeak-ng failed, wrote silence, or clipped.
    """
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "speech.wav")
        # -b 1: the text is UTF-8, whatever the locale. -a 70: some voices clip at 100.
        options = ["-b", "1", "-a", "70", "-v", line.voice, "-s", str(line.speed)]
        _run(["espeak-ng", *options, "-w", str(path), line.text])
        samples, rate = _read(path)
    voiced = np.flatnonzero(np.abs(samples[0]) > SILENCE)
    trimmed = samples[:, voiced[0] : voiced[-1] + 1]
    # Without fades a voice that starts or stops abruptly would click in the silence around it.
    return faded(_resampled(trimmed, rate, sample_rate), sample_rate)


def music(score: Score, sample_rate: int) -> Samples:
    """The piece with reverberation, both channels averaged, shape ``(1, samples)``.

    Raises:
        RenderingError: fluidsynth failed, wrote silence, or clipped.
    """
    with tempfile.TemporaryDirectory() as scratch:
        midi, wav = Path(scratch, "score.mid"), Path(scratch, "music.wav")
        midi.write_bytes(midi_file(score))
        # A configuration file of the user's could change the sound: -f names an empty one.
        options = ["-n", "-i", "-q", "-f", os.devnull, "-g", "0.5", "-R", "1", "-C", "0"]
        target = ["-r", str(sample_rate), "-T", "wav", "-O", "float", "-F", str(wav)]
        _run(["fluidsynth", *options, *target, str(SOUNDFONT), str(midi)])
        samples, rate = _read(wav)
    # fluidsynth renders whole buffers until the last voice has died away.
    n_samples = round(score.length * 60 / score.tempo * rate)
    return _resampled(samples[:, :n_samples], rate, sample_rate)


def versions() -> dict[str, str]:
    """What each program says of its version."""
    spoken = _run(["espeak-ng", "--version"]).split(":")[1].split()[0]
    rendered = _run(["fluidsynth", "-V"]).split("version")[1].split()[0]
    return {"espeak-ng": spoken, "fluidsynth": rendered}


def _run(command: list[str]) -> str:
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except subprocess.CalledProcessError as error:
        raise RenderingError(
            f"{command[0]} ended with status {error.returncode}: {error.stderr.strip()}"
        ) from error


def _read(path: Path) -> tuple[Samples, int]:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)[np.newaxis]  # [1, T]
    peak = float(np.abs(samples).max(initial=0.0))
    if not SILENCE < peak < FULL_SCALE:
        raise RenderingError(
            f"{path.name} has a peak of {peak:.4f}; {SILENCE} to {FULL_SCALE:.4f} expected. "
            f"Check the installation of {PACKAGES}."
        )
    return mono, int(rate)


def _resampled(samples: Samples, rate: int, sample_rate: int) -> Samples:
    if rate == sample_rate:
        return samples
    resampled = soxr.resample(samples[0].astype(np.float64), rate, sample_rate, quality="VHQ")
    return np.asarray(resampled[np.newaxis], dtype=np.float32)
