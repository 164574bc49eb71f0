"""What stands out, in sentences: who leads at which bitrate, and how surely."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.names import readable
from reports.numerals import fixed, probability
from reports.study import KILO, sign_of

if TYPE_CHECKING:
    from bench.store import Measure
    from reports.study import Study

MOST = 6


def findings(study: Study) -> list[str]:
    """A sentence for each band of bitrate in which several codecs can be compared.

    The first measure of quality is taken, the one that the run was asked for first.
    """
    if not study.quality:
        return []
    measure = study.quality[0]
    found = []
    for bitrate, rows in study.bands:
        ranked = _ranked(study, measure, rows)
        if bitrate is not None and len(ranked) > 1:
            found.append(_sentence(study, measure, bitrate, ranked))
    return found[:MOST]


def _ranked(study: Study, measure: Measure, rows: tuple[int, ...]) -> list[int]:
    means = {row: mean.mean for row in rows if (mean := study.cells(measure)[row].mean)}
    return sorted(means, key=lambda row: -sign_of(measure) * means[row])


def _sentence(study: Study, measure: Measure, bitrate: float, ranked: list[int]) -> str:
    first, second = ranked[:2]
    names = [readable(study.conditions[row].label) for row in (first, second)]
    contrast = next(
        c for c in study.contrasts[measure.name] if {c.first, c.second} == {first, second}
    )
    mean = contrast.difference.mean
    size = fixed(abs(mean.mean))
    unit = f" {measure.unit}" if measure.unit else ""
    tail = f"(n = {mean.n}, p {_equals(contrast.p)}, Holm)"
    place = f"Near {bitrate / KILO:.3g} kbit/s"
    if contrast.is_significant:
        return f"{place}, {names[0]} leads in {measure.name}: {size}{unit} over {names[1]} {tail}."
    return (
        f"{place}, {names[0]} and {names[1]} lie {size}{unit} apart in {measure.name}, "
        f"which these items do not settle {tail}."
    )


def _equals(p: float | None) -> str:
    text = probability(p)
    return text if text.startswith("<") else f"= {text}"
