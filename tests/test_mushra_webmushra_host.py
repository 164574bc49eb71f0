"""An unmodified webMUSHRA is served as it is, and everything that it sends is kept."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from starlette.testclient import TestClient

from mushra_web.building.webmushra_config import write_configs
from mushra_web.building.webmushra_rules import WebMushraError
from mushra_web.listening_test import write_test
from mushra_web.serving.answers import AnswerStore
from mushra_web.serving.server import build_app
from mushra_web.serving.webmushra_submission import SubmissionError, parse_submission

SAMPLES = Path(__file__).resolve().parents[1].parent / "shared" / "webmushra_samples"
BODIES = sorted((SAMPLES / "post_bodies").glob("*.txt"))
needs_samples = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the shared webmushra_samples folder is not beside the checkout"
)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def checkout(tmp_path):
    """What a checkout of webMUSHRA looks like from outside."""
    folder = tmp_path / "webMUSHRA"
    for name in ("index.html", "startup.js", "lib/webmushra/page.js", "service/write.php"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"this is {name}")
    (folder / "configs").mkdir()
    (folder / "configs" / "default.yaml").write_text("pages: theirs")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("secret")
    return folder


@pytest.fixture
def client(small_listening_test, tmp_path, checkout):
    """The host of a small test with two blocks; ``client.test`` is the test."""
    test = small_listening_test(n_trials=2)
    test = replace(test, assignment=tuple((trial.id,) for trial in test.trials))
    write_test(test, tmp_path)
    write_configs(test, tmp_path, max_duration=12)
    app = build_app(tmp_path, admin_token="token", webmushra=checkout)
    with TestClient(app, raise_server_exceptions=False) as client:
        client.test = test
        yield client


def post(client, body):
    return client.post("/service/write.php", content=body, headers=FORM)


def session(client, uuid="u-1", comment=None):
    trial = client.test.trials[0]
    names = ["reference" if s.condition == "reference" else s.id for s in trial.stimuli]
    responses = [
        {"stimulus": name, "score": str(20 * index), "comment": comment, "time": 1500}
        for index, name in enumerate(names)
    ]
    return {
        "testId": client.test.id,
        "participant": {"name": ["age", "comment"], "response": ["33", comment]},
        "trials": [
            {"id": client.test.training[0].id, "type": "mushra", "responses": responses},
            {"id": trial.id, "type": "mushra", "responses": responses},
        ],
        "uuid": uuid,
        "config": "configs/block-01.yaml",
    }


def body_of(data):
    return b"sessionJSON=" + json.dumps(data, ensure_ascii=False).encode()


@needs_samples
@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_every_sample_is_accepted_and_stored_exactly(client, tmp_path, path):
    body = path.read_bytes()
    answer = post(client, body)
    assert (answer.status_code, answer.content) == (200, b"")
    with AnswerStore(tmp_path) as store:
        (submission,) = store.submissions()
    assert submission.body == json.loads(body.removeprefix(b"sessionJSON="))
    assert [file.read_bytes() for file in (tmp_path / "submissions").iterdir()] == [body]
    expected = json.loads((SAMPLES / "expected.json").read_text())
    truth = expected.get(path.stem)
    if truth is None:
        return
    replies = submission.body["participant"]
    assert dict(zip(replies["name"], replies["response"], strict=True)) == truth["participant"]
    assert submission.uuid == truth["uuid"]
    stored = {trial["id"]: trial["responses"] for trial in submission.body["trials"]}
    for trial, rated in truth["rated"].items():
        scores = {r["stimulus"]: int(r["score"]) for r in stored[trial]}
        assert scores == (rated or dict.fromkeys(scores, 100))


@needs_samples
def test_a_session_that_is_sent_twice_is_one_session(client, tmp_path):
    first, second = (
        (SAMPLES / "post_bodies" / f"php_other_twice_{which}.txt").read_bytes()
        for which in ("1st", "2nd")
    )
    for body in (first, second, first):
        assert post(client, body).status_code == 200
    with AnswerStore(tmp_path) as store:
        (submission,) = store.submissions()
        assert len(store.sessions()) == 1
    assert submission.body == json.loads(first.removeprefix(b"sessionJSON="))
    assert len(list((tmp_path / "submissions").iterdir())) == 2  # each body once


@pytest.mark.parametrize(
    "text", ['R&B + 50% = "so-so"', "%41%26", "a\nb;c", "ünï 音 🎧", "x" * 9999]
)
@pytest.mark.parametrize("encoded", [False, True])
def test_free_text_loses_nothing_plain_or_as_a_form(client, tmp_path, text, encoded):
    data = session(client, comment=text)
    plain = json.dumps(data, ensure_ascii=False)
    body = f"sessionJSON={quote_plus(plain) if encoded else plain}".encode()
    assert post(client, body).status_code == 200
    with AnswerStore(tmp_path) as store:
        assert [submission.body for submission in store.submissions()] == [data]
        assert {answer.comment for answer in store.answers()} == {text}


def test_the_hidden_reference_gets_its_own_id_back_and_training_is_left_out(client, tmp_path):
    post(client, body_of(session(client)))
    with AnswerStore(tmp_path) as store:
        scores = {(a.trial, a.stimulus): a.score for a in store.answers()}
    trial = client.test.trials[0]
    assert scores == {(trial.id, s.id): 20.0 * index for index, s in enumerate(trial.stimuli)}


def test_an_answer_without_a_score_gets_none(client, tmp_path):
    data = session(client)
    data["trials"][1]["responses"][1]["score"] = "NA"
    post(client, body_of(data))
    with AnswerStore(tmp_path) as store:
        assert [a.score for a in store.answers()] == [0.0, None, 40.0, 60.0]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"sessionJSON=", 400),
        (b'sessionJSON={"uuid": "u"', 400),
        (b"sessionJSON=[]", 400),
        (b'sessionJSON={"uuid": 1, "testId": "t"}', 400),
        (b'sessionJSON={"uuid": "u", "testId": "t", "participant": {}, "trials": [1]}', 400),
        (b"sessionJSON=" + b"[" * 100_000, 400),
        (b"\xff\xfe", 400),
        (b"sessionJSON=" + b"x" * 4_200_000, 413),
    ],
)
def test_a_malformed_or_huge_body_gets_its_status(client, tmp_path, body, status):
    assert post(client, body).status_code == status
    with AnswerStore(tmp_path) as store:
        assert list(store.submissions()) == []


def test_a_malformed_body_is_kept_all_the_same(client, tmp_path):
    post(client, b'sessionJSON={"cut off')
    (kept,) = (tmp_path / "submissions").iterdir()
    assert kept.read_bytes() == b'sessionJSON={"cut off'


def test_a_full_disk_is_no_success(client, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert post(client, body_of(session(client))).status_code == 507
    with AnswerStore(tmp_path) as store:
        assert list(store.submissions()) == []
    assert post(client, body_of(session(client))).status_code == 200


def test_the_checkout_is_served_with_our_test_over_it(client):
    page = client.get("/", params={"config": "block-01.yaml", "PROLIFIC_PID": "p"})
    assert page.text == "this is index.html"
    assert client.get("/lib/webmushra/page.js").text == "this is lib/webmushra/page.js"
    assert "s" in client.get("/configs/block-01.yaml").text
    file = client.test.trials[0].stimuli[0].file
    sound = client.get(f"/{file}")
    assert sound.headers["content-type"] == "audio/wav"
    assert not {"etag", "last-modified"} & set(sound.headers)


def test_listeners_get_the_configurations_in_turn(client):
    names = [
        client.get("/?PROLIFIC_PID=p", follow_redirects=False).headers["location"].split("config=")
        for _ in range(4)
    ]
    assert [name for _, name in names] == ["block-01.yaml", "block-02.yaml"] * 2
    assert all("PROLIFIC_PID=p" in rest for rest, _ in names)


@pytest.mark.parametrize(
    "path",
    [
        "/configs/default.yaml",
        "/service/write.php",
        "/.git/config",
        "/results/",
        "/../test.json",
        "/..%2ftest.json",
        "/%2e%2e/test.json",
        "/test.json",
        "/ratings.sqlite",
        "/stimuli/../test.json",
    ],
)
def test_nothing_else_is_served(client, path):
    assert client.get(path).status_code == 404


def test_a_configuration_names_neither_item_nor_condition(client):
    text = client.get("/configs/block-01.yaml").text
    assert not [word for word in ("codec_", "anchor35:", "item_", "tones") if word in text]


def test_a_folder_that_is_no_webmushra_is_refused(small_listening_test, tmp_path):
    small_listening_test()
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(WebMushraError, match=r"lacks index\.html, startup\.js, lib/webmushra"):
        build_app(tmp_path, admin_token="token", webmushra=tmp_path / "elsewhere")


def test_a_method_without_a_page_there_is_refused(small_listening_test, tmp_path, checkout):
    small_listening_test(method="ccr")
    with pytest.raises(WebMushraError, match="no page for a test by ccr"):
        build_app(tmp_path, admin_token="token", webmushra=checkout)


def test_a_submission_without_its_prefix_is_read_too():
    data = {"uuid": "u", "testId": "t", "participant": {"name": [], "response": []}, "trials": []}
    assert parse_submission(json.dumps(data).encode()).body == data


def test_a_trial_without_responses_is_named():
    data = {"uuid": "u", "testId": "t", "participant": {"name": [], "response": []}}
    with pytest.raises(SubmissionError, match="lacks its id or its responses"):
        parse_submission(json.dumps(data | {"trials": [{"id": "x"}]}).encode())
