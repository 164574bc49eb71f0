"""Make the demo corpus: eight synthetic clips and their index.

Run it as ``python tools/make_demo_corpus.py`` in an environment that has codecbench. It needs the
Debian packages espeak-ng, fluidsynth and fluid-soundfont-gm.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
import soundfile  # type: ignore[import-untyped]  # ships no types
from demo_music import GROOVE, WALTZ
from demo_programs import Line, check_programs, music, speech, versions
from demo_signals import babble, faded, pink_noise, transients
from signal_level import active_speech_level, peak_level, rms_level

from codec_zoo.weights import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from midi_file import Score

    from codec_zoo.samples import Samples

SAMPLE_RATE = 48_000
SEED = 20_240_501
PAUSE = 0.2  # s, before and after speech
LEAD = 0.1  # s, before music, so that the fade leaves the first attack alone
SPEECH_LEVEL = -23.0  # dBFS, active speech level
MUSIC_LEVEL = -20.0  # dBFS, RMS
GENERAL_LEVEL = -23.0  # dBFS, RMS
MAX_PEAK = -1.0  # dBFS
DURATIONS = (3.0, 5.0)  # s
FOLDER = Path(__file__).resolve().parents[1] / "bench" / "demo_corpus"

ENGLISH = Line("en-gb+m3", 150, "In the old harbour, a small blue boat waits for the evening tide.")
GERMAN = Line("de+f4", 150, "Am frühen Morgen liegt der Nebel noch dicht über dem stillen See.")
MANDARIN = Line(
    "cmn-latn-pinyin+f2",
    165,
    "yu3 ting2 le5, wo3men5 yan2zhe5 he2bian1 man4man4 zou3 hui2 jia1.",
)
SPANISH = Line("es+m7", 150, "El tren de la mañana llegó con media hora de retraso.")
AMERICAN = Line("en-us+f5", 150, "She keeps her spare keys in a jar beside the kitchen window.")
CROWD = (ENGLISH, GERMAN, MANDARIN, SPANISH, Line("fr+m1", 170, "On se retrouve devant la gare."))


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip: its row in the index, without what is measured, and how it is made."""

    name: str
    category: str
    description: str
    made_with: str
    make: Callable[[np.random.Generator], Samples]
    snr: float | None = None


def spoken(name: str, language: str, line: Line) -> Clip:
    """Clean speech at the speech level."""
    return Clip(
        name=name,
        category="clean_speech",
        description=f"{language}: {line.text}",
        made_with=f"espeak-ng, voice {line.voice}",
        make=lambda _: at_speech_level(padded(speech(line, SAMPLE_RATE), PAUSE, PAUSE)),
    )


def in_noise(
    name: str,
    language: str,
    line: Line,
    noise: str,
    make_noise: Callable[[int, np.random.Generator], Samples],
    snr: float,
) -> Clip:
    """Speech in noise; ``snr`` in dB is its active level over the noise's RMS level."""

    def make(generator: np.random.Generator) -> Samples:
        clean = at_speech_level(padded(speech(line, SAMPLE_RATE), PAUSE, PAUSE))
        level = 10 ** ((SPEECH_LEVEL - snr) / 20)
        return at_speech_level(clean + np.float32(level) * make_noise(clean.shape[1], generator))

    return Clip(
        name=name,
        category="noisy_speech",
        description=f"{language} in {noise} at {snr:g} dB: {line.text}",
        made_with=f"espeak-ng, voice {line.voice}; {noise}",
        make=make,
        snr=snr,
    )


def played(name: str, description: str, score: Score) -> Clip:
    """A piece of music at the music level."""
    return Clip(
        name=name,
        category="music",
        description=description,
        made_with="fluidsynth, FluidR3_GM.sf2",
        make=lambda _: scaled(padded(music(score, SAMPLE_RATE), LEAD, 0.0), MUSIC_LEVEL, rms_level),
    )


def _crowd(n_samples: int, generator: np.random.Generator) -> Samples:
    return babble([speech(line, SAMPLE_RATE) for line in CROWD], n_samples, SAMPLE_RATE, generator)


CLIPS = (
    spoken("speech_english", "English", ENGLISH),
    spoken("speech_german", "German", GERMAN),
    spoken("speech_mandarin", "Mandarin", MANDARIN),
    in_noise(
        "noisy_spanish",
        "Spanish",
        SPANISH,
        "pink noise",
        lambda n_samples, generator: pink_noise(n_samples, SAMPLE_RATE, generator),
        15.0,
    ),
    in_noise("noisy_american", "American English", AMERICAN, "babble of five voices", _crowd, 10.0),
    played("music_waltz", "Piano, violin, viola and cello in F major", WALTZ),
    played("music_groove", "Nylon guitar, acoustic bass and percussion in E Dorian", GROOVE),
    Clip(
        name="transients",
        category="general",
        description="Clicks, wood-block strokes, a rising chirp, noise bursts",
        made_with="numpy",
        make=lambda generator: scaled(transients(SAMPLE_RATE, generator), GENERAL_LEVEL, rms_level),
    ),
)


def scaled(samples: Samples, level: float, measure: Callable[[Samples], float]) -> Samples:
    """The samples at ``level`` in dBFS as ``measure`` reads it."""
    return samples * np.float32(10 ** ((level - measure(samples)) / 20))


def at_speech_level(samples: Samples) -> Samples:
    """The samples at an active speech level of -23 dBFS."""
    return scaled(samples, SPEECH_LEVEL, lambda speech: active_speech_level(speech, SAMPLE_RATE))


def padded(samples: Samples, before: float, after: float) -> Samples:
    """The samples with silence before and after them, in seconds."""
    widths = (round(before * SAMPLE_RATE), round(after * SAMPLE_RATE))
    return np.pad(samples, ((0, 0), widths))


def finished(samples: Samples, generator: np.random.Generator) -> Samples:
    """The samples faded at both ends and rounded to 16 bits with triangular dither.

    Raises:
        ValueError: the duration or the peak is not what the corpus promises.
    """
    duration = samples.shape[1] / SAMPLE_RATE
    if not DURATIONS[0] <= duration <= DURATIONS[1]:
        raise ValueError(f"the clip lasts {duration:.2f} s; {DURATIONS} s expected.")
    dither = generator.random(samples.shape) - generator.random(samples.shape)
    levels = np.round(32768 * faded(samples, SAMPLE_RATE).astype(np.float64) + dither)
    rounded = (levels / 32768).astype(np.float32)
    if peak_level(rounded) > MAX_PEAK:
        raise ValueError(
            f"the clip peaks at {peak_level(rounded):.1f} dBFS; at most {MAX_PEAK} expected. "
            "Use a quieter or less peaky source; the level is fixed."
        )
    return rounded


def write_corpus(folder: Path) -> None:
    """Write every clip and ``index.csv`` into ``folder``.

    Raises:
        MissingProgramError: a Debian package is not installed.
        RenderingError: a program failed, wrote silence, or clipped.
        ValueError: a clip is not what the corpus promises.
    """
    check_programs()
    folder.mkdir(parents=True, exist_ok=True)
    seeds = np.random.SeedSequence(SEED).spawn(len(CLIPS))
    known = versions()
    rows = []
    for clip, seed in zip(CLIPS, seeds, strict=True):
        generator = np.random.default_rng(seed)
        samples = finished(clip.make(generator), generator)
        path = folder / f"{clip.name}.flac"
        soundfile.write(path, samples[0], SAMPLE_RATE, subtype="PCM_16", compression_level=1.0)
        rows.append(_row(clip, samples, path, known))
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _row(clip: Clip, samples: Samples, path: Path, known: dict[str, str]) -> dict[str, str]:
    made_with = clip.made_with
    for program, version in known.items():
        made_with = made_with.replace(program, f"{program} {version}")
    return {
        "id": clip.name,
        "path": path.name,
        "category": clip.category,
        "licence": "CC0-1.0",
        "synthetic": "yes",
        "sample_rate": str(SAMPLE_RATE),
        "duration_s": f"{samples.shape[1] / SAMPLE_RATE:.3f}",
        "description": clip.description,
        "made_with": made_with,
        "snr_db": "" if clip.snr is None else f"{clip.snr:g}",
        "peak_dbfs": f"{peak_level(samples):.1f}",
        "rms_dbfs": f"{rms_level(samples):.1f}",
        "sha256": sha256_of(path),
    }


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=FOLDER,
    help="Folder to write to; default: bench/demo_corpus of this checkout.",
)
def main(out: Path) -> None:
    """Make the demo corpus and say how large it is."""
    try:
        write_corpus(out)
    except (RuntimeError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    size = sum(path.stat().st_size for path in out.glob("*.flac"))
    click.echo(f"{len(CLIPS)} clips, {size / 1e6:.2f} MB, in {out}", err=True)


if __name__ == "__main__":
    main()
