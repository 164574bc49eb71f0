"""The files of a test, written under names that tell nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.audio import AudioError
from codec_zoo.samples import Samples
from mushra_web.building.headphone_screening import screening_sounds
from mushra_web.building.material import MaterialError
from mushra_web.building.stimuli import write_stimulus
from mushra_web.building.trial_audio import TrialAudio
from mushra_web.building.trial_design import TrialDesign
from mushra_web.listening_test import (
    REFERENCE,
    UNKNOWN_PREFIX,
    ScreeningKind,
    ScreeningTrial,
    Stimulus,
    Trial,
)

FOLDER = "stimuli"
ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
NAME_LENGTH = 12  # 60 bits


class StimulusWriter:
    """Writes the stimuli of one test; names and dither come from its seed."""

    def __init__(self, folder: Path, sample_rate: int, seed: int) -> None:
        """Write into a test folder.

        Args:
            folder: the test folder.
            sample_rate: of all files, in Hz.
            seed: of names, dither and screening sounds.
        """
        self._folder = folder
        self._sample_rate = sample_rate
        self._names, self._dither, self._screening = np.random.default_rng([seed, 0]).spawn(3)

    def name(self, prefix: str) -> str:
        """An opaque name; the prefix, a letter, keeps it from looking like a number."""
        letters = self._names.choice(list(ALPHABET), NAME_LENGTH)
        return prefix + "".join(letters)

    def add_trial(self, design: TrialDesign, audio: TrialAudio, target: float) -> Trial:
        """Write the files of a trial at a loudness of ``target`` LUFS.

        Raises:
            MaterialError: a signal would clip.
        """
        stimuli = tuple(self.add(audio, condition, target) for condition in design.conditions)
        reference = self.add(audio, REFERENCE, target) if design.has_reference else None
        return Trial(self.name("t"), design.item, audio.category, reference, stimuli)

    def add(self, audio: TrialAudio, condition: str, target: float) -> Stimulus:
        """Write one version of an item at the gain that brings its reference to ``target`` LUFS.

        Raises:
            MaterialError: the signal would clip.
        """
        version = audio.versions[condition.removeprefix(UNKNOWN_PREFIX)]
        gain = 10 ** ((target - audio.loudness) / 20)
        samples = (version.samples * gain).astype(np.float32)
        try:
            file, sha256 = self._write(samples)
        except AudioError as error:
            raise MaterialError(f"{condition} of item {audio.item!r}: {error}") from error
        return Stimulus(
            self.name("s"),
            condition,
            file,
            sha256,
            samples.shape[1],
            version.lag,
            round(version.gain_db, 4),
        )

    def add_screening(self, kind: ScreeningKind) -> tuple[ScreeningTrial, ...]:
        """Write the questions of a headphone screening."""
        if kind == "none":
            return ()
        trials = []
        for sound in screening_sounds(kind, self._sample_rate, self._screening):
            file, sha256 = self._write(sound.samples)
            trials.append(
                ScreeningTrial(
                    self.name("h"), file, sha256, sound.answer, sound.starts, sound.duration
                )
            )
        return tuple(trials)

    def _write(self, samples: Samples) -> tuple[str, str]:
        file = f"{FOLDER}/{self.name('f')}.wav"
        sha256 = write_stimulus(self._folder / file, samples, self._sample_rate, self._dither)
        return file, sha256
