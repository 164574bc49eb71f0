"""The report in Chromium: opened from disk, without a network, as a reader would use it."""

from __future__ import annotations

import runpy
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from bench.cli import main
from reports.page import CONTENTS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-quic",
    "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip
SYNTHETIC = runpy.run_path(str(Path(__file__).parent / "benchmarks" / "synthetic_runs.py"))
SECTIONS = [anchor for anchor, _ in CONTENTS]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same run as a page with audio beside it, and as one that holds everything."""
    folder = tmp_path_factory.mktemp("report")
    SYNTHETIC["write_synthetic_run"](
        folder / "run", n_codecs=2, n_bitrates=2, n_items=6, losses=(0.0, 5.0), failed_share=0.0,
        with_audio=True, with_profiles=True,
    )  # fmt: skip
    written = {}
    for name, options in (("beside", []), ("inside", ["--self-contained"])):
        written[name] = folder / f"{name}.html"
        arguments = ["report", str(folder / "run"), "-o", str(written[name]), *options]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
    return written


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complains of; a test that opens a page ends with none."""
    return []


def opened(browser: Browser, path: Path, complaints: list[str], **options: Any) -> Page:
    page = browser.new_page(**options)
    page.on("console", lambda m: complaints.append(m.text) if m.type != "log" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda r: None if r.url.startswith(("file:", "data:")) else complaints.append(r.url),
    )
    page.goto(path.as_uri())
    return page


def test_it_opens_from_disk_with_every_section_and_no_complaint(
    browser: Browser, pages: dict[str, Path], complaints: list[str]
) -> None:
    page = opened(browser, pages["beside"], complaints)
    assert page.locator("main > section > h2:visible").count() == len(SECTIONS)
    assert [section.get_attribute("id") for section in page.locator("main > section").all()] == (
        SECTIONS
    )
    for anchor in SECTIONS:
        page.click(f".contents a[href='#{anchor}']")
    assert page.locator(".canvas svg").count() > 20
    page.close()
    assert complaints == []


def test_a_click_on_a_heading_sorts_the_table(
    browser: Browser, pages: dict[str, Path], complaints: list[str]
) -> None:
    page = opened(browser, pages["beside"], complaints)
    table = page.locator("#table table")
    heading = table.locator("thead th", has_text="si_sdr")
    column = heading.evaluate("heading => heading.cellIndex")

    def shown() -> list[float]:
        rows = table.locator("tbody tr").all()
        values = [
            row.evaluate("(row, column) => row.cells[column].dataset.value", column) for row in rows
        ]
        return [float(value) for value in values]

    before = shown()
    heading.locator("button").click()
    assert shown() == sorted(before, reverse=True) != before
    heading.locator("button").press("Enter")
    assert shown() == sorted(before)
    assert heading.get_attribute("aria-sort") == "ascending"
    page.close()
    assert complaints == []


def test_the_theme_toggles(browser: Browser, pages: dict[str, Path], complaints: list[str]) -> None:
    page = opened(browser, pages["beside"], complaints, color_scheme="light")
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.click("#theme")
    assert page.evaluate(colour) != light
    page.click("#theme")
    assert page.evaluate(colour) == light
    page.close()
    assert complaints == []


@pytest.mark.parametrize("kind", ["beside", "inside"])
def test_a_player_plays_and_switches_without_losing_its_place(
    browser: Browser,
    pages: dict[str, Path],
    complaints: list[str],
    until: Callable[..., None],
    kind: str,
) -> None:
    page = opened(browser, pages[kind], complaints)
    page.evaluate(LISTEN)
    player = page.locator("#listen-0")
    player.locator("[data-action=play]").click()
    until(page, "voices.length > 0")
    assert player.get_attribute("data-state") == "playing"
    player.locator(".versions button").nth(2).click()
    until(page, "voices.length > 1")
    assert player.get_attribute("data-version") == "2"
    player.locator("[data-side=A]").click()
    assert player.get_attribute("data-version") == "0"
    first, second = page.evaluate("voices")
    apart = (second["when"] - first["when"]) - (second["offset"] - first["offset"])
    phase = (apart * first["rate"]) % (first["duration"] * first["rate"])
    assert min(phase, first["duration"] * first["rate"] - phase) < 0.01  # of a sample
    player.locator("[data-action=play]").click()
    assert player.get_attribute("data-state") == "paused"
    page.close()
    assert complaints == []


LISTEN = """() => {
  window.voices = [];
  const start = AudioBufferSourceNode.prototype.start;
  AudioBufferSourceNode.prototype.start = function (when, offset) {
    voices.push({ when, offset, duration: this.buffer.duration, rate: this.context.sampleRate });
    return start.call(this, when, offset);
  };
}"""


def test_a_blind_comparison_counts_right_answers_and_hides_names(
    browser: Browser, pages: dict[str, Path], complaints: list[str]
) -> None:
    page = opened(browser, pages["inside"], complaints)
    player = page.locator("#listen-0")
    player.locator("[data-action=abx]").click()
    assert not player.locator(".versions").is_visible()
    for _ in range(3):
        player.locator("[data-guess=A]").click()
    told = player.locator("[role=status]").inner_text()
    right = int(told.split(" of 3 right")[0])
    chance = {0: "1.000", 1: "0.875", 2: "0.500", 3: "0.125"}[right]
    assert f"p = {chance} by guessing" in told
    page.close()
    assert complaints == []


def test_a_metric_is_chosen_in_all_sections_at_once(
    browser: Browser, pages: dict[str, Path], complaints: list[str]
) -> None:
    page = opened(browser, pages["beside"], complaints)
    page.locator("#differences .tabs button", has_text="mel_dac").click()
    for anchor in ("differences", "items", "categories"):
        visible = page.locator(f"#{anchor} .panel:visible")
        assert [panel.get_attribute("data-metric") for panel in visible.all()] == ["mel_dac"]
    page.close()
    assert complaints == []


@pytest.mark.parametrize(
    ("button", "expected"),
    [
        ("[data-download='means.csv']", "condition,codec,bitrate,loss,category,metric"),
        ("[data-download='scores.csv']", "condition,codec,bitrate,loss,item,category"),
        ("[data-download='means.json']", '"metric": "visqol_audio"'),
        ("[data-download='means.tex']", r"\toprule"),
        ("[data-download='means.md']", "| --- |"),
        ("#rate-quality .save >> nth=0", 'xmlns="http://www.w3.org/2000/svg"'),
    ],
)
def test_numbers_and_figures_can_be_saved(
    browser: Browser, pages: dict[str, Path], complaints: list[str], button: str, expected: str
) -> None:
    page = opened(browser, pages["beside"], complaints)
    with page.expect_download() as download:
        page.click(button)
    assert expected in Path(download.value.path()).read_text(encoding="utf-8")
    page.close()
    assert complaints == []


def test_it_shows_all_figures_and_players_without_javascript(
    browser: Browser, pages: dict[str, Path], complaints: list[str]
) -> None:
    page = opened(browser, pages["beside"], complaints, java_script_enabled=False)
    assert page.locator("#differences .panel:visible").count() == 5
    assert page.locator("#listen-0 audio:visible").count() == 5
    page.close()
    assert complaints == []


def test_print_is_dark_on_white_and_shows_every_metric(
    browser: Browser, pages: dict[str, Path], complaints: list[str]
) -> None:
    page = opened(browser, pages["beside"], complaints, color_scheme="dark")
    page.emulate_media(media="print")
    colours = page.evaluate(
        "['color', 'backgroundColor'].map(key => getComputedStyle(document.body)[key])"
    )
    assert colours == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    assert page.locator("#differences .panel:visible").count() == 5
    page.close()
    assert complaints == []


def test_a_narrow_screen_does_not_scroll_sideways(
    browser: Browser, pages: dict[str, Path], complaints: list[str]
) -> None:
    page = opened(browser, pages["beside"], complaints, viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()
    assert complaints == []
