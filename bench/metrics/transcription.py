"""What speech loses in words: errors of a recogniser on the degraded signal."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import numpy as np

from bench.metrics.models import recogniser
from bench.metrics.preconditions import (
    SILENCE_DBFS,
    check_mono,
    check_pair,
    check_sample_rate,
    level_dbfs,
)
from bench.metrics.spec import UndefinedMetricError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codec_zoo.samples import Samples

APOSTROPHES = str.maketrans({"\u2019": "'", "\u02bc": "'"})  # typographic and modifier letter


def wer(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Word error rate of the degraded signal against the reference signal, in percent.

    .. math:: 100 \cdot \frac{S + D + I}{N}

    with the fewest substitutions S, deletions D and insertions I that turn the N words which a
    recogniser hears in the reference into those that it hears in the degraded signal. The words of
    the reference are those of the recogniser, not of the speaker (a pseudo-reference): what it
    mishears in both signals does not count. Texts are compared in lower case, without punctuation.
    Range: 0 (equal texts) upwards; lower is better, and a silent degraded signal has 100. Undefined
    where no word is heard in the reference. The recogniser comes from another package, under the
    entry-point group ``codecbench.recognisers``. Source: Levenshtein (1966); Morris et al. (2004),
    "From WER and RIL to MER and WIL", eq. 1.

    Args:
        reference: shape ``(1, samples)``.
        degraded: the same shape.
        sample_rate: in Hz, that of the recogniser.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals, or another sample rate.
        UndefinedMetricError: see above.
        MetricUnavailableError: no recogniser is installed.

    >>> compare_words("the cat sat down", "The cat sat, town!")
    25.0
    """
    _check(reference, degraded)
    return compare_words(transcript(reference, sample_rate), transcript(degraded, sample_rate))


def cer(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    """Character error rate of the degraded signal against the reference signal, in percent.

    As :func:`wer`, with characters in place of words, single spaces between words included; for
    languages that are written without spaces, and for a finer scale.

    Args:
        reference: shape ``(1, samples)``.
        degraded: the same shape.
        sample_rate: in Hz, that of the recogniser.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals, or another sample rate.
        UndefinedMetricError: a reference in which no word is heard.
        MetricUnavailableError: no recogniser is installed.

    >>> compare_characters("sixteen dogs", "sixteen hogs")
    8.333333333333334
    """
    _check(reference, degraded)
    return compare_characters(transcript(reference, sample_rate), transcript(degraded, sample_rate))


def transcript(signal: Samples, sample_rate: int) -> str:
    """What the installed recogniser hears in a signal of shape ``(1, samples)``.

    In silence it is not asked, because networks make up words there.

    Raises:
        ValueError: the signal is not at the recogniser's rate.
        MetricUnavailableError: no recogniser is installed.
        TypeError: the recogniser returned something else than text.
    """
    model = recogniser()
    check_sample_rate(sample_rate, model.sample_rate)
    if level_dbfs(signal) < SILENCE_DBFS:
        return ""
    text = model.transcribe(signal, sample_rate)
    if not isinstance(text, str):
        raise TypeError(f"{model.name} returned a {type(text).__name__}; text expected.")
    return text


def compare_words(reference: str, degraded: str) -> float:
    """The error rate of :func:`wer` between two texts."""
    return _error_rate(normalised(reference).split(), normalised(degraded).split())


def compare_characters(reference: str, degraded: str) -> float:
    """The error rate of :func:`cer` between two texts."""
    return _error_rate(normalised(reference), normalised(degraded))


def normalised(text: str) -> str:
    """Words in lower case with single spaces between them; marks of punctuation are left out.

    >>> normalised("  It's 5 o'clock -- ÉTUDE, she said. ")
    "it's 5 o'clock étude she said"
    """
    folded = unicodedata.normalize("NFKC", text.translate(APOSTROPHES)).casefold()
    kept = (
        character if character == "'" or unicodedata.category(character)[0] in "LMN" else " "
        for character in folded
    )
    return " ".join("".join(kept).split())


def edit_distance(first: Sequence[str], second: Sequence[str]) -> int:
    """Fewest substitutions, deletions and insertions that turn one sequence into the other.

    Levenshtein (1966), row by row.

    >>> edit_distance("kitten", "sitting")
    3
    """
    symbols = {symbol: number for number, symbol in enumerate({*first, *second})}
    target = np.array([symbols[symbol] for symbol in second], np.int64)
    inserted = np.arange(len(second) + 1)
    row = inserted.copy()
    for symbol in first:
        changed = np.minimum(row[1:] + 1, row[:-1] + (target != symbols[symbol]))
        unfinished = np.concatenate([row[:1] + 1, changed])
        row = np.minimum.accumulate(unfinished - inserted) + inserted
    return int(row[-1])


def _check(reference: Samples, degraded: Samples) -> None:
    check_pair(reference, degraded)
    check_mono(reference, degraded)


def _error_rate(reference: Sequence[str], degraded: Sequence[str]) -> float:
    if not reference:
        raise UndefinedMetricError("the recogniser hears no word in the reference signal.")
    return 100 * edit_distance(reference, degraded) / len(reference)
