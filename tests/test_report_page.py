"""The report as a file: what it holds, what it refuses, and that nothing in it can harm."""

from __future__ import annotations

import json
import re
import runpy
import sqlite3
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bench.cli import main
from bench.conditions import Condition
from bench.corpus import Item, Source
from bench.store import Coding, Measure, Score, Store
from reports.page import CONTENTS

SYNTHETIC = runpy.run_path(str(Path(__file__).parent / "benchmarks" / "synthetic_runs.py"))
HOSTILE = (
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "line\nbreak",
    "x" * 300,
    "\u202egnp.exe",
    "\"'><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}",
    "</script><script>alert(2)</script>",
    "מטאנוסטראפה",
)


def synthetic(folder: Path, **options: object) -> Path:
    SYNTHETIC["write_synthetic_run"](folder, **options)
    return folder


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["report", *map(str, arguments)])


def write(page: Path, *arguments: object) -> str:
    result = invoke(*arguments, "-o", page)
    assert result.exit_code == 0, result.output
    return page.read_text(encoding="utf-8")


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the text outside of scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._raw = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._raw = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._raw = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._raw else data


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic(
        tmp_path_factory.mktemp("report") / "small", n_codecs=3, n_bitrates=2, n_items=8,
        losses=(0.0, 5.0), with_profiles=True,
    )  # fmt: skip


def test_every_section_is_there_whatever_the_run_lacks(small_run: Path, tmp_path: Path) -> None:
    page = Elements(write(tmp_path / "r.html", small_run))
    sections = [a["id"] for tag, a in page.found if tag == "section" and "id" in a]
    assert sections == [anchor for anchor, _ in CONTENTS]


def test_nothing_is_fetched_and_a_policy_forbids_it(small_run: Path, tmp_path: Path) -> None:
    html = write(tmp_path / "r.html", small_run)
    elements = Elements(html).found
    assert not [a for tag, a in elements if tag in ("link", "iframe", "object", "embed", "base")]
    addresses = [
        value or ""
        for _, attributes in elements
        for key, value in attributes.items()
        if key in ("src", "href", "action", "data-script", "poster")
    ]
    assert not [a for a in addresses if not a.startswith(("#", "data:", "r_audio/"))]
    policy = next(
        a["content"] for _, a in elements if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert not [a for _, a in elements if any(key.startswith("on") or key == "style" for key in a)]


def test_means_stand_with_interval_counts_and_arrows(small_run: Path, tmp_path: Path) -> None:
    html = write(tmp_path / "r.html", small_run)
    table = html[html.index('id="table"') : html.index('id="rate-quality"')]
    assert table.count("<tr") == 7
    assert "↑" in table
    assert "↓" in table
    assert re.search(r"\d\.\d+<span class=\"ci\"> ±", table)


def test_loss_profiles_and_costs_are_drawn(small_run: Path, tmp_path: Path) -> None:
    html = write(tmp_path / "r.html", small_run)
    for title in (
        "visqol_audio [MOS] under packet loss",
        "visqol_audio [MOS] against parameters",
        "visqol_audio [MOS] against streaming speed",
        "visqol_audio [MOS] against algorithmic latency",
    ):
        assert title in html


def test_hostile_names_are_shown_and_stay_text(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    measure = Measure("<b>metric</b>", "1", "<i>", "higher")
    with Store(run, create=True) as store:
        items = [
            Item(Source(name, Path(name), f"<u>{name}", name), "0" * 64, 16_000, 1, 16_000)
            for name in HOSTILE
        ]
        conditions = [
            Condition(codec=name, bitrate=6000 + index, codec_version="1", options={name: name})
            for index, name in enumerate(HOSTILE)
        ]
        store.put_items(items)
        store.put_conditions(conditions)
        store.put_measures([measure])
        store.set_meta("configuration", {"corpus": HOSTILE[0]})
        for index, condition in enumerate(conditions):
            store.put_results(
                [Coding(condition.id, item.source.id, "k", "ok") for item in items],
                [
                    Score(condition.id, item.source.id, measure.name, "k:1", 1.0 + index, "ok")
                    for item in items[1:]
                ]
                + [
                    Score(
                        condition.id, items[0].source.id, measure.name, "k:1", None, "failed",
                        HOSTILE[7],
                    )
                ],
            )  # fmt: skip
    html = write(tmp_path / "r.html", run)
    page = Elements(html)
    assert [tag for tag, _ in page.found].count("script") == 2
    assert not {"b", "i", "u", "img"} & {
        tag for tag, a in page.found if tag == "img" or "onerror" in a
    }
    assert "<script>alert" not in html
    assert "{{ 7 * 7 }}" in page.text
    assert "⟨U+202E⟩gnp.exe" in page.text
    assert "line⟨U+000A⟩break" in page.text
    assert "\u202e" not in page.text
    data = re.search(r'id="data">(.*?)</script>', html, re.DOTALL)
    assert data is not None
    assert [c[1] for c in json.loads(data[1])["conditions"]] == list(HOSTILE)


def test_several_runs_are_put_side_by_side(tmp_path: Path) -> None:
    first = synthetic(tmp_path / "before", n_codecs=1, n_bitrates=2, n_items=8)
    second = synthetic(tmp_path / "after", n_codecs=1, n_bitrates=2, n_items=8, quality_drop=0.5)
    html = write(tmp_path / "r.html", first, second)
    text = Elements(html).text
    assert "codec01 [before]@3" in text
    assert "codec01 [after]@3" in text
    assert "Near 3 kbit/s, codec01 [before]@3 leads in visqol_audio" in text


def test_other_versions_of_a_metric_are_never_mixed(tmp_path: Path) -> None:
    runs = [synthetic(tmp_path / n, n_codecs=1, n_bitrates=1, n_items=4) for n in ("a", "b")]
    with sqlite3.connect(runs[1] / "run.sqlite") as connection:
        connection.execute("UPDATE metrics SET version = '2' WHERE name = 'stoi'")
        connection.execute("UPDATE scores SET key = 'key:2' WHERE metric = 'stoi'")
    text = Elements(write(tmp_path / "r.html", *runs)).text
    assert "stoi (version 1)" in text
    assert "stoi (version 2)" in text


def test_a_listening_test_stands_beside_the_metrics(small_run: Path, tmp_path: Path) -> None:
    analysis = tmp_path / "analysis.json"
    rated = [
        {"condition": f"codec0{n}@3", "n": 11, "mean": 40.0 + 10 * n, "ci_low": 38.0 + 10 * n,
         "ci_high": 42.0 + 10 * n, "median": 41.0 + 10 * n, "iqr": 5.0}
        for n in (1, 2, 3)
    ]  # fmt: skip
    analysis.write_text(
        json.dumps(
            {
                "screening": {
                    "rule": "bs1534-3",
                    "excluded": [{"listener": "<b>L9", "reason": "rated the reference 20"}],
                },
                "conditions": rated,
                "comparisons": [
                    {"a": "codec01@3", "b": "codec02@3", "difference": -10.0, "ci_low": -12.0,
                     "ci_high": -8.0, "p": 0.001, "method": "paired t"}
                ],
                "letters": {"codec01@3": "a", "codec02@3": "a", "codec03@3": "b"},
                "warnings": ["only 11 listeners"],
            }
        )
    )  # fmt: skip
    html = write(tmp_path / "r.html", small_run, "--listening", analysis)
    text = Elements(html).text
    assert "68.0 to 72.0" in text
    assert "only 11 listeners" in text
    assert "Mean ratings" in text
    assert "Conditions that share a letter do not differ significantly." in text
    assert "<b>L9" in text
    assert "Opinion against visqol_audio [MOS]" in text
    assert "Over 3 conditions: Pearson" in text


def test_self_contained_pages_hold_their_audio_and_others_lie_beside_it(tmp_path: Path) -> None:
    run = synthetic(
        tmp_path / "run", n_codecs=1, n_bitrates=2, n_items=3, with_audio=True, failed_share=0.0
    )
    inside = write(tmp_path / "inside.html", run, "--self-contained", "--items", 2)
    assert inside.count('src="data:audio/flac;base64,') == 6
    assert not (tmp_path / "inside_audio").exists()
    beside = Elements(write(tmp_path / "sub" / "beside.html", run, "--items", 2))
    placed = [a["src"] for tag, a in beside.found if tag == "audio"]
    assert len(placed) == 6
    for address in placed:
        assert address is not None
        content = (tmp_path / "sub" / address.replace("%25", "%")).read_bytes()
        assert content.startswith(b"fLaC")
    again = write(tmp_path / "sub" / "beside.html", run, "--items", 1)
    assert again.count("<audio") == 3
    assert len(list((tmp_path / "sub" / "beside_audio").iterdir())) == 6


def test_files_of_the_run_below_the_page_are_linked_and_not_copied(tmp_path: Path) -> None:
    run = synthetic(
        tmp_path / "run", n_codecs=1, n_bitrates=1, n_items=2, with_audio=True, failed_share=0.0
    )
    html = write(run / "report.html", run, "--items", 1)
    assert 'src="audio/codec01%25403/item000' in html
    assert len(list((run / "report_audio").glob("*.flac"))) == 1  # the reference


def test_a_missing_audio_file_is_named_and_the_rest_stays(tmp_path: Path) -> None:
    run = synthetic(
        tmp_path / "run", n_codecs=1, n_bitrates=1, n_items=1, with_audio=True, failed_share=0.0
    )
    next((run / "audio").rglob("*.flac")).unlink()
    result = invoke(run, "-o", tmp_path / "r.html")
    assert result.exit_code == 0
    assert "item0001: the run folder lacks audio/" in result.output
    assert "the run folder lacks" in (tmp_path / "r.html").read_text()


def test_a_half_finished_run_says_so(tmp_path: Path) -> None:
    run = synthetic(tmp_path / "run", n_codecs=1, n_bitrates=2, n_items=4, failed_share=0.0)
    with sqlite3.connect(run / "run.sqlite") as connection:
        connection.execute("DELETE FROM scores WHERE condition = 'codec01@6' AND item = 'item0002'")
    result = invoke(run, "-o", tmp_path / "r.html")
    assert result.exit_code == 0
    assert "8 planned values are not there yet" in result.output
    assert "This run is not finished." in (tmp_path / "r.html").read_text()


def test_unsupported_conditions_are_failures_and_no_scores(tmp_path: Path) -> None:
    run = synthetic(tmp_path / "run", n_codecs=1, n_bitrates=1, n_items=2)
    with Store(run) as store:
        store.put_conditions(
            [Condition(codec="other", bitrate=1000, codec_version="1", status="unsupported",
                       message="other offers 6 kbit/s.")]
        )  # fmt: skip
    text = Elements(write(tmp_path / "r.html", run)).text
    assert "other offers 6 kbit/s." in text
    assert "unsupported" in text


def empty(folder: Path) -> None:
    folder.mkdir()
    with Store(folder, create=True):
        pass


def without_values(folder: Path) -> None:
    synthetic(folder, n_codecs=1, n_bitrates=1, n_items=2)
    with sqlite3.connect(folder / "run.sqlite") as connection:
        connection.execute("DELETE FROM scores")


def of_another_schema(folder: Path) -> None:
    synthetic(folder, n_codecs=1, n_bitrates=1, n_items=1)
    with sqlite3.connect(folder / "run.sqlite") as connection:
        connection.execute("UPDATE meta SET value = '0' WHERE key = 'schema_version'")


@pytest.mark.parametrize(
    ("make", "status", "message"),
    [
        (empty, 3, "run: no value was measured"),
        (without_values, 3, "not done yet"),
        (of_another_schema, 2, "has schema version 0; this codecbench reads"),
        (Path.mkdir, 2, "is no run"),
    ],
)
def test_a_run_without_results_is_refused(
    tmp_path: Path, make: Callable[[Path], None], status: int, message: str
) -> None:
    make(tmp_path / "run")
    result = invoke(tmp_path / "run", "-o", tmp_path / "r.html")
    assert result.exit_code == status, result.output
    assert message in result.output
    assert not (tmp_path / "r.html").exists()


def test_a_page_that_cannot_be_written_is_wrong_usage(small_run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = invoke(small_run, "-o", tmp_path / "file" / "r.html")
    assert result.exit_code == 2
    assert "cannot be written: " in result.output


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no json", "cannot be read as JSON"),
        ("[]", "is no analysis of a listening test"),
        ('{"screening": {"rule": "none", "excluded": []}}', "KeyError: 'conditions'"),
    ],
)
def test_a_file_that_is_no_analysis_is_wrong_usage(
    small_run: Path, tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "analysis.json").write_text(content)
    result = invoke(small_run, "-o", tmp_path / "r.html", "--listening", tmp_path / "analysis.json")
    assert result.exit_code == 2
    assert message in result.output


def test_the_page_of_five_codecs_stays_below_a_megabyte(tmp_path: Path) -> None:
    run = synthetic(tmp_path / "run", with_profiles=True)
    assert len(write(tmp_path / "r.html", run).encode()) < 900_000


def test_our_script_stays_small() -> None:
    script = Path(__file__).parents[1] / "reports" / "static" / "report.js"
    assert 15_000 < script.stat().st_size < 30_000
