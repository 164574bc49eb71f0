"""The commands results, analyze and simulate: files, exit codes, and what they say of bad input."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.cli import main
from bench.commands.terminal import EXIT_FAILED
from bench.conditions import Condition
from bench.corpus import Item, Source
from bench.store import Coding, Measure, Score, Store
from reports.listening import read_listening_test

WRONG_USAGE = 2
HEADER = "listener,item,condition,score\n"
LEVELS = {"reference": 96, "new": 70, "old": 60, "older": 50, "anchor35": 20}
TIDY = HEADER + "".join(
    f"l{listener},i{item},{condition},{score - 2 * listener + item}\n"
    for listener in range(3)
    for item in range(4)
    for condition, score in (
        ("reference", 96),
        ("new", 70),
        ("old", 60),
        ("older", 50),
        ("anchor35", 20),
    )
)


@pytest.fixture
def ratings(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text(TIDY)
    return path


def bench(*arguments):
    return CliRunner().invoke(main, ["mushra", *map(str, arguments)])


def test_results_are_tidy_csv_on_stdout(ratings):
    result = bench("results", ratings)
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert result.exit_code == 0
    assert len(rows) == 60
    assert {key: rows[0][key] for key in ("test", "session", "condition", "score", "method")} == {
        "test": "ratings", "session": "l0", "condition": "reference", "score": "96.0",
        "method": "mushra",
    }  # fmt: skip


@pytest.mark.parametrize("style", ["csv", "webmushra"])
def test_written_results_are_read_back_as_the_same_ratings(ratings, tmp_path, style):
    written = tmp_path / "again.csv"
    assert bench("results", ratings, "--format", style, "-o", written).exit_code == 0
    rows = [
        [(row["listener"], row["item"], row["condition"], row["score"]) for row in json.loads(text)]
        for text in (
            bench("results", path, "--format", "json").stdout for path in (ratings, written)
        )
    ]
    assert rows[0] == rows[1]


def test_an_analysis_is_what_the_report_reads(ratings, tmp_path):
    out = tmp_path / "analysis.json"
    assert bench("analyze", ratings, "-o", out).exit_code == 0
    read = read_listening_test(out)
    assert read.rule == "low-anchor"
    assert [rated.condition for rated in read.conditions][:2] == ["reference", "new"]
    assert {(d.a, d.b) for d in read.comparisons} >= {("new", "old"), ("reference", "anchor35")}


def test_a_report_has_figures_tables_and_the_summary(ratings, tmp_path):
    folder = tmp_path / "report"
    result = bench("analyze", ratings, "--report", folder, "--screening", "none")
    files = {str(path.relative_to(folder)) for path in folder.rglob("*.*")}
    figures = {"ratings", "means", "items", "listeners"}
    assert files == {"summary.txt", "tables.md", "tables.tex"} | {
        f"figures/{name}.{suffix}" for name in figures for suffix in ("svg", "pdf")
    }
    assert "new is better than old by 10.0 points" in result.stdout
    assert r"\toprule" in (folder / "tables.tex").read_text()


def test_the_whole_analysis_is_json_on_stdout(ratings):
    result = bench("analyze", ratings, "--format", "json")
    analysis = json.loads(result.stdout)
    assert analysis["schema_version"] == 1
    assert analysis["options"]["population"] == "listeners and items"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (HEADER, "no ratings"),
        (HEADER + "a,i,reference,99\na,i,new,50\n", "there is one listener (a)"),
        (HEADER + "a,i,reference,99\nb,i,reference,99\n", "there is one condition (reference)"),
        (HEADER + "a,i,new,50\nb,i,old,99\n", "this is no MUSHRA test"),
        (HEADER + "a,i,new,50\na,i,old,101\n", "line 3: score 101.0 of condition 'old'; 0 to 100"),
        (HEADER + "a,i,new,50\na,i,old,loud\n", "line 3: score is 'loud'"),
        (HEADER + "a,i,new,50\na,i,,60\n", "line 3: condition is empty"),
        (HEADER + "a,i,new,50\na,i,new,60\n", "line 3: session 'a' has the scores 50.0 and 60.0"),
        ("test," + HEADER + "t,a,i,new,50\nu,a,i,old,5\n", "line 3: test 'u' in ratings of test"),
        ("listener,item,score\na,i,5\n", "columns missing: condition"),
    ],
)
def test_bad_ratings_are_wrong_usage_with_the_row(tmp_path, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    result = bench("analyze", path)
    assert result.exit_code == WRONG_USAGE
    assert message in result.stderr


@pytest.fixture
def run(tmp_path):
    """A run with a metric of three systems on the items that were rated."""
    names = {"new": 3.0, "old": 2.0, "older": 1.0}
    conditions = [Condition(name, None, "1") for name in names]
    items = [Item(Source(f"i{n}", Path(f"/i{n}.wav"))) for n in range(4)]
    cells = [(c, item.source.id) for c in conditions for item in items]
    folder = tmp_path / "run"
    folder.mkdir()
    with Store(folder, create=True) as store:
        store.put_conditions(conditions)
        store.put_items(items)
        store.put_measures([Measure("quality", "1", "", "higher")])
        store.put_results(
            [Coding(c.id, item, "k", "ok") for c, item in cells],
            [Score(c.id, item, "quality", "k:1", names[c.codec], "ok") for c, item in cells],
        )
    return folder


def test_metrics_of_a_run_are_compared_with_the_scores(ratings, run):
    analysis = json.loads(bench("analyze", ratings, "--run", run, "--format", "json").stdout)
    found = {entry["level"]: entry for entry in analysis["agreement"]}
    assert (found["condition"]["n"], found["item"]["n"]) == (3, 12)
    assert found["condition"]["pearson"]["value"] == pytest.approx(1.0)
    assert found["item"]["spearman"]["value"] > 0.9


def test_published_means_are_compared_with_a_run(run, tmp_path):
    path = tmp_path / "means.csv"
    path.write_text("condition,mean\nnew,80\nold,70\nolder,20\n")
    (found,) = json.loads(bench("analyze", path, "--run", run, "--format", "json").stdout)
    assert found["spearman"]["value"] == pytest.approx(1.0)
    result = bench("analyze", path)
    assert result.exit_code == WRONG_USAGE
    assert "means without ratings" in result.stderr


def test_a_run_of_other_conditions_is_wrong_usage(tmp_path, run):
    path = tmp_path / "other.csv"
    path.write_text(TIDY.replace("new", "x").replace("old", "y"))
    result = bench("analyze", path, "--run", run)
    assert result.exit_code == WRONG_USAGE
    assert "the run has no value for any rated condition and item" in result.stderr


def test_a_folder_that_cannot_be_written_is_a_failure(ratings, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    result = bench("analyze", ratings, "--report", blocked / "report")
    assert result.exit_code == EXIT_FAILED
    assert "cannot be written" in result.stderr


@pytest.mark.parametrize("protocol", ["hilcodec", "bs1534-3"])
def test_a_protocol_goes_from_simulation_to_figures_without_the_careless(tmp_path, protocol):
    result = bench("simulate", "--protocol", protocol, "--careless", 2, "-o", tmp_path)
    analysis = json.loads((tmp_path / "analysis.json").read_text())
    excluded = [entry["listener"] for entry in analysis["screening"]["excluded"]]
    assert result.exit_code == 0
    assert analysis["screening"]["rule"] == {"hilcodec": "low-anchor"}.get(protocol, protocol)
    assert len(excluded) == 2
    assert all(name.startswith("careless") for name in excluded)
    assert analysis["n_listeners"] == 11
    assert (tmp_path / "figures" / "means.svg").is_file()
    assert json.loads((tmp_path / "model.json").read_text())["design"]["careless"] == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--means", "a=1"], "two systems or more"),
        (["--means", "a=1,b=many"], "NAME=NUMBER expected"),
        (["--means", "reference=1,b=2"], "not called reference"),
        (["--spread", "luck=1"], "for listener, item"),
        (["--listeners", "3", "--careless", "2"], "at least two items and two careful"),
    ],
)
def test_an_impossible_simulation_is_wrong_usage(tmp_path, options, message):
    result = bench("simulate", *options, "-o", tmp_path / "out")
    assert result.exit_code == WRONG_USAGE
    assert message in " ".join(result.stderr.split())
    assert not (tmp_path / "out").exists()
