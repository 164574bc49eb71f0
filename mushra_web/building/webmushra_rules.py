"""What webMUSHRA checks before it starts, and what makes it fail without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import soundfile

Page: TypeAlias = Mapping[str, Any]  # what YAML holds: text, numbers, truth values, lists, tables

MAX_STIMULI = 12
MAX_SIGNALS = 12  # with the reference, which webMUSHRA does not count; ITU-R BS.1534-3, 5.1
MAX_DURATION = 12.0  # s
BUFFER_SIZES = frozenset({256, 512, 1024, 2048, 4096, 8192, 16384})
LANGUAGES = frozenset({"en", "de", "fr", "es"})
TOP_KEYS = {
    "testname", "testId", "language", "bufferSize", "stopOnErrors", "showButtonPreviousPage",
    "remoteService", "pages",
}  # fmt: skip
AUDIO_KEYS = {"type", "id", "name", "content", "showWaveform", "enableLooping", "stimuli"}
COMPARED_KEYS = AUDIO_KEYS | {"reference"}
ANCHOR_KEYS = {"createAnchor35", "createAnchor70"}
MUSHRA_KEYS = {"strict", "randomize", "showConditionNames", "switchBack"}
PAGE_KEYS: dict[str, set[str]] = {
    "generic": {"type", "id", "name", "content"},
    "consent": {"type", "id", "name", "content", "mustConsent"},
    "volume": {"type", "id", "name", "content", "stimulus", "defaultVolume"},
    "mushra": COMPARED_KEYS | ANCHOR_KEYS | MUSHRA_KEYS,
    "bs1116": COMPARED_KEYS | ANCHOR_KEYS,
    "paired_comparison": COMPARED_KEYS | {"unforced"},
    "likert_single_stimulus": AUDIO_KEYS | {"mustRate", "mustPlayback", "maxStimuli", "response"},
    "finish": {
        "type", "name", "content", "popupContent", "showResults", "showErrors", "questionnaire",
    },
}  # fmt: skip
QUESTION_TYPES = frozenset({"text", "number", "likert", "long_text"})
IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class WebMushraError(ValueError):
    """webMUSHRA would refuse the configuration; the message lists why."""


def check_config(config: Page, folder: Path, max_duration: float = MAX_DURATION) -> None:
    """Accept a configuration that webMUSHRA runs, with sound in both ears and errors shown.

    Args:
        config: what the YAML holds.
        folder: to which its file paths are relative.
        max_duration: longest stimulus in seconds, where a page is not strict.

    Raises:
        WebMushraError: it breaks a rule; all that are broken are listed.
    """
    problems = [*_top_problems(config)]
    pages = list(_flattened(config.get("pages", [])))
    if not pages or pages[-1].get("type") != "finish":
        problems.append("the last page is no finish page.")
    ids = [page["id"] for page in pages if "id" in page]
    problems += [f"two pages have the id {name}." for name in set(ids) if ids.count(name) > 1]
    for page in pages:
        where = f"page {page.get('id', page.get('type'))}"
        problems += (f"{where}: {p}" for p in _page_problems(page, folder, max_duration))
    if problems:
        raise WebMushraError("webMUSHRA would fail: " + " ".join(problems))


def _top_problems(config: Page) -> Iterator[str]:
    strange = set(config) - TOP_KEYS
    if strange:
        yield f"unknown keys {', '.join(sorted(strange))}."
    for key in ("testname", "testId", "remoteService"):
        if not isinstance(config.get(key), str) or not config[key]:
            yield f"{key} is no text."
    if config.get("bufferSize") not in BUFFER_SIZES:
        yield f"bufferSize is {config.get('bufferSize')}; a power of 2 from 256 to 16384 expected."
    if config.get("language", "en") not in LANGUAGES:
        yield f"language {config['language']!r} is unknown to it."
    if config.get("stopOnErrors") is not True:
        yield "stopOnErrors is off, so its own checks would not stop a test."


def _flattened(pages: object) -> Iterator[Page]:
    """Pages in any nesting, without the word that shuffles a list."""
    assert isinstance(pages, list)
    for index, page in enumerate(pages):
        if isinstance(page, list):
            yield from _flattened(page)
        elif isinstance(page, Mapping):
            yield page
        elif not (page == "random" and index == 0):
            yield {"type": repr(page)}


def _page_problems(page: Page, folder: Path, max_duration: float) -> Iterator[str]:
    kind = page.get("type")
    if kind not in PAGE_KEYS:
        yield f"unknown type {kind}."
        return
    strange = set(page) - PAGE_KEYS[kind]
    if strange:
        yield f"unknown keys {', '.join(sorted(strange))}."
    for key in ("name", "content"):
        if not isinstance(page.get(key), str):
            yield f"{key} is no text."
    if any(page.get(key) for key in ANCHOR_KEYS):
        yield "anchors made in the browser come early and leave the mask; ship them as files."
    if kind == "finish":
        yield from _finish_problems(page)
    if "stimulus" in page:
        yield from _file_problems({"stimulus": page["stimulus"]}, folder, max_duration=None)
    if "stimuli" in page:
        yield from _stimuli_problems(page, folder, max_duration)


def _finish_problems(page: Page) -> Iterator[str]:
    if page.get("showErrors") is not True:
        yield "showErrors is off: a listener would be thanked although nothing was saved."
    if page.get("showResults"):
        yield "showResults shows the scores to the listener."
    names = [question.get("name") for question in page.get("questionnaire", [])]
    for question in page.get("questionnaire", []):
        name = question.get("name")
        if not isinstance(name, str) or not IDENTIFIER.fullmatch(name) or names.count(name) > 1:
            yield f"question name {name!r} is no unique identifier."
        if question.get("type") not in QUESTION_TYPES:
            yield f"question {name!r} has unknown type {question.get('type')!r}."
        if question.get("type") == "likert" and not question.get("response"):
            yield f"question {name!r} offers no answer."


def _stimuli_problems(page: Page, folder: Path, max_duration: float) -> Iterator[str]:
    stimuli = page["stimuli"]
    if not isinstance(stimuli, Mapping) or not stimuli:
        yield "stimuli is no table of files."
        return
    for name in stimuli:
        if not isinstance(name, str) or not IDENTIFIER.fullmatch(name) or name == "reference":
            yield f"stimulus id {name!r}: a letter, then letters and digits expected."
    if len(stimuli) > MAX_STIMULI:
        yield f"{len(stimuli)} stimuli; it accepts {MAX_STIMULI}."
    has_reference = "reference" in page
    if len(stimuli) + has_reference > MAX_SIGNALS:
        yield f"{len(stimuli) + has_reference} signals with the reference; the standard allows 12."
    files = dict(stimuli) | ({"reference": page["reference"]} if has_reference else {})
    limit = MAX_DURATION if page.get("strict", page["type"] == "mushra") else max_duration
    yield from _file_problems(files, folder, max_duration=limit)


def _file_problems(
    files: Mapping[str, object], folder: Path, *, max_duration: float | None
) -> Iterator[str]:
    found = {}
    for name, file in files.items():
        if not isinstance(file, str) or not (folder / file).is_file():
            yield f"{name}: the file {file} is missing, and it would load for ever."
            continue
        try:
            found[name] = soundfile.info(folder / file)
        except soundfile.LibsndfileError as error:
            yield f"{name}: {file} is no audio ({error.error_string}), and it would load for ever."
    for name, info in found.items():
        if info.channels != 2:
            yield f"{name} has {info.channels} channels; mono would play in the left ear only."
        if max_duration is not None and info.frames > max_duration * info.samplerate:
            yield f"{name} lasts {info.duration:.2f} s; up to {max_duration:g} s expected."
    if len({info.frames for info in found.values()}) > 1:
        yield "the files have unequal lengths."
    if len({info.samplerate for info in found.values()}) > 1:
        yield "the files have unequal sample rates."
