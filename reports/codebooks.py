"""Use of codebooks by the conditions of a study, from the bitstreams that the runs keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.codebook_use import (
    CodebookError,
    CodebookUse,
    bitrate_efficiency,
    codebook_use,
    count_codes,
)
from bench.run_folder import file_stem
from bench.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from reports.results import Results
    from reports.study import Study

MOST_BITSTREAMS = 20_000  # to be read for one report; counting that many takes about half a minute
FEW_CODES = 10  # per entry; with fewer the plug-in entropy is visibly too low


@dataclass(frozen=True, slots=True)
class CountedCodebooks:
    """Codebooks of one condition.

    Attributes:
        row: of the study.
        uses: of each codebook.
        efficiency: entropy over the bits that codes take, 0 to 1.
    """

    row: int
    uses: tuple[CodebookUse, ...]
    efficiency: float

    @property
    def has_few_codes(self) -> bool:
        """Whether use and entropy would still grow with more audio."""
        return self.uses[0].n_codes < FEW_CODES * max(use.size for use in self.uses)


def count_codebooks(results: Results, study: Study) -> tuple[list[CountedCodebooks], str]:
    """The codebooks of all conditions that have some, and why others are missing, if it matters."""
    wanted = [
        row
        for row, shown in enumerate(study.conditions)
        if _folder(results, study, row).is_dir() and shown.condition.status == "ok"
    ]
    n_bitstreams = len(wanted) * len(study.items)
    if n_bitstreams > MOST_BITSTREAMS:
        return [], (
            f"{n_bitstreams} bitstreams are too many to count here; "
            "'bench codebooks RUN' counts them."
        )
    found = []
    for run, record in enumerate(results.runs):
        with Store(record.folder) as store:
            for row in wanted:
                condition = study.conditions[row].condition
                if study.conditions[row].run != run:
                    continue
                try:
                    uses = codebook_use(count_codes(store, condition.id, condition.codec))
                except CodebookError:
                    continue  # its bitstreams carry no codes of a fixed layout
                found.append(CountedCodebooks(row, uses, bitrate_efficiency(uses)))
    return found, ""


def _folder(results: Results, study: Study, row: int) -> Path:
    shown = study.conditions[row]
    return results.runs[shown.run].folder / "bitstreams" / file_stem(shown.condition.id)
