"""Switching between stimuli as Chromium renders it, sample by sample.

ITU-R BS.1534-3, 5.3 asks for 5 ms out, 5 ms in, raised cosines, and no cross-fade. Measured in an
OfflineAudioContext, which runs the page's own module.
"""

from __future__ import annotations

import functools
import http.server
import threading
from pathlib import Path

import numpy as np
import pytest
import scipy.signal

from mushra_web.serving.server import PAGE

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed")

RENDER = """
async ({rate, seconds, signals, loop, offset, switches}) => {
  const {Playback} = await import("/playback.js");
  const context = new OfflineAudioContext(1, Math.round(seconds * rate), rate);
  const buffers = new Map(Object.entries(signals).map(([name, samples]) => {
    const buffer = context.createBuffer(1, samples.length, rate);
    buffer.getChannelData(0).set(samples);
    return [name, buffer];
  }));
  const playback = new Playback(context, buffers, {
    active: "a", at: 0, offset, loop, output: context.destination,
  });
  for (const [name, at] of switches) name ? playback.switchTo(name, at) : playback.stop(at);
  const rendered = await context.startRendering();
  return Array.from(rendered.getChannelData(0));
}
"""


class SilentHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def render():
    """Renders a run of the page's playback; returns samples, float64."""
    api = pytest.importorskip("playwright.sync_api")
    handler = functools.partial(SilentHandler, directory=str(PAGE))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/old_browser.js")

        def run(rate, seconds, signals, *, loop=None, offset=0, switches=()):
            signals = {name: [float(x) for x in samples] for name, samples in signals.items()}
            options = {"rate": rate, "seconds": seconds, "signals": signals, "loop": loop}
            options |= {"offset": offset, "switches": list(switches)}
            return np.asarray(page.evaluate(RENDER, options))

        yield run
        browser.close()
    server.shutdown()
    thread.join()
    server.server_close()


def milliseconds(n_samples, rate):
    return 1000 * n_samples / rate


@pytest.mark.parametrize("rate", [16_000, 24_000, 44_100, 48_000])
def test_a_switch_fades_out_and_then_in_for_5_ms_each(render, rate):
    steady = {"a": np.ones(rate // 2), "b": -np.ones(rate // 2)}  # the sign tells which is heard
    out = render(rate, 0.3, steady, switches=[("b", 0.1)])
    after = out[round(0.05 * rate) :]
    fade_out = np.count_nonzero((after > 1e-4) & (after < 1 - 1e-4))
    fade_in = np.count_nonzero((after < -1e-4) & (after > -1 + 1e-4))
    assert milliseconds(fade_out, rate) == pytest.approx(5, abs=0.3)
    assert milliseconds(fade_in, rate) == pytest.approx(5, abs=0.3)
    below_half = np.count_nonzero(np.abs(after) < 0.5)
    assert milliseconds(below_half, rate) == pytest.approx(5, abs=0.3)
    assert np.all(np.diff(after) <= 1e-6)  # down to silence, then down to -1: never both at once


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_the_fades_are_raised_cosines(render, rate):
    out = render(rate, 0.2, {"a": np.ones(rate), "b": np.zeros(rate)}, switches=[("b", 0.1)])
    start = np.flatnonzero(out[rate // 20 :] < 1 - 1e-7)[0] + rate // 20 - 1
    n = round(0.005 * rate)
    expected = 0.5 + 0.5 * np.cos(np.pi * np.arange(n + 1) / n)
    assert out[start : start + n + 1] == pytest.approx(expected, abs=0.02)


def click_level(out, rate, reach=8):
    """Level in dBFS of what is above ``reach`` kHz, which the tones are not."""
    filtered = scipy.signal.sosfilt(
        scipy.signal.butter(8, reach * 1000, "highpass", fs=rate, output="sos"), out
    )
    return 20 * np.log10(np.max(np.abs(filtered)) + 1e-12)


def test_switches_stops_and_loops_do_not_click(render):
    rate, n = 48_000, 48_000
    time = np.arange(n) / rate
    tones = {"a": np.sin(2 * np.pi * 300 * time), "b": np.sin(2 * np.pi * 470 * time + 1)}
    switches = [(name, 0.2 + 0.0137 * k) for k, name in enumerate("babababababa")] + [(None, 2.2)]
    loop = {"start": 4_001, "end": 29_003}
    out = render(rate, 2.5, tones, loop=loop, offset=5_000, switches=switches)
    assert click_level(out, rate) < -60
    assert np.max(np.abs(out)) > 0.9
    assert np.all(out[-rate // 10 :] == 0)


def test_an_abrupt_switch_would_be_noticed():
    time = np.arange(48_000) / 48_000
    tone = np.sin(2 * np.pi * 300 * time + 0.7)
    assert click_level(np.where(time < 0.5, tone, -tone), 48_000) > -60


def test_stimuli_do_not_drift_apart(render):
    """After 40 switches in 8 s of loops each sample is the one that is due, of the right signal."""
    rate, n = 16_000, 16_000
    rng = np.random.default_rng(5)
    signals = {name: rng.uniform(-0.5, 0.5, n).astype(np.float32) for name in "ab"}
    loop = {"start": 1_000, "end": 11_000}
    switches = [("ba"[k % 2], 0.2 * (k + 1)) for k in range(40)]
    out = render(rate, 8.3, signals, loop=loop, offset=1_000, switches=switches)
    for k, (name, at) in enumerate(switches):
        begin = round((at + 0.02) * rate)
        heard = np.arange(begin, round((at + 0.19) * rate))
        place = 1_000 + heard % 10_000
        inside = (place > 1_100) & (place < 10_900)  # clear of the fades of the loop
        assert out[heard[inside]] == pytest.approx(signals[name][place[inside]], abs=1e-6), k


def test_a_new_switch_waits_for_the_last_one(render):
    rate = 16_000
    steady = {"a": np.full(rate, 0.2), "b": np.full(rate, 0.5), "c": np.full(rate, 0.9)}
    out = render(rate, 0.3, steady, switches=[("b", 0.1), ("c", 0.103)])
    assert np.max(out) == pytest.approx(0.9, abs=1e-6)
    assert out[-1] == pytest.approx(0.9, abs=1e-6)
    assert np.max(np.abs(np.diff(out))) < 0.9 * np.pi / 2 / 80 * 1.1  # the slope of a fade, no jump
