"""The page in Chromium: what a listener rates is what is stored, whatever happens in between."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import uvicorn

from mushra_web.serving.answers import AnswerStore
from mushra_web.serving.server import build_app

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed")

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip
PATIENCE = 60_000  # ms; a busy machine is slow, and no test waits that long when all is well


@pytest.fixture(scope="module")
def chromium():
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium):
    context = chromium.new_context(viewport={"width": 1200, "height": 800})
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def address(small_listening_test, tmp_path):
    """Serves a small test from a thread; returns its address."""
    stops = []

    def make(**options):
        small_listening_test(**options)
        app = build_app(tmp_path, admin_token="token")
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
        listener = socket.create_server(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        stops.append((server, thread, listener))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield make
    for server, thread, listener in stops:
        server.should_exit = True
        server.force_exit = True
        thread.join()
        listener.close()


def opened(context, address, *, at="trial"):
    """A page with the session begun, on the first trial."""
    page = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(f"{address}/?PROLIFIC_PID=p1")
    page.get_by_role("button", name="Start").click()
    page.locator(".volume button").click()
    page.get_by_role("button", name="Continue").click()
    page.wait_for_selector(f".{at}")
    return page


def heard(page, index):
    page.wait_for_selector(f".rating:nth-child({index + 1}) .sound.heard")


def rate_by_keys(page, scores):
    """Hear and rate everything; returns the scores by stimulus."""
    page.keyboard.press("r")
    page.wait_for_selector(".reference .sound.heard")
    rated = {}
    for index, score in enumerate(scores):
        page.keyboard.press(str(index + 1))
        page.keyboard.press("End" if score > 50 else "Home")
        for _ in range(abs((100 if score > 50 else 0) - score)):
            page.keyboard.press("ArrowDown" if score > 50 else "ArrowUp")
        heard(page, index)
        rated[page.locator(".rating").nth(index).get_attribute("data-stimulus")] = score
    return rated


def next_trial(page, number):
    page.keyboard.press("Enter")
    page.wait_for_selector(f".trial h2:has-text('Recording {number} ')")


def stored(folder):
    with AnswerStore(folder) as store:
        return {answer.stimulus: answer.score for answer in store.answers()}


def finished(page):
    page.wait_for_selector("#completion")
    assert page.errors == []
    return page.locator("#completion").inner_text()


def test_a_session_by_keyboard_is_stored_as_it_was_rated(context, address, tmp_path):
    page = opened(context, address(n_trials=2))
    rate_by_keys(page, (100, 1, 2, 3))
    next_trial(page, 1)
    rated = rate_by_keys(page, (100, 4, 51, 97))
    next_trial(page, 2)
    rated |= rate_by_keys(page, (0, 2, 100, 99))
    page.keyboard.press("Enter")
    page.wait_for_selector(".questionnaire")
    page.keyboard.type("33")
    page.keyboard.press("Tab")
    page.keyboard.type("closed")
    page.keyboard.press("Tab")
    page.keyboard.type('R&B 50% + "noise" <i>')
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert finished(page) == "C0DE"
    assert stored(tmp_path) == rated
    assert len(rated) == 8
    with AnswerStore(tmp_path) as store:
        (session,) = store.sessions()
    assert session.questionnaire == {
        "age": 33.0,
        "headphones": "closed",
        "comment": 'R&B 50% + "noise" <i>',
    }
    assert session.participant == {"PROLIFIC_PID": "p1"}


def test_a_session_by_mouse_is_stored_as_it_was_shown(context, address, tmp_path):
    page = opened(context, address(n_trials=1, n_training=0, with_questions=False))
    page.locator(".reference .sound").click()
    page.wait_for_selector(".reference .sound.heard")
    rated = {}
    for index, share in enumerate((0.2, 0.5, 0.73, 0.999)):
        rating = page.locator(".rating").nth(index)
        rating.locator(".sound").click()
        track = rating.locator(".slider-track")
        box = track.bounding_box()
        track.click(position={"x": box["width"] / 2, "y": box["height"] * (1 - share)})
        shown = int(rating.locator("output").inner_text())
        assert shown == pytest.approx(100 * share, abs=1)
        rated[rating.get_attribute("data-stimulus")] = shown
        heard(page, index)
    page.get_by_role("button", name="Next").click()
    if max(rated.values()) < 100:
        page.get_by_role("button", name="Continue anyway").click()
    finished(page)
    assert stored(tmp_path) == rated


def test_only_the_heard_sound_can_be_rated_and_nothing_is_skipped(context, address, tmp_path):
    page = opened(context, address(n_trials=1, n_training=0, with_questions=False))
    page.keyboard.press("1")
    page.locator(".rating").nth(2).locator(".slider-track").click()
    page.wait_for_selector(".remark:has-text('Play sound 3 first')")
    assert page.locator(".rating output").all_inner_texts() == ["–"] * 4  # noqa: RUF001 as shown
    page.keyboard.press("Enter")
    page.wait_for_selector(".remark:has-text('Listen to')")
    rate_by_keys(page, (10, 20, 30, 40))
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog:has-text('should get 100')")
    assert stored(tmp_path) == {}
    page.keyboard.press("Escape")
    assert page.locator(".trial").count() == 1


def test_handles_of_the_loop_stay_half_a_second_apart(context, address):
    page = opened(context, address(n_trials=1, n_training=0, duration=1.5))
    box = page.locator(".waveform").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.9 * box["width"], middle, steps=3)
    page.mouse.up()
    start, end = page.locator(".waveform-handle").all()
    assert float(start.get_attribute("aria-valuenow")) == pytest.approx(1.0, abs=0.01)
    end.press("ArrowLeft")
    assert float(end.get_attribute("aria-valuenow")) == pytest.approx(1.5, abs=0.01)
    start.press("ArrowLeft")
    end.press("ArrowLeft")
    assert float(end.get_attribute("aria-valuenow")) == pytest.approx(1.45, abs=0.01)


@pytest.mark.parametrize(
    ("method", "keys", "scores"),
    [
        ("bs1116", ["1", "End", "2", "Home"], [5.0, 1.0]),
        ("ab", ["1", "2", "ArrowDown"], [1.0, 0.0]),
        ("abx", ["1", "2", "3", "ArrowDown", "ArrowDown"], [0.0, 1.0]),
        ("acr", ["1", "ArrowDown"], [5.0]),
        ("dcr", ["r", "1", "ArrowDown", "ArrowDown"], [4.0]),
        ("ccr", ["1", "2", "ArrowUp"], [3.0, -3.0]),
    ],
)
def test_the_other_methods_are_rated_by_keyboard(
    context, address, tmp_path, until, method, keys, scores
):
    page = opened(context, address(method=method, n_trials=1, n_training=0, with_questions=False))
    sounds = page.locator(".trial .sound")
    if method == "bs1116":
        page.keyboard.press("r")
        page.wait_for_selector(".reference .sound.heard")
    n_heard = sounds.and_(page.locator(".heard")).count()
    for key in keys:
        page.keyboard.press(key)
        if key in "123r":
            n_heard += 1
            until(
                page, "n => document.querySelectorAll('.trial .sound.heard').length >= n", n_heard
            )
    page.keyboard.press("Enter")
    finished(page)
    with AnswerStore(tmp_path) as store:
        answers = sorted(store.answers(), key=lambda answer: answer.position)
    assert [answer.score for answer in answers][: len(scores)] == scores
    assert len(answers) == len(scores) + (method == "abx")


def test_a_reload_goes_on_where_the_listener_was(context, address, tmp_path):
    page = opened(context, address(n_trials=2, n_training=0, with_questions=False))
    rated = rate_by_keys(page, (100, 1, 2, 3))
    next_trial(page, 2)
    page.keyboard.press("1")
    page.keyboard.press("Home")
    heard(page, 0)
    page.reload()
    page.wait_for_selector(".trial h2:has-text('Recording 2 ')")
    assert page.locator(".rating output").first.inner_text() == "0"
    rated |= rate_by_keys(page, (0, 100, 4, 5))
    page.keyboard.press("Enter")
    finished(page)
    assert stored(tmp_path) == rated


def test_a_listener_offline_goes_on_and_loses_nothing(context, address, tmp_path):
    page = opened(context, address(n_trials=2, n_training=0, with_questions=False))
    rated = rate_by_keys(page, (100, 1, 2, 3))
    page.wait_for_load_state("networkidle")  # the sounds of the next trial are here
    context.set_offline(True)
    next_trial(page, 2)
    page.wait_for_selector("#saving.waiting")
    rated |= rate_by_keys(page, (4, 100, 5, 6))
    page.keyboard.press("Enter")
    assert stored(tmp_path) == {}
    context.set_offline(False)
    finished(page)
    assert stored(tmp_path) == rated


def test_a_second_tab_is_told_and_cannot_answer_twice(context, address, tmp_path):
    url = address(n_trials=2, n_training=0, with_questions=False)
    first = opened(context, url)
    second = context.new_page()
    second.goto(url)
    second.wait_for_selector(".trial h2:has-text('Recording 1 ')")
    first.bring_to_front()
    rated = rate_by_keys(first, (100, 1, 2, 3))
    next_trial(first, 2)
    second.wait_for_selector("text=goes on in another tab")
    second.bring_to_front()
    second.get_by_role("button", name="Continue here").click()
    second.wait_for_selector(".trial h2:has-text('Recording 2 ')")
    rated |= rate_by_keys(second, (100, 7, 8, 9))
    second.keyboard.press("Enter")
    second.wait_for_selector("#completion")
    first.wait_for_selector("text=goes on in another tab")
    assert stored(tmp_path) == rated


def served(folder, port):
    """``bench mushra serve`` in a process of its own, ready to answer."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from bench.cli import main; main()", "mushra", "serve",
         str(folder), "--port", str(port)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    line = process.stdout.readline()
    return process, int(re.search(r":(\d+)/$", line.strip()).group(1))


def test_a_killed_server_costs_no_rating(context, small_listening_test, tmp_path):
    small_listening_test(n_trials=2, n_training=0, with_questions=False)
    process, port = served(tmp_path, 0)
    try:
        page = opened(context, f"http://127.0.0.1:{port}")
        rated = rate_by_keys(page, (100, 1, 2, 3))
        page.wait_for_load_state("networkidle")
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        next_trial(page, 2)
        page.wait_for_selector("#saving.waiting")
        process, _ = served(tmp_path, port)
        page.wait_for_selector("#saving.saved")
        assert stored(tmp_path) == rated
        rated |= rate_by_keys(page, (100, 4, 5, 6))
        page.keyboard.press("Enter")
        finished(page)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert stored(tmp_path) == rated


def test_nothing_but_ids_reaches_the_browser(context, address):
    page = context.new_page()
    seen = []
    page.on("request", lambda request: seen.append(request.url))
    url = address(n_trials=1, n_training=0)
    page.goto(url)
    page.get_by_role("button", name="Start").click()
    page.locator(".volume button").click()
    page.get_by_role("button", name="Continue").click()
    page.wait_for_selector(".trial")
    assert all(request.startswith((url, "data:")) for request in seen)
    words = ("codec_", "anchor", "item_", "stimuli", ".wav")
    assert not [word for word in words for request in seen if word in request]
    markup = page.locator(".rating-columns").inner_html().lower()
    assert not [word for word in (*words[:3], "reference") if word in markup]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("delete window.HTMLDialogElement", "This browser lacks dialogs"),
        (
            "Object.defineProperty(BaseAudioContext.prototype, 'sampleRate', {value: 8000})",
            "It plays at 8000 Hz, and this test needs 16000 Hz",
        ),
    ],
    ids=["old browser", "headset in a call"],
)
def test_a_browser_or_device_that_will_not_do_is_told_why(context, address, script, said):
    page = context.new_page()
    page.add_init_script(script)
    page.goto(address(n_trials=1))
    page.wait_for_selector(f"text={said}")
    assert page.get_by_role("button", name="Start").count() == 0


def test_answers_can_be_taken_along_when_the_server_stays_away(context, address):
    page = opened(context, address(n_trials=1, n_training=0, with_questions=False))
    rated = rate_by_keys(page, (100, 1, 2, 3))
    context.set_offline(True)
    page.keyboard.press("Enter")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download answers").click()
    kept = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    (step,) = kept["steps"]
    assert {s["stimulus"]: s["score"] for s in step["content"]["scores"]} == rated


def test_the_admin_page_shows_scores_and_hides_its_token(context, address):
    url = address(method="acr", n_trials=1, n_training=0, with_questions=False)
    page = opened(context, url)
    page.keyboard.press("1")
    page.wait_for_selector(".choice-sounds .sound.heard")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    finished(page)
    page.goto(f"{url}/admin#token=token")
    page.wait_for_selector(".boxplot text:has-text('codec_x@3')")
    assert page.url == f"{url}/admin"
    assert page.locator("td:has-text('finished')").count() == 1
    with page.expect_download() as download:
        page.get_by_role("button", name="Download ratings").click()
    assert ",codec_x@3,5.0," in Path(download.value.path()).read_text(encoding="utf-8")
