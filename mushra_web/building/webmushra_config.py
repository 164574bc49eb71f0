"""Configurations with which an unmodified webMUSHRA runs a test.

Its file paths are those of the test folder: ``stimuli/`` belongs into webMUSHRA's own folder and
the configurations into its ``configs/``. Preference, DCR and CCR tests have no page there.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from mushra_web.building.webmushra_rules import check_config
from mushra_web.listening_test import REFERENCE, ListeningTest, Method, Question, Trial

Page: TypeAlias = dict[str, Any]  # what YAML holds: text, numbers, truth values, lists, tables

FOLDER = "webmushra"
BUFFER_SIZE = 2048  # samples between two calls of its script processor
LANGUAGES = ("en", "de", "fr", "es")
QUESTION_TYPES = {"text": "text", "long_text": "long_text", "number": "number", "choice": "likert"}
OPINIONS = ("bad", "poor", "fair", "good", "excellent")  # ITU-T P.800, annex B, from 1 to 5
TASKS: dict[Method, str] = {
    "mushra": "Rate the basic audio quality of every version against the reference.",
    "bs1116": "Rate the version that differs from the reference.",
    "abx": "Which of the two is the reference?",
    "acr": "Rate the quality of this recording.",
}


def write_configs(test: ListeningTest, folder: Path, max_duration: float) -> tuple[str, ...]:
    """Write one configuration for each block of trials, checked by webMUSHRA's rules.

    Args:
        test: the test, whose files are written.
        folder: its folder.
        max_duration: longest stimulus that was allowed, in seconds.

    Returns:
        Notes: why there is no configuration, where there is none.

    Raises:
        WebMushraError: webMUSHRA would refuse what was made.
    """
    if test.method not in PAGES:
        return (f"no webMUSHRA configuration: it has no page for a test by {test.method!r}.",)
    for number, block in enumerate(test.assignment, start=1):
        config = webmushra_config(test, block, strict=_fits_its_limits(test))
        check_config(config, folder, max_duration)
        name = "test" if len(test.assignment) == 1 else f"block-{number:02}"
        path = folder / FOLDER / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(to_yaml(config), encoding="utf-8")
    return ()


def webmushra_config(test: ListeningTest, block: Sequence[str], *, strict: bool = True) -> Page:
    """The configuration of a block of trials.

    Args:
        test: the test.
        block: ids of its trials.
        strict: whether webMUSHRA is to insist on 12 s and 12 stimuli.
    """
    make = PAGES[test.method]
    pages: list[object] = [
        {
            "type": "generic",
            "id": "welcome",
            "name": _escaped(test.title),
            "content": _paragraphs(test.instructions),
        }
    ]
    if test.volume_stimulus is not None:
        pages.append(
            {
                "type": "volume",
                "id": "volume",
                "name": "Volume",
                "content": "Set a comfortable volume and leave it as it is from now on.",
                "stimulus": test.volume_stimulus.file,
                "defaultVolume": 0.5,
            }
        )
    pages += [make(trial, strict) | {"name": "Training"} for trial in test.training]
    pages.append(["random", *(make(test.trial(name), strict) for name in block)])
    pages.append(_finish_page(test))
    return {
        "testname": " ".join(test.title.split()),  # the only text that it takes literally
        "testId": test.id,
        "language": test.language if test.language in LANGUAGES else "en",
        "bufferSize": BUFFER_SIZE,
        "stopOnErrors": True,
        "showButtonPreviousPage": False,
        "remoteService": "service/write.php",
        "pages": pages,
    }


def to_yaml(config: Page) -> str:
    """The configuration as strict YAML that the lenient reader of webMUSHRA understands too.

    That reader takes a list in a list for text when both begin in one line, so they do not.
    """
    text = yaml.dump(config, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**31)
    text = text.replace("\n- - 'random'\n", "\n-\n  - 'random'\n")
    assert yaml.safe_load(text) == config
    return text


class _Dumper(yaml.SafeDumper):
    """Quotes every text, so that no colon or dash in it is taken for structure."""


class _Key(str):
    """A key, which goes without quotes."""


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'")


def _table(dumper: yaml.SafeDumper, table: Page) -> yaml.MappingNode:
    return dumper.represent_mapping(
        "tag:yaml.org,2002:map", [(_Key(key), value) for key, value in table.items()]
    )


def _plain(dumper: yaml.SafeDumper, key: _Key) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(key))


_Dumper.add_representer(str, _quoted)
_Dumper.add_representer(dict, _table)
_Dumper.add_representer(_Key, _plain)


def _mushra_page(trial: Trial, strict: bool) -> Page:
    return _rated_page("mushra", trial, "mushra") | {
        "showWaveform": True,
        "enableLooping": True,
        "strict": strict,
        "randomize": True,
        "showConditionNames": False,
        "createAnchor35": False,
        "createAnchor70": False,
    }


def _bs1116_page(trial: Trial, _: bool) -> Page:
    return _rated_page("bs1116", trial, "bs1116") | {
        "showWaveform": True,
        "enableLooping": True,
        "createAnchor35": False,
        "createAnchor70": False,
    }


def _abx_page(trial: Trial, _: bool) -> Page:
    first, second = (s for s in trial.stimuli if s not in trial.unknowns)
    return {
        "type": "paired_comparison",
        "id": trial.id,
        "name": "Test",
        "content": TASKS["abx"],
        "showWaveform": True,
        "enableLooping": True,
        "reference": first.file,
        "stimuli": {second.id: second.file},
    }


def _acr_page(trial: Trial, _: bool) -> Page:
    (stimulus,) = trial.stimuli
    return {
        "type": "likert_single_stimulus",
        "id": trial.id,
        "name": "Test",
        "content": TASKS["acr"],
        "mustRate": True,
        "mustPlayback": "ended",
        "showWaveform": False,
        "stimuli": {stimulus.id: stimulus.file},
        "response": [
            {"value": str(value), "label": label} for value, label in enumerate(OPINIONS, start=1)
        ],
    }


def _rated_page(kind: str, trial: Trial, method: Method) -> Page:
    """A page with a reference; webMUSHRA adds the hidden one itself.

    The stimuli go by their ids, which are random: the order in the file tells nothing.
    """
    assert trial.reference is not None
    rated = [stimulus for stimulus in trial.stimuli if stimulus.condition != REFERENCE]
    return {
        "type": kind,
        "id": trial.id,
        "name": "Test",
        "content": TASKS[method],
        "reference": trial.reference.file,
        "stimuli": {s.id: s.file for s in sorted(rated, key=lambda stimulus: stimulus.id)},
    }


def _finish_page(test: ListeningTest) -> Page:
    code = f" Your code: {test.completion_code}" if test.completion_code else ""
    return {
        "type": "finish",
        "name": "Thank you",
        "content": "Please answer these questions, then send your ratings.",
        "popupContent": _escaped(f"Your ratings are stored. Thank you!{code}"),
        "showResults": False,
        "showErrors": True,
        "questionnaire": [_question(question) for question in test.questionnaire],
    }


def _question(question: Question) -> Page:
    entry: Page = {
        "type": QUESTION_TYPES[question.kind],
        "name": question.name,
        "label": _escaped(question.label),
        "optional": question.optional,
    }
    if question.kind == "number":  # all three are printed as they are, even where they are missing
        entry["min"] = "" if question.minimum is None else question.minimum
        entry["max"] = "" if question.maximum is None else question.maximum
        entry["default"] = ""
    if question.kind == "choice":
        entry["response"] = [
            {"value": _escaped(choice), "label": _escaped(choice)} for choice in question.choices
        ]
    return entry


def _paragraphs(texts: Sequence[str]) -> str:
    return "".join(f"<p>{_escaped(text)}</p>" for text in texts)


def _escaped(text: str) -> str:
    """Text as HTML, on one line."""
    return html.escape(" ".join(text.split()))


def _fits_its_limits(test: ListeningTest) -> bool:
    longest = max(s.n_samples for trial in (*test.trials, *test.training) for s in trial.files)
    return longest <= 12 * test.sample_rate


PAGES: dict[Method, Callable[[Trial, bool], Page]] = {
    "mushra": _mushra_page,
    "bs1116": _bs1116_page,
    "abx": _abx_page,
    "acr": _acr_page,
}
