"""The metrics of what is said and who says it, described without loading what computes them."""

from __future__ import annotations

from bench.metrics.models import RECOGNISERS, SPEAKER_ENCODERS
from bench.metrics.spec import MetricSpec

WER = MetricSpec(
    name="wer",
    version="1",
    summary="word errors of a recogniser against what it hears in the reference",
    unit="%",
    direction="lower",
    range=(0.0, None),
    function="bench.metrics.transcription:wer",
    features="bench.metrics.transcription:transcript",
    compare="bench.metrics.transcription:compare_words",
    source="Levenshtein (1966); Morris et al. (2004), eq. 1",
    caveat="the reference is a transcript by machine; compare values of one recogniser only",
    models=RECOGNISERS,
)
CER = MetricSpec(
    name="cer",
    version="1",
    summary="character errors of a recogniser against what it hears in the reference",
    unit="%",
    direction="lower",
    range=(0.0, None),
    function="bench.metrics.transcription:cer",
    features="bench.metrics.transcription:transcript",
    compare="bench.metrics.transcription:compare_characters",
    source="Levenshtein (1966); Morris et al. (2004), eq. 1",
    caveat="the reference is a transcript by machine; compare values of one recogniser only",
    models=RECOGNISERS,
)
SPEAKER_SIMILARITY = MetricSpec(
    name="speaker_similarity",
    version="1",
    summary="cosine between the speaker embeddings of both signals",
    unit="",
    direction="higher",
    range=(-1.0, 1.0),
    function="bench.metrics.speaker_likeness:speaker_similarity",
    features="bench.metrics.speaker_likeness:embedding",
    compare="bench.metrics.speaker_likeness:compare_embeddings",
    source="Dehak et al. (2011), eq. 7",
    caveat="compare values of one encoder only",
    models=SPEAKER_ENCODERS,
)
