"""The server takes what fits, confirms what is stored, and tells a listener nothing."""

from __future__ import annotations

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from bench.run_folder import StorageFullError
from mushra_web.commands.serve import serve
from mushra_web.listening_test import ListeningTestError, write_test
from mushra_web.serving.answers import AnswerStore
from mushra_web.serving.security import Allowance, RateLimit, RateLimits
from mushra_web.serving.server import PAGE, build_app

TOKEN = "an-admin-token"
NAMES = ("codec_x", "codec_y", "anchor", "item_", "tones", ".wav", "stimuli/")
METHODS = ("mushra", "bs1116", "ab", "abx", "acr", "dcr", "ccr")
PAIRS = {"ab": (1, 0), "abx": (0, 1), "ccr": (-2, 2)}
SCORES = {"mushra": (100, 3, 50, 71), "bs1116": (5, 3.4), "acr": (4,), "dcr": (2,)} | PAIRS


class Listener:
    """Answers a whole session over HTTP."""

    def __init__(self, client, **participant):
        self.client = client
        answer = client.post("/api/sessions", json={"participant": participant})
        assert answer.status_code == 201, answer.text
        self.state = answer.json()
        self.headers = {"Authorization": f"Bearer {self.state['token']}"}

    def put(self, step, content):
        return self.client.put(f"/api/session/steps/{step}", json=content, headers=self.headers)

    def content(self, step):
        described = self.state["steps"][step]
        if described["kind"] == "questionnaire":
            return {"age": 30, "headphones": "open", "comment": "R&B +50%\nü"}
        if "trial" not in described:
            return {}
        scores = SCORES[self.state["test"]["method"]]
        return {
            "trial": described["trial"],
            "seconds": 12.5,
            "scores": [
                {"stimulus": name, "score": score, "replays": 2}
                for name, score in zip(described["stimuli"], scores, strict=True)
            ],
        }

    def finish(self):
        answers = [self.put(n, self.content(n)) for n in range(len(self.state["steps"]))]
        assert all(answer.status_code == 200 for answer in answers), answers[-1].text
        return answers[-1].json()


@pytest.fixture
def served(small_listening_test, tmp_path):
    """A test folder's client, with the test as its attribute."""
    opened = []

    def make(**options):
        test = small_listening_test(**options)
        client = TestClient(build_app(tmp_path, admin_token=TOKEN), raise_server_exceptions=False)
        client.__enter__()
        client.test = test
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.__exit__(None, None, None)


@pytest.mark.parametrize("method", METHODS)
def test_a_whole_session_is_stored_rating_by_rating(served, tmp_path, method):
    client = served(method=method, n_trials=2)
    listener = Listener(client, PROLIFIC_PID="p1", other="dropped")
    assert listener.finish()["completion"] == "C0DE"
    with AnswerStore(tmp_path) as store:
        stored = {(a.trial, a.stimulus): a.score for a in store.answers() if a.replays}
        (session,) = store.sessions()
    sent = {
        (content["trial"], score["stimulus"]): score["score"]
        for number, step in enumerate(listener.state["steps"])
        if step["kind"] == "trial"
        for content in [listener.content(number)]
        for score in content["scores"]
    }
    assert stored == sent
    assert session.finished
    assert session.participant == {"PROLIFIC_PID": "p1"}
    assert session.questionnaire["comment"] == "R&B +50%\nü"


@pytest.mark.parametrize("method", METHODS)
def test_nothing_a_listener_gets_names_item_condition_or_file(served, method):
    client = served(method=method, n_trials=1)
    listener = Listener(client)
    state = client.get("/api/session", headers=listener.headers)
    sound = listener.state["steps"][-2]["stimuli"][0]
    audio = client.get(f"/audio/{sound}")
    answers = [json.dumps(listener.state), state.text, str(state.headers), str(audio.headers)]
    answers.append(listener.put(0, {}).text)
    assert not [name for name in NAMES for text in answers if name in text.lower()]
    assert "reference" not in " ".join(answers).replace('"reference":', "")


def test_sounds_differ_in_nothing_but_their_samples(served):
    client = served(n_trials=1)
    step = Listener(client).state["steps"][-2]
    answers = [client.get(f"/audio/{name}") for name in [step["reference"], *step["stimuli"]]]
    assert len({len(answer.content) for answer in answers}) == 1
    assert len({str(sorted(answer.headers.items())) for answer in answers}) == 1
    assert len({answer.content[:44] for answer in answers}) == 1  # the head of the WAV file


def test_no_sound_tells_by_its_headers_when_it_was_made(served):
    client = served(n_trials=1)
    headers = client.get(f"/audio/{client.test.trials[0].stimuli[0].id}").headers
    assert not {"etag", "last-modified", "content-disposition"} & set(headers)


def test_a_step_comes_after_the_one_before(served):
    listener = Listener(served())
    answer = listener.put(3, listener.content(3))
    assert answer.status_code == 409
    assert answer.json()["position"] == 0


def test_a_replayed_answer_is_confirmed_and_a_changed_one_is_not(served, tmp_path):
    client = served(n_trials=2, n_training=0, with_questions=False)
    listener = Listener(client)
    listener.finish()
    changed = listener.content(2)
    changed["scores"][0]["score"] = 1
    assert listener.put(2, listener.content(2)).status_code == 200
    assert listener.put(2, changed).status_code == 409
    with AnswerStore(tmp_path) as store:
        assert {answer.score for answer in store.answers()} == set(SCORES["mushra"])


def test_thirty_listeners_at_once_lose_nothing(served, tmp_path):
    client = served(n_trials=3)
    with ThreadPoolExecutor(30) as pool:
        codes = list(pool.map(lambda _: Listener(client).finish()["completion"], range(30)))
    assert codes == ["C0DE"] * 30
    with AnswerStore(tmp_path) as store:
        sessions, answers = store.sessions(), list(store.answers())
    assert sorted(session.listener_number for session in sessions) == list(range(30))
    assert len(answers) == 30 * 3 * 4
    assert {len([a for a in answers if a.session == s.id]) for s in sessions} == {12}


def test_training_is_not_counted(served, tmp_path):
    client = served(n_training=2)
    Listener(client).finish()
    training = {trial.id for trial in client.test.training}
    with AnswerStore(tmp_path) as store:
        assert not [answer for answer in store.answers() if answer.trial in training]


@pytest.mark.parametrize("token", ["", "guessed", "C0DE", "null"])
def test_a_foreign_session_is_refused(served, token):
    client = served()
    Listener(client)
    for answer in (
        client.get("/api/session", headers={"Authorization": f"Bearer {token}"}),
        client.put("/api/session/steps/0", json={}, headers={"Authorization": f"Bearer {token}"}),
    ):
        assert answer.status_code == 401


def test_the_public_name_of_a_session_opens_nothing(served):
    client = served()
    name = Listener(client).state["session"]
    answer = client.get("/api/session", headers={"Authorization": f"Bearer {name}"})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"seconds": NaN}', 400),
        (b"\xff\xfe", 400),
        (b"[" * 60_000, 400),
        (b"[]", 422),
        (b'{"trial": 1}', 422),
        (b'{"x": "' + b"y" * 200_000 + b'"}', 413),
    ],
    ids=["empty", "cut", "nan", "bytes", "deep", "list", "wrong", "huge"],
)
def test_a_malformed_or_huge_body_gets_its_status(served, body, status):
    listener = Listener(served(n_training=0))
    for step in (0, 1):
        listener.put(step, {})
    answer = listener.client.put("/api/session/steps/2", content=body, headers=listener.headers)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert listener.put(2, listener.content(2)).status_code == 200  # nothing is spoilt


def test_a_full_disk_is_told_and_nothing_is_confirmed(served, tmp_path, monkeypatch):
    listener = Listener(served(n_training=0))

    def full(*_, **__):
        raise StorageFullError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(AnswerStore, "record_step", full)
        assert listener.put(0, {}).status_code == 507
    assert listener.put(0, {}).json()["position"] == 1


@pytest.mark.parametrize(
    "path",
    [
        "/audio/../test.json",
        "/audio/..%2ftest.json",
        "/audio/test.json",
        "/page/../answers.py",
        "/page/..%2fanswers.py",
        "/page/%2e%2e/%2e%2e/pyproject.toml",
        "/test.json",
        "/ratings.sqlite",
        "/stimuli/",
    ],
)
def test_no_path_leads_out_of_what_is_served(served, path):
    assert served().get(path).status_code == 404


def test_every_answer_carries_the_security_headers(served):
    client = served()
    for path in ("/", "/admin", "/page/main.js", "/nowhere", "/api/session"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_the_page_asks_nobody_else():
    for path in PAGE.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//[a-z]+\.[a-z]", text), path.name
        assert len(text.splitlines()) <= 700, path.name


def test_the_screening_lets_pass_after_one_retry_and_keeps_its_key(served):
    client = served(with_screening=True, n_training=0)
    listener = Listener(client)
    assert "answer" not in json.dumps(listener.state["test"]["screening"])
    for step in (0, 1):
        listener.put(step, {})
    assert listener.put(2, {"choices": [0, 0]}).json()["position"] == 3
    passed = listener.put(3, {"choices": [1, 0]}).json()
    assert (passed["screening"], passed["position"]) == ("passed", 4)


def test_failing_the_screening_twice_ends_the_session(served):
    listener = Listener(served(with_screening=True, n_training=0))
    for step, content in enumerate([{}, {}, {"choices": [2, 2]}, {"choices": [2, 2]}]):
        state = listener.put(step, content).json()
    assert state["screening"] == "failed"
    refused = listener.put(4, listener.content(4))
    assert refused.status_code == 409
    assert "headphone" in refused.json()["error"]


def test_the_admin_page_wants_its_token(served):
    client = served()
    Listener(client).finish()
    assert client.get("/admin").status_code == 200
    assert not [name for name in NAMES[:4] if name in client.get("/admin").text]
    for path in ("/admin/api/overview", "/admin/api/ratings.csv"):
        assert client.get(path).status_code == 401
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert client.get(path, headers=headers).status_code == 200


def test_wrong_admin_tokens_run_out(served):
    client = served()
    headers = {"Authorization": "Bearer guess"}
    statuses = {client.get("/admin/api/overview", headers=headers).status_code for _ in range(25)}
    assert statuses == {401, 429}


def test_the_admin_sees_progress_and_scores(served):
    client = served(n_trials=2)
    Listener(client).finish()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    overview = client.get("/admin/api/overview", headers=headers).json()
    assert [item["listeners"] for item in overview["items"]] == [1, 1]
    assert overview["listeners"][0]["trials_done"] == overview["listeners"][0]["trials"] == 2
    assert {c["condition"]: c["n"] for c in overview["conditions"]} == dict.fromkeys(
        ("reference", "codec_x@3", "codec_y@6", "anchor35"), 2
    )
    rows = client.get("/admin/api/ratings.csv", headers=headers).text.splitlines()
    assert len(rows) == 1 + 2 * 4
    assert rows[0].startswith("test,session,listener,trial,item")


def test_a_rate_is_refused_above_its_allowance_and_recovers():
    now = 0.0
    limit = RateLimit(Allowance(per_second=1, burst=2), clock=lambda: now)
    assert [limit.admits("10.0.0.1") for _ in range(3)] == [True, True, False]
    assert limit.admits("10.0.0.2")
    now = 1.0
    assert [limit.admits("10.0.0.1") for _ in range(2)] == [True, False]


def test_an_ipv6_network_counts_as_one_address():
    limit = RateLimit(Allowance(per_second=0, burst=1))
    assert limit.admits("2001:db8::1")
    assert not limit.admits("2001:db8::2")
    assert limit.admits("2001:db8:0:1::1")


@pytest.mark.parametrize(("address", "statuses"), [("10.0.0.1", {200, 429}), ("127.0.0.1", {200})])
def test_other_machines_are_limited_and_this_one_is_not(served, address, statuses):
    limited = RateLimits(served().app, files=Allowance(per_second=0, burst=3))
    client = TestClient(limited, client=(address, 5000))
    assert {client.get("/").status_code for _ in range(5)} == statuses


def test_a_changed_sound_is_noticed_before_anybody_hears_it(small_listening_test, tmp_path):
    test = small_listening_test()
    path = tmp_path / test.trials[0].stimuli[0].file
    path.write_bytes(path.read_bytes()[:-3] + b"abc")
    with pytest.raises(ListeningTestError, match="build the test again"):
        build_app(tmp_path, admin_token=TOKEN)


@pytest.mark.parametrize("what", ["no test", "missing sound", "port in use"])
def test_serve_says_what_is_wrong(small_listening_test, tmp_path, what):
    test = small_listening_test()
    arguments = [str(tmp_path), "--port", "0"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        if what == "no test":
            (tmp_path / "test.json").unlink()
            said = "is no listening test"
        elif what == "missing sound":
            (tmp_path / test.trials[0].stimuli[0].file).unlink()
            said = "cannot be read"
        else:
            arguments[-1] = str(taken.getsockname()[1])
            said = "is in use; choose another with --port"
        ended = CliRunner().invoke(serve, arguments)
    assert ended.exit_code == 2
    assert said in ended.output


def test_a_sound_outside_of_the_folder_is_refused(small_listening_test, tmp_path):
    test = small_listening_test()
    text = (tmp_path / "test.json").read_text(encoding="utf-8")
    file = test.trials[0].stimuli[0].file
    (tmp_path / "test.json").write_text(text.replace(file, "../secret.wav"), encoding="utf-8")
    with pytest.raises(ListeningTestError, match="outside of the test folder"):
        build_app(tmp_path, admin_token=TOKEN)


def test_listeners_share_the_blocks_evenly(small_listening_test, tmp_path):
    from dataclasses import replace

    test = small_listening_test(n_trials=2)
    blocks = tuple((trial.id,) for trial in test.trials)
    write_test(replace(test, assignment=blocks), tmp_path)
    with TestClient(build_app(tmp_path, admin_token=TOKEN)) as client:
        seen = [
            step["trial"]
            for _ in range(6)
            for step in Listener(client).state["steps"]
            if step["kind"] == "trial"
        ]
    assert sorted(seen) == ["q0"] * 3 + ["q1"] * 3
