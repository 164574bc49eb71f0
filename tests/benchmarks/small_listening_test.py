"""A listening test of tones, complete and small, for tests and benchmarks of the server.

Each condition is the reference with noise of its own level, so that no two files are alike.
"""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from mushra_web.listening_test import (
    UNKNOWN_PREFIX,
    ListeningTest,
    Method,
    Question,
    ScreeningTrial,
    Stimulus,
    Trial,
    write_test,
)

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE_RATE = 16_000
NOISE = {"reference": 0.0, "codec_x@3": 0.01, "codec_y@6": 0.02, "anchor35": 0.05}
CONDITIONS: dict[Method, tuple[str, ...]] = {
    "mushra": ("reference", "codec_x@3", "codec_y@6", "anchor35"),
    "bs1116": ("reference", "codec_x@3"),
    "ab": ("codec_x@3", "codec_y@6"),
    "abx": ("reference", "codec_x@3", "x:reference", "x:codec_x@3"),
    "acr": ("codec_x@3",),
    "dcr": ("codec_x@3",),
    "ccr": ("codec_x@3", "codec_y@6"),
}
WITH_REFERENCE = ("mushra", "bs1116", "dcr")
QUESTIONS = (
    Question("age", "How old are you?", "number", minimum=18, maximum=99),
    Question("headphones", "Which headphones?", "choice", choices=("open", "closed", "in-ear")),
    Question("comment", "Anything to add?", "long_text", optional=True),
)


def write_small_test(
    folder: Path,
    *,
    method: Method = "mushra",
    n_trials: int = 3,
    n_training: int = 1,
    with_screening: bool = False,
    with_questions: bool = True,
    duration: float = 0.6,
    completion_code: str = "C0DE",
) -> ListeningTest:
    """Write a test of ``n_trials`` items into a folder, and return it."""
    names = (f"s{hashlib.sha256(bytes([n])).hexdigest()[:8]}" for n in itertools.count())
    (folder / "stimuli").mkdir(parents=True, exist_ok=True)

    def stimulus(condition: str, pitch: float) -> Stimulus:
        name = next(names)
        file = f"stimuli/f{hashlib.sha256(name.encode()).hexdigest()[:8]}.wav"
        noise = NOISE[condition.removeprefix(UNKNOWN_PREFIX)]
        samples = _tone(pitch, round(duration * SAMPLE_RATE), noise)
        soundfile.write(folder / file, samples, SAMPLE_RATE, subtype="PCM_24")
        digest = hashlib.sha256((folder / file).read_bytes()).hexdigest()
        return Stimulus(name, condition, file, digest, len(samples))

    def trial(index: int, kind: str) -> Trial:
        pitch = 220.0 * 2 ** (index / 12)
        reference = stimulus("reference", pitch) if method in WITH_REFERENCE else None
        stimuli = tuple(stimulus(condition, pitch) for condition in CONDITIONS[method])
        return Trial(f"{kind}{index}", f"item_{index}", "tones", reference, stimuli)

    trials = tuple(trial(index, "q") for index in range(n_trials))
    test = ListeningTest(
        id="small",
        title="A small listening test",
        method=method,
        seed=7,
        sample_rate=SAMPLE_RATE,
        language="en",
        trials=trials,
        assignment=(tuple(t.id for t in trials),),
        training=tuple(trial(n_trials + index, "w") for index in range(n_training)),
        volume_stimulus=stimulus("reference", 440.0),
        screening="huggins" if with_screening else "none",
        screening_trials=_screening(folder) if with_screening else (),
        screening_pass=2 if with_screening else 0,
        questionnaire=QUESTIONS if with_questions else (),
        instructions=("Rate the sounds.", "Take your time."),
        completion_code=completion_code,
    )
    write_test(test, folder)
    return test


def _screening(folder: Path) -> tuple[ScreeningTrial, ...]:
    questions = []
    for index, answer in enumerate((1, 0)):
        file = f"stimuli/h{index}.wav"
        soundfile.write(folder / file, _tone(500.0 + index, 4_800, 0.01), SAMPLE_RATE, "PCM_24")
        digest = hashlib.sha256((folder / file).read_bytes()).hexdigest()
        questions.append(ScreeningTrial(f"h{index}", file, digest, answer, (0.0, 0.1, 0.2), 0.1))
    return tuple(questions)


def _tone(pitch: float, n_samples: int, noise: float) -> np.ndarray:
    """Both ears alike, shape ``(n_samples, 2)``, with ends that fade within 5 ms."""
    rng = np.random.default_rng(round(pitch * 1000))
    time = np.arange(n_samples) / SAMPLE_RATE
    signal = 0.3 * np.sin(2 * np.pi * pitch * time) + noise * rng.standard_normal(n_samples)
    n_ramp = round(0.005 * SAMPLE_RATE)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(n_ramp) + 0.5) / n_ramp)
    signal[:n_ramp] *= ramp
    signal[-n_ramp:] *= ramp[::-1]
    return np.stack([signal, signal], axis=1)
