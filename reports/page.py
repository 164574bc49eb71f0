"""The page: everything gathered, drawn and tabled, put into the templates and written."""

from __future__ import annotations

import base64
import hashlib
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from bench.export import to_latex, to_markdown
from bench.run_folder import write_bytes
from codec_zoo.interface import CodecError
from codec_zoo.registry import codec_entry
from reports.audio_files import PlacedAudio, embed, place_beside
from reports.codebooks import count_codebooks
from reports.comparison import item_sets
from reports.downloads import download_data
from reports.examples import Examples, gather
from reports.findings import findings
from reports.flags import consistency_flags
from reports.listening import ListeningTest, read_listening_test
from reports.names import readable, shortened, slug
from reports.numerals import file_size, fixed, probability, scaled, signed
from reports.published import beside_ours
from reports.results import Results, read_results
from reports.sections import draw_sections
from reports.study import Study, heading, make_study
from reports.svg import MARKERS
from reports.system import system_figures
from reports.tables import MOST_CODECS, headline_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Environment


CONTENTS = (  # names of the section templates, and their headings
    ("summary", "Summary"),
    ("table", "Means"),
    ("rate-quality", "Rate and quality"),
    ("bd-rate", "BD-rate"),
    ("costs", "Quality and cost"),
    ("differences", "Paired differences"),
    ("categories", "By category"),
    ("items", "Item by item"),
    ("listen", "Listen and see"),
    ("codebooks", "Codebooks"),
    ("streaming", "Streaming"),
    ("published", "Published figures"),
    ("agreement", "Metric agreement"),
    ("listening-test", "Listening test"),
    ("failures", "Failures"),
    ("environment", "Environment"),
    ("downloads", "Downloads"),
)
MOST_PROBLEMS = 200  # rows of the table of failures
MOST_ITEMS = 400  # rows of the table of items


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What the user chose.

    Attributes:
        title: heading; none for the names of the runs.
        self_contained: whether the audio goes into the page.
        n_examples: items to listen to.
        listening: analysis of a listening test, if there is one.
    """

    title: str | None = None
    self_contained: bool = False
    n_examples: int = 3
    listening: Path | None = None


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """What was written: a line that says so, and notes for the user."""

    summary: str
    notes: tuple[str, ...]


def write_report(folders: Sequence[Path], page: Path, options: ReportOptions) -> WrittenReport:
    """Write the report of some runs.

    Args:
        folders: the run folders.
        page: the HTML file.
        options: what the user chose.

    Raises:
        StoreError: a folder holds no readable run.
        NothingToReportError: the runs hold no value.
        ListeningError: the file of the listening test cannot be used.
        OSError: the page cannot be written.
    """
    listening = read_listening_test(options.listening) if options.listening else None
    results = read_results(folders)
    page.parent.mkdir(parents=True, exist_ok=True)
    studies = [make_study(results, chosen) for chosen in item_sets(results)]
    with tempfile.TemporaryDirectory() as scratch:
        examples = (
            gather(results, studies[0], Path(scratch), count=options.n_examples)
            if studies
            else Examples()
        )
        if options.self_contained or not examples.found:
            audio = embed(examples.found)
        else:
            audio = place_beside(examples.found, page)
    html = render(results, studies, examples, audio, listening, options)
    content = html.encode()
    write_bytes(page, content)
    beside = f", audio beside it {file_size(audio.n_bytes)}" if audio.n_bytes else ""
    notes = [f"not offered to listen to: {note}" for note in examples.notes]
    if results.n_unfinished:
        notes.append(
            f"{results.n_unfinished} planned values are not there yet; the report says so."
        )
    return WrittenReport(f"{page}: {file_size(len(content))}{beside}", tuple(notes))


def render(
    results: Results,
    studies: Sequence[Study],
    examples: Examples,
    audio: PlacedAudio,
    listening: ListeningTest | None,
    options: ReportOptions,
) -> str:
    """The page as text."""
    style, script = (_static(name) for name in ("report.css", "report.js"))
    study = studies[0] if studies else None
    tables = [headline_table(each) for each in studies]
    system = system_figures(results)
    counted, uncounted = count_codebooks(results, study) if study else ([], "")
    names = ", ".join(readable(run.name) for run in results.runs)
    return (
        _environment()
        .get_template("report.html")
        .render(
            title=readable(options.title) if options.title else f"Codec report: {names}",
            style=style,
            script=script,
            policy=_policy(style, script, beside=audio.n_bytes > 0),
            written=datetime.now(UTC),
            results=results,
            studies=list(zip(studies, tables, strict=True)),
            study=study,
            findings=findings(study) if study else [],
            sections=draw_sections(results, study, system, counted, listening, examples),
            examples=examples,
            audio=audio,
            self_contained=options.self_contained,
            system=system,
            codebooks=counted,
            uncounted=uncounted,
            published=beside_ours(study, listening) if study else [],
            flags=consistency_flags(study) if study else [],
            licences=_licences(results),
            contents=CONTENTS,
            markers=MARKERS,
            n_codecs=len({c.codec for c in results.conditions}),
            n_missing=sum(results.statuses.values()) - results.statuses["ok"],
            has_preview=any(c.condition.preview for c in results.conditions),
            most_problems=MOST_PROBLEMS,
            most_items=MOST_ITEMS,
            most_codecs=MOST_CODECS,
            listening=listening,
            latex="\n".join(to_latex(t.plain(s)) for s, t in zip(studies, tables, strict=True)),
            markdown="\n".join(
                to_markdown(t.plain(s)) for s, t in zip(studies, tables, strict=True)
            ),
            data=download_data(results, study) if study else {},
        )
    )


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "readable": readable,
        "shortened": shortened,
        "slug": slug,
        "fixed": fixed,
        "signed": signed,
        "scaled": scaled,
        "probability": probability,
        "file_size": file_size,
        "heading": heading,
    }
    return environment


def _licences(results: Results) -> dict[str, str]:
    """Licence of each codec and of its weights, as far as it is installed here."""
    licences = {}
    for codec in {shown.condition.codec for shown in results.conditions}:
        try:
            entry = codec_entry(codec)
        except (LookupError, CodecError):
            continue  # made elsewhere, or declared in a file that this report was not given
        weights = f"; weights {entry.weights.licence}" if entry.weights else ""
        licences[codec] = entry.info.licence + weights
    return licences


def _static(name: str) -> str:
    return (resources.files("reports") / "static" / name).read_text(encoding="utf-8")


def _policy(style: str, script: str, *, beside: bool) -> str:
    """Content security policy: this style, this script, audio beside the page, nothing else."""
    own = " 'self' file:" if beside else ""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'{own}; "
        f"img-src data:; media-src data:{own}; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
