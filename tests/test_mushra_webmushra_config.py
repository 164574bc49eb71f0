"""Configurations that an unmodified webMUSHRA runs, and the rules that they are held to."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import soundfile
import yaml

from mushra_web.building.stimuli import write_stimulus
from mushra_web.building.webmushra_config import to_yaml, webmushra_config, write_configs
from mushra_web.building.webmushra_rules import WebMushraError, check_config
from mushra_web.listening_test import ListeningTest, Question, Stimulus, Trial

RATE = 16_000
CONDITIONS = {
    "mushra": ("reference", "anchor35", "anchor70", "hilcodec@3", "opus@12"),
    "bs1116": ("reference", "hilcodec@3"),
    "abx": ("reference", "hilcodec@3", "x:reference", "x:hilcodec@3"),
    "acr": ("hilcodec@3",),
    "ab": ("hilcodec@3", "opus@12"),
    "dcr": ("hilcodec@3",),
    "ccr": ("reference", "hilcodec@3"),
}
OPEN_REFERENCE = ("mushra", "bs1116", "dcr")


def make_test(folder, method="mushra", n_trials=3, seconds=0.5, **changes):
    """A test whose files are in a folder; names are not random but as opaque."""
    generator = np.random.default_rng(0)
    names = iter(f"k{generator.integers(10**9)}" for _ in range(200))

    def stimulus(condition):
        name = next(names)
        noise = 0.1 * generator.standard_normal((1, round(seconds * RATE)))
        file = f"stimuli/f{name}.wav"
        sha256 = write_stimulus(folder / file, noise.astype(np.float32), RATE, generator)
        return Stimulus(name, condition, file, sha256, noise.shape[1])

    def trial():
        reference = stimulus("reference") if method in OPEN_REFERENCE else None
        stimuli = tuple(stimulus(c) for c in CONDITIONS[method])
        return Trial(next(names), "secret_item", "music", reference, stimuli)

    trials = tuple(trial() for _ in range(n_trials))
    defaults = {
        "id": "ltabc",
        "title": 'Listen: it\'s "fun" & <loud> é # no joke',
        "method": method,
        "seed": 1,
        "sample_rate": RATE,
        "language": "en",
        "trials": trials,
        "assignment": (tuple(t.id for t in trials),),
        "training": (trial(),),
        "volume_stimulus": stimulus("reference"),
        "questionnaire": (
            Question("age", "Age: <years>", "number", optional=True),
            Question("ears", "Which ears?", "choice", choices=("left's", "right")),
        ),
        "instructions": ("First: listen.\nThen - rate.", "2 < 3"),
    }
    return ListeningTest(**(defaults | changes))


def pages_of(config):
    return [p for page in config["pages"] for p in (page if isinstance(page, list) else [page])]


@pytest.mark.parametrize("method", ["mushra", "bs1116", "abx", "acr"])
def test_the_file_is_strict_yaml_that_obeys_every_rule(method, tmp_path):
    test = make_test(tmp_path, method)
    assert write_configs(test, tmp_path, 12.0) == ()
    text = (tmp_path / "webmushra" / "test.yaml").read_text(encoding="utf-8")
    config = yaml.safe_load(text)
    assert config == webmushra_config(test, test.assignment[0])
    check_config(config, tmp_path)
    assert config["testname"] == test.title


@pytest.mark.parametrize("method", ["mushra", "bs1116", "abx", "acr"])
def test_nothing_in_it_tells_an_item_or_a_condition(method, tmp_path):
    test = make_test(tmp_path, method)
    text = to_yaml(webmushra_config(test, test.assignment[0]))
    for word in ("secret_item", "hilcodec", "opus", "anchor35:", "anchor70:"):
        assert word not in text


def test_the_order_of_stimuli_in_the_file_is_that_of_their_random_ids(tmp_path):
    test = make_test(tmp_path)
    for page in pages_of(webmushra_config(test, test.assignment[0])):
        if isinstance(page, dict) and "stimuli" in page:
            assert list(page["stimuli"]) == sorted(page["stimuli"])


def test_anchors_are_files_and_the_hidden_reference_is_left_to_webmushra(tmp_path):
    test = make_test(tmp_path)
    (_, *pages) = webmushra_config(test, test.assignment[0])["pages"][3]
    for page, trial in zip(pages, test.trials, strict=True):
        assert page["id"] == trial.id
        assert page["createAnchor35"] is page["createAnchor70"] is False
        expected = {s.id: s.file for s in trial.stimuli if s.condition != "reference"}
        assert page["stimuli"] == expected
        assert page["reference"] == trial.reference.file


def test_texts_are_escaped_but_for_the_title_that_is_taken_literally(tmp_path):
    test = make_test(tmp_path)
    config = webmushra_config(test, test.assignment[0])
    welcome, finish = config["pages"][0], config["pages"][-1]
    assert welcome["content"] == "<p>First: listen. Then - rate.</p><p>2 &lt; 3</p>"
    assert "&lt;loud&gt;" in welcome["name"]
    assert finish["questionnaire"][0]["label"] == "Age: &lt;years&gt;"
    assert finish["questionnaire"][1]["response"][0]["value"] == "left&#x27;s"
    assert finish["showErrors"] is True


def test_a_shuffled_list_begins_on_a_line_of_its_own(tmp_path):
    """webMUSHRA's reader takes ``- - random`` for a text and would skip all trials."""
    text = to_yaml(webmushra_config(make_test(tmp_path), ()))
    assert "\n-\n  - 'random'\n" in text
    assert "- - " not in text


def test_a_blocked_test_has_a_configuration_for_each_block(tmp_path):
    test = make_test(tmp_path)
    first, second, third = (trial.id for trial in test.trials)
    blocked = make_test(tmp_path, assignment=((first, second), (third, first), (second, third)))
    write_configs(blocked, tmp_path, 12.0)
    files = sorted((tmp_path / "webmushra").iterdir())
    assert [file.name for file in files] == ["block-01.yaml", "block-02.yaml", "block-03.yaml"]
    shuffled = yaml.safe_load(files[1].read_text(encoding="utf-8"))["pages"][3]
    assert [page["id"] for page in shuffled[1:]] == [third, first]


@pytest.mark.parametrize("method", ["ab", "dcr", "ccr"])
def test_methods_without_a_page_there_are_noted(method, tmp_path):
    (note,) = write_configs(make_test(tmp_path, method), tmp_path, 12.0)
    assert "no webMUSHRA configuration" in note
    assert not (tmp_path / "webmushra").exists()


def mono(config, folder, page):
    soundfile.write(folder / page["reference"], np.zeros(8000), RATE, "PCM_24")


def shorter(config, folder, page):
    soundfile.write(folder / page["reference"], np.zeros((7999, 2)), RATE, "PCM_24")


def other_rate(config, folder, page):
    soundfile.write(folder / page["reference"], np.zeros((8000, 2)), 8000, "PCM_24")


def no_audio(config, folder, page):
    (folder / page["reference"]).write_bytes(b"nothing to hear")


def too_long(config, folder, page):
    for file in (page["reference"], *page["stimuli"].values()):
        soundfile.write(folder / file, np.zeros((12 * 1000 + 1, 2)), 1000, "PCM_24")


def thirteen(config, folder, page):
    file = page["reference"]
    page["stimuli"] = {f"s{n}": file for n in range(13)}


BREAKS = {
    "channels; mono would play in the left ear": mono,
    "unequal lengths": shorter,
    "unequal sample rates": other_rate,
    "is no audio": no_audio,
    "up to 12 s expected": too_long,
    "13 stimuli; it accepts 12": thirteen,
    "is missing, and it would load for ever": lambda c, f, p: p.update(reference="stimuli/no.wav"),
    "anchors made in the browser": lambda c, f, p: p.update(createAnchor35=True),
    "stimulus id '3'": lambda c, f, p: p.update(stimuli={"3": p["reference"]}),
    "unknown keys Strict": lambda c, f, p: p.update(Strict=True),
    "unknown type mushr": lambda c, f, p: p.update(type="mushr"),
    "no table of files": lambda c, f, p: p.update(stimuli={}),
    "showErrors is off": lambda c, f, p: c["pages"][-1].pop("showErrors"),
    "showResults shows": lambda c, f, p: c["pages"][-1].update(showResults=True),
    "question name 'a b'": lambda c, f, p: c["pages"][-1]["questionnaire"][0].update(name="a b"),
    "last page is no finish page": lambda c, f, p: c["pages"].pop(),
    "two pages have the id": lambda c, f, p: c["pages"][2].update(id=p["id"]),
    "bufferSize is 1000": lambda c, f, p: c.update(bufferSize=1000),
    "language 'xx'": lambda c, f, p: c.update(language="xx"),
    "testId is no text": lambda c, f, p: c.update(testId=3),
    "unknown keys pagess": lambda c, f, p: c.update(pagess=[]),
}


@pytest.mark.parametrize("message", BREAKS)
def test_a_configuration_that_breaks_a_rule_is_refused(message, tmp_path):
    test = make_test(tmp_path)
    config = copy.deepcopy(webmushra_config(test, test.assignment[0]))
    BREAKS[message](config, tmp_path, config["pages"][3][1])
    with pytest.raises(WebMushraError, match=message):
        check_config(config, tmp_path)
